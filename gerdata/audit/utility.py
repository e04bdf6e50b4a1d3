"""What protection costs: who was quarantined, and how well a plain learner still tells the labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gerdata.audit.linear import NAME, Features, Labels, Linear
from gerdata.audit.statistics import clopper_pearson, rate
from gerdata.store.audits import Figure, Verdict

MOST_QUARANTINED, MOST_RATIO = 0.05, 2.0
LEAST_TESTED = 100


@dataclass(frozen=True)
class Fate:
    """What became of one clip, and what kind it is of: label, people in it, size of the smallest head."""

    is_kept: bool
    label: str
    people: str
    head: str


def fate_of(is_kept: bool, label: str | None, n_people: int | None, head_px: float | None) -> Fate:
    people = "unknown" if n_people is None else "0-1" if n_people < 2 else "2-5" if n_people < 6 else "6 and more"
    head = "unknown" if head_px is None else "under 20 px" if head_px < 20 else "20 px and more"
    return Fate(is_kept, label or "unlabelled", people, head)


def quarantine(fates: Sequence[Fate]) -> tuple[Verdict, bool]:
    """Shares that were refused, overall and by kind; and whether that is too many or too uneven: over 5 %, or between two
    labels a ratio over 2 that is not one of chance (their intervals do not meet)."""
    refused = sum(not one.is_kept for one in fates)
    figures = [rate("all", refused, len(fates))]
    for kind in ("label", "people", "head"):
        n, bad = (
            Counter(getattr(one, kind) for one in fates),
            Counter(getattr(one, kind) for one in fates if not one.is_kept),
        )
        figures += [rate(f"{kind} {name}", bad[name], n[name]) for name in sorted(n)]
    labels = [one for one in figures if one.name.startswith("label ")]
    high, low = (
        (max(labels, key=lambda one: one.value), min(labels, key=lambda one: one.value)) if labels else (None, None)
    )
    is_uneven = bool(high and low and high.value > MOST_RATIO * low.value and high.low > low.high)
    is_much = refused > MOST_QUARANTINED * len(fates)
    told = f"{refused} of {len(fates)} refused" + ("; uneven between labels" if is_uneven else "")
    return Verdict("quarantine", "reported", told, "", tuple(figures)), is_much or is_uneven


def utility(clear: Features, released: Features, label: Labels, is_test: np.ndarray, names: Sequence[str]) -> Verdict:
    """How well labels are told from small pictures and envelopes, learnt and tested on clear and on released clips."""
    train = ~is_test
    if is_test.sum() < 2 or len(np.unique(label[train])) < 2:
        return Verdict("labels kept", "skipped", "fewer than two labelled clips to test, or one class to learn", NAME)
    figures: list[Figure] = []
    for kind, x in (("clear", clear), ("released", released)):
        right = Linear.fit(x[train], label[train]).told(x[is_test]) == label[is_test]
        figures.append(rate(f"accuracy {kind}", int(right.sum()), len(right)))
        for k, name in enumerate(names):
            own = label[is_test] == k
            figures.append(Figure(f"recall of {name} {kind}", float(right[own].mean()) if own.any() else float("nan"),
                                  *clopper_pearson(int(right[own].sum()), int(own.sum())), int(own.sum())))  # fmt: skip
    told = f"accuracy {figures[0].value:.2f} clear, {figures[1 + len(names)].value:.2f} released, {int(is_test.sum())} clips"
    is_small = is_test.sum() < LEAST_TESTED
    return Verdict("labels kept", "underpowered" if is_small else "reported", told, NAME, tuple(figures))
