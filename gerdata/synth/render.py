"""From a plan to frames and exact structure; pure, at any times."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Clip, Frames, Sample, Structure, kept_times_s
from gerdata.synth.body import Joints, draw_body, joints_of, silhouette
from gerdata.synth.canvas import SCALE, Array, Canvas, ellipse
from gerdata.synth.face import Expression, Pose, express, extent, outline
from gerdata.synth.head import draw_back_hair, draw_head, head_middle
from gerdata.synth.mixture import render_audio
from gerdata.synth.place import EDGE_PX, draw_place
from gerdata.synth.scene import Camera, Person, ScenePlan
from gerdata.synth.soundbank import SoundBank

BOX_PAD_PX = 1.5  # a head's box also holds the soft edge of its drawing
Owners = npt.NDArray[np.int16]


def render_sample(plan: ScenePlan, n_frames: int, clip: Clip, bank: SoundBank | None = None) -> Sample:
    """The kept frames (frame i at (i + 1/2)/n of the duration), the sound and the structure of a scene.

    `bank` only spares making sounds again; the sample is the same with any and without one.
    """
    frames, structure, _ = render_frames(plan, kept_times_s(n_frames, plan.duration_s))
    return Sample(clip, frames, render_audio(plan, bank), structure)


def render_frames(plan: ScenePlan, times_s: npt.NDArray[np.float64]) -> tuple[Frames, Structure, Frames]:
    """Frames `uint8 [T, H, W, 3]` RGB at `times_s` (float64 `[T]`, seconds from the start), where people are, and whose each
    pixel is, `uint8 [T, H, W]`: k of the k-th person, counted from 1, by their outlines at rest, and 0 of nobody.

    Head boxes hold everything a feeling changes: outside them the pixels are the same whatever people feel. A point
    outside the frame is NaN with visibility 0; one behind somebody nearer has visibility 1. T = 0 gives empty arrays.
    """
    t, px = len(times_s), plan.frame_px
    frames, masks = np.zeros((t, px, px, 3), np.uint8), np.zeros((t, px, px), np.uint8)
    structure = Structure.empty(t, plan.n_people)
    background = draw_place(plan.place, px)
    hulls = [extent(p.look) for p in plan.people]
    tone = _tone(plan.camera)
    for i, time_s in enumerate(times_s):
        large, shift = _backdrop(plan, background, float(time_s))
        moments = [_moment(plan, k, float(time_s), shift) for k in range(plan.n_people)]
        points = _draw_people(Canvas(large), moments, plan.camera.side)
        small = cv2.resize(large, (px, px), interpolation=cv2.INTER_AREA)
        frames[i] = cv2.LUT(small, tone)
        owners = _owners(moments, px)
        masks[i] = owners + 1
        for k, moment in enumerate(moments):
            structure.heads[i, k] = _box(moment.pose.place(hulls[k]), px)
            structure.faces[i, k] = points[k]
            structure.bodies[i, k] = _coco(moment, k, owners)
    return frames, structure, masks


@dataclass(frozen=True)
class Moment:
    """One person at one time, in pixels."""

    person: Person
    pose: Pose
    face: Expression
    joints: Joints


def _moment(plan: ScenePlan, k: int, t_s: float, shift: Array) -> Moment:
    person, px = plan.people[k], plan.frame_px
    look, seat, move = person.look, person.seat, person.motion
    r = seat.r * px
    turn = 2 * np.pi * move.sway_hz * t_s + move.phase
    y = seat.y * px + (1 - look.height) * 4 * r  # a smaller person's head is lower
    nearness = 0.6 + 0.4 * seat.r / 0.1
    pose = Pose(
        x=seat.x * px + move.sway * r * np.sin(turn) + shift[0] * nearness,
        y=y + 0.25 * move.sway * r * np.sin(2 * turn) + shift[1] * nearness,
        r=r,
        roll=move.roll + 0.3 * move.sway * np.sin(turn + 0.5),
        yaw=move.yaw + move.turn * np.sin(2 * np.pi * move.turn_hz * t_s + 2 * move.phase),
        pitch=move.pitch + 0.4 * move.turn * np.sin(2 * np.pi * move.turn_hz * 1.3 * t_s),
    )
    talk, blink = _talk(plan, k, t_s), float(np.exp(-((((t_s + move.blink_s) % 4.0) - 2.0) ** 2) / 0.006))
    feel = person.feeling
    face = express(feel.display(t_s), feel.anger, feel.laugh, talk, blink)
    return Moment(person, pose, face, joints_of(look, seat, pose, float(np.sin(2 * turn))))


def _talk(plan: ScenePlan, k: int, t_s: float) -> float:
    """How far the voice opens the mouth now, 0..1: the same for speech, laughter and crying."""
    loud = any(e.who == k and e.start_s <= t_s <= e.start_s + e.duration_s for e in plan.events)
    return float(0.5 + 0.5 * np.sin(2 * np.pi * 4.5 * t_s + plan.people[k].motion.phase)) if loud else 0.0


def _backdrop(plan: ScenePlan, background: Frames, t_s: float) -> tuple[Frames, Array]:
    """The supersampled background as the camera sees it now, and how far it moved (pixels x, y)."""
    camera, px = plan.camera, plan.frame_px
    angle = 2 * np.pi * camera.drift_hz * t_s + camera.phase
    shift = np.array([camera.drift_x * np.sin(angle), camera.drift_y * np.sin(1.7 * angle)]) * px
    middle = (shift * 0.6 - EDGE_PX) * SCALE + (SCALE - 1) / 2  # cv2 counts from the middles of pixels
    matrix = np.array([[SCALE, 0.0, middle[0]], [0.0, SCALE, middle[1]]])
    size = (SCALE * px, SCALE * px)
    return cv2.warpAffine(background, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), shift


def _draw_people(canvas: Canvas, moments: list[Moment], side: float) -> list[Array]:
    """Everybody, farthest first; returns the 68 points of each."""
    _shadows(canvas, moments)
    points = []
    for m in moments:
        look = m.person.look
        draw_back_hair(canvas, look, m.pose)
        draw_body(canvas, look, m.pose, m.joints, m.person.seat)
        points.append(draw_head(canvas, look, m.pose, m.face, side))
    return points


def _shadows(canvas: Canvas, moments: list[Moment]) -> None:
    """Soft shadows on the ground, all in one layer, so that crossing ones do not add up."""
    layer = canvas.image.copy()
    for m in moments:
        x, y = m.joints.feet.mean(0)
        Canvas(layer).fill(ellipse(x, y + 0.4 * m.pose.r, 1.7 * m.pose.r, 0.45 * m.pose.r), (20.0, 20.0, 28.0))
    cv2.addWeighted(layer, 0.35, canvas.image, 0.65, 0, dst=canvas.image)


def _tone(camera: Camera) -> Frames:
    """The light as a table, `uint8 [256, 1, 3]`: gain, and warm or cool."""
    gain = camera.light * (1 + camera.warmth * np.array([0.05, 0.0, -0.06]))
    return np.clip(np.arange(256)[:, None, None] * gain, 0, 255).astype(np.uint8)


def _owners(moments: list[Moment], px: int) -> Owners:
    """Who is nearest at each pixel, -1 nobody: outlines at rest, so it does not depend on what is felt."""
    owners = np.full((px, px), -1, np.int16)
    for k, m in enumerate(moments):
        look = m.person.look
        for shape in (*silhouette(look, m.pose, m.joints), m.pose.place(outline(look) * 1.05)):
            cv2.fillPoly(owners, [np.rint(shape - 0.5).astype(np.int32)], k)
    return owners


def _coco(moment: Moment, k: int, owners: Owners) -> npt.NDArray[np.float32]:
    """COCO-17 x, y, visibility of one person, `[17, 3]`."""
    xy = np.concatenate([head_middle(moment.pose, moment.person.look), moment.joints.coco()])
    px = len(owners)
    inside = ((xy >= 0) & (xy < px)).all(1)
    x, y = np.clip(xy, 0, px - 1).astype(int).T
    seen = owners[y, x] <= k
    body = np.concatenate([xy, np.where(seen, 2.0, 1.0)[:, None]], 1)
    body[~inside] = (np.nan, np.nan, 0)
    return body.astype(np.float32)


def _box(points: Array, px: int) -> npt.NDArray[np.float32]:
    """The whole pixels around these points, padded, inside the frame."""
    low, high = np.floor(points.min(0) - BOX_PAD_PX), np.ceil(points.max(0) + BOX_PAD_PX)
    return np.asarray(np.clip(np.concatenate([low, high]), 0, px), dtype=np.float32)
