"""Heads that show a face, found in one frame: CenterFace (Xu et al. 2019, arXiv:1911.03599) through onnxruntime.

Heads seen from behind are not found. A frame goes in as BGR, 0..255, in sides of a multiple of 32 (what is missing is
black, right and below); out come, at a quarter of the size, a score, the logarithm of height and width, and an offset
(y before x) for every cell.
"""

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.people.graphs import session, with_free_sizes
from gerdata.people.tiles import Boxes, checked, without_doubles
from gerdata.people.tiles import tiles as cut
from gerdata.people.weights import load

LONG_SIDE = 960  # to which a whole frame is scaled down
TILE_SIDE = 1920  # pixels of an enlarged tile: one look at 2 megapixels costs a third of six at .9 that overlap
TILE_SCALE = 2.0  # heads of 8-9 px are missed and of 16-18 px found (measured on a crowd), so 10-px heads are doubled
TILE_OVERLAP = 192  # pixels of the enlarged frame: heads up to 96 px of the frame are whole in one tile at least
MIN_SIDE = 2.0  # pixels of the frame; a smaller box is nobody's head
MAX_OVERLAP = 0.3  # intersection over union from which two boxes are one head
STRIDE, MULTIPLE = 4, 32
INPUT, OUTPUTS = "input.1", ("537", "538", "539")


class HeadFinder:
    """Finds heads; holds the loaded model. One thread; the same frame gives the same boxes.

    `MissingError` where the weights or onnxruntime are not installed.
    """

    def __init__(self) -> None:
        self._session = session(with_free_sizes(load("centerface"), [INPUT]))

    def find(
        self,
        frame: Frames,
        min_score: float = 0.5,
        tiles: bool = False,
        tile_scale: float = TILE_SCALE,
        tile_score: float | None = None,
    ) -> Boxes:
        """Heads in `uint8 [H, W, 3]` RGB: `float32 [P, 5]` x0 y0 x1 y1 score, in pixels of the frame, best first, P may be 0.

        The frame is scaled down to a long side of 960, never up. `tiles` looks again, at `tile_scale` times the size of
        the frame, in one piece or in overlapping tiles, with a minimum score of its own; at twice the size for heads of
        8 to 96 px, which takes 4 times as long at 500x375 and up to 30 times at 3 megapixels.
        `ValueError` for another shape or type, or a `min_score` not in (0, 1).
        """
        checked(frame, min_score)
        height, width = frame.shape[:2]
        if not frame.size:
            return np.zeros((0, 5), np.float32)
        found = [self._found(frame, min(1.0, LONG_SIDE / max(height, width)), min_score)]
        if tiles:
            for tile in cut((height, width), int(TILE_SIDE / tile_scale), int(TILE_OVERLAP / tile_scale)):
                boxes = self._found(tile.of(frame), tile_scale, tile_score or min_score)
                boxes = tile.keeps(
                    boxes + np.array([tile.x0, tile.y0, tile.x0, tile.y0, 0], np.float32), (height, width)
                )
                found.append(boxes[_is_small(boxes, tile_scale) & ~_is_part(boxes, found[0])])
        boxes = without_doubles(np.concatenate(found), MAX_OVERLAP)
        boxes[:, 0:4:2] = boxes[:, 0:4:2].clip(0, width)
        boxes[:, 1:4:2] = boxes[:, 1:4:2].clip(0, height)
        sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        return np.ascontiguousarray(boxes[sides >= MIN_SIDE])

    def _found(self, frame: Frames, scale: float, min_score: float) -> Boxes:
        """Boxes in pixels of a frame that is looked at `scale` times its size."""
        height, width = frame.shape[:2]
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        if (wide, high) != (width, height):
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            frame = np.asarray(cv2.resize(frame, (wide, high), interpolation=way), np.uint8)
        padded = np.zeros((1, 3, _up(high), _up(wide)), np.float32)
        padded[0, :, :high, :wide] = frame[..., ::-1].transpose(2, 0, 1)
        score, log_size, offset = self._session.run(OUTPUTS, {INPUT: padded})
        boxes = _decoded(score, log_size, offset, min_score)
        boxes[:, 0:4:2] *= width / wide
        boxes[:, 1:4:2] *= height / high
        return boxes


def _decoded(score: Boxes, log_size: Boxes, offset: Boxes, min_score: float) -> Boxes:
    """`[P, 5]` boxes in pixels of the input, from maps `[1, 1, h, w]`, `[1, 2, h, w]`, `[1, 2, h, w]`; height before width."""
    rows, columns = np.nonzero(score[0, 0] >= min_score)
    sizes = np.exp(log_size[0][:, rows, columns].clip(max=8.0)) * STRIDE  # exp(8) cells are more than any frame has
    centres = (offset[0][:, rows, columns] + 0.5 + np.stack([rows, columns])) * STRIDE
    low, high = centres - sizes / 2, centres + sizes / 2
    boxes = np.stack([low[1], low[0], high[1], high[0], score[0, 0][rows, columns]], axis=1)
    return boxes.astype(np.float32)


def _is_small(boxes: Boxes, scale: float) -> npt.NDArray[np.bool_]:
    """Which boxes tiles are asked for: no larger than what is whole in one tile; large ones are eyes and mouths too."""
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return np.asarray(sides <= TILE_OVERLAP / scale)


def _is_part(boxes: Boxes, heads: Boxes) -> npt.NDArray[np.bool_]:
    """Which boxes have their centre in the box of a head that is at least twice as wide."""
    centres = (boxes[:, None, :2] + boxes[:, None, 2:4]) / 2
    inside = ((centres > heads[None, :, :2]) & (centres < heads[None, :, 2:4])).all(axis=2)
    larger = heads[None, :, 2] - heads[None, :, 0] >= 2 * (boxes[:, None, 2] - boxes[:, None, 0])
    return np.asarray((inside & larger).any(axis=1))


def _up(size: int) -> int:
    return -(-size // MULTIPLE) * MULTIPLE
