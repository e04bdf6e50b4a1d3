"""Whole people out of the picture: the segmented person and the tracked head, both grown, filled with one constant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np

from gerdata.clip import Frames
from gerdata.people.bodies import PersonMask
from gerdata.people.scan import HeadScan
from gerdata.people.tracks import Look, Mask, Tracks
from gerdata.privacy.heads import FILL, grown, head_finder

GROW_SHARE = (
    0.02  # of the longer side of the frame, in all directions: clothes and hair at the edge of the segmentation
)
# A body below a face box, in its widths and heights, for people whom the segmentation misses (small ones in a crowd).
BODY_SIDES, BODY_DOWN = 1.0, 6.0


@cache
def person_mask() -> PersonMask:
    """The process's one segmenter of people."""
    return PersonMask()


@dataclass(frozen=True)
class RemovePeople:
    """Everybody filled with one constant: where the segmentation sees a person, where a head was tracked, and below it.

    What stays: the place, and the joint outline of people, which shows posture. Bodies without a visible head that the
    segmentation misses stay, too.
    """

    scan_with: HeadScan = field(default_factory=HeadScan)

    def scan(self, looks: Iterable[Look]) -> Tracks:
        people: dict[int, Mask] = {}

        def watched() -> Iterator[Look]:
            for number, look in enumerate(looks):
                if look.is_kept:
                    people[number] = person_mask().find(look.shown.rgb(self.scan_with.max_pixels))
                yield look

        tracks = self.scan_with.scan(watched(), head_finder())
        return Tracks(tracks.heads, tracks.is_closed, people)

    def covered(self, frame: Frames, tracks: Tracks, number: int) -> Mask:
        """`bool [H, W]`: the pixels that are not read."""
        height, width = frame.shape[:2]
        reach = max(1, round(GROW_SHARE * max(height, width)))
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        mask = cv2.dilate(tracks.people[number].astype(np.uint8), around) > 0
        boxes = tracks.heads_at(number)
        for x0, y0, x1, y1 in grown(boxes, height, width):
            mask[y0:y1, x0:x1] = True
        for x0, y0, x1, y1 in boxes:
            wide, high = x1 - x0, y1 - y0
            left, right = max(0, int(x0 - BODY_SIDES * wide)), max(0, int(np.ceil(x1 + BODY_SIDES * wide)))
            mask[max(0, int(y1)) : max(0, int(np.ceil(y1 + BODY_DOWN * high))), left:right] = True
        return np.asarray(mask, np.bool_)

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        out = frame.copy()
        out[self.covered(frame, tracks, number)] = FILL
        return out
