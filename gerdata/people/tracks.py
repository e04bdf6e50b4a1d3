"""What a scan over every frame at native size found."""

from dataclasses import dataclass

import numpy as np

from gerdata.clip import Points


@dataclass(frozen=True)
class Tracks:
    """Heads through time: `heads: float32 [F, P, 4]` boxes x0 y0 x1 y1 in pixels of the native frame, NaN where absent;
    `is_closed: bool [P]` tells whether a track was followed from entry to exit. F = 0 for an op that looks for nobody."""

    heads: Points
    is_closed: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def empty(cls) -> "Tracks":
        return cls(np.zeros((0, 0, 4), np.float32), np.zeros(0, np.bool_))
