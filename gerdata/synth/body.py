"""Drawing one body below the head: neck, torso with its clothes, arms, legs. Nothing here knows a feeling."""

from dataclasses import dataclass

import numpy as np

from gerdata.synth.canvas import Array, Canvas, Colour, blend, dim, ellipse, rgb
from gerdata.synth.cast import Look
from gerdata.synth.face import Pose
from gerdata.synth.seating import Seat

SHOULDER_Y, HIP_Y, KNEE_Y, FOOT_Y = 1.62, 4.5, 6.3, 8.1  # in half head heights below mid-face: figures of 4.5 heads
ARM_SHAPES = {  # elbow and wrist of the right of the picture, in half head heights from mid-face
    "down": ((1.72, 3.05), (1.66, 4.4)),
    "hips": ((2.2, 3.0), (1.3, 4.1)),
    "crossed": ((1.62, 3.2), (-0.45, 2.9)),
    "hold": ((1.68, 3.2), (0.75, 2.65)),
    "wave": ((2.15, 2.35), (2.3, 1.05)),
    "front": ((1.62, 3.2), (0.25, 3.95)),
}
ONE_ARMED = ("hold", "wave")


@dataclass(frozen=True)
class Joints:
    """Shoulders, elbows, wrists, hips, knees, feet in pixels, each `[2, 2]`: first the right of the picture."""

    shoulders: Array
    elbows: Array
    wrists: Array
    hips: Array
    knees: Array
    feet: Array

    def coco(self) -> Array:
        """COCO-17's last twelve, left then right of the person: `[12, 2]`."""
        return np.concatenate([self.shoulders, self.elbows, self.wrists, self.hips, self.knees, self.feet])


def joints_of(look: Look, seat: Seat, pose: Pose, swing: float) -> Joints:
    """Where the joints are: below a head that sways, over feet that stay. `swing` (-1..1) moves a waving hand."""
    rest = pose.r
    foot_x = seat.lean * rest  # the body leans a little from the feet up
    wide = 1.22 * look.build

    def pair(x: float, y: float, x2: float | None = None, y2: float | None = None) -> Array:
        share = 1 - max(0.0, y - SHOULDER_Y) / (FOOT_Y - SHOULDER_Y)
        shift = foot_x * (1 - share)
        return np.array([(x, y), (-x if x2 is None else x2, y if y2 is None else y2)]) * rest + (pose.x + shift, pose.y)

    main = ARM_SHAPES[seat.arms]
    other = ARM_SHAPES["down"] if seat.arms in ONE_ARMED else main
    sway = 0.25 * swing if seat.arms == "wave" else 0.0
    first, second = (other, main) if seat.mirror else (main, other)
    elbows = pair(first[0][0] * look.build, first[0][1], -second[0][0] * look.build, second[0][1])
    wrists = pair(first[1][0] + sway, first[1][1], -second[1][0] - sway, second[1][1])
    if seat.arms == "crossed":
        wrists[1, 1] += 0.3 * rest
    return Joints(pair(wide, SHOULDER_Y + 0.2), elbows, wrists, pair(0.7, HIP_Y), pair(0.62, KNEE_Y), pair(0.6, FOOT_Y))


def torso_of(look: Look, pose: Pose, joints: Joints) -> Array:
    """The outline of the upper body in pixels, from the neck clockwise."""
    b, r = look.build, pose.r
    right = np.array(
        [(0.3, 1.22), (0.62, 1.4), (1.12 * b, 1.56), (1.4 * b, 1.95), (1.2 * b, 3.0), (1.1 * b, HIP_Y + 0.35)]
    )
    left = right[::-1] * (-1, 1)
    points = np.concatenate([right, left]) * r + (pose.x, pose.y)
    lean = (joints.hips.mean(0)[0] - pose.x) / (HIP_Y * r)
    points[:, 0] += np.clip(points[:, 1] - pose.y - SHOULDER_Y * r, 0, None) * lean
    return points


def draw_body(canvas: Canvas, look: Look, pose: Pose, joints: Joints, seat: Seat) -> None:
    """Legs, neck, torso, arms, in this order."""
    r, shirt, skin = pose.r, rgb(look.shirt), rgb(look.skin)
    trousers = rgb(look.trousers)
    for k in (0, 1):
        leg = np.stack([joints.hips[k], joints.knees[k], joints.feet[k]])
        canvas.stroke(leg, dim(trousers, 0.9 if k else 1.0), 0.82 * r)
        shoe = joints.feet[k] + (0.12 * r * (1 - 2 * k), 0.3 * r)
        canvas.fill(ellipse(shoe[0], shoe[1], 0.5 * r, 0.24 * r, 16), dim(trousers, 0.45))
    torso = torso_of(look, pose, joints)
    neck = np.array([(-0.34, 0.5), (0.34, 0.5), (0.42, 1.5), (0, 1.75), (-0.42, 1.5)]) * r + (pose.x, pose.y)
    canvas.fill(torso, shirt)
    _draw_clothes(canvas, look, pose, torso)
    canvas.fill(neck, dim(skin, 0.78))
    if look.pattern == "scarf":
        canvas.fill(ellipse(pose.x, pose.y + 1.34 * r, 0.62 * r, 0.3 * r, 18), rgb(look.accent))
    for k in (1, 0):
        _draw_arm(canvas, look, r, [joints.shoulders[k], joints.elbows[k], joints.wrists[k]])
    if seat.arms == "hold":
        cup = joints.wrists[1] if seat.mirror else joints.wrists[0]
        canvas.box(cup[0] - 0.2 * r, cup[1] - 0.5 * r, cup[0] + 0.2 * r, cup[1] + 0.12 * r, (240.0, 236.0, 226.0))


def _draw_clothes(canvas: Canvas, look: Look, pose: Pose, torso: Array) -> None:
    r, accent, shirt = pose.r, rgb(look.accent), rgb(look.shirt)
    middle = torso.mean(0)[0]
    if look.pattern == "stripes":
        for y in np.arange(2.1, HIP_Y, 0.55):
            half = 1.2 * look.build * r
            bend = np.array([(-half, 0.0), (0, 0.06 * r), (half, 0.0)]) + (middle, pose.y + y * r)
            canvas.stroke(bend, accent, 0.2 * r)
    if look.pattern == "jacket":
        inner = np.array([(-0.4, 1.35), (0.4, 1.35), (0.2, HIP_Y + 0.3), (-0.2, HIP_Y + 0.3)]) * r + (middle, pose.y)
        canvas.fill(inner, accent)
        for sign in (-1, 1):
            lapel = np.array([(0.42, 1.35), (0.72, 1.75), (0.18, 3.0)]) * (sign, 1) * r + (middle, pose.y)
            canvas.fill(lapel, dim(shirt, 0.75))
    if look.pattern == "vneck":
        vee = np.array([(-0.46, 1.32), (0.46, 1.32), (0.0, 2.3)]) * r + (middle, pose.y)
        canvas.fill(vee, accent)
    canvas.stroke(torso[[6, 7, 8, 9]], dim(shirt, 0.8), 0.06 * r)


def _draw_arm(canvas: Canvas, look: Look, r: float, arm: list[Array]) -> None:
    sleeve, skin = dim(rgb(look.shirt), 0.86), rgb(look.skin)
    short = look.pattern in ("plain", "stripes") and look.parting > 0
    edge: Colour = dim(sleeve, 0.8)
    canvas.stroke(np.stack(arm), edge if not short else dim(skin, 0.8), 0.58 * r)
    canvas.stroke(np.stack(arm), skin if short else sleeve, 0.5 * r)
    if short:
        canvas.stroke(np.stack([arm[0], 0.35 * arm[0] + 0.65 * arm[1]]), sleeve, 0.58 * r)
    canvas.disc(arm[2], 0.32 * r, blend(skin, (60.0, 30.0, 20.0), 0.1))


def silhouette(look: Look, pose: Pose, joints: Joints) -> list[Array]:
    """Polygons that cover what the body hides of those behind: torso, and boxes around the legs."""
    hips, feet = joints.hips, joints.feet
    legs = np.array(
        [
            hips[0] + (0.4 * pose.r, 0),
            feet[0] + (0.4 * pose.r, 0),
            feet[1] - (0.4 * pose.r, 0),
            hips[1] - (0.4 * pose.r, 0),
        ]
    )
    return [torso_of(look, pose, joints), legs]
