"""Figures and their intervals: the same as scikit-learn's, and covering what they should as often as they say."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from gerdata.chance import rng_for
from gerdata.clip import CLASSES, Clip
from gerdata.learn.bootstrap import BINS, drawn_sums, figures_of, redrawn, share, sums_of_groups, whole
from gerdata.learn.breakdown import break_down
from gerdata.learn.metrics import wilson_interval
from gerdata.learn.outcome import Outcome

sizes = st.tuples(st.integers(1, 60), st.integers(0, 1000))


def outcome_of(n: int, seed: int, groups: int = 1000, skill: float = 1.0, **told: object) -> Outcome:
    """Clips of up to `groups` groups whose model knows the class the better the higher the skill."""
    rng = rng_for(seed, "test", n)
    truth = rng.integers(0, 3, n)
    scores = rng.normal(0, 1, (n, 3))
    scores[np.arange(n), truth] += skill
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    clips = tuple(
        Clip(f"c{i}", f"g{rng.integers(groups)}", CLASSES[truth[i]], "test", 5.0, **told)  # type: ignore[arg-type]
        for i in range(n)
    )
    return Outcome(CLASSES, clips, truth.astype(np.int64), probabilities)


@given(sizes)
def test_figures_are_those_of_scikit_learn(size: tuple[int, int]) -> None:
    one = outcome_of(*size)
    told = figures_of(whole(sums_of_groups(one.truth, one.probabilities, one.group)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that are called but never true
        assert told["uar"] == pytest.approx(reference.balanced_accuracy_score(one.truth, one.called))
    assert told["accuracy"] == pytest.approx(reference.accuracy_score(one.truth, one.called))
    macro = reference.f1_score(one.truth, one.called, average="macro", zero_division=0)
    assert told["macro_f1"] == pytest.approx(macro)
    confidence = one.probabilities.max(axis=1)
    right, sure = calibration_curve(one.called == one.truth, confidence, n_bins=BINS)  # of bins that hold any
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)
    assert told["ece"] == pytest.approx((np.abs(right - sure) * counts[counts > 0]).sum() / len(one.truth))


def test_drawing_clips_one_by_one_gives_the_interval_of_a_binomial() -> None:
    rng = rng_for(0, "test")
    hits = (rng.random(400) < 0.7).astype(np.float64)
    low, high = np.percentile(redrawn(hits, rng) / 400, [2.5, 97.5])
    assert (low, high) == pytest.approx(wilson_interval(int(hits.sum()), 400), abs=0.01)


def test_groups_drawn_as_wholes_make_intervals_that_hold_the_truth() -> None:
    """40 groups of 10 clips that are right or wrong together: drawn as groups .95 of the intervals hold the truth, drawn as
    clips half of them do not."""
    held = {"groups": 0, "clips": 0}
    for trial in range(200):
        rng = rng_for(trial, "test", "cover")
        hits = np.repeat(rng.random(40) < 0.6, 10).astype(np.float64)
        for name, by in (("groups", hits.reshape(40, 10).sum(axis=1)), ("clips", hits)):
            low, high = np.percentile(redrawn(by, rng, 400) / 400, [2.5, 97.5])
            held[name] += low <= 0.6 <= high
    assert held["groups"] >= 180
    assert held["clips"] < 120


def test_where_all_is_right_the_interval_is_that_of_the_groups() -> None:
    assert share(1.0, np.ones(10), 20) == (1.0, *wilson_interval(20, 20))
    assert share(1.0, np.ones(10), 1)[1:] == (0.0, 1.0)


def test_all_figures_of_a_draw_come_from_the_same_groups() -> None:
    one = outcome_of(90, 1, groups=9)
    sums = sums_of_groups(one.truth, one.probabilities, one.group)
    again = drawn_sums(sums, rng_for(1, "a"))
    other = drawn_sums(sums, rng_for(1, "a"))
    assert np.array_equal(again.table, other.table)
    assert (again.table.sum(axis=(1, 2)) != 90).any()  # groups differ in size
    calibrated = figures_of(again)
    assert ((calibrated["ece"] >= 0) & (calibrated["ece"] <= 1)).all()


def test_calibration_error_of_a_calibrated_model_is_near_zero_and_of_a_sure_one_is_not() -> None:
    """Whoever is sure of everything and right by chance is off by two thirds."""
    rng = rng_for(3, "test")
    probabilities = rng.dirichlet(np.ones(3), 4000)
    truth = np.array([rng.choice(3, p=row) for row in probabilities])
    clips = tuple(Clip(f"c{i}", f"g{i}", None, "test", 5.0) for i in range(4000))
    calm = break_down(Outcome(CLASSES, clips, truth, probabilities), "test").whole.ece
    assert calm.low < 0.02
    assert calm.value < 0.04
    sure = np.eye(3)[rng.integers(0, 3, 4000)]
    assert break_down(Outcome(CLASSES, clips, truth, sure), "test").whole.ece.value == pytest.approx(2 / 3, abs=0.03)


def test_parts_are_whole_and_few_groups_are_said() -> None:
    from dataclasses import replace

    one = outcome_of(120, 2, groups=60)
    sizes_, margins = [1, 4, 7, 12, None, 0], [0.05, 0.2, 0.9, None]
    clips = tuple(
        replace(clip, n_people=sizes_[i % 6], label_margin=margins[i % 4], is_synthetic=i % 2 == 0)
        for i, clip in enumerate(one.clips)
    )
    told = break_down(replace(one, clips=clips), "test")
    names = [part.name for part in told.parts]
    people = ("none", "1-2", "3-5", "6-9", "10 or more", "not known")
    assert names[:6] == [f"people {one}" for one in people]
    assert names[-2:] == ["kind real", "kind synthetic"]
    for title in ("people", "margin", "kind"):
        assert sum(part.clips for part in told.parts if part.name.startswith(title)) == 120
    assert told.data_kind == "mixed"
    assert not told.whole.is_underpowered
    assert all(part.is_underpowered for part in told.parts if part.name.startswith("people"))
    assert "underpowered" in told.parts[0].line()
    for part in (told.whole, *told.parts):
        for estimate in (part.accuracy, part.uar, part.ece, *part.recall):
            assert not estimate.low > estimate.value
            assert not estimate.high < estimate.value
    assert told == break_down(replace(one, clips=clips), "test")
