"""Damage to a clip, by name and level: what a model that is to be used meets, and what its test set does not hold.

Levels are 1 (mild) to 5 (severe), after Hendrycks and Dietterich (2019); their values are our own and listed here. Pictures are
damaged as they are stored, before they take the model's size. Chance depends on the seed and the clip alone.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import Audio, Frames, Sample
from gerdata.errors import UsageError
from gerdata.learn.target import shown
from gerdata.media.codec import round_trip
from gerdata.media.images import decode_jpeg, encode_jpeg

LEVELS = 5
LIGHT = (0.7, 0.5, 0.3, 0.2, 0.1)  # of each stored value
BLUR = (0.005, 0.01, 0.02, 0.035, 0.05)  # standard deviation of a Gaussian, as a share of the frame's height
JPEG_QUALITY = (40, 25, 15, 8, 4)
CODEC = (None, "mp3", "mp3", "opus", "opus")  # of the sound: 32 and 16 kbit/s
SNR_DB = (20.0, 10.0, 5.0, 0.0, -5.0)  # mean power of the clip's sound against that of white noise
NAMES = ("light", "blur", "codec", "snr", "no-picture", "no-sound", "frames")


@dataclass(frozen=True)
class Corruption:
    """One kind of damage. `level`: 1 to 5; of `frames` how many are left; of a missing modality nothing."""

    name: str
    level: int
    seed: int = 0

    def __str__(self) -> str:
        return self.name if self.name.startswith("no-") else f"{self.name}:{self.level}"

    def __call__(self, sample: Sample) -> Sample | None:
        """The clip after the damage; None where it has nothing that could be damaged so."""
        return _DAMAGES[self.name](sample, self)


def parse_corruption(text: str, seed: int = 0) -> Corruption:
    """`NAME` or `NAME:LEVEL`; 3 where no level is given, 1 frame. `UsageError` for others."""
    name, colon, level = text.partition(":")
    if name not in NAMES:
        raise UsageError(f"--corrupt {text}: expected one of {', '.join(NAMES)}, with :LEVEL where it has one")
    if name.startswith("no-"):
        if colon:
            raise UsageError(f"--corrupt {text}: {name} has no level")
        return Corruption(name, 0, seed)
    most = 1000 if name == "frames" else LEVELS
    if colon and not (level.isdecimal() and 1 <= int(level) <= most):
        raise UsageError(f"--corrupt {text}: expected {name}:LEVEL with LEVEL from 1 to {most}")
    return Corruption(name, int(level) if colon else 1 if name == "frames" else 3, seed)


def darkened(frames: Frames, factor: float) -> Frames:
    """`uint8 [T, H, W, 3]` with every stored value multiplied."""
    return np.round(frames * np.float32(factor)).astype(np.uint8)


def blurred(frames: Frames, share: float) -> Frames:
    """`uint8 [T, H, W, 3]` after a Gaussian whose standard deviation is a share of the height."""
    sigma = share * frames.shape[1]
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for frame in frames])


def noisy(audio: Audio, snr_db: float, rng: np.random.Generator) -> Audio:
    """`float32 [N]` with white noise of `snr_db` under its mean power; what would clip is turned down as a whole."""
    power = float(np.mean(audio.astype(np.float64) ** 2))
    mixed = audio + rng.normal(0, np.sqrt(power / 10 ** (snr_db / 10)), len(audio))
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max(initial=0.0))), np.float32)


def spread_evenly(kept: int, of: int) -> list[int]:
    """`kept` of `of` frames, each at the middle of an equal stretch."""
    return [(2 * i + 1) * of // (2 * kept) for i in range(kept)]


def _light(sample: Sample, told: Corruption) -> Sample | None:
    if not sample.clip.has_video:
        return None
    return dataclasses.replace(sample, frames=darkened(sample.frames, LIGHT[told.level - 1]))


def _blur(sample: Sample, told: Corruption) -> Sample | None:
    return (
        dataclasses.replace(sample, frames=blurred(sample.frames, BLUR[told.level - 1]))
        if sample.clip.has_video
        else None
    )


def _codec(sample: Sample, told: Corruption) -> Sample | None:
    quality, codec = JPEG_QUALITY[told.level - 1], CODEC[told.level - 1]
    frames = np.stack([decode_jpeg(encode_jpeg(frame, quality)) for frame in sample.frames])
    audio = round_trip(sample.audio, codec) if codec and sample.clip.has_audio else sample.audio
    return dataclasses.replace(sample, frames=frames, audio=audio)


def _snr(sample: Sample, told: Corruption) -> Sample | None:
    if not sample.clip.has_audio or not sample.audio.any():
        return None
    rng = rng_for(told.seed, "corrupt", "snr", sample.clip.id)
    return dataclasses.replace(sample, audio=noisy(sample.audio, SNR_DB[told.level - 1], rng))


def _no_picture(sample: Sample, told: Corruption) -> Sample | None:
    clip = dataclasses.replace(sample.clip, has_video=False)
    return dataclasses.replace(sample, clip=clip) if sample.clip.has_video else None


def _no_sound(sample: Sample, told: Corruption) -> Sample | None:
    if not sample.clip.has_audio:
        return None
    clip = dataclasses.replace(sample.clip, has_audio=False)
    return dataclasses.replace(sample, clip=clip, audio=np.zeros_like(sample.audio))


def _frames(sample: Sample, told: Corruption) -> Sample | None:
    n = len(sample.frames)
    if told.level >= n:
        return None
    kept = spread_evenly(told.level, n)
    return dataclasses.replace(sample, frames=sample.frames[kept], structure=shown(sample.structure, kept), limbs=None)


_DAMAGES: dict[str, Callable[[Sample, Corruption], Sample | None]] = {
    "light": _light,
    "blur": _blur,
    "codec": _codec,
    "snr": _snr,
    "no-picture": _no_picture,
    "no-sound": _no_sound,
    "frames": _frames,
}
