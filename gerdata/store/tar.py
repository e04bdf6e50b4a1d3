"""Tars with stable bytes, written member by member, and read without ever being extracted.

Headers are one fixed form (ustar: mtime 0, uid and gid 0, no owner, mode 0444), so that a tar's bytes depend on its
members alone. Readers go by the offsets in the index; `walk` re-derives them for checking.
"""

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gerdata.errors import DatasetError

BLOCK = tarfile.BLOCKSIZE
_END = b"\0" * (2 * BLOCK)
_ZEROS = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a tar: its name, and where its bytes lie."""

    name: str
    offset: int
    length: int


def header_of(name: str, length: int) -> bytes:
    """The 512 bytes before a member, as `tarfile` makes them. Names are ASCII and short; longer ones are a mistake of ours."""
    told = name.encode("ascii")
    if len(told) >= 100 or b"/" in told or length >= 8**11:
        return _header_by_library(name, length)
    size = b"%011o" % length
    total = sum(told) + sum(size) + _TEMPLATE_SUM
    return told.ljust(100, b"\0") + _BEFORE_SIZE + size + _BEFORE_SUM + b"%06o" % total + _AFTER_SUM


def _header_by_library(name: str, length: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = length, 0o444, 0
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


# The header of an empty name and size in pieces: only name, size and sum differ from one member to the next.
_TEMPLATE = _header_by_library("", 0)
_BEFORE_SIZE, _BEFORE_SUM, _AFTER_SUM = _TEMPLATE[100:124], _TEMPLATE[135:148], _TEMPLATE[154:]
_TEMPLATE_SUM = int(_TEMPLATE[148:154], 8) - sum(_TEMPLATE[124:135])


class TarWriter:
    """Appends members to a file that is already open for writing, from `size` on."""

    def __init__(self, file: BinaryIO, size: int = 0) -> None:
        self._file = file
        self.size = size
        file.seek(size)

    def add(self, name: str, data: bytes) -> Member:
        """Append one member; returns where its bytes lie."""
        return self.add_all({name: data})[0]

    def add_all(self, named: Mapping[str, bytes]) -> list[Member]:
        """Append the members of one sample in one write; returns where their bytes lie."""
        members: list[Member] = []
        pieces: list[bytes] = []
        at = self.size
        for name, data in named.items():
            length = len(data)
            rest = -length % BLOCK
            at += BLOCK
            members.append(Member(name, at, length))
            pieces += (header_of(name, length), data, _ZEROS[:rest])
            at += length + rest
        self._file.write(b"".join(pieces))
        self.size = at
        return members


def finish(path: Path) -> None:
    """Write the end mark of a tar whose members are all there."""
    with path.open("ab") as file:
        file.write(_END)


def walk(path: Path, folders: bool = False) -> Iterator[Member]:
    """Every member of a tar, in order. `DatasetError` names what is not a plain file or cut short.

    With `folders`, entries of folders, which hold nothing, are passed over instead of refused.
    """
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if folders and info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    raise DatasetError(f"{path.name}: member {info.name!r} is not a plain file")
                if info.offset_data + info.size > size:
                    raise DatasetError(f"{path.name}: member {info.name!r} is cut short")
                yield Member(info.name, info.offset_data, info.size)
            end = tar.offset
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise DatasetError(f"{path.name}: not a tar that can be read ({error})") from None
    _check_end(path, end, size)


def _check_end(path: Path, end: int, size: int) -> None:
    """Nothing but zeros, and at least two blocks of them, where the members end: the library takes a damaged header, or a
    member with a size that is not its own, for the end of the tar."""
    with path.open("rb") as file:
        file.seek(max(0, end - BLOCK))  # the library may or may not have read the first block of the end mark
        zeros = 0
        while chunk := file.read(1 << 20):
            rest = chunk.rstrip(b"\0")
            zeros = len(chunk) - len(rest) + (0 if rest else zeros)
            after = file.tell() - len(chunk) + len(rest)
            if rest and after > end:
                raise DatasetError(
                    f"{path.name}: no header of a member at {end}; the tar is damaged there, or a size lies"
                )
    if zeros < len(_END):
        raise DatasetError(f"{path.name}: the end mark is missing; the tar is cut short")


def read_at(file: BinaryIO, offset: int, length: int, where: str) -> bytes:
    """Exactly `length` bytes at `offset`; `DatasetError` where the file is shorter."""
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise DatasetError(f"{where}: expected {length} bytes at {offset}, came {len(data)}; the file is cut short")
    return data
