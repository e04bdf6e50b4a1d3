"""The last look before anything leaves: a clip that cannot be shown protected is refused, with its reason."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from gerdata.clip import Audio, Frames, Points
from gerdata.errors import MissingError, RejectedInput
from gerdata.people.faces import FaceGate
from gerdata.people.tiles import overlaps
from gerdata.people.tracks import Tracks
from gerdata.privacy.heads import FILL, grown

COVERED_SHARE = (
    0.5  # of a found face that is filled, from which on it is a head that was removed, not one that was left
)
ALIKE_SHARE = 0.2  # intersection over union of a found face and a planned one, from which on they are the same
MOST_ALIKE = (
    0.2  # correlation of waveforms; of two noises of 1 s it is under 0.04 (five standard errors of 16,000 samples)
)


@cache
def face_gate() -> FaceGate:
    """The process's second detector; of another family than the one that finds heads to remove."""
    return FaceGate()


@contextmanager
def failing_closed() -> Iterator[None]:
    """A detector that fails says nothing, so the clip is refused; one that is not installed stops the stage."""
    try:
        yield
    except (RejectedInput, MissingError, MemoryError):
        raise
    except Exception as error:
        raise RejectedInput("detector-failed", type(error).__name__) from None


@dataclass(frozen=True)
class FaceCheck:
    """What counts as a face that was left: at least `min_px` in the stored frame, at `min_score` of the second detector,
    more than half of it outside what was filled.

    Most of what it finds is no face (in 57 clips mostly prints on clothes, bottles and machines; one profile at the edge
    of the frame was a miss). So a doubtful one is filled as if it were one, and the frame is searched again. One of
    `sure_score` shows that the first detector fails on this clip; one that is found again, that filling failed: both
    refuse the clip.
    """

    min_score: float
    sure_score: float
    min_px: int

    def __call__(self, frames: Sequence[Frames], masks: Sequence[Points]) -> tuple[list[Frames], list[Points]]:
        """`frames`: stored ones, `uint8 [H, W, 3]`; `masks`: of each, filled boxes `[P, 4]`. Both are returned with doubtful
        faces filled. Raises `residual-face`."""
        mended = []
        for number, (frame, filled) in enumerate(zip(frames, masks, strict=True)):
            doubtful = self._left(frame, filled, number, self.sure_score)
            if len(doubtful):
                more = grown(doubtful, *frame.shape[:2])
                frame, filled = frame.copy(), np.concatenate([filled, more.astype(np.float32)])
                for x0, y0, x1, y1 in more:
                    frame[y0:y1, x0:x1] = FILL
                self._left(frame, filled, number, self.min_score)
            mended.append((frame, filled))
        return [frame for frame, _ in mended], [filled for _, filled in mended]

    def only(self, frames: Sequence[Frames], windows: Sequence[Points], faces: Sequence[Points]) -> None:
        """The look at frames into which avatars were put: `faces`, and the `windows` that hold them, of each `[P, 4]`. Raises
        `residual-face` for a face that is none of theirs: less than half of it in their windows, or off all of their faces."""
        for number, (frame, inside, planned) in enumerate(zip(frames, windows, faces, strict=True)):
            others = [
                box
                for box in face_gate().find(frame, self.min_score)
                if self._is_large(box)
                and (
                    covered_share(box, inside) <= COVERED_SHARE
                    or overlaps(box[None], planned).max(initial=0) < ALIKE_SHARE
                )
            ]
            if others:
                raise RejectedInput("residual-face", f"{len(others)} beside avatars in frame {number}")

    def _left(self, frame: Frames, filled: Points, number: int, refused_score: float) -> Points:
        """Faces that were left `[P, 4]`; raises `residual-face` if one of them reaches a score."""
        found = face_gate().find(frame, self.min_score)
        left = [box for box in found if self._is_large(box) and covered_share(box, filled) <= COVERED_SHARE]
        if left and left[0][4] >= refused_score:
            raise RejectedInput("residual-face", f"{len(left)} in frame {number}, best score {left[0][4]:.2f}")
        return np.array([box[:4] for box in left], np.float32).reshape(-1, 4)

    def _is_large(self, box: Points) -> bool:
        return bool(min(box[2] - box[0], box[3] - box[1]) >= self.min_px)


def covered_share(box: Points, filled: Points) -> float:
    """The share of a box that the union of `filled: [P, 4]` covers, to a twentieth of its sides."""
    if not len(filled):
        return 0.0
    x, y = (box[i] + (np.arange(20) + 0.5) / 20 * (box[i + 2] - box[i]) for i in (0, 1))
    in_x = (x >= filled[:, 0:1]) & (x < filled[:, 2:3])
    in_y = (y >= filled[:, 1:2]) & (y < filled[:, 3:4])
    return float((in_y[:, :, None] & in_x[:, None, :]).any(axis=0).mean())


def check_tracks(tracks: Tracks, kept: Sequence[int]) -> None:
    """Raises `open-track` where a head in a stored frame is where it is by guess."""
    for number in set(kept):
        if number < len(tracks.heads) and (np.isfinite(tracks.heads[number, :, 0]) & ~tracks.is_closed).any():
            raise RejectedInput("open-track", f"frame {number}")


def check_sound(before: Audio, after: Audio) -> None:
    """Raises `voice-left` where the waveform of the source can still be seen in the output, at the same time."""
    a, b = (one.astype(np.float64) - one.mean() for one in (before, after))
    power = float(np.sqrt((a @ a) * (b @ b)))
    if power > 0 and abs(a @ b) / power > MOST_ALIKE:
        raise RejectedInput("voice-left", f"correlation {abs(a @ b) / power:.2f}")
