"""What each person feels, how it rises and falls, and the rule that makes a group's label of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.synth.rule import THRESHOLD, RuleName, judge

RULE: RuleName = "mean-valence"
MIN_MARGIN = 0.1  # no group nearer to a threshold than this is drawn


@dataclass(frozen=True)
class Feeling:
    """One person's feeling: `valence` -1 to 1 at its apex, and how its display runs.

    The display is `show * floor` at rest, rises within `rise_s` from `onset_s`, and falls within `rise_s` after
    `hold_s`. `anger` says which kind of negative face (0 sorrow, 1 anger), `laugh` how far a positive one opens.
    """

    valence: float
    show: float
    floor: float
    onset_s: float
    rise_s: float
    hold_s: float
    anger: float
    laugh: float

    def display(self, t_s: float) -> float:
        """What the face shows at a time, -1 to 1: the valence, dimmed by reserve and before onset and after offset."""
        up = _ease((t_s - self.onset_s) / self.rise_s)
        down = _ease((t_s - self.onset_s - self.rise_s - self.hold_s) / self.rise_s)
        return self.valence * self.show * (self.floor + (1 - self.floor) * (up - down))


def label_of(valences: npt.ArrayLike, classes: tuple[str, ...]) -> tuple[str, tuple[float, ...], float]:
    """The group's label, its soft form and its margin, from everybody's valence at the apex.

    Rule `mean-valence`: over `THRESHOLD` is the first class (positive), under minus `THRESHOLD` the third (negative),
    else the second. The soft label is the softmax of `SOFTNESS` x (m - THRESHOLD, 0, -m - THRESHOLD), so its largest
    entry is the label; the margin is the distance of |m| from the threshold, in units of valence.
    """
    verdict = judge(RULE, valences, np.ones(len(np.asarray(valences))))
    return classes[verdict.label], verdict.soft, verdict.margin


def draw_valences(rng: np.random.Generator, n: int, sign: int, mixed: bool) -> npt.NDArray[np.float64]:
    """Valences of n people whose mean lies on the side `sign` (1, 0, -1) of the rule, at least `MIN_MARGIN` inside.

    A mixed group has members who feel otherwise: a minority, or in a neutral group as many happy as unhappy ones.
    """
    for _ in range(64):
        mean = rng.uniform(-0.1, 0.1) if sign == 0 else sign * rng.uniform(0.52, 0.82)
        drawn = rng.normal(mean, 0.12 if sign else 0.08, n)
        if mixed:
            others = _others(rng, n, sign)
            rest = n - len(others)
            drawn[:rest] += (mean * n - others.sum() - drawn[:rest].sum()) / rest
            drawn[rest:] = others
        valences: npt.NDArray[np.float64] = np.clip(rng.permutation(drawn), -1, 1).round(4)
        if _side(valences) == sign:
            return valences
    return np.full(n, 0.6 * sign)


def _others(rng: np.random.Generator, n: int, sign: int) -> npt.NDArray[np.float64]:
    share = rng.uniform(0.12, 0.34)
    if sign == 0:
        pairs = min(max(1, round(n * share / 2)), (n - 1) // 2)
        strength = rng.uniform(0.45, 0.9, pairs)
        return np.concatenate([strength, -strength])
    k = min(max(1, round(n * share)), (n - 1) // 2)
    return np.where(rng.random(k) < 0.5, rng.normal(0, 0.08, k), -sign * rng.uniform(0.4, 0.8, k))


def _side(valences: npt.NDArray[np.float64]) -> int | None:
    mean = float(valences.mean())
    if abs(abs(mean) - THRESHOLD) < MIN_MARGIN:
        return None
    return 0 if abs(mean) < THRESHOLD else int(np.sign(mean))


def _ease(x: float) -> float:
    """Smooth step from 0 to 1 over 0..1."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
