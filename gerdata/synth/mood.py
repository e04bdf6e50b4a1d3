"""The mood of a gathering: what everybody feels, how it spreads, when it shows, and what that makes of the group's label."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.recipe import SynthRecipe
from gerdata.synth.feeling import Feeling, draw_valences
from gerdata.synth.layout import Ground
from gerdata.synth.rule import Verdict, class_of, judge

TRIES = 48  # draws of valences until the rule says the wanted class clearly; then all feel the same
RATERS_SEED_BITS = 31
WEAK = 0.3  # of what is felt, and less: hardly let out
NEIGHBOURS = 3  # who is caught from
SPREAD_S_PER_M = 0.25  # how long a feeling takes to the next; assumption
POSTURES = {  # what fits a feeling, and what fits all: shared ones keep a posture alone from telling the class
    0: ("cheer", "wave", "clap"),
    1: ("stand", "crossed"),
    2: ("slump", "argue", "hand-to-face"),
}
SHARED = ("stand", "stand", "crossed")

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mood:
    """For each of P people a `Feeling`, a posture and how lively they move (0 to 1); how much is let out by voice (0 to 1);
    the verdict of the rule, and the seed of its raters."""

    feelings: tuple[Feeling, ...]
    postures: tuple[str, ...]
    liveliness: Values
    voiced: float
    verdict: Verdict
    raters: int


def draw_mood(rng: np.random.Generator, recipe: SynthRecipe, wanted: int, ground: Ground, salience: Values) -> Mood:
    """A mood whose label is `wanted` (0 positive, 1 neutral, 2 negative), by the recipe's rule and at least its margin.

    A share of groups is mixed; in others all feel alike. Feelings are caught from neighbours by the recipe's strength, before
    the rule is asked, and set in later the further one stands from where they began.
    """
    n = len(ground)
    raters = int(rng.integers(1 << RATERS_SEED_BITS))
    valences, verdict = _valences(rng, recipe, wanted, ground, (salience, raters))
    shown, voiced = (let_out(rng, recipe.weak_share) for _ in range(2))
    is_weak = shown < WEAK  # before `show`, which is of faces: postures tell what faces do not
    shown, voiced = shown * recipe.show, voiced * recipe.voiced
    origin = int(rng.integers(n))
    delay_s = SPREAD_S_PER_M * np.hypot(ground.x_m - ground.x_m[origin], ground.z_m - ground.z_m[origin])
    feelings = tuple(
        _feeling(rng, float(v), float(shown), recipe.duration_s, float(late))
        for v, late in zip(valences, delay_s, strict=True)
    )
    postures = tuple(_posture(rng, float(v), recipe.posture_share, is_weak) for v in valences)
    lively = np.clip(np.abs(valences) - 0.3, 0, 1) * (not is_weak) * rng.uniform(0, 1, n)
    return Mood(feelings, postures, lively, voiced, verdict, raters)


def _valences(
    rng: np.random.Generator,
    recipe: SynthRecipe,
    wanted: int,
    ground: Ground,
    seen_by: tuple[Values, int],
) -> tuple[Values, Verdict]:
    sign, n = (1, 0, -1)[wanted], len(ground)
    is_mixed = bool(rng.random() < recipe.mixed_share)
    strength = float(rng.uniform(0, recipe.max_contagion))
    for _ in range(TRIES):
        if recipe.rule == "all-same":
            drawn = sign * rng.uniform(0.5, 1.0, n) if sign else rng.uniform(-0.2, 0.2, n)
        else:
            drawn = _caught(draw_valences(rng, n, sign, is_mixed), ground, strength)
        verdict = judge(recipe.rule, drawn, *seen_by)
        if verdict.label == wanted and verdict.margin >= recipe.min_margin:
            return drawn, verdict
    drawn = np.full(n, 0.65 * sign)
    return drawn, judge(recipe.rule, drawn, *seen_by)


def let_out(rng: np.random.Generator, weak_share: float) -> float:
    """How much of what is felt is let out in one sense; in a share of scenes hardly anything."""
    strong, weak = rng.uniform(0.88, 1.0), rng.uniform(0.05, WEAK)
    return float(weak if rng.random() < weak_share else strong)


def _caught(valences: Values, ground: Ground, strength: float) -> Values:
    """Each valence moved towards the mean of the nearest neighbours'."""
    if strength <= 0 or len(valences) < 2:
        return valences
    away = np.hypot(ground.x_m[:, None] - ground.x_m, ground.z_m[:, None] - ground.z_m) + 1e6 * np.eye(len(valences))
    near = np.argsort(away, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(valences) - 1)]
    return np.asarray((1 - strength) * valences + strength * valences[near].mean(1))


def _feeling(rng: np.random.Generator, valence: float, shown: float, duration_s: float, late_s: float) -> Feeling:
    return Feeling(
        valence=valence,
        show=float(np.clip(shown * rng.uniform(0.85, 1.1), 0, 1)),
        floor=float(rng.uniform(0.55, 1)),
        onset_s=float(rng.uniform(-0.2, 0.25) * duration_s + late_s),
        rise_s=float(rng.uniform(0.3, 0.8)),
        hold_s=float(rng.uniform(0.4, 0.9) * duration_s),
        anger=float(rng.beta(0.5, 0.5)),
        laugh=float(rng.uniform(0, 1)),
    )


def _posture(rng: np.random.Generator, valence: float, share: float, weak: bool) -> str:
    """One that goes with the feeling in a share of cases, else one that goes with any."""
    own, dice, which = class_of(valence), rng.random(), rng.random()
    options = POSTURES[own] if dice < share and not weak else SHARED
    return options[int(which * len(options))]
