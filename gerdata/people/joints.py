"""The joints of a body, COCO-17, for every head: MediaPipe's pose landmarks (Bazarevsky et al. 2020, "BlazePose",
arXiv:2006.10204; the full model) through ai-edge-litert.

The model wants one upright body in a square, and follows whom it likes. No detector of bodies is used: the first square
hangs from the face box, twice the model's own idea of the body (its two last points: the middle of the hips, and a point
on the circle around the body) gives the next, and the faces of all others are black, so that it can follow nobody else.

Measured (`benchmarks/structure.py`): of 150 faces in group photos, nose and eyes come out where the face mesh has them (mean
distance under a quarter of the face box) for .44 with the others' faces shown, for .93 with them hidden. Object keypoint
similarity of the 9 of 12 people in four pictures whose face is found (the rule was chosen on them, too): first look .62,
third .79; from a square around the person mask .57 and .66; from the true box .69 and .74. Who lies or hangs is missed or
wrong: the first square is upright.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points
from gerdata.people.lite import LiteModel
from gerdata.people.squares import Square
from gerdata.people.weights import load

SIDE = 256  # of the input
LOOKS = 3
FACES_HIGH = (
    9.0  # side of the first square in heights of the face box (third look: .62 at 7, .72 at 8, .79 at 9, .77 at 10)
)
FACES_BELOW = 3.675  # from the top of the face box to the middle of the first square
AROUND = 2.5  # side of the next square in radii of the circle around the body (MediaPipe's rule: 1.25 of the diameter)
MIN_PRESENCE = 0.5  # of the body, by the model's flag, and of a joint
SEEN = 0.5  # visibility from which a joint is seen (2) rather than guessed (1)
OFF = 0.5  # face heights between the face box's middle and that of nose, eyes and ears; more is another person's body
# How much of a head beside the face box is hidden where it is somebody else's: shares of the box's width and height.
HIDE_SIDES, HIDE_UP, HIDE_DOWN = 0.15, 0.35, 0.10
JOINTS = 17
# COCO-17 (nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left before right) in BlazePose's 33.
_COCO = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
_HIPS, _CIRCLE = 33, 34
_FACE = slice(0, 5)
_LANDMARKS, _FLAG = "Identity", "Identity_1"


class Seen(NamedTuple):
    """One look: `joints: float64 [17, 3]` x, y, visibility in pixels of the frame; the model's flag, 0 to 1; the square in
    which to look again."""

    joints: npt.NDArray[np.float64]
    presence: float
    around: Square


class JointFinder:
    """Finds the joints of bodies whose faces are known; holds the loaded model. One thread; the same frame gives the same
    joints. `MissingError` where the weights or ai-edge-litert are not installed.
    """

    def __init__(self) -> None:
        self._model = LiteModel(load("pose-landmark"))

    def find(self, frame: Frames, faces: Points) -> Points:
        """`float32 [P, 17, 3]` x, y, visibility, in pixels of `frame: uint8 [H, W, 3]`, for face boxes `[P, 4]`.

        Visibility is 2 seen, 1 hidden (a guess), 0 missing; x and y of a missing joint are NaN. All of a body are missing
        where the box is NaN or empty, where the model sees nobody, and where it sees somebody else: nose, eyes and ears
        must be where the face is. A joint outside the frame is missing. All faces of the frame belong into `faces`: a face
        that is not in it is not hidden from the others' looks.
        """
        height, width = frame.shape[:2]
        out = np.full((len(faces), JOINTS, 3), np.nan, np.float32)
        out[..., 2] = 0
        boxes = np.asarray(faces, np.float64).reshape(-1, 4)
        there = np.flatnonzero(np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        hidden = frame.copy()
        for person in there:
            hidden[_head(boxes[person])] = 0
        for person in there:
            own = _head(boxes[person])
            hidden[own] = frame[own]
            found = self._body(hidden, boxes[person])
            hidden[own] = 0
            if found is None:
                continue
            inside = ((found[:, :2] >= 0) & (found[:, :2] < (width, height))).all(axis=1)
            out[person, inside & (found[:, 2] > 0)] = found[inside & (found[:, 2] > 0)]
        return out

    def _body(self, frame: Frames, box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """`[17, 3]` of one person, by the last look that shows this one; None where none does."""
        square, kept = first_square(box), None
        for _ in range(LOOKS):
            if not square.is_sensible(frame):
                break
            seen = self.look(frame, square)
            if seen.presence < MIN_PRESENCE or not is_of(seen.joints[:, :2], box):
                break
            kept, square = seen.joints, seen.around
        return kept

    def look(self, frame: Frames, square: Square) -> Seen:
        """What the model sees in one square of a frame, whoever it is."""
        x = np.asarray(square.cut(frame, SIDE)[None] / np.float32(255), np.float32)
        found = self._model.run(x)
        marks = np.asarray(found[_LANDMARKS], np.float64).reshape(39, 5)
        points = square.back(marks[:, :2], SIDE)
        visible, present = _share(marks[_COCO, 3]), _share(marks[_COCO, 4])
        level = np.where(visible >= SEEN, 2.0, 1.0) * (present >= MIN_PRESENCE)
        joints = np.concatenate([points[_COCO], level[:, None]], axis=1)
        return Seen(joints, float(found[_FLAG].ravel()[0]), _around(points))


def first_square(box: npt.NDArray[np.float64]) -> Square:
    """Where the body that belongs to a face box would be, upright."""
    high = float(box[3] - box[1])
    return Square(float(box[0] + box[2]) / 2, float(box[1]) + FACES_BELOW * high, FACES_HIGH * high)


def is_of(joints: npt.NDArray[np.float64], box: npt.NDArray[np.float64]) -> bool:
    """Whether joints `[17, 2]` belong to the face in a box: in a group a square shows others, too."""
    away = joints[_FACE].mean(axis=0) - (box[:2] + box[2:]) / 2
    return bool(np.hypot(*away) <= OFF * (box[3] - box[1]))


def _head(box: npt.NDArray[np.float64]) -> tuple[slice, slice]:
    """Rows and columns of a head, for its face box."""
    wide, high = box[2:] - box[:2]
    x0, x1 = box[0] - HIDE_SIDES * wide, box[2] + HIDE_SIDES * wide
    y0, y1 = box[1] - HIDE_UP * high, box[3] + HIDE_DOWN * high
    return slice(max(0, int(y0)), max(0, int(y1))), slice(max(0, int(x0)), max(0, int(x1)))


def _around(points: npt.NDArray[np.float64]) -> Square:
    """The square around a body `[39, 2]`, turned so that it is upright."""
    spine = points[_CIRCLE] - points[_HIPS]
    turn = np.arctan2(spine[1], spine[0]) + np.pi / 2
    return Square.at(points[_HIPS], AROUND * float(np.hypot(*spine)), float(turn))


def _share(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits.clip(-80, 80))))
