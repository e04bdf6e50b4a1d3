"""A third search for faces, to measure the others by and never to decide: MediaPipe's full-range face detector
(Bazarevsky et al. 2019, "BlazeFace", arXiv:1907.05047; the sparse model of 2021) through ai-edge-litert.

Measured at a score of 0.5: all 43 faces that dlib's authors boxed by hand in nine pictures are found at 500 px (faces
of 37 px and more) and at 224 px (16 px and more). Of the faces that CenterFace sees with 0.65 in 52 pictures, 131 of
131 of 12 px and more at 224 px; at 1280 px 54 of 66 of 12 to 16 px, 57 of 66 of 16 to 24 px, 137 of 142 larger ones.
In noise it fires, with up to 0.48. One core: 40 to 70 ms for 224 px, 1.2 to 2 s for 1280 px.
"""

import cv2
import numpy as np

from gerdata.clip import Frames
from gerdata.people.lite import LiteModel, Tensor
from gerdata.people.tiles import Boxes, best_of_each, checked, tiles
from gerdata.people.weights import load

SIDE, STRIDE = 192, 4  # of the input; one anchor in the middle of each cell of 4x4 pixels, all of one size
LOOKED_AT = (96, 192, 384)  # sides of the tiles in pixels of the frame, each scaled to the input; and the whole frame
FAR = 0.5  # of the input: faces that fill the frame are missed (found in 18 of 56 close-ups), so it is seen from afar, too
OVERLAP = 0.375  # of a tile's side: faces of 36, 72 and 144 px are whole in one tile of the three sizes
MAX_OVERLAP = 0.3  # intersection over union from which two boxes are one face
BOXES, SCORES = "Identity", "Identity_1"


class Witness:
    """Finds faces; holds the loaded model. One thread; the same frame gives the same boxes.

    `MissingError` where the weights or ai-edge-litert are not installed.
    """

    def __init__(self) -> None:
        self._model = LiteModel(load("face-full-range"))

    def find(self, frame: Frames, min_score: float) -> Boxes:
        """Faces in `uint8 [H, W, 3]` RGB: `float32 [P, 5]` x0 y0 x1 y1 score in [0, 1], pixels of the frame, best first.

        `ValueError` for another shape or type, or a `min_score` that is not in (0, 1). An empty frame has no faces.
        """
        checked(frame, min_score)
        if not frame.size:
            return np.zeros((0, 5), np.float32)
        size = frame.shape[:2]
        found = [self._found(frame, min_score), self._found(frame, min_score, FAR)]
        for side in LOOKED_AT:
            if side < max(size):
                for tile in tiles(size, side, int(side * OVERLAP)):
                    boxes = self._found(tile.of(frame), min_score)
                    boxes += np.array([tile.x0, tile.y0, tile.x0, tile.y0, 0], np.float32)
                    found.append(tile.keeps(boxes, size))
        return best_of_each(np.concatenate(found), size, MAX_OVERLAP)

    def _found(self, frame: Frames, min_score: float, share: float = 1.0) -> Boxes:
        """Boxes in pixels of a frame that is scaled to a share of the input, its aspect kept, into the corner or, where it is
        smaller, the middle; the rest of the input is black."""
        height, width = frame.shape[:2]
        scale = share * SIDE / max(height, width)
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        x = np.full((1, SIDE, SIDE, 3), -1, np.float32)
        top, left = ((SIDE - high) // 2, (SIDE - wide) // 2) if share < 1 else (0, 0)
        x[0, top : top + high, left : left + wide] = (
            np.asarray(cv2.resize(frame, (wide, high), interpolation=way), np.float32) / 127.5 - 1
        )
        tensors = self._model.run(x)
        boxes = _decoded(tensors[BOXES][0], tensors[SCORES][0, :, 0], min_score)
        boxes[:, :4] -= np.array([left, top, left, top], np.float32)
        boxes[:, :4] /= np.float32(scale)
        return boxes


def _decoded(raw: Tensor, logits: Tensor, min_score: float) -> Boxes:
    """`[P, 5]` boxes in pixels of the input, from `[2304, 16]` (centre from the anchor, size, six points) and `[2304]`."""
    scores = 1 / (1 + np.exp(-logits.clip(-80, 80)))
    chosen = np.flatnonzero(scores >= min_score)
    cells = SIDE // STRIDE
    anchors = (np.stack([chosen % cells, chosen // cells], axis=1) + 0.5) * STRIDE
    centres, sizes = anchors + raw[chosen, :2], raw[chosen, 2:4]
    return np.concatenate([centres - sizes / 2, centres + sizes / 2, scores[chosen, None]], axis=1).astype(np.float32)
