"""Voices and ambience made of pulses and noise: no recording of anybody.

A voice is a train of glottal pulses (the derivative of Rosenberg's pulse, JASA 49:583, 1971) and breath, through
resonators at the formants of a vowel (Peterson & Barney, JASA 24:175, 1952, men), scaled by the vocal tract.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.scene import SoundEvent

Signal = npt.NDArray[np.float64]
VOWELS = {  # first three formants in Hz
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
BANDWIDTHS_HZ = (70.0, 90.0, 130.0)


def voice(event: SoundEvent) -> Signal:
    """One utterance, `float64 [N]`, N = round(duration * 16000), RMS 1 over its whole length."""
    rng = rng_for(event.seed, "voice")
    n = round(event.duration_s * SAMPLE_RATE_HZ)
    return _unit(VOICES[event.kind](event, n, rng) * _fade(n))


def murmur(voices: int, pitch_hz: float, n: int, rng: np.random.Generator) -> Signal:
    """Many people talking at once, `float64 [n]`, RMS 1: the syllables of all voices, one filter for each vowel."""
    channels = np.zeros((len(VOWELS), n))
    breath = 0.08 * rng.standard_normal(n)
    for _ in range(voices):
        pitch = pitch_hz * rng.uniform(0.8, 1.25) * _wander(n, 0.12, 1.5, rng)
        _speak(channels, _pulses(pitch) + breath, 0.3, rng)
    return _unit(_vowels(channels, 0.94))


def ambience(kind: str, n: int, rng: np.random.Generator) -> Signal:
    """The sound of a place without its people, `float64 [n]`, RMS 1."""
    return _unit(AMBIENCE[kind](n, rng))


def _phrase(event: SoundEvent, n: int, rng: np.random.Generator) -> Signal:
    """Speech without words: syllables of changing vowels, falling pitch."""
    pitch = event.pitch_hz * np.linspace(1.08, 0.88, n) * _wander(n, 0.1, 2.0, rng)
    channels = np.zeros((len(VOWELS), n))
    _speak(channels, _pulses(pitch) + 0.06 * rng.standard_normal(n), 0.7, rng)
    return _vowels(channels, event.tract)


def _laugh(event: SoundEvent, n: int, rng: np.random.Generator) -> Signal:
    """Ha-ha: bursts of 4.2-5.4 Hz, each breathy then voiced, pitch high and falling (after Bachorowski et al., 2001)."""
    t = np.arange(n) / SAMPLE_RATE_HZ
    beat = np.cumsum(np.full(n, rng.uniform(4.2, 5.4))) / SAMPLE_RATE_HZ
    phase = beat % 1
    voiced = np.where(phase < 0.55, np.sin(np.pi * np.clip(phase / 0.55, 0, 1)), 0) ** 0.7
    breath = np.where(phase > 0.6, np.sin(np.pi * np.clip((phase - 0.6) / 0.4, 0, 1)), 0)
    pitch = event.pitch_hz * 1.7 * (1.15 - 0.35 * t / t[-1]) * (1.06 - 0.18 * phase)
    vowel = str(rng.choice(("a", "e")))
    decay = np.exp(-0.6 * t)
    sung = _formants(_pulses(pitch) * voiced + 0.1 * rng.standard_normal(n) * voiced, vowel, event.tract)
    hiss = _formants(rng.standard_normal(n) * breath, "a", event.tract * 0.8)
    return np.asarray(decay * (_unit(sung) + 0.4 * _unit(hiss)), dtype=np.float64)


def _cheer(event: SoundEvent, n: int, rng: np.random.Generator) -> Signal:
    """Woo-hoo: a high voice that leaps up and holds, with shouts of others around it."""
    t = np.linspace(0, 1, n)
    made = np.zeros(n)
    for _ in range(3):
        rise = 1.5 + 1.1 / (1 + np.exp(-14 * (t - rng.uniform(0.2, 0.4))))
        pitch = event.pitch_hz * rng.uniform(0.85, 1.15) * rise * _wander(n, 0.03, 5.0, rng)
        source = _pulses(pitch) + 0.12 * rng.standard_normal(n)
        made += _formants(source, str(rng.choice(("u", "e", "a"))), event.tract)
    return made


def _cry(event: SoundEvent, n: int, rng: np.random.Generator) -> Signal:
    """A wail: long vowel, pitch rising then sinking with a tremor, broken by sobs."""
    t = np.arange(n) / SAMPLE_RATE_HZ
    arch = 1.25 + 0.5 * np.sin(np.pi * np.clip(t / t[-1], 0, 1) ** 0.7)
    tremor = 1 + 0.05 * np.sin(2 * np.pi * rng.uniform(6.5, 8.5) * t)
    source = _pulses(event.pitch_hz * arch * tremor * _wander(n, 0.03, 2.0, rng)) + 0.05 * rng.standard_normal(n)
    sob = 0.7 + 0.3 * np.sin(2 * np.pi * rng.uniform(1.2, 1.8) * t + rng.uniform(0, 6))
    half = np.clip((t / t[-1] - 0.4) / 0.2, 0, 1)
    first, second = _formants(source, "a", event.tract), _formants(source, "u", event.tract)
    return np.asarray(sob * ((1 - half) * first + half * second), dtype=np.float64)


def _groan(event: SoundEvent, n: int, rng: np.random.Generator) -> Signal:
    """Boo: several low voices on one sinking vowel."""
    made = np.zeros(n)
    for _ in range(3):
        pitch = event.pitch_hz * 0.72 * rng.uniform(0.88, 1.1) * np.linspace(1.1, 0.72, n) * _wander(n, 0.02, 3.0, rng)
        source = _pulses(pitch) + 0.03 * rng.standard_normal(n)
        made += _formants(source, str(rng.choice(("u", "o"))), event.tract * 1.05)
    return made


def _pulse_table(size: int) -> Signal:
    """One period of glottal flow derivative: rises over 40 % of it, closes sharply over 16 %."""
    phase = np.arange(size) / size
    opening, closing = np.sin(np.pi * phase / 0.4), -2.5 * np.sin(0.5 * np.pi * (phase - 0.4) / 0.16)
    return np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))


_PULSE = _pulse_table(2048)


def _pulses(pitch_hz: Signal) -> Signal:
    """Glottal pulses at a running pitch."""
    phase = np.cumsum(pitch_hz * (len(_PULSE) / SAMPLE_RATE_HZ)).astype(np.int64)
    return np.take(_PULSE, phase & (len(_PULSE) - 1))


def _speak(channels: Signal, source: Signal, softest: float, rng: np.random.Generator) -> None:
    """Add a voice to the channels of its vowels, in place: syllables of 110-260 ms, a pause after some."""
    n, at = len(source), int(rng.integers(int(0.2 * SAMPLE_RATE_HZ)))
    while at < n:
        length = int(rng.uniform(0.11, 0.26) * SAMPLE_RATE_HZ)
        pause = rng.uniform(0.08, 0.4) if rng.random() < 0.3 else 0.03
        vowel, loud = rng.integers(len(VOWELS)), rng.uniform(softest, 1)
        gate = np.interp(np.arange(length), (0, 500, length - 700, length - 1), (0, loud, loud, 0))
        here = source[at : at + length]
        channels[vowel, at : at + length] += gate[: len(here)] * here
        at += length + int(pause * SAMPLE_RATE_HZ)


def _vowels(channels: Signal, tract: float) -> Signal:
    """The channels through the formants of their vowels, summed."""
    voiced = [_formants(c, vowel, tract) for c, vowel in zip(channels, VOWELS, strict=True) if c.any()]
    return np.sum(voiced, axis=0) if voiced else np.zeros(channels.shape[1])


def _unit(x: Signal) -> Signal:
    """The same at RMS 1; silence stays silence."""
    return x / max(float(np.sqrt(np.mean(x**2))), 1e-9)


def _formants(source: Signal, vowel: str, tract: float) -> Signal:
    """The source through three resonators, two poles each, in a row."""
    sections = []
    for formant, width in zip(VOWELS[vowel], BANDWIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * width / SAMPLE_RATE_HZ)
        angle = 2 * np.pi * formant / tract / SAMPLE_RATE_HZ
        back = (-2 * radius * np.cos(angle), radius**2)
        sections.append([1 + sum(back), 0.0, 0.0, 1.0, *back])
    return np.asarray(signal.sosfilt(np.array(sections), source), dtype=np.float64)


def _wander(n: int, depth: float, rate_hz: float, rng: np.random.Generator) -> Signal:
    """A slow random factor around 1."""
    k = int(n / SAMPLE_RATE_HZ * rate_hz) + 3
    return 1 + depth * np.interp(np.linspace(0, k - 1, n), np.arange(k), rng.uniform(-1, 1, k))


def _fade(n: int) -> Signal:
    """Ramps of 25 ms at both ends."""
    edge = np.arange(n) / (0.025 * SAMPLE_RATE_HZ)
    return np.clip(np.minimum(edge, edge[::-1]), 0, 1)


def _coloured(n: int, slope: float, rng: np.random.Generator) -> Signal:
    """Noise whose amplitude falls with frequency to the power `slope`, flat under 40 Hz; RMS 1."""
    m = fft.next_fast_len(n, real=True)
    spectrum = fft.rfft(rng.standard_normal(m))
    spectrum *= np.maximum(fft.rfftfreq(m, 1 / SAMPLE_RATE_HZ), 40.0) ** -slope
    return _unit(fft.irfft(spectrum, m)[:n])


def _gusts(n: int, rng: np.random.Generator) -> Signal:
    return _coloured(n, 0.9, rng) * _wander(n, 0.6, 0.8, rng)


def _traffic(n: int, rng: np.random.Generator) -> Signal:
    return _coloured(n, 1.3, rng) * _wander(n, 0.5, 0.4, rng) + 0.1 * _coloured(n, 0.3, rng)


def _birds(n: int, rng: np.random.Generator) -> Signal:
    """Chirps between 2.5 and 5 kHz over a breeze."""
    made = 0.5 * _coloured(n, 0.8, rng)
    for start in rng.integers(0, max(1, n - 2400), int(rng.integers(4, 12))):
        t = np.arange(min(2400, n - start)) / SAMPLE_RATE_HZ
        sweep = rng.uniform(2500, 4500) * t + rng.uniform(-4000, 4000) * t**2
        made[start : start + len(t)] += np.sin(2 * np.pi * sweep) * np.sin(np.pi * t / t[-1]) ** 2
    return made


def _hum(n: int, rng: np.random.Generator) -> Signal:
    t = np.arange(n) / SAMPLE_RATE_HZ
    tones = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) / k for k in (1, 2, 3, 4))
    return np.asarray(tones + 0.5 * _coloured(n, 0.8, rng), dtype=np.float64)


def _clatter(n: int, rng: np.random.Generator) -> Signal:
    """Cups and spoons: short ringing strokes."""
    made = 0.4 * _coloured(n, 0.7, rng)
    for start in rng.integers(0, max(1, n - 1600), int(rng.integers(5, 14))):
        t = np.arange(min(1600, n - start)) / SAMPLE_RATE_HZ
        ring = np.sin(2 * np.pi * rng.uniform(1800, 5200) * t) + np.sin(2 * np.pi * rng.uniform(2600, 7000) * t)
        made[start : start + len(t)] += rng.uniform(0.5, 2) * ring * np.exp(-t * rng.uniform(50, 120))
    return made


Ambience = Callable[[int, np.random.Generator], Signal]
AMBIENCE: dict[str, Ambience] = {
    "quiet": lambda n, rng: _coloured(n, 1.0, rng),
    "fan": lambda n, rng: _coloured(n, 0.6, rng),
    "hum": _hum,
    "wind": _gusts,
    "birds": _birds,
    "traffic": _traffic,
    "clatter": _clatter,
    "waves": lambda n, rng: _coloured(n, 0.5, rng) * _wander(n, 0.8, 0.35, rng),
}
VOICES: dict[str, Callable[[SoundEvent, int, np.random.Generator], Signal]] = {
    "phrase": _phrase,
    "laugh": _laugh,
    "cheer": _cheer,
    "cry": _cry,
    "groan": _groan,
}
