"""Triangles into pixels, without loops over triangles: every pixel of every triangle's box becomes one row of a flat list.

The list is tested against the triangles' sides, and per pixel the nearest row is kept. Deterministic: of rows at one depth
the later triangle wins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
EDGE = 1e-4  # of barycentric weights: neighbours overlap by this rather than leave a crack
FLAT_PX2 = 1e-6  # twice the area of a triangle that is seen from its side


@dataclass(frozen=True, eq=False)
class Picture:
    """Per pixel the triangle (-1 for none), the weights of its second and third corner, and the depth (larger is nearer)."""

    triangle: Ints  # [H, W]
    weights: Floats  # [H, W, 2]
    depth: Floats  # [H, W]


def rasterise(
    points: Floats,
    depth: Floats,
    triangles: Ints,
    size: tuple[int, int],
    two_sided: npt.NDArray[np.bool_],
    margin: Floats | None = None,
    origin: tuple[int, int] = (0, 0),
) -> Picture:
    """The nearest triangle of each pixel.

    `points: float32 [V, 2]` in pixels (y down), `depth: float32 [V]`, `triangles: int [F, 3]`, `size` height and width,
    `two_sided: bool [F]` where backs are seen too: fronts run counter-clockwise in space, so clockwise with y down. Where
    `margin: float32 [V]`, interpolated, is negative, a triangle is cut away. `origin` is the column and row of the first
    pixel: a part of a picture is bit by bit what the whole has there.
    """
    height, width = size
    corners = points[triangles].astype(np.float32)
    x, y = corners[..., 0], corners[..., 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    left, top = origin
    x0, x1 = _span(x, left, width)
    y0, y1 = _span(y, top, height)
    shown = (area < -FLAT_PX2) | (two_sided & (np.abs(area) > FLAT_PX2))
    (found,) = np.nonzero(shown & (x1 >= x0) & (y1 >= y0))
    kept = found.astype(np.int32)
    triangle, column, row = _fragments(x0[kept], x1[kept], y0[kept], y1[kept])
    second, third = _weights(x[kept], y[kept], area[kept], triangle, column, row)
    inside = (second >= -EDGE) & (third >= -EDGE) & (second + third <= 1 + EDGE)
    (inside_at,) = np.nonzero(inside)
    triangle, second, third = kept[triangle[inside_at]], second[inside_at], third[inside_at]
    pixel = (row[inside_at] - top) * width + column[inside_at] - left
    if margin is not None:
        uncut = _between(margin, triangles, triangle, second, third) >= 0
        triangle, second, third, pixel = triangle[uncut], second[uncut], third[uncut], pixel[uncut]
    z = _between(depth, triangles, triangle, second, third)
    nearest = np.full(height * width, -np.inf, np.float32)
    np.maximum.at(nearest, pixel, z)
    wins = z >= nearest[pixel]
    out = np.full(height * width, -1, np.int32)
    weights = np.zeros((height * width, 2), np.float32)
    out[pixel[wins]] = triangle[wins]
    weights[pixel[wins], 0], weights[pixel[wins], 1] = second[wins], third[wins]
    return Picture(out.reshape(size), weights.reshape(height, width, 2), nearest.reshape(size))


def _between(values: Floats, triangles: Ints, triangle: Ints, second: Floats, third: Floats) -> Floats:
    """A value per vertex, interpolated within triangles."""
    first, by_second, by_third = (values[triangles[:, k]] for k in range(3))
    by_second, by_third = by_second - first, by_third - first
    return np.asarray(first[triangle] + second * by_second[triangle] + third * by_third[triangle], np.float32)


def _span(x: Floats, first: int, size: int) -> tuple[Ints, Ints]:
    """First and last pixel whose middle is in the range of the corners, and in the picture."""
    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5), first).astype(np.int32)
    high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c) - 0.5), first + size - 1).astype(np.int32)
    return low, high


def _fragments(x0: Ints, x1: Ints, y0: Ints, y1: Ints) -> tuple[Ints, Ints, Ints]:
    """The pixels of all boxes in one list: which box, column, row."""
    wide = x1 - x0 + 1
    count = wide * (y1 - y0 + 1)
    box = np.repeat(np.arange(len(count), dtype=np.int32), count)
    place = np.arange(len(box), dtype=np.int32) - np.repeat(np.cumsum(count, dtype=np.int32) - count, count)
    row = place // wide[box]
    column = place - row * wide[box] + x0[box]
    return box, column, row + y0[box]


def _weights(x: Floats, y: Floats, area: Floats, box: Ints, column: Ints, row: Ints) -> tuple[Floats, Floats]:
    """Barycentric weights of the second and third corner: linear in the pixel, so two products each."""
    scale = 1 / area.astype(np.float64)
    steps = []
    for a, b, sign in ((0, 2, 1.0), (0, 1, -1.0)):
        dx, dy = (x[:, b] - x[:, a]).astype(np.float64), (y[:, b] - y[:, a]).astype(np.float64)
        along, down = sign * dy * scale, -sign * dx * scale
        start = (0.5 - x[:, 0]) * along + (0.5 - y[:, 0]) * down
        # in double precision: the sum of large terms that nearly cancel
        steps.append((start[box] + column * along[box] + row * down[box]).astype(np.float32))
    return steps[0], steps[1]
