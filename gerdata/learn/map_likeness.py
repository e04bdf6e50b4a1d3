"""How like the true maps of limbs others are: Pearson correlation and foreground IoU, from sums that can be drawn again.

Correlation of a channel is over all cells of all frames in which it is known. Foreground is where a true map is over
`FOREGROUND`, within 1.2 cells of a limb; intersection over union is with the cells where the other map is at a level or over,
one of `LEVELS`. Both are functions of sums over frames, and so of groups.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gerdata.learn.bootstrap import Floats
from gerdata.learn.metrics import Ids

FOREGROUND = 0.5
STEPS = 50
LEVELS = np.arange(1, STEPS) / STEPS


class MapSums(NamedTuple):
    """Of L channels, for any leading shape `...`: of each group, of all, or of each draw."""

    cells: Floats  # [..., L, 2, STEPS]: how many are no foreground and are, by the level of the other map
    moments: Floats  # [..., L, 6]: n, x, y, xx, yy, xy; x of the other map, y of the true one

    @classmethod
    def none(cls, groups: int, channels: int) -> "MapSums":
        """Of no frames."""
        return cls(np.zeros((groups, channels, 2, STEPS)), np.zeros((groups, channels, 6)))

    def plus(self, other: "MapSums") -> "MapSums":
        """The sums of both."""
        return MapSums(self.cells + other.cells, self.moments + other.moments)


def map_sums(said: Tensor, true: Tensor, is_known: Tensor, group: Ids, groups: int) -> MapSums:
    """Sums by group of N frames: `said, true: [N, L, h, w]` in [0, 1], `is_known: bool [N, L]`, `group: int64 [N]`."""
    n, channels = true.shape[:2]
    x, y = said.flatten(2).double(), true.flatten(2).double()
    moments = torch.stack(
        [torch.ones_like(x).sum(2), x.sum(2), y.sum(2), *((a * b).sum(2) for a, b in _pairs(x, y))], 2
    )
    level = (x * STEPS).long().clamp(max=STEPS - 1)
    place = torch.arange(n * channels).view(n, channels, 1) * 2 + (y > FOREGROUND)
    cells = torch.bincount((place * STEPS + level).flatten(), minlength=n * channels * 2 * STEPS)
    flat = torch.cat([cells.view(n, channels, 2 * STEPS).double(), moments], 2) * is_known[..., None]
    told = np.zeros((groups, channels, 2 * STEPS + 6))
    np.add.at(told, group, flat.numpy())
    return MapSums(told[..., : 2 * STEPS].reshape(groups, channels, 2, STEPS), told[..., 2 * STEPS :])


def _pairs(x: Tensor, y: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    return (x, x), (y, y), (x, y)


def correlations(moments: Floats) -> Floats:
    """`[..., L]` of `[..., L, 6]`. NaN where the true maps are constant; 0 where the others are, which tell nothing."""
    n, x, y, xx, yy, xy = np.moveaxis(moments, -1, 0)
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    with np.errstate(invalid="ignore", divide="ignore"):
        told = (n * xy - x * y) / np.sqrt(np.maximum(spread_x, 0) * spread_y)
    is_flat = spread_x <= 1e-12 * n * np.maximum(xx, 1e-12)  # rounding of a constant
    return np.asarray(np.where(spread_y > 0, np.where(is_flat, 0.0, told), np.nan), np.float64)


def overlaps(cells: Floats) -> Floats:
    """`[..., L, 49, 3]` of `[..., L, 2, STEPS]`: cells of intersection, of union and of foreground, at each of `LEVELS`."""
    over = np.cumsum(cells[..., ::-1], axis=-1)[..., ::-1][..., 1:]  # [..., L, 2, 49]: at the level or over it
    true = np.broadcast_to(cells[..., 1, :].sum(axis=-1)[..., None], over[..., 1, :].shape)
    return np.stack([over[..., 1, :], true + over[..., 0, :], true], axis=-1)


def intersections(overlap: Floats) -> Floats:
    """`[...]` of `[..., 3]`: intersection over union; NaN where there is no foreground."""
    inside, union, true = np.moveaxis(overlap, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(true > 0, inside / union, np.nan), np.float64)
