"""The truth of a film, drawn over it dimmed: whose each pixel is, heads, joints and the points of faces. For looking at."""

import colorsys

import cv2
import numpy as np

from gerdata.clip import Frames
from gerdata.people.limbs import BODY_LIMBS
from gerdata.synth.canvas import Colour
from gerdata.synth.compose import Shown

DIMMED = 0.35  # of the film's light that is left
TINT = 0.4  # of a person's colour over the person
TURN = 0.381966  # of the circle of hues from one person to the next: the golden angle
HIDDEN, SEEN = 1, 2


def drawn_truth(shown: Shown) -> Frames:
    """`uint8 [T, H, W, 3]`, one colour a person. Joints in view are filled, hidden ones are rings."""
    n = shown.structure.heads.shape[1]
    colours = [tuple(255 * v for v in colorsys.hsv_to_rgb(TURN * k % 1, 0.6, 1.0)) for k in range(n)]
    table = np.array([(0, 0, 0), *colours], np.float32)
    out = (DIMMED * shown.frames + TINT * table[shown.masks]).astype(np.uint8)
    for i, frame in enumerate(out):
        for k, (red, green, blue) in enumerate(colours):
            _draw(frame, shown, (i, k), (red, green, blue))
    return out


def _draw(frame: Frames, shown: Shown, at: tuple[int, int], colour: Colour) -> None:
    """One person in one frame; what is not known is not drawn."""
    head, body, face = shown.structure.heads[at], shown.structure.bodies[at], shown.structure.faces[at]
    if np.isfinite(head).all():
        x0, y0, x1, y1 = (round(float(v)) for v in head)
        cv2.rectangle(frame, (x0, y0), (x1 - 1, y1 - 1), colour, 1)
    for a, b in BODY_LIMBS:
        if body[a, 2] > 0 and body[b, 2] > 0:
            cv2.line(frame, _pixel(body[a]), _pixel(body[b]), colour, 1, cv2.LINE_AA)
    for joint in body:
        if joint[2] in (HIDDEN, SEEN):
            cv2.circle(frame, _pixel(joint), 2, colour, cv2.FILLED if joint[2] == SEEN else 1, cv2.LINE_AA)
    for point in face:
        if np.isfinite(point).all():
            x, y = _pixel(point)
            frame[y, x] = 255


def _pixel(point: np.ndarray) -> tuple[int, int]:
    """The pixel that a point is in."""
    return int(point[0]), int(point[1])
