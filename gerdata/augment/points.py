"""How `Structure` and `BodyMaps` follow their picture: moved, mirrored, hidden. People stay who they are: P does not change."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gerdata.clip import BODY_MAP_SHAPE, BodyMaps, Frames, Points, Structure

# Where each point is found after left and right have changed places: COCO-17, and the 68 points of iBUG 300-W.
MIRRORED_BODY = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
MIRRORED_FACE = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),  # nose
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # lips, outside
    *(64, 63, 62, 61, 60, 67, 66, 65),  # lips, inside
)
MIRRORED_LIMBS = (2, 3, 0, 1, 4, 6, 5, 7, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16)  # of `BodyMaps`
_CORNERS = (0, 1, 2, 1, 2, 3, 0, 3)  # of a box x0 y0 x1 y1, as four points x y

Move = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def mirror(structure: Structure, width_px: int) -> Structure:
    """Left and right changed: x becomes width - x, and a left joint takes the place of the right one. Its own inverse."""
    heads, bodies, faces = structure.heads.copy(), structure.bodies.copy(), structure.faces.copy()
    heads[..., [0, 2]] = width_px - structure.heads[..., [2, 0]]
    bodies[..., 0], faces[..., 0] = width_px - bodies[..., 0], width_px - faces[..., 0]
    return Structure(heads, bodies[:, :, list(MIRRORED_BODY)], faces[:, :, list(MIRRORED_FACE)], structure.seen)


def move(structure: Structure, how: Move, height_px: int, width_px: int) -> Structure:
    """Every known point through `how: [N, 2] -> [N, 2]`. What leaves the frame is NaN, of visibility 0.

    A head becomes the upright box around its four moved corners, cut at the frame; it is NaN where nothing is left. What share
    of a face is in view is not known any more.
    """
    t, p = structure.heads.shape[:2]
    corners = structure.heads[..., list(_CORNERS)].reshape(t, p, 4, 2)
    before = np.concatenate([corners, structure.bodies[..., :2], structure.faces], axis=2)  # [T, P, 4 + 17 + 68, 2]
    known = np.isfinite(before).all(axis=3)
    after = np.full_like(before, np.nan)
    if known.any():
        after[known] = how(before[known])
    frame = np.array([width_px, height_px], np.float32)
    low, high = after[:, :, :4].min(axis=2).clip(0, frame), after[:, :, :4].max(axis=2).clip(0, frame)
    heads = np.concatenate([low, high], axis=2)
    heads[~(high > low).all(axis=2)] = np.nan
    is_outside = np.any((after < 0) | (after > frame), axis=3)
    after[is_outside] = np.nan
    visibility = np.where(is_outside[:, :, 4:21], 0, structure.bodies[..., 2]).astype(np.float32)
    return Structure(heads, np.concatenate([after[:, :, 4:21], visibility[..., None]], axis=3), after[:, :, 21:])


def hide(structure: Structure, boxes: Points) -> Structure:
    """Joints inside any of `boxes: [N, 4]` x0 y0 x1 y1 are no longer seen: visibility 2 becomes 1. They stay where they are.
    What share of a face is in view is not known any more."""
    xy = structure.bodies[..., None, :2]  # [T, P, 17, 1, 2]
    is_inside = np.all((xy >= boxes[:, :2]) & (xy <= boxes[:, 2:]), axis=4).any(axis=3)
    bodies = structure.bodies.copy()
    bodies[..., 2] = np.where(is_inside & (bodies[..., 2] == 2), 1, bodies[..., 2])
    return Structure(structure.heads, bodies, structure.faces)


def mirror_maps(limbs: BodyMaps) -> BodyMaps:
    """Left and right changed, of the maps and of their channels. Its own inverse."""
    return BodyMaps(np.ascontiguousarray(limbs.maps[:, list(MIRRORED_LIMBS), :, ::-1]), limbs.has_people)


def move_maps(limbs: BodyMaps, corners: Points, height_px: int, width_px: int) -> BodyMaps:
    """The maps as a frame is seen whose corners (from the top left one clockwise, `[4, 2]`, pixels) are now at `corners`.

    Lines widen with what they lie on. Where nothing is left of a frame's people, it has none.
    """
    import cv2

    _, high, wide = BODY_MAP_SHAPE
    before = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32) - np.float32(0.5)
    after = (corners * (wide / width_px, high / height_px)).astype(np.float32) - np.float32(
        0.5
    )  # cells at their middles
    matrix = cv2.getPerspectiveTransform(before, after)
    flat = limbs.maps.reshape(-1, high, wide)
    maps: Frames = np.zeros_like(flat)
    for number in np.flatnonzero(flat.any(axis=(1, 2))):
        maps[number] = cv2.warpPerspective(flat[number], matrix, (wide, high), flags=cv2.INTER_LINEAR)
    maps = maps.reshape(limbs.maps.shape)
    return BodyMaps(maps, limbs.has_people & maps.any(axis=(1, 2, 3)))
