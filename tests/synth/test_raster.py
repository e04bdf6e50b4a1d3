"""Pixels of triangles: against a test of every pixel, and the nearer one wins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.chance import rng_for
from gerdata.synth.raster import rasterise

SIZE = (24, 31)


def slow(points: np.ndarray, depth: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The depth of every pixel, pixel by pixel; -inf where there is nothing."""
    out = np.full(SIZE, -np.inf)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            for a, b, c in triangles:
                sides = np.stack([points[b] - points[a], points[c] - points[a]], 1).astype(np.float64)
                if abs(np.linalg.det(sides)) < 1e-6:
                    continue
                s, t = np.linalg.solve(sides, np.array([column + 0.5, row + 0.5]) - points[a])
                if s >= 0 and t >= 0 and s + t <= 1:
                    z = depth[a] + s * (depth[b] - depth[a]) + t * (depth[c] - depth[a])
                    out[row, column] = max(out[row, column], z)
    return out


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_every_pixel_has_the_nearest_triangle(seed: int) -> None:
    rng = rng_for(seed, "triangles")
    points = rng.uniform(-8, 36, (9, 2)).astype(np.float32)
    depth = rng.uniform(-3, 3, 9).astype(np.float32)
    triangles = np.arange(9, dtype=np.int32).reshape(3, 3)
    got = rasterise(points, depth, triangles, SIZE, np.ones(3, np.bool_))
    expected = slow(points, depth, triangles)
    both = np.isfinite(expected) & (got.triangle >= 0)
    few = got.triangle.size // 50  # pixels on a side, along which a sliver may lie, fall either way
    assert (np.isfinite(expected) != (got.triangle >= 0)).sum() <= few
    assert (np.abs(got.depth[both] - expected[both]) > 1e-2).sum() <= few


def test_backs_are_seen_only_where_asked_for() -> None:
    points = np.array([(2, 2), (20, 2), (2, 20)], np.float32)  # clockwise on the screen: seen from behind
    depth, triangle = np.zeros(3, np.float32), np.array([[0, 1, 2]], np.int32)
    one_sided = rasterise(points, depth, triangle, SIZE, np.zeros(1, np.bool_))
    two_sided = rasterise(points, depth, triangle, SIZE, np.ones(1, np.bool_))
    assert (one_sided.triangle >= 0).sum() == 0
    assert (two_sided.triangle >= 0).sum() > 100


def test_what_has_a_negative_margin_is_cut_away() -> None:
    points = np.array([(0, 0), (0, 24), (30, 0)], np.float32)
    depth, triangle = np.zeros(3, np.float32), np.array([[0, 1, 2]], np.int32)
    margin = np.array([-15, -15, 15], np.float32)  # zero in the middle of the width
    picture = rasterise(points, depth, triangle, SIZE, np.ones(1, np.bool_), margin)
    columns = np.nonzero(picture.triangle >= 0)[1]
    assert columns.min() == 15
