"""Shards: of one split, numbered without a gap, within their bounds, and never fewer than readers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.clip import Clip
from gerdata.errors import UsageError
from gerdata.recipe import ShardRecipe
from gerdata.shards.choose import Chosen
from gerdata.shards.cuts import MB, cuts_of, runs_of


def samples(n: int, split: str, size: int = 1000) -> list[Chosen]:
    return [Chosen(Clip(f"{split}{i}", "g", None, split, 1.0), 0, "parts/00000.tar", (0,), (size,)) for i in range(n)]


@given(
    st.lists(st.integers(1, 900_000), max_size=60),
    st.integers(1, 20),
    st.integers(1, 12),
    st.one_of(st.none(), st.floats(0.5, 5)),
)
def test_runs_hold_every_sample_within_all_bounds(sizes: list[int], most: int, least: int, mb: float | None) -> None:
    runs = runs_of(sizes, ShardRecipe(samples_per_shard=most, min_shards=least, max_shard_mb=mb))
    assert sum(runs) == len(sizes)
    assert all(1 <= run <= most for run in runs)
    assert len(runs) >= min(least, len(sizes))
    assert max(runs, default=0) - min(runs, default=0) <= 1
    start = 0
    for run in runs:
        held = sizes[start : start + run]
        start += run
        assert mb is None or sum(held) <= mb * MB or len(held) == 1
    if mb is None:
        assert len(runs) == max(math.ceil(len(sizes) / most), min(least, len(sizes)))


def test_names_are_contiguous_and_of_their_format() -> None:
    chosen = samples(7, "train") + samples(2, "validation") + samples(1, "test")
    tars = [cut.tar for cut in cuts_of(chosen, ShardRecipe(samples_per_shard=3))]
    assert tars == [
        "train/train-000000.tar",
        "train/train-000001.tar",
        "train/train-000002.tar",
        "validation/validation-000000.tar",
        "test/test-000000.tar",
    ]
    parquet = [cut.tar for cut in cuts_of(chosen, ShardRecipe(samples_per_shard=3, format="parquet"))]
    assert parquet[:3] == [f"data/train-0000{i}-of-00003.parquet" for i in range(3)]
    assert parquet[3:] == ["data/validation-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"]


def test_a_split_is_never_cut_into_shards_without_samples() -> None:
    cuts = cuts_of(samples(8, "train") + samples(3, "test"), ShardRecipe(min_shards=8))
    assert [cut.size for cut in cuts] == [1] * 11
    with pytest.raises(UsageError, match="train has 7 samples"):
        cuts_of(samples(7, "train"), ShardRecipe(min_shards=8))
