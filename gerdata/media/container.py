"""Opening one container safely, and telling what is in it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import av.error
import av.logging

from gerdata.errors import RejectedInput
from gerdata.media.address import Address, open_bytes, size_of
from gerdata.media.boxes import Boxes, boxes_of
from gerdata.media.limits import AUDIO_FORMATS, FORMATS, MediaLimits

av.logging.set_level(av.logging.PANIC)  # damage is read from packets and frames; log lines can hold metadata

TILED_BRANDS = {b"heic", b"heix", b"mif1"}  # phones cut pictures into tiles, each a stream
TS_PACKET_BYTES = (188, 192, 204)
OGG_PAGE_LIMIT_BYTES = 65_307
_OPTIONS = {
    "format_whitelist": ",".join(FORMATS + AUDIO_FORMATS),
    "protocol_whitelist": "none",
    "enable_drefs": "0",  # a QuickTime data reference would open a second file
    "use_absolute_path": "0",
    "probesize": str(20 << 20),
    "analyzeduration": str(20_000_000),
}


@dataclass(frozen=True)
class Opened:
    """An open container, and what its bytes tell beside it."""

    container: Any
    boxes: Boxes
    is_cut: bool


@contextlib.contextmanager
def opened(address: Address, limits: MediaLimits) -> Iterator[Opened]:
    """A PyAV container over the bytes of one source. `RejectedInput` says why it is not to be had.

    The demuxer sees bytes, not a path, so neither the name nor a neighbour of the file can matter.
    """
    with open_bytes(address) as file:
        if size_of(file) == 0:
            raise RejectedInput("empty")
        boxes, is_cut = boxes_of(file), _is_cut(file)
        with translated("truncated" if _is_known_container(file) else "format-not-allowed"):
            container = av.open(file, "r", options=_OPTIONS, buffer_size=1 << 20, metadata_errors="replace")
        with container:
            if len(container.streams) > limits.max_streams:
                raise RejectedInput("too-many-streams", f"{len(container.streams)} streams")
            yield Opened(container, boxes, is_cut)


def _is_cut(file: BinaryIO) -> bool:
    """Whether the last bytes of a file cannot be the last ones of a whole file of its format. Leaves it at its start."""
    size = size_of(file)
    head = file.read(4 * max(TS_PACKET_BYTES))
    is_cut = False
    if any({head[i * n : i * n + 1] for i in range(4)} == {b"G"} for n in TS_PACKET_BYTES):
        is_cut = all(size % n for n in TS_PACKET_BYTES)
    elif head[:4] == b"OggS":  # the last page of a stream says so (RFC 3533, header type flag 4)
        file.seek(max(0, size - OGG_PAGE_LIMIT_BYTES))
        tail = file.read(OGG_PAGE_LIMIT_BYTES)
        last = tail.rfind(b"OggS")
        is_cut = last < 0 or len(tail) < last + 6 or not tail[last + 5] & 4
    file.seek(0)
    return is_cut


def _is_known_container(file: BinaryIO) -> bool:
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
    """What a container says of itself, before anything is decoded. Sizes are as coded: neither turned nor stretched.

    `is_cut`: the bytes end where a whole file of this format cannot end. Counts that are not declared are 0.
    """

    format: str
    brand: bytes
    video_index: int | None
    audio_index: int | None
    n_video: int
    n_audio: int
    n_covers: int
    n_other: int
    width_px: int
    height_px: int
    declared_frames: int
    declared_audio_packets: int
    declared_duration_s: float | None
    is_encrypted: bool
    is_cut: bool


def probe_of(source: Opened, limits: MediaLimits) -> Probe:
    """Choose the streams to use: the best picture stream that is no cover art, the best sound stream.

    Raises `RejectedInput` for frames over the pixel limit and sources over the duration limit, from the header alone.
    """
    container, boxes = source.container, source.boxes
    covers = [s for s in container.streams.video if _is_cover(s)]
    videos = [s for s in container.streams.video if s not in covers and s.codec_context is not None]
    audios = [s for s in container.streams.audio if s.codec_context is not None]
    best = container.streams.best("video")
    video = best if best in videos else next(iter(videos), None)
    chosen = container.streams.best("audio")
    audio = chosen if chosen in audios else next(iter(audios), None)
    width, height = (video.codec_context.width, video.codec_context.height) if video else (0, 0)
    if width * height > limits.max_pixels:
        raise RejectedInput("too-large", f"{width}x{height}, limit {limits.max_pixels} pixels")
    if audio is not None and (audio.codec_context.sample_rate or 0) > limits.max_sample_rate_hz:
        raise RejectedInput("too-large", f"{audio.codec_context.sample_rate} Hz, limit {limits.max_sample_rate_hz}")
    duration_s = container.duration / av.time_base if container.duration and container.duration > 0 else None
    if duration_s is not None and duration_s > limits.max_duration_s:
        raise RejectedInput("too-long", f"{duration_s:.0f} s, limit {limits.max_duration_s:.0f} s")
    if boxes.brand in TILED_BRANDS and len(videos) > 1:
        raise RejectedInput("format-not-allowed", "a picture stored as tiles")
    counts_packets = audio and "mov" in container.format.name and "pcm" not in audio.codec_context.name
    return Probe(
        format=container.format.name,
        brand=boxes.brand,
        video_index=video.index if video else None,
        audio_index=audio.index if audio else None,
        n_video=len(videos),
        n_audio=len(audios),
        n_covers=len(covers),
        n_other=len(container.streams) - len(covers) - len(videos) - len(audios),
        width_px=width,
        height_px=height,
        declared_frames=max(0, video.frames) if video else 0,
        declared_audio_packets=max(0, audio.frames) if audio and counts_packets else 0,
        declared_duration_s=duration_s,
        is_encrypted=boxes.is_encrypted,
        is_cut=source.is_cut,
    )


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


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
