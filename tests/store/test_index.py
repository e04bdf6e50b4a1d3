"""The index of a split: the same places as the rows, read in columns; and none that cannot be."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.clip import Clip
from gerdata.errors import DatasetError
from gerdata.manifest import MANIFEST_SCHEMA, Row, write_rows
from gerdata.store import index as index_file
from gerdata.store import samples as samples_file
from gerdata.store.home import Folder
from gerdata.store.index import Index
from gerdata.store.samples import Samples

MEMBERS = ("f00.jpg", "flac", "json")


def row(number: int, offsets: tuple[int, ...] = (512, 2048, 4096), lengths: tuple[int, ...] = (7, 8, 9)) -> Row:
    clip = Clip(
        f"id{number:04d}", "g", None if number % 4 == 3 else "neutral", "train", 1.0, is_synthetic=number % 2 == 1
    )
    return Row(clip, shard=f"train/train-{number // 10:06d}.tar", member_offset=offsets, member_length=lengths)


def write(path: Path, rows: list[Row]) -> Index:
    write_rows(path, rows, MANIFEST_SCHEMA)
    return Index(path, MEMBERS)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 1 << 40), min_size=3, max_size=3), min_size=1, max_size=30), st.data())
def test_places_are_those_of_the_rows(tmp_path_factory, offsets: list[list[int]], data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.lists(st.integers(0, 1 << 30), min_size=3, max_size=3), min_size=len(offsets)))
    rows = [row(i, tuple(o), tuple(n)) for i, (o, n) in enumerate(zip(offsets, lengths, strict=False))]
    index = write(tmp_path_factory.mktemp("index") / "train.parquet", rows)
    for i, one in enumerate(rows):
        place = index.place(i)
        assert (index.name_of(i), place.shard, place.members) == (one.clip.id, one.shard, MEMBERS)
        assert [place.first + more for more in place.further] == list(one.member_offset)
        assert place.lengths == list(one.member_length)
        ends = [a + n for a, n in zip(one.member_offset, one.member_length, strict=True)]
        assert (place.first, place.first + place.span) == (min(one.member_offset), max(ends))
    assert list(index.rows(0, len(rows))) == rows


@pytest.mark.parametrize("few", [0, 1 << 17])
def test_columns_ids_and_rows_across_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(index_file, "FEW", few)  # ids are found by bisection, or by a table
    rows = [row(i) for i in range(9000)]  # three groups of rows
    index = write(tmp_path / "train.parquet", rows)
    assert len(index) == 9000
    assert index.ids[-1] == "id8999"
    assert index.ids[1:3] == ["id0001", "id0002"]
    assert [index.ids.find(f"id{i:04d}") for i in (0, 4095, 4096, 8999)] == [0, 4095, 4096, 8999]
    for name in ("id9999", "", "id"):
        with pytest.raises(KeyError):
            index.ids.find(name)
    assert index.codes("label", ("positive", "neutral")).tolist()[:4] == [1, 1, 1, -1]
    assert index.codes("label", ("positive",)).tolist()[:4] == [-2, -2, -2, -1]
    assert index.flags("is_synthetic").tolist()[:3] == [False, True, False]
    assert len(index.shards) == 900
    assert index.shards[int(index.shard_of[8999])] == rows[8999].shard
    assert [r.clip.id for r in index.rows(4090, 4100)] == [f"id{i:04d}" for i in range(4090, 4100)]
    some = index.select(np.array([8999, 0, 4096]))
    assert [some[k] for k in range(3)] == some[:] == [rows[8999], rows[0], rows[4096]]
    again = pickle.loads(pickle.dumps(index))  # noqa: S301 - our own bytes
    assert again.place(4096) == index.place(4096)


@pytest.mark.parametrize(
    ("offsets", "lengths"),
    [
        ((-1, 2048, 4096), (7, 8, 9)),
        ((512, 2048, 4096), (7, -8, 9)),
        ((512, 2048, 1 << 62), (7, 8, 9)),
        ((512, 2048, 4096), (7, 8, 1 << 40)),
        ((), ()),
        ((512, 2048), (7, 8)),
    ],
)
def test_what_cannot_be_a_place_is_refused_by_name(tmp_path: Path, offsets: tuple, lengths: tuple) -> None:
    index = write(tmp_path / "train.parquet", [row(0), row(1, offsets, lengths)])
    assert index.place(0).lengths == [7, 8, 9]
    with pytest.raises(DatasetError, match="id0001 lies at no place"):
        index.place(1)


@pytest.mark.parametrize("span", [0, 1 << 20])
def test_members_are_read_in_any_order_and_one_by_one_where_they_lie_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, span: int
) -> None:
    monkeypatch.setattr(samples_file, "SPAN_LIMIT_BYTES", span)
    data = bytes(range(256)) * 20
    (tmp_path / "train").mkdir()
    (tmp_path / "train/train-000000.tar").write_bytes(data)
    offsets, lengths = (4000, 17, 1000), (1120, 0, 900)
    index = write(tmp_path / "train.parquet", [row(0, offsets, lengths), row(1, (5000, 1, 2), (121, 1, 1))])
    samples = Samples(Folder(tmp_path), index)
    for number in (0, -2):
        held = {name: bytes(view) for name, view in samples[number].items()}
        wanted = {m: data[a : a + n] for m, a, n in zip(MEMBERS, offsets, lengths, strict=True)}
        assert held == wanted
        assert {m: bytes(samples.member(number, m)) for m in MEMBERS} == wanted
    for ask in (lambda: samples[1], lambda: samples.member(1, MEMBERS[0])):
        with pytest.raises(DatasetError, match="clip id0001 lies beyond its end"):
            ask()
    for number in (2, -3):
        with pytest.raises(IndexError):
            samples[number]


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found none"):
        Index(tmp_path / "none.parquet", MEMBERS)
    (tmp_path / "odd.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DatasetError, match="not a readable manifest"):
        Index(tmp_path / "odd.parquet", MEMBERS)
    write(tmp_path / "train.parquet", [row(0)])
    with pytest.raises(DatasetError, match="expected the columns"):
        Index(tmp_path / "train.parquet")  # no column of members: not an index of foreign tars
    table = pq.read_table(tmp_path / "train.parquet")
    pq.write_table(table.set_column(0, "id", table["id"].cast(pa.binary())), tmp_path / "bytes.parquet")
    with pytest.raises(DatasetError, match="column id holds bytes"):
        Index(tmp_path / "bytes.parquet", MEMBERS)
