"""Segments cover a source once, and are never shorter than asked."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.ingest.segments import cut


@given(st.floats(0.01, 50_000), st.floats(1, 60), st.floats(0.1, 1))
def test_every_second_is_in_exactly_one_segment(duration_s: float, segment_s: float, share: float) -> None:
    least_s = segment_s * share
    segments = cut(duration_s, segment_s, least_s)
    assert segments[0].start_s == 0
    for before, after in itertools.pairwise(segments):
        assert after.start_s == pytest.approx(before.start_s + before.duration_s)
    assert segments[-1].start_s + segments[-1].duration_s == pytest.approx(duration_s)
    assert all(s.duration_s < segment_s + least_s + 1e-6 for s in segments)
    if len(segments) > 1:
        assert all(s.duration_s >= least_s - 1e-6 for s in segments)


@pytest.mark.parametrize(
    ("duration_s", "durations"),
    [(5.04, [5.04]), (7.4, [7.4]), (7.5, [5, 2.5]), (22.43, [5, 5, 5, 7.43]), (0.04, [0.04])],
)
def test_a_short_rest_joins_the_segment_before(duration_s: float, durations: list[float]) -> None:
    assert [s.duration_s for s in cut(duration_s, 5.0, 2.5)] == pytest.approx(durations)


def test_nothing_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match="positive"):
        cut(0, 5, 2.5)
