"""Smooth noise over a plane, read from one tiled picture; and colours of light."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.chance import rng_for

CELLS, TEXELS = 128, 8  # cells of noise a side, and how finely each is drawn
GAMMA = 2.2
Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def _picture() -> Floats:
    values = rng_for(0, "avatar", "noise").random((CELLS, CELLS)).astype(np.float32)
    padded = np.pad(values, 2, mode="wrap")
    large = cv2.resize(padded, None, fx=TEXELS, fy=TEXELS, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[2 * TEXELS : -2 * TEXELS, 2 * TEXELS : -2 * TEXELS]).clip(0, 1)


def noise(u: npt.ArrayLike, v: npt.ArrayLike) -> Floats:
    """Noise of 0 to 1 with one hill or so per unit of u and v; any shapes that broadcast. It repeats after 128 units."""
    side = CELLS * TEXELS - 1
    at_u = np.floor(np.asarray(u) * TEXELS).astype(np.int32) & side
    at_v = np.floor(np.asarray(v) * TEXELS).astype(np.int32) & side
    return np.asarray(_picture()[at_v, at_u])


def linear(colour: str) -> Floats:
    """RRGGBB as linear light, `float32 [3]`."""
    values = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255
    return np.asarray(values**GAMMA, np.float32)


def mixed(a: Floats, b: Floats, share: Floats) -> Floats:
    """Rows of `a` with `share: [N]` of `b` (rows, or one colour)."""
    return np.asarray(a + (b - a) * share[:, None], np.float32)
