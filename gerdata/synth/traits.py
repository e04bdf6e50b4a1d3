"""Traits: the numbers that are one avatar. Drawn anew for each, never fitted to anybody, and silent about any feeling.

Skin tone, ancestry of the face's shape, age, sex and clothes are drawn independently of each other, but for what cannot be
otherwise (no beard on a child) and hair that turns grey with age. Ancestry and sex are mixtures of the mesh's stylised
averages; they are no demographic labels and are not to be reported as such.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from gerdata.chance import rng_for
from gerdata.synth.asset import REGIONS
from gerdata.synth.mesh import Mesh

SKINS = ("e6c5b0", "dcb698", "d0a27e", "c5946c", "aa7650", "8a5a3c", "68432f", "4b3224")  # lightest to darkest
HAIRS = ("120e0c", "231914", "3d281b", "5d4029", "8c673e", "b6945f", "6e3219", "2b2622", "1e1e2c", "4a352a")
GREYS = ("8c8a88", "bdbbb8", "6a6866")
IRISES = ("3b2616", "553a20", "3c5f78", "4b694b", "6e7d87", "271a10")
LIPS = ("961e2d", "b44650", "78283c", "c85a50")
STYLES = (  # and how likely with a masculine and a feminine build
    ("bald", 0.05, 0.005), ("buzz", 0.12, 0.02), ("short", 0.2, 0.06), ("side", 0.15, 0.06), ("swept", 0.12, 0.05),
    ("curly", 0.1, 0.08), ("afro", 0.07, 0.07), ("bob", 0.03, 0.19), ("long", 0.05, 0.24), ("tied", 0.04, 0.15),
    ("beanie", 0.05, 0.02), ("headscarf", 0.0, 0.055),
)  # fmt: skip
FRINGES = ("none", "straight", "aside", "parted", "thin")
BEARDS = ("none", "stubble", "full", "goatee", "moustache")
GLASSES = ("none", "round", "square")
GARMENTS = ("tee", "jumper", "shirt", "vneck", "jacket", "polo-neck", "hoodie")
PATTERNS = ("plain", "stripes", "checks", "blocks", "yoke")
N_SHAPES = 36
CHILD_SHARE = 0.12


@dataclass(frozen=True)
class Traits:
    """One avatar. Colours are RRGGBB, shares 0 to 1. Plain data: `to_json` and `from_json` are inverse."""

    sex: float  # 0 feminine to 1 masculine build
    old: float  # 0 young to 1 old
    child: float  # 0 adult, else how much of a child
    ancestry: tuple[float, float, float]  # weights of the mesh's three averages of face shape
    weight: float  # -1 to 1
    shape: tuple[tuple[str, float], ...]  # local targets and amounts
    lean: float  # how much stronger the left half of the face moves
    tone: float  # of the skin, 0 lightest to 1 darkest
    skin: str
    hair: str
    style: str
    parting: float  # -1 to 1, where the hair parts
    fringe: str
    hairline: float  # -1 low to 1 high
    volume: float
    beard: str
    beard_amount: float
    brow_weight: float
    brow_height: float
    iris: str
    lip: str
    lip_amount: float
    glasses: str
    frame: str
    garment: str
    pattern: str
    sleeve: float  # 0 short to 1 long
    cloth: str
    cloth2: str
    trousers: str
    seed: int  # of textures

    def to_json(self) -> dict[str, Any]:
        """A record of numbers, words and lists."""
        return asdict(self)

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "Traits":
        """Inverse of `to_json`."""
        known = {field.name: flat[field.name] for field in fields(cls)}
        known["ancestry"] = tuple(known["ancestry"])
        known["shape"] = tuple((str(name), float(amount)) for name, amount in known["shape"])
        return cls(**known)


def draw_traits(seed: int, person: int, mesh: Mesh) -> Traits:
    """Person number `person` of a seed; the same whoever else is drawn."""
    rng = rng_for(seed, "avatar", person, "build")
    sex, child, old = _sex_and_age(rng)
    ancestry = rng.dirichlet((0.6, 0.6, 0.6))
    tone = float(rng_for(seed, "avatar", person, "skin").random())
    build: dict[str, Any] = {
        "sex": sex,
        "old": old,
        "child": child,
        "ancestry": tuple(float(x) for x in ancestry.round(4)),
        "weight": float(np.clip(rng.normal(0, 0.35), -0.8, 0.8)),
        "shape": _shape(rng, mesh),
        "lean": float(np.clip(rng.normal(0, 0.07), -0.2, 0.2)),
        "tone": tone,
        "skin": skin_of(rng_for(seed, "avatar", person, "skin tint"), tone),
        "seed": int(rng.integers(1 << 30)),
    }
    face = _face(rng_for(seed, "avatar", person, "face"), sex, bool(child))
    hair = _hair(rng_for(seed, "avatar", person, "hair"), sex, old, bool(child))
    traits: dict[str, Any] = {**build, **face, **hair, **_clothes(rng_for(seed, "avatar", person, "clothes"))}
    rounded: dict[str, Any] = {
        name: round(value, 4) if isinstance(value, float) else value for name, value in traits.items()
    }
    return Traits(**rounded)


def pitch_of(seed: int, person: int) -> float:
    """The pitch in Hz that goes with an avatar's build, without drawing the avatar; range: assumption."""
    sex, child, _ = _sex_and_age(rng_for(seed, "avatar", person, "build"))
    own = float(rng_for(seed, "avatar", person, "voice").uniform(0.92, 1.08))
    return (215 - 120 * sex) * own * (1.35 if child else 1.0)


def _sex_and_age(rng: np.random.Generator) -> tuple[float, float, float]:
    """How masculine, how much of a child, and how old: the first draws of a build."""
    sex = float(rng.beta(0.5, 0.5))
    child = float(rng.uniform(0.35, 0.75)) if rng.random() < CHILD_SHARE else 0.0
    return sex, child, 0.0 if child else float(0.8 * rng.random() ** 1.7)


def skin_of(rng: np.random.Generator, tone: float) -> str:
    """The colour of a tone: between its two neighbours of `SKINS`, a little lighter or darker, redder or yellower."""
    place = tone * (len(SKINS) - 1)
    low = min(int(place), len(SKINS) - 2)
    colour = _rgb(SKINS[low]) * (low + 1 - place) + _rgb(SKINS[low + 1]) * (place - low)
    light, red = rng.normal(0, 0.015), rng.normal(0, 0.02)
    return _hex(colour * (1 + light + red * np.array((0.4, -0.4, -0.8))))


def _shape(rng: np.random.Generator, mesh: Mesh) -> tuple[tuple[str, float], ...]:
    """`N_SHAPES` local targets. Targets of one side come with the other side's, nearly as strong."""
    names = sorted(name for name in mesh.targets if name.split("/")[1] in REGIONS and "-trans-" not in name)
    pairs = [name for name in names if "/r-" not in name]
    chosen = sorted(str(name) for name in rng.choice(pairs, N_SHAPES, replace=False))
    out = []
    for name in chosen:
        amount = float(min(abs(rng.normal(0, 0.2 if "/head-" in name else 0.3)), 0.9))
        out.append((name, round(amount, 3)))
        if "/l-" in name:
            out.append((name.replace("/l-", "/r-"), round(float(amount * rng.uniform(0.85, 1.15)), 3)))
    return tuple(out)


def _face(rng: np.random.Generator, sex: float, is_child: bool) -> dict[str, Any]:
    has_beard = rng.random() < 0.55 and sex > 0.6 and not is_child
    made_up = rng.random() < 0.6 and sex < 0.5 and not is_child
    return {
        "beard": str(rng.choice(BEARDS[1:], p=(0.4, 0.3, 0.18, 0.12))) if has_beard else "none",
        "beard_amount": float(rng.uniform(0.45, 1)),
        "brow_weight": float(rng.uniform(0.5, 1.1)) * (1.0 if sex > 0.5 else 0.85),
        "brow_height": float(rng.uniform(0.7, 1.15)) * (1.05 if sex > 0.5 else 0.85),
        "iris": str(rng.choice(IRISES, p=(0.3, 0.22, 0.12, 0.1, 0.08, 0.18))),
        "lip": str(rng.choice(LIPS)),
        "lip_amount": float(rng.uniform(0.1, 0.75)) if made_up else 0.0,
        "glasses": str(rng.choice(GLASSES, p=(0.76, 0.13, 0.11))),
        "frame": _hex(rng.random(3) * 80),
    }


def _hair(rng: np.random.Generator, sex: float, old: float, is_child: bool) -> dict[str, Any]:
    chances = np.array([sex * one + (1 - sex) * other for _, one, other in STYLES])
    if is_child:
        chances[0] = 0
    grey = old > 0.38 and rng.random() < 0.3 + 0.8 * old
    colour = str(
        rng.choice(
            GREYS if grey else HAIRS, p=None if grey else (0.2, 0.19, 0.15, 0.11, 0.09, 0.07, 0.07, 0.06, 0.03, 0.03)
        )
    )
    return {
        "hair": _hex(_rgb(colour) * rng.uniform(0.85, 1.2)),
        "style": str(rng.choice([name for name, _, _ in STYLES], p=chances / chances.sum())),
        "parting": float(rng.uniform(-1, 1)),
        "fringe": str(rng.choice(FRINGES, p=(0.4, 0.14, 0.22, 0.14, 0.1))),
        "hairline": float(np.clip(rng.normal(0.5 * old, 0.4), -1, 1)),
        "volume": float(rng.uniform(0.75, 1.3)),
    }


def _clothes(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "garment": str(rng.choice(GARMENTS, p=(0.26, 0.2, 0.16, 0.12, 0.12, 0.07, 0.07))),
        "pattern": str(rng.choice(PATTERNS, p=(0.5, 0.16, 0.1, 0.12, 0.12))),
        "sleeve": float(rng.choice((0.0, 0.6, 1.0), p=(0.35, 0.1, 0.55))),
        "cloth": _dye(rng),
        "cloth2": _dye(rng),
        "trousers": _hex(np.array((38, 42, 56)) * rng.uniform(0.5, 2.6) + rng.normal(0, 8, 3)),
    }


def _dye(rng: np.random.Generator) -> str:
    """A colour of cloth: any hue, mostly muted, dark to light."""
    grey = rng.uniform(25, 225)
    strength = float(rng.choice((0.06, 0.18, 0.4), p=(0.35, 0.4, 0.25)))
    return _hex(np.clip(grey * (1 + strength * rng.normal(size=3)), 12, 240))


def _rgb(colour: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)], np.float64)


def _hex(colour: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return "".join(f"{int(c):02x}" for c in np.clip(colour, 0, 255))
