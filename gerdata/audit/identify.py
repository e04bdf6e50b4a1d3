"""Who is it? Attackers on pictures of known people, clear and released, and whether the answer can be believed.

Half of the clips of every person are for learning, half for the attack, and the reverse. Naive: learnt from clear pictures.
Lazy: seen through what clear pictures taught, enrolled from released ones. Retrained: learnt from released ones; the figure
that decides. Fused: the same, up to five pictures of a person together. All four twice where there is a network that tells
faces apart: on pixels, and on what the network makes of them; naive and lazy then need no learning, the network is as it is.
The strongest of them is the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.audit.linear import NAME, Features, Labels, Linear, closest, nearest
from gerdata.audit.statistics import named_right, permuted
from gerdata.chance import rng_for
from gerdata.store.audits import Figure, Status, Verdict

LEAST_IDENTITIES, LEAST_PICTURES = 30, 10
FUSED, FUSED_TIMES = 5, 4  # pictures together, and in how many ways they are put together
MOST_OF_CHANCE = 2.0  # the upper bound of a pass, in multiples of chance
CLEAR_OF_CHANCE = 5.0  # the lower bound on clear pictures, below which the attacker sees too little to be believed
MARK_LEARNED = "learned "  # before the names of a network's figures
WATERMARK = 2.55  # 1 % of 255: a planted mark for each identity that must be found


@dataclass(frozen=True)
class Views:
    """The same pictures twice: `clear`, `released: float64 [N, D]` features of one region; whose, and of which clip: `[N]`."""

    clear: Features
    released: Features
    identity: Labels
    clip: Labels
    marked: Features | None = None  # the released ones, marked before features were made of them; None: of pixels

    def enough(self) -> "Views":
        """Only those identities with ten pictures or more, from two clips or more."""
        keep = np.zeros(len(self.identity), np.bool_)
        for who in np.unique(self.identity):
            own = self.identity == who
            if own.sum() >= LEAST_PICTURES and len(np.unique(self.clip[own])) > 1:
                keep |= own
        marked = None if self.marked is None else self.marked[keep]
        return Views(self.clear[keep], self.released[keep], self.identity[keep], self.clip[keep], marked)

    def clear_alone(self) -> "Views":
        """As if nothing had been protected."""
        return Views(self.clear, self.clear, self.identity, self.clip)

    def with_marks(self, seed: int) -> "Views":
        """As if a mark of 1 % for each identity had been left in what was released."""
        if self.marked is not None:
            return Views(self.released, self.marked, self.identity, self.clip)
        marks = {who: mark_of(seed, int(who), self.released.shape[1]) for who in np.unique(self.identity)}
        marked = self.released + np.stack([marks[who] for who in self.identity])
        return Views(self.released, np.asarray(marked, np.float64), self.identity, self.clip)


def mark_of(seed: int, who: int | str, n: int) -> Features:
    """`[n]`: the planted mark of one identity."""
    return np.asarray(rng_for(seed, "audit", "mark", who).choice([-WATERMARK, WATERMARK], n), np.float64)


Attack = Callable[[Views, npt.NDArray[np.bool_], npt.NDArray[np.bool_]], tuple[Labels, Labels]]


def identify(
    part: str, views: Views, seed: int, has_threshold: bool = True, learned: Views | None = None, name: str = ""
) -> Verdict:
    """The verdict on one region. Without a threshold (context, whole person) figures are reported. `learned`: the same
    pictures as a network called `name` tells them apart."""
    attacker = f"{NAME}; {name}" if learned is not None else NAME
    views = views.enough()
    n = len(np.unique(views.identity))
    few = f"{n} identities with {LEAST_PICTURES} pictures from 2 clips; {LEAST_IDENTITIES} are needed"
    if n < 2:
        return Verdict(part, "underpowered", few, attacker)
    rng = rng_for(seed, "audit", part)
    found = _attacked(views, seed, LINEAR)
    if learned is not None:
        more = _attacked(learned.enough(), seed, LEARNED)
        found |= {f"{MARK_LEARNED}{name}": answers for name, answers in more.items()}
    figures = tuple(named_right(name, told, who, rng) for name, (told, who) in found.items())
    null = permuted(*found["retrained"], rng)
    null_figure = Figure("permuted labels, 97.5 %", null, null, null, len(found["retrained"][0]), 1 / n)
    if n < LEAST_IDENTITIES:
        return Verdict(part, "underpowered", few, attacker, (*figures, null_figure))
    status, why = _judged({figure.name: figure for figure in figures}, n, has_threshold)
    return Verdict(part, status, why, attacker, (*figures, null_figure))


def _attacked(views: Views, seed: int, attacks: dict[str, "Attack"]) -> dict[str, tuple[Labels, Labels]]:
    """Told and true identities by attack, and of the two gates: clear pictures, and released ones with a planted mark."""
    half = _halves(views, seed)
    gates = {"clear": views.clear_alone(), "watermark": views.with_marks(seed)}
    found = {name: _both(_retrained, seen, half) for name, seen in gates.items()}
    return found | {name: _both(attack, views, half) for name, attack in attacks.items()}


def _judged(figures: dict[str, Figure], n: int, has_threshold: bool) -> tuple[Status, str]:
    """The worst figure of all attackers decides; a gate of any that does not hold makes the answer void."""
    chance = 1 / n
    kinds = [kind for kind in ("", MARK_LEARNED) if f"{kind}clear" in figures]
    if any(figures[f"{kind}clear"].low < min(CLEAR_OF_CHANCE * chance, 0.5) for kind in kinds):
        return "void", "an attacker does not recognise clear pictures, so it would not recognise released ones"
    worst = max((figures[f"{kind}{name}"] for kind in kinds for name in LINEAR), key=lambda one: one.high)
    told = f"{worst.name}: {worst.value:.3f} [{worst.low:.3f}, {worst.high:.3f}], chance {chance:.3f}"
    if not has_threshold:
        return "reported", told
    if any(figures[f"{kind}{name}"].low > MOST_OF_CHANCE * chance for kind in kinds for name in LINEAR):
        return "failed", told
    if any(figures[f"{kind}watermark"].low <= MOST_OF_CHANCE * chance for kind in kinds):
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


def _stock(views: Views, learn: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    """Naive, by a network that needs no learning: the person whose clear pictures are nearest in the mean."""
    who = views.identity[learn]
    classes = np.unique(who)
    templates = np.stack([views.clear[learn][who == one].mean(axis=0) for one in classes])
    return closest(templates, classes, views.released[test]), views.identity[test]


def _stock_lazy(views: Views, learn: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> tuple[Labels, Labels]:
    """The same, enrolled from released pictures."""
    return _stock(Views(views.released, views.released, views.identity, views.clip), learn, test)


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


LINEAR: dict[str, Attack] = {"naive": _naive, "lazy": _lazy, "retrained": _retrained, "fused": _fused}
LEARNED: dict[str, Attack] = {"naive": _stock, "lazy": _stock_lazy, "retrained": _retrained, "fused": _fused}
