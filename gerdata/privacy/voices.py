"""Voice ops: what stays of a whole track's sound, rendered as fresh noise from a secret, or as nothing.

Every op but McAdams' reads the sound into a few numbers first (`step_levels`, `envelope`) and renders those alone, so two
sounds with the same numbers give the same bytes. The whole track is treated: a speech detector would leave laughter,
crying and the room. What an attacker who retrains on the output still gets is measured in `benchmarks/voices.py`.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from gerdata.clip import SAMPLE_RATE_HZ, Audio

Curve = npt.NDArray[np.float32]

LOW_HZ, HIGH_HZ = 100.0, 7500.0  # of speech that is looked at and rendered
FRAME_RATE_HZ = 100
HOP = SAMPLE_RATE_HZ // FRAME_RATE_HZ
WINDOW = 2 * HOP  # of analysis and synthesis: Hann and its root, so that the power of overlapping frames sums to one
OUTPUT_RMS = 0.05  # one level for all clips: that of a clip tells speakers apart (rank-1 .22 of 10 by the level alone)
FLOOR_DB = -30.0  # noise floor below the mean power: the quietest frames tell the room and the microphone
SILENCE_RMS = 1e-5  # of a whole track, -100 dBFS: below it there is no sound, and none is made up
# Long-term average speech spectrum, in third octaves from 100 Hz to 8 kHz (Byrne et al. 1994, JASA 96:2108, both sexes), dB
# rounded; the same for all clips, so that the voice's and the microphone's own colour is gone.
SPEECH_DB = (54, 58, 57, 60, 60, 59, 62, 62, 60, 57, 54, 53, 52, 49, 48, 47, 46, 44, 44, 44)


@dataclass(frozen=True)
class Steps:
    """Noise with the level of each `step_s` in steps of `step_db` below the loudest one, at most `most_steps` down.

    What stays: those levels, so few that clips share them. An attacker who retrains named one of ten speakers in .12
    [.06, .18] of 5-s clips (chance .10); with the originals at hand he finds the source of .20 [.13, .27].
    """

    step_s: float = 1.0
    step_db: float = 6.0
    most_steps: int = 4

    def step_levels(self, audio: Audio) -> tuple[int, ...]:
        """One number for each step: 0 for the loudest, `most_steps` for the quietest; a last step of under a half joins
        the one before; none for a track without sound."""
        return _step_levels(audio, self.step_s, self.step_db, self.most_steps)

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        levels = self.step_levels(audio)
        if not levels:
            return np.zeros_like(audio)
        amplitude = 10 ** (-np.array(levels) * self.step_db / 20)
        centres_s = (np.arange(len(levels)) + 0.5) * self.step_s
        curve = np.interp(np.arange(_frames_of(len(audio))) / FRAME_RATE_HZ, centres_s, amplitude)
        return _levelled(_noise(curve[:, None].astype(np.float32), _speech_gains(), len(audio), rng))

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return None


@dataclass(frozen=True)
class Numbers:
    """No sound. What stays is published as numbers: the energy of each `step_s` in steps of `step_db` below the loudest.

    Of 341 clips of 5 s, 7 different values in all; the source of .02 was found with the originals at hand.
    """

    step_s: float = 2.5
    step_db: float = 6.0
    most_steps: int = 4

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        return np.zeros_like(audio)

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return _step_levels(audio, self.step_s, self.step_db, self.most_steps) or None


@dataclass(frozen=True)
class Bed:
    """Noise of generic speech colour under the track's envelope up to `cutoff_hz`, one output level, one noise floor.

    What stays: the slow envelope. An attacker who retrains named one of ten speakers in .28 [.17, .39] of 5-s clips, in .65
    with six clips pooled; whoever has the originals finds the source always.
    """

    cutoff_hz: float = 1.0

    def envelope(self, audio: Audio) -> Curve:
        """`float32 [F]` at 100 Hz, of mean square 1 above the floor; empty for a track without sound."""
        sound = _heard(audio)
        if not len(sound):
            return sound
        curve = _lowpassed(np.sqrt(_band_power(sound, (LOW_HZ, HIGH_HZ))), self.cutoff_hz)[:, 0]
        curve = curve / np.sqrt(np.mean(curve**2) + 1e-20)
        return np.asarray(np.sqrt(curve**2 + 10 ** (FLOOR_DB / 10)), np.float32)

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        curve = self.envelope(audio)
        if not len(curve):
            return np.zeros_like(audio)
        return _levelled(_noise(curve[:, None], _speech_gains(), len(audio), rng))

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return None


@dataclass(frozen=True)
class BedDynamic(Bed):
    """`Bed` with an envelope up to 4 Hz: syllables. Less protection: .34 [.23, .46] of 5-s clips, .70 pooled; which of 15
    sentences was said in .29 (chance .07)."""

    cutoff_hz: float = 4.0


@dataclass(frozen=True)
class VocodeVoice:
    """Cosmetic: noise in `bands` logarithmic bands under each band's envelope up to `cutoff_hz`. Sounds like a robot, and
    an attacker who retrains named one of ten speakers in .98 of 5-s clips."""

    bands: int = 8
    cutoff_hz: float = 16.0

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        sound = _heard(audio)
        if not len(sound):
            return np.zeros_like(audio)
        edges = tuple(np.geomspace(LOW_HZ, HIGH_HZ, self.bands + 1).tolist())
        curves = _lowpassed(np.sqrt(_band_power(sound, edges)), self.cutoff_hz)
        noise = _noise(curves, _band_gains(edges), len(audio), rng)
        return np.asarray(np.clip(noise, -1, 1), np.float32)

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return None


@dataclass(frozen=True)
class McAdamsVoice:
    """Cosmetic: the angles of the poles of linear prediction raised to `coefficient` (McAdams 1984; baseline 2 of the
    VoicePrivacy challenges), here as a filter of zero phase on each frame. An attacker who retrains named one of ten
    speakers in 1.00 of 5-s clips."""

    coefficient: float = 0.8
    order: int = 20

    def render(self, audio: Audio, rng: np.random.Generator) -> Audio:
        sound = _heard(audio)
        if not len(sound):
            return np.zeros_like(audio)
        spectra = _spectra(sound, 2 * WINDOW)
        predictors = _predictors(spectra, self.order)
        changed = _turned(predictors, self.coefficient)
        ratio = np.abs(np.fft.rfft(predictors, 2 * WINDOW, axis=1)) / np.abs(np.fft.rfft(changed, 2 * WINDOW, axis=1))
        out = _overlapped(np.asarray(spectra * ratio, np.complex64), len(audio))
        loudest = float(np.abs(out).max(initial=1.0))
        return np.asarray(out / loudest, np.float32)

    def levels(self, audio: Audio) -> tuple[int, ...] | None:
        return None


def _step_levels(audio: Audio, step_s: float, step_db: float, most_steps: int) -> tuple[int, ...]:
    sound, n = _heard(audio), round(step_s * SAMPLE_RATE_HZ)
    if not len(sound):
        return ()
    starts = range(0, max(1, len(sound) - n // 2), n)
    ends = [start + n for start in starts][:-1] + [len(sound)]
    power = [float(np.mean(sound[a:b] ** 2, dtype=np.float64)) for a, b in zip(starts, ends, strict=True)]
    down_db = 10 * np.log10(max(power) / np.maximum(power, 1e-20))
    return tuple(int(n) for n in np.minimum(np.round(down_db / step_db), most_steps))


def _heard(audio: Audio) -> Audio:
    """Finite and without an offset; `[0]` for a track without sound."""
    sound = audio if np.isfinite(audio).all() else np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
    if not len(sound):
        return np.zeros(0, np.float32)
    sound = sound - sound.mean(dtype=np.float64).astype(np.float32)
    is_silent = float(np.mean(sound**2, dtype=np.float64)) < SILENCE_RMS**2
    return np.zeros(0, np.float32) if is_silent else sound


def _frames_of(n: int) -> int:
    """Frames of a track of n samples: one centred on every hop from the first sample on, and the last one past the end."""
    return -(-n // HOP) + 1


def _spectra(sound: Audio, fft: int = WINDOW) -> npt.NDArray[np.complex64]:
    """`[F, fft / 2 + 1]` of root-Hann windowed frames."""
    padded = np.zeros(HOP + _frames_of(len(sound)) * HOP, np.float32)
    padded[HOP : HOP + len(sound)] = sound
    framed = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * _window()
    return np.asarray(scipy.fft.rfft(framed, fft, axis=1), np.complex64)


def _overlapped(spectra: npt.NDArray[np.complex64], n: int) -> Audio:
    """Back to `[n]` samples, windowed again; what a longer transform runs over its frame is cut."""
    framed = scipy.fft.irfft(spectra, axis=1)[:, :WINDOW] * _window()
    out = np.zeros((len(framed) + 1, HOP), np.float32)
    out[:-1] += framed[:, :HOP]
    out[1:] += framed[:, HOP:]
    return np.asarray(out.reshape(-1)[HOP : HOP + n], np.float32)


@cache
def _window() -> Curve:
    return np.asarray(np.sqrt(scipy.signal.windows.hann(WINDOW, sym=False)), np.float32)


def _band_power(sound: Audio, edges: tuple[float, ...]) -> Curve:
    """`float32 [F, bands]`: mean square of each frame in each band."""
    spectra = _spectra(sound)
    parts = spectra.view(np.float32)  # real and imaginary in turn
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ)
    cuts = [int(i) for i in np.searchsorted(hertz, edges)]
    bands = [np.einsum("fk,fk->f", parts[:, a:b], parts[:, a:b]) for a, b in itertools.pairwise(2 * n for n in cuts)]
    return np.asarray(np.stack(bands, axis=1) * (2 / (WINDOW * HOP)), np.float32)


def _lowpassed(curves: Curve, cutoff_hz: float) -> Curve:
    """Second order, forwards and backwards, so without delay; never below zero."""
    reach = min(len(curves) - 1, int(1.5 * FRAME_RATE_HZ / cutoff_hz))
    smooth = scipy.signal.sosfiltfilt(_sections(cutoff_hz), curves, axis=0, padlen=reach)
    return np.asarray(np.maximum(smooth, 0), np.float32)


@cache
def _sections(cutoff_hz: float) -> npt.NDArray[np.float64]:
    return np.asarray(scipy.signal.butter(2, cutoff_hz, fs=FRAME_RATE_HZ, output="sos"))


@cache
def _speech_gains() -> Curve:
    """`float32 [1, bins]`: the amplitude of one band that holds generic speech."""
    centres = 1000 * 2.0 ** ((np.arange(len(SPEECH_DB)) - 10) / 3)
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ)
    density_db = np.interp(np.log(np.maximum(hertz, 1)), np.log(centres), np.array(SPEECH_DB) - 10 * np.log10(centres))
    heard = (hertz >= LOW_HZ) & (hertz < HIGH_HZ)
    return np.asarray(np.where(heard, 10 ** (density_db / 20), 0)[None], np.float32)


@cache
def _band_gains(edges: tuple[float, ...]) -> Curve:
    """`float32 [bands, bins]`: each band's noise of mean square 1, flat."""
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ)
    inside = np.stack([(hertz >= a) & (hertz < b) for a, b in itertools.pairwise(edges)]).astype(np.float32)
    return np.asarray(inside / np.sqrt(np.maximum(inside.sum(axis=1, keepdims=True), 1)), np.float32)


def _noise(curves: Curve, gains: Curve, n: int, rng: np.random.Generator) -> Audio:
    """`[n]` samples: new noise for every frame, each band `gains: [bands, bins]` under its `curves: [F, bands]`.

    Frames overlap by half and are independent, so their powers add and the curve is interpolated between them.
    """
    drawn = rng.random((*curves.shape[:1], gains.shape[1], 2), dtype=np.float32)
    drawn -= np.float32(0.5)  # uniform: the sum of many bins is as good as normal
    drawn *= np.float32(np.sqrt(3 * WINDOW * WINDOW))
    spectra = drawn.view(np.complex64)[..., 0]
    spectra *= curves @ gains
    return _overlapped(spectra, n)


def _levelled(audio: Audio) -> Audio:
    """At the one output level; peaks over full scale are clipped."""
    rms = float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
    return np.asarray(np.clip(audio * (OUTPUT_RMS / max(rms, 1e-20)), -1, 1), np.float32)


def _predictors(spectra: npt.NDArray[np.complex64], order: int) -> npt.NDArray[np.float64]:
    """`[F, order + 1]` linear predictors of frames, first 1, by the autocorrelation method."""
    power = spectra.real.astype(np.float64) ** 2 + spectra.imag.astype(np.float64) ** 2
    likeness = np.fft.irfft(power, axis=1)[:, : order + 1]
    likeness[:, 0] = likeness[:, 0] * 1.0001 + 1e-9  # white noise 40 dB down, and silence is solvable
    lags = np.abs(np.arange(order)[:, None] - np.arange(order))
    solved = np.linalg.solve(likeness[:, lags], likeness[:, 1:, None])[..., 0]
    return np.concatenate([np.ones((len(solved), 1)), -solved], axis=1)


def _turned(predictors: npt.NDArray[np.float64], coefficient: float) -> npt.NDArray[np.float64]:
    """Predictors whose complex poles have their angle raised to the coefficient; real poles stay."""
    order = predictors.shape[1] - 1
    companion = np.zeros((len(predictors), order, order))
    companion[:, 0] = -predictors[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1
    poles = np.linalg.eigvals(companion)
    angle = np.angle(poles)
    is_pair = (np.abs(angle) > 1e-6) & (np.abs(angle) < np.pi - 1e-6)
    moved = np.where(is_pair, np.sign(angle) * np.abs(angle) ** coefficient, angle)
    turned = np.minimum(np.abs(poles), 0.995) * np.exp(1j * np.clip(moved, -np.pi, np.pi))
    out = np.zeros((len(predictors), order + 1), np.complex128)
    out[:, 0] = 1
    for k in range(order):
        out[:, 1 : k + 2] -= turned[:, k : k + 1] * out[:, : k + 1].copy()
    return out.real
