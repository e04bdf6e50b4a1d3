"""Splits: whole groups, labels in proportion, drawn from identity and seed alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gerdata.clip import SPLITS
from gerdata.splits import Group, assign

groups = st.lists(
    st.tuples(st.integers(0, 10**6), st.dictionaries(st.sampled_from("pno"), st.integers(1, 9), min_size=1)),
    unique_by=lambda g: g[0],
    min_size=1,
    max_size=60,
)


@given(groups, st.integers(0, 5), st.randoms())
def test_order_does_not_matter_and_every_group_has_one_split(
    told: list[tuple[int, dict[str, int]]], seed: int, r
) -> None:
    made = [Group(str(name), labels) for name, labels in told]
    first = assign(made, (0.7, 0.15), seed)
    assert set(first) == {group.identity for group in made}
    assert set(first.values()) <= set(SPLITS)
    r.shuffle(made)
    assert assign(made, (0.7, 0.15), seed) == first


def test_shares_are_met_within_one_clip_for_each_label() -> None:
    made = [Group(f"{label}{i}", {label: 1}) for label, n in (("p", 100), ("n", 60), ("o", 41)) for i in range(n)]
    split_of = assign(made, (0.7, 0.15), 3)
    for label, n in (("p", 100), ("n", 60), ("o", 41)):
        held = Counter(split_of[g.identity] for g in made if label in g.labels)
        for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
            assert abs(held[split] - share * n) <= 1


def test_unequal_groups_stay_near_their_shares() -> None:
    made = [Group(f"g{i}", {"pno"[i % 3]: 1 + i % 7}) for i in range(300)]
    split_of = assign(made, (0.7, 0.15), 0)
    total = sum(sum(g.labels.values()) for g in made)
    held = Counter()
    for g in made:
        held[split_of[g.identity]] += sum(g.labels.values())
    for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
        assert abs(held[split] / total - share) < 0.01


def test_the_seed_decides_and_a_zero_share_gets_nothing() -> None:
    made = [Group(f"g{i}", {"p": 1}) for i in range(50)]
    assert assign(made, (0.7, 0.15), 0) != assign(made, (0.7, 0.15), 1)
    assert set(assign(made, (0.8, 0.2), 0).values()) == {"train", "validation"}
    assert set(assign(made, (1.0, 0.0), 0).values()) == {"train"}
