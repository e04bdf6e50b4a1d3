"""The same sprite smaller, or seen in a mirror: pixels and points together."""

from dataclasses import replace

import cv2
import numpy as np

from gerdata.synth.landmark import MIRROR
from gerdata.synth.mesh import Floats
from gerdata.synth.sprite import Sprite

COCO_MIRROR = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


def shrunk(sprite: Sprite, factor: float) -> Sprite:
    """`factor` times its size, at most 1, by areas. Width and height are rounded, and points follow the rounding."""
    height, width = sprite.rgba.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    rgba = np.asarray(cv2.resize(sprite.rgba, size, interpolation=cv2.INTER_AREA), np.uint8)
    rgba = np.minimum(rgba, rgba[..., 3:])
    rgba.setflags(write=False)
    by = np.array((size[0] / width, size[1] / height), np.float32)
    return Sprite(
        rgba,
        _placed(sprite.face, by),
        _placed(sprite.body, by),
        sprite.face_box * np.tile(by, 2),
        sprite.head_box * np.tile(by, 2),
        sprite.anchor * by,
        sprite.scale * float(by.mean()),
    )


def mirrored(sprite: Sprite) -> Sprite:
    """Left for right; what is a left eye stays a left eye, now of the mirrored person."""
    width = sprite.rgba.shape[1]
    rgba = np.ascontiguousarray(sprite.rgba[:, ::-1])
    rgba.setflags(write=False)
    flip = np.array((-1, 1), np.float32)
    move = np.array((width, 0), np.float32)
    return replace(
        sprite,
        rgba=rgba,
        face=_placed(sprite.face, flip, move)[list(MIRROR)],
        body=_placed(sprite.body, flip, move)[list(COCO_MIRROR)],
        face_box=_flipped(sprite.face_box, width),
        head_box=_flipped(sprite.head_box, width),
        anchor=sprite.anchor * flip + move,
    )


def _placed(points: Floats, by: Floats, move: Floats | float = 0.0) -> Floats:
    return np.concatenate([points[:, :2] * by + move, points[:, 2:]], 1).astype(np.float32)


def _flipped(box: Floats, width: int) -> Floats:
    return np.array((width - box[2], box[1], width - box[0], box[3]), np.float32)
