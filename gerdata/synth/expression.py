"""Expressions of the avatars: action units of FACS to the face units of the mesh, and recipes for what a face shows.

Names and muscles of action units are those of FACS (Ekman & Friesen 1978; Ekman, Friesen & Hager 2002). Which face units
they move, by how much, and the recipes are design choices; FACS says nothing of them.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.synth.mesh import Floats, Mesh, move

FEELINGS = ("positive", "neutral", "negative")
MAX_AMOUNT = 1.3
UNITS: dict[int, dict[str, float]] = {  # a name without a side stands for both sides
    1: {"browInnerUp": 1.6},
    2: {"browOuterUp": 1.0},
    4: {"browDown": 1.6, "noseSneer": 0.3, "browInnerUp": -0.2},
    5: {"eyeWide": 1.0},
    6: {"cheekSquint": 1.0, "eyeSquint": 0.55},
    7: {"eyeSquint": 0.8},
    9: {"noseSneer": 1.0},
    10: {"mouthUpperUp": 1.0},
    12: {"mouthSmile": 1.3, "cheekSquint": 0.3, "mouthDimple": 0.15},
    15: {"mouthFrown": 1.8, "mouthShrugLower": 0.3},
    17: {"mouthShrugLower": 0.8},
    20: {"mouthStretch": 1.4},
    23: {"mouthPress": 0.9},
    25: {"mouthUpperUp": 0.45, "mouthLowerDown": 0.55},
    26: {"jawOpen": 0.55},
    27: {"jawOpen": 1.0},
    43: {"eyeBlink": 1.0},
}
_POSITIVE: dict[str, dict[int, float]] = {
    "smile": {12: 0.9, 6: 0.6, 25: 0.25},
    "grin": {12: 1.0, 6: 0.8, 25: 0.6},
    "laugh": {12: 1.1, 6: 1.0, 25: 0.8, 26: 0.7},
    "cheer": {12: 0.95, 25: 0.9, 26: 0.5, 6: 0.6, 1: 0.2, 2: 0.3},
}
_NEGATIVE: dict[str, dict[int, float]] = {
    "anger": {4: 1.2, 5: 0.5, 7: 0.4, 9: 0.6, 10: 0.8, 20: 0.5, 25: 0.9, 26: 0.5},
    "distress": {1: 1.1, 4: 0.5, 15: 1.2, 17: 0.6},
    "sadness": {15: 1.2, 17: 0.8, 1: 1.0, 4: 0.6, 43: 0.25},
    "fear": {1: 1.0, 4: 0.9, 5: 0.9, 15: 0.5, 20: 1.0, 25: 0.8, 26: 0.25},
    "displeasure": {4: 1.1, 7: 0.5, 9: 0.5, 15: 0.9, 17: 0.5, 23: 0.4},
    "disgust": {9: 1.2, 10: 0.9, 4: 0.9, 15: 0.8, 25: 0.2},
}
RECIPES = {"positive": _POSITIVE, "neutral": {"rest": {12: 0.06, 15: 0.06, 4: 0.06, 26: 0.06}}, "negative": _NEGATIVE}


@dataclass(frozen=True)
class Expression:
    """What a face shows at full intensity: pairs of action unit and amount, 0 to `MAX_AMOUNT`. Plain data."""

    name: str
    units: tuple[tuple[int, float], ...]

    def at(self, intensity: float) -> dict[int, float]:
        """Amounts at an intensity of 0 (a resting face, whatever the expression) to 1.3; what is 0 is left out."""
        if not 0 <= intensity <= MAX_AMOUNT:
            raise ValueError(f"intensity: expected 0 to {MAX_AMOUNT}, came {intensity}")
        amounts = {unit: min(amount * intensity, MAX_AMOUNT) for unit, amount in self.units}
        return {unit: amount for unit, amount in amounts.items() if amount > 0}


def draw_expression(rng: np.random.Generator, feeling: str) -> Expression:
    """One of the recipes of a feeling, stronger or weaker as a whole and by each unit."""
    recipes = RECIPES[feeling]
    name = str(rng.choice(sorted(recipes)))
    whole = rng.uniform(0.88, 1.15)
    low = 0.0 if feeling == "neutral" else 0.85
    units = {unit: amount * whole * rng.uniform(low, 1.15 if low else 2.0) for unit, amount in recipes[name].items()}
    return Expression(name, tuple((unit, round(float(min(amount, MAX_AMOUNT)), 3)) for unit, amount in units.items()))


def move_face(vertices: Floats, mesh: Mesh, amounts: dict[int, float], lean: float) -> None:
    """Move the vertices of a face in place. `lean` (-0.2 to 0.2) gives the left side more and the right side less."""
    for unit, amount in sorted(amounts.items()):
        for name, gain in UNITS[unit].items():
            whole = mesh.targets.get(f"unit/{name}")
            if whole is not None:
                move(vertices, whole, amount * gain)
                continue
            move(vertices, mesh.targets[f"unit/{name}Left"], amount * gain * (1 + lean))
            move(vertices, mesh.targets[f"unit/{name}Right"], amount * gain * (1 - lean))


@functools.lru_cache(maxsize=1)
def expressive(mesh: Mesh) -> npt.NDArray[np.int64]:
    """All vertices that some face unit moves."""
    return np.unique(np.concatenate([index for name, (index, _) in mesh.targets.items() if name.startswith("unit/")]))
