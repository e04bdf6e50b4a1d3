"""Which query is which person: costs of all pairs at once, and the cheapest assignment (Hungarian, by scipy).

N frames at a time; Q queries, P people, L limbs. After DETR (arXiv 2005.12872) and the published code of VE-MD, where the
costs of pairs are computed one by one.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, smooth_l1_loss

ADJACENCY_WEIGHT = 0.5  # published
DEAREST = 1e9  # what a diverged query costs
AT_ONCE = 1 << 24  # numbers of pairs that are compared one by one: 64 MB


class LimbCost(NamedTuple):
    """What a limb costs that is said to be elsewhere: `weight` times smooth L1, d^2 / (2 beta) for an error d up to `beta`, in
    shares of the frame, and d - beta / 2 beyond it."""

    beta: float
    weight: float


PUBLISHED = LimbCost(1.0, 1.0)  # a parabola: what is nearly right is hardly moved (docs/architectures.md)


class Matches(NamedTuple):
    """The pairs of an assignment, K in all, ordered by frame."""

    frame: Tensor  # int64 [K]
    query: Tensor  # int64 [K]
    person: Tensor  # int64 [K]


def limb_costs(limbs: Tensor, people: Tensor, is_known: Tensor, how: LimbCost = PUBLISHED) -> Tensor:
    """Every query from every person, a mean over the numbers that are known: float32 [N, Q, P].

    `limbs: [N, Q, L, 4]`, `people: [N, P, L, 4]`, `is_known: bool [N, P, L]`. A person of whom nothing is known costs 0.

    With beta 1 and numbers in [0, 1] smooth L1 is d^2 / 2 throughout, so that the sum over known numbers is three matrix
    products. Outside of [0, 1] use `pair_costs`.
    """
    known = is_known[..., None].expand_as(people).flatten(2).to(limbs.dtype)  # [N, P, 4L]
    said, truth = limbs.flatten(2), people.flatten(2)  # [N, Q, 4L], [N, P, 4L]
    if how.beta < 1:
        few = max(1, AT_ONCE // max(1, said.shape[1] * truth.shape[1] * truth.shape[2]))  # frames; there may be none
        parts = zip(*(torch.split(one, few) for one in (said, truth, known)), strict=True)
        sums = torch.cat([_summed(a, b, weight, how.beta) for a, b, weight in parts])
    else:
        squares = said.square() @ known.mT - 2 * said @ (known * truth).mT + (known * truth.square()).sum(2)[:, None]
        sums = squares.clamp(min=0) / 2
    return how.weight * sums / known.sum(2).clamp(min=1)[:, None]


def _summed(said: Tensor, truth: Tensor, known: Tensor, beta: float) -> Tensor:
    """Smooth L1 over the last axis, pair by pair: [n, Q, P] of `[n, Q, 4L]`, `[n, P, 4L]` and the weights of the latter."""
    n, persons, numbers = truth.shape
    pairs = (n, said.shape[1], persons, numbers)
    costs = smooth_l1_loss(said[:, :, None].expand(pairs), truth[:, None].expand(pairs), reduction="none", beta=beta)
    return (costs * known[:, None]).sum(3)


def pair_costs(limbs: Tensor, people: Tensor, is_known: Tensor, how: LimbCost = PUBLISHED) -> Tensor:
    """Of K matched pairs, a mean over the numbers that are known: [K], of `[K, L, 4]`, `[K, L, 4]`, `[K, L]`."""
    costs = smooth_l1_loss(limbs, people, reduction="none", beta=how.beta).mean(2)  # [K, L]
    return how.weight * (costs * is_known).sum(1) / is_known.sum(1).clamp(min=1)


def adjacency_costs(said: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy of every query's adjacency from every person's, a mean over the L x L entries: [N, Q, P].

    `said: [N, Q, L, L]` in (0, 1), `truth: [N, P, L, L]` of 0 and 1. Logarithms are cut at -100, as in torch.
    """
    yes, no = said.flatten(2).log().clamp(min=-100), (1 - said.flatten(2)).log().clamp(min=-100)
    wanted = truth.flatten(2).to(said.dtype)
    return -(yes @ wanted.mT + no @ (1 - wanted).mT) / wanted.shape[2]


def pair_adjacency_costs(said: Tensor, truth: Tensor) -> Tensor:
    """Of K matched pairs, [K, L, L] each: [K]."""
    return binary_cross_entropy(said, truth.to(said.dtype), reduction="none").mean((1, 2))


def true_adjacency(is_known: Tensor, shares_end: Tensor) -> Tensor:
    """Limbs of a person that meet and are both known: bool [..., L, L] of `is_known [..., L]` and `shares_end [L, L]`."""
    return is_known[..., :, None] & is_known[..., None, :] & shares_end


def assign(costs: Tensor, is_person: Tensor) -> Matches:
    """The cheapest one-to-one assignment of each frame: `costs [N, Q, P]`, `is_person: bool [N, P]`.

    Where there are more people than queries, the dearest people stay without one. Nothing flows back through it.
    """
    finite = costs.detach().float().nan_to_num(nan=DEAREST).clamp(-DEAREST, DEAREST)  # pairs' own costs stay NaN
    table = finite.cpu().numpy()
    there = is_person.cpu().numpy()
    frames, queries, persons = [], [], []
    for n in np.flatnonzero(there.any(axis=1)):
        columns = np.flatnonzero(there[n])
        query, column = linear_sum_assignment(table[n][:, columns])
        frames.append(np.full(len(query), n))
        queries.append(query)
        persons.append(columns[column])
    whole = [np.concatenate(one) if one else np.zeros(0, np.int64) for one in (frames, queries, persons)]
    return Matches(*(torch.from_numpy(one.astype(np.int64)).to(costs.device) for one in whole))
