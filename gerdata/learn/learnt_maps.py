"""Maps of limbs beside the true ones: correlation and foreground IoU of the last stage, and those of the mean training map.

The level from which a map counts as foreground is chosen for bodies and for faces, for each side by itself, where it is best on
the split that chose the epoch. A frame in which nothing of anybody is known is left out.
"""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from gerdata.chance import rng_for
from gerdata.errors import DatasetError
from gerdata.learn.batch import Item, batches
from gerdata.learn.bootstrap import Floats, redrawn
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import Trained
from gerdata.learn.learnt import BATCH, LearntStructure, answers_of, learnt_of, learnt_structure_of, mean_of_known
from gerdata.learn.map_likeness import (
    LEVELS,
    MapSums,
    correlations,
    intersections,
    map_sums,
    overlaps,
)
from gerdata.learn.metrics import Ids
from gerdata.learn.target import BODY, FACE, Known, channels_of, make_targets
from gerdata.people.limbs import LIMBS, SIDE

COUNT = 3  # where `_at_levels` has the number of cells


def measure_maps(
    trained: Trained, splits: tuple[ReleaseSplit, ReleaseSplit], usual: Tensor, group: Ids, seed: int
) -> LearntStructure:
    """Figures of a model's maps and of the `usual: [L, 56, 56]`. `splits`: the one asked about, and the one on which levels are
    chosen; `group: int64 [N]` of the clips of the first."""
    data, choosing = splits
    channels = channels_of(trained.run.identity.recipe.structure)
    parts = {"bodies": [at for at, c in enumerate(channels) if c < BODY.stop]}
    parts |= {"faces": [at for at, c in enumerate(channels) if c >= FACE.start]}
    parts = {name: at for name, at in parts.items() if at}
    chosen, _ = _likeness(trained, choosing, usual, np.zeros(len(choosing), np.int64))
    sums, frames = _likeness(trained, data, usual, group)
    level = [_best_levels(side, parts) for side in chosen]
    flat = np.stack([_at_levels(side, at) for side, at in zip(sums, level, strict=True)], axis=1)  # [G, 2, L, 9]
    flat = flat[flat[:, 0, :, COUNT].any(axis=1)]  # the groups of which anything is known
    values, drawn = _by_channel(flat.sum(axis=0)), _by_channel(redrawn(flat, rng_for(seed, "structure")))
    figures, limbs = [], []
    for figure, own, again in zip(("correlation", "foreground IoU"), values, drawn, strict=True):
        for name, at in parts.items():
            mean, means = mean_of_known(own[:, at]), mean_of_known(again[:, :, at])  # [2], [draws, 2]
            figures.append(learnt_of(figure, name, mean.tolist(), list(means.T), len(flat)))
        for number, channel in enumerate(channels):
            one, ones = own[:, number].tolist(), list(again[:, :, number].T)
            limbs.append(learnt_of(figure, LIMBS[channel], one, ones, len(flat)))
    told = learnt_structure_of("heatmap", "mean map", frames, len(flat), tuple(figures))
    levels = {name: (float(LEVELS[level[0][at[0]]]), float(LEVELS[level[1][at[0]]])) for name, at in parts.items()}
    return dataclasses.replace(told, levels=levels, limbs=tuple(limbs))


def _likeness(
    trained: Trained, data: ReleaseSplit, usual: Tensor, group: Ids
) -> tuple[tuple[MapSums, MapSums], tuple[int, int]]:
    """Sums by group of the model's maps and of the usual one, and how many frames are known and not."""
    channels = channels_of(trained.run.identity.recipe.structure)
    groups, known, unknown = int(group.max()) + 1, 0, 0
    sums = [MapSums.none(groups, len(channels)) for _ in range(2)]
    for some, items, answer in answers_of(trained, data):
        assert answer.heatmaps is not None
        true, is_known = _true_maps(items, channels)
        of_frame = np.repeat(group[some], len(true) // len(items))
        for side, said in enumerate((answer.heatmaps[:, -1].float().sigmoid().cpu(), usual.expand_as(true))):
            sums[side] = sums[side].plus(map_sums(said, true, is_known, of_frame, groups))
        n = int(is_known.any(dim=1).sum())
        known, unknown = known + n, unknown + len(true) - n
    if not known:
        raise DatasetError(f"{data.release}: nothing of anybody is known in split {data.split!r}")
    return (sums[0], sums[1]), (known, unknown)


def _true_maps(items: list[Item], channels: list[int]) -> tuple[Tensor, Tensor]:
    """`[N, L, 56, 56]`, and whether they are known, `[N, L]`."""
    known = [Known(item.video.shape[3], len(item.video), item.structure, item.limbs) for item in items]
    targets = make_targets(known, with_maps=True)
    has = targets.has_heatmaps.flatten(0, 1)  # [N, 2]: bodies, faces
    return targets.maps.flatten(0, 1)[:, channels], has[:, [int(c >= FACE.start) for c in channels]]


def usual_map(training: ReleaseSplit, some: list[int], channels: list[int]) -> Tensor:
    """`[L, 56, 56]`: the mean over the frames of some training clips in which a channel is known."""
    total, known = torch.zeros(len(channels), SIDE, SIDE), torch.zeros(len(channels))
    for few in batches(some, BATCH):
        true, is_known = _true_maps([training[i] for i in few], channels)
        total, known = total + (true * is_known[:, :, None, None]).sum(0), known + is_known.sum(0)
    if not known.any():
        raise DatasetError(f"{training.release}: nothing of anybody is known in its training clips; no mean map")
    return total / known.clamp(min=1)[:, None, None]


def _best_levels(sums: MapSums, parts: dict[str, list[int]]) -> Ids:
    """`[L]`: for each channel the number of the level at which its part has the best mean intersection over union."""
    iou = intersections(overlaps(sums.cells))[0]  # [L, 49]
    out = np.zeros(len(iou), np.int64)
    for at in parts.values():
        out[at] = int(np.nan_to_num(mean_of_known(iou[at].T), nan=-1.0).argmax())
    return out


def _at_levels(sums: MapSums, level: Ids) -> Floats:
    """`[G, L, 9]`: what both figures are computed from."""
    return np.concatenate([overlaps(sums.cells)[:, np.arange(len(level)), level], sums.moments], axis=2)


def _by_channel(sums: Floats) -> tuple[Floats, Floats]:
    """Correlation and intersection over union, `[..., L]` each, of `[..., L, 9]`."""
    return correlations(sums[..., 3:]), intersections(sums[..., :3])
