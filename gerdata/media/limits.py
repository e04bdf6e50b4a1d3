"""What gerdata opens, and how much of it.

Playlists, concat scripts, vector graphics, SDP and reference movies name other files or hosts; none of their formats is
listed, and no protocol is allowed at all, because the bytes come from a file gerdata has opened itself.
"""

from dataclasses import dataclass

# Demuxers by any of their names. A container is judged by content; its file name never reaches the demuxer.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "gif", "ogg")
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "MPO")  # Pillow's names; MPO is how phones store some JPEGs
AUDIO_FORMATS = ("wav", "w64", "flac", "mp3", "aac", "aiff")


@dataclass(frozen=True)
class MediaLimits:
    """Bounds checked before or while decoding. Defaults refuse an 8192x8192 bomb and pass 4k with room."""

    max_pixels: int = 40_000_000
    max_streams: int = 32
    max_duration_s: float = 12 * 3600.0
    max_sample_rate_hz: int = 768_000
    max_tensor_bytes: int = 1 << 30  # unpacked; 75 frames of 224x224 floats are 45 MB
    sequence_fps: float = 25.0  # assumption: corpora of numbered pictures seldom say their rate
    tensor_duration_s: float = 5.0  # the EmotiW 2023 tensors are of 5-s clips
