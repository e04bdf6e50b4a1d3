"""The fingerprint of one clip: what is left of a recorded moment after re-encoding, cropping, shifting or muting.

Three views, each free of brightness, contrast and gain. *Motion*: a coarse grid with whatever stands still removed, in
the spirit of the temporal part of video copy detection (Law-To et al. 2007, "Video copy detection: a comparative study").
*Sound*: a coarse log-mel spectrogram with whatever is steady removed, and keys of pairs of spectral peaks (Wang 2003,
"An industrial-strength audio search algorithm"), of which those with the least hashes are kept (Broder 1997), so that
a shifted copy keeps the same ones. *Appearance*: one thumbnail, for what neither moves nor sounds. About 5.5 kB for 5 s.
"""

import struct
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames
from gerdata.errors import DatasetError

Array = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.int8]
Keys = npt.NDArray[np.uint32]

GREY_SHAPE = (36, 48)
PICTURES_PER_S = 8
LONGEST_S = 8
GRID = (8, 10)
STILL = (24, 24)
BANDS = 16
HOP = 1000  # samples: 16 sound frames a second
N_KEYS = 48
NARROW = 0.925  # a copy cropped by 2.5 % to 5 % on each side, to within an eighth of a grid cell
MOTION_DIMS, SOUND_DIMS, LOOK_DIMS = 112, 24, 24
MOTION = slice(0, MOTION_DIMS)
SOUND = slice(MOTION_DIMS, MOTION_DIMS + SOUND_DIMS)
LOOK = slice(MOTION_DIMS + SOUND_DIMS, MOTION_DIMS + SOUND_DIMS + LOOK_DIMS)
DIMS = MOTION_DIMS + SOUND_DIMS + LOOK_DIMS

MOVES = 0.25  # grey levels of a grid frame that are motion; a filmed slide, re-encoded, has 0.1 to 0.13
VARIES_DB = 1.2  # decibels by which bands must swing to be sound with dynamics; white noise has 0.9
FLAT = 2.0  # grey levels of spread below which a thumbnail shows nothing
SILENT = 1e-4  # root mean square of sound that is none: -80 dBFS, below the noise of 16-bit recordings (assumption)
STEP = 30.0  # int8 steps for a sound band of unit strength
COARSE = 3.3  # steps of 4 bits for a grid cell of unit strength; rarer, stronger cells are clipped at 2.1
FORM = b"GPR1"
HEAD = struct.Struct("<4sHHHHff")  # form, pictures, sound frames, keys, dims, motion level, sound level


@dataclass(frozen=True)
class Print:
    """What is kept of one clip for comparing it.

    `motion: int8 [2, K, 8, 10]` in -7..7 at 8 a second, of the whole frame and of its middle (`NARROW`), and `mel: int8
    [M, 16]` at 16 a second, at most 8 s, both without what stays and with each frame's strength bounded; `still: uint8
    [24, 24]`, or [0, 0] without a picture; `descriptor: int8 [160]`, whose parts `MOTION`, `SOUND`, `LOOK` are all zero
    where the clip has none; `keys: uint32 [<= 48]`, ascending, never zero. `motion_level` is in grey levels,
    `sound_level` in decibels.
    """

    motion: Bytes
    mel: Bytes
    still: Frames
    descriptor: Bytes
    keys: Keys
    motion_level: float
    sound_level: float

    @property
    def moves(self) -> bool:
        """Whether something is seen to move."""
        return bool(self.descriptor[MOTION].any())

    @property
    def sounds(self) -> bool:
        """Whether there is sound that changes."""
        return bool(self.descriptor[SOUND].any())

    def to_bytes(self) -> bytes:
        """A fixed little-endian form: head, motion, mel, descriptor, keys, still."""
        sizes = (self.motion.shape[1], len(self.mel), len(self.keys), len(self.descriptor))
        head = HEAD.pack(FORM, *sizes, self.motion_level, self.sound_level)
        whole, middle = (self.motion + 8).astype(np.uint8)
        body = (middle << 4 | whole, self.mel, self.descriptor, self.keys.astype("<u4"), self.still)
        return head + b"".join(part.tobytes() for part in body)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Print":
        """The inverse of `to_bytes`; `DatasetError` for anything that it did not write."""
        form, k, m, n_keys, dims, motion_level, sound_level = _head(data)
        counts = (k * GRID[0] * GRID[1], m * BANDS, dims, 4 * n_keys)
        ends = np.cumsum((HEAD.size, *counts))
        left = len(data) - int(ends[-1])
        right = form == FORM and dims == DIMS and k <= LONGEST_S * PICTURES_PER_S and n_keys <= N_KEYS
        if not right or left not in (0, STILL[0] * STILL[1]):
            raise DatasetError(f"expected a print of form {FORM!r}, came {len(data)} bytes of form {form!r}")
        motion, mel, descriptor, keys = (data[a:b] for a, b in pairwise(ends))
        nibbles = np.frombuffer(motion, np.uint8)
        return cls(
            motion=np.stack([nibbles & 15, nibbles >> 4]).astype(np.int8).reshape(2, k, *GRID) - np.int8(8),
            mel=np.frombuffer(mel, np.int8).reshape(m, BANDS),
            still=np.frombuffer(data[ends[-1] :], np.uint8).reshape(STILL if left else (0, 0)),
            descriptor=np.frombuffer(descriptor, np.int8),
            keys=np.frombuffer(keys, "<u4").astype(np.uint32),
            motion_level=motion_level,
            sound_level=sound_level,
        )


def _head(data: bytes) -> tuple[Any, ...]:
    if len(data) < HEAD.size:
        raise DatasetError(f"expected a print of form {FORM!r}, came {len(data)} bytes")
    return HEAD.unpack_from(data)


def print_of(grey: Frames, audio: Audio | None) -> Print:
    """The print of `grey: uint8 [K, 36, 48]` at 8 a second and `audio: float32 [N]` at 16 kHz; either may be empty.

    Whatever comes after 8 s is not looked at. `ValueError` for another shape or type.
    """
    if grey.dtype != np.uint8 or grey.shape[1:] != GREY_SHAPE:
        raise ValueError(f"expected grey uint8 [K, 36, 48], came {grey.dtype} {grey.shape}")
    grey = grey[: LONGEST_S * PICTURES_PER_S]
    heard = np.zeros(0, np.float32) if audio is None else audio[: LONGEST_S * SAMPLE_RATE_HZ].astype(np.float32)
    loud = len(heard) > 0 and float(np.sqrt(np.mean(np.square(heard, dtype=np.float64)))) > SILENT
    motion, motion_level = _motion(grey)
    raw_mel = _log_mel(heard) if loud else np.zeros((0, BANDS), np.float32)
    mel, sound_level = _sound(raw_mel)
    still = _still(grey)
    descriptor = np.zeros(DIMS, np.int8)
    if motion_level >= MOVES:
        descriptor[MOTION] = np.concatenate([_motion_words(one) for one in motion])
    if sound_level >= VARIES_DB:
        descriptor[SOUND] = _sound_words(raw_mel, mel)
    if still.size:
        descriptor[LOOK] = _look_words(still)
    keys = landmarks(heard) if sound_level >= VARIES_DB else np.zeros(0, np.uint32)
    return Print(
        _as_int8(motion, COARSE, 7), _as_int8(mel, STEP, 127), still, descriptor, keys, motion_level, sound_level
    )


def _as_int8(values: Array, step: float, most: int) -> Bytes:
    return np.asarray(np.clip(np.rint(values * step), -most, most), np.int8)


def _motion(grey: Frames) -> tuple[Array, float]:
    """What moves, whole and cropped: `float32 [2, K, 8, 10]` of bounded strength, and its level in grey levels."""
    if len(grey) < 4:  # less than half a second: nothing can be told from it
        return np.zeros((2, len(grey), *GRID), np.float32), 0.0
    whole, level = _moving_grid(grey, 1.0)
    return np.stack([whole, _moving_grid(grey, NARROW)[0]]), level


def _moving_grid(grey: Frames, keep: float) -> tuple[Array, float]:
    rows, columns = (_areas(n_in, n_out, keep) for n_in, n_out in zip(GREY_SHAPE, GRID, strict=True))
    grid = np.einsum("yi,kij,xj->kyx", rows, grey.astype(np.float32), columns, optimize=True)
    grid -= grid.mean(axis=(1, 2), keepdims=True)  # flicker and automatic exposure are no motion
    return _bounded(grid, around=6, least=0.6)


def _bounded(series: Array, around: int, least: float) -> tuple[Array, float]:
    """A series [T, ...] without its mean over `around` steps either way, the strength of each step bounded by 1.

    Without the bound one cut, or one slammed door, would decide every comparison. Strengths well below `least` stay small.
    The level is the third quartile of strengths, in the series' own unit.
    """
    flat = series.reshape(len(series), -1).astype(np.float64)
    sums = np.vstack([np.zeros((1, flat.shape[1])), np.cumsum(flat, axis=0)])
    low = np.maximum(0, np.arange(len(flat)) - around)
    high = np.minimum(len(flat), np.arange(len(flat)) + around + 1)
    rest = flat - (sums[high] - sums[low]) / (high - low)[:, None]
    strength = np.sqrt(np.mean(rest**2, axis=1))
    usual = max(least, float(np.median(strength)))
    rest /= np.sqrt(strength**2 + usual**2)[:, None]
    return rest.reshape(series.shape).astype(np.float32), float(np.quantile(strength, 0.75))


@cache
def _areas(n_in: int, n_out: int, keep: float) -> Array:
    """Area means over the middle `keep` of a side as a matrix [n_out, n_in] whose rows sum to 1."""
    edges = n_in / 2 + (np.arange(n_out + 1) / n_out - 0.5) * n_in * keep
    at = np.arange(n_in)
    share = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return np.asarray(np.clip(share, 0, None) * n_out / (n_in * keep), np.float32)


def _still(grey: Frames) -> Frames:
    """The mean picture at 24 x 24; [0, 0] without pictures."""
    if not len(grey):
        return np.zeros((0, 0), np.uint8)
    mean = grey.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(np.rint(cv2.resize(mean, STILL[::-1], interpolation=cv2.INTER_AREA)), np.uint8)


def _words(values: npt.NDArray[np.floating[Any]]) -> Bytes:
    """A vector of unit length as int8, never all zero, which would mean that there is none."""
    length = float(np.sqrt(np.sum(values**2)))
    out: Bytes = np.clip(np.rint(values / max(length, 1e-9) * 200), -127, 127).astype(np.int8)
    if not out.any():
        out[0] = 1
    return out


@cache
def _modes() -> Array:
    """The lowest spatial cosines over the grid: [80, 8]."""
    y, x = (np.arange(n) + 0.5 for n in GRID)
    waves = [
        np.outer(np.cos(np.pi * u * y / GRID[0]), np.cos(np.pi * v * x / GRID[1])).ravel()
        for u in range(3)
        for v in range(3)
        if u + v < 4
    ]
    return np.array([wave / np.sqrt(np.sum(wave**2)) for wave in waves], np.float32).T


def _motion_words(motion: Array) -> Bytes:
    """Where the picture moves and which places move together, whenever they do: 36 covariances and 20 places.

    Energy, not grey, because it is smooth enough in space to survive a crop. A window in time that fades at both ends
    makes a copy shifted by 0.5 s nearly the same.
    """
    energy = np.square(motion, dtype=np.float64).reshape(len(motion), -1)
    fade = np.hanning(len(energy) + 2)[1:-1, None]
    fade /= fade.sum()
    mean = (energy * fade).sum(axis=0)
    waves = (energy - mean) @ _modes()
    together = ((waves * fade).T @ waves)[np.triu_indices(8)]
    place = np.sqrt(mean.reshape(4, 2, 5, 2).mean(axis=(1, 3)).ravel())
    return np.concatenate([_words(np.sign(together) * np.sqrt(np.abs(together))), _words(place - place.mean())])


def _look_words(still: Frames) -> Bytes:
    """The thumbnail at 5 x 5 without two corner cells, free of brightness and contrast; never all zero."""
    picture = still.astype(np.float32)
    out = np.ones(LOOK_DIMS, np.int8)
    if picture.std() >= FLAT:
        small = cv2.resize(picture, (5, 5), interpolation=cv2.INTER_AREA).ravel()[-(LOOK_DIMS - 1) :]
        small = (small - small.mean()) / max(float(small.std()), 1e-3)
        out[1:] = np.clip(np.rint(small * 40), -127, 127).astype(np.int8)
    return out


@cache
def _mel_filters(window: int) -> Array:
    """Triangles [BANDS, window / 2 + 1] from 150 to 6000 Hz (mel scale of O'Shaughnessy 1987)."""
    mel = np.linspace(1127 * np.log1p(150 / 700), 1127 * np.log1p(6000 / 700), BANDS + 2)
    hz = 700 * np.expm1(mel / 1127)
    at = np.arange(window // 2 + 1) * SAMPLE_RATE_HZ / window
    up = (at - hz[:-2, None]) / (hz[1:-1] - hz[:-2])[:, None]
    down = (hz[2:, None] - at) / (hz[2:] - hz[1:-1])[:, None]
    return np.asarray(np.clip(np.minimum(up, down), 0, None), np.float32)


def _spectra(audio: Audio, window: int, hop: int) -> Array:
    """Power spectra [T, window / 2 + 1] of Hann windows that lie wholly inside the sound."""
    if len(audio) < window:
        return np.zeros((0, window // 2 + 1), np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(audio, window)[::hop]
    spectra = np.fft.rfft(cut * np.hanning(window).astype(np.float32), axis=1)
    return np.asarray(np.square(np.abs(spectra)), np.float32)


def _log_mel(audio: Audio) -> Array:
    """Decibels above the clip's floor, 50 dB below its loudest band: `float32 [M, 16]`, free of gain."""
    power = _spectra(audio, 2048, HOP) @ _mel_filters(2048).T
    if not power.size:
        return power
    return np.asarray(10 * np.log10(np.maximum(power / power.max(), 1e-5)) + 50, np.float32)


def _sound(mel: Array) -> tuple[Array, float]:
    """What changes in the sound: `float32 [M, 16]` of bounded strength, and its level in decibels."""
    if len(mel) < 8:
        return np.zeros((len(mel), BANDS), np.float32), 0.0
    return _bounded(mel, around=10, least=2.0)


def _sound_words(mel: Array, changes: Array) -> Bytes:
    """Spectrum and swing in 8 bands each, and covariances of 4 broad bands an eighth of a second apart."""
    fade = np.hanning(len(mel) + 2)[1:-1, None]
    fade /= fade.sum()
    mean = (mel * fade).sum(axis=0).reshape(8, 2).mean(axis=1)
    swing = np.sqrt((changes**2 * fade).sum(axis=0)).reshape(8, 2).mean(axis=1)
    broad = changes.reshape(len(changes), 4, BANDS // 4).mean(axis=2)
    later = (broad[:-2] * fade[1:-1]).T @ broad[2:]
    return _words(
        np.concatenate([(mean - mean.mean()) / 40, (swing - swing.mean()) * 2, later[np.triu_indices(4)][:8]])
    )


def landmarks(audio: Audio) -> Keys:
    """Keys of pairs of spectral peaks, `uint32 [<= 48]`, ascending: two frequencies and the time between them.

    Kept are those with the least hashes, not the loudest: a copy that starts later keeps the same ones where they sound.
    """
    power = _spectra(audio, 512, 160)
    if not power.size:
        return np.zeros(0, np.uint32)
    level = np.log(np.maximum(power, power.max() * 1e-6))
    peak = (level == cv2.dilate(level, np.ones((15, 15), np.uint8))) & (level > np.median(level) + 1.0)
    peak[:, :4] = False  # rumble below 125 Hz
    time, bin_ = (at.astype(np.int64) for at in np.nonzero(peak))
    found = []
    for ahead in range(1, 9):
        dt, df = time[ahead:] - time[:-ahead], np.abs(bin_[ahead:] - bin_[:-ahead])
        near = (dt >= 4) & (dt < 96) & (df < 96)
        found.append((bin_[:-ahead] << 16 | bin_[ahead:] << 7 | (dt >> 1))[near])
    keys = np.unique(np.concatenate(found)).astype(np.uint32)
    order = np.argsort(_mixed(keys), kind="stable")[:N_KEYS]
    return np.sort(keys[order])


def _mixed(keys: Keys) -> npt.NDArray[np.uint64]:
    """Well-spread numbers that depend on the key alone (Knuth's multiplicative hash; no two keys share one)."""
    return (keys.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
