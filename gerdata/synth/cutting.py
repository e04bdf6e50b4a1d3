"""From a picture to a sprite of one size and one look, so that neither size nor colour nor outline tells what is felt.

Corpora differ by class: one class may come from small colour crops, another from large grey ones. So every sprite is reduced
(never enlarged) to one long side, its luma has one mean and one standard deviation, and its colour is dropped or centred too.
What this does not equal out: hair, framing, focus, and what compression did before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.errors import MissingError, RejectedInput
from gerdata.synth.listing import FACE, PERSON

SIDE_PX = {FACE: 64, PERSON: 160}  # the long side of every sprite
BACKGROUND_PX = 360  # the short side of a background, at most
MIN_BACKGROUND_PX = 160
FACE_ASPECT = 0.75  # width over height of what is cut out of a picture without transparency
LUMA_MEAN, LUMA_SD = 120.0, 44.0  # of every sprite, in grey levels
CHROMA_MEAN, CHROMA_SD = (146.0, 112.0), 6.0  # of Cr and Cb, where colour is kept: within the range of skin
MIN_SD = 10.0  # grey levels of a picture; under it there is nothing to see
MIN_CHROMA = 3.0  # mean distance of Cr and Cb from grey; under it a picture is grey
MIN_COVER = 0.2  # of a sprite's box that must be opaque
MIN_FACE_COVER = 0.65 * np.pi / 4  # of a face cut by the model: it takes close faces for background now and then
MAX_ASPECT = {FACE: 2.0, PERSON: 6.0}
GIVEN_SHARE = 0.01  # of the pixels that must be transparent for an alpha to count as given
OPAQUE = 128
HEAD_SCORE = 0.25  # of a head, as in `protect`: lower finds more, and more that is none
ROUNDS = 4  # of setting mean and deviation, which clipping moves

Cut = Literal["auto", "alpha", "model", "ellipse"]
CUTS: tuple[Cut, ...] = ("auto", "alpha", "model", "ellipse")
T = TypeVar("T")
Floats = npt.NDArray[np.float32]
Masker = Callable[[Frames], npt.NDArray[np.bool_]]
HeadSearch = Callable[[Frames], Floats]  # boxes [P, 5], best first
Landmarks = Callable[[Frames, Floats], Floats]  # 68 points [P, 68, 2] of faces in boxes [P, 4]; NaN where not found


@dataclass(frozen=True)
class Tools:
    """What may help cutting: a mask of people, a search for heads and the points of their faces; None where their models are
    not here."""

    mask: Masker | None = None
    heads: HeadSearch | None = None
    landmarks: Landmarks | None = None


@dataclass(frozen=True)
class Piece:
    """A sprite: `rgba: uint8 [h, w, 4]`, straight alpha; the head's box x0 y0 x1 y1 or None; how it was cut; and the 68 points
    of the face, x0 y0 x1 y1 ..., or None where one of them was not found."""

    rgba: Frames
    head_box: tuple[float, float, float, float] | None
    cut: str
    points: tuple[float, ...] | None = None


def tools() -> Tools:
    """The models that are installed."""
    return Tools(_if_here(_masker), _if_here(_head_search), _if_here(_landmarks))


def _masker() -> Masker:
    from gerdata.people.bodies import PersonMask

    return PersonMask().find


def _head_search() -> HeadSearch:
    from gerdata.people.heads import HeadFinder

    return partial(HeadFinder().find, min_score=HEAD_SCORE, tiles=True)


def _landmarks() -> Landmarks:
    from gerdata.people.landmarks import LandmarkFinder

    return LandmarkFinder().find


def _if_here(make: Callable[[], T]) -> T | None:
    try:
        return make()
    except MissingError:
        return None


def cut_out(rgba: Frames, kind: str, how: Cut, colour: bool, with_: Tools) -> Piece:
    """A face or a person out of `uint8 [H, W, 4]`. `RejectedInput` with a code of `pictures.REASONS` where it is unusable.

    `auto` takes a given alpha, else the people model's mask where it is installed, else an ellipse. A face without an alpha
    is cut within the largest ellipse of 3:4 in its middle, and its sprite has that box, so that size and outline tell little.
    """
    alpha, cut = _alpha(rgba, kind, how, with_)
    plain = np.ascontiguousarray(rgba[..., :3])
    head = _head(plain, with_) if kind == PERSON else None
    points = _points(plain, head, with_)
    x0, y0, x1, y1 = _middle(alpha.shape) if kind == FACE and cut != "alpha" else _around(alpha)
    alpha, picture = alpha[y0:y1, x0:x1], rgba[y0:y1, x0:x1, :3]
    long, short = max(alpha.shape), min(alpha.shape)
    cover = float((alpha >= OPAQUE).mean())
    if cover < (MIN_COVER if kind == PERSON or cut == "alpha" else MIN_FACE_COVER):
        raise RejectedInput("alpha-empty", f"{cover:.3f}")
    if long > short * MAX_ASPECT[kind]:
        raise RejectedInput("odd-shape", f"{x1 - x0}x{y1 - y0}")
    if long < SIDE_PX[kind]:
        raise RejectedInput("too-small", f"{x1 - x0}x{y1 - y0}")
    scale = SIDE_PX[kind] / long
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    opaque = _reduced(np.where(alpha[..., None] >= OPAQUE, picture, _mean(picture, alpha)).astype(np.uint8), size)
    soft = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    even = evened(opaque, soft, colour)
    moved = None if points is None else tuple(round(float(v), 2) for v in ((points - (x0, y0)) * scale).ravel())
    if kind == FACE:  # all of it is the head
        return Piece(np.dstack([even, soft]), (0.0, 0.0, float(size[0]), float(size[1])), cut, moved)
    box = None if head is None else _within((np.array(head) - (x0, y0, x0, y0)) * scale, size)
    return Piece(np.dstack([even, soft]), box, cut, moved)


def background_of(rgba: Frames, with_: Tools) -> tuple[Frames, bool]:
    """A background, `uint8 [h, w, 3]`, its short side at most `BACKGROUND_PX`, and whether heads were looked for.

    `RejectedInput` for a small or empty one, or one with somebody in it.
    """
    height, width = rgba.shape[:2]
    if min(height, width) < MIN_BACKGROUND_PX:
        raise RejectedInput("too-small", f"{width}x{height}")
    if max(height, width) > 3 * min(height, width):
        raise RejectedInput("odd-shape", f"{width}x{height}")
    if float(_luma(rgba[..., :3]).std()) < MIN_SD:
        raise RejectedInput("too-flat", f"{float(_luma(rgba[..., :3]).std()):.1f}")
    scale = min(1.0, BACKGROUND_PX / min(height, width))
    picture = np.ascontiguousarray(rgba[..., :3])
    found = () if with_.heads is None else with_.heads(picture)
    if len(found):
        raise RejectedInput("has-people", str(len(found)))
    return _reduced(picture, (round(width * scale), round(height * scale))), with_.heads is not None


def evened(rgb: Frames, alpha: Frames, colour: bool) -> Frames:
    """Pixels whose luma, weighted by alpha, has the mean `LUMA_MEAN` and the deviation `LUMA_SD`, `uint8 [h, w, 3]`.

    Colour is dropped; where it is kept, Cr and Cb have one mean and one deviation as well. `RejectedInput`: `too-flat`, or
    `no-colour` for a grey picture where colour is kept.
    """
    weight = alpha.astype(np.float64) / max(float(alpha.sum()), 1.0)
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(np.float64)
    mean, sd = _moments(planes[..., 0], weight)
    if sd < MIN_SD:
        raise RejectedInput("too-flat", f"{sd:.1f}")
    y = planes[..., 0]
    for _ in range(ROUNDS):
        mean, sd = _moments(y, weight)
        y = np.clip((y - mean) * (LUMA_SD / max(sd, 1e-6)) + LUMA_MEAN, 0, 255)
    if not colour:
        return np.repeat(np.rint(y).astype(np.uint8)[..., None], 3, axis=2)
    chroma = planes[..., 1:]
    if float((np.abs(chroma - 128).sum(2) * weight).sum()) < MIN_CHROMA:
        raise RejectedInput("no-colour")
    for k in range(2):
        mean, sd = _moments(chroma[..., k], weight)
        chroma[..., k] = (chroma[..., k] - mean) * (CHROMA_SD / max(sd, 1e-6)) + CHROMA_MEAN[k]
    whole = np.clip(np.rint(np.dstack([y, chroma])), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(whole, cv2.COLOR_YCrCb2RGB), np.uint8)


def _alpha(rgba: Frames, kind: str, how: Cut, with_: Tools) -> tuple[Frames, str]:
    given = rgba[..., 3]
    if how in ("auto", "alpha") and float((given < OPAQUE).mean()) >= GIVEN_SHARE:
        return given, "alpha"
    if how == "alpha":
        raise RejectedInput("no-alpha")
    if how == "model" and with_.mask is None:
        raise MissingError(
            "cutting by the model needs it; run: python -m pip install 'gerdata[people]', then: gerdata models pull selfie"
        )
    if with_.mask is None or how == "ellipse":
        return _ellipse(given.shape), "ellipse"
    mask = _largest(with_.mask(np.ascontiguousarray(rgba[..., :3])))
    return (np.minimum(mask, _ellipse(given.shape)) if kind == FACE else mask), "model"


def _points(picture: Frames, head: tuple[float, float, float, float] | None, with_: Tools) -> Floats | None:
    """The 68 points of a known head, or else of the best that is found, `[68, 2]`, all of them or none. Looked for with a
    margin around the picture: a face that is cut close has points outside, and is often found only so."""
    if with_.landmarks is None:
        return None
    margin = max(picture.shape[:2]) // 4
    padded = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    box = _head(padded, with_) if head is None else tuple(v + margin for v in head)
    if box is None:
        return None
    found = with_.landmarks(padded, np.array([box], np.float32))[0]
    return found - margin if np.isfinite(found).all() else None


def _head(picture: Frames, with_: Tools) -> tuple[float, float, float, float] | None:
    """The best head that is found."""
    if with_.heads is None:
        return None
    found = with_.heads(picture)
    if not len(found):
        return None
    x0, y0, x1, y1 = (float(v) for v in found[0, :4])
    return x0, y0, x1, y1


def _within(box: npt.NDArray[np.float64], size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    x0, y0 = (float(v) for v in np.clip(box[:2], 0, size))
    x1, y1 = (float(v) for v in np.clip(box[2:], 0, size))
    return (round(x0, 2), round(y0, 2), round(x1, 2), round(y1, 2)) if x1 > x0 and y1 > y0 else None


def _middle(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The box x0 y0 x1 y1 of that ellipse."""
    height, width = shape[:2]
    high = int(min(height, width / FACE_ASPECT))
    wide = round(high * FACE_ASPECT)
    x, y = (width - wide) // 2, (height - high) // 2
    return x, y, x + wide, y + high


def _around(alpha: Frames) -> tuple[int, int, int, int]:
    """The box of what is opaque. `RejectedInput` where nothing is."""
    ys, xs = np.nonzero(alpha >= OPAQUE)
    if not len(xs):
        raise RejectedInput("alpha-empty", "0")
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def _ellipse(shape: tuple[int, ...]) -> Frames:
    """The largest upright ellipse of `FACE_ASPECT` in the middle, 255 inside."""
    height, width = shape[:2]
    high = min(height, width / FACE_ASPECT)
    y, x = np.ogrid[:height, :width]
    away = ((x + 0.5 - width / 2) / (high * FACE_ASPECT / 2)) ** 2 + ((y + 0.5 - height / 2) / (high / 2)) ** 2
    return np.where(away <= 1, 255, 0).astype(np.uint8)


def _largest(mask: npt.NDArray[np.bool_]) -> Frames:
    """The largest piece of a mask without its holes, 255 inside."""
    out = np.zeros(mask.shape, np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if outlines:
        cv2.drawContours(out, [max(outlines, key=cv2.contourArea)], -1, 255, cv2.FILLED)
    return out


def _mean(picture: Frames, alpha: Frames) -> npt.NDArray[np.float64]:
    """The mean colour of what is opaque: what lies under the rest, so that reducing mixes in nothing from outside."""
    return np.asarray(picture[alpha >= OPAQUE].mean(0))


def _reduced(picture: Frames, size: tuple[int, int]) -> Frames:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _luma(rgb: Frames) -> Frames:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), np.uint8)


def _moments(plane: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> tuple[float, float]:
    mean = float((plane * weight).sum())
    return mean, float(np.sqrt(((plane - mean) ** 2 * weight).sum()))
