"""Repertoire: which avatars there are, and in which shots each is seen. All of it follows from a `BankPlan`; nothing is drawn.

The unit of identity is the avatar, and avatars are divided into *casts*: people of one cast meet in scenes under one light, and
a cast never crosses a split, so that neither a face nor a texture does.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

import numpy as np

from gerdata.chance import rng_for
from gerdata.errors import UsageError
from gerdata.synth.asset import AVATAR
from gerdata.synth.expression import FEELINGS, Expression, draw_expression
from gerdata.synth.light import Light, draw_light
from gerdata.synth.mesh import load_mesh
from gerdata.synth.posture import POSTURES, POSTURES_OF, Stance, draw_stance
from gerdata.synth.traits import Traits, draw_traits

RENDERING = 2  # counts up whenever the same plan would give other pixels or other files
JITTER_YAW = 0.05  # radians by which an avatar's own turn differs from the shot's


@dataclass(frozen=True)
class Shot:
    """One picture of an avatar, by words and numbers of the plan: `whole` or `bust`, a posture, a yaw (radians, positive looks
    right), a feeling and an intensity. At intensity 0 the face rests, and the pixels are the same for every feeling."""

    view: str
    posture: str
    yaw: float
    feeling: str
    intensity: float


@dataclass(frozen=True)
class BankPlan:
    """What a bank holds: whole figures at every yaw, and busts at one yaw a posture, taking turns; or, of `heads`, nothing but
    busts of people who stand, at every yaw."""

    seed: int = 0
    n_people: int = 64
    cast_size: int = 16
    yaws: tuple[float, ...] = (-0.22, 0.22)
    intensities: tuple[float, ...] = (0.0, 0.5, 1.0)
    of: Literal["people", "heads"] = "people"

    def __post_init__(self) -> None:
        if not 1 <= self.n_people <= 4096 or not 1 <= self.cast_size <= self.n_people:
            raise UsageError(
                f"expected 1 to 4096 people and casts no larger, came {self.n_people} and {self.cast_size}"
            )
        if not self.yaws or not all(-0.8 <= yaw <= 0.8 for yaw in self.yaws) or len(set(self.yaws)) < len(self.yaws):
            raise UsageError(f"yaws: expected different numbers of -0.8 to 0.8, came {self.yaws}")
        steps = self.intensities
        if len(steps) < 2 or steps[0] != 0 or list(steps) != sorted(set(steps)) or steps[-1] > 1.3:
            raise UsageError(f"intensities: expected rising numbers from 0 to 1.3 at most, came {steps}")
        if self.of not in ("people", "heads"):
            raise UsageError(f"of: expected people or heads, came {self.of!r}")

    def to_json(self) -> dict[str, Any]:
        """A record of numbers and lists; what a bank is of is said where it is not people."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("of", "people")}

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "BankPlan":
        """Inverse of `to_json`."""
        known: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in flat.items()}
        return cls(**known)

    def fingerprint(self) -> str:
        """Names the bytes of the bank: the plan, the mesh and the state of the renderer."""
        told = json.dumps([self.to_json(), AVATAR.sha256, RENDERING], separators=(",", ":"), sort_keys=True)
        return sha256(told.encode("ascii")).hexdigest()

    def casts(self) -> tuple[tuple[int, ...], ...]:
        """The people of each cast; everybody is in one, and the last may be smaller."""
        people = range(self.n_people)
        return tuple(tuple(people[i : i + self.cast_size]) for i in range(0, self.n_people, self.cast_size))

    def cast_of(self, person: int) -> int:
        """The cast an avatar is in."""
        return person // self.cast_size

    def light(self, cast: int) -> Light:
        """The one light that a cast is seen under."""
        return draw_light(rng_for(self.seed, "avatar light", cast))


@lru_cache(maxsize=8)
def shots_of(plan: BankPlan) -> tuple[Shot, ...]:
    """Every shot that each avatar has, each stance's resting one first. Shots at intensity 0 are listed under `neutral`."""
    out = []
    for view, posture, yaw in stances_of(plan):
        out.append(Shot(view, posture, yaw, "neutral", 0.0))
        for feeling in FEELINGS:
            if posture in POSTURES_OF[feeling]:
                steps = plan.intensities[1:] if feeling != "neutral" else plan.intensities[-1:]
                out += [Shot(view, posture, yaw, feeling, step) for step in steps]
    return tuple(out)


def stances_of(plan: BankPlan) -> list[tuple[str, str, float]]:
    """View, posture and yaw of every stance."""
    if plan.of == "heads":
        return [("bust", "stand", yaw) for yaw in plan.yaws]
    whole = [("whole", posture, yaw) for posture in POSTURES for yaw in plan.yaws]
    return whole + [("bust", posture, plan.yaws[i % len(plan.yaws)]) for i, posture in enumerate(POSTURES)]


def nearest_shot(plan: BankPlan, wanted: Shot) -> Shot:
    """The shot of the bank that is nearest to any numbers: the same view, posture and feeling, then yaw, then intensity.

    A feeling that the posture is not drawn with is taken to be resting. `UsageError` for an unknown word.
    """
    if wanted.posture not in POSTURES or wanted.feeling not in FEELINGS or wanted.view not in ("whole", "bust"):
        raise UsageError(f"no avatar has a shot like {wanted}")
    yaws = [yaw for view, posture, yaw in stances_of(plan) if (view, posture) == (wanted.view, wanted.posture)]
    if not yaws:
        raise UsageError(f"this bank is of {plan.of} and holds no shot like {wanted}")
    yaw = min(yaws, key=lambda one: abs(one - wanted.yaw))
    held = wanted.posture in POSTURES_OF[wanted.feeling]
    step = min(plan.intensities, key=lambda one: abs(one - wanted.intensity)) if held else 0.0
    if step == 0 or (wanted.feeling == "neutral" and step != plan.intensities[-1]):
        return Shot(wanted.view, wanted.posture, yaw, "neutral", 0.0)
    return Shot(wanted.view, wanted.posture, yaw, wanted.feeling, step)


@lru_cache(maxsize=4096)
def traits_of(plan: BankPlan, person: int) -> Traits:
    """The traits of an avatar of the plan."""
    return draw_traits(plan.seed, person, load_mesh())


def stance_of(plan: BankPlan, person: int, posture: str, yaw: float) -> Stance:
    """How an avatar holds a posture at a yaw of the plan: the same in both views and whatever it feels."""
    rng = rng_for(plan.seed, "avatar", person, "stance", posture, plan.yaws.index(yaw))
    return draw_stance(rng, posture, yaw + float(np.clip(rng.normal(0, JITTER_YAW), -0.12, 0.12)))


def expression_of(plan: BankPlan, person: int, posture: str, feeling: str) -> Expression:
    """What an avatar's face does when it feels this in this posture."""
    return draw_expression(rng_for(plan.seed, "avatar", person, "expression", posture, feeling), feeling)
