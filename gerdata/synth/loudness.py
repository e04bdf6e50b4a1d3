"""Integrated loudness of a mixture (ITU-R BS.1770-4), fast: the weighting is applied to the spectra of 0.1-s blocks.

The meter of record is `media.quality`, which is libav's; this one agrees with it within 0.15 LU (a test says so) in a
twelfth of its time, because the weighting is smooth against the resolution of a block and need not be run as a filter.
"""

from functools import lru_cache

import numpy as np
from scipy import fft

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.vocal import Signal

BLOCK = SAMPLE_RATE_HZ // 10
GATE_LUFS, RELATIVE_GATE_LU, OFFSET = -70.0, -10.0, -0.691


def loudness_lufs(audio: Signal) -> float:
    """Of `float32 [N]`, 16 kHz mono; minus infinity for silence and for less than 0.4 s."""
    blocks = len(audio) // BLOCK
    if blocks < 4:
        return float("-inf")
    spectra = fft.rfft(audio[: blocks * BLOCK].reshape(blocks, BLOCK), axis=1)
    energy = (np.square(spectra.real) + np.square(spectra.imag)) @ _weights()
    windows = np.convolve(energy.astype(np.float64), np.full(4, 0.25), "valid")
    heard = windows[windows > 10 ** ((GATE_LUFS - OFFSET) / 10)]
    if not len(heard):
        return float("-inf")
    kept = heard[heard > heard.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return float(OFFSET + 10 * np.log10(kept.mean()))


@lru_cache(maxsize=1)
def _weights() -> Signal:
    """Power of the K weighting at the bins of a block, times what makes the sum a mean square."""
    z = np.exp(-2j * np.pi * fft.rfftfreq(BLOCK, 1 / SAMPLE_RATE_HZ) / 48_000)  # the standard gives filters for 48 kHz
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    power = np.abs(shelf * high_pass) ** 2 * 2.0 / BLOCK**2
    power[-1] *= 0.5
    return np.asarray(power, np.float32)
