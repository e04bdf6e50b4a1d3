"""Measured rooms: cut at the direct sound, decay as they were made with, a room adds what it was measured to add."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import answer_of_room

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import RejectedInput
from gerdata.synth.response import DIRECT_S, LONGEST_S, late, trimmed


@given(rt60_s=st.floats(0.2, 1.2), noise_db=st.floats(-80, -45), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_decay_is_found_within_a_tenth_over_noise(rt60_s: float, noise_db: float, seed: int) -> None:
    kept, found = trimmed(answer_of_room(rt60_s, noise_db, seed=seed))
    assert found == pytest.approx(rt60_s, rel=0.1)
    assert kept[0] == np.abs(kept).max() == 1  # it begins with the direct sound
    assert len(kept) <= LONGEST_S * SAMPLE_RATE_HZ
    assert kept[-1] == 0


@pytest.mark.parametrize(
    "odd",
    [
        np.float32(0.3 * np.random.default_rng(0).standard_normal(16_000)),  # noise
        np.ones(16_000, np.float32),
        np.eye(1, 16_000, 5, dtype=np.float32)[0],  # a click has no room
        answer_of_room(0.5, noise_db=-20),  # too noisy to tell
        np.float32([0, 1, 0]),
        np.zeros(100, np.float32),
    ],
)
def test_what_is_no_response_is_refused(odd: np.ndarray) -> None:
    with pytest.raises(RejectedInput) as refused:
        trimmed(odd)
    assert refused.value.reason in ("no-decay", "no-sound")


def test_at_the_distance_of_the_group_the_share_of_direct_sound_is_as_measured() -> None:
    kept, _ = trimmed(answer_of_room(0.6))
    n = round(DIRECT_S * SAMPLE_RATE_HZ)
    measured = np.sum(kept[:n] ** 2) / np.sum(kept[n:] ** 2)
    for group_m in (1.5, 3.0):
        added = late(kept, group_m)
        assert not added[:n].any()
        assert (1 / group_m) ** 2 / np.sum(added**2) == pytest.approx(measured, rel=1e-3)
