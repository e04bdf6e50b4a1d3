"""One decoded picture and what it takes to show it: upright, square pixels, one field, standard range, opaque."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from gerdata.clip import Frames
from gerdata.errors import RejectedInput
from gerdata.media.tone import HLG, PQ, to_standard

GREY_HEIGHT_PX, GREY_WIDTH_PX = 36, 48
_SMALLER = VideoReformatter()  # holds the scale tables of the last size, which cost more than scaling by them


class Shown(Protocol):
    """A frame and when it is shown, in seconds; pixels are made only when asked for."""

    @property
    def time_s(self) -> float: ...

    def rgb(self, max_pixels: int) -> Frames:
        """`uint8 [H, W, 3]` as a viewer sees it. `RejectedInput` where that is over the pixel limit."""
        ...

    def rgb_at(self, height_px: int, max_pixels: int) -> Frames:
        """The same, made smaller by area means to a height, if it is higher; aspect kept. Much quicker than `rgb`."""
        ...

    def grey(self) -> npt.NDArray[np.uint8]:
        """`uint8 [36, 48]`: the whole frame, small, its aspect not kept."""
        ...

    def size(self, max_pixels: int) -> tuple[int, int]:
        """Height and width as `rgb` would give, without any pixels. `RejectedInput` as there."""
        ...


@dataclass(frozen=True)
class StillFrame:
    """A picture that was never compressed as video."""

    time_s: float
    frame: Frames

    def rgb(self, max_pixels: int) -> Frames:
        return self.frame

    def rgb_at(self, height_px: int, max_pixels: int) -> Frames:
        return _lowered(self.frame, height_px)

    def grey(self) -> npt.NDArray[np.uint8]:
        return shrink_grey(cv2.cvtColor(self.frame, cv2.COLOR_RGB2GRAY))

    def size(self, max_pixels: int) -> tuple[int, int]:
        return self.frame.shape[0], self.frame.shape[1]


@dataclass(frozen=True)
class TimedFrame:
    """One frame of a video stream. `aspect` is width over height of a pixel."""

    time_s: float
    picture: Any
    aspect: float

    def size(self, max_pixels: int) -> tuple[int, int]:
        high, wide = self._square(max_pixels)
        return (wide, high) if quarter_turns(self.picture) % 2 else (high, wide)

    def _square(self, max_pixels: int) -> tuple[int, int]:
        """Height and width with square pixels, not yet turned."""
        width, height = self.picture.width, self.picture.height
        wide = max(1, round(width * self.aspect)) if self.aspect >= 1 else width
        high = max(1, round(height / self.aspect)) if self.aspect < 1 else height
        if wide * high > max_pixels:
            raise RejectedInput("too-large", f"{wide}x{high}, limit {max_pixels} pixels")
        return high, wide

    def rgb(self, max_pixels: int) -> Frames:
        width, height = self.picture.width, self.picture.height
        high, wide = self._square(max_pixels)
        frame = _pixels(self.picture)
        if self.picture.interlaced_frame and height >= 4:
            frame = np.asarray(cv2.resize(frame[::2], (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        if (wide, high) != (width, height):
            frame = np.asarray(cv2.resize(frame, (wide, high), interpolation=cv2.INTER_LINEAR), np.uint8)
        quarters = quarter_turns(self.picture)
        return np.ascontiguousarray(np.rot90(frame, quarters)) if quarters else frame

    def rgb_at(self, height_px: int, max_pixels: int) -> Frames:
        picture = self.picture
        is_plain = self.aspect == 1 and not (picture.interlaced_frame or is_hdr(picture) or has_alpha(picture))
        if not is_plain or quarter_turns(picture) or picture.height <= height_px:
            return _lowered(self.rgb(max_pixels), height_px)
        width_px = max(1, round(picture.width * height_px / picture.height))
        small = _SMALLER.reformat(picture, width_px, height_px, "rgb24", interpolation="AREA", threads=1)
        return np.asarray(small.to_ndarray(), np.uint8)

    def grey(self) -> npt.NDArray[np.uint8]:
        picture = self.picture
        is_planar = picture.format.name in ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "nv12", "gray")
        if is_planar and picture.planes[0].line_size >= picture.width:
            plane = picture.planes[0]
            rows = np.frombuffer(plane, np.uint8)[: plane.line_size * picture.height]
            luma = rows.reshape(picture.height, plane.line_size)[:, : picture.width]
        else:
            luma = picture.reformat(format="gray", threads=1).to_ndarray()
        return shrink_grey(np.ascontiguousarray(np.rot90(luma, quarter_turns(picture))))


def _lowered(frame: Frames, height_px: int) -> Frames:
    height, width = frame.shape[:2]
    if height <= height_px:
        return frame
    size = (max(1, round(width * height_px / height)), height_px)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def shrink_grey(luma: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """`uint8 [H, W]` to `uint8 [36, 48]`, by area means over at least 4 x 4 points of each area."""
    stride = max(1, min(luma.shape[0] // (4 * GREY_HEIGHT_PX), luma.shape[1] // (4 * GREY_WIDTH_PX)))
    luma = np.ascontiguousarray(luma[::stride, ::stride])
    return np.asarray(cv2.resize(luma, (GREY_WIDTH_PX, GREY_HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def quarter_turns(picture: Any) -> int:
    """Counter-clockwise quarter turns that put a picture upright, as its display matrix says."""
    return round((picture.rotation or 0) / 90) % 4


@dataclass(frozen=True)
class _Form:
    """What a pixel format holds."""

    n_channels: int
    has_alpha: bool
    bits: int


@cache
def _form_of(name: str) -> _Form:
    parts = av.VideoFormat(name).components
    return _Form(len(parts), any(part.is_alpha for part in parts), max((part.bits for part in parts), default=8))


def is_hdr(picture: Any) -> bool:
    """Whether a picture is in PQ or HLG."""
    return int(picture.color_trc or 0) in (PQ, HLG) and _form_of(picture.format.name).n_channels >= 3


def has_alpha(picture: Any) -> bool:
    """Whether a picture's format carries transparency."""
    return _form_of(picture.format.name).has_alpha


def bits_of(picture: Any) -> int:
    """Bits of the deepest channel."""
    return _form_of(picture.format.name).bits


def _pixels(picture: Any) -> Frames:
    """`uint8 [H, W, 3]` as stored: neither turned nor stretched."""
    if is_hdr(picture):
        deep = picture.reformat(format="rgb48le", threads=1).to_ndarray()
        return to_standard(deep, int(picture.color_trc))
    if has_alpha(picture):
        over = picture.reformat(format="rgba", threads=1).to_ndarray().astype(np.uint16)
        return np.asarray((over[..., :3] * over[..., 3:] + 127) // 255, np.uint8)
    return np.asarray(picture.reformat(format="rgb24", threads=1).to_ndarray(), np.uint8)
