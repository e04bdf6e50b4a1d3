"""Where people stand: rows in perspective, farther is smaller and higher, heads pushed apart until they can be seen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MIN_HEAD = 0.055  # half head height over frame side: a head of 25 px in 224; smaller faces cannot be read
MAX_HEAD = 0.15
MARGIN = 0.085


@dataclass(frozen=True)
class Seat:
    """The middle of a head and half its height, as shares of the frame's side, and how the body is held."""

    x: float
    y: float
    r: float
    arms: str
    mirror: bool
    lean: float


ARMS = ("down", "hips", "crossed", "hold", "wave", "front")


def draw_seats(rng: np.random.Generator, n: int) -> tuple[Seat, ...]:
    """n seats, farthest first, which is also the order of drawing."""
    rows = _rows(rng, n)
    front = min(MAX_HEAD, 0.5 * (1 - 2 * MARGIN + 0.06) / max(rows)) * rng.uniform(0.82, 1.05)
    shrink = rng.uniform(0.86, 0.96)
    top, bottom = (rng.uniform(0.3, 0.36), rng.uniform(0.6, 0.7)) if len(rows) > 1 else (0.5, rng.uniform(0.38, 0.55))
    arc, loose = rng.uniform(-0.05, 0.05), rng.uniform(0.05, 0.3)
    spots = []
    for row, m in enumerate(rows):
        far = len(rows) - 1 - row
        depth = far / max(len(rows) - 1, 1)
        r = max(MIN_HEAD, front * shrink**far)
        aside = (0.22 if row % 2 else -0.22) * (m > 2)  # a row looks through the gaps of the one before it
        xs = MARGIN + (1 - 2 * MARGIN) * (np.arange(m) + 0.5 + rng.normal(0, loose, m) + aside) / m
        ys = bottom + (top - bottom) * depth + arc * np.abs(xs - 0.5) * 2 + rng.normal(0, 0.012, m)
        spots += [(x, y, r) for x, y in zip(xs, ys, strict=True)]
    placed = _apart(np.array(spots))
    order = np.argsort(placed[:, 1], kind="stable")
    arms = rng.choice(ARMS, n, p=(0.36, 0.12, 0.14, 0.14, 0.06, 0.18))
    mirrors, leans = rng.random(n) < 0.5, rng.normal(0, 0.12, n)
    spread = zip(placed[order].tolist(), arms.tolist(), mirrors.tolist(), leans.tolist(), strict=True)
    return tuple(Seat(x, y, r, arm, mirror, lean) for (x, y, r), arm, mirror, lean in spread)


def _rows(rng: np.random.Generator, n: int) -> list[int]:
    """How many stand in each row, the farthest row first."""
    k = min(n, max(1, round(n / rng.uniform(3.6, 5.4) + 0.2), -(-n // 8)))
    cuts = np.linspace(0, n, k + 1).round().astype(int)
    return [int(m) for m in rng.permutation(np.diff(cuts))]


def _apart(spots: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Push heads apart, mostly sideways, until neighbours keep 1.75 mean radii, for 40 rounds."""
    spots = spots.copy()
    for _ in range(40):
        gap = spots[:, None, :2] - spots[None, :, :2]
        wanted = 0.5 * 1.9 * (spots[:, None, 2] + spots[None, :, 2])
        distance = np.hypot(gap[..., 0], gap[..., 1]) + np.eye(len(spots)) + 1e-6
        push = np.clip(wanted - distance, 0, None) / distance
        spots[:, 0] += 0.35 * (gap[..., 0] * push).sum(1)
        spots[:, 1] += 0.12 * (gap[..., 1] * push).sum(1)
        edge = np.maximum(MARGIN, spots[:, 2] * 1.2)
        spots[:, 0] = np.clip(spots[:, 0], edge, 1 - edge)
        spots[:, 1] = np.clip(spots[:, 1], spots[:, 2] * 1.6 + 0.02, 0.98 - spots[:, 2] * 2.0)
    return spots
