"""Looking for heads through a whole clip: kept frames large, small and turned, those between small and as motion asks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gerdata.clip import Frames
from gerdata.media.picture import Shown
from gerdata.people.follow import Boxes, Grey, follow, motion_of
from gerdata.people.heads import LONG_SIDE, MAX_OVERLAP, TILE_SCALE, HeadFinder
from gerdata.people.tiles import turned_back, without_doubles
from gerdata.people.tracks import Look, Tracks

SMALL_SIDE_PX = 480  # of a frame that is looked at only to follow heads through time, or turned
STILL_LEVEL = 0.4  # grey levels of mean difference below which nothing has moved
STILL_SPOT = 6.0  # and of the point that changed most
SURE_PX = 17.0  # sides of heads that the detector finds at the scale it looks at (9 px are missed, measured on a crowd)
FAST_LEVEL = 5.0  # grey levels of mean difference from which on every frame is looked at
STILL_SKIPS, SLOW_SKIPS = 5, 2  # frames in a row that may go without a look where nothing moves, or little


@dataclass(frozen=True)
class HeadScan:
    """How heads are looked for. `min_score` holds for every frame; `tile_score` for the enlarged kept frames, where
    false heads are many and small; how much they are enlarged follows from the smallest head that still shows in the stored
    frame. `hold` frames before the first and after the last sighting are covered, too."""

    min_score: float = 0.25
    tile_score: float = 0.25
    turned_score: float = 0.5  # of heads that lie or hang, in kept frames turned by quarters
    hold: int = 12
    stored_px: int = 224  # side of the stored frame
    smallest_px: float = 2.0  # of a head in the stored frame; in less there is no face
    max_pixels: int = 40_000_000

    def scan(self, looks: Iterable[Look], finder: HeadFinder) -> Tracks:
        """All tracks of a clip, boxes at native size. Memory holds a glance and some boxes a frame."""
        found: dict[int, Boxes] = {}
        glances: list[Grey] = []
        size = (0, 0)
        last = -1
        for number, (shown, is_kept) in enumerate(looks):
            glances.append(shown.grey())
            if is_kept:
                found[number], size = self._whole(shown, finder)
            elif last < 0 or number - last > _skips(glances[last], glances[number]):
                found[number] = self._small(shown, finder)
            else:
                continue
            last = number
        return follow(found, motion_of(glances, size), self.hold)

    def _small(self, shown: Shown, finder: HeadFinder) -> Boxes:
        height, width = shown.size(self.max_pixels)
        small_px = max(1, round(height * min(1.0, SMALL_SIDE_PX / max(height, width))))
        frame = shown.rgb_at(small_px, self.max_pixels)
        boxes = finder.find(frame, self.min_score)
        boxes[:, 0:4:2] *= width / frame.shape[1]
        boxes[:, 1:4:2] *= height / frame.shape[0]
        return boxes

    def _whole(self, shown: Shown, finder: HeadFinder) -> tuple[Boxes, tuple[int, int]]:
        frame = shown.rgb(self.max_pixels)
        longest = max(frame.shape[:2])
        scale = min(TILE_SCALE, SURE_PX * self.stored_px / (self.smallest_px * longest))
        has_tiles = scale > 1.1 * min(1.0, LONG_SIDE / longest)  # else the whole frame is looked at as large as that
        found = [finder.find(frame, self.min_score, has_tiles, scale, self.tile_score)]
        found += self._turned(shown, frame, finder)
        return without_doubles(np.concatenate(found), MAX_OVERLAP), (frame.shape[0], frame.shape[1])

    def _turned(self, shown: Shown, frame: Frames, finder: HeadFinder) -> Iterator[Boxes]:
        """Heads of people who lie, or of a picture that lies and does not say so: in the frame turned by quarters. Of 43
        faces in nine photos turned by 90, 180 and 270 degrees the finder alone found 17, 23 and 17 at a score of .25."""
        height, width = frame.shape[:2]
        small = shown.rgb_at(max(1, round(height * min(1.0, SMALL_SIDE_PX / max(height, width)))), self.max_pixels)
        for quarters in (1, 2, 3):
            boxes = finder.find(np.ascontiguousarray(np.rot90(small, quarters)), self.turned_score)
            boxes = turned_back(boxes, quarters, small.shape[:2])
            boxes[:, 0:4:2] *= width / small.shape[1]
            boxes[:, 1:4:2] *= height / small.shape[0]
            yield boxes


def _skips(before: Grey, now: Grey) -> int:
    """How many frames after the last one that was looked at may go without a look."""
    change = np.abs(now.astype(np.int16) - before)
    if change.mean() >= FAST_LEVEL:
        return 0
    return SLOW_SKIPS if change.mean() > STILL_LEVEL or change.max() > STILL_SPOT else STILL_SKIPS
