"""Areas under the curve and their bounds, beside scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from gerdata.audit.ranking import area_of, ranked
from gerdata.chance import rng_for


@given(st.integers(0, 2**32), st.integers(4, 60))
def test_area_and_share_found_are_those_of_scikit_learn(seed: int, n: int) -> None:
    rng = rng_for(seed, "test")
    member = np.arange(n) % 3 == 0
    scores = np.round(rng.normal(member, 1.0), 1)  # with ties
    area, found = ranked("it", scores, member, np.arange(n), rng)
    assert area.value == pytest.approx(roc_auc_score(member, scores))
    fpr, tpr, _ = roc_curve(member, scores, drop_intermediate=False)
    assert found.value == pytest.approx(tpr[fpr <= 0.01].max())


def test_weights_count_as_repeated_clips() -> None:
    rng = rng_for(1, "test")
    members, others = rng.integers(0, 5, (1, 9)).astype(float), rng.integers(0, 5, (1, 9)).astype(float)
    truth = np.repeat([1, 0], [9, 9])
    scores = np.tile(np.arange(9), 2)
    told = roc_auc_score(truth, scores, sample_weight=np.concatenate([members[0], others[0]]))
    assert area_of(members, others)[0] == pytest.approx(told)


def test_bounds_hold_a_half_where_there_is_nothing_and_groups_widen_them() -> None:
    held, widths = 0, []
    for seed in range(60):
        rng = rng_for(seed, "test", "bounds")
        score = np.repeat(rng.normal(0, 1, 60), 4)  # four clips of a group score alike
        member = np.repeat(np.arange(60) % 2 == 0, 4)
        area = ranked("it", score, member, np.repeat(np.arange(60), 4), rng)[0]
        alone = ranked("it", score, member, np.arange(240), rng)[0]
        held += area.low <= 0.5 <= area.high
        widths.append((area.high - area.low) / (alone.high - alone.low))
    assert held >= 52
    assert np.mean(widths) > 1.7  # two, with four clips a group


def test_a_full_separation_is_bounded_by_the_number_of_groups() -> None:
    member = np.arange(40) < 20
    area = ranked("it", member.astype(float), member, np.arange(40) // 2, rng_for(0, "test"))[0]
    assert area.value == 1
    assert area.low == pytest.approx(0.025 ** (1 / 10))
    assert np.isnan(ranked("it", np.zeros(3), np.ones(3, np.bool_), np.arange(3), rng_for(0, "test"))[0].value)
