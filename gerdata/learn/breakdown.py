"""Figures with intervals, of a whole split and of its parts: by size of the group, margin of the label, kind and protection."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import Clip
from gerdata.learn.bootstrap import (
    BINS,
    DRAWS,
    LEAST_GROUPS,
    Estimate,
    Floats,
    drawn_sums,
    figures_of,
    recalls_of,
    share,
    sums_of_groups,
    unbiased,
    whole,
)
from gerdata.learn.metrics import DataKind, Ids, confusion_of
from gerdata.learn.outcome import Outcome

PEOPLE = (("none", 0, 0), ("1-2", 1, 2), ("3-5", 3, 5), ("6-9", 6, 9), ("10 or more", 10, 1 << 30))
MARGINS = (("under 0.1", 0.0, 0.1), ("0.1-0.3", 0.1, 0.3), ("0.3 or more", 0.3, float("inf")))  # in units of the rule


@dataclass(frozen=True)
class Part:
    """Figures of some clips: `recall` in the order of the classes; `ece` in `BINS` bins of equal width. `is_underpowered`:
    under `LEAST_GROUPS` groups, so that the intervals are too narrow."""

    name: str
    clips: int
    groups: int
    is_underpowered: bool
    accuracy: Estimate
    macro_f1: Estimate
    uar: Estimate
    ece: Estimate
    recall: tuple[Estimate, ...]

    def line(self) -> str:
        """One line for people."""
        few = " · underpowered" if self.is_underpowered else ""
        told = f"accuracy {self.accuracy} · macro-F1 {self.macro_f1} · UAR {self.uar} · ECE {self.ece}"
        return f"{self.name}: {self.clips} clips in {self.groups} groups · {told}{few}"


@dataclass(frozen=True)
class Breakdown:
    """Figures of one model on one split, with 95 % intervals from `draws` draws of whole groups."""

    split: str
    data_kind: DataKind
    classes: tuple[str, ...]
    draws: int
    bins: int
    confusion: tuple[tuple[int, ...], ...]
    whole: Part
    parts: tuple[Part, ...]


def break_down(outcome: Outcome, split: str, seed: int = 0) -> Breakdown:
    """Figures of all clips, and of every part that holds any. Draws depend on the seed and the part's name alone."""
    parts = [part_of(outcome.only(at), name, seed) for name, at in parts_of(outcome.clips)]
    table = confusion_of(outcome.truth, outcome.called, len(outcome.classes))
    return Breakdown(
        split=split,
        data_kind=outcome.data_kind,
        classes=outcome.classes,
        draws=DRAWS,
        bins=BINS,
        confusion=tuple(tuple(int(n) for n in line) for line in table),
        whole=part_of(outcome, "all", seed),
        parts=tuple(parts),
    )


def part_of(outcome: Outcome, name: str, seed: int) -> Part:
    """The figures of some clips, at least one."""
    sums = sums_of_groups(outcome.truth, outcome.probabilities, outcome.group)
    drawn = drawn_sums(sums, rng_for(seed, "breakdown", name))
    value, told, groups = figures_of(whole(sums)), figures_of(drawn), len(sums.table)
    estimates = {key: share(float(value[key]), told[key], groups) for key in ("accuracy", "macro_f1", "uar")}
    return Part(
        name=name,
        clips=len(outcome.clips),
        groups=groups,
        is_underpowered=groups < LEAST_GROUPS,
        ece=unbiased(float(value["ece"]), told["ece"]) if groups > 1 else Estimate(float(value["ece"]), 0.0, 1.0),
        recall=_recalls(sums.table, drawn.table),
        **estimates,
    )


def _recalls(table: Floats, drawn: Floats) -> tuple[Estimate, ...]:
    """Of each class, by as many trials as groups have it."""
    values, told = recalls_of(table.sum(axis=0)), recalls_of(drawn)
    groups = (table.sum(axis=2) > 0).sum(axis=0)
    return tuple(
        share(float(values[c]), told[:, c], int(groups[c])) if np.isfinite(values[c]) else Estimate(*[float("nan")] * 3)
        for c in range(len(values))
    )


def parts_of(clips: tuple[Clip, ...]) -> Iterator[tuple[str, Ids]]:
    """Names of parts and places of their clips; a part without clips, or that has them all, is left out."""
    for title, told in (("people", _people), ("margin", _margin), ("kind", _kind), ("protection", _protection)):
        names = [told(clip) for clip in clips]
        for name in _in_order(title, set(names)):
            at = np.flatnonzero([one == name for one in names])
            if len(at) < len(clips):
                yield f"{title} {name}", at


def _in_order(title: str, names: set[str]) -> list[str]:
    known = [name for name, _, _ in {"people": PEOPLE, "margin": MARGINS}.get(title, ())]
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))


def _people(clip: Clip) -> str:
    return _binned(clip.n_people, lambda n, low, high: low <= n <= high, PEOPLE)


def _margin(clip: Clip) -> str:
    return _binned(clip.label_margin, lambda x, low, high: low <= x < high, MARGINS)


def _kind(clip: Clip) -> str:
    return "synthetic" if clip.is_synthetic else "real"


def _protection(clip: Clip) -> str:
    return clip.protection


def _binned(
    value: float | None, holds: Callable[[float, float, float], bool], bins: tuple[tuple[str, float, float], ...]
) -> str:
    """The name of the bin of a measure; `not known` where there is none."""
    if value is None:
        return "not known"
    return next((name for name, low, high in bins if holds(value, low, high)), "not known")
