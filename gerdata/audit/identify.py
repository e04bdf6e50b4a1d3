"""Who is it? Four attackers on pictures of known people, clear and released, and whether the answer can be believed.

Half of the clips of every person are for learning, half for the attack, and the reverse. Naive: learnt from clear pictures.
Lazy: seen through what clear pictures taught, enrolled from released ones. Retrained: learnt from released ones; the figure
that decides. Fused: the same, up to five pictures of a person together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.audit.linear import NAME, Features, Labels, Linear, nearest
from gerdata.audit.statistics import named_right, permuted
from gerdata.chance import rng_for
from gerdata.store.audits import Figure, Status, Verdict

LEAST_IDENTITIES, LEAST_PICTURES = 30, 10
FUSED, FUSED_TIMES = 5, 4  # pictures together, and in how many ways they are put together
MOST_OF_CHANCE = 2.0  # the upper bound of a pass, in multiples of chance
CLEAR_OF_CHANCE = 5.0  # the lower bound on clear pictures, below which the attacker sees too little to be believed
WATERMARK = 2.55  # 1 % of 255: a planted mark for each identity that must be found


@dataclass(frozen=True)
class Views:
    """The same pictures twice: `clear`, `released: float64 [N, D]` features of one region; whose, and of which clip: `[N]`."""

    clear: Features
    released: Features
    identity: Labels
    clip: Labels

    def enough(self) -> "Views":
        """Only those identities with ten pictures or more, from two clips or more."""
        keep = np.zeros(len(self.identity), np.bool_)
        for who in np.unique(self.identity):
            own = self.identity == who
            if own.sum() >= LEAST_PICTURES and len(np.unique(self.clip[own])) > 1:
                keep |= own
        return Views(self.clear[keep], self.released[keep], self.identity[keep], self.clip[keep])


Attack = Callable[[Views, npt.NDArray[np.bool_], npt.NDArray[np.bool_]], tuple[Labels, Labels]]


def identify(part: str, views: Views, seed: int, has_threshold: bool = True) -> Verdict:
    """The verdict on one region. Without a threshold (context, whole person) figures are reported."""
    views = views.enough()
    n = len(np.unique(views.identity))
    if n < 2:
        why = f"{n} identities with {LEAST_PICTURES} pictures from 2 clips; {LEAST_IDENTITIES} are needed"
        return Verdict(part, "underpowered", why, NAME)
    tests = _halves(views, seed)
    rng = rng_for(seed, "audit", part)
    marked = Views(views.released, _marked(views, seed), views.identity, views.clip)
    found = {
        "clear": _both(_retrained, Views(views.clear, views.clear, views.identity, views.clip), tests),
        "watermark": _both(_retrained, marked, tests),
        "naive": _both(_naive, views, tests),
        "lazy": _both(_lazy, views, tests),
        "retrained": _both(_retrained, views, tests),
        "fused": _both(_fused, views, tests),
    }
    figures = tuple(named_right(name, told, who, rng) for name, (told, who) in found.items())
    null = permuted(*found["retrained"], rng)
    null_figure = Figure("permuted labels, 97.5 %", null, null, null, len(found["retrained"][0]), 1 / n)
    status, why = _judged({figure.name: figure for figure in figures}, n, has_threshold)
    return Verdict(part, status, why, NAME, (*figures, null_figure))


def _judged(figures: dict[str, Figure], n: int, has_threshold: bool) -> tuple[Status, str]:
    chance = 1 / n
    if n < LEAST_IDENTITIES:
        return (
            "underpowered",
            f"{n} identities with {LEAST_PICTURES} pictures from 2 clips; {LEAST_IDENTITIES} are needed",
        )
    if figures["clear"].low < min(CLEAR_OF_CHANCE * chance, 0.5):
        return "void", "the attacker does not recognise clear pictures, so it would not recognise released ones"
    worst = max((figures["retrained"], figures["fused"], figures["lazy"], figures["naive"]), key=lambda one: one.high)
    told = f"{worst.name}: {worst.value:.3f} [{worst.low:.3f}, {worst.high:.3f}], chance {chance:.3f}"
    if not has_threshold:
        return "reported", told
    if worst.low > MOST_OF_CHANCE * chance:
        return "failed", told
    if figures["watermark"].low <= MOST_OF_CHANCE * chance:
        return "void", "a planted mark of 1 % for each identity was not found, so a faint leak would not be"
    if worst.high <= MOST_OF_CHANCE * chance:
        return "passed", told
    return "underpowered", f"{told}; the interval holds both sides of {MOST_OF_CHANCE:.0f} x chance"


def _halves(views: Views, seed: int) -> npt.NDArray[np.bool_]:
    """`[N]`: which half of its identity's clips a picture is in; a clip is never in both."""
    out = np.zeros(len(views.identity), np.bool_)
    for who in np.unique(views.identity):
        own = views.identity == who
        clips = rng_for(seed, "audit", "halves", int(who)).permutation(np.unique(views.clip[own]))
        out |= own & np.isin(views.clip, clips[: len(clips) // 2])
    return out


def _marked(views: Views, seed: int) -> Features:
    marks = {who: rng_for(seed, "audit", "mark", int(who)).choice([-WATERMARK, WATERMARK], views.released.shape[1])
             for who in np.unique(views.identity)}  # fmt: skip
    return np.asarray(views.released + np.stack([marks[who] for who in views.identity]), np.float64)


def _both(attack: Attack, views: Views, half: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    """Told and true identities of both halves, each attacked with what was learnt from the other."""
    parts = [attack(views, half, ~half), attack(views, ~half, half)]
    return np.concatenate([told for told, _ in parts]), np.concatenate([true for _, true in parts])


def _naive(views: Views, learn: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    fitted = Linear.fit(views.clear[learn], views.identity[learn])
    return fitted.told(views.released[test]), views.identity[test]


def _lazy(views: Views, learn: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    fitted = Linear.fit(views.clear[learn], views.identity[learn])
    enrolled, who = fitted.embed(views.released[learn]), views.identity[learn]
    middle = enrolled.mean(axis=0)
    templates = np.stack([enrolled[who == one].mean(axis=0) for one in fitted.classes])
    return nearest(templates - middle, fitted.classes, fitted.embed(views.released[test]) - middle), views.identity[
        test
    ]


def _retrained(views: Views, learn: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    fitted = Linear.fit(views.released[learn], views.identity[learn])
    return fitted.told(views.released[test]), views.identity[test]


def _fused(views: Views, learn: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    fitted = Linear.fit(views.released[learn], views.identity[learn])
    scores, who = fitted.score(views.released[test]), views.identity[test]
    rng, told, true = rng_for(0, "audit", "fused"), [], []
    for one in np.unique(who):
        for _ in range(FUSED_TIMES):
            own = rng.permutation(np.flatnonzero(who == one))
            for start in range(0, len(own), FUSED):
                told.append(fitted.classes[scores[own[start : start + FUSED]].sum(axis=0).argmax()])
                true.append(one)
    return np.array(told, np.int64), np.array(true, np.int64)
