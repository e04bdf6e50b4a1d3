"""Checking a finished dataset or release against itself: every byte, row, member and sum that can be wrong alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.clip import SPLITS
from gerdata.errors import DatasetError
from gerdata.manifest import MANIFEST_SCHEMA, REASONS, REJECTS_SCHEMA, Header, Row, clip_to_json, read_rows
from gerdata.store.dataset import MANIFEST, REJECTS, Dataset, sha256_of_file
from gerdata.store.members import LIMBS, POSE_RELEASED, STRUCTURE, decode, decode_clip, suffixes
from gerdata.store.tar import walk


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: where (a file or a sample), and what."""

    where: str
    what: str


def verify(dataset: Dataset) -> tuple[Header, list[Finding]]:
    """All findings of one dataset, the header first read. `DatasetError` where there is no complete dataset at all."""
    header = dataset.header()
    is_release = header.stage == "shard"
    findings: list[Finding] = []
    findings += _checksums(dataset) if is_release else _parts(dataset, header)
    tables = (
        [dataset.root / "manifest" / f"{split}.parquet" for split in SPLITS]
        if is_release
        else [dataset.root / MANIFEST]
    )
    rows: list[Row] = []
    for path in tables:
        findings += _columns(path, MANIFEST_SCHEMA)
        try:
            rows += read_rows(path)
        except DatasetError as error:
            findings.append(Finding(path.name, str(error)))
    if not is_release:
        findings += _columns(dataset.root / REJECTS, REJECTS_SCHEMA)
    findings += _sums(header, rows)
    findings += _splits(rows)
    findings += _members(header, rows)
    if header.members:
        findings += _media(dataset, header, rows)
    return header, findings


def _checksums(dataset: Dataset) -> Iterator[Finding]:
    """The files of a release against `checksums.sha256`, in both directions."""
    path = dataset.root / "checksums.sha256"
    if not path.is_file():
        yield Finding(path.name, "missing")
        return
    listed: dict[str, str] = {}
    for line in path.read_text("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    own = {path.name, "dataset.json"}
    there = {p.relative_to(dataset.root).as_posix() for p in dataset.root.rglob("*") if p.is_file()} - own
    for name in sorted(there - set(listed)):
        yield Finding(name, "not listed in checksums.sha256")
    for name, digest in sorted(listed.items()):
        if name not in there:
            yield Finding(name, "listed in checksums.sha256 but missing")
        elif sha256_of_file(dataset.root / name) != digest:
            yield Finding(name, "bytes are not those of checksums.sha256")


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
    except (OSError, pa.ArrowException):
        yield Finding(path.name, "missing or not Parquet")
        return
    for name in sorted(set(found.names) - set(schema.names)):
        yield Finding(path.name, f"column {name!r} is not on the allow-list")
    if path.name == REJECTS and (unknown := set(pq.read_table(path)["reason"].to_pylist()) - set(REASONS)):
        yield Finding(path.name, f"reasons outside the closed list: {', '.join(map(str, sorted(unknown)))}")


def _sums(header: Header, rows: list[Row]) -> Iterator[Finding]:
    counts = header.counts
    if counts.sources != counts.sources_accepted + counts.sources_rejected:
        yield Finding("dataset.json", "sources are not accepted + rejected")
    if counts.clips != counts.written + counts.rejected:
        yield Finding("dataset.json", "clips are not written + rejected")
    if counts.written != len(rows):
        yield Finding("manifest", f"{len(rows)} rows, dataset.json says {counts.written} written")
    labels = dict(sorted(Counter(row.clip.label or "unlabelled" for row in rows).items()))
    if labels != counts.labels:
        yield Finding("manifest", f"labels {labels}, dataset.json says {counts.labels}")
    twice = [name for name, n in Counter(row.clip.id for row in rows).items() if n > 1]
    yield from (Finding(name, "this id is in the manifest more than once") for name in sorted(twice))


def _splits(rows: list[Row]) -> Iterator[Finding]:
    held: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.clip.split is not None:
            held[row.clip.group].add(row.clip.split)
    for group, splits in sorted(held.items()):
        if len(splits) > 1:
            yield Finding(group, f"this group is in {' and '.join(sorted(splits))}")
    for row in rows:
        if (
            row.clip.is_synthetic
            and row.clip.split not in ("train", None)
            and any(not r.clip.is_synthetic for r in rows)
        ):
            yield Finding(row.clip.id, f"a synthetic sample is in {row.clip.split} of a release with real clips")
            return


def _members(header: Header, rows: list[Row]) -> Iterator[Finding]:
    """The allow-list of members, and what may hold which: structure is for synthetic people; limb maps of real ones are
    marked wherever they go."""
    allowed = {*suffixes(header.n_frames, has_structure=True, has_limbs=True)}
    for name in sorted(set(header.members) - allowed):
        yield Finding("dataset.json", f"member {name!r} is not on the allow-list")
    real = [row.clip for row in rows if not row.clip.is_synthetic]
    if STRUCTURE in header.members and real:
        yield Finding(real[0].id, f"{STRUCTURE} of real people is in this dataset; it must stay in the private folder")
    if LIMBS in header.members and real:
        unmarked = [clip.id for clip in real if POSE_RELEASED not in clip.protection]
        if POSE_RELEASED not in header.protection or POSE_RELEASED not in header.notice:
            unmarked.insert(0, "dataset.json")
        yield from (Finding(where, f"holds {LIMBS} and is not marked {POSE_RELEASED}") for where in unmarked)


def _media(dataset: Dataset, header: Header, rows: list[Row]) -> Iterator[Finding]:
    """Tars against rows: the same members, in order, at the same places, and each sample decodes to its own row."""
    by_shard: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_shard[str(row.shard)].append(row)
    for shard, held in sorted(by_shard.items()):
        held.sort(key=lambda row: row.member_offset)
        wanted = [
            (f"{row.clip.id}.{suffix}", offset, length)
            for row in held
            for suffix, offset, length in zip(header.members, row.member_offset, row.member_length, strict=False)
        ]
        try:
            found = [(member.name, member.offset, member.length) for member in walk(dataset.root / shard)]
        except (DatasetError, OSError) as error:
            yield Finding(shard, str(error))
            continue
        if found != wanted:
            odd = next((a for a, b in zip(found, wanted, strict=False) if a != b), None)
            what = f"first at {odd[0]}" if odd else f"{len(found)} members for {len(wanted)}"
            yield Finding(shard, f"members are not those of the manifest, {what}")
            continue
        yield from _samples(dataset, header, held)


def _samples(dataset: Dataset, header: Header, rows: Iterable[Row]) -> Iterator[Finding]:
    for row in rows:
        where = f"{row.shard} {row.clip.id}"
        try:
            members = dict(zip(header.members, dataset.members(row), strict=True))
            sample = decode(members)
            if clip_to_json(decode_clip(members["json"])) != clip_to_json(row.clip):
                yield Finding(where, "its JSON is not its row in the manifest")
            if sample.frames.shape[:3] != (row.clip.n_frames, row.clip.height_px, row.clip.width_px):
                yield Finding(where, f"frames are {sample.frames.shape[:3]}")
            if not row.clip.has_audio and sample.audio.any():
                yield Finding(where, "has sound, its row says it has none")
        except (DatasetError, ValueError, KeyError) as error:
            yield Finding(where, str(error))
