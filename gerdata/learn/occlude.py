"""What a model looks at, found by covering it: heads, bodies, background, sound.

Heads, bodies and background are a partition of the frame, made from structure: boxes of heads; boxes of the known joints of
each body, grown, without the heads; all the rest. Where only maps of limbs were released, bodies are what the maps and their
surroundings cover, and heads are not known. A grey patch is strange in itself, so the same patch is also put where it covers
as little as can be of what it should cover: what that costs is the price of a patch, not of what is under it.
"""

import dataclasses
import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points, Sample
from gerdata.errors import UsageError

Mask = npt.NDArray[np.bool_]

REGIONS = ("heads", "bodies", "background", "sound")
WITH_CONTROL = ("heads", "bodies")  # of the background there is no other place
GREY = 128
GROWN = 0.15  # of a body's box, on each side: joints are inside a body, not on its outline
MAP_LEVEL = 32  # of 255, from which a pixel of a map belongs to a limb
MAP_GROWN = 5  # pixels of 56: about half a torso's width around a limb
STEPS = 8  # shifts that are tried in each direction for the patch elsewhere


@dataclass(frozen=True)
class Occlusion:
    """One region covered with grey, or the sound taken away; `elsewhere`: the same patch where it covers little of it."""

    region: str
    elsewhere: bool = False

    def __str__(self) -> str:
        return f"{self.region} elsewhere" if self.elsewhere else self.region

    def __call__(self, sample: Sample) -> Sample | None:
        """The clip without it; None where nothing is known of it, or there is none."""
        if self.region == "sound":
            if not sample.clip.has_audio:
                return None
            clip = dataclasses.replace(sample.clip, has_audio=False)
            return dataclasses.replace(sample, clip=clip, audio=np.zeros_like(sample.audio))
        mask = region_of(sample, self.region)
        if mask is None or not mask.any():
            return None
        return dataclasses.replace(sample, frames=filled(sample.frames, moved(mask) if self.elsewhere else mask))


def parse_occlusion(text: str) -> Occlusion:
    """A region by name; `UsageError` for others."""
    if text not in REGIONS:
        raise UsageError(f"--occlude {text}: expected one of {', '.join(REGIONS)}")
    return Occlusion(text)


def region_of(sample: Sample, region: str) -> Mask | None:
    """`bool [T, H, W]`: heads, bodies or background; None where nothing is known to tell it by."""
    shape = sample.frames.shape[:3]
    heads, bodies = heads_of(sample, shape), bodies_of(sample, shape)
    if region == "heads":
        return heads
    if bodies is None:
        return None
    covered = np.zeros(shape, np.bool_) if heads is None else heads
    return bodies & ~covered if region == "bodies" else ~(bodies | covered)


def heads_of(sample: Sample, shape: tuple[int, ...]) -> Mask | None:
    """`bool [T, H, W]`: inside a box of a head; None without boxes."""
    if sample.structure is None or not np.isfinite(sample.structure.heads).any():
        return None
    return boxes_filled(sample.structure.heads, shape)


def bodies_of(sample: Sample, shape: tuple[int, ...]) -> Mask | None:
    """`bool [T, H, W]`: inside a grown box of a body's known joints, or on the grown maps of limbs; None without either."""
    structure = sample.structure
    if structure is not None and (structure.bodies[..., 2] > 0).any():
        known: Mask = np.greater(structure.bodies[..., 2], 0)  # [T, P, 17]
        points = np.where(known[..., None], structure.bodies[..., :2], np.nan)
        some: Mask = np.any(known, axis=2)  # [T, P]
        boxes = np.full((*some.shape, 4), np.nan, np.float32)
        boxes[some, :2], boxes[some, 2:] = np.nanmin(points[some], axis=1), np.nanmax(points[some], axis=1)
        edge = GROWN * np.maximum(boxes[..., 2:] - boxes[..., :2], 1)
        return boxes_filled(np.concatenate([boxes[..., :2] - edge, boxes[..., 2:] + edge], axis=-1), shape)
    if sample.limbs is not None and sample.limbs.has_people.any():
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MAP_GROWN + 1, 2 * MAP_GROWN + 1))
        limbs = [cv2.dilate((maps.max(axis=0) >= MAP_LEVEL).astype(np.uint8), kernel) for maps in sample.limbs.maps]
        size = (shape[2], shape[1])
        return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_NEAREST) for one in limbs]).astype(np.bool_)
    return None


def boxes_filled(boxes: Points, shape: tuple[int, ...]) -> Mask:
    """`bool [T, H, W]`: inside any of `boxes: [T, P, 4]`, rounded outwards; boxes with NaN are left out."""
    out = np.zeros(shape, np.bool_)
    for t, own in enumerate(boxes):
        for x0, y0, x1, y1 in own[np.isfinite(own).all(axis=1)].astype(np.float64):
            left, right = max(0, int(np.floor(x0))), max(0, int(np.ceil(x1)))
            top, bottom = max(0, int(np.floor(y0))), max(0, int(np.ceil(y1)))
            out[t, top:bottom, left:right] = True
    return out


def moved(mask: Mask) -> Mask:
    """The same mask, rolled round the frame to where it overlaps least with itself, the same way in all frames."""
    height, width = mask.shape[1:]
    ways = itertools.product(range(STEPS), range(STEPS))
    rolled = (np.roll(mask, (i * height // STEPS, j * width // STEPS), (1, 2)) for i, j in ways if i or j)
    return min(rolled, key=lambda one: int((one & mask).sum()))


def filled(frames: Frames, mask: Mask) -> Frames:
    """A copy of `uint8 [T, H, W, 3]` with one grey where `mask: bool [T, H, W]`."""
    out = frames.copy()
    out[mask] = GREY
    return out
