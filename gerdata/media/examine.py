"""The verdict on one source: everything is decoded once and compared with what the container declares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import av.error
import numpy as np

from gerdata.clip import Audio
from gerdata.errors import RejectedInput
from gerdata.manifest import FLAGS
from gerdata.media.address import Address
from gerdata.media.container import Probe, opened, probe_of, translated
from gerdata.media.decode import SoundTrack, aspect_of, decode_sound
from gerdata.media.limits import MediaLimits
from gerdata.media.picture import Shown, StillFrame, TimedFrame
from gerdata.media.stills import Stills, stills_of
from gerdata.media.tally import Tally, flags_of, judge

SILENCE_PEAK = 2**-15  # half a step of 16-bit sound


@dataclass(frozen=True)
class Examined:
    """A source that decodes as it declares. `origin_s`: when the container shows the first frame. A still has no duration."""

    duration_s: float
    origin_s: float
    n_frames: int
    width_px: int
    height_px: int
    has_audio: bool
    has_video: bool
    flags: tuple[str, ...]
    format: str


class Watch(Protocol):
    """Who looks on while a source is decoded; times are those of the container."""

    def picture(self, shown: Shown) -> None:
        """Every frame, in order."""
        ...

    def sound(self, at_s: float, samples: Audio) -> None:
        """Every stretch of sound, `float32 [N]` at 16 kHz mono."""
        ...


def examine(
    address: Address,
    limits: MediaLimits,
    expect: Callable[[float], None],
    watch: Watch | None = None,
    is_fast: bool = False,
) -> Examined:
    """Decode the whole of a source; `expect` is told its declared duration, so that time limits can grow with it.

    Raises `RejectedInput`: what does not decode to what it declares is not passed on. Damage that leaves no trace in
    packets, frames or counts (a flipped bit in VP9, say) cannot be seen; the source's SHA-256 guards the rest. With
    `is_fast`, frames that no other frame refers to are counted as packets and not decoded, so damage in them goes unseen.
    """
    stills = stills_of(address, limits)
    if stills is not None:
        return _examine_stills(stills, watch)
    with opened(address, limits) as source:
        container, probe = source.container, probe_of(source, limits)
        if probe.is_encrypted:
            raise RejectedInput("encrypted")
        if probe.video_index is None and probe.audio_index is None:
            raise RejectedInput("no-video", "no stream to use")
        expect(probe.declared_duration_s or 0.0)
        if is_fast and probe.video_index is not None:
            container.streams[probe.video_index].codec_context.skip_frame = "NONREF"
        tally = _decode_all(container, probe, limits, watch)
        duration_s = judge(probe, tally, is_fast)
        video = container.streams[probe.video_index] if probe.video_index is not None else None
        return Examined(
            duration_s=duration_s,
            origin_s=tally.first_s if probe.video_index is not None else tally.audio_first_s,
            n_frames=tally.frames,
            width_px=probe.width_px,
            height_px=probe.height_px,
            has_audio=tally.audio_peak > SILENCE_PEAK,
            has_video=video is not None,
            flags=_in_order(
                flags_of(probe, tally, aspect_of(video) if video else 1.0, tally.audio_peak <= SILENCE_PEAK)
            ),
            format=probe.format,
        )


def _examine_stills(stills: Stills, watch: Watch | None) -> Examined:
    """Every picture is read; all have the size of the first."""
    sizes = set()
    for i in range(stills.n_frames):
        frame = stills.frame(i)
        sizes.add(frame.shape)
        if len(sizes) > 1:
            raise RejectedInput("undecodable", "pictures of several sizes in one sequence")
        if watch is not None:
            watch.picture(StillFrame(stills.time_s(i), frame))
    return Examined(
        duration_s=stills.duration_s,
        origin_s=0.0,
        n_frames=stills.n_frames,
        width_px=stills.width_px,
        height_px=stills.height_px,
        has_audio=False,
        has_video=True,
        flags=_in_order({*stills.flags, "no-audio"}),
        format="pictures",
    )


def _in_order(told: set[str]) -> tuple[str, ...]:
    return tuple(name for name in FLAGS if name in told)


def _decode_all(container: Any, probe: Probe, limits: MediaLimits, watch: Watch | None) -> Tally:
    chosen = [container.streams[i] for i in (probe.video_index, probe.audio_index) if i is not None]
    tally, track = Tally(), SoundTrack()
    aspect = 1.0
    if probe.video_index is not None:
        video = container.streams[probe.video_index]
        video.codec_context.options = {"max_pixels": str(limits.max_pixels)}
        video.codec_context.thread_count = 1  # the engine owns the cores
        aspect = aspect_of(video)
    with translated("undecodable"):
        demuxed = container.demux(chosen)
        while True:
            try:
                packet = next(demuxed)
            except StopIteration:
                break
            except av.error.InvalidDataError:
                tally.cut_short = True
                break
            if packet.stream.index == probe.video_index:  # a flushing packet has no index of its own
                _take_picture(tally, packet, limits, watch, aspect)
            else:
                _take_sound(tally, packet, track, watch)
    _hear(tally, track.close(), watch)
    tally.audio_nans, tally.audio_gaps = track.nans, track.gaps
    return tally


def _take_picture(tally: Tally, packet: Any, limits: MediaLimits, watch: Watch | None, aspect: float) -> None:
    tally.packets += packet.size > 0 and not packet.is_discard
    tally.discarded += bool(packet.is_discard)
    tally.corrupt_packets += packet.is_corrupt
    step_s = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
    try:
        pictures = packet.decode()
    except av.error.EOFError:
        return
    except av.error.InvalidDataError:
        tally.corrupt += 1
        return
    for picture in pictures:
        if picture.width * picture.height > limits.max_pixels:
            raise RejectedInput("too-large", f"{picture.width}x{picture.height}, limit {limits.max_pixels} pixels")
        tally.see(picture, step_s)
        if watch is not None:
            watch.picture(TimedFrame(tally.latest_s, picture, aspect))


def _take_sound(tally: Tally, packet: Any, track: SoundTrack, watch: Watch | None) -> None:
    tally.audio_packets += packet.size > 0
    blocks = decode_sound(packet)
    if blocks is None:
        tally.audio_broken += 1
        return
    for block in blocks:
        if block.time is not None:
            tally.audio_first_s = min(tally.audio_first_s, block.time)
            tally.audio_end_s = max(tally.audio_end_s, block.time + block.samples / block.sample_rate)
        _hear(tally, track.push(block), watch)


def _hear(tally: Tally, stretches: Any, watch: Watch | None) -> None:
    for at_s, samples in stretches:
        tally.audio_samples += len(samples)
        tally.audio_first_s = min(tally.audio_first_s, at_s)
        tally.audio_peak = max(tally.audio_peak, float(np.abs(samples).max(initial=0.0)))
        if watch is not None:
            watch.sound(at_s, samples)


# What content may hide under a suffix; a suffix that is not listed tells nothing.
_SUFFIXES = {
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".m4a", ".3gp", ".3g2", ".avif", ".heic"), "mov,mp4,m4a,3gp,3g2,mj2"),
    **dict.fromkeys((".mkv", ".webm", ".mka"), "matroska,webm"),
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"), "pictures"),
    ".avi": "avi",
    ".ts": "mpegts",
    ".mpg": "mpeg",
    ".flv": "flv",
    ".wmv": "asf",
    ".gif": "gif",
    ".ogv": "ogg",
    ".ogg": "ogg",
    ".wav": "wav",
    ".flac": "flac",
    ".mp3": "mp3",
}


def is_misnamed(name: str, format_: str) -> bool:
    """Whether a name's suffix promises another format than the content has."""
    promised = _SUFFIXES.get(PurePosixPath(name).suffix.casefold())
    return promised is not None and promised != format_
