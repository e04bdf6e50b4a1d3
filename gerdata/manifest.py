"""Rows on disk: clips and verdicts as Parquet, the header of a dataset as JSON, the closed list of reasons.

The columns are an allow-list. A row is a `Row`: a clip and what became of it; dicts exist only at the file boundary.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from gerdata.clip import Clip, Quality
from gerdata.errors import DatasetError

FORMAT_VERSION = 1
ROW_GROUP = 4096
TABLE_LIMIT_BYTES = 4 << 30  # a manifest is rows, not media; more is not ours

# Why an input did not become a sample. Closed: adding one is a change of format.
REASONS = {
    "empty": "the file has no bytes",
    "format-not-allowed": "not a media file, or a format gerdata does not open (playlists, scripts, vector graphics)",
    "truncated": "the file ends before its own declared length, or fewer frames or samples decode than it declares",
    "undecodable": "the decoder failed or reported damage",
    "no-video": "there is no picture, and the recipe does not take sound alone",
    "no-audio": "there is no sound, and the recipe asks for it",
    "no-image": "a still picture, and the recipe does not take them",
    "encrypted": "the media are encrypted",
    "too-large": "a frame has more pixels than allowed",
    "too-long": "the source is longer than allowed",
    "too-short": "the source has no duration to take frames from",
    "too-many-streams": "the container holds more streams than allowed",
    "no-label": "no label was given, and --allow-unlabelled was not",
    "dropped-class": "the recipe leaves this class out",
    "not-a-group": "fewer people are seen at once than --min-people asks for",
    "quality": "a measure of quality is outside what the recipe asks for",
    "unsafe-path": "a link, a device or another thing that is not a regular file inside the source folder or tar",
    "duplicate-name": "a tar holds an earlier member of the same name",
    "unreadable": "the file cannot be opened for reading",
    "source-missing": "the source is no longer where it was ingested from",
    "source-changed": "the source is no longer the bytes that were ingested",
    "residual-face": "after rendering, a second, independent detector still finds a face: quarantined, no copy is kept",
    "open-track": "a head could not be followed with certainty up to a stored frame: quarantined, no copy is kept",
    "voice-left": "after rendering, the sound still follows the source's waveform: quarantined, no copy is kept",
    "detector-failed": "a detector failed on this clip, so nothing can be said of it: quarantined, no copy is kept",
    "crash": "the worker died on this input",
    "timeout": "the work took longer than its time limit",
    "memory": "the work needed more memory than its limit",
    "failed": "the stage failed on this input for a reason of its own; the log has it",
}
# Why a finished sample is not in a release. Closed; the first that holds counts.
LEFT_OUT = {
    "licence": "its licence is not one that the recipe takes, or is not known",
    "excluded-use": "its terms exclude the use that the release is for",
    "kind": "the recipe takes real samples alone, or synthetic ones alone",
    "unlabelled": "it has no label, and the recipe asks for one",
    "individual": "its corpus is of single persons, and the recipe asks for groups",
    "min-people": "fewer people are seen at once than the recipe asks for, or nobody counted them",
    "flag": "it has a flag that the recipe excludes",
    "quality": "a measure of its quality is outside what the recipe asks for",
    "not-measured": "a measure of quality that the recipe asks for was not taken",
    "group-cap": "its group has as many samples as the recipe allows",
    "balance": "its class has as many training samples as the rarest one",
    "synthetic-rate": "there are as many synthetic samples as the rate asks for",
}
# What is out of the ordinary in a source that is taken all the same, and what is done about it. Closed.
FLAGS = {
    "still-image": "a picture: one frame of no duration",
    "frame-sequence": "a folder of numbered pictures, read as a video",
    "animated-image": "a GIF: read as a video",
    "tensor": "frames were read from a tensor file",
    "no-video": "no picture stream: frames are black and has_video is false",
    "no-audio": "no sound stream: sound is silent and has_audio is false",
    "silent-audio": "the sound is silence: has_audio is false",
    "damaged-audio": "parts of the sound do not decode: they are silent",
    "nan-audio": "samples that are no numbers: they are silent",
    "extra-video-streams": "further picture streams: left out",
    "extra-audio-streams": "further sound streams: left out",
    "cover-art": "an attached picture: left out",
    "other-streams": "subtitles, data or attachments: left out",
    "rotated": "stored turned or mirrored: put upright",
    "non-square-pixels": "pixels are not square: stretched",
    "odd-size": "width or height is odd: kept as it is",
    "alpha": "has transparency: put on black",
    "interlaced": "two fields a frame: one is kept, its lines interpolated",
    "deep-colour": "more than 8 bits a channel: rounded to 8",
    "hdr": "high dynamic range (PQ or HLG): tone-mapped to standard range",
    "uneven-frame-rate": "variable frame rate: frames are taken by their timestamps",
    "late-start": "the first frame is not at time zero: times count from it",
    "negative-time": "timestamps below zero: times count from the first frame",
    "out-of-order-time": "timestamps that do not grow: each is taken as not before the one before it",
    "edit-list": "an edit list hides frames or sound: honoured",
    "late-audio": "the sound begins after the picture: silent until then",
    "early-audio": "the sound begins before the picture: cut",
    "short-audio": "the sound ends before the picture: silent from then on",
    "audio-gaps": "the sound has holes: silent there",
    "size-change": "the size of frames changes: each is fitted on its own",
    "wrong-extension": "the file is named as something that it is not: known by its content",
}
REPAIRED = frozenset(FLAGS) - {
    "still-image",
    "frame-sequence",
    "animated-image",
    "tensor",
    "no-video",
    "no-audio",
    "silent-audio",
    "odd-size",
    "short-audio",
}
LOAD_REASONS = ("timeout", "memory")  # verdicts that depend on the machine; `--retry-rejected` does them again

_QUALITY_FIELDS = [
    (field.name, pa.float64() if "float" in str(field.type) else pa.int32()) for field in dataclasses.fields(Quality)
]
_CLIP_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("group", pa.string()),
    ("label", pa.string()),
    ("split", pa.string()),
    ("duration_s", pa.float64()),
    ("n_frames", pa.int32()),
    ("height_px", pa.int32()),
    ("width_px", pa.int32()),
    ("has_audio", pa.bool_()),
    ("has_video", pa.bool_()),
    ("is_synthetic", pa.bool_()),
    ("protection", pa.string()),
    ("n_people", pa.int32()),
    ("label_soft", pa.list_(pa.float64())),
    ("label_margin", pa.float64()),
    ("label_rule", pa.string()),
    ("label_original", pa.string()),
    ("is_individual", pa.bool_()),
    ("fold", pa.int32()),
    ("quality", pa.struct(_QUALITY_FIELDS)),
    ("sound_levels", pa.list_(pa.int32())),
    ("flags", pa.list_(pa.string())),
    ("label_visible", pa.string()),
    ("mark", pa.string()),
    ("plan", pa.string()),
]
_PLACE_FIELDS: list[tuple[str, pa.DataType]] = [
    ("shard", pa.string()),  # path of the tar below the dataset
    ("member_offset", pa.list_(pa.int64())),  # of each member's bytes, in the header's order of members
    ("member_length", pa.list_(pa.int64())),
    ("sample_sha256", pa.string()),  # of its members' bytes one after another
]
_VERDICT_FIELDS: list[tuple[str, pa.DataType]] = [
    ("status", pa.string()),
    ("reason", pa.string()),
    ("detail", pa.string()),
    ("source", pa.string()),  # which planned item the row came from: a pseudonym or an ordinal, never a name
]
MANIFEST_SCHEMA = pa.schema(_CLIP_FIELDS + _PLACE_FIELDS)
PART_SCHEMA = pa.schema(_VERDICT_FIELDS + _CLIP_FIELDS + _PLACE_FIELDS)
REJECTS_SCHEMA = pa.schema([("id", pa.string()), ("reason", pa.string()), ("detail", pa.string())])
CLIP_COLUMNS = tuple(name for name, _ in _CLIP_FIELDS)


@dataclass(frozen=True, slots=True)
class Row:
    """A clip, what became of it (`status` written or rejected), and where its bytes lie."""

    clip: Clip
    status: Literal["written", "rejected"] = "written"
    reason: str | None = None
    detail: str | None = None
    source: str = ""
    shard: str | None = None
    member_offset: tuple[int, ...] = ()
    member_length: tuple[int, ...] = ()
    sample_sha256: str | None = None

    def __post_init__(self) -> None:
        if (self.status == "rejected") != (self.reason is not None):
            raise ValueError(f"a rejected row has a reason and a written one has none: {self.status}, {self.reason}")
        if self.reason is not None and self.reason not in REASONS:
            raise ValueError(f"reason {self.reason!r} is not in the closed list: {', '.join(REASONS)}")

    def to_json(self) -> dict[str, Any]:
        """The row as one flat dict of JSON values, in the order of `PART_SCHEMA`."""
        flat = {**clip_to_json(self.clip), **{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}}
        return {name: _plain(flat[name]) for name in PART_SCHEMA.names}

    @classmethod
    def from_json(cls, flat: dict[str, Any]) -> "Row":
        """Inverse of `to_json`; also reads manifest rows, which have no verdict and so were written."""
        rest = {f.name: flat[f.name] for f in dataclasses.fields(cls) if f.name != "clip" and f.name in flat}
        for name in ("member_offset", "member_length"):
            rest[name] = tuple(rest.get(name) or ())
        return cls(clip=clip_from_json(flat), **rest)


def sample_sha256(members: Iterable[bytes]) -> str:
    """SHA-256 over a sample's members in their order, in hex. Its row is one of them, so every release has another."""
    digest = hashlib.sha256()
    for data in members:
        digest.update(data)
    return digest.hexdigest()


def clip_to_json(clip: Clip) -> dict[str, Any]:
    """The published form of a clip: JSON values in the order of the manifest's columns."""
    return {name: _plain(getattr(clip, name)) for name in CLIP_COLUMNS}


def clip_from_json(flat: dict[str, Any]) -> Clip:
    """Inverse of `clip_to_json`; columns it does not know are left out, missing ones take their defaults."""
    known = {name: flat[name] for name in CLIP_COLUMNS if name in flat}
    known["flags"] = tuple(known.get("flags") or ())
    for name in ("label_soft", "sound_levels"):
        if known.get(name) is not None:
            known[name] = tuple(known[name])
    if known.get("quality") is not None:
        known["quality"] = Quality(**known["quality"])
    return Clip(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, Quality):
        return dataclasses.asdict(value)
    return list(value) if isinstance(value, tuple) else value


class PartEntry(BaseModel):
    """One finished part, as the header lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    rows: int
    written: int
    rows_sha256: str
    tar_sha256: str | None  # None where the part has no media


class Counts(BaseModel):
    """The two sums: sources = accepted + rejected, clips = written + rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sources: int
    sources_accepted: int
    sources_rejected: int
    clips: int
    written: int
    rejected: int
    reasons: dict[str, int]
    labels: dict[str, int]
    splits: dict[str, int]
    flags: dict[str, int] = {}
    verdicts: dict[str, int] = {}  # of the clips written: ok, or repaired
    balance: dict[str, dict[str, int]] = {}  # split to label to clips


class Pool(BaseModel):
    """What a release was chosen from: clips = chosen + those left out, each with one reason of `LEFT_OUT`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    clips: int
    chosen: int
    left_out: dict[str, int]


class Header(BaseModel):
    """`dataset.json`: written last; its presence means that the dataset is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: int
    stage: str
    classes: tuple[str, ...]
    members: tuple[str, ...]
    n_frames: int
    counts: Counts
    recipe: dict[str, Any]
    seed: int
    fingerprint: dict[str, str]
    parents: list[dict[str, str]]
    parts: list[PartEntry]
    pool: Pool | None = None
    protection: str
    notice: str = ""

    @classmethod
    def read(cls, text: bytes, where: str) -> "Header":
        """Parse a header; `DatasetError` names the place where it is not one of ours."""
        try:
            header = cls.model_validate_json(text)
        except ValueError as error:
            first = str(error).splitlines()[0]
            raise DatasetError(f"{where}: expected a gerdata dataset.json, but {first}") from None
        if header.format_version != FORMAT_VERSION:
            raise DatasetError(
                f"{where}: format version {header.format_version}, this gerdata reads {FORMAT_VERSION}; make it anew"
            )
        return header

    def to_bytes(self) -> bytes:
        return (self.model_dump_json(indent=1) + "\n").encode()


def write_rows(path: Path, rows: Iterable[Row], schema: pa.Schema) -> None:
    """Rows to one Parquet file of the given columns. The bytes depend on the rows and the pyarrow version alone."""
    waiting = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while flats := [row.to_json() for row in islice(waiting, ROW_GROUP)]:  # one group in memory at a time
            columns = [pa.array([flat[field.name] for flat in flats], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def read_rows(path: Path, columns: list[str] | None = None) -> list[Row]:
    """All rows of a part or a manifest; `DatasetError` where the file is not one of ours."""
    return list(_rows(path, columns))


def _rows(path: Path, columns: list[str] | None) -> Iterator[Row]:
    if not path.is_file():
        raise DatasetError(f"{path}: expected a manifest here, found none; run the stage that writes it")
    if path.stat().st_size > TABLE_LIMIT_BYTES:
        raise DatasetError(f"{path}: {path.stat().st_size} bytes, a manifest has at most {TABLE_LIMIT_BYTES}")
    try:
        table = pq.read_table(path, columns=columns)
        if odd := [field.name for field in table.schema if holds_bytes(field.type)]:
            raise ValueError(f"column {odd[0]} holds bytes")  # no column does: one bit of its type makes text bytes
        for batch in table.to_batches(ROW_GROUP):
            for flat in batch.to_pylist():
                yield Row.from_json(flat)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise DatasetError(f"{path}: not a readable manifest ({str(error).splitlines()[0][:200]})") from None


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether a column's values are bytes, or lists of them, which those of a manifest never are."""
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))
