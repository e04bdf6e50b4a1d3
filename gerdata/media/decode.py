"""Decoding: a stream of all frames at native size, the frames that are kept, and sound at 16 kHz mono.

Time zero is the first frame of the picture stream. Rotation and sample aspect ratio are honoured, so a frame is what
a viewer sees: upright, with square pixels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames
from gerdata.errors import RejectedInput
from gerdata.media.container import Probe, opened, probe_of, translated
from gerdata.media.limits import MediaLimits

SEEK_AHEAD_S = 2.0  # how far before a stretch decoding starts, so that codecs and resamplers have settled
RESYNC_S = 0.04  # sound whose timestamp is off by more is placed anew; a viewer notices 45 ms (ITU-R BT.1359)
CLOCK_S = 1e-6  # times closer than this are equal: finer than any container's clock, coarser than rounding


@dataclass(frozen=True)
class TimedFrame:
    """One decoded frame and when it is shown; its pixels are converted only when asked for."""

    time_s: float
    picture: Any
    aspect: float

    def rgb(self, max_pixels: int) -> Frames:
        """`uint8 [H, W, 3]`, upright, square pixels. `RejectedInput` where that is over the pixel limit."""
        width, height = self.picture.width, self.picture.height
        wide = max(1, round(width * self.aspect)) if self.aspect >= 1 else width
        high = max(1, round(height / self.aspect)) if self.aspect < 1 else height
        if wide * high > max_pixels:
            raise RejectedInput("too-large", f"{wide}x{high}, limit {max_pixels} pixels")
        frame = self.picture.to_ndarray(format="rgb24")
        if (wide, high) != (width, height):
            frame = cv2.resize(frame, (wide, high), interpolation=cv2.INTER_LINEAR)
        quarter_turns = round((self.picture.rotation or 0) / 90) % 4  # counter-clockwise, as the display matrix says
        return np.ascontiguousarray(np.rot90(frame, quarter_turns)) if quarter_turns else frame


@dataclass(frozen=True)
class Stretch:
    """A stretch of one source: seconds from its first frame, which the container shows at `origin_s`."""

    start_s: float
    duration_s: float
    origin_s: float


def aspect_of(stream: Any) -> float:
    """Width over height of one pixel; 1 where it is not told or makes no sense."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    value = float(ratio) if ratio and ratio.numerator > 0 and ratio.denominator > 0 else 1.0
    return value if 1 / 1024 < value < 1024 else 1.0


def frames(path: Path, limits: MediaLimits, stretch: Stretch) -> Iterator[TimedFrame]:
    """Every frame of a stretch in order of presentation, at native size, in constant memory.

    `time_s` counts from the start of the stretch. The frame on screen when the stretch begins comes first, with a time
    of at most zero.
    """
    with opened(path, limits) as container:
        stream = _video_of(container, probe_of(container, limits))
        stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
        begin_s = stretch.origin_s + stretch.start_s
        _seek(container, begin_s - SEEK_AHEAD_S, stretch.start_s)
        aspect, before = aspect_of(stream), None
        with translated("undecodable"):
            for picture in container.decode(stream):
                time_s = picture.time - begin_s if picture.time is not None else 0.0
                if time_s >= stretch.duration_s:
                    break
                frame = TimedFrame(time_s, picture, aspect)
                if time_s <= 0:
                    before = frame
                    continue
                if before is not None:
                    yield before
                    before = None
                yield frame
            if before is not None:
                yield before


def kept_frames(stream: Iterator[TimedFrame], times_s: Sequence[float]) -> Iterator[TimedFrame]:
    """For each time, ascending, the frame that is on screen then: the last one shown at or before it.

    Before the first frame it is the first, after the last the last. An empty stream gives `RejectedInput`.
    """
    current = next(stream, None)
    if current is None:
        raise RejectedInput("undecodable", "no frame in the stretch")
    following = next(stream, None)
    for time_s in times_s:
        while following is not None and following.time_s <= time_s + CLOCK_S:
            current, following = following, next(stream, None)
        yield current


def sound(path: Path, limits: MediaLimits, stretch: Stretch) -> Audio | None:
    """The sound of a stretch: `float32 [round(duration_s * 16000)]`, mono, in [-1, 1]; None without a sound stream.

    Samples are placed by their timestamps, so late or missing sound stays late or silent beside the picture.
    """
    with opened(path, limits) as container:
        probe = probe_of(container, limits)
        if probe.audio_index is None:
            return None
        stream = container.streams[probe.audio_index]
        out = np.zeros(round(stretch.duration_s * SAMPLE_RATE_HZ), np.float32)
        begin_s = stretch.origin_s + stretch.start_s
        _seek(container, begin_s - SEEK_AHEAD_S, stretch.start_s)
        with translated("undecodable"):
            for at_s, samples in _resampled(container, stream, begin_s + stretch.duration_s):
                _place(out, samples, round((at_s - begin_s) * SAMPLE_RATE_HZ))
    np.nan_to_num(out, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(out, -1.0, 1.0)


def _resampled(container: Any, stream: Any, end_s: float) -> Iterator[tuple[float, Audio]]:
    """Blocks of 16 kHz mono sound with the time of their first sample."""
    resampler, at_s, due_s = _resampler(), 0.0, -math.inf
    for block in container.decode(stream):
        time_s = block.time if block.time is not None else due_s
        if time_s >= end_s:
            break
        if abs(time_s - due_s) > RESYNC_S:
            resampler, at_s = _resampler(), time_s
        due_s = time_s + block.samples / block.sample_rate
        for out in resampler.resample(block):
            samples = out.to_ndarray()[0]
            yield at_s, samples
            at_s += len(samples) / SAMPLE_RATE_HZ
    for out in resampler.resample(None):
        yield at_s, out.to_ndarray()[0]


def _resampler() -> Any:
    return av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE_HZ)


def _place(out: Audio, samples: Audio, at: int) -> None:
    low, high = max(0, at), min(len(out), at + len(samples))
    if low < high:
        out[low:high] = samples[low - at : high - at]


def _video_of(container: Any, probe: Probe) -> Any:
    if probe.video_index is None:
        raise RejectedInput("no-video")
    return container.streams[probe.video_index]


def _seek(container: Any, to_s: float, start_s: float) -> None:
    """Go near a time; a stretch that starts early is read from the beginning, where every demuxer is exact."""
    if start_s > 2 * SEEK_AHEAD_S:
        with translated("undecodable"):
            container.seek(int(to_s * av.time_base), backward=True, any_frame=False)
