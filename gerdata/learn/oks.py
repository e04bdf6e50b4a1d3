"""Average precision of people by the similarity of their joints, as COCO's keypoint evaluation computes it.

OKS, object keypoint similarity: the mean over a person's known joints of exp(-d^2 / (2 area (2 sigma)^2)), d the distance of
a joint from where it was said to be, sigma COCO's own of each joint. A query is right at a threshold where it is matched: in
the order of their scores, the queries of a frame each take the person most similar to them that is still free. Precision is
read off at 101 recalls and averaged over thresholds of .50, .55, ... .95.

What differs from COCO: the area is that of the box of a person's known joints (COCO: of the outline, which nobody here has),
people of all sizes count, and so do all queries of a frame (COCO: 20).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gerdata.learn.bootstrap import Floats
from gerdata.learn.metrics import Ids

Flags = npt.NDArray[np.bool_]

SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000  # of COCO-17
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LEAST_JOINTS = 3  # fewer span no box: such a person is nobody's to find
TINY = float(np.spacing(1))  # as COCO has it, so that nothing is divided by nought


class Hits(NamedTuple):
    """K queries of many frames, and whom they found; what average precision is computed from."""

    score: Floats  # [K]
    is_right: Flags  # bool [10, K]: by threshold
    group: Ids  # [K]: the source group of each, numbers from 0 to G - 1
    people: Floats  # [G]: how many people there were to find


def is_spread(joints: Floats) -> Flags:
    """bool `[P]`: who of `joints: [P, 17, 2]`, NaN where not known, has enough joints and a box that is no line."""
    joints_known = np.isfinite(joints).all(axis=2).sum(axis=1)
    return np.asarray((joints_known >= LEAST_JOINTS) & (areas(joints) > 0), np.bool_)


def areas(joints: Floats) -> Floats:
    """`[P]`: the area of the box of each person's known joints; 0 where there are none."""
    known = np.isfinite(joints).all(axis=2, keepdims=True)
    high = np.where(known, joints, -np.inf).max(axis=1)
    low = np.where(known, joints, np.inf).min(axis=1)
    return np.asarray(np.where(np.isfinite(high), high - low, 0.0).prod(axis=1), np.float64)


def similarities(said: Floats, people: Floats) -> Floats:
    """OKS of every query with every person, `[Q, P]`: `said: [Q, 17, 2]`, `people: [P, 17, 2]` in the same square units, NaN
    where not known. Every person has a joint."""
    known = np.asarray(np.isfinite(people).all(axis=2), np.bool_)  # [P, 17]
    squared = np.square(said[:, None] - np.where(known[..., None], people, 0.0)).sum(axis=3)  # [Q, P, 17]
    near: Floats = np.exp(-squared / (2 * SIGMAS) ** 2 / (areas(people)[:, None] + TINY) / 2)
    return np.asarray((near * known).sum(axis=2) / known.sum(axis=1), np.float64)


def found(similarity: Floats, score: Floats) -> Flags:
    """bool `[10, Q]`: at each threshold, whether a query of a frame is somebody; `similarity: [Q, P]`, `score: [Q]`; there is
    a person. Of equal scores the first goes first."""
    out = np.zeros((len(THRESHOLDS), len(score)), np.bool_)
    is_free, every = np.ones((len(THRESHOLDS), similarity.shape[1]), np.bool_), np.arange(len(THRESHOLDS))
    for query in np.argsort(-score, kind="stable"):
        near = np.where(is_free, similarity[query], -1.0)  # [10, P]
        best = near.argmax(axis=1)
        is_near = near[every, best] >= THRESHOLDS
        out[is_near, query], is_free[is_near, best[is_near]] = True, False
    return out


def joined(frames: list[Hits]) -> Hits:
    """The queries of many frames, in their order."""
    score, is_right, group, people = zip(*frames, strict=True)
    return Hits(np.concatenate(score), np.concatenate(is_right, axis=1), np.concatenate(group), np.sum(people, axis=0))


def average_precision(hits: Hits, weights: Floats) -> Floats:
    """`[D, 10]`: by threshold, where group g occurs `weights[d, g]` times; NaN where nobody is to be found."""
    order = np.argsort(-hits.score, kind="stable")
    group, is_right = hits.group[order], hits.is_right[:, order]
    places = [np.flatnonzero(row) for row in is_right]
    out = np.full((len(weights), len(places)), np.nan)
    for d, weight in enumerate(weights):
        people = float(weight @ hits.people)
        if people <= 0:
            continue
        times = weight[group]
        asked = np.cumsum(times)
        for t, at in enumerate(places):
            right = np.cumsum(times[at])
            out[d, t] = _area_under(right / people, right / (asked[at] + TINY))
    return out


def _area_under(recall: Floats, precision: Floats) -> float:
    """The mean over `RECALLS` of the best precision at that recall or a higher one; 0 where none reaches it."""
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(best[np.searchsorted(recall, RECALLS, side="left")].mean())
