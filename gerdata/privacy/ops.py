"""The privacy ops: values that scan a clip's frames and render them without what must not leave.

A frame op is two pure functions, `scan(every frame) -> Tracks` and `render(frame, Tracks, number) -> frame` at native size,
before any resizing. A voice op is `render(audio, rng) -> audio`, its noise from a secret of the clip, and `levels(audio)`,
the few numbers that it lets be published beside the sound. An op that is not in `PRIVACY_OPS` is not run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np

from gerdata.clip import Audio, Frames
from gerdata.people.scan import HeadScan
from gerdata.people.tracks import Look, Tracks
from gerdata.privacy.features import FeaturesOnly
from gerdata.privacy.heads import BlurHeads, PixelateHeads, RemoveHeads, ReplaceHeads
from gerdata.privacy.silhouettes import RemovePeople
from gerdata.privacy.voices import Bed, BedDynamic, McAdamsVoice, Numbers, Steps, VocodeVoice
from gerdata.recipe import ProtectRecipe

Strength = Literal["removing", "cosmetic", "raw"]


class FrameOp(Protocol):
    """One change of the picture."""

    def scan(self, looks: Iterable[Look]) -> Tracks:
        """Look at every frame, in constant memory; an op that needs nothing reads nothing."""
        ...

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        """`uint8 [H, W, 3]`, the frame of that number in the scan, in; a new array of the same shape out."""
        ...


class VoiceOp(Protocol):
    """One change of the sound."""

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        """`float32 [N]` in, a new array of the same length out."""
        ...

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        """The numbers that may be published of the sound; None for most ops."""
        ...


@dataclass(frozen=True)
class ShrinkFrame:
    """The whole frame down to `shrink_px` squared and back: no detector, so nothing to miss.

    At most 3 * shrink_px^2 numbers of a frame survive, whatever its size. That is coarse, not nothing: large faces, clothes,
    places and motion still tell, and several frames of one person tell more than one (arXiv 2009.13856).
    """

    shrink_px: int

    def scan(self, looks: Iterable[Look]) -> Tracks:
        return Tracks.empty()

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        height, width, _ = frame.shape
        tiny = cv2.resize(frame, (self.shrink_px, self.shrink_px), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


@dataclass(frozen=True)
class RawFrame:
    """The frame as it is: not obfuscated."""

    def scan(self, looks: Iterable[Look]) -> Tracks:
        return Tracks.empty()

    def render(self, frame: Frames, tracks: Tracks, number: int) -> Frames:
        return frame.copy()


@dataclass(frozen=True)
class Mute:
    """Silence of the same length. The only sound op that leaves nothing but the length."""

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        return np.zeros_like(audio)

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return None


@dataclass(frozen=True)
class RawVoice:
    """The sound as it is: not obfuscated."""

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        return audio.copy()

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return None


FRAME_OPS = (RemoveHeads, ReplaceHeads, RemovePeople, BlurHeads, PixelateHeads, ShrinkFrame, FeaturesOnly, RawFrame)
VOICE_OPS = (Mute, Steps, Bed, BedDynamic, Numbers, VocodeVoice, McAdamsVoice, RawVoice)
PRIVACY_OPS = (*FRAME_OPS, *VOICE_OPS)


def head_scan_of(recipe: ProtectRecipe) -> HeadScan:
    """How a recipe looks for heads."""
    return HeadScan(
        min_score=recipe.min_score,
        tile_score=recipe.tile_score,
        hold=recipe.hold_frames,
        stored_px=recipe.frame_px,
        max_pixels=recipe.max_pixels,
    )


def frame_op_of(recipe: ProtectRecipe) -> FrameOp:
    """The frame op a recipe names."""
    scan = head_scan_of(recipe)
    match recipe.frame_op:
        case "remove_heads":
            return RemoveHeads(scan)
        case "replace_heads":
            return ReplaceHeads(scan)
        case "remove_people":
            return RemovePeople(scan)
        case "blur_heads":
            return BlurHeads(recipe.blur_sigma_share, scan)
        case "pixelate_heads":
            return PixelateHeads(recipe.pixelate_blocks, scan)
        case "shrink_frame":
            return ShrinkFrame(recipe.shrink_px)
        case "features_only":
            return FeaturesOnly()
        case "raw_frame":
            return RawFrame()


def voice_op_of(recipe: ProtectRecipe) -> VoiceOp:
    """The voice op a recipe names."""
    match recipe.voice_op:
        case "mute":
            return Mute()
        case "steps":
            return Steps()
        case "bed":
            return Bed()
        case "bed_dynamic":
            return BedDynamic()
        case "numbers":
            return Numbers()
        case "vocode_voice":
            return VocodeVoice()
        case "mcadams_voice":
            return McAdamsVoice()
        case "raw_voice":
            return RawVoice()
