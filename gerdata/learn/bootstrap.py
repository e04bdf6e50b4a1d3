"""Figures drawn again: whole groups of clips, so that clips of one source do not pass for independent ones.

All figures here are functions of sums over clips (a confusion matrix, and sums by bin of confidence), so a draw is one
product of weights of groups and sums of groups. Intervals are the 2.5th and 97.5th percentile of `DRAWS` draws (Efron 1979;
Field and Welsh 2007 for clusters).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gerdata.learn.metrics import Ids, wilson_interval

Floats = npt.NDArray[np.float64]

DRAWS = 2000
LEAST_GROUPS = 30  # own convention, as in audits: below it percentiles of drawn groups are too narrow
BINS = 15  # of confidence, of equal width (Guo et al. 2017)
CELLS = 2_000_000  # weights in memory at a time


class Estimate(NamedTuple):
    """A figure and its 95 % interval; NaN where nothing can be said."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Sums(NamedTuple):
    """What all figures are computed from, for any leading shape `...`: of a set, of each group, or of each draw."""

    table: Floats  # [..., C, C]: clips of class i that were called j
    surplus: Floats  # [..., BINS]: hits less confidence, by bin of confidence


def sums_of_groups(truth: Ids, probabilities: Floats, group: Ids) -> Sums:
    """Sums by group, `[G, C, C]` and `[G, BINS]`, of `truth: int64 [N]`, `probabilities: [N, C]` and `group: int64 [N]`, which
    are numbers from 0 to G - 1."""
    groups, classes = int(group.max()) + 1, probabilities.shape[1]
    called, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    table = np.zeros((groups, classes, classes))
    np.add.at(table, (group, truth, called), 1)
    surplus = np.zeros((groups, BINS))
    np.add.at(surplus, (group, bin_of(confidence)), (called == truth) - confidence)
    return Sums(table, surplus)


def bin_of(confidence: Floats) -> Ids:
    """`[N]`: the bin of each confidence in [0, 1]; a bin holds its upper edge, as in Guo et al. 2017."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def redrawn(values: Floats, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """`[draws, ...]`: sums of `values: [G, ...]` over G groups drawn with replacement."""
    groups = len(values)
    flat, out = values.reshape(groups, -1), []
    step = max(1, CELLS // groups)
    for start in range(0, draws, step):
        weights = rng.multinomial(groups, np.full(groups, 1 / groups), min(step, draws - start))
        out.append(weights.astype(np.float64) @ flat)
    return np.concatenate(out).reshape(draws, *values.shape[1:])


def drawn_sums(sums: Sums, rng: np.random.Generator, draws: int = DRAWS) -> Sums:
    """`sums: [G, ...]` of groups drawn again `draws` times, both parts with the same draws."""
    classes = sums.table.shape[-1]
    joined = np.concatenate([sums.table.reshape(len(sums.table), -1), sums.surplus], axis=1)
    told = redrawn(joined, rng, draws)
    return Sums(told[:, : classes * classes].reshape(-1, classes, classes), told[:, classes * classes :])


def whole(sums: Sums) -> Sums:
    """The sums of all groups together."""
    return Sums(sums.table.sum(axis=0), sums.surplus.sum(axis=0))


def figures_of(sums: Sums) -> dict[str, Floats]:
    """`accuracy, macro_f1, uar, ece: [...]` of sums `[...]`; NaN of no clips. A class that does not occur is left out, as in
    `gerdata.learn.metrics`."""
    table = sums.table
    n, hits = table.sum(axis=(-2, -1)), np.diagonal(table, axis1=-2, axis2=-1)
    told = table.sum(axis=-2) + table.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1, recall = 2 * hits / told, recalls_of(table)
        return {
            "accuracy": hits.sum(axis=-1) / n,
            "macro_f1": _mean_of_known(f1),
            "uar": _mean_of_known(recall),
            "ece": np.abs(sums.surplus).sum(axis=-1) / n,
        }


def recalls_of(table: Floats) -> Floats:
    """`[..., C]`: the recall of each class; NaN where it does not occur."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.diagonal(table, axis1=-2, axis2=-1) / table.sum(axis=-1), np.float64)


def percentiles(value: float, drawn: Floats) -> Estimate:
    """A value with the 95 % interval of its draws; those that are no number (a class was not drawn) are left out."""
    known = drawn[np.isfinite(drawn)]
    if not len(known) or not np.isfinite(value):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def share(value: float, drawn: Floats, groups: int) -> Estimate:
    """The same of a share in [0, 1]. Where it is 0 or 1 drawing again shows no spread; then Wilson's interval of as many trials
    as there are groups holds. One group alone says nothing of others."""
    if groups < 2:
        return Estimate(value, 0.0, 1.0)
    if value in (0.0, 1.0):
        return Estimate(value, *wilson_interval(groups if value else 0, groups))
    return percentiles(value, drawn)


def unbiased(value: float, drawn: Floats) -> Estimate:
    """The same of a calibration error. A draw repeats clips, which makes it larger than that of the set, so the mean surplus is
    taken off its draws."""
    estimate = percentiles(value, drawn)
    bias = float(np.nanmean(drawn)) - value if np.isfinite(drawn).any() else 0.0
    return Estimate(value, max(0.0, min(value, estimate.low - bias)), max(value, estimate.high - bias))


def _mean_of_known(values: Floats) -> Floats:
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1), np.float64)
