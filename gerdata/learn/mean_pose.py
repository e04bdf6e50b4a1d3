"""Where people usually are: a few poses, the same for every frame, which is what a model must beat to have seen anybody.

As many poses as a model has queries, found among the people of training by Lloyd's algorithm (k-means) over the joints that are
known. It begins with equal shares of people from left to right, so nothing is left to chance. The score of a pose is the
share of training frames in which it is the nearest to anybody.
"""

from typing import NamedTuple

import numpy as np

from gerdata.learn.bootstrap import Floats
from gerdata.learn.metrics import Ids
from gerdata.learn.oks import Flags

ROUNDS = 30  # at most; on synthetic groups it stands still or nearly so before


class MeanPoses(NamedTuple):
    """Q poses, the likeliest not first."""

    joints: Floats  # [Q, 17, 2]
    score: Floats  # [Q]


def mean_poses(people: Floats, frame: Ids, count: int) -> MeanPoses:
    """`people: [K, 17, 2]`, NaN where not known, each with a joint; `frame: int64 [K]`. At most `count` poses, and no more than
    people."""
    known = np.isfinite(people)
    filled = np.where(known, people, 0.0)
    middle = filled[..., 0].sum(axis=1) / known[..., 0].sum(axis=1)
    parts = np.array_split(np.argsort(middle, kind="stable"), min(count, len(people)))
    poses = np.stack([_mean(people[some]) for some in parts])
    nearest = _nearest(filled, known, poses)
    for _ in range(ROUNDS):
        poses = np.stack([_mean(people[nearest == q]) if (nearest == q).any() else poses[q] for q in range(len(poses))])
        before, nearest = nearest, _nearest(filled, known, poses)
        if np.array_equal(before, nearest):
            break
    frames = len(np.unique(frame))
    score = [len(np.unique(frame[nearest == q])) / frames for q in range(len(poses))]
    return MeanPoses(poses, np.array(score))


def _mean(people: Floats) -> Floats:
    """`[17, 2]`: of some people, joint by joint; a joint that none of them has lies in their middle."""
    known = np.isfinite(people)
    middle = np.where(known, people, 0.0).sum(axis=(0, 1)) / known.sum(axis=(0, 1))
    n = known.sum(axis=0)
    return np.asarray(np.where(n > 0, np.where(known, people, 0.0).sum(axis=0) / np.maximum(n, 1), middle), np.float64)


def _nearest(filled: Floats, known: Flags, poses: Floats) -> Ids:
    """`[K]`: the pose with the least mean squared distance over the joints that are known of each person."""
    flat, weight, at = filled.reshape(len(filled), -1), known.reshape(len(known), -1), poses.reshape(len(poses), -1)
    squared = np.square(flat).sum(axis=1)[:, None] - 2 * flat @ at.T + weight @ np.square(at).T  # [K, Q]
    return np.asarray(squared.argmin(axis=1), np.int64)  # a person's number of joints is the same for all poses
