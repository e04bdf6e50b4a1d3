"""What is behind and under a gathering: the place, out of focus, with the shadows that people cast, and a table."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.synth.canvas import Colour, dim, rgb
from gerdata.synth.cast import Place
from gerdata.synth.gathering import Actor, Gathering
from gerdata.synth.layer import Thing
from gerdata.synth.place import EDGE_PX, draw_place

SHADOW = 0.45  # of the light that a shadow on the ground takes in its middle
TABLE_M = (0.74, 0.85)  # height of a table, and its depth
SEAT_M = (0.44, 0.42)  # height of a seat, and its width and depth
OPEN_PLACES = 64
LIT = 115.0  # mean luma of a place that leaves people as bright as they are drawn; assumption
GAINS = (0.6, 1.3)  # of the light of a photo, at the least and at the most
Span = tuple[float, float]


def backdrop(plan: Gathering, photo: Frames | None = None) -> Frames:
    """The place, or a photo `uint8 [h, w, 3]` of one, with `EDGE_PX` around the frame, `uint8 [S, S, 3]` RGB, as it looks at
    the first moment, with the shadows that people cast."""
    px = plan.frame_px
    defocus_px = plan.film.defocus_px
    sharp = _sharp(plan.place, px) if photo is None else _photographed(photo, px)
    place = np.asarray(cv2.GaussianBlur(sharp, (0, 0), defocus_px), np.uint8)
    shade = np.ones(place.shape[:2], np.float32)
    x_m, z_m = (np.array([getattr(one, name) for one in plan.actors]) for name in ("x_m", "z_m"))
    x, y, scale = plan.camera.project(x_m, 0.0, z_m)
    is_drawn = False
    for i in range(len(x)):
        at, size = (x[i] * px + EDGE_PX, y[i] * px + EDGE_PX), scale[i] * px
        if at[1] < place.shape[0] + 0.2 * size:
            axes = (max(1, round(0.34 * size)), max(1, round(0.1 * size)))
            cv2.ellipse(shade, (round(at[0]), round(at[1])), axes, 0, 0, 360, 1 - SHADOW, -1)
            is_drawn = True
    if not is_drawn:
        return place
    soft = cv2.GaussianBlur(shade, (0, 0), max(1.0, 0.05 * float(scale.max()) * px))
    return np.asarray(cv2.multiply(place, cv2.merge([soft] * 3), dtype=cv2.CV_8U), np.uint8)


def light_of(place: Frames) -> npt.NDArray[np.float64]:
    """What the light of a photo does to whoever stands in it: gains of red, green and blue, `[3]`, by its mean colour and how
    bright it is; half of the cast of its colours, for the things in it have colours of their own (assumption)."""
    mean = np.maximum(np.asarray(cv2.mean(place)[:3]), 1.0)
    luma = float(mean @ (0.299, 0.587, 0.114))
    return np.asarray(np.clip((mean / luma) ** 0.5 * (luma / LIT) ** 0.35, *GAINS))


def table_of(plan: Gathering) -> Thing:
    """The table in the middle, as wide as the group."""
    half = max(0.4, max(abs(one.x_m) for one in plan.actors) - 0.28)
    return _block(plan, (-half, half), (-TABLE_M[1] / 2, TABLE_M[1] / 2), TABLE_M[0], rgb(plan.place.colour2))


def seat_of(plan: Gathering, actor: Actor) -> Thing:
    """What somebody sits on: a block under the hips, which lie behind the feet."""
    x, z = (actor.x_m - SEAT_M[1] / 2, actor.x_m + SEAT_M[1] / 2), (actor.z_m + 0.1, actor.z_m + 0.1 + SEAT_M[1])
    return _block(plan, x, z, SEAT_M[0], dim(rgb(plan.place.colour), 0.55))


def _block(plan: Gathering, x_m: Span, z_m: Span, height_m: float, colour: Colour) -> Thing:
    """A box on the ground, of which the top and the side towards the camera are seen."""
    x, z = np.array([x_m[0], x_m[1], x_m[1], x_m[0]]), np.array([z_m[1], z_m[1], z_m[0], z_m[0]])
    top = np.stack(plan.camera.project(x, height_m, z)[:2], 1)
    foot = np.stack(plan.camera.project(x[2:], 0.05, z[2:])[:2], 1)
    return Thing(top, np.concatenate([top[3:1:-1], foot]), colour)


def _photographed(photo: Frames, px: int) -> Frames:
    """The largest square in the middle of a photo, as large as a drawn place."""
    side = min(photo.shape[:2])
    y, x = ((length - side) // 2 for length in photo.shape[:2])
    square = np.ascontiguousarray(photo[y : y + side, x : x + side])
    size = px + 2 * EDGE_PX
    way = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=way), np.uint8)


@lru_cache(maxsize=OPEN_PLACES)
def _sharp(place: Place, px: int) -> Frames:
    out = draw_place(place, px)
    out.setflags(write=False)
    return out
