"""The work of `protect`: one clip of a raw source in, one sample out that holds only what the ops left."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames, Sample, kept_times_s
from gerdata.engine.work import Expect, Item, Made
from gerdata.errors import RejectedInput
from gerdata.manifest import Row, clip_from_json
from gerdata.media.address import Address, sha256_of
from gerdata.media.decode import Stretch, frames, kept_frames, sound
from gerdata.media.examine import SILENCE_PEAK
from gerdata.media.limits import MediaLimits
from gerdata.privacy.ops import Speech, frame_op_of, voice_op_of
from gerdata.recipe import ProtectRecipe
from gerdata.store.members import encode


class ProtectWorker:
    """Checks that the source is what was ingested, scans every frame, renders the kept ones, and encodes anew.

    No container, stream or metadata of the source reaches the output: members are new encodings of new arrays.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.recipe = ProtectRecipe.model_validate(settings["recipe"])
        self.name = str(settings["name"])
        self.limits = MediaLimits(max_pixels=self.recipe.max_pixels)
        self.frame_op, self.voice_op = frame_op_of(self.recipe), voice_op_of(self.recipe)

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        told = item.payload
        path = Address(told["uri"], told["offset"], told["size"])
        expect(told["start_s"] + told["duration_s"])
        if sha256_of(path) != told["sha256"]:
            raise RejectedInput("source-changed")
        stretch = Stretch(told["start_s"], told["duration_s"], told["origin_s"])
        tracks = self.frame_op.scan(frame.rgb(self.recipe.max_pixels) for frame in frames(path, self.limits, stretch))
        times_s = kept_times_s(self.recipe.n_frames, stretch.duration_s)
        kept = kept_frames(frames(path, self.limits, stretch), list(times_s))
        rendered = [self._fit(self.frame_op.render(frame.rgb(self.recipe.max_pixels), tracks)) for frame in kept]
        clip = clip_from_json(told["clip"])
        audio = self._sound(sound(path, self.limits, stretch), clip.duration_s)
        clip = dataclasses.replace(
            clip,
            n_frames=self.recipe.n_frames,
            height_px=self.recipe.frame_px,
            width_px=self.recipe.frame_px,
            has_audio=bool(np.abs(audio).max(initial=0.0) > SILENCE_PEAK),
            quality=None,  # it was measured on what is gone now
            protection=self.name,
            flags=(),  # oddities of the source's container would help to find it
        )
        sample = Sample(clip, np.stack(rendered), audio)
        yield Made(Row(clip), members=encode(sample, self.recipe.jpeg_quality))

    def _fit(self, frame: Frames) -> Frames:
        """To the stored size; the aspect is not kept, as in the papers (ffmpeg scale=224:224)."""
        px = self.recipe.frame_px
        is_larger = frame.shape[0] > px or frame.shape[1] > px
        method = cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(frame, (px, px), interpolation=method), np.uint8)

    def _sound(self, audio: Audio | None, duration_s: float) -> Audio:
        """Sound of the published, rounded duration: an exact length in samples would help to find the source."""
        whole = np.zeros(max(1, round(duration_s * SAMPLE_RATE_HZ)), np.float32)
        if audio is not None:
            n = min(len(whole), len(audio))
            whole[:n] = audio[:n]
        return self.voice_op.render(whole, Speech())
