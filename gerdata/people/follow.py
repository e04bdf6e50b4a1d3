"""Boxes of single frames become tracks: who is who, where nobody was found in between, and before and after.

A video leaks by its worst frame: with a miss of 1 % a frame, 78 % of tracks of 150 frames have a bare one. So boxes
are joined over gaps, from the first to the last sighting of a head, and held before and after, unless the scene
changes. Association is by the Hungarian method (Kuhn 1955) on distance and size, after the picture's own motion was
taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from gerdata.people.tracks import Tracks

Boxes = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]

FAR = 1.2  # sides of a head that it may be off its predicted place and still be the same head
SIZE_RATIO = 2.2  # between two sightings
LATELY = 8  # sightings that tell how a head moves, and frames for which that is believed
FAINT = 0.4  # a lone sighting below this score is covered where it is and not held
HOLD_GROWTH = 0.04  # of a side, per held frame: where a head is gets less certain
MOST_GROWTH = 0.6
CUT_LEVEL = 28.0  # mean absolute difference of glances, in grey levels, that is another scene
UNSURE_LEVEL = 14.0  # from here on the picture changes so much that a held place is a guess
CUT_HOLD = 2  # frames that a head is held over a change of scene: a fade has no single frame


@dataclass
class _Track:
    """Sightings of one head, in order."""

    numbers: list[int] = field(default_factory=list)
    boxes: list[Boxes] = field(default_factory=list)  # [5] each: x0 y0 x1 y1 score

    def predicted(self, number: int, at: npt.NDArray[np.float64]) -> Boxes:
        """Where it would be in a frame if it moved as the picture does, `at: [F, 2]`, and beside that as it did lately."""
        box, last = self.boxes[-1][:4], self.numbers[-1]
        shift = at[number] - at[last]
        if len(self.boxes) > 1:
            early = max(0, len(self.boxes) - 1 - LATELY)
            since = last - self.numbers[early]
            own = (box[:2] + box[2:] - self.boxes[early][:2] - self.boxes[early][2:4]) / 2 - (
                at[last] - at[self.numbers[early]]
            )
            shift = shift + own / since * min(number - last, LATELY)
        return np.asarray(box + np.tile(shift, 2), np.float32)


@dataclass(frozen=True)
class Motion:
    """How the picture moves from each frame to the next: `shift: float64 [F, 2]` in pixels, x and y, since the frame
    before; `change: float64 [F]` the mean absolute difference of glances. The first of each is 0."""

    shift: npt.NDArray[np.float64]
    change: npt.NDArray[np.float64]

    @property
    def scenes(self) -> npt.NDArray[np.int64]:
        """`[F]`: the number of the scene that each frame is in."""
        return np.cumsum(self.change >= CUT_LEVEL)


def motion_of(glances: Sequence[Grey], size: tuple[int, int]) -> Motion:
    """The motion of `glances: uint8 [36, 48]` of frames of `size` (height, width), by phase correlation."""
    n = len(glances)
    shift, change = np.zeros((n, 2)), np.zeros(n)
    for i in range(1, n):
        before, now = (one.astype(np.float32) for one in (glances[i - 1], glances[i]))
        change[i] = float(np.abs(now - before).mean())
        if 0.5 < change[i] < CUT_LEVEL:
            window = cv2.createHanningWindow(now.shape[::-1], cv2.CV_32F)
            (dx, dy), response = cv2.phaseCorrelate(before, now, window)
            if response > 0.3:
                shift[i] = dx * size[1] / now.shape[1], dy * size[0] / now.shape[0]
    return Motion(shift, change)


def follow(found: dict[int, Boxes], motion: Motion, hold: int) -> Tracks:
    """Tracks from the boxes `[P, 5]` found in some frames; `hold`: frames that a head is held before and after.

    Between two sightings boxes are interpolated. A track is open where its place is a guess: held while the picture changed
    by more than a glance can follow.
    """
    tracks: list[_Track] = []
    at = np.cumsum(motion.shift, axis=0) if len(motion.shift) else np.zeros((0, 2))
    scenes = motion.scenes
    for number in sorted(found):
        live = [
            track
            for track in tracks
            if number - track.numbers[-1] <= 2 * hold + 1 and scenes[track.numbers[-1]] == scenes[number]
        ]
        expected = [track.predicted(number, at) for track in live]
        pairs = _matched(expected, found[number])
        for i, box in enumerate(found[number]):
            track = live[pairs[i]] if i in pairs else _Track()
            if i not in pairs:
                tracks.append(track)
            track.numbers.append(number)
            track.boxes.append(box)
    heads = np.full((len(motion.change), len(tracks), 4), np.nan, np.float32)
    is_closed = np.ones(len(tracks), np.bool_)
    for p, track in enumerate(tracks):
        is_closed[p] = _fill(heads[:, p], track, motion, at, hold)
    return Tracks(heads, is_closed)


def _matched(expected: list[Boxes], boxes: Boxes) -> dict[int, int]:
    """For boxes by their place, the place of the expected box that is the same head."""
    if not expected or not len(boxes):
        return {}
    before = np.stack(expected)
    centre = [(b[:, None, :2] + b[:, None, 2:4]) / 2 for b in (boxes, before)]
    side = [np.sqrt(np.prod(np.maximum(b[:, 2:4] - b[:, :2], 1.0), axis=1)) for b in (boxes, before)]
    away = np.linalg.norm(centre[0] - centre[1].transpose(1, 0, 2), axis=2)
    away /= np.maximum(side[0][:, None], side[1][None])
    ratio = np.abs(np.log(side[0][:, None] / side[1][None]))
    cost = np.where((away <= FAR) & (ratio <= np.log(SIZE_RATIO)), away + ratio, 1e3)
    rows, columns = linear_sum_assignment(cost)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if cost[i, j] < 1e3}


def _fill(heads: Boxes, track: _Track, motion: Motion, at: npt.NDArray[np.float64], hold: int) -> bool:
    """Write one track's boxes `[F, 4]`; whether every place is known well enough."""
    numbers, boxes = np.array(track.numbers), np.stack(track.boxes)
    first, last = int(numbers[0]), int(numbers[-1])
    for axis in range(4):
        heads[first : last + 1, axis] = np.interp(np.arange(first, last + 1), numbers, boxes[:, axis])
    if len(numbers) == 1 and boxes[0, 4] < FAINT:
        return True
    is_sure = True
    for end, step in ((first, -1), (last, 1)):
        for far in range(1, hold + 1):
            number = end + step * far
            if not 0 <= number < len(heads):
                break
            if motion.scenes[number] != motion.scenes[end] and far > CUT_HOLD:
                break
            heads[number] = _held(heads[end], at[number] - at[end], far)
            between = motion.change[min(end, number) + 1 : max(end, number) + 1]
            is_sure &= not ((between >= UNSURE_LEVEL) & (between < CUT_LEVEL)).sum() > hold // 2
    return bool(is_sure)


def _held(box: Boxes, shift: npt.NDArray[np.float64], far: int) -> Boxes:
    """A box some frames away from its sighting: moved with the picture, and larger."""
    grow = min(MOST_GROWTH, HOLD_GROWTH * far) / 2 * (box[2:] - box[:2])
    moved = box + np.tile(shift, 2)
    return np.concatenate([moved[:2] - grow, moved[2:] + grow]).astype(np.float32)
