"""Bodies and faces as maps of limbs, one channel a limb, summed over people: the target of a heatmap decoder.

After VE-MD (arXiv 2604.02397): the Gaussian of a cell's distance to the segment between two points, sigma 1 at 56 x 56.
Body: COCO's 19 lines without that between the eyes, 18 channels. Face: 20 lines over the 68 points of iBUG; the paper does
not print its own 20, so these are ours.
"""

import numpy as np
import numpy.typing as npt

from gerdata.clip import BODY_MAP_SHAPE, BodyMaps, Points, Structure

SIDE = BODY_MAP_SHAPE[1]
# Joints of COCO-17: nose 0, eyes 1 2, ears 3 4, shoulders 5 6, elbows 7 8, wrists 9 10, hips 11 12, knees 13 14, ankles 15 16.
BODY_LIMBS = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10)),
    *((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)
FACE_LIMBS = (
    *((0, 4), (4, 8), (8, 12), (12, 16)),  # jaw
    *((17, 19), (19, 21), (22, 24), (24, 26)),  # brows
    *((27, 30), (31, 35)),  # nose
    *((36, 39), (37, 41), (42, 45), (44, 46)),  # eyes: width, opening; the two of one pair, mirrored, are the other
    *((48, 51), (51, 54), (54, 57), (57, 48)),  # lips, outside
    *((60, 64), (62, 66)),  # mouth: width, opening
)
LIMBS = tuple(f"body {a}-{b}" for a, b in BODY_LIMBS) + tuple(f"face {a}-{b}" for a, b in FACE_LIMBS)
_FINE = 256  # steps of one level of a map in which people are summed
_REACH = 4.0  # sigmas from a line at which its Gaussian is taken for nothing (3e-4)


def limbs(structure: Structure, height_px: int, width_px: int, sigma: float = 1.0, side: int = SIDE) -> Points:
    """`float32 [T, 38, side, side]` in [0, 1], channels as in `LIMBS`, for a structure in pixels of frames of that size.

    A limb is left out where one of its ends is NaN, or of visibility 0. A frame without people is zeros. `sigma`: cells.
    `ValueError` for sizes or a sigma that are not positive.
    """
    if min(height_px, width_px, side) < 1 or sigma <= 0:
        raise ValueError(f"expected positive sizes and sigma, came {height_px} x {width_px}, {side}, {sigma}")
    bodies = np.where(structure.bodies[..., 2:3] > 0, structure.bodies[..., :2], np.nan)
    scale = np.array([side / width_px, side / height_px], np.float64)
    ends = np.concatenate(
        [
            bodies[:, :, np.array(BODY_LIMBS)],
            structure.faces[:, :, np.array(FACE_LIMBS)],
        ],
        axis=2,
    )  # [T, P, 38, 2 ends, 2]
    ends = ends * scale
    out = np.zeros((len(ends), len(LIMBS), side, side), np.float32)
    there = np.isfinite(ends).all(axis=(3, 4))
    for t, p, limb in zip(*np.nonzero(there), strict=True):
        _draw(out[t, limb], ends[t, p, limb], sigma)
    return np.minimum(out, 1.0)


def body_maps(structure: Structure, height_px: int, width_px: int) -> BodyMaps:
    """The bodies of `limbs` alone, to be released: no face, no box, no person; not who is whose limb, nor how many there are.

    Each person is drawn and rounded alone and whole numbers are summed, so that the order of people changes no bit. A frame
    in which no joint was found is zeros, whatever the frames beside it show. Sizes and errors as in `limbs`.
    """
    t, p = structure.heads.shape[:2]
    total = np.zeros((t, *BODY_MAP_SHAPE), np.int64)
    for person in range(p):
        alone = Structure.empty(t, 1)
        alone.bodies[:] = structure.bodies[:, person : person + 1]
        drawn = limbs(alone, height_px, width_px)[:, : len(BODY_LIMBS)]
        total += np.rint(drawn * (255 * _FINE)).astype(np.int64)
    is_missing = np.isnan(structure.bodies[..., :2]).any(axis=3) | ~(structure.bodies[..., 2] > 0)
    maps = (np.minimum(total, 255 * _FINE) + _FINE // 2) // _FINE
    return BodyMaps(maps.astype(np.uint8), np.asarray(~is_missing.all(axis=(1, 2)), np.bool_))


def _draw(channel: Points, ends: npt.NDArray[np.float64], sigma: float) -> None:
    """Add one line `[2, 2]`, x y in cells, to `[side, side]`; only the cells near it are touched."""
    side = len(channel)
    low = np.floor(ends.min(axis=0) - _REACH * sigma).clip(0, side).astype(int)
    high = np.ceil(ends.max(axis=0) + _REACH * sigma).clip(0, side).astype(int)
    x, y = np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5
    along = ends[1] - ends[0]
    length = float(along @ along)
    dx, dy = x[None] - ends[0, 0], y[:, None] - ends[0, 1]
    share = ((dx * along[0] + dy * along[1]) / length).clip(0, 1) if length > 0 else np.zeros((len(y), len(x)))
    squared = (dx - share * along[0]) ** 2 + (dy - share * along[1]) ** 2
    channel[low[1] : high[1], low[0] : high[0]] += np.exp(-squared / (2 * sigma**2)).astype(np.float32)
