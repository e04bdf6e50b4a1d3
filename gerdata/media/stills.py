"""Sources that are pictures: one still, a folder of numbered stills, a file of tensors. Each is a row of RGB frames.

Stills go through Pillow, because it reports a picture that is cut short, which video decoders smooth over.
"""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps

from gerdata.clip import Frames
from gerdata.errors import RejectedInput
from gerdata.media.address import Address, open_bytes, pictures_in, size_of
from gerdata.media.limits import IMAGE_FORMATS, MediaLimits
from gerdata.media.tensors import TensorFile, read_tensors

_ORIENTATION = 0x0112  # EXIF tag
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")


@dataclass(frozen=True)
class Stills:
    """A source that is a row of pictures. `duration_s` is 0 for one picture; `frame(i)` reads the i-th."""

    n_frames: int
    duration_s: float
    width_px: int
    height_px: int
    flags: tuple[str, ...]
    frame: Callable[[int], Frames]

    def time_s(self, i: int) -> float:
        """When picture i begins to be shown."""
        return i * self.duration_s / self.n_frames


def stills_of(address: Address, limits: MediaLimits) -> Stills | None:
    """The pictures of a source that is made of them; None where it is a container of video or sound.

    Only headers are read here. Raises `RejectedInput` for a picture over the pixel limit or that is none.
    """
    if address.is_folder:
        return _sequence(address, limits)
    with open_bytes(address) as file:
        if size_of(file) == 0:
            raise RejectedInput("empty")
        head = file.read(16)
        if head[:4] == b"PK\x03\x04":
            return _tensors(file, limits)
        if not (head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")):
            return None
        picture = _header(file, limits)
        return Stills(1, 0.0, picture.width, picture.height, _flags_of(picture), lambda i: _read(address, limits))


def _header(file: BinaryIO, limits: MediaLimits) -> Image.Image:
    """A picture whose pixels are not read yet, within the pixel limit."""
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is far below that of Pillow's warning
            picture = Image.open(file, formats=IMAGE_FORMATS)
    except (MemoryError, Image.DecompressionBombError):
        raise RejectedInput("too-large", "by its header") from None
    except Exception as error:  # Pillow's plugins raise whatever a broken header makes them meet
        raise RejectedInput("undecodable", type(error).__name__) from None
    if picture.width * picture.height > limits.max_pixels:
        raise RejectedInput("too-large", f"{picture.width}x{picture.height}, limit {limits.max_pixels} pixels")
    return picture


def _flags_of(picture: Image.Image) -> tuple[str, ...]:
    told = ["still-image"]
    # asking a broken file for its EXIF data may read it, and warn; the verdict comes later
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told += ["rotated"] if picture.getexif().get(_ORIENTATION, 1) not in (0, 1) else []
    told += ["alpha"] if "A" in picture.getbands() or "transparency" in picture.info else []
    told += ["deep-colour"] if picture.mode.startswith("I;16") or picture.mode in ("I", "F") else []
    told += ["odd-size"] if picture.width % 2 or picture.height % 2 else []
    return tuple(told)


def still_with_alpha(address: Address, limits: MediaLimits) -> Frames:
    """One still picture, upright, `uint8 [H, W, 4]` RGBA, 255 where it has no transparency.

    Raises `RejectedInput` for what is no still picture, is damaged or is over the pixel limit.
    """
    stills = stills_of(address, limits)
    if stills is None or "still-image" not in stills.flags:
        raise RejectedInput("format-not-allowed")
    return _read(address, limits, _to_rgba)


def _read(address: Address, limits: MediaLimits, convert: Callable[[Image.Image], Frames] | None = None) -> Frames:
    """One still, upright, `uint8 [H, W, 3]`; what is transparent is black, unless converted otherwise."""
    with open_bytes(address) as file:
        picture = _header(file, limits)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                return (convert or _to_rgb)(upright)
        except MemoryError:
            raise
        except Exception as error:  # as above
            cut = isinstance(error, OSError) and ("truncated" in str(error) or "broken" in str(error))
            raise RejectedInput("truncated" if cut else "undecodable", type(error).__name__) from None


def _to_rgb(picture: Image.Image) -> Frames:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):  # 16-bit grey: Pillow would clip, not scale
        deep = np.asarray(picture, np.float64)
        top = 65535.0 if deep.max(initial=0.0) > 255 else 255.0
        grey = np.clip(np.nan_to_num(deep) * 255 / top, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        black = Image.new("RGBA", over.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, over)
    return np.asarray(picture.convert("RGB"), np.uint8)


def _to_rgba(picture: Image.Image) -> Frames:
    if "A" in picture.getbands() or "transparency" in picture.info:
        return np.array(picture.convert("RGBA"), np.uint8)
    rgb = _to_rgb(picture)
    return np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=2)


def _sequence(address: Address, limits: MediaLimits) -> Stills:
    """A folder of numbered pictures, in order of their numbers. All are of one size or the folder is refused later."""
    paths = pictures_in(address.path)
    if not paths:
        raise RejectedInput("empty")
    parts = [Address.of(path) for path in paths]
    first = stills_of(parts[0], limits)
    if first is None or first.n_frames != 1:
        raise RejectedInput("format-not-allowed")

    def frame(i: int) -> Frames:
        return _read(parts[i], limits)

    duration_s = len(parts) / limits.sequence_fps
    return Stills(len(parts), duration_s, first.width_px, first.height_px, ("frame-sequence",), frame)


def _tensors(file: BinaryIO, limits: MediaLimits) -> Stills:
    tensors: TensorFile = read_tensors(file, limits)
    frames = tensors.frames()
    return Stills(
        len(frames),
        limits.tensor_duration_s,
        frames.shape[2],
        frames.shape[1],
        ("tensor",),
        lambda i: np.ascontiguousarray(frames[i]),
    )


ImageFile.LOAD_TRUNCATED_IMAGES = False  # a picture that ends early is damaged; nobody may switch this on
