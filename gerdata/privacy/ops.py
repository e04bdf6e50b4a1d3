"""The privacy ops: values that scan a clip's frames and render them without what must not leave.

A frame op is two pure functions, `scan(every frame, native size) -> Tracks` and `render(frame, Tracks) -> frame` at native
size, before any resizing. A voice op is `render(audio, Speech) -> audio`. An op that is not in `PRIVACY_OPS` is not run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from gerdata.clip import Audio, Frames
from gerdata.people.tracks import Tracks
from gerdata.recipe import ProtectRecipe


@dataclass(frozen=True)
class Speech:
    """What is known of who speaks when: nothing, as no op here asks for it."""


class FrameOp(Protocol):
    """One change of the picture."""

    def scan(self, frames: Iterable[Frames]) -> Tracks:
        """Look at every frame, in constant memory; an op that needs nothing reads nothing."""
        ...

    def render(self, frame: Frames, tracks: Tracks) -> Frames:
        """`uint8 [H, W, 3]` in, a new array of the same shape out."""
        ...


class VoiceOp(Protocol):
    """One change of the sound."""

    def render(self, audio: Audio, speech: Speech) -> Audio:
        """`float32 [N]` in, a new array of the same length out."""
        ...


@dataclass(frozen=True)
class ShrinkFrame:
    """The whole frame down to `shrink_px` squared and back: no detector, so nothing to miss.

    At most 3 * shrink_px^2 numbers of a frame survive, whatever its size. That is coarse, not nothing: large faces, clothes,
    places and motion still tell, and several frames of one person tell more than one (arXiv 2009.13856).
    """

    shrink_px: int

    def scan(self, frames: Iterable[Frames]) -> Tracks:
        return Tracks.empty()

    def render(self, frame: Frames, tracks: Tracks) -> Frames:
        height, width, _ = frame.shape
        tiny = cv2.resize(frame, (self.shrink_px, self.shrink_px), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


@dataclass(frozen=True)
class RawFrame:
    """The frame as it is: not obfuscated."""

    def scan(self, frames: Iterable[Frames]) -> Tracks:
        return Tracks.empty()

    def render(self, frame: Frames, tracks: Tracks) -> Frames:
        return frame.copy()


@dataclass(frozen=True)
class Mute:
    """Silence of the same length. The only sound op that leaves nothing but the length."""

    def render(self, audio: Audio, speech: Speech) -> Audio:
        return np.zeros_like(audio)


@dataclass(frozen=True)
class RawVoice:
    """The sound as it is: not obfuscated."""

    def render(self, audio: Audio, speech: Speech) -> Audio:
        return audio.copy()


PRIVACY_OPS = (ShrinkFrame, RawFrame, Mute, RawVoice)


def frame_op_of(recipe: ProtectRecipe) -> FrameOp:
    """The frame op a recipe names."""
    match recipe.frame_op:
        case "shrink_frame":
            return ShrinkFrame(recipe.shrink_px)
        case "raw_frame":
            return RawFrame()


def voice_op_of(recipe: ProtectRecipe) -> VoiceOp:
    """The voice op a recipe names."""
    match recipe.voice_op:
        case "mute":
            return Mute()
        case "raw_voice":
            return RawVoice()
