"""Checking a finished dataset or release against itself: every byte, row, member and sum that can be wrong alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.clip import SPLITS
from gerdata.errors import DatasetError
from gerdata.manifest import LEFT_OUT, MANIFEST_SCHEMA, REASONS, REJECTS_SCHEMA, Header, Row, read_rows
from gerdata.store import checksums
from gerdata.store.contents import Finding, check_contents
from gerdata.store.dataset import HEADER, MANIFEST, REJECTS, Dataset, sha256_of_file
from gerdata.store.members import LIMBS, POSE_RELEASED, STRUCTURE, as_released, is_key, suffixes
from gerdata.store.plans import assets_of

__all__ = ["Finding", "verify"]

_SPLIT = "|".join(SPLITS)
_RELEASED = re.compile(  # the files of a release; anything else in it came from elsewhere
    rf"README\.md|croissant\.json|dataset\.json|audit\.json|checksums\.sha256|manifest/({_SPLIT})\.parquet"
    rf"|recipes/(shard|[0-9]+-(protect|synth))\.toml"
    rf"|({_SPLIT})/({_SPLIT})-[0-9]{{6}}\.tar|data/({_SPLIT})-[0-9]{{5}}-of-[0-9]{{5}}\.parquet"
)


def verify(dataset: Dataset) -> tuple[Header | None, list[Finding]]:
    """All findings of one dataset, and its header; None where that itself is damaged.

    `DatasetError` where there is no complete dataset at all.
    """
    try:
        header = dataset.header()
    except DatasetError as error:
        if not (dataset.root / HEADER).is_file():
            raise
        found = [Finding(HEADER, str(error))]
        is_release = (dataset.root / checksums.CHECKSUMS).is_file()
        more = checksums.check(dataset.root) if is_release else ()
        return None, found + [Finding(*told) for told in more if told[0] != HEADER]
    is_release = header.stage == "shard"
    findings = list(_files(dataset, header) if is_release else _parts(dataset, header))
    tables = (
        [dataset.root / "manifest" / f"{split}.parquet" for split in SPLITS]
        if is_release
        else [dataset.root / MANIFEST]
    )
    rows: list[Row] = []
    for path in tables:
        findings += _columns(path, MANIFEST_SCHEMA)
        try:
            held = read_rows(path)
        except DatasetError as error:
            findings.append(Finding(path.name, str(error)))
            continue
        if is_release:
            findings += _of_split(held, path.stem)
        rows += held
    if not is_release:
        findings += _columns(dataset.root / REJECTS, REJECTS_SCHEMA)
    findings += _sums(header, rows)
    findings += _splits(header, rows)
    findings += _members(header, rows)
    if header.members:
        findings += check_contents(dataset, header, rows)
    return header, findings


def _files(dataset: Dataset, header: Header) -> Iterator[Finding]:
    """The files of a release: the sums of all, no others, and shards that are numbered without a gap."""
    for where, what in checksums.check(dataset.root):
        yield Finding(where, what)
    shards = []
    for name in checksums.files_of(dataset.root):
        if not _RELEASED.fullmatch(name):
            yield Finding(name, "is none of the files that a release has")
        elif name.endswith(".tar") or name.startswith("data/"):
            shards.append(name)
    if len(shards) != sum(part.tar_sha256 is not None for part in header.parts):
        yield Finding(HEADER, f"{len(header.parts)} shards were written, {len(shards)} are there")
    for split in SPLITS:
        numbers = [int(m[1]) for name in shards if (m := re.search(rf"/{split}-(\d+)", name))]
        if numbers != list(range(len(numbers))):
            yield Finding(split, "its shards are not numbered from 0 without a gap")


def _parts(dataset: Dataset, header: Header) -> Iterator[Finding]:
    """The parts of a dataset against the digests in its header."""
    for part in header.parts:
        number = int(part.name)
        wanted = {dataset.part_rows(number): part.rows_sha256}
        if part.tar_sha256:
            wanted[dataset.part_tar(number)] = part.tar_sha256
        for path, digest in wanted.items():
            if not path.is_file():
                yield Finding(f"parts/{path.name}", "missing")
            elif sha256_of_file(path) != digest:
                yield Finding(f"parts/{path.name}", "bytes are not those of dataset.json")


def _columns(path: Path, schema: pa.Schema) -> Iterator[Finding]:
    try:
        found = pq.read_schema(path)
        reasons = set(pq.read_table(path, columns=["reason"])["reason"].to_pylist()) if path.name == REJECTS else set()
    except (
        OSError,
        pa.ArrowException,
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
    ):  # pyarrow on a flipped bit: any of these
        yield Finding(path.name, "missing or not Parquet")
        return
    for name in sorted(set(found.names) - set(schema.names)):
        yield Finding(path.name, f"column {name!r} is not on the allow-list")
    for name in sorted(set(found.names) & set(schema.names)):
        if found.field(name).type != schema.field(name).type:
            yield Finding(path.name, f"column {name!r} is of another type than {schema.field(name).type}")
    if unknown := reasons - set(REASONS):
        yield Finding(path.name, f"reasons outside the closed list: {', '.join(map(str, sorted(unknown)))}")


def _of_split(rows: list[Row], split: str) -> Iterator[Finding]:
    """A table is of its split, and in the order of its shards."""
    for row in rows:
        if not (is_key(row.clip.id) and is_key(row.clip.group)):
            yield Finding(f"{split}.parquet", f"row {row.clip.id[:64]!r} has a name that no sample has")
        if row.clip.split != split:
            yield Finding(row.clip.id, f"its row says {row.clip.split}, and is in the table of {split}")
    places = [(str(row.shard), row.member_offset) for row in rows if row.shard is not None]
    if places != sorted(places):
        yield Finding(f"{split}.parquet", "its rows are not in the order of the shards")


def _sums(header: Header, rows: list[Row]) -> Iterator[Finding]:
    counts = header.counts
    if counts.sources != counts.sources_accepted + counts.sources_rejected:
        yield Finding(HEADER, "sources are not accepted + rejected")
    if counts.clips != counts.written + counts.rejected:
        yield Finding(HEADER, "clips are not written + rejected")
    if counts.written != len(rows):
        yield Finding("manifest", f"{len(rows)} rows, {HEADER} says {counts.written} written")
    if (pool := header.pool) is not None:
        if pool.clips != pool.chosen + sum(pool.left_out.values()) or pool.chosen != counts.clips:
            yield Finding(HEADER, "the samples it was chosen from are not those chosen + those left out")
        if unknown := sorted(set(pool.left_out) - set(LEFT_OUT)):
            yield Finding(HEADER, f"left out for reasons outside the closed list: {', '.join(unknown)}")
    labels = dict(sorted(Counter(row.clip.label or "unlabelled" for row in rows).items()))
    if labels != counts.labels:
        yield Finding("manifest", f"labels {labels}, {HEADER} says {counts.labels}")
    twice = [name for name, n in Counter(row.clip.id for row in rows).items() if n > 1]
    yield from (Finding(name, "this id is in the manifest more than once") for name in sorted(twice))


def _splits(header: Header, rows: list[Row]) -> Iterator[Finding]:
    """No group, and of synthetic samples no person, place, room or photograph, is in two splits."""
    groups: dict[str, set[str]] = defaultdict(set)
    assets: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.clip.split is None:
            continue
        groups[row.clip.group].add(row.clip.split)
        try:
            for asset in assets_of(row.clip.plan):
                assets[asset].setdefault(row.clip.split, row.clip.id)
        except ValueError:
            yield Finding(row.clip.id, "its plan is no JSON object")
    for group, splits in sorted(groups.items()):
        if len(splits) > 1:
            yield Finding(group, f"this group is in {' and '.join(sorted(splits))}")
    torn = {tuple(held.values()) for held in assets.values() if len(held) > 1}
    for names in sorted(torn):
        yield Finding(names[0], f"it shares an asset with {', '.join(names[1:])} of another split")
    is_mixed = header.stage == "shard" and any(not row.clip.is_synthetic for row in rows)
    late = [row.clip for row in rows if is_mixed and row.clip.is_synthetic and row.clip.split not in ("train", None)]
    yield from (Finding(c.id, f"a synthetic sample is in {c.split} of a release with real clips") for c in late[:1])


def _members(header: Header, rows: list[Row]) -> Iterator[Finding]:
    """The allow-list of members, and what may hold which: structure is for synthetic people; limb maps of real ones are
    marked wherever they go."""
    whole = suffixes(header.n_frames, has_structure=True, has_limbs=True)
    forms = [as_released(whole, mode, audio) for mode in ("frames", "video") for audio in ("flac", "wav")]
    if not any(set(header.members) <= set(form) for form in forms):
        odd = sorted(set(header.members) - {name for form in forms for name in form}) or list(header.members)
        yield Finding(HEADER, f"members {', '.join(map(repr, odd))} are not on the allow-list, or not together")
    n = len(header.members)
    for row in rows:
        if not len(row.member_offset) == len(row.member_length) == n:
            yield Finding(row.clip.id, f"its row points to {len(row.member_offset)} members, samples have {n}")
    real = [row.clip for row in rows if not row.clip.is_synthetic]
    if STRUCTURE in header.members and real:
        yield Finding(real[0].id, f"{STRUCTURE} of real people is in this dataset; it must stay in the private folder")
    if LIMBS in header.members and real:
        unmarked = [clip.id for clip in real if POSE_RELEASED not in clip.protection]
        if POSE_RELEASED not in header.protection or POSE_RELEASED not in header.notice:
            unmarked.insert(0, HEADER)
        yield from (Finding(where, f"holds {LIMBS} and is not marked {POSE_RELEASED}") for where in unmarked)
