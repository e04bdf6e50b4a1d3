"""Who speaks? Attackers on sounds of known speakers, clear and released: pairs, and finding one among all.

Ignorant: enrolled from clear sounds, compared by the embedding or long-term figures. Lazy: enrolled from released ones.
Retrained: a linear attacker that learnt speakers from released ones of other clips (the
semi-informed attacker of the VoicePrivacy challenge, Tomashenko et al. 2024).
"""

import numpy as np
import numpy.typing as npt

from gerdata.audit.identify import Views
from gerdata.audit.linear import NAME, Features, Labels, Linear
from gerdata.audit.statistics import equal_error_rate, named_right, spread, true_accepts
from gerdata.chance import rng_for
from gerdata.store.audits import Figure, Status, Verdict

LEAST_SPEAKERS, LEAST_UTTERANCES = 20, 4
LEAST_EER, FAILED_EER = 0.40, 0.20  # lower bound of a pass; upper bound of a failure
CLEAR_EER = 0.20  # upper bound on clear sounds, above which the attacker hears too little to be believed
POOLED = (1, 3, 30)  # utterances put together

Scores = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]


def speakers(views: Views, gender: Labels, seed: int) -> Verdict:
    """The verdict on sounds: `views` of whole utterances, `gender: [N]` (one number for all where it is not known)."""
    attacker = f"embedding and long-term figures; {NAME}"
    keep = np.isin(views.identity, [who for who in np.unique(views.identity) if _enough(views, who)])
    views = Views(views.clear[keep], views.released[keep], views.identity[keep], views.clip[keep])
    gender = gender[keep]
    n = len(np.unique(views.identity))
    if n < 2:
        return Verdict("voices", "underpowered", f"{n} speakers with {LEAST_UTTERANCES} clips", attacker)
    half = np.zeros(len(views.identity), np.bool_)
    for who in np.unique(views.identity):
        own = np.flatnonzero(views.identity == who)
        half[rng_for(seed, "audit", "speaker", int(who)).permutation(own)[: len(own) // 2]] = True
    figures: list[Figure] = []
    clear, released = _scaled(views.clear, views.clear), _scaled(views.clear, views.released)
    enrolled = _scaled(views.released, views.released)
    kinds: dict[str, Features] = {
        "clear": _learnt(views.clear, views.identity, half),
        "ignorant": released[~half] @ clear[half].T,
        "lazy": enrolled[~half] @ enrolled[half].T,
        "retrained": _learnt(views.released, views.identity, half),
    }
    for name, matrix in kinds.items():
        columns = np.unique(views.identity[half]) if name in ("clear", "retrained") else views.identity[half]
        figures += _pairs(
            name, matrix, views.identity[~half], columns, gender[~half], _gender_of(views, gender, columns)
        )
    figures += _found(kinds["retrained"], views.identity[~half], np.unique(views.identity[half]), seed)
    figures.append(_single(kinds["retrained"], views.identity[~half], np.unique(views.identity[half])))
    status, why = _judged({one.name: one for one in figures}, n)
    return Verdict("voices", status, why, attacker, tuple(figures))


def _enough(views: Views, who: int) -> bool:
    return len(np.unique(views.clip[views.identity == who])) >= LEAST_UTTERANCES


def _gender_of(views: Views, gender: Labels, columns: Labels) -> Labels:
    return np.array([gender[np.flatnonzero(views.identity == who)[0]] for who in columns])


def _scaled(scale: Features, x: Features) -> Features:
    flat = (x - scale.mean(axis=0)) / np.maximum(scale.std(axis=0), 1e-6)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9))


def _learnt(x: Features, who: Labels, half: npt.NDArray[np.bool_]) -> Features:
    return Linear.fit(x[half], who[half]).score(x[~half])


def _pairs(name: str, matrix: Features, rows: Labels, columns: Labels, *gender: Labels) -> list[Figure]:
    """Error rates of all pairs of one gender; speakers drawn again for the bounds."""
    inside = gender[0][:, None] == gender[1][None]
    same = rows[:, None] == columns[None]
    names = np.unique(rows)
    places = [np.flatnonzero(rows == one) for one in names]

    def of(figure: int, chosen: npt.NDArray[np.int64]) -> float:
        at = np.concatenate([places[i] for i in chosen])
        scores, truth = matrix[at][inside[at]], same[at][inside[at]]
        return equal_error_rate(scores, truth) if figure == 0 else true_accepts(scores, truth)

    out = []
    for figure, told in enumerate((f"EER {name}", f"TPR at 1 % FPR {name}")):
        value = of(figure, np.arange(len(names)))
        low, high = spread(lambda chosen, figure=figure: of(figure, chosen), len(names), rng_for(0, "audit", told))  # type: ignore[misc]
        out.append(Figure(told, value, low, high, int(inside.sum()), 0.5 if figure == 0 else 0.01))
    return out


def _found(matrix: Features, rows: Labels, columns: Labels, seed: int) -> list[Figure]:
    """Linkability: the speaker named first, from 1, 3 and 30 utterances together (fewer where a speaker has fewer)."""
    out = []
    for pooled in POOLED:
        told, true = [], []
        for one in np.unique(rows):
            own = rng_for(seed, "audit", "pooled", pooled, int(one)).permutation(np.flatnonzero(rows == one))
            for start in range(0, len(own), pooled):
                told.append(columns[matrix[own[start : start + pooled]].sum(axis=0).argmax()])
                true.append(one)
        rng = rng_for(seed, "audit", "linkability", pooled)
        out.append(named_right(f"linkability, {pooled} together", np.array(told), np.array(true), rng))
    return out


def _single(matrix: Features, rows: Labels, columns: Labels) -> Figure:
    """Singling out: of utterances chosen by "likest to speaker s", one for each s, how many are of s."""
    return named_right("singling out", rows[matrix.argmax(axis=0)], columns, rng_for(0, "audit", "single"))


def _judged(figures: dict[str, Figure], n: int) -> tuple[Status, str]:
    eer = min((figures[f"EER {name}"] for name in ("ignorant", "lazy", "retrained")), key=lambda one: one.low)
    told = f"{eer.name}: {eer.value:.3f} [{eer.low:.3f}, {eer.high:.3f}], chance .5"
    if n < LEAST_SPEAKERS:
        return "underpowered", f"{told}; {n} speakers with {LEAST_UTTERANCES} clips, {LEAST_SPEAKERS} are needed"
    if figures["EER clear"].high > CLEAR_EER:
        return "void", "the attacker does not tell speakers apart in clear sounds"
    if eer.low >= LEAST_EER:
        return "passed", told
    if eer.high < FAILED_EER or figures["linkability, 1 together"].low > 3 / n:
        return "failed", told
    return "underpowered", f"{told}; the interval reaches below {LEAST_EER:.2f}"
