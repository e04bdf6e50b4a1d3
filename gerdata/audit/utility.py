"""What protection costs: who was quarantined, and how well a plain learner still tells the labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.audit.linear import NAME, Features, Labels, Linear
from gerdata.audit.statistics import rate
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


@dataclass(frozen=True)
class Taught:
    """Clips to learn labels from and to test on: `x: [N, D]`, `label: [N]`, `is_test: bool [N]`."""

    x: Features
    label: Labels
    is_test: npt.NDArray[np.bool_]

    def and_also(self, other: "Taught") -> "Taught":
        """Both together."""
        x, label = np.concatenate([self.x, other.x]), np.concatenate([self.label, other.label])
        return Taught(x, label, np.concatenate([self.is_test, other.is_test]))


def utility(clear: Taught, released: Taught, names: Sequence[str], refused: Taught | None = None) -> Verdict:
    """How well labels are told from small pictures and envelopes, learnt and tested on clear and on released clips.

    `refused`: clear originals of clips that were quarantined. What their absence costs is told by two more learners, of all
    clear clips and of those that were kept, both tested on all.
    """
    if clear.is_test.sum() < 2 or len(np.unique(clear.label[~clear.is_test])) < 2:
        return Verdict("labels kept", "skipped", "fewer than two labelled clips to test, or one class to learn", NAME)
    ways = {"clear": (clear, clear), "released": (released, released)}
    if refused is not None:
        everything = clear.and_also(refused)
        ways |= {"with quarantined": (everything, everything), "without quarantined": (clear, everything)}
    figures: list[Figure] = []
    for kind, (learn, test) in ways.items():
        told = Linear.fit(learn.x[~learn.is_test], learn.label[~learn.is_test]).told(test.x[test.is_test])
        label = test.label[test.is_test]
        figures.append(rate(f"accuracy {kind}", int((told == label).sum()), len(label)))
        figures += [
            rate(f"recall of {name} {kind}", int((told[label == k] == k).sum()), int((label == k).sum()))
            for k, name in enumerate(names)
        ]
    accuracy = {one.name: one.value for one in figures}
    n = int(clear.is_test.sum())
    told_of = ", ".join(f"{accuracy['accuracy ' + kind]:.2f} {kind}" for kind in ways)
    why = f"accuracy {told_of}, {n} clips"
    return Verdict("labels kept", "underpowered" if n < LEAST_TESTED else "reported", why, NAME, tuple(figures))
