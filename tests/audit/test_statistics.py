"""Bounds and rates of attacks beside references and known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_curve

from gerdata.audit.statistics import clopper_pearson, clustered, equal_error_rate, named_right, true_accepts
from gerdata.chance import rng_for


@given(st.integers(1, 700).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_is_that_of_scipy(trials: tuple[int, int]) -> None:
    told = binomtest(*trials).proportion_ci(method="exact")
    assert clopper_pearson(*trials) == pytest.approx((told.low, told.high), abs=1e-9)


def test_none_of_600_bounds_at_06_percent_and_none_of_368_at_one() -> None:
    assert clopper_pearson(0, 600)[1] == pytest.approx(0.0061, abs=1e-4)
    assert clopper_pearson(0, 368)[1] <= 0.01 < clopper_pearson(0, 366)[1]


@given(st.integers(0, 2**32), st.integers(5, 60))
def test_error_rates_are_those_of_the_roc_curve(seed: int, n: int) -> None:
    rng = rng_for(seed, "test")
    is_same = np.arange(n) % 3 == 0
    scores = np.round(rng.normal(is_same, 1.0), 1)  # with ties
    fpr, tpr, _ = roc_curve(is_same, scores, drop_intermediate=False)
    at = int(np.argmin(np.abs(fpr - (1 - tpr))))
    assert equal_error_rate(scores, is_same) == pytest.approx((fpr[at] + 1 - tpr[at]) / 2)
    assert true_accepts(scores, is_same) == pytest.approx(tpr[fpr <= 0.01].max())


def test_pairs_of_one_kind_have_no_error_rate() -> None:
    assert np.isnan(equal_error_rate(np.ones(3), np.ones(3, np.bool_)))


def test_drawing_people_again_is_wider_than_drawing_pictures() -> None:
    rng = rng_for(0, "test")
    who = np.repeat(np.arange(20), 50)
    hit = rng.random(20)[who] > rng.random(1000)
    figure = clustered("x", hit, who, rng)
    exact = clopper_pearson(int(hit.sum()), 1000)
    assert figure.high - figure.low > 2 * (exact[1] - exact[0])


def test_one_favourite_name_is_chance_and_always_right_is_one() -> None:
    rng = rng_for(0, "test")
    true = np.repeat(np.arange(32), 10)
    same = named_right("x", np.zeros(320, np.int64), true, rng)
    assert (same.value, same.low, same.high) == pytest.approx((1 / 32,) * 3)
    right = named_right("x", true, true, rng)
    assert right.value == right.high == 1.0
    assert 0.85 < right.low < 0.95  # 32 of 32
