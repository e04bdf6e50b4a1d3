"""A head as 68 points and a few outlines: a look, a pose and an expression make them, and they are drawn as they are.

Own units: origin mid-face, x right and y down in the picture, 1 is half a head's height (crown -1, chin +1).
The points follow the 300-W order (Sagonas et al. 2013): jaw 17, brows 5 + 5, nose 9, eyes 6 + 6, mouth 12 + 8.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gerdata.synth.canvas import Array, ellipse
from gerdata.synth.cast import Look

MOUTH_Y, EYE_Y, BROW_Y = 0.43, -0.1, -0.42
EYE_X, EYE_W = 0.37, 0.21
CHIN_DROP = 0.1  # of a mouth wide open
EAR_REACH = 0.21  # beyond the contour, with the head turned
HEADWEAR = ("beanie", "headscarf")


@dataclass(frozen=True)
class Expression:
    """What the face does, each 0..1 but `corner` (-1 corners down to 1 up) and the brows (-1 down to 1 up).

    `flush` reddens the face of the angry, `pallor` blanches that of the sad.
    """

    corner: float
    mouth_open: float
    brow_inner: float
    brow_outer: float
    lids: float
    cheek: float
    tears: float
    flush: float
    pallor: float


@dataclass(frozen=True)
class Pose:
    """Where a head is: centre and half height in pixels, roll, yaw and pitch in radians (roll turns x towards y)."""

    x: float
    y: float
    r: float
    roll: float
    yaw: float
    pitch: float

    def place(self, points: Array) -> Array:
        """Own units to pixels, for what lies on the outline: rolled, scaled, moved."""
        c, s = math.cos(self.roll) * self.r, math.sin(self.roll) * self.r
        placed: Array = points @ np.array([[c, s], [-s, c]]) + (self.x, self.y)
        return placed

    def turn(self, points: Array, width: float) -> Array:
        """Own units to own units for what lies on the front of the head, an ellipsoid: yawed and pitched.

        Points never leave the outline of the head, however far it turns.
        """
        x, y = points[:, 0], points[:, 1]
        square = y * y
        depth = np.sqrt(np.maximum(1 - (0.9 / width**2) * x * x - 0.5 * square, 0))
        edge = (0.95 * width) * np.sqrt(np.maximum(1 - square / 1.3225, 0.05))
        turned = math.cos(self.yaw) * x + (0.62 * math.sin(self.yaw)) * depth
        turned = np.maximum(np.minimum(turned, edge), -edge)
        return np.stack([turned, y + (0.4 * math.sin(self.pitch)) * depth], 1)


def express(shown: float, anger: float, laugh: float, talk: float, blink: float) -> Expression:
    """The expression of a displayed valence -1..1. `talk` opens the mouth and `blink` closes the eyes whatever is felt.

    A caricature, since faces of 25 pixels must be read: under 0.1 nothing shows, from 0.38 everything. Muscles after
    FACS (Ekman & Friesen 1978): smile 12 + 6 + 25, sorrow 1 + 15, anger 4 + 15; amounts and colours are our own.
    """
    x = min(max((abs(shown) - 0.1) / 0.28, 0.0), 1.0)
    strength = x * x * (3 - 2 * x)
    if shown >= 0:
        brows, lids = (0.35 * strength, 0.3 * strength), 1 - 0.7 * strength
        corner, cheek, tears, flush, pallor = strength, strength, 0.0, 0.0, 0.0
    else:
        inner = strength * (1 - 2 * anger)
        brows, lids = (inner, -0.6 * inner), 1 - 0.25 * strength
        corner, cheek, tears = -strength, 0.0, strength * max(0.0, 1 - 1.6 * anger)
        flush, pallor = strength * anger, strength * (1 - anger)
    opened = min(1.0, 0.6 * strength * laugh + 0.4 * talk)
    return Expression(corner, opened, brows[0], brows[1], lids * (1 - 0.92 * blink), cheek, tears, flush, pallor)


_ROUND = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_JAW = np.linspace(-1.65, 1.65, 17)
_BROW_X = np.linspace(0, 1, 5)
_BROW_ARCH = 0.05 - 0.07 * np.sin(np.pi * (0.25 + 0.6 * _BROW_X))
_NOSE = np.array(
    [(0, y) for y in (-0.1, 0.0, 0.1, 0.19)] + [(x, 0.27 - 0.6 * x * x) for x in (-0.12, -0.06, 0, 0.06, 0.12)]
)
_EYE_POINTS = np.array([-1, -0.4, 0.4, 1, 0.4, -0.4])
_MOUTH_OUTER = np.array([-1, -0.6, -0.22, 0, 0.22, 0.6, 1])
_MOUTH_INNER = np.array([-0.85, -0.4, 0, 0.4, 0.85])


def outline(look: Look, drop: float = 0.0) -> Array:
    """The face's contour from the crown clockwise, `[40, 2]`; `drop` is how far the mouth is open."""
    return _contour(look, np.sin(_ROUND), -np.cos(_ROUND), drop)


def _contour(look: Look, x: Array, y: Array, drop: float) -> Array:
    low = np.maximum(y, 0) ** 2
    return np.stack([look.face_w * x * (1 - look.jaw * low), y + (drop * CHIN_DROP) * low], 1)


def mouth_curves(look: Look, face: Expression, x: Array) -> Array:
    """Heights of the mouth's four curves at places `x` -1..1 between the corners: `[4, N]`, outer and inner upper, then
    inner and outer lower lip."""
    up, down = max(face.corner, 0.0), max(-face.corner, 0.0)
    lip = 0.055 * look.lips
    corner = MOUTH_Y - 0.2 * up + 0.24 * down
    middle = MOUTH_Y + 0.02 * up - 0.11 * down
    gap = 0.02 + 0.25 * up + 0.15 * down + 0.15 * face.mouth_open
    arc = 1 - x**2
    rows = [corner + (middle + d - corner) * arc for d in (-lip, 0.0, gap, gap + 1.3 * lip)]
    return np.stack(rows)


def mouth_width(face: Expression) -> float:
    """Half the distance of the corners."""
    return 0.28 + 0.22 * max(face.corner, 0) + 0.12 * max(-face.corner, 0) - 0.03 * face.mouth_open


def lids(look: Look, face: Expression, x: Array) -> Array:
    """Heights of the upper and the lower lid at places `x` -1..1 across an eye, from its middle: `[2, N]`."""
    arc = 1 - x**2
    tall = 0.19 * look.eyes
    return np.stack([-tall * (0.25 + 0.75 * face.lids) * arc, (tall * 0.8 * face.lids - 0.14 * face.cheek) * arc])


def landmarks(look: Look, face: Expression) -> Array:
    """The 68 points of this look and expression, before the head turns: `[68, 2]` in own units."""
    jaw = _contour(look, np.sin(_JAW), np.cos(_JAW), face.mouth_open)
    brow = brow_line(look, face)
    nose = _NOSE * (look.nose, 1)
    upper, lower = lids(look, face, _EYE_POINTS)
    eye = np.stack([_EYE_POINTS * EYE_W * look.eyes, EYE_Y + np.where(np.arange(6) < 4, upper, lower)], 1)
    x, inner = _MOUTH_OUTER, _MOUTH_INNER
    curves, within = mouth_curves(look, face, x), mouth_curves(look, face, inner)
    w = mouth_width(face)
    mouth = np.concatenate([
        np.stack([x * w, curves[0]], 1),
        np.stack([x * w, curves[3]], 1)[5:0:-1],
        np.stack([inner * w, within[1]], 1),
        np.stack([inner * w, within[2]], 1)[3:0:-1],
    ])  # fmt: skip
    left = brow * (-1, 1)
    return np.concatenate([jaw, left[::-1], brow, nose, eye - (EYE_X, 0), eye + (EYE_X, 0), mouth])


def brow_line(look: Look, face: Expression) -> Array:
    """The brow on the right of the picture, inner end first, `[5, 2]`."""
    raised = face.brow_inner * (1 - _BROW_X) + face.brow_outer * _BROW_X
    return np.stack([0.15 + 0.42 * _BROW_X, BROW_Y + _BROW_ARCH - 0.2 * raised], 1)


@lru_cache(maxsize=256)
def hair_shapes(look: Look) -> tuple[list[Array], list[Array]]:
    """Outlines of hair or headwear behind and in front of the face, in own units; the front ones turn with the head."""
    w, style = look.face_w, look.hair_style
    back: list[Array] = []
    if style in ("long", "tied"):
        length = 1.45 if style == "long" else 0.75
        side = np.array([(1.14, -0.3), (1.2, 0.3), (1.25, 0.8), (1.1, 1.0)]) * (w, length)
        back.append(np.concatenate([_cap(w * 1.16, -1.16, 0.0), side, side[::-1] * (-1, 1)]))
    if style == "bob":
        side = np.array([(1.16, -0.1), (1.26, 0.45), (1.2, 0.85), (0.8, 0.95)]) * (w, 1)
        back.append(np.concatenate([_cap(w * 1.18, -1.18, 0.0), side, side[::-1] * (-1, 1)]))
    if style == "bun":
        back.append(ellipse(0.0, -1.22, 0.34, 0.3))
    if style == "headscarf":
        side = np.array([(1.24, 0.4), (1.1, 1.1), (0.6, 1.42)]) * (w, 1)
        back.append(np.concatenate([_cap(w * 1.2, -1.2, 0.0), side, side[::-1] * (-1, 1)]))
    if style == "curly":
        angle = np.linspace(-2.1, 2.1, 11)
        back += [ellipse(1.02 * w * np.sin(a), -0.12 - 0.93 * np.cos(a), 0.32, 0.32, 14) for a in angle]
    return back, [] if style == "bald" else [_front(look)]


def _cap(w: float, top: float, bottom: float) -> Array:
    """The upper half of an ellipse from left to right."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 17)
    return np.stack([w * np.sin(angle), bottom + (top - bottom) * np.cos(angle)], 1)


def _front(look: Look) -> Array:
    """What lies over the forehead: an arc over the crown, closed below by the hairline."""
    w, style, part = look.face_w, look.hair_style, look.parting
    lift = {"buzz": 1.03, "beanie": 1.22, "headscarf": 1.14}.get(style, 1.13)
    x = np.linspace(0.97, -0.97, 15)
    line = {
        "buzz": -0.62 + 0.25 * x**4,
        "beanie": -0.5 + 0.04 * x**2,
        "headscarf": -0.62 + 0.62 * x**4,
        "side": -0.62 + 0.22 * np.abs(x - 0.6 * part) + 0.12 * x**4,
        "short": -0.6 + 0.1 * np.cos(5 * x + 3 * part) * (1 - x**2) + 0.32 * x**4,
        "curly": -0.6 + 0.06 * np.cos(11 * x) + 0.3 * x**4,
        "bob": -0.5 + 0.05 * part * x + 0.35 * x**4,
    }.get(style, -0.66 + 0.3 * np.abs(x - 0.3 * part) ** 1.5 + 0.25 * x**4)
    return np.concatenate([_cap(w * (lift - 0.03), -lift, -0.2), np.stack([x * w, line], 1)])


def extent(look: Look) -> Array:
    """Points that no expression reaches beyond: hair, ears, and the contour with the mouth wide open."""
    back, front = hair_shapes(look)
    ears = ellipse(0, 0, look.face_w + EAR_REACH, 0.34)
    return np.concatenate([outline(look, 1.0), ears, *back, *front])
