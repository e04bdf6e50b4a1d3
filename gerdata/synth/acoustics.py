"""Rooms: a box with one absorption, heard by the image-source method, then by noise that falls as a diffuse field does.

Images (Allen & Berkley, JASA 65:943, 1979) are exact for the first 60 ms. Later ones are too many to tell apart: their
energy a second is 4 pi c / V times the decay, which is what the noise is given (Kuttruff, Room Acoustics, ch. 4).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.vocal import Signal

Wave = npt.NDArray[np.float64]
SOUND_M_S = 343.0
EARLY_S = 0.06
FLOOR_DB = -40.0  # the tail ends where it has fallen by this
LONGEST_S = 0.6
_SIZE = 36_000  # a transform that holds every computed take with its tail, so that a room needs one spectrum
BRIGHT_HZ, BRIGHT_DECAY = 2000.0, 0.6  # above this the tail falls faster; assumption for furnished rooms and air
SIZES_M = {  # length, width, height: smallest and largest
    "room": ((4.0, 7.0), (3.5, 6.0), (2.4, 3.0)),
    "hall": ((12.0, 25.0), (10.0, 18.0), (4.0, 8.0)),
    "classroom": ((7.0, 10.0), (6.0, 8.0), (2.7, 3.3)),
    "cafe": ((8.0, 15.0), (6.0, 10.0), (2.8, 4.0)),
}
OPEN_M = ((25.0, 40.0), (20.0, 30.0), (10.0, 15.0))  # outdoors: a wide box that swallows nearly all
OPEN_RT60_S = (0.15, 0.3)


@dataclass(frozen=True)
class Room:
    """A box in metres, the time in which its sound falls by 60 dB, how far the group is, and a seed for its tail.

    `measured` names the impulse response of a bank that is heard in its place; "" none.
    """

    length_m: float
    width_m: float
    height_m: float
    rt60_s: float
    group_m: float
    seed: int
    measured: str = ""

    @property
    def reflection(self) -> float:
        """Share of pressure that a wall returns, after Eyring's formula for `rt60_s`."""
        sides = (self.length_m, self.width_m, self.height_m)
        volume = float(np.prod(sides))
        surface = 2 * (sides[0] * sides[1] + sides[1] * sides[2] + sides[0] * sides[2])
        return float(np.exp(-0.5 * 0.161 * volume / (surface * self.rt60_s)))


def draw_room(rng: np.random.Generator, kind: str, rt60_s: tuple[float, float]) -> Room:
    """A room for a kind of place; outdoors `rt60_s` is not asked."""
    length, width, height = (float(rng.uniform(low, high)) for low, high in SIZES_M.get(kind, OPEN_M))
    decay = float(rng.uniform(*(rt60_s if kind in SIZES_M else OPEN_RT60_S)))
    group = float(rng.uniform(0.7, 1.0)) * 0.45 * min(length, 8.0)
    return Room(length, width, height, decay, group, seed=int(rng.integers(1 << 31)))


@lru_cache(maxsize=16)
def reflections(room: Room) -> Signal:
    """What a room adds to a source at `group_m`, `float32 [N]`, read-only; sample 0 is when the direct sound arrives.

    Scaled as sound at one metre has amplitude 1, so that somebody at d metres is heard as direct / d plus this.
    """
    n = round(min(LONGEST_S, room.rt60_s * -FLOOR_DB / 60) * SAMPLE_RATE_HZ)
    early = min(n, round(EARLY_S * SAMPLE_RATE_HZ))
    out = np.zeros(n, np.float64)
    delays, gains = _images(room, room.group_m + early / SAMPLE_RATE_HZ * SOUND_M_S)
    at = np.rint((delays - room.group_m) / SOUND_M_S * SAMPLE_RATE_HZ).astype(int)
    keep = (at > 0) & (at < early)
    np.add.at(out, at[keep], gains[keep])
    tail, last = _tail(room, n), slice(early - early // 3, early)
    images, noise = float(np.sum(out[last] ** 2)), float(np.sum(tail[last] ** 2))
    if images > 0:  # a box is less diffuse than the formula has it: the noise takes over at the level of the images
        tail *= np.clip(np.sqrt(images / noise), 0.5, 4.0)
    out[early:] = tail[early:]
    made = _dulled(out, room).astype(np.float32)
    made.flags.writeable = False
    return made


def _images(room: Room, reach_m: float) -> tuple[Wave, Wave]:
    """Distances and amplitudes of all images nearer than `reach_m`; the direct sound is among them."""
    rng = rng_for(room.seed, "positions")
    sides = np.array([room.length_m, room.width_m, room.height_m])
    ear = np.array([0.5 * (sides[0] - room.group_m) + rng.uniform(-0.2, 0.2), sides[1] * rng.uniform(0.4, 0.6), 1.5])
    mouth = ear + (room.group_m, 0.0, 0.0)
    axes = []
    for side, here, there in zip(sides, ear, mouth, strict=True):
        k = np.arange(-int(reach_m / side / 2) - 1, int(reach_m / side / 2) + 2)
        same, mirrored = there + 2 * k * side - here, -there + 2 * k * side - here
        axes.append((np.concatenate([same, mirrored]), np.concatenate([np.abs(2 * k), np.abs(2 * k - 1)])))
    square = sum(np.meshgrid(*(a[0] ** 2 for a in axes), indexing="ij"))
    bounces = sum(np.meshgrid(*(a[1] for a in axes), indexing="ij"))
    distance = np.sqrt(np.asarray(square)).ravel()
    near = distance < reach_m
    return distance[near], room.reflection ** np.asarray(bounces).ravel()[near] / distance[near]


def _tail(room: Room, n: int) -> Wave:
    """Noise with the energy of a diffuse field, from the direct sound on."""
    t = np.arange(n) / SAMPLE_RATE_HZ + room.group_m / SOUND_M_S
    volume = room.length_m * room.width_m * room.height_m
    level = np.sqrt(4 * np.pi * SOUND_M_S / volume / SAMPLE_RATE_HZ)
    noise = rng_for(room.seed, "tail").standard_normal(n)
    return np.asarray(level * noise * np.exp(-3 * np.log(10) * t / room.rt60_s))


def _dulled(response: Wave, room: Room) -> Wave:
    """The same with its upper band falling faster."""
    t = np.arange(len(response)) / SAMPLE_RATE_HZ
    pole = np.exp(-2 * np.pi * BRIGHT_HZ / SAMPLE_RATE_HZ)
    low = signal.lfilter([1 - pole], [1, -pole], response)
    return np.asarray(low + (response - low) * np.exp(-3 * np.log(10) * t / room.rt60_s * (1 / BRIGHT_DECAY - 1)))


def reflected(direct: Signal, room: Room) -> Signal:
    """The room's answer to a dry sound at one metre, `float32 [len(direct) + tail]`, without the direct sound itself."""
    n = len(direct) + tail_length(room)
    return _through(direct, _spectrum(room, _size(n)), n)


def convolved(direct: Signal, response: Signal) -> Signal:
    """The same for a response that is given, `float32 [len(direct) + len(response)]`."""
    n = len(direct) + len(response)
    return _through(direct, np.asarray(fft.rfft(response, _size(n)), np.complex64), n)


def _through(direct: Signal, spectrum: npt.NDArray[np.complex64], n: int) -> Signal:
    size = 2 * (len(spectrum) - 1)
    return np.asarray(fft.irfft(fft.rfft(direct, size) * spectrum, size)[:n], np.float32)


def _size(n: int) -> int:
    """One of few sizes that hold n samples."""
    size = _SIZE
    while size < n:
        size *= 2
    return size


def answered(loop: Signal, response: Signal) -> Signal:
    """The same for a loop that has no end: its tail falls into its own beginning."""
    return np.asarray(fft.irfft(fft.rfft(loop) * fft.rfft(response, len(loop)), len(loop)), np.float32)


def tail_length(room: Room) -> int:
    """Samples by which `reflected` is longer than its input."""
    return round(min(LONGEST_S, room.rt60_s * -FLOOR_DB / 60) * SAMPLE_RATE_HZ)


@lru_cache(maxsize=64)
def _spectrum(room: Room, size: int) -> npt.NDArray[np.complex64]:
    return np.asarray(fft.rfft(reflections(room), size), np.complex64)
