"""Decoding: a stream of all frames at native size, the frames that are kept, and sound at 16 kHz mono.

Time zero is the first frame of the picture stream, or the first sample where there is no picture. A frame is what a
viewer sees (`picture`), whatever the source is made of: video, a still, a folder of stills, tensors.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import RejectedInput
from gerdata.media.address import Address
from gerdata.media.container import opened, probe_of, translated
from gerdata.media.limits import MediaLimits
from gerdata.media.picture import Shown, StillFrame, TimedFrame
from gerdata.media.stills import stills_of

SEEK_AHEAD_S = 2.0  # how far before a stretch decoding starts, so that codecs and resamplers have settled
RESYNC_S = 0.015  # sound whose timestamp is off by more is placed anew: keeps picture and sound within 20 ms
BLACK_PX = 16  # side of the frame that stands for no picture
CLOCK_S = 1e-6  # times closer than this are equal: finer than any container's clock, coarser than rounding


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


def frames(address: Address, limits: MediaLimits, stretch: Stretch) -> Iterator[Shown]:
    """Every frame of a stretch in order of presentation, at native size, in constant memory.

    `time_s` counts from the start of the stretch. The frame on screen when the stretch begins comes first, with a time
    of at most zero. Of a source without any picture it is one small black frame.
    """
    stills = stills_of(address, limits)
    if stills is None:
        yield from _video_frames(address, limits, stretch)
        return
    last = stills.n_frames - 1
    for i in range(stills.n_frames):
        is_over = i < last and stills.time_s(i + 1) <= stretch.start_s + CLOCK_S
        if not is_over and (i == 0 or stills.time_s(i) < stretch.start_s + stretch.duration_s):
            yield StillFrame(stills.time_s(i) - stretch.start_s, stills.frame(i))


def _video_frames(address: Address, limits: MediaLimits, stretch: Stretch) -> Iterator[Shown]:
    with opened(address, limits) as source:
        container, probe = source.container, probe_of(source, limits)
        if probe.video_index is None:
            if probe.audio_index is None:
                raise RejectedInput("no-video")
            yield StillFrame(0.0, np.zeros((BLACK_PX, BLACK_PX, 3), np.uint8))
            return
        stream = container.streams[probe.video_index]
        stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
        stream.codec_context.thread_count = 1  # the engine owns the cores
        begin_s = stretch.origin_s + stretch.start_s
        _seek(container, begin_s - SEEK_AHEAD_S, stretch.start_s)
        aspect, latest_s = aspect_of(stream), -math.inf
        before: Shown | None = None
        with translated("undecodable"):
            for picture in container.decode(stream):
                time_s = max(latest_s, picture.time - begin_s if picture.time is not None else 0.0)
                latest_s = time_s  # timestamps that go back are taken as not before the one before
                if time_s >= stretch.duration_s and time_s > 0:  # one frame has no duration, and is still seen
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


def kept_frames(stream: Iterator[Shown], times_s: Sequence[float]) -> Iterator[tuple[int, Shown]]:
    """For each time, ascending, the frame that is on screen then, and its number: the last one shown at or before it.

    Before the first frame it is the first, after the last the last. An empty stream gives `RejectedInput`.
    """
    given = 0
    for number, shown, n_times in _timed(stream, times_s):
        for _ in range(n_times):
            yield number, shown
        given += n_times
        if given == len(times_s):
            return


def marked_frames(stream: Iterator[Shown], times_s: Sequence[float]) -> Iterator[tuple[Shown, bool]]:
    """Every frame, and whether `kept_frames` keeps it. One frame is held back, as the next one's time decides."""
    for _, shown, n_times in _timed(stream, times_s):
        yield shown, n_times > 0


def _timed(stream: Iterator[Shown], times_s: Sequence[float]) -> Iterator[tuple[int, Shown, int]]:
    """Every frame's number, itself, and how many of the times it is on screen at."""
    current = next(stream, None)
    if current is None:
        raise RejectedInput("undecodable", "no frame in the stretch")
    number, at = 0, 0
    while current is not None:
        following = next(stream, None)
        begun = at
        while at < len(times_s) and (following is None or following.time_s > times_s[at] + CLOCK_S):
            at += 1
        yield number, current, at - begun
        number, current = number + 1, following


def sound(address: Address, limits: MediaLimits, stretch: Stretch) -> Audio | None:
    """The sound of a stretch: `float32 [round(duration_s * 16000)]`, mono, in [-1, 1]; None without a sound stream.

    Samples are placed by their timestamps, so late or missing sound stays late or silent beside the picture.
    """
    if stills_of(address, limits) is not None:
        return None
    with opened(address, limits) as source:
        container, probe = source.container, probe_of(source, limits)
        if probe.audio_index is None:
            return None
        stream = container.streams[probe.audio_index]
        out = np.zeros(round(stretch.duration_s * SAMPLE_RATE_HZ), np.float32)
        begin_s = stretch.origin_s + stretch.start_s
        _seek(container, begin_s - SEEK_AHEAD_S, stretch.start_s)
        track = SoundTrack()
        for packet in container.demux(stream):
            blocks = decode_sound(packet)
            for block in blocks or ():
                for at_s, samples in track.push(block):
                    _place(out, samples, round((at_s - begin_s) * SAMPLE_RATE_HZ))
            if track.due_s > begin_s + stretch.duration_s:
                break
        for at_s, samples in track.close():
            _place(out, samples, round((at_s - begin_s) * SAMPLE_RATE_HZ))
    return out


def decode_sound(packet: Any) -> list[Any] | None:
    """The blocks of one sound packet; None where it is damaged, so that the rest can still be heard."""
    try:
        blocks: list[Any] = packet.decode()
    except av.error.EOFError:
        return []
    except (av.error.InvalidDataError, av.error.BugError, av.error.PatchWelcomeError, av.error.UndefinedError):
        return None
    return blocks


class SoundTrack:
    """Blocks of sound in, stretches of 16 kHz mono with the time of their first sample out. In [-1, 1], never NaN."""

    def __init__(self) -> None:
        self.due_s, self._at_s, self._resampler = -math.inf, 0.0, _resampler()
        self.gaps = self.nans = 0

    def push(self, block: Any) -> Iterator[tuple[float, Audio]]:
        """What one decoded block becomes. A block that is not due yet, or late, begins a new stretch at its own time."""
        time_s = block.time if block.time is not None else (self.due_s if math.isfinite(self.due_s) else 0.0)
        if abs(time_s - self.due_s) > RESYNC_S:
            yield from self.close()
            self.gaps += math.isfinite(self.due_s)
            self._resampler, self._at_s = _resampler(), time_s
        self.due_s = time_s + block.samples / block.sample_rate
        with translated("undecodable"):
            outs = self._resampler.resample(block)
        yield from self._told(outs)

    def close(self) -> Iterator[tuple[float, Audio]]:
        """What the resampler still holds."""
        if math.isfinite(self.due_s):
            with translated("undecodable"):
                outs = self._resampler.resample(None)
            yield from self._told(outs)

    def _told(self, outs: list[Any]) -> Iterator[tuple[float, Audio]]:
        for out in outs:
            samples = out.to_ndarray()[0]
            is_number = np.isfinite(samples)
            if not is_number.all():
                self.nans += 1
                samples = np.where(is_number, samples, np.float32(0))
            yield self._at_s, np.clip(samples, -1.0, 1.0)
            self._at_s += len(samples) / SAMPLE_RATE_HZ


def _resampler() -> Any:
    return av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE_HZ)


def _place(out: Audio, samples: Audio, at: int) -> None:
    low, high = max(0, at), min(len(out), at + len(samples))
    if low < high:
        out[low:high] = samples[low - at : high - at]


def _seek(container: Any, to_s: float, start_s: float) -> None:
    """Go near a time; a stretch that starts early is read from the beginning, where every demuxer is exact."""
    if start_s > 2 * SEEK_AHEAD_S:
        with translated("undecodable"):
            container.seek(int(to_s * av.time_base), backward=True, any_frame=False)
