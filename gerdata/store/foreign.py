"""An index of WebDataset tars that others made: `gerdata shard --reindex`.

Headers are walked and nothing else is: no member is extracted, unpickled or decoded. What a loader might execute, or what a
tar should not hold, is refused by name.
"""

import io
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.errors import DatasetError
from gerdata.manifest import ROW_GROUP
from gerdata.store.commit import commit, temporary_for
from gerdata.store.home import plain_name
from gerdata.store.index import INDEX_SCHEMA, Index
from gerdata.store.tar import Member, walk

# What a loader might run or unpickle, by any part of the suffix: webdataset unpickles .pyd, .pickle and .pth unasked.
# fmt: off
FORBIDDEN = frozenset({
    "bat", "ckpt", "cloudpickle", "cmd", "com", "dill", "dll", "dylib", "exe", "jar", "joblib", "msi", "p", "pck", "pckl",
    "pickle", "pkl", "ps1", "pt", "pth", "py", "pyc", "pyd", "pyo", "pyz", "sh", "so", "whl",
})
# fmt: on
ARRAY_LIMIT_BYTES = 64 << 20
_PART = re.compile(r"[A-Za-z0-9_@#+=,()-][A-Za-z0-9._@#+=,()-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Found:
    """One sample in a tar: its key, and its members by suffix."""

    key: str
    suffixes: tuple[str, ...]
    members: tuple[Member, ...]


def reindex(tars: Sequence[str | Path], root: Path) -> Index:
    """Write `root/index.parquet`, which makes every sample of `tars` (files below `root`) readable at random.

    A sample is a run of members of one key: the name up to the first dot of its last part, as WebDataset has it. Its id is
    that key. `DatasetError` names the first member that is refused; an earlier index then stays as it is.
    """
    if not tars:
        raise DatasetError(f"{root}: no tars to index")
    path = root / "index.parquet"
    temporary = temporary_for(path)
    keys: set[str] = set()
    try:
        with pq.ParquetWriter(temporary, INDEX_SCHEMA, compression="zstd") as writer:
            for batch in _batched(_all(tars, root, keys)):
                writer.write_table(batch)
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return Index(path)


def samples_of(tar: Path) -> Iterator[Found]:
    """The samples of one foreign tar, in order; `DatasetError` names the member that is refused."""
    held: list[tuple[str, Member]] = []
    key: str | None = None
    done: set[str] = set()
    for member in walk(tar, folders=True):
        own, suffix = _key_of(tar, member)
        if own != key:
            if key is not None:
                yield _found(key, held)
            if own in done:
                raise DatasetError(
                    f"{tar.name}: member {member.name!r}: its sample {own!r} was over; keys repeat or mix"
                )
            done.add(own)
            key, held = own, []
        if any(suffix == other for other, _ in held):
            raise DatasetError(f"{tar.name}: member {member.name!r} is there twice")
        _refuse_objects(tar, member, suffix)
        held.append((suffix, member))
    if key is not None:
        yield _found(key, held)


def _all(tars: Sequence[str | Path], root: Path, keys: set[str]) -> Iterator[tuple[str, Found]]:
    for tar in tars:
        name = _below(tar, root)
        for found in samples_of(root / name):
            if found.key in keys:
                raise DatasetError(f"{name}: key {found.key!r} is in an earlier tar too; ids must be unique")
            keys.add(found.key)
            yield name, found


def _below(tar: str | Path, root: Path) -> str:
    """The name of a tar below its root. Neither `pipe:` nor `http:` nor a link is ever followed."""
    if _SCHEME.match(str(tar)):
        raise DatasetError(f"{tar}: expected the path of a tar; commands and URLs are not followed, fetch it first")
    path = Path(tar) if Path(tar).is_absolute() else root / tar if (root / tar).exists() else Path(tar).absolute()
    inside = os.path.relpath(path, root.absolute()) if path.is_absolute() else os.path.relpath(path, root)
    name = plain_name(inside, str(root))
    if path.is_symlink() or not path.is_file():
        raise DatasetError(f"{path}: expected a tar, a regular file")
    return name


def _key_of(tar: Path, member: Member) -> tuple[str, str]:
    """Key and suffix of a member, as WebDataset cuts names."""
    name = member.name.removeprefix("./")
    parts = name.split("/")
    if any(not _PART.fullmatch(part) for part in parts):
        raise DatasetError(
            f"{tar.name}: member {member.name!r} is refused: its name is absolute, hidden, odd or leads up"
        )
    stem, dot, suffix = parts[-1].partition(".")
    if not dot or not suffix:
        raise DatasetError(f"{tar.name}: member {member.name!r} has no suffix, so it belongs to no sample")
    if bad := FORBIDDEN.intersection(suffix.lower().split(".")):
        raise DatasetError(f"{tar.name}: member {member.name!r} is refused: .{min(bad)} may hold code or a pickle")
    return "/".join([*parts[:-1], stem]), suffix


def _found(key: str, held: list[tuple[str, Member]]) -> Found:
    return Found(key, tuple(suffix for suffix, _ in held), tuple(member for _, member in held))


def _refuse_objects(tar: Path, member: Member, suffix: str) -> None:
    """Arrays of objects are pickles; their headers say so."""
    ending = suffix.lower().rpartition(".")[2]
    if ending not in ("npy", "npz"):
        return
    with tar.open("rb") as file:
        file.seek(member.offset)
        if member.length > ARRAY_LIMIT_BYTES and ending == "npz":
            raise DatasetError(f"{tar.name}: member {member.name!r} has over {ARRAY_LIMIT_BYTES} bytes of arrays")
        data = file.read(member.length if ending == "npz" else min(member.length, 1 << 16))
    try:
        for header in _headers(data, ending):
            if _dtype(header).hasobject:
                raise DatasetError(f"{tar.name}: member {member.name!r} holds objects, which are pickles")
    except (ValueError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, SyntaxError) as error:
        raise DatasetError(f"{tar.name}: member {member.name!r} holds no arrays ({type(error).__name__})") from None


def _headers(data: bytes, ending: str) -> Iterator[bytes]:
    if ending == "npy":
        yield data
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                yield file.read(1 << 16)


def _dtype(header: bytes) -> np.dtype[np.generic]:
    file = io.BytesIO(header)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)[2]


def _batched(found: Iterable[tuple[str, Found]]) -> Iterator[pa.Table]:
    rows: list[dict[str, object]] = []
    for shard, one in found:
        rows.append(
            {
                "id": one.key,
                "shard": shard,
                "members": " ".join(one.suffixes),
                "member_offset": [member.offset for member in one.members],
                "member_length": [member.length for member in one.members],
            }
        )
        if len(rows) == ROW_GROUP:
            yield pa.Table.from_pylist(rows, INDEX_SCHEMA)
            rows = []
    if rows:
        yield pa.Table.from_pylist(rows, INDEX_SCHEMA)
