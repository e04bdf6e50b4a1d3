"""How the plan of an augmentation is drawn.

Every op draws from a stream of its own name, so that a recipe with one op more changes none of the others.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gerdata.augment import picture as look
from gerdata.augment import sound
from gerdata.augment.mask import BandMask, MaskOp, TimeMask
from gerdata.augment.plan import AugmentPlan, Drop
from gerdata.augment.room import BoxRoom
from gerdata.chance import rng_for
from gerdata.recipe import AugmentRecipe

Names = tuple[str | int, ...]
Rng = np.random.Generator
Drawer = Callable[[AugmentRecipe, Rng], Any]


def draw_plan(
    recipe: AugmentRecipe,
    seed: int,
    *names: str | int,
    has_video: bool = True,
    has_audio: bool = True,
    drop: Drop = "none",
) -> AugmentPlan:
    """Decide what happens to one sample; `names` say which sample, and when (the epoch).

    The plan depends on recipe, seed and names alone. A sense that is not there, or is dropped, gets no ops.
    """
    sees, hears = has_video and drop != "video", has_audio and drop != "audio"
    return AugmentPlan(
        picture=tuple(_draw_all(PICTURE, recipe, seed, names)) if sees else (),
        sound=tuple(_draw_all(SOUND, recipe, seed, names)) if hears else (),
        masks=tuple(_draw_masks(recipe, seed, names)) if hears else (),
        drop=drop,
    )


def draw_drop(share: float, rng: Rng, has_video: bool = True, has_audio: bool = True) -> Drop:
    """Which sense a sample loses: with chance `share` one of both, evenly; never the only one it has."""
    lose, which = rng.random() < share, rng.random() < 0.5
    if not (lose and has_video and has_audio):
        return "none"
    return "video" if which else "audio"


def _draw_all(drawers: tuple[tuple[str, Drawer], ...], recipe: AugmentRecipe, seed: int, names: Names) -> Iterator[Any]:
    for op, draw in drawers:
        share = getattr(recipe, f"{op}_share")
        if share > 0:
            rng = rng_for(seed, "augment", *names, op)
            if rng.random() < share:
                yield draw(recipe, rng)


def _draw_masks(recipe: AugmentRecipe, seed: int, names: Names) -> Iterator[MaskOp]:
    for kind, count, widest in (
        (TimeMask, recipe.time_masks, recipe.max_time_mask),
        (BandMask, recipe.band_masks, recipe.max_band_mask),
    ):
        if count:
            rng = rng_for(seed, "augment", *names, kind.op)
            widths = [_between(rng, 0, widest) for _ in range(count)]
            yield from (kind(start=_between(rng, 0, 1 - width), width=width) for width in widths)


def _between(rng: Rng, low: float, high: float) -> float:
    """Even over a range, four decimals: a plan is short, and reads back as it was written."""
    return round(float(rng.uniform(low, high)), 4)


def _around(rng: Rng, middle: float, reach: float) -> float:
    return _between(rng, middle - reach, middle + reach)


def _factor(rng: Rng, most: float) -> float:
    """Even in the logarithm over 1/most to most."""
    return round(float(most ** rng.uniform(-1, 1)), 4)


def _pitch_of(rng: Rng, low_hz: float, high_hz: float) -> float:
    """Even in octaves."""
    return round(float(low_hz * (high_hz / low_hz) ** rng.random()), 1)


def _seed(rng: Rng) -> int:
    return int(rng.integers(1 << 31))


def _crop(recipe: AugmentRecipe, rng: Rng) -> look.Crop:
    area, stretch = rng.uniform(recipe.min_crop_area, 1), recipe.max_crop_stretch ** rng.uniform(-0.5, 0.5)
    width, height = (round(float(min(1.0, np.sqrt(area) * side)), 4) for side in (stretch, 1 / stretch))
    return look.Crop(_between(rng, 0, 1 - width), _between(rng, 0, 1 - height), width, height)


def _affine(recipe: AugmentRecipe, rng: Rng) -> look.Affine:
    return look.Affine(
        rotate_deg=_around(rng, 0, recipe.max_rotate_deg),
        scale=_factor(rng, recipe.max_scale),
        shift_x=_around(rng, 0, recipe.max_shift),
        shift_y=_around(rng, 0, recipe.max_shift),
        shear_deg=_around(rng, 0, recipe.max_shear_deg),
    )


def _holes(recipe: AugmentRecipe, rng: Rng) -> look.Holes:
    boxes = []
    for _ in range(int(rng.integers(1, recipe.max_holes + 1))):
        width, height = _between(rng, 0.02, recipe.max_hole_side), _between(rng, 0.02, recipe.max_hole_side)
        left, top = _between(rng, 0, 1 - width), _between(rng, 0, 1 - height)
        boxes.append((left, top, round(left + width, 4), round(top + height, 4)))
    return look.Holes(tuple(boxes))


def _room(recipe: AugmentRecipe, rng: Rng) -> sound.Room:
    size = (_between(rng, 3, 12), _between(rng, 3, 12), _between(rng, 2.4, 5))  # from an office to a hall; assumption
    source, microphone = ([_between(rng, 0.1, 0.9) for _ in range(3)] for _ in range(2))
    absorption = _between(rng, recipe.min_absorption, 0.9)
    return sound.Room(BoxRoom(size, tuple(source), tuple(microphone), absorption))  # type: ignore[arg-type]


# In the order in which they are rendered. The name of an op is that of its `..._share` in a recipe.
PICTURE: tuple[tuple[str, Drawer], ...] = (
    ("crop", _crop),
    ("flip", lambda recipe, rng: look.Flip()),
    ("affine", _affine),
    ("perspective", lambda recipe, rng: look.Perspective(_between(rng, 0, recipe.max_perspective), _seed(rng))),
    (
        "light",
        lambda recipe, rng: look.Light(
            _around(rng, 0, recipe.max_brightness), round(_factor(rng, 1 + recipe.max_contrast) - 1, 4)
        ),
    ),
    (
        "colour",
        lambda recipe, rng: look.Colour(_around(rng, 0, recipe.max_hue_deg), _around(rng, 0, recipe.max_saturation)),
    ),
    ("gamma", lambda recipe, rng: look.Gamma(_factor(rng, recipe.max_gamma))),
    ("holes", _holes),
    ("blur", lambda recipe, rng: look.Blur(_between(rng, 0.1, recipe.max_blur_px))),
    ("grain", lambda recipe, rng: look.Grain(_between(rng, 0, recipe.max_grain), _seed(rng))),
    ("jpeg", lambda recipe, rng: look.Jpeg(int(rng.integers(recipe.min_jpeg_quality, 101)))),
)
SOUND: tuple[tuple[str, Drawer], ...] = (
    ("stretch", lambda recipe, rng: sound.Stretch(_factor(rng, recipe.max_stretch))),
    ("shift", lambda recipe, rng: sound.Shift(_around(rng, 0, recipe.max_shift_s))),
    ("pitch", lambda recipe, rng: sound.Pitch(_around(rng, 0, recipe.max_semitones))),
    ("low_pass", lambda recipe, rng: sound.LowPass(_pitch_of(rng, recipe.min_low_pass_hz, 7500))),
    ("high_pass", lambda recipe, rng: sound.HighPass(_pitch_of(rng, 20, recipe.max_high_pass_hz))),
    (
        "peak",
        lambda recipe, rng: sound.Peak(_pitch_of(rng, 100, 6000), _around(rng, 0, recipe.max_peak_db)),
    ),
    ("room", _room),
    (
        "hiss",
        lambda recipe, rng: sound.Hiss(
            _between(rng, recipe.min_snr_db, recipe.max_snr_db), _between(rng, -6, 0), _seed(rng)
        ),
    ),
    ("clipping", lambda recipe, rng: sound.Clipping(2 * int(rng.integers(1, recipe.max_clipped_percent // 2 + 1)))),
    ("gain", lambda recipe, rng: sound.Gain(_around(rng, 0, recipe.max_gain_db))),
)
