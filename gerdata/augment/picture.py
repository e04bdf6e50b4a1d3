"""Changes of the picture, the same for all frames of a clip: a scene that stands still goes on standing still.

Geometry carries the people's structure along, to within a quarter of a pixel. What is moved in from outside the frame is one
grey: a mirrored border would show people whom no structure knows. Sizes in pixels are of the frame that is rendered.
"""

import os
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import ConfigDict, Field

from gerdata.augment.points import hide, mirror, mirror_maps, move, move_maps
from gerdata.clip import BodyMaps, Frames, Points, Structure

GREY = 128  # the middle of uint8

Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=1 << 31)]
CLOSED = ConfigDict(extra="forbid")  # a plan that was read has known fields alone, within bounds


class Picture(NamedTuple):
    """`frames: uint8 [T, H, W, 3]`, T of one or more, and what is known of their people, in either form, or None."""

    frames: Frames
    structure: Structure | None = None
    limbs: BodyMaps | None = None


@dataclass(frozen=True)
class Flip:
    """Left and right changed: of the picture, and of the names of joints and face points."""

    __pydantic_config__ = CLOSED
    op: Literal["flip"] = "flip"

    def render(self, picture: Picture) -> Picture:
        import cv2

        frames, structure, limbs = picture
        flipped = np.stack(
            [cv2.flip(frame, 1) for frame in frames]
        )  # over five times as fast as copying a reversed view
        structure = structure and mirror(structure, frames.shape[2])
        return Picture(np.asarray(flipped, np.uint8), structure, limbs and mirror_maps(limbs))


@dataclass(frozen=True)
class Crop:
    """A part of the frame, resized to the whole frame. Sides are shares of the frame's."""

    __pydantic_config__ = CLOSED
    left: Share
    top: Share
    width: Annotated[float, Field(ge=0.1, le=1)]
    height: Annotated[float, Field(ge=0.1, le=1)]
    op: Literal["crop"] = "crop"

    def render(self, picture: Picture) -> Picture:
        import cv2

        library = load_albumentations()
        height, width = picture.frames.shape[1:3]
        x0, y0 = min(round(self.left * width), width - 1), min(round(self.top * height), height - 1)
        x1 = min(width, x0 + max(1, round(self.width * width)))
        y1 = min(height, y0 + max(1, round(self.height * height)))
        cut = library.Crop(x0, y0, x1, y1, p=1)
        # INTER_LINEAR and its points agree at the corners of pixels, warps and theirs at the middles: hence the offset
        return _geometry([cut, library.Resize(height, width, interpolation=cv2.INTER_LINEAR, p=1)], picture, offset=0.0)


@dataclass(frozen=True)
class Affine:
    """Turned clockwise, enlarged, shifted by shares of the frame's sides and sheared, about the middle of the frame."""

    __pydantic_config__ = CLOSED
    rotate_deg: Annotated[float, Field(ge=-180, le=180)] = 0.0
    scale: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    shift_x: Annotated[float, Field(ge=-1, le=1)] = 0.0
    shift_y: Annotated[float, Field(ge=-1, le=1)] = 0.0
    shear_deg: Annotated[float, Field(ge=-45, le=45)] = 0.0
    op: Literal["affine"] = "affine"

    def render(self, picture: Picture) -> Picture:
        affine = load_albumentations().Affine(
            rotate=(-self.rotate_deg, -self.rotate_deg),
            scale=(self.scale, self.scale),
            translate_percent={"x": (self.shift_x, self.shift_x), "y": (self.shift_y, self.shift_y)},
            shear={"x": (self.shear_deg, self.shear_deg), "y": (0.0, 0.0)},
            fill=GREY,
            p=1,
        )
        return _geometry([affine], picture)


@dataclass(frozen=True)
class Perspective:
    """Seen from slightly aside: corners move inwards by about `scale` of a side (normal, its standard deviation)."""

    __pydantic_config__ = CLOSED
    scale: Annotated[float, Field(ge=0, le=0.2)]
    seed: Seed
    op: Literal["perspective"] = "perspective"

    def render(self, picture: Picture) -> Picture:
        tilt = load_albumentations().Perspective(scale=(self.scale, self.scale), keep_size=True, fill=GREY, p=1)
        return _geometry([tilt], picture, seed=self.seed)


@dataclass(frozen=True)
class Light:
    """Brightness added, as a share of white, and contrast multiplied by 1 + `contrast`."""

    __pydantic_config__ = CLOSED
    brightness: Annotated[float, Field(ge=-1, le=1)]
    contrast: Annotated[float, Field(ge=-1, le=3)]
    op: Literal["light"] = "light"

    def render(self, picture: Picture) -> Picture:
        limits = {
            "brightness_limit": (self.brightness, self.brightness),
            "contrast_limit": (self.contrast, self.contrast),
        }
        return _pixels(load_albumentations().RandomBrightnessContrast(**limits, p=1), picture)


@dataclass(frozen=True)
class Colour:
    """Hue turned, and saturation added as a share of its range."""

    __pydantic_config__ = CLOSED
    hue_deg: Annotated[float, Field(ge=-180, le=180)]
    saturation: Annotated[float, Field(ge=-1, le=1)]
    op: Literal["colour"] = "colour"

    def render(self, picture: Picture) -> Picture:
        hue, saturation = self.hue_deg / 2, self.saturation * 255  # OpenCV keeps hue in steps of two degrees
        limits = {
            "hue_shift_limit": (hue, hue),
            "sat_shift_limit": (saturation, saturation),
            "val_shift_limit": (0, 0),
        }
        return _pixels(load_albumentations().HueSaturationValue(**limits, p=1), picture)


@dataclass(frozen=True)
class Gamma:
    """Levels in [0, 1] to the power of `gamma`: over 1 is darker."""

    __pydantic_config__ = CLOSED
    gamma: Annotated[float, Field(ge=0.1, le=10)]
    op: Literal["gamma"] = "gamma"

    def render(self, picture: Picture) -> Picture:
        return _pixels(load_albumentations().RandomGamma((self.gamma * 100, self.gamma * 100), p=1), picture)


@dataclass(frozen=True)
class Blur:
    """A Gaussian of `sigma_px`."""

    __pydantic_config__ = CLOSED
    sigma_px: Annotated[float, Field(ge=0.1, le=20)]
    op: Literal["blur"] = "blur"

    def render(self, picture: Picture) -> Picture:
        sigma = (self.sigma_px, self.sigma_px)
        return _pixels(load_albumentations().GaussianBlur(blur_limit=0, sigma_limit=sigma, p=1), picture)


@dataclass(frozen=True)
class Grain:
    """Gaussian noise of standard deviation `sd`, a share of white; the same in every frame."""

    __pydantic_config__ = CLOSED
    sd: Share
    seed: Seed
    op: Literal["grain"] = "grain"

    def render(self, picture: Picture) -> Picture:
        return _pixels(load_albumentations().GaussNoise(std_range=(self.sd, self.sd), p=1), picture, self.seed)


@dataclass(frozen=True)
class Jpeg:
    """As JPEG of `quality` would leave the frame; nothing is written."""

    __pydantic_config__ = CLOSED
    quality: Annotated[int, Field(ge=1, le=100)]
    op: Literal["jpeg"] = "jpeg"

    def render(self, picture: Picture) -> Picture:
        quality = (self.quality, self.quality)
        return _pixels(load_albumentations().ImageCompression("jpeg", quality_range=quality, p=1), picture)


@dataclass(frozen=True)
class Holes:
    """Grey boxes (x0, y0, x1, y1 in shares of the frame) at the same place in every frame; joints behind them are hidden.

    After Cutout (DeVries and Taylor, arXiv 1708.04552) and GridMask's kin; the structure stays where it is.
    """

    __pydantic_config__ = CLOSED
    boxes: Annotated[tuple[tuple[Share, Share, Share, Share], ...], Field(max_length=64)]
    op: Literal["holes"] = "holes"

    def render(self, picture: Picture) -> Picture:
        frames, structure, limbs = picture.frames.copy(), picture.structure, picture.limbs
        height, width = frames.shape[1:3]
        boxes = np.array(self.boxes, np.float64).reshape(-1, 4) * (width, height, width, height)
        boxes = boxes.round().astype(int)
        for x0, y0, x1, y1 in boxes:
            frames[:, y0:y1, x0:x1] = GREY
        return Picture(frames, structure and hide(structure, boxes.astype(np.float32)), limbs)


PICTURE_OPS = (Crop, Flip, Affine, Perspective, Light, Colour, Gamma, Holes, Blur, Grain, Jpeg)  # in order of rendering
PictureOp = Annotated[
    Crop | Flip | Affine | Perspective | Light | Colour | Gamma | Holes | Blur | Grain | Jpeg, Field(discriminator="op")
]


def render_picture(picture: Picture, ops: tuple[PictureOp, ...]) -> Picture:
    """One op after the other; shapes stay, inputs are not written to. A clip without frames stays as it is."""
    for op in ops if picture.frames.size else ():
        picture = op.render(picture)
    return picture


def load_albumentations() -> Any:
    """The library, two seconds late: it is slow to import, and without this word it asks the network for its newest version."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations

    return albumentations


def _pixels(transform: Any, picture: Picture, seed: int = 0) -> Picture:
    """All frames with one set of parameters; the structure knows nothing of it."""
    frames = load_albumentations().Compose([transform], seed=seed)(images=picture.frames)["images"]
    return picture._replace(frames=np.ascontiguousarray(frames, np.uint8))


def _geometry(transforms: list[Any], picture: Picture, offset: float = 0.5, seed: int = 0) -> Picture:
    """All frames and all points with one set of parameters.

    The library counts pixels at their middles (0 is the middle of the first), a structure at their corners: `offset`.
    """
    library = load_albumentations()
    how = library.Compose(transforms, keypoint_params=library.KeypointParams("xy", remove_invisible=False), seed=seed)
    height, width = picture.frames.shape[1:3]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved: dict[str, Any] = {}

    def move_points(points: Points) -> Points:
        together = np.concatenate([points, corners]) - np.float32(offset)
        moved.update(how(images=picture.frames, keypoints=together))
        return np.asarray(moved["keypoints"], np.float32)[: len(points)] + np.float32(offset)

    structure, limbs = picture.structure, picture.limbs
    if structure is not None:
        structure = move(structure, move_points, height, width)
    if not moved:  # nobody, or nothing known of them
        move_points(np.zeros((0, 2), np.float32))
    if limbs is not None:
        limbs = move_maps(limbs, np.asarray(moved["keypoints"], np.float32)[-4:] + np.float32(offset), height, width)
    return Picture(np.ascontiguousarray(moved["images"], np.uint8), structure, limbs)
