"""Mixing and ordering: exact numbers, labels in proportion, synthetic in train only."""

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.clip import Clip
from gerdata.errors import UsageError
from gerdata.recipe import ShardRecipe
from gerdata.shards.choose import Chosen, apportion, mix, n_synthetic, order, split_synthetic


def one(name: str, label: str | None, split: str | None, synthetic: bool = False, group: str = "g") -> Chosen:
    return Chosen(
        Clip(name, group, label, split, 1.0, is_synthetic=synthetic), int(synthetic), "parts/00000.tar", (0,), (1,)
    )


@pytest.mark.parametrize(
    ("rate", "n"), [(0, 0), (0.1, 296), (0.2, 665), (0.3, 1140), (0.4, 1774), (0.5, 2661), (0.9, 23949)]
)
def test_the_papers_rule(rate: float, n: int) -> None:
    assert n_synthetic(2661, rate) == n


@pytest.mark.parametrize("rate", [1.0, 1.5, -0.1, float("nan")])
def test_a_rate_is_below_one(rate: float) -> None:
    with pytest.raises(UsageError, match="expected a share"):
        n_synthetic(10, rate)


@given(st.integers(0, 500), st.dictionaries(st.sampled_from("abcd"), st.integers(1, 50), min_size=1))
def test_apportioned_numbers_add_up_and_stay_within_one(total: int, weights: dict[str, int]) -> None:
    out = apportion(total, Counter(weights))
    assert sum(out.values()) == total
    whole = sum(weights.values())
    assert all(abs(out[name] - total * weight / whole) < 1 for name, weight in weights.items())


@given(st.lists(st.sampled_from(["positive", "neutral", "negative"]), min_size=1, max_size=40), st.floats(0, 0.6))
def test_synthetic_samples_go_to_train_in_the_labels_proportions(labels: list[str], rate: float) -> None:
    real = [one(f"r{i}", label, "train") for i, label in enumerate(labels)]
    real += [one("v", "neutral", "validation"), one("t", "neutral", "test"), one("u", None, "train")]
    pool = [one(f"s{i}", ("positive", "neutral", "negative")[i % 3], None, True) for i in range(300)]
    mixed = mix(real, pool, rate, seed=1)
    taken = [c for c in mixed if c.clip.is_synthetic]
    assert len(taken) == n_synthetic(len(labels), rate)
    assert {c.clip.split for c in taken} <= {"train"}
    assert mixed[: len(real)] == real
    counts, wanted = Counter(c.clip.label for c in taken), Counter(labels)
    assert all(abs(counts[label] - len(taken) * n / len(labels)) < 1 for label, n in wanted.items())
    assert mix(real, pool[::-1], rate, seed=1) == mixed


def test_another_seed_takes_others() -> None:
    real = [one(f"r{i}", "neutral", "train") for i in range(30)]
    pool = [one(f"s{i}", "neutral", None, True) for i in range(100)]
    first, second = ({c.clip.id for c in mix(real, pool, 0.5, seed)} for seed in (1, 2))
    assert first != second


def test_a_label_that_runs_short_is_told() -> None:
    real = [one(f"r{i}", "neutral", "train") for i in range(10)]
    with pytest.raises(UsageError, match=r"10 synthetic samples; 7 are missing \(7 neutral\)"):
        mix(real, [one(f"s{i}", "neutral", None, True) for i in range(3)], 0.5, 0)


def test_casts_never_cross_splits() -> None:
    pool = [
        one(f"s{i}", ("positive", "neutral", "negative")[i % 3], None, True, group=f"c{i % 40}") for i in range(200)
    ]
    split = split_synthetic(pool, ShardRecipe(), 0)
    held: dict[str, set[str | None]] = {}
    for c in split:
        held.setdefault(c.clip.group, set()).add(c.clip.split)
    assert all(len(splits) == 1 for splits in held.values())
    counts = Counter(c.clip.split for c in split)
    assert abs(counts["train"] / 200 - 0.7) < 0.05
    assert counts["validation"] > 20


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def test_order_is_drawn_over_the_whole_split_and_does_not_follow_names() -> None:
    chosen = [one(f"s{i:03d}", "neutral", ("train", "test")[i % 2]) for i in range(100)]
    out = order(chosen, _rank)
    assert [c.clip.split for c in out] == ["train"] * 50 + ["test"] * 50
    names = [c.clip.id for c in out[:50]]
    assert names != sorted(names)
    assert order(chosen[::-1], _rank) == out
    with pytest.raises(UsageError, match="have no split"):
        order([one("x", "neutral", None)], _rank)
