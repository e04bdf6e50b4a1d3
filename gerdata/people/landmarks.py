"""The 68 landmarks of a face (the markup of iBUG 300-W) for every face: MediaPipe's face mesh (Kartynnik et al. 2019,
arXiv:1907.06724) through ai-edge-litert, 468 points of which 68 are kept.

Two looks: at the face box, 1.5 times as large, and at what the first look found, turned upright. Mean distance to hand-set
points, in distances of the outer eye corners, of three small faces (outer corners 14 to 17 px apart): .114 after one look,
.089 after two (`benchmarks/structure.py`). On none of 120 squares of empty places did the flag say that there is a face.
"""

import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points
from gerdata.people.lite import LiteModel
from gerdata.people.squares import Square
from gerdata.people.weights import load

SIDE = 192  # of the input
LARGER = 1.5  # side of the square in longer sides of the box
LOOKS = 2
OFF = 0.6  # longer sides of the box from its middle to the middle of the points; more is another face
LANDMARKS = 68
# Points of the mesh for the jaw (17), brows (5 + 5), nose (4 + 5), eyes (6 + 6), lips outside (12) and inside (8). The jaw of
# the mesh is its outline; 300-W's lies a little inside of it.
_MESH = np.array(
    [
        *(127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356),
        *(70, 63, 105, 66, 55, 285, 296, 334, 293, 300),
        *(168, 6, 197, 4, 98, 97, 2, 326, 327),
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
        *(78, 82, 13, 312, 308, 317, 14, 87),
    ]
)
_EYES = (33, 263)  # outer corners, left and right as seen
_POINTS, _FLAG = "conv2d_21", "conv2d_31"


class LandmarkFinder:
    """Finds landmarks in known faces; holds the loaded model. One thread; the same frame gives the same points.

    `MissingError` where the weights or ai-edge-litert are not installed.
    """

    def __init__(self) -> None:
        self._model = LiteModel(load("face-mesh"))

    def find(self, frame: Frames, faces: Points) -> Points:
        """`float32 [P, 68, 2]` x, y in pixels of `frame: uint8 [H, W, 3]`, for face boxes `[P, 4]`.

        NaN where the box is NaN or empty, where the model's flag says that there is no face, where it found another one,
        and for points outside the frame.
        """
        height, width = frame.shape[:2]
        out = np.full((len(faces), LANDMARKS, 2), np.nan, np.float32)
        for person, box in enumerate(np.asarray(faces, np.float64)):
            if not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
                continue
            found = self._face(frame, box)
            if found is not None:
                inside = ((found >= 0) & (found < (width, height))).all(axis=1)
                out[person, inside] = found[inside]
        return out

    def _face(self, frame: Frames, box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        longer = float(max(box[2] - box[0], box[3] - box[1]))
        middle = (box[:2] + box[2:]) / 2
        square = Square.at(middle, LARGER * longer)
        kept = None
        for _ in range(LOOKS):
            if not square.is_sensible(frame):
                return None
            seen = self._model.run(np.asarray(square.cut(frame, SIDE)[None] / np.float32(255), np.float32))
            mesh = square.back(np.asarray(seen[_POINTS], np.float64).reshape(468, 3)[:, :2], SIDE)
            kept = mesh[_MESH]
            is_off = np.hypot(*(kept.mean(axis=0) - middle)) > OFF * longer
            if float(seen[_FLAG].ravel()[0]) < 0 or is_off:  # a logit: one half is 0
                return None
            square = _around(mesh)
        return kept


def _around(mesh: npt.NDArray[np.float64]) -> Square:
    """The square around a face `[468, 2]`, turned so that the eyes are level."""
    eyes = mesh[_EYES[1]] - mesh[_EYES[0]]
    turn = float(np.arctan2(eyes[1], eyes[0]))
    cos, sin = np.cos(turn), np.sin(turn)
    upright = mesh @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    middle = np.array([[cos, -sin], [sin, cos]]) @ (low + high) / 2
    return Square.at(middle, LARGER * float((high - low).max()), turn)
