"""A voice that nobody has: glottal pulses and breath through moving formants, from a score of a hundred frames a second.

The source is the derivative of Rosenberg's glottal pulse (JASA 49:583, 1971), less steep for a soft voice; breath is noise
that the open glottis lets through. The filter is Klatt's cascade of resonators (JASA 67:971, 1980), applied to
overlapping windows in the frequency domain, so that formants may move from frame to frame.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from gerdata.clip import SAMPLE_RATE_HZ

Signal = npt.NDArray[np.float32]
HOP = 160  # samples between frames: 10 ms
FRAMES_HZ = SAMPLE_RATE_HZ / HOP
_FFT = 512  # a window of two hops, and 12 ms for the resonators to ring out
VOWELS = {  # first three formants of men in Hz (Peterson & Barney, JASA 24:175, 1952)
    "a": (730, 1090, 2440),
    "ae": (660, 1720, 2410),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
    "uh": (520, 1190, 2390),
    "er": (490, 1350, 1690),
    "m": (250, 1050, 2200),  # lips closed, sound through the nose
}
_BANDWIDTHS_HZ = (80.0, 100.0, 140.0)
_UPPER_HZ = ((3400.0, 200.0), (4500.0, 300.0), (5500.0, 400.0), (6500.0, 500.0), (7500.0, 600.0))  # formants 4 to 8


@dataclass(frozen=True)
class Voice:
    """One voice. `tract` is the vocal tract's length over that of a man, `breath` and `rough` are 0 to 1."""

    pitch_hz: float
    tract: float
    breath: float
    rough: float
    seed: int


@dataclass
class Score:
    """What a voice does, frame by frame (10 ms): all `float32 [T]`, `formants_hz [T, 3]` as of a man.

    `voiced`, `breath`, `hiss` are amplitudes of pulses, of noise at the glottis and of noise at the lips or teeth;
    `hiss_hz` is the middle of the latter; `effort` 0 (soft, dull) to 1 (pressed, bright); `rough` adds to the voice's.
    """

    pitch_hz: Signal
    voiced: Signal
    breath: Signal
    hiss: Signal
    hiss_hz: Signal
    effort: Signal
    rough: Signal
    formants_hz: Signal

    @classmethod
    def blank(cls, n_frames: int, pitch_hz: float, vowel: str = "uh") -> "Score":
        """A silent score on one vowel."""
        flat = {f.name: np.zeros(n_frames, np.float32) for f in fields(cls) if f.name != "formants_hz"}
        flat["pitch_hz"] += np.float32(pitch_hz)
        flat["hiss_hz"] += np.float32(4500)
        flat["effort"] += np.float32(0.5)
        return cls(**flat, formants_hz=np.tile(np.array(VOWELS[vowel], np.float32), (n_frames, 1)))


def sing(score: Score, voice: Voice, rng: np.random.Generator) -> Signal:
    """The sound of a score, `float32 [T * 160]`, of no particular level."""
    t = len(score.pitch_hz)
    n = t * HOP
    rough = np.clip(score.rough + voice.rough, 0, 1)
    pitch = score.pitch_hz * (1 + (0.006 + 0.05 * rough) * _smooth(rng.standard_normal(t)))
    shimmer = np.clip(1 + (0.05 + 0.35 * rough) * rng.standard_normal(t), 0.2, 2)
    pulses, opening = _pulses(_spread(pitch, n), _spread(score.effort, n))
    noise = rng.standard_normal(n + t).astype(np.float32)[:n]
    airy = _spread(score.breath + 0.35 * voice.breath * score.voiced, n)
    glottal = pulses * _spread(score.voiced * shimmer, n) + 0.3 * noise * airy * (0.35 + 0.65 * opening)
    # breath without pulses is steady: the glottis stays open
    glottal += 0.2 * noise * _spread(score.breath * (score.voiced < 0.05), n)
    spectra = _spectra(glottal) * _response(score, voice)
    if score.hiss.any():
        spectra += _spectra(noise * _spread(score.hiss, n)) * _hiss_shape(score.hiss_hz)
    return _overlapped(spectra, n)


def moving(n: int, *points: tuple[float, float]) -> Signal:
    """A line of `n` frames through (share of the length, value) points."""
    at, values = zip(*points, strict=True)
    return np.asarray(np.interp(np.linspace(0, 1, n), at, values), np.float32)


def glide(vowels: tuple[str, ...], n: int, shares: tuple[float, ...] | None = None) -> Signal:
    """Formants `[n, 3]` that move from vowel to vowel, straight between the times given as shares of the length."""
    at = shares or tuple(np.linspace(0, 1, len(vowels)))
    table = np.array([VOWELS[v] for v in vowels], np.float32)
    x = np.linspace(0, 1, n)
    return np.stack([np.interp(x, at, table[:, k]) for k in range(3)], 1).astype(np.float32)


def _spread(track: npt.NDArray[np.floating], n: int) -> Signal:
    """A track of frames as one of samples, straight between the middles of frames."""
    t = len(track)
    step = np.diff(track, append=track[-1:]).astype(np.float32) * np.float32(1 / HOP)
    ramp = np.arange(HOP, dtype=np.float32)
    return (track.astype(np.float32)[:, None] + step[:, None] * ramp).reshape(t * HOP)[:n]


def _smooth(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.convolve(x, (0.25, 0.5, 0.25), "same")


_TABLE = 2048


@lru_cache(maxsize=1)
def _tables() -> tuple[Signal, Signal, Signal]:
    """One period of soft and of pressed glottal flow derivative, energy alike, and of how open the glottis is."""
    phase = np.arange(_TABLE) / _TABLE

    def flow(rise: float, fall: float) -> npt.NDArray[np.float64]:
        up = 0.5 * (1 - np.cos(np.pi * phase / rise))
        down = np.cos(0.5 * np.pi * (phase - rise) / fall)
        return np.where(phase < rise, up, np.where(phase < rise + fall, down, 0.0))

    def derivative(x: npt.NDArray[np.float64], smoothing: int) -> Signal:
        kernel = np.hanning(smoothing + 2)
        wide = np.convolve(np.concatenate([x, x, x]), kernel / kernel.sum(), "same")[_TABLE : 2 * _TABLE]
        made = np.gradient(wide)
        return np.asarray(made / np.sqrt(np.mean(made**2)), np.float32)

    soft, pressed = derivative(flow(0.48, 0.3), 160), derivative(flow(0.36, 0.1), 24)
    return soft, pressed, flow(0.45, 0.25).astype(np.float32)


def _pulses(pitch_hz: Signal, effort: Signal) -> tuple[Signal, Signal]:
    """Pulses at a running pitch, drawn at twice the rate and halved, which keeps most aliases out; and the opening."""
    soft, pressed, opening = _tables()
    step = np.repeat(pitch_hz, 2).astype(np.float64) * (_TABLE / (2 * SAMPLE_RATE_HZ))
    phase = np.cumsum(step).astype(np.int64) & (_TABLE - 1)
    share = np.clip(effort, 0, 1)

    def halved(table: Signal) -> Signal:
        x = table[phase]
        even, odd = x[::2], x[1::2]
        return np.asarray(0.5 * even + 0.25 * (odd + np.concatenate([odd[:1], odd[:-1]])), np.float32)

    return halved(soft) * (1 - share) + halved(pressed) * share, opening[phase[::2]]


@lru_cache(maxsize=1)
def _window() -> Signal:
    return np.hanning(2 * HOP + 1)[:-1].astype(np.float32)


def _spectra(x: Signal) -> npt.NDArray[np.complex64]:
    """Windows of 20 ms, one a frame, centred on its beginning: `complex64 [T + 1, 257]`."""
    padded = np.concatenate([np.zeros(HOP, np.float32), x, np.zeros(HOP, np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP]
    return np.asarray(fft.rfft(windows * _window(), _FFT, axis=1), np.complex64)


def _overlapped(spectra: npt.NDArray[np.complex64], n: int) -> Signal:
    frames = fft.irfft(spectra, _FFT, axis=1).astype(np.float32)
    out = np.zeros((len(frames) + 4) * HOP, np.float32)
    for k in range(0, _FFT, HOP):
        part = frames[:, k : k + HOP]
        grid = out[k : k + len(frames) * HOP].reshape(-1, HOP)
        grid[:, : part.shape[1]] += part
    return out[HOP : HOP + n]


def _response(score: Score, voice: Voice) -> npt.NDArray[np.complex64]:
    """The vocal tract in every frame, `complex64 [T + 1, 257]`: three moving formants, five that stay, tilt by effort."""
    formants = np.concatenate([score.formants_hz, score.formants_hz[-1:]]) / np.float32(voice.tract)
    effort = np.append(score.effort, score.effort[-1])
    poles = np.ones((len(formants), 1))
    for k, width in enumerate(_BANDWIDTHS_HZ):
        radius = np.exp(-np.pi * width / SAMPLE_RATE_HZ)
        b = 2 * radius * np.cos(2 * np.pi * np.minimum(formants[:, k], 5000) / SAMPLE_RATE_HZ)
        poles = np.pad(poles, ((0, 0), (0, 2)))
        poles = poles - b[:, None] * np.roll(poles, 1, 1) + radius**2 * np.roll(poles, 2, 1)
    below = (poles @ _powers()).astype(np.float32).view(np.complex64)  # in double until here: the powers cancel
    softness, of = np.unique(np.clip(1.2 - 1.8 * effort, -0.6, 1.2).round(2), return_inverse=True)
    hz = np.arange(below.shape[1]) * (SAMPLE_RATE_HZ / _FFT)
    soft = 1 / np.sqrt(
        1 + (hz / 1800.0) ** 2
    )  # soft voices fall off above 1.8 kHz, pressed ones rise; fitted to recorded spectra
    shapes = (soft ** softness[:, None] * _upper(voice.tract)).astype(np.complex64)
    made: npt.NDArray[np.complex64] = shapes[of]
    made *= poles.sum(1)[:, None].astype(np.float32)
    made /= below
    return made


@lru_cache(maxsize=1)
def _powers() -> npt.NDArray[np.float64]:
    """Powers 0 to 6 of 1/z on the unit circle, `float64 [7, 2 * 257]`, real and imaginary parts in turn."""
    made = np.exp(-2j * np.pi * np.outer(np.arange(7), np.arange(_FFT // 2 + 1)) / _FFT)
    return np.ascontiguousarray(made).view(np.float64)


@lru_cache(maxsize=64)
def _upper(tract: float) -> npt.NDArray[np.complex128]:
    z = np.exp(-2j * np.pi * np.arange(_FFT // 2 + 1) / _FFT)
    made = np.ones(len(z), np.complex128)
    for formant, width in _UPPER_HZ:
        if formant / tract > 7600:  # beyond what is kept: leaving it out costs nothing below
            continue
        radius = np.exp(-np.pi * width / SAMPLE_RATE_HZ)
        b = 2 * radius * np.cos(2 * np.pi * formant / tract / SAMPLE_RATE_HZ)
        made *= (1 - b + radius**2) / (1 - b * z + radius**2 * z**2)
    return made


def _hiss_shape(middle_hz: Signal) -> Signal:
    """A broad hump around the middle, in every frame."""
    hz = np.arange(_FFT // 2 + 1, dtype=np.float32) * (SAMPLE_RATE_HZ / _FFT)
    middle = np.append(middle_hz, middle_hz[-1])[:, None]
    return np.asarray(np.exp(-0.5 * ((hz[None] - middle) / (0.28 * middle + 300)) ** 2), np.float32)
