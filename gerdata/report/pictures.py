"""Pictures for a page: a sample as a strip of frames, a sound as an outline, a run as a curve."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from gerdata.clip import Audio, Frames
from gerdata.media.audio import encode_flac
from gerdata.media.images import encode_jpeg

STRIP_PX = 112
GAP_PX = 2
STRIP_QUALITY = 85


def strip(frames: Frames) -> str:
    """The frames of a clip side by side, `STRIP_PX` high, as a data URI."""
    _, height, width, _ = frames.shape
    size = (max(1, round(width * STRIP_PX / height)), STRIP_PX)
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    gap = np.full((STRIP_PX, GAP_PX, 3), 255, np.uint8)
    joined = np.concatenate([piece for frame in small for piece in (frame, gap)][:-1], axis=1)
    return _uri("image/jpeg", encode_jpeg(joined, STRIP_QUALITY))


def sound(audio: Audio) -> str:
    """The sound of a clip as a data URI."""
    return _uri("audio/flac", encode_flac(audio))


def outline(audio: Audio, width: int, height: int) -> str:
    """Points of an SVG polygon: the least and the greatest sample of each of `width` stretches."""
    blocks = np.array_split(audio if len(audio) else np.zeros(1, np.float32), min(width, max(1, len(audio))))
    high = [height / 2 * (1 - float(block.max())) for block in blocks]
    low = [height / 2 * (1 - float(block.min())) for block in blocks]
    points = [*enumerate(high), *reversed(list(enumerate(low)))]
    return " ".join(f"{x},{y:.1f}" for x, y in points)


def curve(values: Sequence[float], width: int, height: int, top: float) -> str:
    """Points of an SVG polyline over equal steps, 0 at the bottom and `top` at the top."""
    step = width / max(1, len(values) - 1)
    return " ".join(f"{i * step:.1f},{height * (1 - min(value, top) / top):.1f}" for i, value in enumerate(values))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
