"""Faces that are left, by a third detector that decided nothing when the data were made."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from gerdata.audit.statistics import clopper_pearson
from gerdata.clip import Frames, Points
from gerdata.people.tiles import overlaps
from gerdata.people.witness import Witness
from gerdata.privacy.check import COVERED_SHARE, covered_share
from gerdata.store.audits import Figure, Verdict

ATTACKER = "MediaPipe full-range face detector (sparse, 2021)"
# Chosen on other data than it is used on: at .6, in the frame and in its mirror image, it fires on 1 of 144 pictures
# without people (at .5, unmirrored, on 15), and finds 43 of 46 faces of 16 to 24 px, 22 of 23 of 24 to 40 px, 15 of 15 larger
# in groups, 48 of 56 that fill the frame.
MIN_SCORE, MIN_PX = 0.6, 16
SAME_FACE = 0.4  # intersection over union of a face and that of the mirror image
MOST = 0.01  # of frames with a face, as an upper bound; the detector itself fires on other things


@cache
def witness() -> Witness:
    """The process's one third detector."""
    return Witness()


def faces_left(frames: Frames, masks: Sequence[Points] | None) -> int:
    """In how many of `frames: uint8 [T, H, W, 3]` a face of 16 px or more is found, more than half of it not filled."""
    n = 0
    for number, frame in enumerate(frames):
        found = [
            box
            for box in _confirmed(frame)
            if min(box[2] - box[0], box[3] - box[1]) >= MIN_PX
            and (masks is None or covered_share(box, masks[number]) <= COVERED_SHARE)
        ]
        n += bool(found)
    return n


def _confirmed(frame: Frames) -> Points:
    """Faces `[P, 5]` that are seen in the mirror, too."""
    found = witness().find(frame, MIN_SCORE)
    if not len(found):
        return found
    mirrored = witness().find(np.ascontiguousarray(frame[:, ::-1]), MIN_SCORE)
    mirrored[:, [0, 2]] = frame.shape[1] - mirrored[:, [2, 0]]
    return np.asarray(found[(overlaps(found, mirrored) >= SAME_FACE).any(axis=1)], np.float32)


def residual(left: Sequence[int], n_frames: Sequence[int]) -> Verdict:
    """The verdict on clips: in how many frames of each a face was found, and how many frames it has.

    The bound counts clips, not frames: the frames of a clip show the same people.
    """
    clips, bad = len(left), sum(one > 0 for one in left)
    frames, total = sum(left), sum(n_frames)
    figures = (
        Figure("clips with a face left", bad / clips if clips else float("nan"), *clopper_pearson(bad, clips), clips),
        Figure(
            "frames with a face left", frames / total if total else float("nan"), *clopper_pearson(frames, total), total
        ),
    )
    told = f"{bad} of {clips} clips, {frames} of {total} frames; clips at most {figures[0].high:.3f}"
    if clips == 0:
        return Verdict("residual faces", "skipped", "no clips", ATTACKER)
    if figures[0].low > MOST:
        return Verdict("residual faces", "failed", told, ATTACKER, figures)
    if figures[0].high <= MOST:
        return Verdict("residual faces", "passed", told, ATTACKER, figures)
    return Verdict(
        "residual faces", "underpowered", f"{told}; a bound of {MOST} needs 368 clips without one", ATTACKER, figures
    )
