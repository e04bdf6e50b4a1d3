"""What gerdata opens, and how much of it.

Playlists, concat scripts, vector graphics, SDP and reference movies name other files or hosts; none of their formats is
listed, and no protocol is allowed at all, because the bytes come from a file gerdata has opened itself.
"""

from dataclasses import dataclass

# Demuxers by any of their names. A container is judged by content; its file name never reaches the demuxer.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "gif", "ogg")
AUDIO_FORMATS = ("wav", "w64", "flac", "mp3", "aac", "aiff")


@dataclass(frozen=True)
class MediaLimits:
    """Bounds checked before or while decoding. Defaults refuse an 8192x8192 bomb and pass 4k with room."""

    max_pixels: int = 40_000_000
    max_streams: int = 32
    max_duration_s: float = 12 * 3600.0
