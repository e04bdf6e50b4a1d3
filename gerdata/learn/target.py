"""What is known of people's structure, as tensors to learn from: limbs of persons, and maps of limbs.

A frame in which nothing is known of anybody teaches nothing: it is masked, never filled from the frame before. A limb
whose ends are not both known is masked likewise.
"""

import dataclasses
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gerdata.clip import BodyMaps, Structure
from gerdata.people.limbs import BODY_LIMBS, FACE_LIMBS, LIMBS, SIDE, limbs

Decoder = Literal["none", "query", "heatmap"]
Parts = Literal["body", "face", "both", "none"]
BODY, FACE = slice(0, len(BODY_LIMBS)), slice(len(BODY_LIMBS), len(LIMBS))
_JOINTS, _POINTS = np.array(BODY_LIMBS), np.array(FACE_LIMBS)


class Targets(NamedTuple):
    """Of B clips of T frames. Channels and limbs as in `gerdata.people.limbs.LIMBS`: 18 of bodies, then 20 of faces."""

    people: Tensor  # float32 [B, T, P, 38, 4]: x0 y0 x1 y1 of each limb in shares of the frame, 0 where not known
    is_known: Tensor  # bool [B, T, P, 38]
    maps: Tensor  # float32 [B, T, 38, 56, 56] in [0, 1]; [B, T, 38, 0, 0] where no heatmap is learnt
    has_heatmaps: Tensor  # bool [B, T, 2]: whether anything is known for the maps of bodies, of faces

    @property
    def has_people(self) -> Tensor:
        """bool [B, T]: whether any limb of anybody is known."""
        return self.is_known.flatten(2).any(dim=2)


class Known(NamedTuple):
    """Of one clip: `structure` in pixels of frames of `side_px`, or maps of bodies alone, or nothing."""

    side_px: int
    frames: int
    structure: Structure | None
    limbs: BodyMaps | None


def channels_of(parts: Parts) -> list[int]:
    """Which of the 38 channels a decoder has."""
    body, face = range(BODY.start, BODY.stop), range(FACE.start, FACE.stop)
    return [*(body if parts in ("body", "both") else ()), *(face if parts in ("face", "both") else ())]


def make_targets(clips: list[Known], with_maps: bool) -> Targets:
    """Targets of clips side by side; clips with fewer people are filled up with people of whom nothing is known."""
    drawn = [people_limbs(clip) for clip in clips]
    most = max(limbs.shape[1] for limbs in drawn)
    filled = [np.pad(one, ((0, 0), (0, most - one.shape[1]), (0, 0), (0, 0)), constant_values=np.nan) for one in drawn]
    people = torch.from_numpy(np.stack(filled))  # [B, T, P, 38, 4]
    is_known = people.isfinite().all(dim=4)
    maps = [limb_maps(clip) if with_maps else np.zeros((clip.frames, len(LIMBS), 0, 0), np.float32) for clip in clips]
    stacked = torch.from_numpy(np.stack(maps))
    has = torch.stack([stacked[:, :, part].flatten(2).any(dim=2) for part in (BODY, FACE)], dim=2)  # [B, T, 2]
    return Targets(people.where(is_known[..., None], 0.0), is_known, stacked, has)


def people_limbs(clip: Known) -> np.ndarray:
    """float32 [T, P, 38, 4] in shares of the frame; NaN where an end is not known, or out of the frame."""
    if clip.structure is None:
        return np.zeros((clip.frames, 0, len(LIMBS), 4), np.float32)
    bodies = clip.structure.bodies
    joints = np.where(bodies[..., 2:3] > 0, bodies[..., :2], np.nan)
    ends = np.concatenate([joints[:, :, _JOINTS], clip.structure.faces[:, :, _POINTS]], axis=2)  # [T, P, 38, 2, 2]
    shares = (ends / clip.side_px).reshape(*ends.shape[:3], 4).astype(np.float32)
    shares[~((shares >= 0) & (shares <= 1)).all(axis=3)] = np.nan
    return np.asarray(shares, np.float32)


def limb_maps(clip: Known) -> np.ndarray:
    """float32 [T, 38, 56, 56]: drawn from the structure, or the bodies of what was released of it, or zeros."""
    if clip.structure is not None:
        return limbs(clip.structure, clip.side_px, clip.side_px)
    out = np.zeros((clip.frames, len(LIMBS), SIDE, SIDE), np.float32)
    if clip.limbs is not None:
        out[:, BODY] = clip.limbs.maps.astype(np.float32) / 255
    return out


def rescaled(structure: Structure, height_px: int, width_px: int, side_px: int) -> Structure:
    """The structure of frames of `height_px` x `width_px` in pixels of square ones."""
    scale = np.array([side_px / width_px, side_px / height_px], np.float32)
    bodies = structure.bodies.copy()
    bodies[..., :2] *= scale
    heads, faces = structure.heads * np.tile(scale, 2), structure.faces * scale
    return Structure(heads.astype(np.float32), bodies, faces.astype(np.float32))


def shown(structure: Structure | None, frames: list[int]) -> Structure | None:
    """Some of the frames."""
    if structure is None:
        return None
    return Structure(structure.heads[frames], structure.bodies[frames], structure.faces[frames])


def shown_maps(limbs: BodyMaps | None, frames: list[int]) -> BodyMaps | None:
    """Some of the frames."""
    return limbs and dataclasses.replace(limbs, maps=limbs.maps[frames], has_people=limbs.has_people[frames])
