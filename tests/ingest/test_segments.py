"""Segments cover a source, are never shorter than asked, and come out the same however the source is told."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.ingest.segments import Cutter, Knife, Segment, cut


def knife(segment_s: float, share: float, overlap: float = 0.0) -> Knife:
    return Knife(segment_s, segment_s * (1 - overlap), segment_s * share)


cuts = st.lists(st.floats(0, 400), max_size=30)


@given(st.floats(0.01, 50_000), st.floats(1, 60), st.floats(0.1, 1))
def test_every_second_is_in_exactly_one_segment(duration_s: float, segment_s: float, share: float) -> None:
    least_s = segment_s * share
    segments = cut(duration_s, knife(segment_s, share))
    assert segments[0].start_s == 0
    for before, after in itertools.pairwise(segments):
        assert after.start_s == pytest.approx(before.end_s)
    assert segments[-1].end_s == pytest.approx(duration_s)
    assert all(s.duration_s < segment_s + least_s + 1e-6 for s in segments)
    if len(segments) > 1:
        assert all(s.duration_s >= least_s - 1e-6 for s in segments)


@given(st.floats(1, 400), st.floats(2, 20), st.floats(0.1, 1), st.floats(0, 0.8), cuts)
def test_with_overlap_and_scenes_every_second_is_in_some_segment(
    duration_s: float, segment_s: float, share: float, overlap: float, cuts_s: list[float]
) -> None:
    segments = cut(duration_s, knife(segment_s, share, overlap), cuts_s)
    reached = 0.0
    for segment in segments:
        assert segment.start_s <= reached + 1e-6
        reached = max(reached, segment.end_s)
    assert reached == pytest.approx(duration_s)
    if len(segments) > 1:
        assert min(s.duration_s for s in segments) >= segment_s * share - 1e-6


@given(
    st.floats(1, 400),
    st.floats(2, 20),
    st.floats(0.1, 1),
    st.floats(0, 0.8),
    cuts,
    st.lists(st.floats(0, 400), max_size=50),
)
def test_cutting_as_it_runs_gives_the_same_as_cutting_at_once(
    duration_s: float, segment_s: float, share: float, overlap: float, cuts_s: list[float], looks_s: list[float]
) -> None:
    how = knife(segment_s, share, overlap)
    cutter, out, oldest_s = Cutter(how), [], []
    events = sorted([(s, True) for s in cuts_s if s < duration_s] + [(s, False) for s in looks_s if s < duration_s])
    for at_s, is_cut in events:
        out += cutter.push(at_s)
        if is_cut:
            cutter.cut(at_s)
        oldest_s.append((len(out), cutter.oldest_s))
    out += cutter.close(duration_s)
    assert out == cut(duration_s, how, cuts_s)
    for n, before_s in oldest_s:  # what was said to be needed no more is not needed any more
        assert all(segment.start_s >= before_s - 1e-9 for segment in out[n:])


@pytest.mark.parametrize(
    ("duration_s", "durations"),
    [(5.04, [5.04]), (7.4, [7.4]), (7.5, [5, 2.5]), (22.43, [5, 5, 5, 7.43]), (0.04, [0.04]), (0.0, [0.0])],
)
def test_a_short_rest_joins_the_segment_before(duration_s: float, durations: list[float]) -> None:
    assert [s.duration_s for s in cut(duration_s, Knife(5.0, 5.0, 2.5))] == pytest.approx(durations)


def test_segments_overlap_as_asked() -> None:
    got = [(s.start_s, s.end_s) for s in cut(12, Knife(5.0, 2.5, 2.5))]
    assert got == [(0, 5), (2.5, 7.5), (5, 10), (7.5, 12)]


def test_no_segment_runs_over_a_scene_cut_that_is_long_enough() -> None:
    got = [(s.start_s, s.end_s) for s in cut(14, Knife(5.0, 5.0, 2.5), [6.0, 7.0, 13.0])]
    assert got == [(0, 6), (6, 11), (11, 14)]  # the scenes at 7 and 13 are too short to stand alone


@pytest.mark.parametrize("duration_s", [-1, float("nan"), float("inf")])
def test_nothing_cannot_be_cut(duration_s: float) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        cut(duration_s, Knife(5, 5, 2.5))


def test_a_segment_knows_its_end() -> None:
    assert Segment(2, 3).end_s == 5
