"""A cast: people who look the same from scene to scene, the place they meet in, and their voices.

A cast is the identity unit of synthetic data: scenes of one cast share people, so a cast never crosses a split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gerdata.chance import rng_for

SKINS = ("f6d7c2", "f0c9ab", "e8b894", "d9a078", "c68863", "ac6f4c", "8d573b", "6e432e")
HAIRS = ("1d1a1c", "33241d", "55361f", "7b4f2a", "a8743a", "d4ae62", "8c8784", "cfcbc6", "9a3f22", "2c2d3f")
CLOTHES = (  # muted, so that faces stand out
    "4e6078", "8aaabd", "b87c65", "3b424e", "6c885c", "95ab61", "926265", "d6c9ab", "6d6175", "9e6a75",
    "b9a36d", "4c7e78", "3a515b", "b98e6a", "bebebe", "555869", "82b1c7", "b59650", "c6a7ad", "5c746e",
)  # fmt: skip
TROUSERS = ("2b2d42", "3a3f5c", "5c4d42", "1f2421", "7d7461", "4a5759", "8a817c")
IRISES = ("3b2314", "5a3a1c", "4d6b3a", "3f6f8f", "6c7a80")
HAIR_STYLES = ("bald", "buzz", "short", "side", "curly", "bob", "long", "bun", "tied", "beanie", "headscarf")
PATTERNS = ("plain", "stripes", "jacket", "vneck", "scarf")
WALLS = ("c9b79c", "b8c4bb", "a3b4c8", "d6c5c9", "8fa3a8", "cfc8a9", "9d8f9f", "b7a58a")
WOODS = ("7a5c48", "5d6b73", "6b7355", "8a6f5c", "59566b", "7b4b4b", "4f6d6a")
PLACES = ("room", "hall", "park", "street", "cafe", "beach", "classroom")


@dataclass(frozen=True)
class Look:
    """One person's face, hair, build, clothes and voice. Colours are RRGGBB; lengths are shares of half a head's height.

    All numbers are drawn independently of each other and of any feeling, except that pitch and vocal tract go
    together and that some hair styles are likelier with a higher voice.
    """

    skin: str
    hair: str
    hair_style: str
    parting: float  # -1 to 1, where the fringe parts
    face_w: float
    jaw: float  # 0 round to 0.4 pointed
    eyes: float
    iris: str
    brows: float
    nose: float
    lips: float
    beard: float  # 0 none to 1 full
    glasses: int  # 0 none, 1 round, 2 square
    build: float
    height: float
    shirt: str
    accent: str
    pattern: str
    trousers: str
    pitch_hz: float
    tract: float  # length of the vocal tract over that of a man; formants go with 1 / tract


@dataclass(frozen=True)
class Place:
    """Where a cast meets: a family of backgrounds, two wall colours, a seed for what stands in it."""

    kind: str
    colour: str
    colour2: str
    seed: int


@dataclass(frozen=True)
class Cast:
    """Some of a cast's people, and its place."""

    number: int
    looks: tuple[Look, ...]
    place: Place


def draw_cast(seed: int, number: int, members: Sequence[int]) -> Cast:
    """Cast `number` of this seed, with these of its members: member i is the same whoever else is asked for."""
    looks = tuple(_look(rng_for(seed, "cast", number, "look", i)) for i in members)
    return Cast(number, looks, place_by_lot(rng_for(seed, "cast", number, "place")))


def _look(rng: np.random.Generator) -> Look:
    high = float(rng.random())  # 0 a low voice, 1 a high one
    child = rng.random() < 0.1
    weights = np.array([0.06, 0.1, 0.2, 0.16, 0.1, 0.1, 0.12, 0.06, 0.06, 0.05, 0.05])
    weights *= np.where(
        np.isin(HAIR_STYLES, ("bob", "long", "bun", "tied", "headscarf")), 0.2 + 1.6 * high, 1.8 - 1.6 * high
    )
    beard = float(rng.uniform(0.4, 1)) if rng.random() < 0.35 and high < 0.45 and not child else 0.0
    return Look(
        skin=_vary(rng, str(rng.choice(SKINS)), 5),
        hair=_vary(rng, str(rng.choice(HAIRS)), 6),
        hair_style=str(rng.choice(HAIR_STYLES, p=weights / weights.sum())),
        parting=float(rng.uniform(-1, 1)),
        face_w=float(rng.uniform(0.74, 0.9)),
        jaw=float(rng.uniform(0.05, 0.36)),
        eyes=float(rng.uniform(0.9, 1.2)),
        iris=str(rng.choice(IRISES)),
        brows=float(rng.uniform(0.8, 1.35)),
        nose=float(rng.uniform(0.75, 1.3)),
        lips=float(rng.uniform(0.8, 1.3)),
        beard=beard,
        glasses=int(rng.choice(3, p=(0.78, 0.12, 0.1))),
        build=float(rng.uniform(0.86, 1.2)),
        height=float(rng.uniform(0.84, 0.9) if child else rng.uniform(0.94, 1.06)),
        shirt=_vary(rng, str(rng.choice(CLOTHES)), 8),
        accent=_vary(rng, str(rng.choice(CLOTHES)), 8),
        pattern=str(rng.choice(PATTERNS, p=(0.34, 0.2, 0.2, 0.16, 0.1))),
        trousers=_vary(rng, str(rng.choice(TROUSERS)), 6),
        pitch_hz=float((95 + 120 * high) * rng.uniform(0.92, 1.08) * (1.35 if child else 1)),
        tract=float(1.02 - 0.17 * high - (0.12 if child else 0)),
    )


def place_by_lot(rng: np.random.Generator) -> Place:
    """A place that knows nothing of who meets there."""
    kind = str(rng.choice(PLACES))
    return Place(
        kind=kind,
        colour=_vary(rng, str(rng.choice(WALLS)), 14),
        colour2=_vary(rng, str(rng.choice(WOODS)), 14),
        seed=int(rng.integers(1 << 31)),
    )


def _vary(rng: np.random.Generator, colour: str, spread: float) -> str:
    """The same colour, each channel moved by a normal amount."""
    moved = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) + rng.normal(0, spread, 3)
    return "".join(f"{int(c):02x}" for c in np.clip(moved, 0, 255))
