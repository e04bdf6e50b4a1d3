"""Overlapping tiles of a frame, and the boxes found in them put together: for detectors whose input is small or fixed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames

EDGE = 2.0  # a box this close to the cut of a tile, in pixels of the frame, is a part of what another tile has whole

Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a frame, in pixels: rows y0 to y1 and columns x0 to x1, the ends not included."""

    x0: int
    y0: int
    x1: int
    y1: int

    def of(self, frame: Frames) -> Frames:
        """Its pixels, a view."""
        return frame[self.y0 : self.y1, self.x0 : self.x1]

    def keeps(self, boxes: Boxes, size: tuple[int, int]) -> Boxes:
        """Those of `[P, >=4]` boxes in pixels of the frame (height, width) that do not touch a side where the tile was cut."""
        height, width = size
        whole = np.ones(len(boxes), np.bool_)
        if self.x0 > 0:
            whole &= boxes[:, 0] > self.x0 + EDGE
        if self.y0 > 0:
            whole &= boxes[:, 1] > self.y0 + EDGE
        if self.x1 < width:
            whole &= boxes[:, 2] < self.x1 - EDGE
        if self.y1 < height:
            whole &= boxes[:, 3] < self.y1 - EDGE
        return boxes[whole]


def tiles(size: tuple[int, int], side: int, overlap: int) -> Iterator[Tile]:
    """Tiles of at most `side` x `side` pixels that cover a frame (height, width); neighbours share `overlap` or more.

    What is no larger than `overlap` lies whole in one tile at least. A frame no larger than a tile is one tile.
    """
    for y0, y1 in _spans(size[0], side, overlap):
        for x0, x1 in _spans(size[1], side, overlap):
            yield Tile(x0, y0, x1, y1)


def checked(frame: Frames, min_score: float) -> None:
    """`ValueError` for what is no frame `uint8 [H, W, 3]`, or a score not more than 0 and less than 1."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"expected uint8 [H, W, 3], came {frame.dtype} {frame.shape}")
    if not 0 < min_score < 1:
        raise ValueError(f"min_score: expected more than 0 and less than 1, came {min_score}")


def turned_back(boxes: Boxes, turns: int, size: tuple[int, ...]) -> Boxes:
    """Boxes found in `np.rot90(frame, turns)`, in pixels of that frame of (height, width)."""
    height, width = size
    x0, y0, x1, y1, score = boxes.T
    sides: tuple[npt.NDArray[np.float32], ...] = {
        0: (x0, y0, x1, y1),
        1: (width - y1, x0, width - y0, x1),
        2: (width - x1, height - y1, width - x0, height - y0),
        3: (y0, height - x1, y1, height - x0),
    }[turns]
    return np.stack([*sides, score], axis=1).astype(np.float32)


def overlaps(one: Boxes, other: Boxes) -> npt.NDArray[np.float32]:
    """Intersection over union of every box of `[P, >=4]` with every box of `[Q, >=4]`: `float32 [P, Q]`."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:4], other[None, :, 2:4])
    shared = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared).clip(1e-6), np.float32)


def best_of_each(boxes: Boxes, size: tuple[int, int], max_overlap: float) -> Boxes:
    """`without_doubles` of boxes `[P, 5]` x0 y0 x1 y1 score that are first cut to the frame (height, width); empty boxes go."""
    boxes = boxes.astype(np.float32)
    boxes[:, 0:4:2] = boxes[:, 0:4:2].clip(0, size[1])
    boxes[:, 1:4:2] = boxes[:, 1:4:2].clip(0, size[0])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return without_doubles(boxes[areas > 0], max_overlap)


def without_doubles(boxes: Boxes, max_overlap: float) -> Boxes:
    """The best box of each head of `[P, 5]`, best first; among equals the earlier one. Two boxes are doubles from an
    intersection over union of `max_overlap`."""
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left, kept = np.arange(len(boxes)), []
    while len(left):
        first, rest = left[0], left[1:]
        kept.append(first)
        wide = np.minimum(boxes[first, 2], boxes[rest, 2]) - np.maximum(boxes[first, 0], boxes[rest, 0])
        high = np.minimum(boxes[first, 3], boxes[rest, 3]) - np.maximum(boxes[first, 1], boxes[rest, 1])
        shared = wide.clip(0) * high.clip(0)
        left = rest[shared < max_overlap * (areas[first] + areas[rest] - shared).clip(1e-6)]
    return np.ascontiguousarray(boxes[np.array(kept, np.intp)])


def _spans(size: int, side: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end along one side of the frame: even, the last ends at the end."""
    n = max(1, -(-(size - overlap) // (side - overlap)))
    for i in range(n):
        begin = round(i * (size - side) / (n - 1)) if n > 1 else 0
        yield begin, min(size, begin + side)
