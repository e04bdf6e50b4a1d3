"""`features_only`: of a frame, 784 coarse numbers and nothing else, stored as a picture that every tool can load.

The frame is seen as 7 x 7 cells. Of each cell 16 numbers are kept, in 16 levels: a histogram of 12 gradient orientations (Dalal
and Triggs 2005, here of one cell and without overlapping blocks), the strength of its gradients, and its mean lightness and
colours (CIE L*a*b*). They are drawn as 4 x 4 grey tiles in the place of the cell, so that a sample keeps its form: frames. A
tile of 8 stored pixels is one block of a JPEG, which keeps its level; `read_features` gives the numbers back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.people.tracks import Look, Tracks

CELLS, TILES = 7, 4  # a side: of the frame, of a cell
SIDE = CELLS * TILES  # tiles a side of the picture
LEVELS = 16
ORIENTATIONS = 12  # of 15 degrees, without sign
CELL_PX = 32  # a side of a cell when it is measured
STRENGTH_TOP = 64.0  # mean gradient, in lightness of 0 to 255 a pixel, at which the scale ends; grey noise has some 30
COLOUR_TOP = 40.0  # of a* and b*, either way

Levels = npt.NDArray[np.uint8]  # [SIDE, SIDE], each 0 to LEVELS - 1


@dataclass(frozen=True)
class FeaturesOnly:
    """Coarse descriptors in the place of the frame: no detector, so nothing to miss.

    At most 3,136 bits of a frame are left. That says how much, not what: a face that fills the frame has its whole histogram of
    gradients, by which people were recognised long before networks. So data made with it are called not obfuscated.
    """

    def scan(self, looks: Iterable[Look]) -> Tracks:
        return Tracks.empty()

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        """A frame of less than 4 pixels a tile (112 a side) is too small to give all numbers back."""
        return draw_features(describe(frame), frame.shape[0], frame.shape[1])


def describe(frame: Frames) -> Levels:
    """The features of `uint8 [H, W, 3]`: `uint8 [SIDE, SIDE]`, cells as tiles. Alike frames have alike features; a frame of one
    colour has no orientation at all (zeros)."""
    px = CELLS * CELL_PX
    is_larger = frame.shape[0] > px or frame.shape[1] > px
    square = cv2.resize(frame, (px, px), interpolation=cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR)
    lab = cv2.cvtColor(square, cv2.COLOR_RGB2LAB).astype(np.float32)  # each 0 to 255, colours about 128
    light = lab[..., 0]
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0) / 4, cv2.Sobel(light, cv2.CV_32F, 0, 1) / 4
    size = np.hypot(across, down)  # [px, px]
    # orientations have their middle, not their edge, at 0, 45 and 90 degrees, where whole numbers of gradients lie
    which = np.rint(np.arctan2(down, across) * (ORIENTATIONS / np.pi)).astype(np.int64) % ORIENTATIONS
    rows, columns = np.divmod(np.arange(px * px), px)
    cell = rows // CELL_PX * CELLS + columns // CELL_PX
    sums = np.bincount(cell * ORIENTATIONS + which.ravel(), size.ravel(), CELLS * CELLS * ORIENTATIONS)
    histogram = sums.reshape(-1, ORIENTATIONS)  # [cells, orientations]
    whole = histogram.sum(1, keepdims=True)
    shares = np.sqrt(np.divide(histogram, whole, out=np.zeros_like(histogram), where=whole > 0))
    strength = np.sqrt(whole / CELL_PX**2 / STRENGTH_TOP)
    means = cv2.resize(lab, (CELLS, CELLS), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
    colours = np.concatenate([means[:, :1] / 255, (means[:, 1:] - 128) / (2 * COLOUR_TOP) + 0.5], axis=1)
    told = np.concatenate([shares, strength, colours], axis=1)  # [cells, 16], each 0 to 1 but for what is cut off
    levels = np.asarray(np.rint(told.clip(0, 1) * (LEVELS - 1)), np.uint8)
    return levels.reshape(CELLS, CELLS, TILES, TILES).transpose(0, 2, 1, 3).reshape(SIDE, SIDE)


def draw_features(levels: Levels, height_px: int, width_px: int) -> Frames:
    """`levels` as grey tiles: `uint8 [height_px, width_px, 3]`."""
    grey = levels * np.uint8(255 // (LEVELS - 1))
    return np.repeat(cv2.resize(grey, (width_px, height_px), interpolation=cv2.INTER_NEAREST)[..., None], 3, axis=2)


def read_features(frame: Frames) -> Levels:
    """The levels that a stored frame `uint8 [H, W, 3]` shows: the inverse of `draw_features`, through JPEG and resizing, for
    frames of at least 4 pixels a tile, at a quality of 85 or more."""
    height, width = frame.shape[:2]
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    middle = (np.arange(SIDE) + 0.5) / SIDE
    near = [grey[np.clip((middle * height + dy).astype(np.int64), 0, height - 1)] for dy in (-1, 0)]
    seen = np.mean(
        [line[:, np.clip((middle * width + dx).astype(np.int64), 0, width - 1)] for line in near for dx in (-1, 0)], 0
    )
    return np.asarray(np.rint(seen / (255 // (LEVELS - 1))), np.uint8)
