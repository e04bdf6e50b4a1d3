"""What makes a group's label of its members: named rules over valences, and how many raters or members would say so.

A rule reads valences in [-1, 1] and how much each member stands out, and gives a label, a soft label and a margin. The
same rules read what a viewer can know (the valences of those who can be seen), as an oracle for evaluation.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gerdata.chance import rng_for

RuleName = Literal["mean-valence", "majority", "salience-weighted", "simulated-raters", "all-same"]
RULES: tuple[RuleName, ...] = ("mean-valence", "majority", "salience-weighted", "simulated-raters", "all-same")

THRESHOLD = 0.3  # valence beyond which one member, or a group's mean, is positive or negative: an own convention
SOFTNESS = 8.0  # steepness of the soft label of a mean: 0.1 from a threshold is about 70 : 30
RATERS = 9
RATER_BIAS, RATER_NOISE = (
    0.06,
    0.08,
)  # standard deviations, in valence: one rater's taste, and of one glance; assumption
GLANCE_SHARE = 0.7  # of the members that one rater looks at; assumption

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """A group's label as a position in (positive, neutral, negative), its soft form in that order, and its margin.

    The margin is 0 where the rule is undecided: of a mean the distance to the nearest threshold in units of valence, of
    votes the lead of the winner over the next as a share of all votes.
    """

    label: int
    soft: tuple[float, float, float]
    margin: float


def judge(rule: RuleName, valences: npt.ArrayLike, salience: npt.ArrayLike, seed: int = 0) -> Verdict:
    """The verdict of a rule on `valences: [P]` in [-1, 1] and `salience: [P]` >= 0; `seed` draws the raters.

    `mean-valence`: over `THRESHOLD` positive, under minus it negative, else neutral; soft is a softmax of the distances.
    `salience-weighted`: the same of the mean weighted by salience. `majority`: most members, each by the same thresholds.
    `simulated-raters`: most of `RATERS`, each with a taste, who see some members, likelier salient ones.
    `all-same`: the members' common class, with margin 1; where they differ, `majority`.
    `ValueError` for nobody, or for another rule.
    """
    v, w = np.asarray(valences, np.float64), np.maximum(np.asarray(salience, np.float64), 1e-9)
    if not len(v) or v.shape != w.shape:
        raise ValueError(f"expected valences and saliences of one or more people, came {v.shape} and {w.shape}")
    match rule:
        case "mean-valence":
            return _of_mean(float(v.mean()))
        case "salience-weighted":
            return _of_mean(float(v @ w / w.sum()))
        case "majority" | "all-same":
            return _of_votes(np.array([class_of(one) for one in v]))
        case "simulated-raters":
            return _of_votes(_rated(v, w, rng_for(seed, "raters")))
    raise ValueError(f"expected one of {', '.join(RULES)}, came {rule}")


def class_of(valence: float) -> int:
    """0 positive, 1 neutral, 2 negative."""
    return 0 if valence > THRESHOLD else 2 if valence < -THRESHOLD else 1


def _of_mean(mean: float) -> Verdict:
    logits = SOFTNESS * np.array([mean - THRESHOLD, 0.0, -mean - THRESHOLD])
    soft = np.exp(logits - logits.max())
    soft /= soft.sum()
    return Verdict(int(soft.argmax()), _three(soft), abs(abs(mean) - THRESHOLD))


def _of_votes(votes: npt.NDArray[np.int64]) -> Verdict:
    """Ties go to neutral, then to positive: the order of argmax below."""
    counts = np.bincount(votes, minlength=3)
    order = np.array([1, 0, 2])
    label = int(order[counts[order].argmax()])
    others = np.delete(counts, label)
    return Verdict(label, _three(counts / counts.sum()), float((counts[label] - others.max()) / counts.sum()))


def _rated(v: Values, w: Values, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Each rater's class: the mean of the members that were looked at, as that rater takes it."""
    n = max(1, round(GLANCE_SHARE * len(v)))
    votes = []
    for bias in rng.normal(0, RATER_BIAS, RATERS):
        seen = rng.choice(len(v), n, replace=False, p=w / w.sum())
        votes.append(class_of(float(v[seen].mean() + bias + rng.normal(0, RATER_NOISE))))
    return np.array(votes)


def _three(values: Values) -> tuple[float, float, float]:
    a, b, c = (float(one) for one in values)
    return a, b, c
