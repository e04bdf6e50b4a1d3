"""Queries beside the people they are held to: average precision by object keypoint similarity, and that of mean poses.

The joints of a query are the means of the ends of its limbs that meet there; its score is the probability that it is a person
(1 for all, where the model does not say it). The baseline is as many mean poses of training people, the same for every frame.
A frame in which nobody's body is known is left out, and so is a person of too few joints to span a box.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gerdata.chance import rng_for
from gerdata.errors import DatasetError
from gerdata.learn.batch import Item
from gerdata.learn.bootstrap import DRAWS, Floats, redrawn
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import Trained
from gerdata.learn.learnt import LearntStructure, answers_of, learnt_of, learnt_structure_of
from gerdata.learn.mean_pose import MeanPoses, mean_poses
from gerdata.learn.metrics import Ids
from gerdata.learn.oks import Hits, average_precision, found, is_spread, joined, similarities
from gerdata.learn.target import BODY
from gerdata.learn.ve_md import Output
from gerdata.people.limbs import BODY_LIMBS

FIGURES = {"OKS-AP": slice(None), "OKS-AP at .50": slice(0, 1), "OKS-AP at .75": slice(5, 6)}  # of `oks.THRESHOLDS`


def measure_people(trained: Trained, data: ReleaseSplit, usual: MeanPoses, group: Ids, seed: int) -> LearntStructure:
    """Figures of a model's queries and of mean poses on the known frames of a split; `group: int64 [N]` of its clips."""
    frames: list[tuple[Hits, Hits]] = []
    groups, unknown = int(group.max()) + 1, 0
    for some, items, answer in answers_of(trained, data):
        for i, people, joints, score in _frames(data, some, items, answer):
            there = people[is_spread(people)]
            if not len(there):
                unknown += 1
                continue
            clip = data.rows[i].clip
            square = np.array([clip.width_px / clip.height_px, 1.0])  # a distance is the same along both sides
            said = ((joints, score), (usual.joints, usual.score))
            model, mean = (_hits(at * square, there * square, sure, (int(group[i]), groups)) for at, sure in said)
            frames.append((model, mean))
    if not frames:
        raise DatasetError(f"{data.release}: nothing of anybody's body is known in split {data.split!r}")
    sides = [joined(list(side)) for side in zip(*frames, strict=True)]
    is_known = sides[0].people > 0
    n = int(is_known.sum())
    weights = np.zeros((DRAWS, groups))
    weights[:, is_known] = redrawn(np.eye(n), rng_for(seed, "structure"))
    drawn = [average_precision(side, weights) for side in sides]
    whole = [average_precision(side, np.ones((1, groups))) for side in sides]
    figures = []
    for name, at in FIGURES.items():
        values, again = [float(one[0, at].mean()) for one in whole], [one[:, at].mean(axis=1) for one in drawn]
        figures.append(learnt_of(name, "bodies", values, again, n))
    return learnt_structure_of("query", f"{len(usual.score)} mean poses", (len(frames), unknown), n, tuple(figures))


def _frames(
    data: ReleaseSplit, some: list[int], items: list[Item], answer: Output
) -> Iterator[tuple[int, Floats, Floats, Floats]]:
    """Of each frame: its clip's number, the people `[P, 17, 2]`, and the queries' joints `[Q, 17, 2]` and scores `[Q]`."""
    assert answer.people is not None
    joints = _joints_said(answer.people.limbs.cpu()).double().numpy()  # [N, Q, 17, 2]
    presence = answer.people.presence
    score = np.ones(joints.shape[:2]) if presence is None else presence.double().sigmoid().cpu().numpy()
    known = [(i, people) for i, item in zip(some, items, strict=True) for people in joints_known(item)]
    for (i, people), at, sure in zip(known, joints, score, strict=True):
        yield i, people, at, sure


def _hits(joints: Floats, people: Floats, score: Floats, group: tuple[int, int]) -> Hits:
    """Of one frame; `group`: which, of how many."""
    number, groups = group
    n = np.zeros(groups)
    n[number] = len(people)
    return Hits(score, found(similarities(joints, people), score), np.full(len(score), number), n)


def joints_known(item: Item) -> list[Floats]:
    """Of each frame `[P, 17, 2]`, in shares of it; NaN where a joint is not known, or outside, where none can be said."""
    if item.structure is None:
        return [np.zeros((0, 17, 2)) for _ in item.video]
    bodies = item.structure.bodies.astype(np.float64)
    shares = bodies[..., :2] / item.video.shape[-1]
    with np.errstate(invalid="ignore"):
        is_known = (bodies[..., 2] > 0) & ((shares >= 0) & (shares <= 1)).all(axis=-1)
    return list(np.where(is_known[..., None], shares, np.nan))


def _joints_said(limbs: Tensor) -> Tensor:
    """`[N, Q, 17, 2]` of `[N, Q, L, 4]`: the mean of the ends of the limbs of bodies that meet in each joint."""
    ends = limbs[:, :, BODY].float().view(*limbs.shape[:2], 2 * len(BODY_LIMBS), 2)
    meets = torch.tensor([[float(end == joint) for limb in BODY_LIMBS for end in limb] for joint in range(17)])
    return torch.matmul(meets / meets.sum(1, keepdim=True), ends)


def usual_poses(training: ReleaseSplit, some: list[int], count: int) -> MeanPoses:
    """At most `count` mean poses of the people in some training clips."""
    frames = [own[is_spread(own)] for i in some for own in joints_known(training[i])]
    people = np.concatenate(frames)
    if not len(people):
        raise DatasetError(
            f"{training.release}: nothing of anybody's body is known in its training clips; no mean pose"
        )
    return mean_poses(people, np.repeat(np.arange(len(frames)), [len(own) for own in frames]), count)
