"""Drawing one head: hair behind, ears, face, features that show a feeling, hair in front."""

from itertools import pairwise

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
WHITE, TEETH, MOUTH_INSIDE, TONGUE = (
    (248.0, 248.0, 246.0),
    (252.0, 250.0, 244.0),
    (88.0, 18.0, 28.0),
    (214.0, 96.0, 100.0),
)
TEAR, BLUSH, RED, PALE = (130.0, 205.0, 255.0), (240.0, 84.0, 90.0), (214.0, 36.0, 44.0), (128.0, 164.0, 206.0)
SIDES = (("left", -1), ("right", 1))  # of the picture
LID_X, MOUTH_X, BEARD_X = np.linspace(-1, 1, 9), np.linspace(-1, 1, 15), np.linspace(-0.72, 0.72, 11)
Parts = dict[str, Array]


def draw_back_hair(canvas: Canvas, look: Look, pose: Pose) -> None:
    """What hangs behind neck and shoulders; drawn before the body."""
    colour = dim(_hair_colour(look), 0.82)
    for shape in hair_shapes(look)[0]:
        canvas.fill(pose.place(shape), colour)


def draw_head(canvas: Canvas, look: Look, pose: Pose, face: Expression, side: float) -> Array:
    """Draw the head over the body, lit from `side` (-1 left, 1 right). Returns its 68 points in pixels, `[68, 2]`."""
    skin = blend(blend(rgb(look.skin), RED, 0.5 * face.flush), PALE, 0.5 * face.pallor)
    at = _place(pose, look, *_parts(look, face, pose, side))
    points = np.concatenate([at["jaw"], at["points"]])
    for name, _ in SIDES:
        canvas.fill(at[f"ear {name}"], dim(skin, 0.86))
    canvas.fill(at["outline"], dim(skin, 0.87))
    canvas.fill(at["lit"], skin)
    if look.beard:
        beard = np.concatenate([at["beard low"], at["beard top"]])
        canvas.fill(beard, blend(skin, rgb(look.hair), 0.25 + 0.6 * look.beard))
    for name, _ in SIDES:
        if face.cheek > 0.05:
            canvas.fill(at[f"cheek {name}"], blend(skin, BLUSH, 0.65 * face.cheek))
        if face.tears > 0.15:
            canvas.fill(at[f"tear {name}"], TEAR)
    canvas.stroke(points[[30, 33, 34]] if pose.yaw > 0 else points[[30, 33, 32]], dim(skin, 0.62), 0.07 * pose.r)
    _draw_mouth(canvas, skin, pose, face, [at[f"mouth {row}"] for row in range(4)])
    for name, _ in SIDES:
        _draw_eye(canvas, look, pose, at, name)
    brow_colour = blend(rgb(look.hair), INK, 0.5)
    for brow in (points[17:22], points[22:27]):
        canvas.stroke(brow, brow_colour, 0.1 * look.brows * pose.r)
    if hair_shapes(look)[1]:
        _draw_front_hair(canvas, look, pose, at)
    if look.glasses:
        for name in ("glass left", "glass right", "bridge"):
            canvas.stroke(at[name], (70.0, 58.0, 62.0), 0.03 * pose.r)
    return points


def head_middle(pose: Pose, look: Look) -> Array:
    """Nose, eyes and ears as COCO wants them: right of the picture is the person's left. `[5, 2]` pixels."""
    turned = pose.turn(np.array([(0, 0.22), (EYE_X, EYE_Y), (-EYE_X, EYE_Y)]), look.face_w)
    return pose.place(np.concatenate([turned, [(look.face_w, 0.04), (-look.face_w, 0.04)]]))


def _hair_colour(look: Look) -> Colour:
    return rgb(look.accent if look.hair_style in HEADWEAR else look.hair)


def _parts(look: Look, face: Expression, pose: Pose, side: float) -> tuple[Parts, Parts]:
    """In own units: what turns with the head (the hairline last), and what is on the outline however it turns."""
    points = landmarks(look, face)
    return _front(look, face, pose, points[17:]), {"jaw": points[:17], **_flat(look, face, pose, side)}


def _front(look: Look, face: Expression, pose: Pose, points: Array) -> Parts:
    upper, lower = lids(look, face, LID_X)
    middle, half = EYE_Y + (upper[4] + lower[4]) / 2, min(0.12, 0.5 * float(lower[4] - upper[4]))
    gaze = 0.06 * np.sin(pose.yaw)
    parts: Parts = {"points": points}
    for name, sign in SIDES:
        across = LID_X * (EYE_W * look.eyes) + sign * EYE_X
        parts[f"lid {name}"] = np.stack([across, EYE_Y + upper], 1)
        parts[f"under {name}"] = np.stack([across, EYE_Y + lower], 1)
        parts[f"iris {name}"] = ellipse(sign * EYE_X + gaze, middle, 0.11, half, 14)
        parts[f"pupil {name}"] = ellipse(sign * EYE_X + gaze, middle, 0.06, min(0.06, half), 10)
        if face.cheek > 0.05:
            parts[f"cheek {name}"] = ellipse(sign * 0.58, 0.16, 0.18, 0.15, 14)
        if face.tears > 0.15:
            tall = 0.3 * face.tears
            parts[f"tear {name}"] = ellipse(sign * (EYE_X + 0.08), 0.08 + tall, 0.09, 0.06 + tall, 12)
        if look.glasses:
            parts[f"glass {name}"] = _ring(look) + (sign * EYE_X, EYE_Y + 0.02)
    width = mouth_width(face)
    for row, curve in enumerate(mouth_curves(look, face, MOUTH_X)):
        parts[f"mouth {row}"] = np.stack([MOUTH_X * width, curve], 1)
    if look.glasses:
        parts["bridge"] = np.array([(-0.08, EYE_Y), (0.08, EYE_Y)])
    if look.beard:
        x = BEARD_X * look.face_w
        parts["beard top"] = np.stack([x, 0.56 - 0.14 * np.cos(5.2 * x) + 0.1 * np.abs(x)], 1)
    for shape in hair_shapes(look)[1]:
        parts["hairline"] = shape[17:]
    return parts


def _flat(look: Look, face: Expression, pose: Pose, side: float) -> Parts:
    contour = outline(look, face.mouth_open)
    parts: Parts = {"outline": contour, "lit": contour * (0.93, 0.97) + (0.055 * side, -0.015)}
    for name, sign in SIDES:
        x = sign * (look.face_w + 0.02) - 0.1 * np.sin(pose.yaw)
        parts[f"ear {name}"] = ellipse(float(x), 0.04, 0.12, 0.2, 14)
    if look.beard:
        parts["beard low"] = contour[contour[:, 1] > 0.12] * (0.98, 1)
    for shape in hair_shapes(look)[1]:
        parts["crown"] = shape[:17]
    return parts


def _place(pose: Pose, look: Look, front: Parts, flat: Parts) -> Parts:
    """All parts in pixels; turned and placed in one go, since 40 small arrays cost ten times one large."""
    turned = pose.turn(np.concatenate(list(front.values())), look.face_w)
    if "hairline" in front:  # its ends stay on the outline
        line = front["hairline"]
        held = np.abs(line[:, :1]) > 0.9 * look.face_w
        turned[-len(line) :] = np.where(held, line, turned[-len(line) :])
    placed = pose.place(np.concatenate([turned, *flat.values()]))
    parts = {**front, **flat}
    ends = np.cumsum([0, *map(len, parts.values())])
    return {name: placed[a:b] for name, (a, b) in zip(parts, pairwise(ends), strict=True)}


def _draw_mouth(canvas: Canvas, skin: Colour, pose: Pose, face: Expression, rows: list[Array]) -> None:
    """Lips, and between them the inside, teeth and tongue. `rows` are the four curves in pixels, upper lip first."""
    canvas.fill(np.concatenate([rows[0], rows[3][::-1]]), blend(dim(skin, 0.62), RED, 0.5))
    gap = rows[2] - rows[1]
    tall = float(np.hypot(*gap[7])) / pose.r
    if tall * pose.r < 0.4:
        canvas.stroke(rows[1], dim(skin, 0.42), 0.07 * pose.r)
        return
    canvas.fill(np.concatenate([rows[1], rows[2][::-1]]), MOUTH_INSIDE)
    if tall > 0.2:
        canvas.fill(np.concatenate([(rows[2] - 0.4 * gap)[4:11], rows[2][4:11][::-1]]), TONGUE)
    if face.corner > 0.1:  # a smile bares the upper teeth
        canvas.fill(np.concatenate([rows[1], (rows[1] + 0.55 * gap)[::-1]]), TEETH)


def _draw_eye(canvas: Canvas, look: Look, pose: Pose, at: Parts, name: str) -> None:
    top, bottom = at[f"lid {name}"], at[f"under {name}"]
    if bottom[4, 1] - top[4, 1] > 0.06 * pose.r:
        canvas.fill(np.concatenate([top, bottom[::-1]]), WHITE)
        canvas.fill(at[f"iris {name}"], rgb(look.iris))
        canvas.fill(at[f"pupil {name}"], (14.0, 12.0, 14.0))
    canvas.stroke(top, INK, 0.065 * pose.r)


def _draw_front_hair(canvas: Canvas, look: Look, pose: Pose, at: Parts) -> None:
    base, line = _hair_colour(look), at["hairline"]
    buzzed = look.hair_style == "buzz"
    canvas.fill(np.concatenate([at["crown"], line]), blend(base, rgb(look.skin), 0.25) if buzzed else base)
    if look.hair_style == "beanie":
        up = 0.2 * pose.r * np.array([np.sin(pose.roll), -np.cos(pose.roll)])
        canvas.fill(np.concatenate([line + up, line[::-1]]), _lit(base, 0.78))
    elif not buzzed:  # a broad highlight follows the crown
        shine = (at["crown"][4:10] - (pose.x, pose.y)) * 0.86 + (pose.x, pose.y)
        canvas.stroke(shine, _lit(base, 1.25), 0.1 * pose.r)


def _lit(colour: Colour, gain: float) -> Colour:
    """A lighter or darker shade that is seen on black, too."""
    return dim((colour[0] + 12, colour[1] + 12, colour[2] + 12), gain)


def _ring(look: Look) -> Array:
    ring = ellipse(0, 0, 0.29, 0.26, 20)
    if look.glasses == 2:
        ring = np.clip(ring * 1.25, (-0.28, -0.2), (0.28, 0.22))
    return np.concatenate([ring, ring[:1]])
