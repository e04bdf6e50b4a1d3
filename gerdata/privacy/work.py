"""The work of `protect`: one clip of a raw source in, one sample out that holds only what the ops left."""

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ, Audio, Clip, Frames, Points, Sample, Structure, kept_times_s
from gerdata.engine.work import Expect, Item, Made
from gerdata.errors import RejectedInput
from gerdata.manifest import Row, clip_from_json
from gerdata.media.address import Address, sha256_of
from gerdata.media.decode import Stretch, frames, kept_frames, marked_frames, sound
from gerdata.media.examine import SILENCE_PEAK
from gerdata.media.limits import MediaLimits
from gerdata.people.limbs import body_maps
from gerdata.people.structures import StructureFinder, in_a_row
from gerdata.people.tracks import Look, Tracks
from gerdata.privacy.avatars import Protected, head_bank, head_reader, plan_heads, put
from gerdata.privacy.check import FaceCheck, check_sound, check_tracks, failing_closed
from gerdata.privacy.heads import grown, head_finder
from gerdata.privacy.ops import frame_op_of, head_scan_of, voice_op_of
from gerdata.recipe import ProtectRecipe
from gerdata.store.members import encode
from gerdata.store.structures import COLUMN, as_text


@cache
def structure_finder() -> StructureFinder:
    """The process's one finder of joints and landmarks."""
    return StructureFinder()


@dataclasses.dataclass(frozen=True)
class _Picture:
    """Stored frames, and for each the heads and what was filled for them, `[P, 4]` in stored pixels; and the structure of
    people where it was asked for."""

    frames: list[Frames]
    heads: list[Points]
    masks: list[Points]
    structures: list[Structure]


class ProtectWorker:
    """Checks that the source is what was ingested, scans every frame, renders the kept ones, checks, and encodes anew.

    No container, stream or metadata of the source reaches the output: members are new encodings of new arrays.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.recipe = ProtectRecipe.model_validate(settings["recipe"])
        self.name = str(settings["name"])
        self.limits = MediaLimits(max_pixels=self.recipe.max_pixels)
        self.frame_op, self.voice_op = frame_op_of(self.recipe), voice_op_of(self.recipe)
        self.check = FaceCheck(self.recipe.check_score, self.recipe.sure_score, self.recipe.check_px)

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        told = item.payload
        path = Address(told["uri"], told["offset"], told["size"])
        expect(told["start_s"] + told["duration_s"])
        if sha256_of(path) != told["sha256"]:
            raise RejectedInput("source-changed")
        stretch = Stretch(told["start_s"], told["duration_s"], told["origin_s"])
        secret = int.from_bytes(told["secret"].encode())
        picture = self._picture(path, stretch, secret)
        clip = clip_from_json(told["clip"])
        heard = _as_long(sound(path, self.limits, stretch), clip.duration_s)
        audio = self.voice_op.render(heard, rng_for(secret, "voice"))
        if self.recipe.strength == "removing":
            check_sound(heard, audio)
        clip = self._told(clip, audio, heard)
        private: dict[str, Any] = {
            "heads": [box.tolist() for box in picture.heads],
            "masks": [box.tolist() for box in picture.masks],
        }
        limbs = None
        if picture.structures:
            structure = in_a_row(picture.structures)
            private[COLUMN] = as_text(structure)
            if self.recipe.structure == "heatmaps":
                limbs = body_maps(structure, self.recipe.frame_px, self.recipe.frame_px)
        made = encode(Sample(clip, np.stack(picture.frames), audio, limbs=limbs), self.recipe.jpeg_quality)
        yield Made(Row(clip), members=made, private=private)

    def _picture(self, path: Address, stretch: Stretch, secret: int) -> _Picture:
        """Scan all frames, render the kept ones at native size, make them small, and look again; then put avatars in, if asked
        for, and look once more."""
        times_s = list(kept_times_s(self.recipe.n_frames, stretch.duration_s))
        marked = marked_frames(frames(path, self.limits, stretch), times_s)
        with failing_closed():
            tracks, people = self._scanned(Look(shown, is_kept) for shown, is_kept in marked)
        out = _Picture([], [], [], [])
        numbers, readings, size = [], [], (1, 1)
        for number, shown in kept_frames(frames(path, self.limits, stretch), times_s):
            frame = shown.rgb(self.recipe.max_pixels)
            size = frame.shape[:2]
            numbers.append(number)
            out.frames.append(self._fit(self.frame_op.render(frame, tracks, number)))
            heads, masks = self._boxes(tracks, number, frame)
            out.heads.append(heads)
            out.masks.append(masks)
            if self.recipe.frame_op == "replace_heads":
                with failing_closed():
                    readings.append(head_reader(self.recipe.reads_expressions).read(frame, tracks.heads[number]))
            if people is not None:
                with failing_closed():
                    found = structure_finder().find(frame, people.heads[number], self.recipe.frame_px)
                out.structures.append(found)
        if self.recipe.looks_for_heads:
            check_tracks(tracks, numbers)
            with failing_closed():
                stored, masked = self.check(out.frames, out.masks)
            if readings:
                clip = self._protected(stored, masked, tracks.heads[numbers], size)
                stored = self._with_avatars(clip, np.stack(readings), secret)
            return _Picture(stored, out.heads, masked, out.structures)
        return out

    def _protected(self, frames: list[Frames], masks: list[Points], heads: Points, size: tuple[int, int]) -> Protected:
        """What avatars are planned by; `heads [T, P, 4]` in pixels of a native frame of that size."""
        scale = np.array([self.recipe.frame_px / size[1], self.recipe.frame_px / size[0]] * 2, np.float32)
        fills = np.full(heads.shape, np.nan, np.float32)
        there = np.isfinite(heads).all(axis=2)
        fills[there] = grown(heads[there], *size).astype(np.float32) * scale
        return Protected(frames, heads * scale, fills, masks, size[0] / size[1])

    def _with_avatars(self, clip: Protected, readings: Points, secret: int) -> list[Frames]:
        """Frames with avatars' heads in the fill, in which nobody else's face is found."""
        plan = plan_heads(clip, readings, rng_for(secret, "avatars"), self.recipe.expressions)
        frames = [put(frame, plan, t, head_bank()) for t, frame in enumerate(clip.frames)]
        numbers = range(len(frames))
        with failing_closed():
            self.check.only(frames, [plan.windows(t) for t in numbers], [plan.faces(t) for t in numbers])
        return frames

    def _scanned(self, looks: Iterator[Look]) -> tuple[Tracks, Tracks | None]:
        """What the frame op needs to know, and whose structure is asked for (None: nobody's). An op that looks for nobody
        reads no frame, so that they are still there for the scan that its clip then needs."""
        tracks = self.frame_op.scan(looks)
        if self.recipe.structure == "none":
            return tracks, None
        return tracks, tracks if self.recipe.follows_heads else head_scan_of(self.recipe).scan(looks, head_finder())

    def _boxes(self, tracks: Tracks, number: int, frame: Frames) -> tuple[Points, Points]:
        """Heads, and what is grown from them, in stored pixels."""
        if not len(tracks.heads):
            return np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)
        height, width = frame.shape[:2]
        scale = np.array([self.recipe.frame_px / width, self.recipe.frame_px / height] * 2, np.float32)
        boxes = tracks.heads_at(number)
        return boxes * scale, grown(boxes, height, width).astype(np.float32) * scale

    def _fit(self, frame: Frames) -> Frames:
        """To the stored size; the aspect is not kept, as in the papers (ffmpeg scale=224:224)."""
        px = self.recipe.frame_px
        is_larger = frame.shape[0] > px or frame.shape[1] > px
        method = cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(frame, (px, px), interpolation=method), np.uint8)

    def _told(self, clip: Clip, audio: Audio, heard: Audio) -> Clip:
        """The row of what is left."""
        return dataclasses.replace(
            clip,
            n_frames=self.recipe.n_frames,
            height_px=self.recipe.frame_px,
            width_px=self.recipe.frame_px,
            has_audio=bool(np.abs(audio).max(initial=0.0) > SILENCE_PEAK),
            quality=None,  # it was measured on what is gone now
            sound_levels=self.voice_op.levels(heard),
            protection=self.name,
            flags=(),  # oddities of the source's container would help to find it
        )


def _as_long(audio: Audio | None, duration_s: float) -> Audio:
    """Sound of the published, rounded duration: an exact length in samples would help to find the source."""
    whole = np.zeros(max(1, round(duration_s * SAMPLE_RATE_HZ)), np.float32)
    if audio is not None:
        n = min(len(whole), len(audio))
        whole[:n] = audio[:n]
    return whole
