"""Is one model better than another? Both on the same clips, whole groups and whole runs drawn again.

Two sources of chance are told apart from the models: which groups were filmed, and which seed a model was trained with. Groups
are drawn once for both sides of a comparison (paired), runs on each side by themselves. A mean over few runs varies less in
drawing again than in truth, by (n - 1)/n; that is put back. p is the share of draws that are as far from the difference as the
difference is from none (two-sided; Efron and Tibshirani 1993, ch. 16).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gerdata.chance import rng_for
from gerdata.errors import DatasetError
from gerdata.learn.bootstrap import (
    DRAWS,
    LEAST_GROUPS,
    Estimate,
    Floats,
    Sums,
    drawn_sums,
    figures_of,
    percentiles,
    redrawn,
    share,
    sums_of_groups,
    unbiased,
    whole,
)
from gerdata.learn.outcome import Outcome

FIGURES = ("accuracy", "macro_f1", "uar", "ece")


@dataclass(frozen=True)
class Difference:
    """One figure of both sides, the mean over their runs, and a less b."""

    figure: str
    a: Estimate
    b: Estimate
    difference: Estimate
    p: float

    def line(self) -> str:
        """One line for people."""
        return f"{self.figure}: {self.a} against {self.b}, difference {signed(self.difference)}, p {p_told(self.p)}"


@dataclass(frozen=True)
class Comparison:
    """Both sides on the same clips. `is_underpowered`: under `LEAST_GROUPS` groups, so that the intervals are too narrow."""

    clips: int
    groups: int
    runs_a: int
    runs_b: int
    draws: int
    is_underpowered: bool
    differences: tuple[Difference, ...]

    def of(self, figure: str) -> Difference:
        """The difference of one figure."""
        return next(one for one in self.differences if one.figure == figure)


def p_told(p: float) -> str:
    """A p for people; never nought, which no number of draws shows."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def signed(estimate: Estimate) -> str:
    """A difference for people, with its sign."""
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def compare(a: Sequence[Outcome], b: Sequence[Outcome], seed: int = 0) -> Comparison:
    """Runs of a against runs of b. `DatasetError` where they were not asked about the same clips and classes."""
    first = a[0]
    for other in (*a, *b):
        refuse_unlike(first, other)
    drawn = _drawn_by_run((*a, *b), seed)
    groups = int(first.group.max()) + 1
    differences = []
    for figure in FIGURES:
        values = np.array([float(figures_of(whole(_sums(one)))[figure]) for one in (*a, *b)])
        rng = rng_for(seed, "compare", "runs", figure)
        sides = [_mean_of_runs(drawn[figure][:, at], rng) for at in (slice(0, len(a)), slice(len(a), None))]
        means = float(values[: len(a)].mean()), float(values[len(a) :].mean())
        gap = sides[0] - sides[1]
        differences.append(
            Difference(
                figure,
                _bounded(figure, means[0], sides[0], groups),
                _bounded(figure, means[1], sides[1], groups),
                percentiles(means[0] - means[1], gap),
                p_of(means[0] - means[1], gap),
            )
        )
    return Comparison(len(first.clips), groups, len(a), len(b), DRAWS, groups < LEAST_GROUPS, tuple(differences))


def gap_of(a: Outcome, b: Outcome, figure: str, seed: int = 0) -> Estimate:
    """One model on two sets of clips that share no group: the figure on `a` less that on `b`, each drawn by itself."""
    values, drawn = [], []
    for name, one in (("a", a), ("b", b)):
        sums = _sums(one)
        values.append(float(figures_of(whole(sums))[figure]))
        drawn.append(figures_of(drawn_sums(sums, rng_for(seed, "gap", name)))[figure])
    return percentiles(values[0] - values[1], drawn[0] - drawn[1])


def over_runs(outcomes: Sequence[Outcome], seed: int = 0) -> dict[str, Estimate]:
    """The mean of each figure over runs on the same clips, groups and runs drawn again."""
    for other in outcomes:
        refuse_unlike(outcomes[0], other)
    drawn = _drawn_by_run(tuple(outcomes), seed)
    out = {}
    for figure in FIGURES:
        value = float(np.mean([figures_of(whole(_sums(one)))[figure] for one in outcomes]))
        told = _mean_of_runs(drawn[figure], rng_for(seed, "compare", "runs", figure))
        out[figure] = _bounded(figure, value, told, int(outcomes[0].group.max()) + 1)
    return out


def p_of(difference: float, drawn: Floats) -> float:
    """Two-sided p of no difference, never under 1/(draws + 1)."""
    known = drawn[np.isfinite(drawn)]
    far = np.abs(known - known.mean()) >= abs(difference) - 1e-12 if len(known) else np.ones(0, np.bool_)
    return float((1 + far.sum()) / (1 + len(known)))


def refuse_unlike(a: Outcome, b: Outcome) -> None:
    """`DatasetError` where two outcomes cannot be compared clip by clip."""
    if a.classes != b.classes:
        raise DatasetError(
            f"the runs know other classes: {', '.join(a.classes)} and {', '.join(b.classes)}; compare runs of the same classes"
        )
    if [clip.id for clip in a.clips] != [clip.id for clip in b.clips] or not np.array_equal(a.truth, b.truth):
        raise DatasetError(
            f"the runs were asked about other clips ({len(a.clips)} and {len(b.clips)}, or other labels); name one release "
            "and split"
        )


def _bounded(figure: str, value: float, drawn: Floats, groups: int) -> Estimate:
    """A figure of one side; means of shares over runs may be drawn outside of [0, 1], where no share is."""
    if figure == "ece":
        return unbiased(value, drawn)
    return share(value, np.clip(drawn, 0, 1), groups)


def _sums(outcome: Outcome) -> Sums:
    return sums_of_groups(outcome.truth, outcome.probabilities, outcome.group)


def _drawn_by_run(outcomes: Sequence[Outcome], seed: int) -> dict[str, Floats]:
    """`[draws, R]` by figure; every run with the same groups in a draw."""
    sums = [_sums(one) for one in outcomes]
    groups, classes = len(sums[0].table), len(outcomes[0].classes)
    flat = np.stack([np.concatenate([one.table.reshape(groups, -1), one.surplus], axis=1) for one in sums], axis=1)
    told = redrawn(flat, rng_for(seed, "compare", "groups"))  # [draws, R, C * C + BINS]
    table = told[..., : classes * classes].reshape(DRAWS, len(outcomes), classes, classes)
    return figures_of(Sums(table, told[..., classes * classes :]))


def _mean_of_runs(values: Floats, rng: np.random.Generator) -> Floats:
    """`[draws]`: the mean of `values: [draws, R]` over runs drawn again; of one run its own values."""
    runs = values.shape[1]
    mean = values.mean(axis=1)
    if runs == 1:
        return np.asarray(mean, np.float64)
    picked = np.take_along_axis(values, rng.integers(0, runs, values.shape), axis=1).mean(axis=1)
    return np.asarray(mean + math.sqrt(runs / (runs - 1)) * (picked - mean), np.float64)
