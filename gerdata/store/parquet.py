"""Parquet shards: a row a sample, media as `struct<bytes, path>`, which Hugging Face `datasets`, pandas and DuckDB read.

Media are stored plain, neither compressed nor as a dictionary, so a member's bytes lie in the file as they are, and the same
offsets in the manifest that find a member in a tar find it here. Row groups are small: a nested column of over 2 GB in one
of them cannot be read by pyarrow.
"""

import contextlib
import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import DatasetError
from gerdata.manifest import CLIP_COLUMNS, MANIFEST_SCHEMA, Row, clip_to_json
from gerdata.store.tar import read_at

PARQUET = ".parquet"
GROUP_BYTES, GROUP_ROWS = 32 << 20, 256
MEDIUM = pa.struct(
    [("bytes", pa.binary()), ("path", pa.string())]
)  # the one form that datasets knows as Image or Audio
NOT_TWICE = ("plan",)  # it is in the sample's JSON
_COLUMN = {
    "mp4": "video",
    "flac": "audio",
    "wav": "audio",
    "json": "json",
    "structure.npz": "structure",
    "limbs.npz": "limbs",
}


def column_of(suffix: str) -> str:
    """The column that holds a member: `f00.jpg` is `f00`, sound is `audio`. Names without dots need no quotes in SQL."""
    return _COLUMN.get(suffix) or suffix.removesuffix(".jpg")


def schema_of(suffixes: Sequence[str]) -> pa.Schema:
    """The columns of a shard, with what `datasets` wants to know of them."""
    fields = [MANIFEST_SCHEMA.field(name) for name in CLIP_COLUMNS if name not in NOT_TWICE]
    features: dict[str, Any] = {}
    for suffix in suffixes:
        name = column_of(suffix)
        fields.append(pa.field(name, _type_of(suffix)))
        if suffix.endswith(".jpg"):
            features[name] = {"_type": "Image"}
        elif name == "audio":
            features[name] = {"sampling_rate": SAMPLE_RATE_HZ, "_type": "Audio"}
        elif name == "video":
            features[name] = {"_type": "Video"}
    told = json.dumps({"info": {"features": features}}, separators=(",", ":"))
    return pa.schema(fields, metadata={"huggingface": told})


def shard_from_tar(tar: Path, rows: Sequence[Row], suffixes: Sequence[str], out: Path) -> list[Row]:
    """The samples of a finished tar as a Parquet file at `out`; the rows with the places of their members there.

    The bytes depend on the rows, their members and the pyarrow version alone.
    """
    written = [row for row in rows if row.status == "written"]
    schema = schema_of(suffixes)
    names = [column_of(suffix) for suffix in suffixes]
    plain = [field.name for field in schema if field.name not in names]
    with (
        pq.ParquetWriter(
            out,
            schema,
            compression={name: "zstd" for name in _leaves(schema, plain)}
            | dict.fromkeys(_leaves(schema, names), "none"),
            use_dictionary=_leaves(schema, plain),
            write_statistics=_leaves(schema, plain),
            store_schema=True,
        ) as writer,
        tar.open("rb") as file,
    ):
        for group in groups(written):
            held = [_members(file, row, suffixes) for row in group]
            columns = _columns(schema, group, held, suffixes)
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(group))
    places = iter(_places(out, tar, written, suffixes))
    return [row if row.status != "written" else replace(row, member_offset=tuple(next(places))) for row in rows]


def groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows by row group: at most `GROUP_ROWS`, and at most `GROUP_BYTES` of members unless one sample has more."""
    held: list[Row] = []
    size = 0
    for row in rows:
        more = sum(row.member_length)
        if held and (len(held) == GROUP_ROWS or size + more > GROUP_BYTES):
            yield held
            held, size = [], 0
        held.append(row)
        size += more
    if held:
        yield held


def walk_shard(path: Path, suffixes: Sequence[str]) -> Iterator[tuple[dict[str, Any], list[bytes], list[str | None]]]:
    """Every row of a Parquet shard: its plain columns, the bytes of its members in order, and the names they go by.

    `DatasetError` where the file is not Parquet, or its columns are not those of a shard.
    """
    schema = schema_of(suffixes)
    with _translated(path):
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(schema):
                odd = sorted(set(file.schema_arrow.names) ^ set(schema.names)) or ["types"]
                raise DatasetError(f"{path.name}: columns are not those of a shard ({', '.join(odd)[:200]})")
            for batch in file.iter_batches(batch_size=16):
                for flat in batch.to_pylist():
                    media = [flat.pop(column_of(suffix)) for suffix in suffixes]
                    yield flat, [_bytes_of(one) for one in media], [_path_of(one) for one in media]


def rows_in(path: Path) -> int:
    """How many rows a Parquet file says it has; `DatasetError` where it is none."""
    with _translated(path):
        return int(pq.read_metadata(path).num_rows)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What pyarrow raises at a flipped bit is of many kinds."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DatasetError(f"{path.name}: not a shard that can be read ({why})") from None


def _type_of(suffix: str) -> pa.DataType:
    if suffix == "json":
        return pa.string()
    return pa.binary() if suffix.endswith(".npz") else MEDIUM


def _leaves(schema: pa.Schema, names: Sequence[str]) -> list[str]:
    """The names of columns as Parquet calls them, down to their leaves."""
    out = []
    for name in names:
        kind = schema.field(name).type
        if pa.types.is_struct(kind):
            out += [f"{name}.{kind.field(i).name}" for i in range(kind.num_fields)]
        else:
            out.append(f"{name}.list.element" if pa.types.is_list(kind) else name)
    return out


def _members(file: Any, row: Row, suffixes: Sequence[str]) -> list[bytes]:
    places = zip(row.member_offset, row.member_length, suffixes, strict=True)
    return [read_at(file, offset, length, f"{row.clip.id}.{suffix}") for offset, length, suffix in places]


def _columns(schema: pa.Schema, rows: list[Row], held: list[list[bytes]], suffixes: Sequence[str]) -> list[pa.Array]:
    flats = [clip_to_json(row.clip) for row in rows]
    n_plain = len(schema) - len(suffixes)
    columns = [pa.array([flat[f.name] for flat in flats], f.type) for f in list(schema)[:n_plain]]
    for number, suffix in enumerate(suffixes):
        data = [members[number] for members in held]
        kind = _type_of(suffix)
        if kind == MEDIUM:
            paths = [f"{row.clip.id}.{suffix}" for row in rows]
            columns.append(
                pa.StructArray.from_arrays([pa.array(data, pa.binary()), pa.array(paths)], fields=list(kind))
            )
        else:
            columns.append(pa.array([one.decode("ascii") for one in data] if suffix == "json" else data, kind))
    return columns


def _places(path: Path, tar: Path, rows: Sequence[Row], suffixes: Sequence[str]) -> list[list[int]]:
    """Where the members of a tar lie in the Parquet file made of it: plain values of a column follow one another, each after
    its length (4 bytes, little end first), so each is searched for behind the one before. What is found is the member."""
    with pq.ParquetFile(path) as parquet:
        meta = parquet.metadata
    found: list[list[int]] = [[] for _ in rows]
    with _mapped(path) as data, _mapped(tar) as source:
        for place, suffix in enumerate(suffixes):
            row = 0
            for number in range(meta.num_row_groups):
                at, end = _extent(meta.row_group(number), column_of(suffix))
                for _ in range(meta.row_group(number).num_rows):
                    start, length = rows[row].member_offset[place], rows[row].member_length[place]
                    at = data.find(length.to_bytes(4, "little") + source[start : start + length], at, end) + 4
                    if at < 4:
                        raise DatasetError(
                            f"{path.name}: member {suffix} of {rows[row].clip.id} is not where it was put"
                        )
                    found[row].append(at)
                    at += length
                    row += 1
    return found


def _extent(group: Any, name: str) -> tuple[int, int]:
    """Where the values of one member's column begin in the file, and where they have ended."""
    columns = (group.column(i) for i in range(group.num_columns))
    column = next(one for one in columns if one.path_in_schema in (name, f"{name}.bytes"))
    return column.data_page_offset, column.data_page_offset + column.total_compressed_size


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _bytes_of(value: Any) -> bytes:
    data = value["bytes"] if isinstance(value, dict) else value
    return data.encode("ascii") if isinstance(data, str) else bytes(data)


def _path_of(value: Any) -> str | None:
    """The name of a member; None where the column holds bytes alone."""
    return str(value["path"]) if isinstance(value, dict) else None
