import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from gerdata.learn.metrics import measure, wilson_interval

calls = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@given(calls)
def test_figures_are_those_of_scikit_learn_also_where_classes_are_absent(pairs: list[tuple[int, int]]) -> None:
    truth, called = np.array(pairs, np.int64).T
    ours = measure(truth, called, 3, "test", "synthetic")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that are called but never true
        uar = reference.balanced_accuracy_score(truth, called)
    assert ours.accuracy == pytest.approx(reference.accuracy_score(truth, called))
    assert ours.macro_f1 == pytest.approx(reference.f1_score(truth, called, average="macro", zero_division=0))
    assert ours.uar == pytest.approx(uar)
    assert np.array_equal(ours.confusion, reference.confusion_matrix(truth, called, labels=[0, 1, 2]))


@given(calls)
def test_interval_holds_the_accuracy_and_stays_in_bounds(pairs: list[tuple[int, int]]) -> None:
    truth, called = np.array(pairs, np.int64).T
    ours = measure(truth, called, 3, "test", "real")
    assert 0 <= ours.accuracy_low <= ours.accuracy <= ours.accuracy_high <= 1


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # statsmodels 0.14 proportion_confint(method="wilson")
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (81, 263, 0.255291, 0.366224)],
)
def test_wilson_interval_has_the_published_values(right: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=1e-4)
