"""Changes of the sound. The length never changes, and silence stays silent.

The libraries' ops are handed finished parameters and draw nothing but their noise, from a generator that is seeded
for the op and put back as it was found. NumPy keeps that generator once for the whole process, so renders take turns.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from gerdata.augment.room import BoxRoom, impulse_response
from gerdata.clip import SAMPLE_RATE_HZ, Audio

CLOSED = ConfigDict(extra="forbid")
Hertz = Annotated[float, Field(ge=20, le=7900)]  # a digital filter ends below half the rate
_TURN = threading.Lock()


@dataclass(frozen=True)
class Gain:
    """Louder or softer. Nothing is clipped: a sample may leave [-1, 1]."""

    __pydantic_config__ = CLOSED
    gain_db: Annotated[float, Field(ge=-60, le=60)]
    op: Literal["gain"] = "gain"

    def render(self, audio: Audio) -> Audio:
        return audio * np.float32(10 ** (self.gain_db / 20))


@dataclass(frozen=True)
class Shift:
    """Later (or earlier, below 0) by `shift_s`; what is moved in is silence, and the seam is faded over 5 ms."""

    __pydantic_config__ = CLOSED
    shift_s: Annotated[float, Field(ge=-10, le=10)]
    op: Literal["shift"] = "shift"

    def render(self, audio: Audio) -> Audio:
        if abs(round(self.shift_s * SAMPLE_RATE_HZ)) >= len(audio):
            return np.zeros_like(audio)
        return _run("Shift", {"shift_unit": "seconds", "rollover": False}, {"shift_amount": self.shift_s}, audio)


@dataclass(frozen=True)
class Pitch:
    """Higher or lower by `semitones`, formants along with it, at the same speed."""

    __pydantic_config__ = CLOSED
    semitones: Annotated[float, Field(ge=-12, le=12)]
    op: Literal["pitch"] = "pitch"

    def render(self, audio: Audio) -> Audio:
        return _run("PitchShift", {}, {"num_semitones": self.semitones}, audio)


@dataclass(frozen=True)
class Stretch:
    """Played `rate` times as fast at the same pitch, from the first sample on; cut or filled with silence at the end."""

    __pydantic_config__ = CLOSED
    rate: Annotated[float, Field(ge=0.5, le=2)]
    op: Literal["stretch"] = "stretch"

    def render(self, audio: Audio) -> Audio:
        return _run("TimeStretch", {"leave_length_unchanged": True}, {"rate": self.rate}, audio)


@dataclass(frozen=True)
class LowPass:
    """Butterworth, 12 dB an octave above `cutoff_hz`."""

    __pydantic_config__ = CLOSED
    cutoff_hz: Hertz
    op: Literal["low_pass"] = "low_pass"

    def render(self, audio: Audio) -> Audio:
        return _run("LowPassFilter", {}, {"cutoff_freq": self.cutoff_hz, "rolloff": 12}, audio)


@dataclass(frozen=True)
class HighPass:
    """Butterworth, 12 dB an octave below `cutoff_hz`."""

    __pydantic_config__ = CLOSED
    cutoff_hz: Hertz
    op: Literal["high_pass"] = "high_pass"

    def render(self, audio: Audio) -> Audio:
        return _run("HighPassFilter", {}, {"cutoff_freq": self.cutoff_hz, "rolloff": 12}, audio)


@dataclass(frozen=True)
class Peak:
    """One band raised or lowered by `gain_db`, an octave and a half wide (Q = 1)."""

    __pydantic_config__ = CLOSED
    centre_hz: Hertz
    gain_db: Annotated[float, Field(ge=-24, le=24)]
    op: Literal["peak"] = "peak"

    def render(self, audio: Audio) -> Audio:
        numbers = {"center_freq": self.centre_hz, "gain_db": self.gain_db, "q_factor": 1.0}
        return _run("PeakingFilter", {}, numbers, audio)


@dataclass(frozen=True)
class Room:
    """As heard in a box-shaped room, at the loudness (RMS) it had; the direct sound is not delayed."""

    __pydantic_config__ = CLOSED
    room: BoxRoom
    op: Literal["room"] = "room"

    def render(self, audio: Audio) -> Audio:
        from scipy.signal import oaconvolve

        if not audio.any():
            return audio.copy()
        wet = oaconvolve(audio.astype(np.float64), impulse_response(self.room))[: len(audio)]
        return np.asarray(wet * (_rms(audio) / max(_rms(wet), 1e-12)), np.float32)


@dataclass(frozen=True)
class Hiss:
    """Noise `snr_db` below the clip's RMS, its power falling by `slope_db` an octave: 0 white, -3 pink, -6 brown."""

    __pydantic_config__ = CLOSED
    snr_db: Annotated[float, Field(ge=-20, le=100)]
    slope_db: Annotated[float, Field(ge=-6.1, le=6.1)]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)]
    op: Literal["hiss"] = "hiss"

    def render(self, audio: Audio) -> Audio:
        level = _rms(audio) * 10 ** (-self.snr_db / 20)
        numbers = {"desired_noise_rms": level, "f_decay": self.slope_db, "apply_a_weighting": False}
        return _run("AddColorNoise", {}, numbers, audio, self.seed)


@dataclass(frozen=True)
class Clipping:
    """The loudest `percent` of samples cut flat, half of them at the top and half at the bottom; whole pairs of percents."""

    __pydantic_config__ = CLOSED
    percent: Annotated[int, Field(ge=0, le=40, multiple_of=2)]
    op: Literal["clipping"] = "clipping"

    def render(self, audio: Audio) -> Audio:
        return _run("ClippingDistortion", {}, {"percentile_threshold": self.percent}, audio)


SOUND_OPS = (Stretch, Shift, Pitch, LowPass, HighPass, Peak, Room, Hiss, Clipping, Gain)  # in order of rendering
SoundOp = Annotated[
    Stretch | Shift | Pitch | LowPass | HighPass | Peak | Room | Hiss | Clipping | Gain, Field(discriminator="op")
]


def render_sound(audio: Audio, ops: tuple[SoundOp, ...]) -> Audio:
    """One op after the other on `float32 [N]`; the length stays, the input is not written to. N may be 0."""
    for op in ops if audio.size else ():
        audio = op.render(audio)
    return audio


@contextlib.contextmanager
def own_noise(seed: int) -> Iterator[None]:
    """NumPy's generator of the process, seeded, and put back as it was. One thread at a time."""
    with _TURN:
        before = np.random.get_state()
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)


def _run(name: str, settings: dict[str, Any], numbers: dict[str, Any], audio: Audio, seed: int = 0) -> Audio:
    """One transform of audiomentations with its parameters given, so that it draws none."""
    import audiomentations

    transform = getattr(audiomentations, name)(**settings, p=1)
    transform.parameters = {"should_apply": True, **numbers}
    transform.freeze_parameters()
    with own_noise(seed):
        changed = transform(audio.copy(), SAMPLE_RATE_HZ)
    return np.ascontiguousarray(changed, np.float32)


def _rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
