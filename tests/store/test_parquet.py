"""Parquet shards: each member lies where the rows say, is what the columns say, and the bytes are always the same."""

import dataclasses
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gerdata.clip import Clip
from gerdata.errors import DatasetError
from gerdata.manifest import Row
from gerdata.store import parquet
from gerdata.store.members import encode_clip
from gerdata.store.parquet import groups, rows_in, shard_from_tar, walk_shard
from gerdata.store.tar import TarWriter, finish

SUFFIXES = ("f00.jpg", "f01.jpg", "wav", "json", "structure.npz")


def tarred(root: Path, samples: list[tuple[bytes, ...]]) -> tuple[Path, list[Row]]:
    """A tar of samples of four members and their row; every third row is one that was rejected."""
    path, rows = root / "a.tar", []
    with path.open("wb") as file:
        tar = TarWriter(file)
        for number, (first, second, sound, structure) in enumerate(samples):
            clip = Clip(f"key{number}", "group", None, "train", 1.0, plan=json.dumps({"number": number}))
            data = (first, second, sound, encode_clip(clip), structure)
            held = [tar.add(f"{clip.id}.{suffix}", one) for suffix, one in zip(SUFFIXES, data, strict=True)]
            places = {"member_offset": tuple(m.offset for m in held), "member_length": tuple(m.length for m in held)}
            rows.append(Row(clip, shard="data/x.parquet", **places))
            if number % 3 == 2:
                rows.append(Row(dataclasses.replace(clip, id=f"bad{number}"), "rejected", "failed"))
    finish(path)
    return path, rows


few = st.binary(max_size=3) | st.sampled_from([b"\0\0\0\0", b"\4\0\0\0\4", b"same" * 300])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=st.lists(st.tuples(few, few, few, few), max_size=9))
def test_offsets_find_what_the_columns_hold(
    tmp_path: Path, samples: list[tuple[bytes, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where members are alike, empty, or look like the lengths before them, and over several row groups."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    tar, rows = tarred(tmp_path, samples)
    out = tmp_path / "a.parquet"
    placed = shard_from_tar(tar, rows, SUFFIXES, out)
    assert [row.clip.id for row in placed] == [row.clip.id for row in rows]
    written = [row for row in placed if row.status == "written"]
    data = out.read_bytes()
    found = list(walk_shard(out, SUFFIXES))
    assert rows_in(out) == len(found) == len(written) == len(samples)
    for row, (flat, media, names), sample in zip(written, found, samples, strict=True):
        ours = [*sample[:3], encode_clip(row.clip), sample[3]]
        places = zip(row.member_offset, row.member_length, strict=True)
        assert media == [data[start : start + length] for start, length in places] == ours
        assert flat["id"] == row.clip.id
        assert names == [f"{row.clip.id}.f00.jpg", f"{row.clip.id}.f01.jpg", f"{row.clip.id}.wav", None, None]
    assert pq.ParquetFile(out).num_row_groups == -(-len(samples) // 4)
    shard_from_tar(tar, rows, SUFFIXES, tmp_path / "b.parquet")
    assert (tmp_path / "b.parquet").read_bytes() == data


@given(st.lists(st.integers(1, 40 << 20), max_size=40))
def test_row_groups_are_small(sizes: list[int]) -> None:
    rows = [
        Row(Clip(f"k{i}", "g", None, "train", 1.0), member_offset=(0,), member_length=(n,)) for i, n in enumerate(sizes)
    ]
    held = list(groups(rows))
    assert [row for group in held for row in group] == rows
    for group in held:
        assert len(group) == 1 or sum(row.member_length[0] for row in group) <= parquet.GROUP_BYTES


def test_what_is_no_shard_is_an_error(tmp_path: Path) -> None:
    tar, rows = tarred(tmp_path, [(b"a", b"b", b"c", b"d")])
    out = tmp_path / "a.parquet"
    shard_from_tar(tar, rows, SUFFIXES, out)
    with pytest.raises(DatasetError, match="columns are not those of a shard"):
        list(walk_shard(out, SUFFIXES[:4]))
    out.write_bytes(out.read_bytes()[:-9])
    with pytest.raises(DatasetError, match="not a shard that can be read"):
        list(walk_shard(out, SUFFIXES))
