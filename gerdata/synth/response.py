"""Measured rooms: impulse responses cut to what a room answers, their decay, and their use in place of a computed room.

Decay is Schroeder's backward integral (JASA 37:409, 1965) with a line through -5 to -25 dB (T20, ISO 3382-2), of the part
that is over the noise of the recording.
"""

import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import RejectedInput
from gerdata.synth.vocal import Signal

ONSET = 0.1  # of the peak: the direct sound begins 20 dB under it (ISO 3382-1)
DIRECT_S = (
    0.0025  # what arrives in it is taken for the direct sound; assumption, the first reflection of a floor is later
)
BLOCK = SAMPLE_RATE_HZ // 100
LEAST_RANGE_DB = 35.0  # peak over noise that T20 needs (ISO 3382-2: 10 dB under the end of the line)
LONGEST_S = 1.5
FADE_SHARE = 0.1
FIRST_DB, LAST_DB = -5.0, -25.0


def trimmed(audio: Audio) -> tuple[Signal, float]:
    """An impulse response from its direct sound to where it sinks into noise, `float32 [N]`, peak 1, and its RT60 in s.

    At most `LONGEST_S` long; the last tenth fades. `RejectedInput` "no-decay" where there are not 35 dB between its peak and
    its noise, so that it is no response, or one that does not tell how the room decays.
    """
    peak = float(np.abs(audio).max(initial=0.0))
    if peak == 0:
        raise RejectedInput("no-sound")
    start = int(np.argmax(np.abs(audio) >= ONSET * peak))
    whole = np.asarray(audio[start:] / np.float32(peak), np.float32)
    heard = whole[: _noise_at(whole)]
    rt60_s = decay_s(heard)
    kept = heard[: round(LONGEST_S * SAMPLE_RATE_HZ)].copy()
    fade = max(1, round(FADE_SHARE * len(kept)))
    kept[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return kept, rt60_s


def _noise_at(response: Signal) -> int:
    """The sample at which a response sinks into its noise: the mean of its last tenth, and 6 dB."""
    n = len(response) // BLOCK
    if n < 10:
        raise RejectedInput("no-decay", f"{len(response) / SAMPLE_RATE_HZ:.3f} s")
    power = np.mean(np.square(response[: n * BLOCK].reshape(n, BLOCK), dtype=np.float64), axis=1)
    noise = max(float(power[-max(1, n // 10) :].mean()), 1e-14)
    range_db = 10 * np.log10(max(float(power.max()), 1e-14) / noise)
    if range_db < LEAST_RANGE_DB:
        raise RejectedInput("no-decay", f"{range_db:.1f} dB over its noise")
    loudest = int(np.argmax(power))
    under = np.flatnonzero(power[loudest:] < 4 * noise)
    return int(loudest + under[0]) * BLOCK if len(under) else n * BLOCK


def decay_s(response: Signal) -> float:
    """Seconds in which the energy of `float32 [N]` falls by 60 dB. `RejectedInput` "no-decay" where it does not fall by 25."""
    energy = np.cumsum(np.square(response, dtype=np.float64)[::-1])[::-1]
    level = 10 * np.log10(energy / max(float(energy[0]), 1e-20) + 1e-20)
    first, last = int(np.argmax(level < FIRST_DB)), int(np.argmax(level < LAST_DB))
    if last - first < 2:
        raise RejectedInput("no-decay", "it falls at once, or not by 25 dB")
    t = np.arange(first, last) / SAMPLE_RATE_HZ
    slope = float(np.polyfit(t, level[first:last], 1)[0])
    return round(-60 / slope, 4)


def late(response: Signal, group_m: float) -> Signal:
    """What a measured room adds to a sound at `group_m`, `float32 [N]`, scaled as `acoustics.reflections` is: sound at one
    metre has amplitude 1, and somebody at `group_m` is heard with the measured share of direct sound. How far the microphone
    was is seldom told, so it is taken to be that far."""
    n = round(DIRECT_S * SAMPLE_RATE_HZ)
    direct = float(np.sqrt(np.sum(np.square(response[:n], dtype=np.float64))))
    out: npt.NDArray[np.float32] = np.asarray(response / np.float32(max(direct, 1e-9) * group_m), np.float32)
    out[:n] = 0
    return out
