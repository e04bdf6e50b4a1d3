"""Where every sample of a split lies: the columns of its manifest, not an object a row.

Opening reads the footer of the Parquet; a column is decoded when it is first asked for, and places of members by groups of
rows (4,096 in ours), kept as 16 bytes a row and 8 a member. docs/performance.md says what a million rows take.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gerdata.errors import DatasetError
from gerdata.manifest import MANIFEST_SCHEMA, TABLE_LIMIT_BYTES, Row, holds_bytes

MEMBERS = "members"  # the column of suffixes in an index of foreign tars; a release's header tells them
INDEX_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("shard", pa.string()),
        (MEMBERS, pa.string()),  # suffixes in their order in the tar, with spaces between
        ("member_offset", pa.list_(pa.int64())),
        ("member_length", pa.list_(pa.int64())),
    ]
)
MEMBER_LIMIT_BYTES = (1 << 31) - 1
OFFSET_LIMIT_BYTES = 1 << 50
FEW = 1 << 17
HELD_GROUPS, HELD_ROWS = 32, 1 << 16

Ints = npt.NDArray[np.int64]


class Place(NamedTuple):
    """Where the members of one sample lie: in `shard`, below the root, within `span` bytes from `first` on, and each
    `lengths[k]` bytes from `first + further[k]` on."""

    shard: str
    members: tuple[str, ...]
    first: int
    span: int
    further: list[int]
    lengths: list[int]


@dataclass(frozen=True, slots=True)
class _Places:
    """Members of a group of rows: where the foremost begins, how far from there to the end of the hindmost, how far behind
    it each begins, and its length (-1: nowhere)."""

    ids: pa.Array
    firsts: Ints  # [rows]
    spans: Ints  # [rows]
    further: npt.NDArray[np.integer[Any]]  # [rows, most members]
    lengths: npt.NDArray[np.int32]  # [rows, most members]


class Ids(Sequence[str]):
    """The ids of a split, in its order; as compact as they are on disk."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        self._order: npt.NDArray[np.uint64] | None = None
        self._rows: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [str(name) for name in self._column[index].to_pylist()]
        return str(self._column[range(len(self))[index]].as_py())

    def find(self, name: str) -> int:
        """The row of an id: by a table up to `FEW`, else by bisection in an order that is made once. `KeyError` for none."""
        if len(self) <= FEW:
            if self._rows is None:
                self._rows = {one: row for row, one in reversed(list(enumerate(self[:])))}
            return self._rows[name]
        if self._order is None:
            self._order = pc.sort_indices(self._column).to_numpy()
        low, high = 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            if str(self._column[int(self._order[middle])].as_py()).encode() < name.encode():  # Arrow sorts by bytes
                low = middle + 1
            else:
                high = middle
        if low == len(self._order) or self[int(self._order[low])] != name:
            raise KeyError(name)
        return int(self._order[low])


class Index:
    """The columns of one manifest, or of the index of foreign tars, read when they are asked for.

    `members` are the suffixes that every sample has; None where the file has a column of them. Pickles as its path.
    `DatasetError` where the file is none of ours, or a place cannot be.
    """

    def __init__(self, path: Path, members: tuple[str, ...] | None = None) -> None:
        self.path, self._members = path, members
        self._open()

    def _open(self) -> None:
        if not self.path.is_file():
            raise DatasetError(f"{self.path}: expected a manifest here, found none; run the stage that writes it")
        if self.path.stat().st_size > TABLE_LIMIT_BYTES:
            raise DatasetError(f"{self.path}: larger than {TABLE_LIMIT_BYTES} bytes, which no manifest of ours is")
        try:
            footer = pq.read_metadata(self.path)
            words = [name for name in ("shard", "label", MEMBERS) if name in footer.schema.to_arrow_schema().names]
            self._file = pq.ParquetFile(self.path, metadata=footer, memory_map=True, read_dictionary=words)
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{self.path}: not a readable manifest ({_first_line(error)})") from None
        has = set(self._file.schema_arrow.names)
        wanted = {"id", "shard", "member_offset", "member_length"} | ({MEMBERS} if self._members is None else set())
        if not wanted <= has:
            raise DatasetError(f"{self.path}: expected the columns {', '.join(sorted(wanted))}; run verify")
        if odd := [field.name for field in self._file.schema_arrow if holds_bytes(field.type)]:
            raise DatasetError(f"{self.path}: not a readable manifest (column {odd[0]} holds bytes); run verify")
        groups = [self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)]
        self._group_starts: Ints = np.concatenate([[0], np.cumsum(groups, dtype=np.int64)])
        self._starts: list[int] = self._group_starts.tolist()
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._places: dict[int, _Places] = {}
        self._ids: Ids | None = None
        self._shards: tuple[list[str], npt.NDArray[np.int32]] | None = None
        self._kinds: tuple[list[tuple[str, ...]], npt.NDArray[np.int32]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_members": self._members}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self._members = state["path"], state["_members"]
        self._open()

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def ids(self) -> Ids:
        """The ids of all rows."""
        if self._ids is None:
            self._ids = Ids(self.column("id"))
        return self._ids

    @property
    def shards(self) -> list[str]:
        """The names of the shards, in the order of their first rows."""
        return self._shard_codes()[0]

    @property
    def shard_of(self) -> npt.NDArray[np.int32]:
        """Of every row, which of `shards` it lies in."""
        return self._shard_codes()[1]

    def column(self, name: str) -> pa.ChunkedArray:
        """One column as it is on disk; strings may be dictionaries."""
        if name not in self._columns:
            self._columns[name] = self._read(None, [name]).column(0)
        return self._columns[name]

    def codes(self, name: str, values: Sequence[str]) -> Ints:
        """A column of words as places in `values`: -1 where it is null, -2 where it is another word."""
        words, codes = _encoded(self.column(name))
        place = {word: number for number, word in enumerate(values)}
        table = np.array([*(place.get(word, -2) for word in words), -1], np.int64)
        return table[codes]

    def flags(self, name: str) -> npt.NDArray[np.bool_]:
        """A column of yes and no; null is no."""
        return np.asarray(pc.fill_null(self.column(name), False).combine_chunks().to_numpy(zero_copy_only=False), bool)

    def place(self, row: int) -> Place:
        """Where one sample lies; `DatasetError` where that cannot be, whatever the tar is."""
        number, inside = self.group_of(row)
        group = self._group(number)
        shards, codes = self._shard_codes()
        code = int(codes[row])
        if code < 0:
            raise DatasetError(
                f"{self.path}: clip {self.name_of(row)} has no media; this manifest points to raw sources"
            )
        members = self._members_of(row)
        lengths = group.lengths[inside, : len(members)].tolist()
        if len(lengths) < len(members) or not lengths or min(lengths) < 0:
            raise DatasetError(f"{self.path}: clip {self.name_of(row)} lies at no place in a tar; run verify")
        further = group.further[inside, : len(members)].tolist()
        return Place(shards[code], members, int(group.firsts[inside]), int(group.spans[inside]), further, lengths)

    def name_of(self, row: int) -> str:
        """The id of one row, without reading all."""
        number, inside = self.group_of(row)
        return str(self._group(number).ids[inside].as_py())

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        """Whole rows as objects, for those who want all of a few."""
        first = int(np.searchsorted(self._group_starts, start, "right")) - 1
        last = int(np.searchsorted(self._group_starts, max(start, stop - 1), "right"))
        table = self.whole(*range(first, last))
        yield from self.made(table.slice(start - int(self._group_starts[first]), stop - start))

    def whole(self, *groups: int) -> pa.Table:
        """All columns of some groups of rows."""
        known = [name for name in self._file.schema_arrow.names if name in MANIFEST_SCHEMA.names]
        return self._read(list(groups), known)

    def made(self, table: pa.Table) -> Iterator[Row]:
        """Rows as objects."""
        try:
            yield from (Row.from_json(flat) for flat in table.to_pylist())
        except (ValueError, TypeError, KeyError) as error:
            raise DatasetError(f"{self.path}: not a readable manifest ({_first_line(error)})") from None

    def select(self, numbers: Ints) -> "Rows":
        """Some rows as objects, each made when it is asked for."""
        return Rows(self, numbers)

    def group_of(self, row: int) -> tuple[int, int]:
        """In which group of rows a row is, and where in it."""
        number = bisect_right(self._starts, row) - 1
        return number, row - self._starts[number]

    def _members_of(self, row: int) -> tuple[str, ...]:
        if self._members is not None:
            return self._members
        if self._kinds is None:
            words, codes = _encoded(self.column(MEMBERS))
            self._kinds = [tuple(word.split(" ")) for word in words], codes
        kinds, codes = self._kinds
        return kinds[int(codes[row])]

    def _shard_codes(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        if self._shards is None:
            self._shards = _encoded(self.column("shard"))
        return self._shards

    def _group(self, number: int) -> "_Places":
        if number not in self._places:
            table = self._read([number], ["id", "member_offset", "member_length"])
            offsets, lengths = _matrix(table.column("member_offset")), _matrix(table.column("member_length"))
            self._places[number] = _packed(table.column("id").combine_chunks(), offsets, lengths)
        return self._places[number]

    def _read(self, groups: list[int] | None, columns: list[str]) -> pa.Table:
        try:
            if groups is None:
                return self._file.read(columns=columns)
            return self._file.read_row_groups(groups, columns=columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DatasetError(f"{self.path}: not a readable manifest ({_first_line(error)})") from None


class Rows(Sequence[Row]):
    """Some rows of an index as objects. `HELD_GROUPS` groups that were read stay in memory, and `HELD_ROWS` objects."""

    def __init__(self, index: Index, numbers: Ints) -> None:
        self._index, self._numbers = index, numbers
        self._tables: OrderedDict[int, pa.Table] = OrderedDict()
        self._made: OrderedDict[int, Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self._row(int(number)) for number in self._numbers[index]]
        return self._row(int(self._numbers[range(len(self))[index]]))

    def _row(self, number: int) -> Row:
        if number not in self._made:
            group, inside = self._index.group_of(number)
            if group not in self._tables:
                self._tables[group] = self._index.whole(group)
            self._made[number] = next(self._index.made(self._tables[group].slice(inside, 1)))
            if len(self._tables) > HELD_GROUPS:
                self._tables.popitem(last=False)
            if len(self._made) > HELD_ROWS:
                self._made.popitem(last=False)
        return self._made[number]


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Words in the order of their first rows, and of each row which it is, -1 for null."""
    words: dict[str, int] = {}
    parts = [np.empty(0, np.int32)]
    for chunk in column.chunks:
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        table = np.array(
            [words.setdefault(str(word), len(words)) for word in coded.dictionary.to_pylist()] + [-1], np.int32
        )
        parts.append(table[pc.fill_null(coded.indices, len(table) - 1).to_numpy(zero_copy_only=False)])
    return list(words), np.concatenate(parts)


def _packed(ids: pa.Array, offsets: Ints, lengths: Ints) -> _Places:
    """Offsets and lengths, each [rows, members], in half the memory; what cannot be a place gets the length -1."""
    width = min(offsets.shape[1], lengths.shape[1])
    offsets, lengths = offsets[:, :width], lengths[:, :width]
    bad = (offsets < 0) | (lengths < 0) | (lengths > MEMBER_LIMIT_BYTES) | (offsets > OFFSET_LIMIT_BYTES)
    firsts = np.where(bad, OFFSET_LIMIT_BYTES, offsets).min(axis=1, initial=OFFSET_LIMIT_BYTES)
    spans = np.where(bad, firsts[:, None], offsets + lengths).max(axis=1, initial=0) - firsts
    further = np.where(bad, 0, offsets - firsts[:, None])
    is_small = bool((np.abs(further) <= MEMBER_LIMIT_BYTES).all())
    further = further.astype(np.int32) if is_small else further
    return _Places(ids, firsts, spans, further, np.where(bad, -1, lengths).astype(np.int32))


def _matrix(column: pa.ChunkedArray) -> Ints:
    """Lists of numbers as one array [rows, longest]; -1 behind the end of shorter ones, and for what is null."""
    lists = column.combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    values = pc.fill_null(lists.flatten(), -1).to_numpy(zero_copy_only=False)
    width = int(sizes.max(initial=0))
    matrix = np.full((len(sizes), width), -1, np.int64)
    matrix[np.arange(width) < sizes[:, None]] = values
    return matrix


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
