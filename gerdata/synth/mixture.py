"""One sound of many: murmur, utterances and ambience in the acoustics of the place, at a stated loudness."""

import numpy as np
from scipy import signal

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.synth.scene import ScenePlan
from gerdata.synth.sounds import Signal, ambience, murmur, voice

HEADROOM = 0.9  # no sample is larger; a louder mixture is turned down as a whole, never clipped


def render_audio(plan: ScenePlan) -> Audio:
    """The sound of a scene, `float32 [N]` at 16 kHz mono, N = round(duration * 16000), within +-`HEADROOM`.

    Every utterance has RMS 1 before its gain and the whole is brought to `bed.level_db` (dB full scale, RMS), so
    loudness tells nothing about what is felt. Never silent: ambience and murmur run from end to end.
    """
    n, bed = round(plan.duration_s * SAMPLE_RATE_HZ), plan.bed
    people = _gain(bed.murmur_db) * murmur(bed.voices, bed.pitch_hz, n, rng_for(bed.seed, "murmur"))
    for event in plan.events:
        made = voice(event)
        start = round(event.start_s * SAMPLE_RATE_HZ)
        made = made[: n - start]
        people[start : start + len(made)] += _gain(event.gain_db) * made
    mixed = _in_room(people, plan.place.decay_s, bed.wet, bed.seed)
    mixed += _gain(bed.ambience_db) * ambience(bed.ambience, n, rng_for(bed.seed, "ambience"))
    mixed *= _gain(bed.level_db) / np.sqrt(np.mean(mixed**2))
    mixed *= min(1.0, HEADROOM / float(np.abs(mixed).max()))
    return mixed.astype(np.float32)


def _in_room(dry: Signal, decay_s: float, wet: float, seed: int) -> Signal:
    """Dry sound plus its reverberation: noise that falls by 60 dB in `decay_s`, with a share `wet` of the energy."""
    m = round(decay_s * SAMPLE_RATE_HZ)
    tail = rng_for(seed, "room").standard_normal(m) * 10 ** (-3 * np.arange(m) / m)
    tail *= np.sqrt(wet / np.sum(tail**2))
    return np.asarray(dry * np.sqrt(1 - wet) + signal.oaconvolve(dry, tail)[: len(dry)], dtype=np.float64)


def _gain(db: float) -> float:
    """Decibels to a factor of amplitude."""
    return float(10 ** (db / 20))
