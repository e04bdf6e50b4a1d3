"""What a rule says of a group: by hand, under permutation, at its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.synth.rule import RULES, THRESHOLD, class_of, judge

VALENCES = st.lists(st.floats(-1, 1), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("rule", "valences", "salience", "label"),
    [
        ("mean-valence", [0.9, 0.3], [1, 1], 0),
        ("mean-valence", [0.9, -0.9, 0.2], [1, 1, 1], 1),
        ("majority", [0.9, -0.4, -0.4], [1, 1, 1], 2),
        ("salience-weighted", [0.9, -0.9], [9, 1], 0),
        ("salience-weighted", [0.9, -0.9], [1, 9], 2),
        ("all-same", [-0.6, -0.8], [1, 1], 2),
    ],
)  # fmt: skip
def test_rules_by_hand(rule: str, valences: list[float], salience: list[float], label: int) -> None:
    assert judge(rule, valences, salience).label == label


@pytest.mark.parametrize("rule", RULES)
@given(valences=VALENCES, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_soft_labels_sum_to_one_and_agree_with_the_label(rule: str, valences: list[float], seed: int) -> None:
    verdict = judge(rule, valences, np.ones(len(valences)), seed)
    assert sum(verdict.soft) == pytest.approx(1)
    assert verdict.soft[verdict.label] == pytest.approx(max(verdict.soft))
    assert verdict.margin >= 0


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "simulated-raters"])
@given(
    people=st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 5)), min_size=1, max_size=12), seed=st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_who_is_named_first_does_not_matter(rule: str, people: list[tuple[float, float]], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(people))
    one, other = (judge(rule, *np.array([people[i] for i in way]).T) for way in (range(len(people)), order))
    assert other.soft == pytest.approx(one.soft)
    assert other.margin == pytest.approx(one.margin)


def test_raters_agree_on_what_is_plain_and_differ_on_what_is_not() -> None:
    sure = [judge("simulated-raters", np.full(10, 0.9), np.ones(10), seed).margin for seed in range(20)]
    unsure = [judge("simulated-raters", np.full(10, THRESHOLD), np.ones(10), seed).margin for seed in range(40)]
    assert min(sure) == 1
    assert np.mean(unsure) < 0.6


def test_a_tie_is_undecided() -> None:
    assert judge("majority", [0.9, -0.9], [1, 1]).margin == 0
    assert judge("mean-valence", [THRESHOLD], [1]).margin == 0


def test_classes_of_one_person() -> None:
    assert [class_of(v) for v in (0.31, 0.3, 0.0, -0.3, -0.31)] == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("bad", [([], []), ([0.1], [1, 2])])
def test_nobody_has_no_mood(bad: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="one or more people"):
        judge("majority", *bad)
