"""Where people are on the ground: families of layouts, in metres, before any camera looks at them.

The ground is x to the right and z away from the camera, the group around the origin. A layout knows nothing of feelings.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

LayoutName = Literal["rows", "crowd", "circle", "queue", "table", "pair", "street"]
LAYOUTS: tuple[LayoutName, ...] = ("rows", "crowd", "circle", "queue", "table", "pair", "street")
SHOULDER_M = 0.52  # of a grown person; neighbours keep this much and a little more
MAX_TURN = 0.75  # radians from the camera; who looks further away shows no face, and a label must be seen in faces

Metres = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """`x_m, z_m, facing: float64 [P]`; `facing` is the turn of the body in radians, 0 towards the camera, positive to the
    right of the picture. `sits: bool [P]`. `has_table` where one stands in the middle."""

    x_m: Metres
    z_m: Metres
    facing: Metres
    sits: npt.NDArray[np.bool_]
    has_table: bool = False

    def __len__(self) -> int:
        return len(self.x_m)


def layouts_for(n: int, allowed: tuple[LayoutName, ...]) -> tuple[LayoutName, ...]:
    """Those of the allowed layouts that n people can take: a pair is two; a table, a circle and a queue take few.

    Never empty: a crowd takes anybody.
    """
    fits = {
        "pair": n == 2,
        "table": 3 <= n <= 8,
        "circle": 3 <= n <= 8,
        "queue": 3 <= n <= 7,
        "rows": n >= 4,
        "street": n <= 12,
    }
    return tuple(name for name in allowed if fits.get(name, True)) or ("crowd",)


def draw_ground(rng: np.random.Generator, name: LayoutName, n: int) -> Ground:
    """n people in a layout."""
    match name:
        case "rows":
            return _rows(rng, n)
        case "circle":
            return _circle(rng, n)
        case "queue":
            return _queue(rng, n)
        case "table":
            return _table(rng, n)
        case "pair":
            return _pair(rng, n)
        case "street":
            return _street(rng, n)
        case "crowd":
            return _crowd(rng, n)


def _rows(rng: np.random.Generator, n: int) -> Ground:
    """Seats in rows, each shifted by half a seat against the one before it, as in a classroom or a stand."""
    x, z = _staggered(n, rng.uniform(1.0, 1.7), rng.uniform(0.56, 0.7), rng.uniform(0.75, 1.0))
    sits = np.full(n, rng.random() < 0.6)
    return _ground(rng, x + rng.normal(0, 0.03, n), z + rng.normal(0, 0.05, n), rng.normal(0, 0.12, n), sits)


def _crowd(rng: np.random.Generator, n: int) -> Ground:
    """People standing close, as for a picture or before a stage: roughly in rows, nobody quite behind another."""
    x, z = _staggered(n, rng.uniform(0.9, 1.5), rng.uniform(0.46, 0.6), rng.uniform(0.5, 0.8))
    x, z = _apart(x + rng.normal(0, 0.09, n), z + rng.normal(0, 0.12, n), 0.42)
    inwards = -0.3 * x / max(1.0, np.abs(x).max())
    return _ground(rng, x, z, inwards + rng.normal(0, 0.2, n), np.zeros(n, np.bool_))


def _staggered(n: int, aspect: float, pitch_m: float, depth_m: float) -> tuple[Metres, Metres]:
    """Rows of seats, `aspect` times as many seats wide as rows deep, each row shifted by half a seat."""
    rows = max(1 + (n > 4), round(np.sqrt(n / aspect)))
    sizes = np.diff(np.linspace(0, n, rows + 1).round().astype(int))
    x = np.concatenate([(np.arange(m) - (m - 1) / 2) * pitch_m for m in sizes])
    x += np.repeat([0.25 * pitch_m * (-1) ** row * (m == max(sizes)) for row, m in enumerate(sizes)], sizes)
    return x, np.repeat(np.arange(rows) * depth_m, sizes)


def _circle(rng: np.random.Generator, n: int) -> Ground:
    """A ring that is open towards the camera; who stands at the sides looks inwards."""
    opening = rng.uniform(1.3, 2.0)
    angle = np.linspace(opening / 2, 2 * np.pi - opening / 2, n) + np.pi / 2 * 3
    radius = max(0.5, n * SHOULDER_M / (2 * np.pi - opening)) * rng.uniform(1.0, 1.2)
    x, z = radius * np.cos(angle), radius * np.sin(angle)
    inwards = np.arctan2(-x, np.maximum(z + radius, 0.3))
    return _ground(rng, x, z * 0.85, inwards + rng.normal(0, 0.1, n), np.full(n, rng.random() < 0.3))


def _queue(rng: np.random.Generator, n: int) -> Ground:
    """One behind the other along a slanted line, so that all are seen."""
    slant = rng.uniform(0.45, 0.75) * rng.choice((-1, 1))
    step = rng.uniform(0.55, 0.75) * np.arange(n)
    x, z = step * np.sin(slant), step * np.cos(slant)
    facing = -0.5 * slant + rng.normal(0, 0.2, n)
    return _ground(rng, x - x.mean(), z, facing, np.zeros(n, np.bool_))


def _table(rng: np.random.Generator, n: int) -> Ground:
    """Seats on the far side and at the ends of a table; the near side stays open to the camera."""
    ends = 0 if n < 4 else 2 if n < 6 else 4
    pitch = rng.uniform(0.5, 0.6)
    m = n - ends
    half = (m - 1) / 2 * pitch + 0.42
    x = np.concatenate([(np.arange(m) - (m - 1) / 2) * pitch, np.repeat((-half, half), ends // 2)])
    z = np.concatenate([np.full(m, 0.75), *([(0.3, -0.25)[: ends // 2]] * 2)]) if ends else np.full(m, 0.75)
    facing = np.concatenate([np.zeros(m), np.repeat((0.6, -0.6), ends // 2)])
    return _ground(rng, x, z, facing + rng.normal(0, 0.15, n), np.ones(n, np.bool_), has_table=True)


def _pair(rng: np.random.Generator, n: int) -> Ground:
    """Side by side, turned a little to each other."""
    x = (np.arange(n) - (n - 1) / 2) * rng.uniform(0.55, 0.8)
    turn = -np.sign(x) * rng.uniform(0.1, 0.5)
    return _ground(
        rng,
        np.asarray(x, np.float64),
        rng.uniform(0, 0.2, n),
        turn + rng.normal(0, 0.08, n),
        np.full(n, rng.random() < 0.3),
    )


def _street(rng: np.random.Generator, n: int) -> Ground:
    """Strangers far apart in depth, each with a way of their own."""
    x = (rng.permutation(n) - (n - 1) / 2) / max(1, n - 1) * rng.uniform(0.5, 0.75) * np.sqrt(n) * 1.2
    z = rng.uniform(0, 0.2 * n + 1.0, n)
    x, z = _apart(x, z, 0.7)
    return _ground(rng, x, z, rng.normal(0, 0.4, n), np.zeros(n, np.bool_))


def _ground(
    rng: np.random.Generator,
    x: Metres,
    z: Metres,
    facing: Metres,
    sits: npt.NDArray[np.bool_],
    has_table: bool = False,
) -> Ground:
    """In an order by lot, so that a place in the list tells nothing."""
    order = rng.permutation(len(x))
    return Ground(x[order], z[order], np.clip(facing[order], -MAX_TURN, MAX_TURN), sits[order], has_table)


def _apart(x: Metres, z: Metres, room_m: float) -> tuple[Metres, Metres]:
    """Push people apart until neighbours have room, for at most 40 rounds; depth gives way as well as width."""
    spots = np.stack([x, z], 1)
    for _ in range(40):
        gap = spots[:, None] - spots[None]
        distance = np.hypot(gap[..., 0], gap[..., 1]) + 1e-6 + np.eye(len(spots)) * 1e6
        push = np.clip(room_m - distance, 0, None) / distance
        if not push.any():
            break
        spots = spots + 0.5 * (gap * push[..., None]).sum(1) + 1e-4 * np.sign(gap.sum(1))
    return spots[:, 0], spots[:, 1]
