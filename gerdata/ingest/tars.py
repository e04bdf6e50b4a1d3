"""Tars of media, as WebDataset writes them: walked header by header, never extracted.

A member is a clip at an offset of its tar; `KEY.json` and `KEY.cls` beside it tell its label. What is no regular file,
or is named as if to leave the tar, is refused under its own name.
"""

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from gerdata.errors import RejectedInput
from gerdata.media.address import Address, open_bytes

SIDECARS = ("json", "cls")
SIDECAR_LIMIT_BYTES = 64 << 10
HEADER_LIMIT_BYTES = 1 << 20  # of an extended header; real ones are under a kilobyte
MEMBERS_LIMIT = 5_000_000
_TOLD = ("label", "group", "split")


@dataclass(frozen=True)
class TarMember:
    """One clip in a tar."""

    name: str
    address: Address
    told: Mapping[str, str] = field(default_factory=dict)
    verdict: tuple[str, str] | None = None


class _Careful:
    """A file that reads no more at a time than a header may hold, so that a lie about its size costs nothing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, n: int = -1) -> bytes:
        if n < 0 or n > HEADER_LIMIT_BYTES:
            raise tarfile.ReadError("a header larger than allowed")
        return self._file.read(n)

    def seek(self, to: int, whence: int = 0) -> int:
        return self._file.seek(to, whence)

    def tell(self) -> int:
        return self._file.tell()


def members_of(address: Address) -> tuple[list[TarMember], RejectedInput | None]:
    """All clips of a tar, and the verdict on the tar itself where it cannot be walked to its end."""
    plain: list[tuple[str, Address]] = []
    refused: list[TarMember] = []
    ending = None
    try:
        with open_bytes(address) as file:
            for info in _infos(file):
                name = info.name
                if len(plain) + len(refused) >= MEMBERS_LIMIT:
                    raise RejectedInput("too-large", f"over {MEMBERS_LIMIT} members")
                where = Address(address.uri, info.offset_data, info.size)
                reason = _reason_against(info)
                if reason is None:
                    plain.append((name, where))
                elif not info.isdir():
                    refused.append(TarMember(_printable(name), where, {}, reason))
    except RejectedInput as verdict:
        ending = verdict
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        ending = RejectedInput("truncated", type(error).__name__)
    return [*_clips(plain), *refused], ending


def _infos(file: BinaryIO) -> Any:
    """The headers of a tar, one by one; `tarfile` keeps none of them."""
    head = file.read(512)
    if head[257:262] != b"ustar" and head.strip(b"\0"):
        raise RejectedInput("format-not-allowed", "not a plain tar")
    file.seek(0)
    with tarfile.open(fileobj=_Careful(file), mode="r:", errors="surrogateescape") as archive:  # type: ignore[call-overload]
        while (info := archive.next()) is not None:
            archive.members.clear()
            yield info
        file.seek(archive.offset)
        if file.read(512) != b"\0" * 512:  # a whole tar ends in blocks of zeros
            raise RejectedInput("truncated", "no end mark")


def _reason_against(info: tarfile.TarInfo) -> tuple[str, str] | None:
    parts = info.name.split("/")
    if info.name.startswith("/") or ".." in parts or "\0" in info.name or "\\" in info.name:
        return "unsafe-path", "a name that leads out of its tar"
    if not info.isreg() or info.issparse():
        return "unsafe-path", "not a plain file in its tar"
    return None


def _clips(plain: list[tuple[str, Address]]) -> list[TarMember]:
    """Members that are clips, each with what the sidecars of its key tell. A repeated name is refused after the first."""
    told: dict[str, dict[str, str]] = {}
    media: list[tuple[str, Address]] = []
    for name, address in plain:
        suffix = name.rsplit(".", 1)[-1].casefold() if "." in name.rsplit("/", 1)[-1] else ""
        if suffix in SIDECARS and address.size is not None and address.size <= SIDECAR_LIMIT_BYTES:
            told.setdefault(_key_of(name), {}).update(_told_by(suffix, address))
        else:
            media.append((name, address))
    seen: set[str] = set()
    out = []
    for name, address in media:
        verdict = ("duplicate-name", "") if name in seen else None
        seen.add(name)
        out.append(TarMember(_printable(name), address, told.get(_key_of(name), {}), verdict))
    return out


def _key_of(name: str) -> str:
    """A WebDataset key: the path up to the first dot of the last part."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _told_by(suffix: str, address: Address) -> dict[str, str]:
    """What one sidecar tells; nothing where it cannot be read, so that its clip is at worst without a label."""
    try:
        with open_bytes(address) as file:
            text = file.read(SIDECAR_LIMIT_BYTES).decode("utf-8")
        if suffix == "cls":
            return {"label": text.strip()}
        values = json.loads(text)
    except (RejectedInput, OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {name: str(values[name]) for name in _TOLD if isinstance(values.get(name), str | int)}


def _printable(name: str) -> str:
    """A name as a relative path, whatever the tar says."""
    return "/".join(part for part in name.split("/") if part not in ("", ".")) or "(no name)"
