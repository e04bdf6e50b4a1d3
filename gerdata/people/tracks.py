"""What a scan over every frame at native size found."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gerdata.clip import Points
from gerdata.media.picture import Shown

Mask = npt.NDArray[np.bool_]


class Look(NamedTuple):
    """One frame of a clip, in order; `is_kept` where it will be rendered and stored."""

    shown: Shown
    is_kept: bool


@dataclass(frozen=True)
class Tracks:
    """Heads through time: `heads: float32 [F, P, 4]` boxes x0 y0 x1 y1 in pixels of the native frame, NaN where absent;
    `is_closed: bool [P]` tells whether a track was followed from entry to exit; `people`: for numbers of kept frames, where
    anyone is, `bool [H, W]`. F = 0 for an op that looks for nobody."""

    heads: Points
    is_closed: npt.NDArray[np.bool_]
    people: dict[int, Mask] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> "Tracks":
        return cls(np.zeros((0, 0, 4), np.float32), np.zeros(0, np.bool_))

    def heads_at(self, number: int) -> Points:
        """`float32 [P, 4]`: the heads of frame `number` that are there; of a frame that was not scanned, an `IndexError`."""
        boxes = self.heads[number]
        return np.asarray(boxes[np.isfinite(boxes).all(axis=1)], np.float32)
