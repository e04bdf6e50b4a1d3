"""Drawing one head: hair behind, ears, face, features that show a feeling, hair in front."""

import numpy as np

from gerdata.synth.canvas import Array, Canvas, Colour, blend, dim, ellipse, rgb
from gerdata.synth.cast import Look
from gerdata.synth.face import (
    EYE_W,
    EYE_X,
    EYE_Y,
    HEADWEAR,
    Expression,
    Pose,
    hair_shapes,
    landmarks,
    lids,
    mouth_curves,
    mouth_width,
    outline,
)

INK = (38.0, 24.0, 28.0)
TEETH, MOUTH_INSIDE, TONGUE = (252.0, 250.0, 244.0), (88.0, 18.0, 28.0), (214.0, 96.0, 100.0)
TEAR = (140.0, 205.0, 250.0)


def draw_back_hair(canvas: Canvas, look: Look, pose: Pose) -> None:
    """What hangs behind neck and shoulders; drawn before the body."""
    colour = dim(rgb(look.accent if look.hair_style in HEADWEAR else look.hair), 0.82)
    for shape in hair_shapes(look)[0]:
        canvas.fill(pose.place(shape), colour)


def draw_head(canvas: Canvas, look: Look, pose: Pose, face: Expression, side: float) -> Array:
    """Draw the head over the body, lit from `side` (-1 left, 1 right). Returns its 68 points in pixels, `[68, 2]`."""
    skin = rgb(look.skin)
    for sign in (-1, 1):
        ear = ellipse(sign * (look.face_w + 0.02) - 0.1 * np.sin(pose.yaw), 0.04, 0.12, 0.2, 14)
        canvas.fill(pose.place(ear), dim(skin, 0.86))
    contour = outline(look, face.mouth_open)
    canvas.fill(pose.place(contour), dim(skin, 0.87))
    canvas.fill(pose.place(contour * (0.93, 0.97) + (0.055 * side, -0.015)), skin)
    if look.beard:
        _draw_beard(canvas, look, pose, face)
    _draw_cheeks(canvas, look, pose, face)
    points = pose.place(pose.turn(landmarks(look, face), look.face_w))
    points[:17] = pose.place(landmarks(look, face)[:17])  # the jaw is the outline as seen
    canvas.stroke(points[[30, 33, 34]] if pose.yaw > 0 else points[[30, 33, 32]], dim(skin, 0.62), 0.07 * pose.r)
    _draw_mouth(canvas, look, pose, face)
    for sign in (-1, 1):
        _draw_eye(canvas, look, pose, face, sign)
    brow_colour = blend(rgb(look.hair), INK, 0.55)
    for brow in (points[17:22], points[22:27]):
        canvas.stroke(brow, brow_colour, 0.12 * look.brows * pose.r)
    _draw_front_hair(canvas, look, pose)
    if look.glasses:
        _draw_glasses(canvas, look, pose)
    return points


def _put(pose: Pose, look: Look, points: Array) -> Array:
    return pose.place(pose.turn(points, look.face_w))


def _draw_beard(canvas: Canvas, look: Look, pose: Pose, face: Expression) -> None:
    colour = blend(rgb(look.skin), rgb(look.hair), 0.25 + 0.6 * look.beard)
    contour = outline(look, face.mouth_open)
    low = contour[contour[:, 1] > 0.12]
    x = np.linspace(-0.72, 0.72, 11) * look.face_w
    top = np.stack([x, 0.56 - 0.14 * np.cos(5.2 * x) + 0.1 * np.abs(x)], 1)
    canvas.fill(np.concatenate([pose.place(low * (0.98, 1)), _put(pose, look, top)]), colour)


def _draw_cheeks(canvas: Canvas, look: Look, pose: Pose, face: Expression) -> None:
    """A blush on raised cheeks, tears under sad eyes."""
    skin = rgb(look.skin)
    if face.cheek > 0.05:
        blush = blend(skin, (236.0, 84.0, 84.0), 0.5 * face.cheek)
        for sign in (-1, 1):
            canvas.fill(_put(pose, look, ellipse(sign * 0.53, 0.24, 0.17, 0.12, 14)), blush)
    if face.tears > 0.15:
        for sign in (-1, 1):
            drop = ellipse(sign * (EYE_X + 0.06), 0.1 + 0.14 * face.tears, 0.06, 0.08 + 0.14 * face.tears, 12)
            canvas.fill(_put(pose, look, drop), TEAR)


def _draw_mouth(canvas: Canvas, look: Look, pose: Pose, face: Expression) -> None:
    x = np.linspace(-1, 1, 15)
    across = x * mouth_width(face)
    curves = mouth_curves(look, face, x)
    rows = [_put(pose, look, np.stack([across, curve], 1)) for curve in curves]
    lip = blend(dim(rgb(look.skin), 0.62), (188.0, 52.0, 62.0), 0.5)
    canvas.fill(np.concatenate([rows[0], rows[3][::-1]]), lip)
    gap = float((curves[2] - curves[1])[7])
    if gap * pose.r < 0.4:
        canvas.stroke(rows[1], INK, 0.08 * pose.r)
        return
    canvas.fill(np.concatenate([rows[1], rows[2][::-1]]), MOUTH_INSIDE)
    if gap > 0.2:
        low = _put(pose, look, np.stack([across, curves[2] - 0.4 * (curves[2] - curves[1])], 1))
        canvas.fill(np.concatenate([low[4:11], rows[2][4:11][::-1]]), TONGUE)
    if face.corner > 0.1:  # a smile bares the upper teeth
        edge = _put(pose, look, np.stack([across, curves[1] + 0.55 * (curves[2] - curves[1])], 1))
        canvas.fill(np.concatenate([rows[1], edge[::-1]]), TEETH)


def _draw_eye(canvas: Canvas, look: Look, pose: Pose, face: Expression, sign: int) -> None:
    x = np.linspace(-1, 1, 9)
    upper, lower = lids(look, face, x)
    across = x * EYE_W * look.eyes + sign * EYE_X
    top = _put(pose, look, np.stack([across, EYE_Y + upper], 1))
    bottom = _put(pose, look, np.stack([across, EYE_Y + lower], 1))
    gap = float(lower[4] - upper[4])
    if gap > 0.06:
        canvas.fill(np.concatenate([top, bottom[::-1]]), (248.0, 248.0, 246.0))
        look_x = sign * EYE_X + 0.06 * np.sin(pose.yaw)
        middle, tall = EYE_Y + (upper[4] + lower[4]) / 2, min(0.12, 0.5 * gap)
        canvas.fill(_put(pose, look, ellipse(look_x, middle, 0.11, tall, 14)), rgb(look.iris))
        canvas.fill(_put(pose, look, ellipse(look_x, middle, 0.06, min(0.06, tall), 10)), (14.0, 12.0, 14.0))
    canvas.stroke(top, INK, 0.075 * pose.r)


def _draw_front_hair(canvas: Canvas, look: Look, pose: Pose) -> None:
    base = rgb(look.accent if look.hair_style in HEADWEAR else look.hair)
    for shape in hair_shapes(look)[1]:
        arc, line = shape[:17], shape[17:]
        points = np.concatenate([pose.place(arc), _hairline(pose, look, line)])
        buzzed = look.hair_style == "buzz"
        colour = blend(base, rgb(look.skin), 0.25) if buzzed else base
        canvas.fill(points, colour)
        if look.hair_style == "beanie":
            fold = np.concatenate([line + (0, -0.2), line[::-1]])
            canvas.fill(_hairline(pose, look, fold), _lit(base, 0.78))
        elif not buzzed:  # a broad highlight follows the crown
            canvas.stroke(pose.place(arc[4:10] * 0.86), _lit(base, 1.25), 0.1 * pose.r)


def _hairline(pose: Pose, look: Look, line: Array) -> Array:
    """The hairline moves with the face, but its ends stay on the outline."""
    turned = pose.turn(line, look.face_w)
    held = np.abs(line[:, :1]) > 0.9 * look.face_w
    return pose.place(np.where(held, line, turned))


def _lit(colour: Colour, gain: float) -> Colour:
    """A lighter or darker shade that is seen on black, too."""
    return dim((colour[0] + 12, colour[1] + 12, colour[2] + 12), gain)


def _draw_glasses(canvas: Canvas, look: Look, pose: Pose) -> None:
    width = 0.055 * pose.r
    for sign in (-1, 1):
        ring = ellipse(0, 0, 0.29, 0.26, 20)
        if look.glasses == 2:
            ring = np.clip(ring * 1.25, (-0.28, -0.2), (0.28, 0.22))
        ring = np.concatenate([ring, ring[:1]]) + (sign * EYE_X, EYE_Y + 0.02)
        canvas.stroke(_put(pose, look, ring), INK, width)
    bridge = np.array([(-0.08, EYE_Y), (0.08, EYE_Y)])
    canvas.stroke(_put(pose, look, bridge), INK, width)


def head_middle(pose: Pose, look: Look) -> Array:
    """Nose, eyes and ears as COCO wants them: right of the picture is the person's left. `[5, 2]` pixels."""
    eyes = np.array([(0, 0.22), (EYE_X, EYE_Y), (-EYE_X, EYE_Y)])
    ears = np.array([(look.face_w, 0.04), (-look.face_w, 0.04)])
    return np.concatenate([_put(pose, look, eyes), pose.place(ears)])


