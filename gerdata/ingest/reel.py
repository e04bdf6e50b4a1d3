"""Looks on while a source is decoded once, and hands out each clip's small pictures and sound as soon as it is certain.

Memory holds the clips that are not certain yet, whatever the length of the source.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames
from gerdata.ingest.segments import Cutter, Segment
from gerdata.media.picture import GREY_HEIGHT_PX, GREY_WIDTH_PX, Shown

GLANCES_PER_S = 8
SOUND_LAG_S = 30.0  # picture and sound of one file lie this close together, or the sound counts as missing here
_AHEAD_S = 1e-6


@dataclass(frozen=True)
class Piece:
    """One clip of a source: `grey: uint8 [K, 36, 48]`, 8 a second (one for a still, none without picture); `audio:
    float32 [N]` at 16 kHz or None; a few frames; times of scene cuts from the start of the clip."""

    segment: Segment
    grey: npt.NDArray[np.uint8]
    audio: Audio | None
    stills: tuple[Frames, ...]
    cuts_s: tuple[float, ...]


class FindsCuts(Protocol):
    """Something that is shown every picture and tells where scenes begin."""

    def push(self, picture: Any, time_s: float) -> list[float]: ...


@dataclass(frozen=True)
class Look:
    """What to look at: `still_every_s` None for no stills, `still_height_px` None for stills as large as they are."""

    max_pixels: int
    still_every_s: float | None = None
    still_height_px: int | None = None
    finder: FindsCuts | None = None
    is_by_scene: bool = False


class Reel:
    """A `Watch` of `media.examine`. `emit` takes each piece, in order of time."""

    def __init__(self, cutter: Cutter, look: Look, emit: Callable[[Piece], None]) -> None:
        self._cutter, self._look, self._emit = cutter, look, emit
        self._origin_s: float | None = None  # of the first picture, or of the first sound where there is no picture
        self._before: Shown | None = None
        self._before_grey: npt.NDArray[np.uint8] | None = None
        self._early: list[tuple[float, Audio]] = []  # sound that came before the first picture
        self._glances: deque[tuple[float, npt.NDArray[np.uint8]]] = deque()
        self._stills: deque[tuple[float, Frames]] = deque()
        self._cuts_s: deque[float] = deque()
        self._sound = SoundStore()
        self._glance_n = self._still_n = 0
        self._picture_s = 0.0

    def picture(self, shown: Shown) -> None:
        """Take every frame, in order of time."""
        if self._origin_s is None:
            self._begin(shown.time_s)
        now_s = shown.time_s - (self._origin_s or 0.0)
        self._fill(now_s)
        self._before, self._before_grey = shown, None
        if self._look.finder is not None and hasattr(shown, "picture"):
            for at_s in self._look.finder.push(shown.picture, now_s):
                self._cuts_s.append(at_s)
                if self._look.is_by_scene:
                    self._hand_out(self._cutter.push(at_s))
                    self._cutter.cut(at_s)
        self._picture_s = now_s
        sound_s = self._sound.end_s
        self._hand_out(self._cutter.push(now_s if sound_s is None else min(now_s, max(sound_s, now_s - SOUND_LAG_S))))

    def sound(self, at_s: float, samples: Audio) -> None:
        """Take a stretch of sound."""
        if self._origin_s is None:
            self._early.append((at_s, samples))
            if sum(len(one) for _, one in self._early) > SOUND_LAG_S * SAMPLE_RATE_HZ:
                self._begin(self._early[0][0])  # there is no picture, or it comes much too late to matter here
            return
        self._sound.put(at_s - self._origin_s, samples)
        if self._before is None:
            self._hand_out(self._cutter.push(self._sound.end_s or 0.0))

    def close(self, duration_s: float, has_video: bool) -> None:
        """The source has ended; `duration_s` is what the examination found."""
        if self._origin_s is None and self._early:
            self._begin(self._early[0][0])
        if has_video and self._before is not None:
            self._fill(max(duration_s, _AHEAD_S))
            if not self._glances:
                self._glances.append((0.0, self._before.grey()))
            if not self._stills and self._look.still_every_s is not None:
                self._stills.append((0.0, self._still(self._before)))
        if duration_s == 0:
            self._hand_out(iter([Segment(0.0, 0.0)]))
        else:
            self._hand_out(self._cutter.close(duration_s))

    def _begin(self, origin_s: float) -> None:
        self._origin_s = origin_s
        for at_s, samples in self._early:
            self._sound.put(at_s - origin_s, samples)
        self._early.clear()

    def _fill(self, now_s: float) -> None:
        """The frame that was on screen until now is what all glances and stills up to now show."""
        if self._before is None:
            return
        while (at_s := (self._glance_n + 0.5) / GLANCES_PER_S) < now_s:
            if self._before_grey is None:
                self._before_grey = self._before.grey()
            self._glances.append((at_s, self._before_grey))
            self._glance_n += 1
        every_s = self._look.still_every_s
        while every_s is not None and (at_s := (self._still_n + 0.5) * every_s) < now_s:
            self._stills.append((at_s, self._still(self._before)))
            self._still_n += 1

    def _still(self, shown: Shown) -> Frames:
        height_px = self._look.still_height_px
        return shown.rgb(self._look.max_pixels) if height_px is None else shown.rgb_at(height_px, self._look.max_pixels)

    def _hand_out(self, segments: Iterator[Segment]) -> None:
        for segment in segments:
            end_s = segment.end_s if segment.duration_s else _AHEAD_S
            grey = [one for at_s, one in self._glances if segment.start_s <= at_s < end_s]
            self._emit(
                Piece(
                    segment,
                    np.stack(grey) if grey else np.zeros((0, GREY_HEIGHT_PX, GREY_WIDTH_PX), np.uint8),
                    self._sound.get(segment.start_s, segment.duration_s),
                    tuple(frame for at_s, frame in self._stills if segment.start_s <= at_s < end_s),
                    tuple(s - segment.start_s for s in self._cuts_s if segment.start_s < s < end_s),
                )
            )
            self._forget(self._cutter.oldest_s)

    def _forget(self, before_s: float) -> None:
        for timed in (self._glances, self._stills):
            while timed and timed[0][0] < before_s:
                timed.popleft()
        while self._cuts_s and self._cuts_s[0] < before_s:
            self._cuts_s.popleft()
        self._sound.forget(before_s)


class SoundStore:
    """Sound by the second: put at any time, got by stretch, forgotten from the front."""

    def __init__(self) -> None:
        self._seconds: dict[int, Audio] = {}
        self.end_s: float | None = None

    def put(self, at_s: float, samples: Audio) -> None:
        at = round(at_s * SAMPLE_RATE_HZ)
        if at < 0:
            samples, at = samples[-at:], 0
        self.end_s = max(self.end_s or 0.0, (at + len(samples)) / SAMPLE_RATE_HZ)
        while len(samples):
            second, within = divmod(at, SAMPLE_RATE_HZ)
            n = min(len(samples), SAMPLE_RATE_HZ - within)
            if second not in self._seconds:
                self._seconds[second] = np.zeros(SAMPLE_RATE_HZ, np.float32)
            self._seconds[second][within : within + n] = samples[:n]
            samples, at = samples[n:], at + n

    def get(self, start_s: float, duration_s: float) -> Audio | None:
        """`float32 [N]`, silent where nothing was put; None where nothing ever was."""
        if self.end_s is None:
            return None
        at, n = round(start_s * SAMPLE_RATE_HZ), round(duration_s * SAMPLE_RATE_HZ)
        out = np.zeros(n, np.float32)
        for second in range(at // SAMPLE_RATE_HZ, (at + n) // SAMPLE_RATE_HZ + 1):
            if second in self._seconds:
                begin = second * SAMPLE_RATE_HZ - at
                low, high = max(0, begin), min(n, begin + SAMPLE_RATE_HZ)
                if low < high:
                    out[low:high] = self._seconds[second][low - begin : high - begin]
        return out

    def forget(self, before_s: float) -> None:
        for second in [one for one in self._seconds if one + 1 < before_s]:
            del self._seconds[second]
