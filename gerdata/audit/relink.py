"""Who is it, from what a model gives? Clips of known people are told apart by each of its tensors.

People are casts of synthetic groups, or those that an auditor's table names. Half of the clips of each are for learning, half
for the attack, and the reverse; one clip alone, and up to five together. Two gates, as for datasets: the attacker must
recognise the people in the clips themselves, and a mark that was planted for each of them in the tensor must be found.
"""

import numpy as np

from gerdata.audit.identify import CLEAR_OF_CHANCE, LEAST_IDENTITIES, LEAST_PICTURES, MOST_OF_CHANCE
from gerdata.audit.linear import NAME, Features, Labels, Linear
from gerdata.audit.statistics import Bools, named_right
from gerdata.chance import rng_for
from gerdata.store.audits import Figure, Status, Verdict

PART = "people by "  # begins the names of the parts
FUSED = 5  # clips together
MARK = 0.25  # deviations of each number of a tensor: a planted mark for each person


def enough(who: Labels) -> Labels:
    """Places of the clips of people with ten or more; -1 is nobody known."""
    names, counts = np.unique(who[who >= 0], return_counts=True)
    return np.flatnonzero(np.isin(who, names[counts >= LEAST_PICTURES]))


def relink(name: str, tensor: Features, clear: Features, who: Labels, seed: int) -> Verdict:
    """The verdict on one tensor `[N, D]` of clips of people `who: [N]`; `clear: [N, E]`: the clips themselves."""
    part = f"{PART}{name}"
    at = enough(who)
    n = len(np.unique(who[at]))
    few = f"{n} people with {LEAST_PICTURES} clips; {LEAST_IDENTITIES} are needed"
    if n < 2:
        return Verdict(part, "underpowered", few, NAME)
    own, seen, half = who[at], tensor[at], _halves(who[at], seed)
    marks = rng_for(seed, "audit", "relink", name).choice([-MARK, MARK], (int(own.max()) + 1, tensor.shape[1]))
    views = {"clear": clear[at], "planted": seen + marks[own] * seen.std(axis=0), "one clip": seen}
    figures = [_named(what, x, own, half, seed, fused=1) for what, x in views.items()]
    figures.append(_named("five clips", seen, own, half, seed, fused=FUSED))
    status, why = _judged({one.name: one for one in figures}, n, few if n < LEAST_IDENTITIES else "")
    return Verdict(part, status, why, NAME, tuple(figures))


def _judged(figures: dict[str, Figure], n: int, few: str) -> tuple[Status, str]:
    chance = 1 / n
    worst = max((figures[name] for name in ("one clip", "five clips")), key=lambda one: one.high)
    told = f"{worst.name}: {worst.value:.3f} [{worst.low:.3f}, {worst.high:.3f}], chance {chance:.3f}"
    if few:
        return "underpowered", f"{told}; {few}"
    if any(figures[name].low > MOST_OF_CHANCE * chance for name in ("one clip", "five clips")):
        return "failed", told
    if figures["clear"].low < min(CLEAR_OF_CHANCE * chance, 0.5):
        return "void", f"{told}; the attacker does not recognise people in the clips themselves"
    if figures["planted"].low <= MOST_OF_CHANCE * chance:
        return "void", f"{told}; a planted mark for each of them was not found"
    if worst.high <= MOST_OF_CHANCE * chance:
        return "passed", told
    return "underpowered", f"{told}; the interval holds both sides of {MOST_OF_CHANCE:.0f} x chance"


def _named(what: str, x: Features, who: Labels, half: Bools, seed: int, fused: int) -> Figure:
    told, true = [], []
    for learn in (half, ~half):
        fitted = Linear.fit(x[learn], who[learn])
        scores, own = fitted.score(x[~learn]), who[~learn]
        for one in np.unique(own):
            order = rng_for(seed, "audit", "fused clips", int(one)).permutation(np.flatnonzero(own == one))
            for start in range(0, len(order), fused):
                told.append(fitted.classes[scores[order[start : start + fused]].sum(axis=0).argmax()])
                true.append(one)
    rng = rng_for(seed, "audit", "relink", what)
    return named_right(what, np.array(told, np.int64), np.array(true, np.int64), rng)


def _halves(who: Labels, seed: int) -> Bools:
    """`[N]`: in which half of its person's clips each one is."""
    out = np.zeros(len(who), np.bool_)
    for one in np.unique(who):
        own = rng_for(seed, "audit", "halves", int(one)).permutation(np.flatnonzero(who == one))
        out[own[: len(own) // 2]] = True
    return out
