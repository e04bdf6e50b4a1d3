"""A small sample with two people, and one value of every op."""

import numpy as np

from gerdata.augment.mask import BandMask, TimeMask
from gerdata.augment.picture import (
    Affine,
    Blur,
    Colour,
    Crop,
    Flip,
    Gamma,
    Grain,
    Holes,
    Jpeg,
    Light,
    Perspective,
)
from gerdata.augment.room import BoxRoom
from gerdata.augment.sound import (
    Clipping,
    Gain,
    HighPass,
    Hiss,
    LowPass,
    Peak,
    Pitch,
    Room,
    Shift,
    Stretch,
)
from gerdata.chance import rng_for
from gerdata.clip import Clip, Sample, Structure

ROOM = BoxRoom((6.0, 5.0, 3.0), (0.3, 0.4, 0.5), (0.7, 0.6, 0.5), 0.4)
PICTURE = (
    Crop(0.1, 0.2, 0.7, 0.6),
    Flip(),
    Affine(rotate_deg=7.0, scale=1.1, shift_x=0.05, shift_y=-0.03, shear_deg=2.0),
    Perspective(0.06, 3),
    Light(0.1, 0.2),
    Colour(12.0, 0.1),
    Gamma(1.3),
    Holes(((0.1, 0.1, 0.4, 0.5), (0.6, 0.5, 0.8, 0.9))),
    Blur(1.2),
    Grain(0.05, 5),
    Jpeg(40),
)
SOUND = (
    Stretch(1.1),
    Shift(0.05),
    Pitch(1.5),
    LowPass(3000.0),
    HighPass(200.0),
    Peak(1000.0, 6.0),
    Room(ROOM),
    Hiss(20.0, -3.0, 7),
    Clipping(4),
    Gain(-4.0),
)
MASKS = (TimeMask(0.3, 0.2), BandMask(0.5, 0.25))


def draw_people(t: int, p: int, height: int, width: int, seed: int = 0) -> Structure:
    """People all of whose points lie in the frame."""
    rng = rng_for(seed, "people")
    low = rng.uniform(0, 0.5, (t, p, 2)) * (width, height)
    heads = np.concatenate([low, low + rng.uniform(0.1, 0.4, (t, p, 2)) * (width, height)], axis=2)
    bodies = np.concatenate(
        [rng.uniform(0, 1, (t, p, 17, 2)) * (width, height), rng.integers(1, 3, (t, p, 17, 1))], axis=3
    )
    faces = rng.uniform(0, 1, (t, p, 68, 2)) * (width, height)
    return Structure(*(array.astype(np.float32) for array in (heads, bodies, faces)))


def draw_sample(seed: int = 0, t: int = 3, height: int = 48, width: int = 64, n: int = 8000) -> Sample:
    """Noise in picture and sound, with two people; nothing in it looks like another part of it."""
    rng = rng_for(seed, "sample")
    frames = rng.integers(0, 256, (t, height, width, 3), dtype=np.uint8)
    audio = (0.1 * rng.standard_normal(n)).astype(np.float32)
    clip = Clip(f"c{seed}", "g", "positive", "train", n / 16000, t, height, width, has_audio=True)
    return Sample(clip, frames, audio, draw_people(t, 2, height, width, seed))
