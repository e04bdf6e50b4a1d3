"""Frame ops on heads: found and followed by `people`, then filled, or only blurred.

Non-interference: of what `RemoveHeads` covers it reads nothing, so nothing of it can be in the output.
The boxes themselves, and all outside them, still tell: bodies, clothes, place, motion.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points
from gerdata.people.heads import HeadFinder
from gerdata.people.scan import HeadScan
from gerdata.people.tracks import Look, Mask, Tracks

FILL = (
    127  # a constant, never a statistic of the pixels: a mean colour alone names one of 32 people in .069 (chance .031)
)
# A face box ends at brow and chin; a head has hair, ears and a neck. Shares of the face box's width and height.
GROW_SIDES, GROW_UP, GROW_DOWN = 0.25, 0.45, 0.20
GROW_PX = 1.0  # beside that, for the detector's own rounding


@cache
def head_finder() -> HeadFinder:
    """The process's one head finder; loading takes longer than a frame."""
    return HeadFinder()


def grown(boxes: Points, height_px: int, width_px: int) -> npt.NDArray[np.int64]:
    """Whole heads `int64 [P, 4]` for face boxes `[P, 4]`, rounded outwards, inside the frame; never less than one pixel
    for a box that touches the frame, of no area for one that does not."""
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    out = np.stack(
        [
            np.floor(boxes[:, 0] - GROW_SIDES * wide - GROW_PX).clip(0, width_px),
            np.floor(boxes[:, 1] - GROW_UP * high - GROW_PX).clip(0, height_px),
            np.ceil(boxes[:, 2] + GROW_SIDES * wide + GROW_PX).clip(0, width_px),
            np.ceil(boxes[:, 3] + GROW_DOWN * high + GROW_PX).clip(0, height_px),
        ],
        axis=1,
    )
    return out.astype(np.int64)


@dataclass(frozen=True)
class RemoveHeads:
    """Every tracked, grown head filled with one constant."""

    scan_with: HeadScan = field(default_factory=HeadScan)

    def scan(self, looks: Iterable[Look]) -> Tracks:
        return self.scan_with.scan(looks, head_finder())

    def covered(self, frame: Frames, tracks: Tracks, number: int) -> Mask:
        """`bool [H, W]`: the pixels that are not read."""
        mask = np.zeros(frame.shape[:2], np.bool_)
        for x0, y0, x1, y1 in grown(tracks.heads_at(number), *frame.shape[:2]):
            mask[y0:y1, x0:x1] = True
        return mask

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        out = frame.copy()
        out[self.covered(frame, tracks, number)] = FILL
        return out


@dataclass(frozen=True)
class ReplaceHeads(RemoveHeads):
    """Every tracked, grown head filled, as by `RemoveHeads`. Avatars are put into the fill later, on what would be stored, once
    it was checked (`gerdata.privacy.avatars`), so nothing is drawn here."""


@dataclass(frozen=True)
class BlurHeads:
    """Cosmetic: heads blurred by a Gaussian of a share of their width. At .13 a retrained attacker names one of 32 people
    in .41, at .25 in .23 and with five pictures in .53 (chance .031)."""

    sigma_share: float = 0.13
    scan_with: HeadScan = field(default_factory=HeadScan)

    def scan(self, looks: Iterable[Look]) -> Tracks:
        return self.scan_with.scan(looks, head_finder())

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        out = frame.copy()
        for x0, y0, x1, y1 in grown(tracks.heads_at(number), *frame.shape[:2]):
            if x1 > x0 and y1 > y0:
                sigma = max(0.5, self.sigma_share * float(x1 - x0))
                out[y0:y1, x0:x1] = cv2.GaussianBlur(out[y0:y1, x0:x1], (0, 0), sigma)
        return out


@dataclass(frozen=True)
class PixelateHeads:
    """Cosmetic: heads as `blocks` x `blocks` squares. At 8 a retrained attacker names one of 32 people in .53 (clear .52),
    at 4 in .27 and with five pictures in .66."""

    blocks: int = 8
    scan_with: HeadScan = field(default_factory=HeadScan)

    def scan(self, looks: Iterable[Look]) -> Tracks:
        return self.scan_with.scan(looks, head_finder())

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        out = frame.copy()
        for x0, y0, x1, y1 in grown(tracks.heads_at(number), *frame.shape[:2]):
            if x1 > x0 and y1 > y0:
                blocks = (min(self.blocks, int(x1 - x0)), min(self.blocks, int(y1 - y0)))
                tiny = cv2.resize(out[y0:y1, x0:x1], blocks, interpolation=cv2.INTER_AREA)
                out[y0:y1, x0:x1] = cv2.resize(tiny, (int(x1 - x0), int(y1 - y0)), interpolation=cv2.INTER_NEAREST)
        return out
