"""Squares of frames: there and back without loss, and what is cut lies where the points say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.people.squares import Square

places = st.floats(-50, 450)
squares = st.builds(Square, places, places, st.floats(2, 900), st.floats(-np.pi, np.pi))


@given(squares, st.lists(st.tuples(places, places), min_size=1, max_size=20), st.sampled_from([192, 256]))
def test_there_and_back_is_the_same_place(square: Square, points: list[tuple[float, float]], px: int) -> None:
    told = np.array(points)
    assert np.abs(square.back(square.into(told, px), px) - told).max() < 1e-6


@given(squares, st.sampled_from([192, 256]))
def test_the_middle_is_the_middle_and_sides_are_sides(square: Square, px: int) -> None:
    assert square.into(np.array([square.x, square.y]), px) == pytest.approx([px / 2, px / 2], abs=1e-6)
    corners = square.back(np.array([[0.0, 0.0], [px, 0.0], [px, px]]), px)
    assert np.hypot(*(corners[1] - corners[0])) == pytest.approx(square.side, rel=1e-9)
    assert np.hypot(*(corners[2] - corners[1])) == pytest.approx(square.side, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(80, 220), st.floats(80, 160)),
    st.floats(40, 1500),
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
)
def test_what_is_cut_lies_where_points_say(
    middle: tuple[float, float], side: float, turn: float, off: tuple[float, float]
) -> None:
    """A soft spot drawn at a place of the frame is found, by its centre of mass, where `into` puts it: within half a pixel."""
    frame, px = np.zeros((240, 300, 3), np.uint8), 256
    spot = np.array(middle) + np.array(off) * min(side, 240) * 0.5
    width = max(3.0, side / 40)
    if not (3 * width < spot[0] < 300 - 3 * width and 3 * width < spot[1] < 240 - 3 * width):
        return
    y, x = np.mgrid[0:240, 0:300] + 0.5
    frame[:] = (250 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * width**2)))[..., None]
    square = Square(*middle, side, turn)
    seen = square.cut(frame, px)[..., 0].astype(float)
    seen[seen < 10] = 0
    rows, columns = np.mgrid[0:px, 0:px] + 0.5
    found = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    wanted = square.into(spot, px)
    margin = 4 * width * px / side
    if margin < wanted.min() and wanted.max() < px - margin:
        assert np.abs(found - wanted).max() < 0.5


def test_beyond_the_edge_is_black_and_a_square_that_misses_is_empty() -> None:
    frame = np.full((40, 60, 3), 200, np.uint8)
    cut = Square(0, 0, 40).cut(frame, 64)
    assert (cut[:30, :30] == 0).all()
    assert (cut[34:, 34:] == 200).all()
    assert not Square(500, 500, 10).cut(frame, 64).any()


def test_x_comes_first_and_a_turn_is_clockwise() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[10:14, 150:154] = 255  # right, high
    assert np.argwhere(Square(100, 50, 200).cut(frame, 200)[..., 0] > 128).mean(axis=0) == pytest.approx(
        [61.5, 151.5], abs=1
    )
    square = Square(100, 50, 100, np.pi / 2)
    assert square.into(np.array([100.0, 80.0]), 100) == pytest.approx([80, 50])  # below becomes right


@pytest.mark.parametrize(
    "square", [Square(np.nan, 0, 10), Square(5, 5, np.inf), Square(5, 5, 1), Square(9e9, 5, 40), Square(5, 5, 1e6)]
)
def test_a_model_that_errs_is_not_followed(square: Square) -> None:
    assert not square.is_sensible(np.zeros((40, 60, 3), np.uint8))
    assert Square(30, 20, 50).is_sensible(np.zeros((40, 60, 3), np.uint8))
