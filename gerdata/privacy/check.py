"""The last look before anything leaves: a clip that cannot be shown protected is refused, with its reason."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from gerdata.clip import Audio, Frames, Points
from gerdata.errors import MissingError, RejectedInput
from gerdata.people.faces import FaceGate
from gerdata.people.tracks import Tracks

COVERED_SHARE = (
    0.5  # of a found face that is filled, from which on it is a head that was removed, not one that was left
)
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
    more than half of it outside what was filled."""

    min_score: float
    min_px: int

    def __call__(self, frames: Sequence[Frames], masks: Sequence[Points]) -> None:
        """`frames`: stored ones, `uint8 [H, W, 3]`; `masks`: of each, filled boxes `[P, 4]`. Raises `residual-face`."""
        for number, (frame, filled) in enumerate(zip(frames, masks, strict=True)):
            found = face_gate().find(frame, self.min_score)
            left = [box for box in found if self._is_large(box) and covered_share(box, filled) <= COVERED_SHARE]
            if left:
                raise RejectedInput("residual-face", f"{len(left)} in frame {number}, best score {left[0][4]:.2f}")

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
