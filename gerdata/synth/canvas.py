"""Drawing in frame pixels with smooth edges: polygons, strokes and discs on a supersampled picture."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames

SCALE = 2  # supersampling; with anti-aliased edges 3 looks the same at twice the time
_SHIFT = 4  # cv2's fractional bits

Array = npt.NDArray[np.float64]
Colour = tuple[float, float, float]


class Canvas:
    """A picture being drawn: `image: uint8 [SCALE*H, SCALE*W, 3]` RGB, changed in place; points are frame pixels x, y."""

    def __init__(self, image: Frames) -> None:
        self.image = image

    def fill(self, points: Array, colour: Colour) -> None:
        """A filled polygon, `points [N, 2]`."""
        cv2.fillPoly(self.image, [_fixed(points)], colour, cv2.LINE_AA, _SHIFT)

    def stroke(self, points: Array, colour: Colour, width: float) -> None:
        """An open line through `points [N, 2]`, `width` in frame pixels."""
        thick = max(1, round(width * SCALE))
        cv2.polylines(self.image, [_fixed(points)], False, colour, thick, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: Sequence[float] | Array, radius: float, colour: Colour) -> None:
        """A filled circle."""
        x, y = (round((float(v) * SCALE - 0.5) * (1 << _SHIFT)) for v in centre)
        cv2.circle(self.image, (x, y), max(1, round(radius * SCALE * (1 << _SHIFT))), colour, -1, cv2.LINE_AA, _SHIFT)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.fill(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64), colour)


def rgb(colour: str) -> Colour:
    """RRGGBB as three numbers 0-255."""
    return float(int(colour[:2], 16)), float(int(colour[2:4], 16)), float(int(colour[4:6], 16))


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b in a."""
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def dim(colour: Colour, gain: float) -> Colour:
    """Darker (below 1) or lighter (above 1)."""
    return tuple(min(255.0, c * gain) for c in colour)  # type: ignore[return-value]


def ellipse(cx: float, cy: float, rx: float, ry: float, n: int = 24) -> Array:
    """A polygon of an ellipse."""
    return _circle(n) * (rx, ry) + (cx, cy)


@lru_cache(maxsize=64)
def _circle(n: int) -> Array:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _fixed(points: Array) -> npt.NDArray[np.int32]:
    return np.rint(points * (SCALE << _SHIFT) - 0.5 * (1 << _SHIFT)).astype(np.int32)
