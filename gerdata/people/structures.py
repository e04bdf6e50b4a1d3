"""The structure of people in a clip: joints and landmarks of every tracked head, frame by frame, in stored pixels."""

from collections.abc import Sequence

import numpy as np

from gerdata.clip import Frames, Points, Structure
from gerdata.people.joints import JointFinder
from gerdata.people.landmarks import LandmarkFinder

STEP_PX = 1 / 16  # to which places are rounded: finer is noise of the models, and makes files 1.7 times as large


class StructureFinder:
    """Finds bodies and faces of known heads; holds both models. `MissingError` where one is not installed."""

    def __init__(self) -> None:
        self._joints, self._landmarks = JointFinder(), LandmarkFinder()

    def find(self, frame: Frames, faces: Points, stored_px: int) -> Structure:
        """T = 1, for one native frame `uint8 [H, W, 3]` and face boxes `[P, 4]` in its pixels (NaN where a person is not in
        it); places are in pixels of the frame as it is stored, `stored_px` high and wide, to a sixteenth."""
        height, width = frame.shape[:2]
        scale = np.array([stored_px / width, stored_px / height], np.float32)
        bodies = self._joints.find(frame, faces)
        bodies[..., :2] *= scale
        landmarks = self._landmarks.find(frame, faces) * scale
        heads = np.asarray(faces, np.float32).reshape(-1, 4) * np.tile(scale, 2)
        return Structure(*(_rounded(one)[None] for one in (heads, bodies, landmarks)))


def in_a_row(frames: Sequence[Structure]) -> Structure:
    """The structures of frames of one clip as one, with the same people in the same places; who is in none of them goes.

    `ValueError` without any frame.
    """
    heads, bodies, faces = (
        np.concatenate([getattr(one, name) for one in frames]) for name in ("heads", "bodies", "faces")
    )
    is_there = np.isfinite(heads).all(axis=2).any(axis=0)
    return Structure(heads[:, is_there], bodies[:, is_there], faces[:, is_there])


def _rounded(places: Points) -> Points:
    return np.asarray(np.rint(places / STEP_PX) * STEP_PX, np.float32)
