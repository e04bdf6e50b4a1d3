"""What is heard all the time: the place without its people, and many of them talking at once. Loops without a seam."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import fft

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.vocal import Signal

Wave = npt.NDArray[np.float64]
LOOP = 8 * SAMPLE_RATE_HZ  # samples; a longer scene hears it again
AMBIENCES = {
    "room": ("fan", "quiet"),
    "hall": ("hum", "quiet"),
    "park": ("wind", "birds"),
    "street": ("traffic", "wind"),
    "cafe": ("clatter", "fan"),
    "beach": ("waves", "wind"),
    "classroom": ("fan", "hum"),
}


def ambience(kind: str, rng: np.random.Generator) -> Signal:
    """The sound of a place without its people, `float32 [LOOP]`, RMS 1."""
    made = MAKERS[kind](rng)
    return np.asarray(made / np.sqrt(np.mean(made**2)), np.float32)


def babble(phrases: Sequence[Signal], talkers: int, rng: np.random.Generator) -> Signal:
    """Many people talking, dry, `float32 [LOOP]`: phrases one after the other for each talker, with pauses."""
    out = np.zeros(LOOP, np.float32)
    for _ in range(talkers):
        at, end = int(rng.integers(LOOP)), LOOP
        loud = float(rng.uniform(0.5, 1))
        while end > 0:
            phrase = phrases[int(rng.integers(len(phrases)))]
            _put(out, at, loud * phrase)
            step = len(phrase) + int(rng.uniform(0.1, 1.0) * SAMPLE_RATE_HZ)
            at, end = (at + step) % LOOP, end - step
    return out


def _put(loop: npt.NDArray[np.floating], at: int, sound: npt.NDArray[np.floating]) -> None:
    """Add a sound to a loop; what is over the end goes on at the beginning."""
    first = min(len(sound), len(loop) - at)
    loop[at : at + first] += sound[:first]
    loop[: len(sound) - first] += sound[first:]


def _coloured(slope: float, rng: np.random.Generator, from_hz: float = 40.0) -> Wave:
    """Noise whose amplitude falls with frequency to the power `slope`, flat under `from_hz`; RMS 1."""
    return _noise(np.maximum(_hz(), from_hz) ** -slope, rng)


def _around(middle_hz: float, width_hz: float, rng: np.random.Generator) -> Wave:
    """Noise in a band; RMS 1."""
    return _noise(1 / (1 + ((_hz() - middle_hz) / width_hz) ** 2), rng)


def _noise(level: Wave, rng: np.random.Generator) -> Wave:
    """Noise of this amplitude spectrum, RMS 1. It begins as it ends."""
    spectrum = rng.standard_normal(2 * len(level)).view(np.complex128) * level
    spectrum[[0, -1]] = 0
    made = fft.irfft(spectrum, LOOP)
    return np.asarray(made / np.sqrt(np.mean(made**2)))


def _hz() -> Wave:
    return np.asarray(fft.rfftfreq(LOOP, 1 / SAMPLE_RATE_HZ))


def _swell(depth: float, rate_hz: float, rng: np.random.Generator) -> Wave:
    """A slow random factor around 1 that ends as it began."""
    k = max(2, round(LOOP / SAMPLE_RATE_HZ * rate_hz))
    values = rng.uniform(-1, 1, k)
    x = np.linspace(0, k, LOOP // 160 + 1)  # a hundred a second, straight in between
    share, i = 0.5 - 0.5 * np.cos(np.pi * (x % 1)), x.astype(int) % k
    slow = values[i] * (1 - share) + values[(i + 1) % k] * share
    return np.asarray(1 + depth * np.interp(np.arange(LOOP), np.arange(len(x)) * 160, slow))


def _wind(rng: np.random.Generator) -> Wave:
    """Gusts: rumble that swells, with a whistle that comes with the strongest."""
    gust = _swell(0.65, 0.7, rng)
    return np.asarray(_coloured(1.0, rng) * gust + 0.12 * _around(float(rng.uniform(400, 900)), 120, rng) * gust**3)


def _traffic(rng: np.random.Generator) -> Wave:
    """A rumble, tyres, and one or two cars that pass."""
    made = _coloured(1.3, rng) + 0.12 * _coloured(0.3, rng)
    t = np.arange(LOOP) / SAMPLE_RATE_HZ
    for _ in range(int(rng.integers(1, 3))):
        away = (t - rng.uniform(0, LOOP / SAMPLE_RATE_HZ) + LOOP / SAMPLE_RATE_HZ / 2) % (LOOP / SAMPLE_RATE_HZ)
        near = 1 / (1 + ((away - LOOP / SAMPLE_RATE_HZ / 2) / rng.uniform(0.5, 1.2)) ** 2)
        made += near * (0.8 * _around(float(rng.uniform(700, 1200)), 500, rng) + 0.8 * _coloured(1.1, rng))
    return np.asarray(made)


def _birds(rng: np.random.Generator) -> Wave:
    """Calls of a few notes between 2.2 and 5.5 kHz, each bird with a motif, over a breeze."""
    made = 0.35 * _coloured(0.8, rng) * _swell(0.4, 0.5, rng)
    for _ in range(int(rng.integers(2, 5))):
        notes = [(rng.uniform(2200, 5200), rng.uniform(-9000, 9000), rng.uniform(0.05, 0.14)) for _ in range(4)]
        loud = rng.uniform(0.3, 1.0)
        for start in rng.integers(0, LOOP, int(rng.integers(2, 6))):
            at = int(start)
            for low_hz, sweep, length_s in notes[: int(rng.integers(2, 5))]:
                t = np.arange(int(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
                phase = low_hz * t + 0.5 * sweep * t**2 + 2.0 * np.sin(2 * np.pi * 28 * t)
                _put(made, at % LOOP, loud * np.sin(2 * np.pi * phase) * np.sin(np.pi * t / length_s) ** 2)
                at += int((length_s + 0.03) * SAMPLE_RATE_HZ)
    return np.asarray(made)


def _hum(rng: np.random.Generator) -> Wave:
    """Mains hum with its overtones under a ventilator."""
    t = np.arange(LOOP) / SAMPLE_RATE_HZ
    tones = sum(
        rng.uniform(0.3, 1) / k * np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) for k in (1, 2, 3, 4, 6, 8)
    )
    return np.asarray(tones + 0.7 * _coloured(0.8, rng))


def _fan(rng: np.random.Generator) -> Wave:
    """Air out of a grille: broad noise with a blade tone."""
    return np.asarray(_coloured(0.7, rng) * _swell(0.05, 2, rng) + 0.2 * _around(float(rng.uniform(90, 300)), 6, rng))


def _clatter(rng: np.random.Generator) -> Wave:
    """Cups, spoons and plates: strokes of a few ringing modes each, some in quick pairs."""
    made = 0.25 * _coloured(0.8, rng)
    for start in rng.integers(0, LOOP, int(rng.integers(10, 26))):
        modes = rng.uniform(1500, 6800, 5)
        t = np.arange(SAMPLE_RATE_HZ // 5) / SAMPLE_RATE_HZ
        ring = sum(
            rng.uniform(0.2, 1) * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6)) * np.exp(-t * rng.uniform(25, 140))
            for hz in modes
        )
        for late in (0, int(rng.uniform(0.05, 0.2) * SAMPLE_RATE_HZ))[: int(rng.integers(1, 3))]:
            _put(made, (int(start) + late) % LOOP, rng.uniform(0.3, 1.5) * np.asarray(ring))
    return np.asarray(made)


def _waves(rng: np.random.Generator) -> Wave:
    """Surf: hiss that rises with each wave and drags back, over a low roar."""
    return np.asarray(
        0.5 * _coloured(1.0, rng) + _coloured(0.35, rng) * np.clip(_swell(0.95, 0.25, rng), 0.05, 2) ** 1.5
    )


MAKERS: dict[str, Callable[[np.random.Generator], Wave]] = {
    "quiet": lambda rng: _coloured(1.0, rng),
    "fan": _fan,
    "hum": _hum,
    "wind": _wind,
    "birds": _birds,
    "traffic": _traffic,
    "clatter": _clatter,
    "waves": _waves,
}
