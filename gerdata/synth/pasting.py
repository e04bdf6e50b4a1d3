"""From the plan of a collage to frames and exact truth. Pure, at any times."""

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.synth.collage import Collage, Pasted
from gerdata.synth.compose import Shown
from gerdata.synth.deck import Deck, Head
from gerdata.synth.place import EDGE_PX, draw_place
from gerdata.synth.stamp import OPAQUE, Stamp, corner_of, stamp_of

Moment = tuple[float, float, float, float]  # long side, angle, x, y


def render_collage(plan: Collage, deck: Deck, times_s: npt.NDArray[np.float64]) -> Shown:
    """A collage at `times_s: float64 [T]`, seconds from the start.

    A head's box is that of its opaque pixels in the picture; of one that found no place in a frame, or of which the bank does
    not know where it is on the person, it is NaN. So are joints, points outside the frame, and those of faces of which the bank
    has none.
    """
    t, px, n = len(times_s), plan.frame_px, plan.n_people
    shown = Shown.empty(t, px, n)
    shown.structure.bodies[..., 2] = 0
    ground = _ground(plan, deck)
    for i, time_s in enumerate(times_s):
        frame = ground.copy()
        for k, pasted in enumerate(plan.heads):
            moment = _moment(plan, pasted, float(time_s))
            if moment is None:
                continue
            size, angle, x, y = moment
            head = deck.head(pasted.sprite)
            stamp = stamp_of(head.rgba, size, angle)
            at = corner_of(stamp.rgba, x, y)
            _paste(frame, stamp.rgba, at)
            _under(shown.masks[i], stamp.rgba, at)[stamp.rgba[..., 3] >= OPAQUE] = k + 1
            shown.structure.heads[i, k] = _box(head, stamp, (size, angle), at)
            if head.points is not None:
                points = head.points @ stamp.matrix[:, :2].T + stamp.matrix[:, 2] + at
                is_inside = ((points >= 0) & (points < px)).all(1)
                shown.structure.faces[i, k, is_inside] = points[is_inside]
            shown.seen[i, k] = 1
        shown.frames[i] = frame
    return shown


def _ground(plan: Collage, deck: Deck) -> Frames:
    """The background, its aspect not kept, as published; or the drawn place."""
    px = plan.frame_px
    if plan.photo is not None:
        return np.asarray(cv2.resize(deck.background(plan.photo), (px, px), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.ascontiguousarray(draw_place(plan.place, px)[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX])


def _moment(plan: Collage, head: Pasted, time_s: float) -> Moment | None:
    """Where a head is at a time: at its frame's place, or on the way from one to the next."""
    at = round(time_s / plan.duration_s * plan.n_moments - 0.5, 6)
    i = int(np.clip(np.floor(at + 0.5), 0, plan.n_moments - 1))
    x, y = head.x[i], head.y[i]
    if x is None or y is None:
        return None
    if not plan.is_coherent:
        return head.size_px[i], head.angle_deg[i], x, y
    keys = np.arange(plan.n_moments)
    size, angle, x, y = (float(np.interp(at, keys, one)) for one in (head.size_px, head.angle_deg, head.x, head.y))  # type: ignore[arg-type]
    return size, angle, x, y


def _paste(frame: Frames, rgba: Frames, at: tuple[int, int]) -> None:
    under = _under(frame, rgba, at)
    left = 255 - rgba[..., 3:].astype(np.uint16)
    under[...] = np.minimum((under * left + 127) // 255 + rgba[..., :3], 255).astype(np.uint8)


def _under(frame: Frames, rgba: Frames, at: tuple[int, int]) -> Frames:
    """The part of a frame that a stamp covers at a column and row: a view."""
    x, y = at
    return frame[y : y + rgba.shape[0], x : x + rgba.shape[1]]


def _box(head: Head, stamp: Stamp, look: tuple[float, float], at: tuple[int, int]) -> npt.NDArray[np.float32]:
    if head.box is None:
        return np.full(4, np.nan, np.float32)
    opaque = stamp.rgba[..., 3]
    height, width = head.rgba.shape[:2]
    if head.box != (0.0, 0.0, float(width), float(height)):
        x0, y0, x1, y1 = (round(v) for v in head.box)
        only = np.zeros_like(head.rgba)
        only[y0:y1, x0:x1] = head.rgba[y0:y1, x0:x1]
        opaque = stamp_of(only, *look).rgba[..., 3]
    ys, xs = np.nonzero(opaque >= OPAQUE)
    if not len(xs):
        return np.full(4, np.nan, np.float32)
    return np.array([xs.min() + at[0], ys.min() + at[1], xs.max() + 1 + at[0], ys.max() + 1 + at[1]], np.float32)
