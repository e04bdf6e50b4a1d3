"""Opening one container safely, and telling what is in it."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import av
import av.error
import av.logging

from gerdata.errors import RejectedInput
from gerdata.media.limits import AUDIO_FORMATS, FORMATS, MediaLimits

av.logging.set_level(av.logging.PANIC)  # damage is read from packets and frames; log lines can hold metadata

_OPTIONS = {
    "format_whitelist": ",".join(FORMATS + AUDIO_FORMATS),
    "protocol_whitelist": "none",
    "enable_drefs": "0",  # a QuickTime data reference would open a second file
    "use_absolute_path": "0",
    "probesize": str(20 << 20),
    "analyzeduration": str(20_000_000),
}


def open_regular(path: Path) -> BufferedReader:
    """A regular file for reading, never through a link at its end, never blocking on a pipe or device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RejectedInput("source-missing") from None
    except OSError as error:
        raise RejectedInput("unsafe-path" if error.errno == errno.ELOOP else "unreadable") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RejectedInput("unsafe-path")
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def opened(path: Path, limits: MediaLimits) -> Iterator[Any]:
    """A PyAV container over one regular file. `RejectedInput` says why it is not to be had.

    The demuxer sees bytes, not a path, so neither the name nor a neighbour of the file can matter.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise RejectedInput("empty")
        with translated("truncated" if _is_known_container(file) else "format-not-allowed"):
            container = av.open(file, "r", options=_OPTIONS, buffer_size=1 << 20, metadata_errors="replace")
        with container:
            if len(container.streams) > limits.max_streams:
                raise RejectedInput("too-many-streams", f"{len(container.streams)} streams")
            yield container


def _is_known_container(file: BufferedReader) -> bool:
    """Whether the first bytes are those of a container we open, so that a failure to open it means damage."""
    head = file.read(12)
    file.seek(0)
    return head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or (head[:4] == b"RIFF" and head[8:] == b"AVI ")


@contextlib.contextmanager
def translated(reason: str) -> Iterator[None]:
    """Turn what FFmpeg raises into a verdict; memory stays memory."""
    try:
        yield
    except (MemoryError, av.error.MemoryError):
        raise RejectedInput("memory") from None
    except (av.error.FFmpegError, OSError, ValueError, UnicodeError, OverflowError) as error:
        raise RejectedInput(reason, type(error).__name__) from None


@dataclass(frozen=True)
class Probe:
    """What a container says of itself, before anything is decoded. Sizes are as coded: neither turned nor stretched."""

    format: str
    video_index: int | None
    audio_index: int | None
    n_video: int
    n_audio: int
    width_px: int
    height_px: int
    declared_frames: int
    declared_duration_s: float | None


def probe_of(container: Any, limits: MediaLimits) -> Probe:
    """Choose the streams to use: the best picture stream that is no cover art, the best sound stream.

    Raises `RejectedInput` for frames over the pixel limit and sources over the duration limit, from the header alone.
    """
    videos = [s for s in container.streams.video if not _is_cover(s)]
    audios = list(container.streams.audio)
    best = container.streams.best("video")
    video = best if best in videos else next(iter(videos), None)
    audio = container.streams.best("audio")
    width, height = (video.codec_context.width, video.codec_context.height) if video else (0, 0)
    if width * height > limits.max_pixels:
        raise RejectedInput("too-large", f"{width}x{height}, limit {limits.max_pixels} pixels")
    duration_s = container.duration / av.time_base if container.duration and container.duration > 0 else None
    if duration_s is not None and duration_s > limits.max_duration_s:
        raise RejectedInput("too-long", f"{duration_s:.0f} s, limit {limits.max_duration_s:.0f} s")
    return Probe(
        format=container.format.name,
        video_index=video.index if video else None,
        audio_index=audio.index if audio else None,
        n_video=len(videos),
        n_audio=len(audios),
        width_px=width,
        height_px=height,
        declared_frames=max(0, video.frames) if video else 0,
        declared_duration_s=duration_s,
    )


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file's bytes, in hex, read in constant memory."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def decoders_missing() -> list[str]:
    """Names of the decoders that common clips need and this build of FFmpeg lacks."""
    needed = (
        "h264",
        "hevc",
        "mpeg4",
        "vp8",
        "vp9",
        "gif",
        "mjpeg",
        "aac",
        "mp3",
        "opus",
        "vorbis",
        "flac",
        "pcm_s16le",
    )
    return [name for name in needed if name not in av.codecs_available]
