"""What is known of people's structure, as tensors to learn from: limbs of persons, and maps of limbs.

A frame in which nothing is known of anybody teaches nothing: it is masked, never filled from the frame before. A person's limb
whose ends are not both known is masked likewise; in a map it is left out.
"""

import dataclasses
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gerdata.clip import BodyMaps, Structure
from gerdata.learn.limb_maps import draw_limbs
from gerdata.people.limbs import BODY_LIMBS, FACE_LIMBS, LIMBS, SIDE

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
    ends = torch.from_numpy(np.stack(filled))  # [B, T, P, 38, 4]
    maps = limb_maps(ends, clips) if with_maps else torch.zeros(*ends.shape[:2], len(LIMBS), 0, 0)
    has = torch.stack([maps[:, :, part].flatten(2).any(dim=2) for part in (BODY, FACE)], dim=2)  # [B, T, 2]
    is_known = ((ends >= 0) & (ends <= 1)).all(dim=4)  # what is out of the frame no query can say
    return Targets(ends.where(is_known[..., None], 0.0), is_known, maps, has)


def people_limbs(clip: Known) -> np.ndarray:
    """float32 [T, P, 38, 4] in shares of the frame; NaN where an end is not known. P = 0 where nothing is."""
    if clip.structure is None:
        return np.zeros((clip.frames, 0, len(LIMBS), 4), np.float32)
    bodies = clip.structure.bodies
    joints = np.where(bodies[..., 2:3] > 0, bodies[..., :2], np.nan)
    ends = np.concatenate([joints[:, :, _JOINTS], clip.structure.faces[:, :, _POINTS]], axis=2)  # [T, P, 38, 2, 2]
    shares = (ends / clip.side_px).reshape(*ends.shape[:3], 4).astype(np.float32)
    shares[~np.isfinite(shares).all(axis=3)] = np.nan
    return np.asarray(shares, np.float32)


def limb_maps(ends: Tensor, clips: list[Known]) -> Tensor:
    """float32 [B, T, 38, 56, 56]: drawn from `ends [B, T, P, 38, 4]`, or the bodies of what was released of them, or zeros."""
    maps = draw_limbs(ends.permute(0, 1, 3, 2, 4).flatten(0, 2)).view(*ends.shape[:2], len(LIMBS), SIDE, SIDE)
    for number, clip in enumerate(clips):
        if clip.structure is None and clip.limbs is not None:
            maps[number, :, BODY] = torch.from_numpy(clip.limbs.maps).float() / 255
    return maps


def rescaled(structure: Structure, height_px: int, width_px: int, side_px: int) -> Structure:
    """The structure of frames of `height_px` x `width_px` in pixels of square ones."""
    scale = np.array([side_px / width_px, side_px / height_px], np.float32)
    bodies = structure.bodies.copy()
    bodies[..., :2] *= scale
    heads, faces = structure.heads * np.tile(scale, 2), structure.faces * scale
    return Structure(heads.astype(np.float32), bodies, faces.astype(np.float32), structure.seen)


def shown(structure: Structure | None, frames: list[int]) -> Structure | None:
    """Some of the frames."""
    if structure is None:
        return None
    seen = None if structure.seen is None else structure.seen[frames]
    return Structure(structure.heads[frames], structure.bodies[frames], structure.faces[frames], seen)


def shown_maps(limbs: BodyMaps | None, frames: list[int]) -> BodyMaps | None:
    """Some of the frames."""
    return limbs and dataclasses.replace(limbs, maps=limbs.maps[frames], has_people=limbs.has_people[frames])
