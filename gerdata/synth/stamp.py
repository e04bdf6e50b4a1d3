"""A sprite made smaller and turned, in the smallest box of whole pixels that holds it."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames

OPAQUE = 128  # alpha from which a pixel is a head's


@dataclass(frozen=True, eq=False)
class Stamp:
    """`rgba: uint8 [h, w, 4]` premultiplied; `matrix: float64 [2, 3]` carries places in the sprite to places in the stamp, both
    counted from corners of pixels."""

    rgba: Frames
    matrix: npt.NDArray[np.float64]


def stamp_of(rgba: Frames, size_px: float, angle_deg: float) -> Stamp:
    """A premultiplied sprite with a long side of `size_px`, rounded, turned counter-clockwise about its middle."""
    height, width = rgba.shape[:2]
    scale = size_px / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(rgba, (wide, high), interpolation=way), np.uint8)
    matrix = np.array([[wide / width, 0.0, 0.0], [0.0, high / height, 0.0]])
    if angle_deg == 0:
        return Stamp(np.minimum(small, small[..., 3:]), matrix)
    cos, sin = float(np.cos(np.deg2rad(angle_deg))), float(np.sin(np.deg2rad(angle_deg)))
    box = (
        int(np.ceil(wide * abs(cos) + high * abs(sin) - 1e-6)),
        int(np.ceil(wide * abs(sin) + high * abs(cos) - 1e-6)),
    )
    turn = np.array([[cos, sin], [-sin, cos]])  # y points down, so this is counter-clockwise
    move = np.array(box) / 2 - turn @ (wide / 2, high / 2)
    about = np.concatenate(
        [turn, (move + 0.5 * turn.sum(1) - 0.5)[:, None]], 1
    )  # cv2 counts from the middles of pixels
    turned = np.asarray(cv2.warpAffine(small, about, box, flags=cv2.INTER_LINEAR), np.uint8)
    whole = np.concatenate([turn @ matrix[:, :2], move[:, None]], 1)
    return Stamp(np.minimum(turned, turned[..., 3:]), whole)


def corner_of(stamp: Frames, x: float, y: float) -> tuple[int, int]:
    """The column and row of a frame at which a stamp `[h, w, ...]` begins whose middle is at x, y."""
    height, width = stamp.shape[:2]
    return round(x - width / 2), round(y - height / 2)
