"""How well a score tells two kinds of clips apart, with bounds: whole groups of both kinds are drawn again."""

import numpy as np

from gerdata.audit.statistics import Bools, Floats, Ints, clopper_pearson
from gerdata.store.audits import Figure

DRAWS = 500
FALSE_ALARMS = 0.01


def ranked(name: str, scores: Floats, is_member: Bools, group: Ints, rng: np.random.Generator) -> tuple[Figure, Figure]:
    """The area under the curve of `scores: [N]`, high for members, and the share of members found at 1 % false alarms.

    Where a figure is 0 or 1 drawing again shows no spread; then the exact interval of as many trials as the kind with fewer
    groups has holds. NaN of one kind alone.
    """
    n = len(scores)
    if is_member.all() or not is_member.any():
        nothing = (float("nan"), 0.0, 1.0, n)
        return Figure(f"{name}, AUC", *nothing, 0.5), Figure(
            f"{name}, found at 1 % false alarms", *nothing, FALSE_ALARMS
        )
    block = np.unique(scores, return_inverse=True)[1]  # equal scores stand together, lowest first
    sides, groups = [], []
    for own in (is_member, ~is_member):
        names, place = np.unique(group[own], return_inverse=True)
        counts = np.zeros((len(names), int(block.max()) + 1))
        np.add.at(counts, (place, block[own]), 1)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
        sides.append(np.concatenate([counts.sum(axis=0)[None], drawn.astype(np.float64) @ counts]))
        groups.append(len(names))
    figures = []
    for what, told, chance in (
        ("AUC", area_of(sides[0], sides[1]), 0.5),
        ("found at 1 % false alarms", found_of(sides[0], sides[1]), FALSE_ALARMS),
    ):
        low, high = np.percentile(told[1:], [2.5, 97.5])
        if told[0] in (0.0, 1.0):
            low, high = clopper_pearson(min(groups) if told[0] else 0, min(groups))
        figures.append(Figure(f"{name}, {what}", float(told[0]), float(low), float(high), n, chance))
    return figures[0], figures[1]


def area_of(members: Floats, others: Floats) -> Floats:
    """`[B]`: of counts by score, lowest first, `[B, K]`: the share of pairs whose member scores higher; ties count half."""
    below = np.cumsum(others, axis=1) - others
    pairs = members.sum(axis=1) * others.sum(axis=1)
    return np.asarray((members * (below + others / 2)).sum(axis=1) / pairs, np.float64)


def found_of(members: Floats, others: Floats, false_alarms: float = FALSE_ALARMS) -> Floats:
    """`[B]`: the share of members over the lowest threshold that at most `false_alarms` of the others are over."""
    alarms = np.cumsum(others[:, ::-1], axis=1) / others.sum(axis=1, keepdims=True)
    told = np.cumsum(members[:, ::-1], axis=1) / members.sum(axis=1, keepdims=True)
    return np.asarray(np.where(alarms <= false_alarms + 1e-12, told, 0).max(axis=1), np.float64)
