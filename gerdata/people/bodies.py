"""People as a mask: MediaPipe's selfie segmentation (general model, 2021) through ai-edge-litert.

It was trained on people near the camera; small ones in a crowd are missed, so what must hide everybody needs heads, too.
"""

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.people.lite import LiteModel
from gerdata.people.tracks import Mask
from gerdata.people.weights import load

SIDE = 256  # of the input
THRESHOLD = 0.5  # probability from which a pixel is a person's
OVERLAP = 0.25  # of a tile's side


class PersonMask:
    """Finds the pixels of people; holds the loaded model. One thread; the same frame gives the same mask.

    `MissingError` where the weights or ai-edge-litert are not installed.
    """

    def __init__(self) -> None:
        self._model = LiteModel(load("selfie"))

    def find(self, frame: Frames) -> Mask:
        """`uint8 [H, W, 3]` RGB to `bool [H, W]`: the whole frame, and squares as high as it is wide or the reverse.

        An empty frame has an empty mask.
        """
        height, width = frame.shape[:2]
        out = np.zeros((height, width), np.bool_)
        if not frame.size:
            return out
        out |= self._seen(frame)
        side = min(height, width)
        if max(height, width) > side:
            for start in _starts(max(height, width), side):
                tile = (slice(None), slice(start, start + side)) if width > height else (slice(start, start + side),)
                out[tile] |= self._seen(frame[tile])
        return out

    def _seen(self, frame: Frames) -> Mask:
        """At the input's size with the aspect kept; the rest of the input is black."""
        height, width = frame.shape[:2]
        scale = SIDE / max(height, width)
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        x = np.zeros((1, SIDE, SIDE, 3), np.float32)
        x[0, :high, :wide] = np.asarray(cv2.resize(frame, (wide, high), interpolation=way), np.float32) / 255
        (probability,) = self._model.run(x).values()
        small: npt.NDArray[np.float32] = np.ascontiguousarray(probability[0, :high, :wide, 0])
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) >= THRESHOLD, np.bool_)


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin that cover a length, evenly, each overlapping the next by a quarter or more."""
    n = 1 + int(np.ceil((length - side) / (side * (1 - OVERLAP))))
    return [round(i * (length - side) / max(1, n - 1)) for i in range(n)]
