"""Differences of models: none is found where there is none, as rarely as stated; a true one is; groups and seeds count."""

from dataclasses import replace

import numpy as np
import pytest

from gerdata.chance import rng_for
from gerdata.clip import CLASSES, Clip
from gerdata.errors import DatasetError
from gerdata.learn.compare import compare, gap_of, over_runs, p_told
from gerdata.learn.metrics import wilson_interval
from gerdata.learn.outcome import Outcome

GROUPS, EACH = 40, 6


def models(seed: int, lifts: tuple[float, ...], spread: float = 1.0) -> list[Outcome]:
    """Models on the same clips of 40 groups: what is hard about a group is hard for all of them. A lift helps one of them."""
    rng = rng_for(seed, "test", "models")
    n = GROUPS * EACH
    truth = rng.integers(0, 3, n)
    ease = np.repeat(rng.normal(1.0, 1.0, GROUPS), EACH)
    clips = tuple(Clip(f"c{i}", f"g{i // EACH}", CLASSES[truth[i]], "test", 5.0) for i in range(n))
    out = []
    for lift in lifts:
        scores = rng.normal(0, spread, (n, 3))
        scores[np.arange(n), truth] += ease + lift
        shares = np.exp(scores)
        out.append(Outcome(CLASSES, clips, truth.astype(np.int64), shares / shares.sum(axis=1, keepdims=True)))
    return out


def test_models_of_the_same_skill_differ_as_rarely_as_stated() -> None:
    told = [compare([a], [b], seed).of("accuracy") for seed in range(150) for a, b in [models(seed, (0.0, 0.0))]]
    found = sum(one.p < 0.05 for one in told)
    held = sum(one.difference.low <= 0 <= one.difference.high for one in told)
    assert found <= 15  # 7.5 are expected; 16 or more in under 1 of 200
    assert held >= 134


def test_a_true_difference_is_found_and_is_signed() -> None:
    better, worse = models(1, (1.0, 0.0))
    told = compare([better], [worse]).of("accuracy")
    assert told.difference.low > 0
    assert told.p < 0.01
    back = compare([worse], [better]).of("accuracy")
    assert back.difference.value == pytest.approx(-told.difference.value)
    assert "+" in told.line()
    assert p_told(1 / 2001) == "< 0.001"


def test_a_model_does_not_differ_from_itself() -> None:
    (one,) = models(2, (0.0,))
    told = compare([one], [one])
    assert all(each.difference == (0, 0, 0) for each in told.differences)
    assert all(each.p == 1 for each in told.differences)
    assert not told.is_underpowered


def test_pairing_narrows_the_interval() -> None:
    """Two models that err on the same clips: the paired interval of their difference is under half of the unpaired one."""
    a, _ = models(3, (0.0, 0.0))
    shares = a.probabilities.copy()
    shares[:10] = np.roll(shares[:10], 1, axis=1)
    b = replace(a, probabilities=shares)
    paired, apart = compare([a], [b]).of("accuracy").difference, gap_of(a, b, "accuracy")
    assert paired.value == pytest.approx(apart.value)
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


def test_runs_that_differ_by_seed_alone_widen_the_interval() -> None:
    runs = models(4, (0.0, 0.0, 0.9, 0.9), spread=0.3)
    even, odd = models(4, (0.45, 0.45, 0.45, 0.45), spread=0.3), runs
    wide, narrow = (over_runs(some)["accuracy"] for some in (odd, even))
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_the_spread_over_few_runs_is_that_of_their_mean() -> None:
    """Of 4 runs without any spread by group, drawn again, the variance of the mean is that of the runs over 4, unbiased."""
    from gerdata.learn.compare import _mean_of_runs

    values = np.array([0.1, 0.4, 0.5, 0.8])
    drawn = _mean_of_runs(np.tile(values, (40_000, 1)), rng_for(0, "test"))
    assert drawn.var() == pytest.approx(values.var(ddof=1) / 4, rel=0.03)


def test_where_every_run_is_right_about_everything_the_interval_is_that_of_the_groups() -> None:
    (one,) = models(7, (0.0,))
    sure = replace(one, probabilities=np.eye(3)[one.truth])
    assert over_runs([sure, sure])["accuracy"] == (1.0, *wilson_interval(GROUPS, GROUPS))
    assert compare([sure], [one]).of("accuracy").a.low < 1


def test_what_cannot_be_compared_is_refused() -> None:
    (one,) = models(5, (0.0,))
    with pytest.raises(DatasetError, match="other classes"):
        compare([one], [replace(one, classes=("a", "b", "c"))])
    with pytest.raises(DatasetError, match="other clips"):
        compare([one], [one.only(np.arange(30))])
    with pytest.raises(DatasetError, match="other clips"):
        compare([one], [replace(one, truth=np.roll(one.truth, 1))])


def test_few_groups_are_said() -> None:
    (one,) = models(6, (0.0,))
    assert compare([one.only(np.arange(60))], [one.only(np.arange(60))]).is_underpowered
