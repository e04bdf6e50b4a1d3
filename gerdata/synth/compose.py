"""From the plan of a gathering to frames and exact structure: sprites over a place, farthest first. Pure, at any times.

Each avatar is one warp of a sprite into a small box and one blend of premultiplied bytes; who is in front is kept as a map of
owners, from which it follows what of everybody can be seen.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.chance import rng_for
from gerdata.clip import Frames, Points, Structure
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.synth.backdrop import backdrop, light_of, seat_of, table_of
from gerdata.synth.bank import Bank
from gerdata.synth.gathering import Actor, Gathering
from gerdata.synth.landmark import MIRROR
from gerdata.synth.layer import Layer, Matrix, Owners, View, scaled
from gerdata.synth.mip import COCO_MIRROR
from gerdata.synth.place import EDGE_PX
from gerdata.synth.repertoire import Shot
from gerdata.synth.sprite import BUST_DM, PX_PER_DM, Sprite

NEVER_FLATTER = (
    0.9  # of a person seen from above, height over width: sprites are drawn at eye level, and faces are not squashed
)
APEX, HALF = 0.66, 0.22  # display from which a face shows all, and from which half
SEEN = 2.0  # visibility of a point in view
SWAPPED = np.array((*MIRROR, *(68 + k for k in COCO_MIRROR)))  # of the 68 and the 17 points, in a mirror
ANKLE_M = 0.09  # over the ground
GRAIN_SPARE = 61  # pixels by which the windows of grain may differ: a prime, so that even times do not repeat them soon
PERSON = np.array([0 if n % 2 else n // 2 for n in range(256)], np.uint8)  # from owners: things are nobody
REACH_PX = 14  # that anything moves in a clip, at most: pan, shake, zoom and sway
TABLE_Z_M = 0.4  # who is farther is behind the table


@dataclass(frozen=True)
class Stand:
    """Where an avatar stands at the first moment: the middle of the eyes in shares of the frame, pixels a decimetre across and
    down, and whether the table is before it."""

    actor: Actor
    x: float
    y: float
    across: float
    down: float
    view: str
    is_behind_table: bool


@dataclass(frozen=True)
class Shown:
    """What was rendered: `frames: uint8 [T, H, W, 3]` RGB, `structure`, of each person with the share of the face's 68 points
    that are in the frame and not behind somebody else, and `masks: uint8 [T, H, W]`, whose each pixel is: k of the k-th person
    of `structure`, counted from 1, and 0 of nobody."""

    frames: Frames
    structure: Structure
    masks: Frames

    @property
    def seen(self) -> Points:
        """That share, `float32 [T, P]`."""
        assert self.structure.seen is not None
        return self.structure.seen

    @classmethod
    def empty(cls, t: int, px: int, p: int) -> "Shown":
        """T black frames of px by px in which P people are nowhere."""
        structure = replace(Structure.empty(t, p), seen=np.zeros((t, p), np.float32))
        return cls(np.zeros((t, px, px, 3), np.uint8), structure, np.zeros((t, px, px), np.uint8))


def render_gathering(
    plan: Gathering, bank: Bank, times_s: npt.NDArray[np.float64], photo: Frames | None = None
) -> Shown:
    """A gathering at `times_s: float64 [T]`, seconds from the start, before a `photo: uint8 [h, w, 3]` if the plan has one.

    A point outside the frame is NaN with visibility 0; one hidden by the person itself or by somebody nearer has 1. Heads are
    boxes of all that is head and hair, cut to the frame; somebody outside has NaN. T = 0 gives empty arrays.
    """
    t, px = len(times_s), plan.frame_px
    stands = [_stand(plan, bank, actor) for actor in plan.actors]
    ground = backdrop(plan, photo)
    light = None if photo is None else light_of(ground)
    shown = Shown.empty(t, px, plan.n_people)
    for i, time_s in enumerate(times_s):
        view = plan.camera.view(float(time_s) / plan.duration_s, float(time_s))
        layer = Layer(_seen_place(ground, view, px), np.zeros((px, px), np.uint8), light)
        truths = _draw_people(plan, bank, stands, (float(time_s), view), layer)
        shown.frames[i] = _filmed(plan, layer.canvas, float(time_s))
        shown.masks[i] = cv2.LUT(layer.owners, PERSON)
        _tell(shown, i, truths, layer.owners, plan.mirror)
    return shown


def _stand(plan: Gathering, bank: Bank, actor: Actor) -> Stand:
    """The eyes go where the camera sees them, at the height the avatar has; feet come to lie near the ground."""
    eyes_m = bank.height_dm(actor.avatar, _shot(plan, actor, "whole", 0.0)) / 10 + ANKLE_M
    at = np.array([actor.x_m]), np.array([actor.z_m])
    x, y, scale = (float(one[0]) for one in plan.camera.project(at[0], eyes_m, at[1]))
    _, foot_y, _ = (float(one[0]) for one in plan.camera.project(at[0], 0.0, at[1]))
    across = scale * plan.frame_px / 10
    down = across * float(np.clip((foot_y - y) / (eyes_m * scale), NEVER_FLATTER, 1.0))
    is_cut = y * plan.frame_px + BUST_DM * down > plan.frame_px + REACH_PX  # by the frame, above where a bust ends
    view = "bust" if across > PX_PER_DM["whole"] and is_cut else "whole"
    return Stand(actor, x, y, across, down, view, plan.has_table and actor.z_m > TABLE_Z_M)


def _shot(plan: Gathering, actor: Actor, view: str, display: float) -> Shot:
    """What an avatar shows now: the feeling by the sign, its intensity by steps."""
    amount = abs(display)
    intensity = 1.0 if amount >= APEX else 0.5 if amount >= HALF else 0.0
    feeling = "positive" if display > 0 else "negative"
    yaw = -actor.yaw if plan.mirror else actor.yaw
    if intensity == 0 and display != 0:
        return Shot(view, actor.posture, yaw, "neutral", 1.0)
    return Shot(view, actor.posture, yaw, feeling, intensity)


def _draw_people(
    plan: Gathering, bank: Bank, stands: list[Stand], moment: tuple[float, View], layer: Layer
) -> list[tuple[Sprite, Matrix]]:
    """Everybody and the table, farthest first; of each the sprite and the matrix `[2, 3]` that placed it."""
    out = []
    time_s, view = moment
    is_laid = not plan.has_table
    for number, stand in enumerate(stands, start=1):
        if not is_laid and not stand.is_behind_table:
            layer.lay(table_of(plan), view, number)
            is_laid = True
        if stand.actor.posture == "sit":
            layer.lay(seat_of(plan, stand.actor), view, number)
        shot = _shot(plan, stand.actor, stand.view, stand.actor.feeling.display(time_s))
        sprite = bank.sprite_at(stand.actor.avatar, shot, stand.across * view[2])
        matrix = _placed(stand, sprite, view, time_s, plan)
        layer.paste(sprite.rgba, matrix, number)
        out.append((sprite, matrix))
    if not is_laid:
        layer.lay(table_of(plan), view, len(stands) + 1)
    return out


def _placed(stand: Stand, sprite: Sprite, view: View, time_s: float, plan: Gathering) -> Matrix:
    """The matrix from pixels of the sprite to pixels of the frame: mirrored, scaled, leaning a little, moved."""
    actor, px, (pan_x, pan_y, zoom) = stand.actor, plan.frame_px, view
    turn = 2 * np.pi * actor.sway_hz * time_s + actor.phase
    head_px = 2.3 * stand.across
    x = (0.5 + zoom * (stand.x - 0.5) + pan_x) * px + actor.sway * head_px * np.sin(turn)
    y = (0.5 + zoom * (stand.y - 0.5) + pan_y) * px - 0.5 * actor.sway * head_px * abs(np.sin(turn))
    lean = 0.15 * actor.sway * np.sin(turn + 0.5)
    across, down = stand.across * zoom / sprite.scale, stand.down * zoom / sprite.scale
    linear = np.array([[across, -lean * down], [lean * across, down]])
    if plan.mirror:
        linear[:, 0] *= -1
    middle = np.array([x, y]) - linear @ np.asarray(sprite.anchor, np.float64)
    return np.concatenate([linear, middle[:, None]], 1)


def _seen_place(ground: Frames, view: View, px: int) -> Frames:
    """The place as the camera sees it now, `uint8 [px, px, 4]`."""
    pan_x, pan_y, zoom = view
    edge = EDGE_PX
    move = [(0.5 - 0.5 * zoom + pan) * px - zoom * edge + (zoom - 1) / 2 for pan in (pan_x, pan_y)]
    matrix = np.array([[zoom, 0, move[0]], [0, zoom, move[1]]])
    seen = cv2.warpAffine(ground, matrix, (px, px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(seen, cv2.COLOR_RGB2RGBA), np.uint8)


def _filmed(plan: Gathering, canvas: Frames, time_s: float) -> Frames:
    """Light, blur, noise and earlier compression over the whole frame, as a camera makes them: `uint8 [H, W, 3]`."""
    film = plan.film
    frame = cv2.cvtColor(canvas, cv2.COLOR_RGBA2RGB)
    frame = scaled(frame, film.gain * (1 + film.warmth * np.array([0.05, 0.0, -0.06])))
    if film.blur_px >= 0.2:
        frame = cv2.GaussianBlur(frame, (0, 0), film.blur_px)
    if film.noise >= 0.5:
        ms = round(1000 * time_s)  # each moment has its own window, in whatever company it is drawn
        y, x = (film.grain + 37 * ms) % GRAIN_SPARE, (film.grain // GRAIN_SPARE + 11 * ms) % GRAIN_SPARE
        grain = _grain(plan.frame_px + GRAIN_SPARE)[y : y + plan.frame_px, x : x + plan.frame_px] * np.float32(
            film.noise
        )
        frame = cv2.add(frame, grain, dtype=cv2.CV_8U)
    if film.compression:
        frame = decode_jpeg(encode_jpeg(np.ascontiguousarray(frame), film.compression))
    return np.asarray(frame, np.uint8)


@lru_cache(maxsize=4)
def _grain(side: int) -> npt.NDArray[np.float32]:
    """One grey grain of standard deviation 1 for all films, each of which takes another window: `float32 [side, side, 3]`."""
    drawn = rng_for(0, "film grain").standard_normal((side, side, 1), np.float32)
    out = np.repeat(drawn, 3, axis=2)
    out.setflags(write=False)
    return out


def _tell(shown: Shown, i: int, placed: list[tuple[Sprite, Matrix]], owners: Owners, mirror: bool) -> None:
    """Write the truth of everybody in one frame; what is a left eye stays one, of a mirrored person."""
    px = len(owners)
    matrices = np.stack([matrix for _, matrix in placed])
    points = np.stack([np.concatenate([sprite.face, sprite.body]) for sprite, _ in placed])
    if mirror:
        points = points[:, SWAPPED]
    xy = points[..., :2] @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    inside = np.asarray(((xy >= 0) & (xy < px)).all(2), np.bool_)
    at = np.clip(xy, 0, px - 1).astype(np.intp)
    is_own = inside & (owners[at[..., 1], at[..., 0]] <= 2 * np.arange(1, len(placed) + 1)[:, None])
    shown.structure.faces[i] = np.where(inside[:, :68, None], xy[:, :68], np.nan)
    seen = np.where(is_own[:, 68:] & (points[:, 68:, 2] >= SEEN), SEEN, 1.0)
    body = np.concatenate([xy[:, 68:], seen[..., None]], 2)
    body[~inside[:, 68:]] = (np.nan, np.nan, 0)
    shown.structure.bodies[i] = body
    shown.seen[i] = is_own[:, :68].mean(1)
    box = np.stack([sprite.head_box for sprite, _ in placed])
    corners = np.stack([box[:, [0, 2, 0, 2]], box[:, [1, 1, 3, 3]]], 2) @ matrices[:, :, :2].transpose(0, 2, 1)
    corners += matrices[:, None, :, 2]
    low, high = np.clip(corners.min(1), 0, px), np.clip(corners.max(1), 0, px)
    is_there = np.asarray((high > low).all(1), np.bool_)[:, None]
    shown.structure.heads[i] = np.where(is_there, np.concatenate([low, high], 1), np.nan)
