"""Shards against the rows that speak of them: the same members, in order, at their places, each sample decoding to its row.

Nothing is believed, unpacked or run. Videos are decoded in a process of their own, which a damaged one may end.
"""

import contextlib
import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gerdata.errors import DatasetError
from gerdata.manifest import Header, Row, clip_to_json, sample_sha256
from gerdata.store.dataset import Dataset
from gerdata.store.members import ROW, VIDEO, decode, decode_clip, is_member
from gerdata.store.parquet import NOT_TWICE, PARQUET, rows_in, walk_shard
from gerdata.store.tar import walk

DECODE_LIMIT_S = 60.0
Decode = Callable[[dict[str, bytes]], tuple[tuple[int, ...], bool]]


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: where (a file or a sample), and what."""

    where: str
    what: str


def check_contents(dataset: Dataset, header: Header, rows: Sequence[Row]) -> Iterator[Finding]:
    """Every shard that rows name, and every sample in it."""
    by_shard: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_shard[str(row.shard)].append(row)
    with _decoder(header) as decoded:
        for shard, held in sorted(by_shard.items()):
            path = PurePosixPath(shard)
            if path.is_absolute() or ".." in path.parts or (dataset.root / shard).is_symlink():
                yield Finding(held[0].clip.id, f"its row points outside the dataset ({shard})")
                continue
            held.sort(key=lambda row: row.member_offset)
            against = _parquet if path.suffix == PARQUET else _tar
            yield from against(dataset, header, shard, held)
            yield from _samples(dataset, header, held, decoded)


def _tar(dataset: Dataset, header: Header, shard: str, rows: Sequence[Row]) -> Iterator[Finding]:
    """The members of a tar, by name and place; the first odd one is named."""
    wanted = [
        (f"{row.clip.id}.{suffix}", offset, length)
        for row in rows
        for suffix, offset, length in zip(header.members, row.member_offset, row.member_length, strict=False)
    ]
    try:
        found = [(member.name, member.offset, member.length) for member in walk(dataset.root / shard)]
    except (DatasetError, OSError) as error:
        yield Finding(shard, str(error))
        return
    for name, n in Counter(name for name, _, _ in found).items():
        if not is_member(name):
            yield Finding(shard, f"member {name!r} is none that a sample may have")
        if n > 1:
            yield Finding(shard, f"member {name!r} is in it {n} times")
    if found != wanted:
        odd = next((a for a, b in zip(found, wanted, strict=False) if a != b), None)
        what = f"first at {odd[0]}" if odd else f"{len(found)} members for {len(wanted)}"
        yield Finding(shard, f"members are not those of the manifest, {what}")


def _parquet(dataset: Dataset, header: Header, shard: str, rows: Sequence[Row]) -> Iterator[Finding]:
    """The rows of a Parquet shard: the same samples in order, the same bytes where the manifest says, the same columns."""
    n = 0
    try:
        there = rows_in(dataset.root / shard)
        for row, (flat, media, names) in zip(rows, walk_shard(dataset.root / shard, header.members), strict=False):
            n += 1
            where = f"{shard} {row.clip.id}"
            ours = {name: value for name, value in clip_to_json(row.clip).items() if name not in NOT_TWICE}
            if odd := next((name for name, value in ours.items() if flat[name] != value), None):
                yield Finding(where, f"column {odd!r} is not that of the manifest")
            if any(name not in (None, f"{row.clip.id}.{s}") for name, s in zip(names, header.members, strict=True)):
                yield Finding(where, "a path in it is not that of its sample")
            if media != dataset.members(row):
                yield Finding(where, "its columns hold other bytes than the manifest points to")
    except (DatasetError, OSError) as error:
        yield Finding(shard, str(error))
        return
    if not n == len(rows) == there:
        yield Finding(shard, f"{there} rows for {len(rows)} of the manifest")


def _samples(dataset: Dataset, header: Header, rows: Iterable[Row], decoded: Decode) -> Iterator[Finding]:
    for row in rows:
        where = f"{row.shard} {row.clip.id}"
        try:
            data = dataset.members(row)
            if row.sample_sha256 is not None and sample_sha256(data) != row.sample_sha256:
                yield Finding(where, "its bytes are not those of its sum in the manifest")
            members = dict(zip(header.members, data, strict=True))
            if clip_to_json(decode_clip(members[ROW])) != clip_to_json(row.clip):
                yield Finding(where, "its JSON is not its row in the manifest")
            shape, is_silent = decoded(members)
            if shape != (row.clip.n_frames, row.clip.height_px, row.clip.width_px):
                yield Finding(where, f"frames are {shape}")
            if not row.clip.has_audio and not is_silent:
                yield Finding(where, "has sound, its row says it has none")
        except (DatasetError, ValueError, KeyError) as error:
            yield Finding(where, str(error))


def look(members: dict[str, bytes]) -> tuple[tuple[int, ...], bool]:
    """What a sample decodes to: T, height and width of its frames, and whether it is silent."""
    sample = decode(members)
    return sample.frames.shape[:3], not sample.audio.any()


@contextlib.contextmanager
def _decoder(header: Header) -> Iterator[Decode]:
    """`look`, in this process for stills, whose decoders are small; in another one for videos."""
    if VIDEO not in header.members:
        yield look
        return
    with _Apart() as apart:
        yield apart.look


class _Apart:
    """One child that decodes, and is replaced where it dies."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "_Apart":
        return self

    def __exit__(self, *_: Any) -> None:
        self._end()

    def look(self, members: dict[str, bytes]) -> tuple[tuple[int, ...], bool]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        try:
            return self._pool.submit(look, members).result(DECODE_LIMIT_S)
        except BrokenProcessPool:
            self._end()
            raise DatasetError("the decoder died of it") from None
        except TimeoutError:
            for process in list(self._pool._processes.values()):  # a hung decoder listens to nothing else
                process.kill()
            self._end()
            raise DatasetError(f"it was not decoded after {DECODE_LIMIT_S:.0f} s") from None

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
