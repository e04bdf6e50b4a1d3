"""Bytes that must not leave: names, paths, digests, user and machine, metadata; and names that could be guessed."""

import base64
import getpass
import hashlib
import hmac
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.errors import DatasetError
from gerdata.media.mark import is_mark
from gerdata.store.audits import Verdict
from gerdata.store.parquet import MEDIUM
from gerdata.store.tar import read_at, walk

LEAST = 6  # bytes of a word that is searched for; shorter ones occur by chance
CHUNK = 1 << 20
_SMALL = bytes(range(256)).lower()
_PLAIN_MARKERS = {0xDB, 0xC0, 0xC1, 0xC2, 0xC4, 0xDD, 0xE0}  # of JPEG: tables, frame, JFIF; all before the scan
_JPEG_COMMENT, _FLAC_COMMENT = 0xFE, 4
_DIGESTS = ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256")
_KEYS = (bytes(32), b"", b"0", b"1234", b"gerdata", b"key", b"password", b"secret", b"salt", b"test")  # guessable ones


class Needles:
    """Words looked for in bytes, of any case, thousands at once: by their first six bytes."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self.by_start: dict[int, set[bytes]] = {}
        for word in words:
            small = word.translate(_SMALL)
            if len(small) >= LEAST:
                self.by_start.setdefault(int.from_bytes(small[:LEAST], "little"), set()).add(small)
        self.starts = np.array(sorted(self.by_start), np.int64)

    def found(self, data: bytes) -> set[bytes]:
        """Those that occur."""
        out: set[bytes] = set()
        if not len(self.starts):
            return out
        small = data.translate(_SMALL)
        for begin in range(0, max(1, len(small) - LEAST + 1), CHUNK):
            for at in _places(np.frombuffer(small, np.uint8, offset=begin)[: CHUNK + LEAST - 1], self.starts):
                start = int.from_bytes(small[begin + at : begin + at + LEAST], "little")
                out |= {word for word in self.by_start[start] if small.startswith(word, begin + at)}
        return out


def _places(data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    n = len(data) - LEAST + 1
    if n <= 0:
        return np.zeros(0, np.int64)
    value = np.zeros(n, np.int64)
    for k in range(LEAST):
        value |= data[k : k + n].astype(np.int64) << (8 * k)
    at = np.searchsorted(starts, value).clip(0, len(starts) - 1)
    return np.flatnonzero(starts[at] == value)


def words_of(sources: Iterable[dict[str, Any]], public: frozenset[str]) -> set[bytes]:
    """What names the sources of a private index (`name, uri, sha256`), the user and the machine. `public`: labels."""
    words = {getpass.getuser(), socket.gethostname(), str(Path.home())}
    out: set[bytes] = set()
    for source in sources:
        path = PurePosixPath(source["name"].partition("/")[2] or source["name"])
        uri, digest = (
            source["uri"] or "",
            source["sha256"] or "",
        )  # of what a table named and nobody found there is neither
        words |= {str(path), path.name, path.stem, uri, uri.partition("://")[2], digest}
        out.add(bytes.fromhex(digest))
    out |= {word.encode() for word in words if len(word) >= LEAST and word not in public}
    return {word for word in out if len(word) >= LEAST}


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a dataset as names and bytes; members of tars one by one, tables as the text of their values."""
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(root).as_posix()
        yield f"name of {name}", name.encode()
        if path.suffix == ".tar":
            with path.open("rb") as file:
                for member in walk(path):
                    yield f"{name}:{member.name}", read_at(file, member.offset, member.length, name)
        elif path.suffix == ".parquet":
            yield name, _text_of(path)
            yield from _media_in(path, name)
        else:
            yield name, path.read_bytes()


def _text_of(path: Path) -> bytes:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: cannot be read ({type(error).__name__}); the dataset is damaged") from None
    return repr((table.schema.metadata, table.to_pylist())).encode()


def _media_in(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """What a Parquet shard holds as bytes, under the names that its samples' files go by."""
    with pq.ParquetFile(path) as file:
        columns = [field.name for field in file.schema_arrow if field.type in (MEDIUM, pa.binary())]
        for batch in file.iter_batches(batch_size=16, columns=["id", *columns]) if columns else ():
            for row in batch.to_pylist():
                for column in columns:
                    one = row[column]
                    called = one["path"] if isinstance(one, dict) else f"{row['id']}.{column}"
                    yield f"{name}:{called}", bytes(one["bytes"] if isinstance(one, dict) else one)


def has_metadata(name: str, data: bytes) -> bool:
    """Whether a picture or a sound carries anything beside what is needed to decode it, and the mark of synthetic media."""
    if name.endswith(".jpg"):
        return any(not _is_plain(marker, body) for marker, body in _markers(data))
    if name.endswith(".flac"):
        told = [(kind, body) for kind, size, body in _flac_blocks(data) if kind != 0 and size > 0 and any(body)]
        return any(not _is_marked(kind, body) for kind, body in told)
    if name.endswith(".wav"):
        return any(kind not in (b"fmt ", b"data") and not _is_wav_mark(kind, body) for kind, body in _chunks(data))
    if name.endswith(".mp4"):
        boxes = [(kind, body) for kind, body in _boxes(data)]
        inner = [(kind, body) for outer, held in boxes if outer == b"moov" for kind, body in _boxes(held)]
        odd = {kind for kind, _ in boxes} - {b"ftyp", b"free", b"mdat", b"moov"}
        odd |= {kind for kind, _ in inner} - {b"mvhd", b"trak", b"udta"}
        return bool(odd) or any(kind == b"udta" and not _is_mp4_mark(body) for kind, body in inner)
    return False


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file; what is behind the last whole one is a chunk, too."""
    at = 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _is_wav_mark(kind: bytes, body: bytes) -> bool:
    return kind == b"LIST" and body[:8] == b"INFOICMT" and is_mark(body[12:].rstrip(b"\0"))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of an MP4, one level deep."""
    at = 0
    while at < len(data):
        size = max(8, int.from_bytes(data[at : at + 4], "big"))
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _is_mp4_mark(body: bytes) -> bool:
    """Whether user data are an empty list, or one comment that is the mark alone."""
    told = body.partition(b"ilst")[2]
    return told == b"" or (told[4:8] == b"\xa9cmt" and told[12:16] == b"data" and is_mark(told[24:]))


def _is_plain(marker: int, body: bytes) -> bool:
    return marker in _PLAIN_MARKERS or (marker == _JPEG_COMMENT and is_mark(body))


def _is_marked(kind: int, body: bytes) -> bool:
    """Whether a list of comments is the mark alone."""
    size = int.from_bytes(body[4:8], "little")
    return kind == _FLAC_COMMENT and body[:4] == b"\1\0\0\0" and len(body) == 8 + size and is_mark(body[8:])


def _markers(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], data[at + 4 : at + 2 + size]
        at += 2 + size


def _flac_blocks(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at, is_last = 4, False
    while not is_last and at + 4 <= len(data):
        is_last, kind, size = bool(data[at] & 0x80), data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4], "big")
        body = data[at + 4 : at + 4 + size]
        if kind == _FLAC_COMMENT:  # the vendor names the encoder; what counts is the list after it
            body = body[4 + int.from_bytes(body[:4], "little") :]
        if kind != 3:  # the seek table holds places only
            yield kind, size, body
        at += 4 + size


def guessed(names: Iterable[str], sources: Iterable[dict[str, Any]], words: Iterable[str] = ()) -> tuple[int, int]:
    """How many public names are a plain digest of something an attacker may know of a source, or one keyed with a guessable
    key; and how many were tried. `words`: what else a key may be: names of the dataset."""
    public = {one for one in names if len(one) >= LEAST}
    lengths = {len(one) for one in public}
    keys = (*_KEYS, *(word.encode() for word in words))
    hits, tried = 0, 0
    for source in sources:
        path = PurePosixPath(source["name"])
        inside = PurePosixPath(source["name"].partition("/")[2] or source["name"])
        known = (source["name"], str(inside), path.name, path.stem, source["uri"], source["sha256"])
        for word in {one for one in known if one}:
            told = word.encode()
            digests = [hashlib.new(kind, told).digest() for kind in _DIGESTS]
            digests += [hmac.digest(key, told, "sha256") for key in keys]
            shown = {base64.b32encode(one[:16]).decode().rstrip("=").lower() for one in digests}
            shown |= {one.hex() for one in digests}
            tried += len(shown)
            hits += any(name[:length] in public for name in shown for length in lengths)
    return hits, tried


def canaries(root: Path, sources: list[dict[str, Any]], names: list[str], public: frozenset[str]) -> Verdict:
    """The verdict on every byte of a dataset or release, and on its published `names`: ids and groups."""
    needles = Needles(words_of(sources, public))
    found: list[str] = []
    n = 0
    for where, data in contents(root):
        n += 1
        found += [where for _ in needles.found(data)]
        if has_metadata(where, data):
            found.append(f"{where} (metadata)")
    hits, tried = guessed(names, sources, (root.name,))
    if hits:
        found.append(f"{hits} names that can be guessed")
    known = (
        f"{len(sources)} sources, {tried} guesses of names" if sources else "no private index, so no names of sources"
    )
    if found:
        return Verdict("names and metadata", "failed", f"{len(found)} found, first in {found[0]}", "string search")
    return Verdict(
        "names and metadata", "passed" if sources else "skipped", f"none in {n} members; {known}", "string search"
    )
