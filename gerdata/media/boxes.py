"""The little that is read of an ISO media file (MP4, MOV, AVIF) beside what the demuxer tells: brands and encryption.

Boxes as in ISO/IEC 14496-12; sample entries `encv` and `enca` as in ISO/IEC 23001-7.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_MOOV_LIMIT_BYTES = 64 << 20
_BOXES_LIMIT = 10_000
PICTURE_BRANDS = {b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}


@dataclass(frozen=True)
class Boxes:
    """`brand` is the major brand, empty where the file is no ISO media file."""

    brand: bytes = b""
    is_encrypted: bool = False


def boxes_of(file: BinaryIO) -> Boxes:
    """Look at the boxes of an open file, which is left at its start. Lies in sizes end the search, they raise nothing."""
    brand, is_encrypted, at = b"", False, 0
    for _ in range(_BOXES_LIMIT):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        size, kind = struct.unpack(">I4s", head[:8])
        skip = 8
        if size == 1 and len(head) == 16:
            size, skip = struct.unpack(">Q", head[8:])[0], 16
        if kind == b"ftyp" and at == 0:
            brand = head[8:12]
        elif at == 0 and kind not in (b"moov", b"mdat", b"free", b"wide", b"skip"):
            break
        if kind == b"moov":
            file.seek(at + skip)
            is_encrypted = _has_encrypted(
                file.read(min(max(0, size - skip) if size else _MOOV_LIMIT_BYTES, _MOOV_LIMIT_BYTES))
            )
            break
        if size < skip:
            break
        at += size
    file.seek(0)
    return Boxes(brand, is_encrypted)


def _has_encrypted(data: bytes) -> bool:
    """Whether any track of a movie box has an encrypted sample entry."""
    waiting = [(0, len(data))]
    for _ in range(_BOXES_LIMIT):
        if not waiting:
            return False
        at, end = waiting.pop()
        if end - at < 8:
            continue
        size, kind = struct.unpack_from(">I4s", data, at)
        stop = min(end, at + size) if size >= 8 else end
        if kind == b"stsd" and data[at + 20 : at + 24] in (b"encv", b"enca"):
            return True
        waiting.append((stop, end))
        if kind in _INSIDE:
            waiting.append((at + 8, stop))
    return False
