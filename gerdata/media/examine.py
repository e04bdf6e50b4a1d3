"""The verdict on one source: everything is decoded once and compared with what the container declares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av.error
import numpy as np

from gerdata.errors import RejectedInput
from gerdata.media.container import Probe, opened, probe_of, translated
from gerdata.media.decode import aspect_of
from gerdata.media.limits import MediaLimits

SILENCE_PEAK = 2**-15  # half a step of 16-bit sound


@dataclass(frozen=True)
class Examined:
    """A source that decodes as it declares. `origin_s`: when the container shows the first frame."""

    duration_s: float
    origin_s: float
    n_frames: int
    width_px: int
    height_px: int
    has_audio: bool
    flags: tuple[str, ...]


@dataclass
class _Tally:
    """What one pass over all packets counted."""

    packets: int = 0
    frames: int = 0
    corrupt: int = 0
    fields: int = 0
    first_s: float = np.inf
    end_s: float = -np.inf
    audio_end_s: float = -np.inf
    audio_peak: float = 0.0
    audio_broken: bool = False
    uneven: bool = False
    turned: bool = False
    cut_short: bool = False


def examine(path: Path, limits: MediaLimits, expect: Callable[[float], None]) -> Examined:
    """Decode the whole of a source; `expect` is told its declared duration, so that time limits can grow with it.

    Raises `RejectedInput`: what does not decode to what it declares is not passed on. Damage that leaves no trace in
    packets, frames or counts (a flipped bit in VP9, say) cannot be seen; the source's SHA-256 guards the rest.
    """
    with opened(path, limits) as container:
        probe = probe_of(container, limits)
        if probe.video_index is None:
            raise RejectedInput("no-video", f"{probe.n_audio} sound streams")
        expect(probe.declared_duration_s or 0.0)
        tally = _decode_all(container, probe, limits)
        duration_s = tally.end_s - tally.first_s
        _judge(probe, tally, duration_s)
        return Examined(
            duration_s=duration_s,
            origin_s=tally.first_s,
            n_frames=tally.frames,
            width_px=probe.width_px,
            height_px=probe.height_px,
            has_audio=tally.audio_peak > SILENCE_PEAK,
            flags=_flags(probe, tally, aspect_of(container.streams[probe.video_index])),
        )


def _decode_all(container: Any, probe: Probe, limits: MediaLimits) -> _Tally:
    video = container.streams[probe.video_index]
    video.codec_context.options = {"max_pixels": str(limits.max_pixels)}
    chosen = [video] + ([container.streams[probe.audio_index]] if probe.audio_index is not None else [])
    tally = _Tally()
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
                _take_picture(tally, packet, limits)
            else:
                _take_sound(tally, packet)
    return tally


def _take_picture(tally: _Tally, packet: Any, limits: MediaLimits) -> None:
    tally.packets += packet.size > 0 and not packet.is_discard
    tally.corrupt += packet.is_corrupt
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
        tally.frames += 1
        tally.corrupt += picture.is_corrupt
        tally.fields += picture.interlaced_frame
        tally.turned |= bool(picture.rotation)
        if picture.time is not None:
            own_s = float(picture.duration * picture.time_base) if picture.duration else step_s
            tally.uneven |= tally.end_s > -np.inf and abs(picture.time - tally.end_s) > max(0.001, 0.5 * own_s)
            tally.first_s = min(tally.first_s, picture.time)
            tally.end_s = max(tally.end_s, picture.time + own_s)


def _take_sound(tally: _Tally, packet: Any) -> None:
    try:
        blocks = packet.decode()
    except av.error.EOFError:
        return
    except av.error.InvalidDataError:
        tally.audio_broken = True
        return
    for block in blocks:
        if block.time is not None:
            tally.audio_end_s = max(tally.audio_end_s, block.time + block.samples / block.sample_rate)
        samples = block.to_ndarray()
        if samples.dtype.kind in "iu":  # unsigned 8-bit rests at 128, the others at zero
            info = np.iinfo(samples.dtype)
            samples = (samples.astype(np.float64) - (128 if info.min == 0 else 0)) / info.max
        if samples.size:
            tally.audio_peak = max(tally.audio_peak, float(np.abs(np.nan_to_num(samples)).max()))


def _judge(probe: Probe, tally: _Tally, duration_s: float) -> None:
    """Raise the verdict of a source that is not what it declares."""
    counted = f"{tally.frames} of {max(probe.declared_frames, tally.packets)} frames"
    if probe.declared_frames > tally.packets or tally.cut_short:
        raise RejectedInput("truncated", counted)
    if tally.corrupt:
        raise RejectedInput("undecodable", f"{tally.corrupt} damaged of {max(tally.frames, tally.packets)} frames")
    if tally.frames == 0:
        raise RejectedInput("undecodable", counted)
    fields = 2 if tally.fields else 1  # a field may be a packet of its own
    if tally.frames * fields < 0.95 * tally.packets - 1:
        raise RejectedInput("undecodable", counted)
    if not np.isfinite(duration_s) or duration_s <= 0:
        raise RejectedInput("too-short", counted)
    # Matroska and FLV declare a duration but no count; others declare a count, or only estimate their duration.
    if probe.declared_duration_s and set(probe.format.split(",")) & {"matroska", "webm", "flv"}:
        missing_s = probe.declared_duration_s - (max(tally.end_s, tally.audio_end_s) - min(0.0, tally.first_s))
        if missing_s > max(0.25, 0.02 * probe.declared_duration_s):
            raise RejectedInput("truncated", f"{missing_s:.1f} of {probe.declared_duration_s:.1f} s missing")


def _flags(probe: Probe, tally: _Tally, aspect: float) -> tuple[str, ...]:
    """What is out of the ordinary, in a fixed order."""
    silent = probe.n_audio > 0 and tally.audio_peak <= SILENCE_PEAK
    told = {
        "animated-image": probe.format == "gif",
        "no-audio": probe.n_audio == 0,
        "silent-audio": silent,
        "damaged-audio": tally.audio_broken,
        "extra-video-streams": probe.n_video > 1,
        "extra-audio-streams": probe.n_audio > 1,
        "rotated": tally.turned,
        "non-square-pixels": aspect != 1.0,
        "interlaced": tally.fields > 0,
        "uneven-frame-rate": tally.uneven,
    }
    return tuple(name for name, is_so in told.items() if is_so)
