"""One stage, from its items to a complete dataset: plan, make what is missing, seal."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from gerdata.engine.account import count
from gerdata.engine.local import run_local
from gerdata.engine.progress import Progress
from gerdata.engine.ray import run_ray
from gerdata.engine.work import Item, Limits, PartSpec
from gerdata.errors import DatasetError, UsageError
from gerdata.manifest import (
    FORMAT_VERSION,
    LOAD_REASONS,
    MANIFEST_SCHEMA,
    REJECTS_SCHEMA,
    Header,
    PartEntry,
    Pool,
    Row,
    read_rows,
    write_rows,
)
from gerdata.store.commit import commit, remove_litter, temporary_for
from gerdata.store.dataset import MANIFEST, REJECTS, Dataset, begin, seal, sha256_of_file

Settle = Callable[[list[Row]], list[Row]]
Publish = Callable[[Dataset, Header, list[Row]], None]


ENGINES = {"local": run_local, "ray": run_ray}


@dataclass(frozen=True)
class Cut:
    """One part: where its shard goes below the dataset (a tar, or by its name Parquet; None without media), and how many items
    it takes."""

    tar: str | None
    size: int


@dataclass(frozen=True)
class Job:
    """What is to be made: the items in order, who makes them, and what the header will say."""

    dataset: Dataset
    stage: str
    worker: str
    settings: dict[str, Any]
    items: Sequence[Item]
    cuts: tuple[Cut, ...]
    fingerprint: dict[str, str]
    recipe: dict[str, Any]
    seed: int
    classes: tuple[str, ...]
    members: tuple[str, ...] = ()
    n_frames: int = 0
    protection: str = "none"
    notice: str = ""
    parents: tuple[dict[str, str], ...] = ()
    pool: Pool | None = None
    private: Path | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Options:
    """How it is to be done; nothing here changes a byte of the result."""

    logs: Path
    workers: int = 1
    engine: str = "local"
    slice: tuple[int, int] | None = None  # i of n, counted from 1
    finish: bool = False
    overwrite: bool = False
    retry_rejected: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UsageError(f"--engine {self.engine}: expected one of {', '.join(ENGINES)}")
        if self.slice is not None and not 1 <= self.slice[0] <= self.slice[1]:
            raise UsageError(f"--slice {self.slice[0]}/{self.slice[1]}: expected i/n with i from 1 to n")


def default_workers() -> int:
    """As many workers as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def run(job: Job, options: Options, settle: Settle | None = None, publish: Publish | None = None) -> Header | None:
    """Make what is missing and seal; the header, or None where only a slice was made.

    With `finish` nothing is made: all parts must be there. `settle` changes rows once the whole set is known; `publish`
    writes the tables, by default one manifest and one table of rejects.
    """
    is_whole = all(cut.tar is None or (job.dataset.root / cut.tar).is_file() for cut in job.cuts)
    reopen = options.retry_rejected or not is_whole  # state follows from what is there: a lost tar is made again
    begin(job.dataset, job.fingerprint, len(job.items), options.overwrite, reopen)
    if job.dataset.is_complete():
        return job.dataset.header()
    for folder in (job.dataset.root, *(path for path in job.dataset.root.rglob("*") if path.is_dir())):
        remove_litter(folder)
    if job.private is not None:
        remove_litter(job.private)
    specs = list(specs_of(job, options.logs))
    if not options.finish:
        chosen = _slice(specs, options.slice)
        _make([spec for spec in chosen if not _is_made(spec, options.retry_rejected)], job, options)
        if options.slice is not None:
            return None
    missing = [spec.number for spec in specs if not _is_made(spec, False)]
    if missing:
        shown = ", ".join(map(str, missing[:8])) + (" ..." if len(missing) > 8 else "")
        raise DatasetError(
            f"{job.dataset.root}: {len(missing)} of {len(specs)} parts are missing ({shown}); make them first"
        )
    header, rows = _seal(job, specs, settle)
    (publish or publish_tables)(job.dataset, header, rows)
    seal(job.dataset, header)
    return header


def specs_of(job: Job, logs: Path) -> Iterator[PartSpec]:
    """The parts of a job: consecutive items as its cuts say, whatever the workers."""
    start = 0
    for number, cut in enumerate(job.cuts):
        items = tuple(job.items[start : start + cut.size])
        start += cut.size
        yield PartSpec(
            root=job.dataset.root,
            number=number,
            rows=f"parts/{number:05d}.parquet",
            tar=cut.tar,
            worker=job.worker,
            settings=job.settings,
            items=items,
            logs=logs / job.stage,
            members=job.members,
            private=job.private,
            limits=job.limits,
        )


def even_cuts(n_items: int, size: int, has_media: bool) -> tuple[Cut, ...]:
    """Parts of `size` items each, the last with the rest; their tars lie beside their rows."""
    starts = range(0, n_items, size)
    return tuple(
        Cut(f"parts/{number:05d}.tar" if has_media else None, min(size, n_items - start))
        for number, start in enumerate(starts)
    )


def missing_parts(job: Job, logs: Path) -> tuple[int, int]:
    """How many parts there are, and how many are still to be made. Writes nothing."""
    specs = list(specs_of(job, logs))
    return len(specs), sum(not _is_made(spec, False) for spec in specs)


def _slice(specs: list[PartSpec], slice_: tuple[int, int] | None) -> list[PartSpec]:
    if slice_ is None:
        return specs
    i, n = slice_
    return [spec for spec in specs if spec.number % n == i - 1]


def _make(specs: list[PartSpec], job: Job, options: Options) -> None:
    if not specs:
        return
    for spec in specs:  # a part that is made again is not there while it is being made
        (spec.root / spec.rows).unlink(missing_ok=True)
    total = sum(len(spec.items) for spec in specs)
    with Progress(job.stage, total, options.quiet) as progress:
        for _ in ENGINES[options.engine](specs, options.workers, progress.tick):
            pass


def _is_made(spec: PartSpec, retry_rejected: bool) -> bool:
    """Whether a part is there, holds exactly the planned items, and no verdict in it is to be tried again."""
    path = spec.root / spec.rows
    if not path.is_file() or (spec.tar is not None and not (spec.root / spec.tar).is_file()):
        return False
    if spec.private is not None and not (spec.private / f"{spec.number:05d}.jsonl").is_file():
        return False
    table = pq.read_table(path, columns=["source", "reason"])
    if list(dict.fromkeys(table["source"].to_pylist())) != [item.key for item in spec.items]:
        return False
    return not (retry_rejected and any(reason in LOAD_REASONS for reason in table["reason"].to_pylist()))


def _seal(job: Job, specs: list[PartSpec], settle: Settle | None) -> tuple[Header, list[Row]]:
    rows, parts = [], []
    for spec in specs:
        path = spec.root / spec.rows
        made = read_rows(path)
        tar_sha256 = (pq.read_schema(path).metadata or {}).get(b"gerdata_tar_sha256", b"").decode()
        rows += made
        parts.append(
            PartEntry(
                name=f"{spec.number:05d}",
                rows=len(made),
                written=sum(row.status == "written" for row in made),
                rows_sha256=sha256_of_file(path),
                tar_sha256=tar_sha256 or None,
            )
        )
    if settle is not None:
        rows = settle(rows)
    counts = count(rows, job.items)
    header = Header(
        format_version=FORMAT_VERSION,
        stage=job.stage,
        classes=job.classes,
        members=job.members,
        n_frames=job.n_frames,
        counts=counts,
        recipe=job.recipe,
        seed=job.seed,
        fingerprint=job.fingerprint,
        parents=list(job.parents),
        parts=parts,
        pool=job.pool,
        protection=job.protection,
        notice=job.notice,
    )
    return header, rows


def publish_tables(dataset: Dataset, header: Header, rows: list[Row]) -> None:
    """All written rows as one manifest, all others as one table of rejects, each sorted by id."""
    write_table(dataset.root / MANIFEST, [row for row in rows if row.status == "written"], MANIFEST_SCHEMA)
    write_table(dataset.root / REJECTS, [row for row in rows if row.status == "rejected"], REJECTS_SCHEMA)


def write_table(path: Path, rows: list[Row], schema: Any, in_order: bool = False) -> None:
    """Rows, sorted by id unless their order means something, committed under `path`."""
    temporary = temporary_for(path)
    try:
        write_rows(temporary, rows if in_order else sorted(rows, key=lambda row: row.clip.id), schema)
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
