"""One sound of many: events at their planned level over a bed, in the acoustics of the place, at a stated loudness.

Everything from the bank has been through its room already, so a mixture is gains and sums: no transform is run but that
of the meter. A person at distance d is heard as direct sound / d plus the room's answer, which is the same everywhere.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import signal

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import DatasetError
from gerdata.media.codec import round_trip
from gerdata.synth.hearing import Audible, Bed, SoundEvent, has_voices
from gerdata.synth.loudness import loudness_lufs
from gerdata.synth.soundbank import SoundBank, Steps, default_bank
from gerdata.synth.vocal import Signal

HEADROOM = 0.95  # no sample is larger; a louder mixture is turned down as a whole, never clipped
NOTHING = "none"  # an ambience that is not there


@dataclass(frozen=True)
class Mixture:
    """A mixture and its parts: `audio`, `bed: float32 [N]`, one stem `float32 [N]` an event, in the plan's order.

    Bed and stems sum to the audio as it was before a codec. `turned_down` is the factor that kept it from clipping,
    1 as a rule; the parts have it too.
    """

    audio: Audio
    bed: Audio
    stems: tuple[Audio, ...]
    turned_down: float


def render_audio(plan: Audible, bank: SoundBank | None = None) -> Audio:
    """The sound of a scene, `float32 [N]` at 16 kHz mono, N = round(duration * 16000), within +-`HEADROOM`.

    Every event's mean power over its length is `snr_db` over the mean power of the bed, before the band is limited; the
    whole has `bed.loudness_lufs`, so loudness tells nothing about what is felt. The bytes are the same with any bank.
    """
    bank = _bank_for(plan, bank)
    out = _bed(plan, bank)
    level = _level(out)
    for event in plan.events:
        start, stem = _event(plan, event, bank, level)
        out[start : start + len(stem)] += stem
    out = _limited(out, plan.bed)
    out *= _gain_and_guard(out, plan.bed)[0]
    return _coded(out, plan.bed)


def render_stems(plan: Audible, bank: SoundBank | None = None) -> Mixture:
    """The same with its parts, for truth and for checks."""
    bank = _bank_for(plan, bank)
    bed = _bed(plan, bank)
    parts, level = [bed], _level(bed)
    for event in plan.events:
        start, stem = _event(plan, event, bank, level)
        parts.append(np.zeros(len(bed), np.float32))
        parts[-1][start : start + len(stem)] = stem
    whole = _limited(np.sum(parts, axis=0, dtype=np.float32), plan.bed)
    gain, turned_down = _gain_and_guard(whole, plan.bed)
    heard = [_limited(part, plan.bed) * gain for part in parts]
    return Mixture(render_audio(plan, bank), heard[0], tuple(heard[1:]), turned_down)


def _bank_for(plan: Audible, bank: SoundBank | None) -> SoundBank:
    """The bank, once it is known to have the recordings that the plan plays."""
    bank = bank or default_bank()
    if plan.recorded is not None:
        bank.check(plan.recorded.bank)
    elif has_voices(plan) or plan.room.measured:
        raise DatasetError("the plan plays recordings and does not say of which bank")
    return bank


def _bed(plan: Audible, bank: SoundBank) -> Signal:
    """Ambience at RMS 1 and the talk of others, `float32 [N]`; silence where neither is there."""
    n, bed = round(plan.duration_s * SAMPLE_RATE_HZ), plan.bed
    out = np.zeros(n, np.float32)
    if bed.recording or bed.ambience != NOTHING:
        place = bank.recorded_place(bed.recording) if bed.recording else bank.ambience(bed.ambience, plan.room)
        loop = _from(place, bed.ambience_at_s, n)
        out += loop * (1 / _level(loop))
    if bed.talkers:
        loop = _from(bank.babble(plan.voices, bed.talkers, plan.room), bed.babble_at_s, n)
        out += loop * (_gain(bed.babble_db) / _level(loop))
    return out


def _event(plan: Audible, event: SoundEvent, bank: SoundBank, level: np.float32) -> tuple[int, Signal]:
    """An event's first sample and its sound with its echo, cut at the end of the scene, over a bed of this level."""
    start = round(event.start_s * SAMPLE_RATE_HZ)
    room_s = round(plan.duration_s * SAMPLE_RATE_HZ) - start
    if event.recording:
        length = round(event.duration_s * SAMPLE_RATE_HZ)
        direct, answer = bank.recording(event.recording, length, plan.room)
    else:
        direct, answer = bank.take(plan.voices[event.voice], event.kind, event.take, plan.room)
    stem = answer[:room_s].astype(np.float32)
    heard = direct[:room_s]
    stem[: len(heard)] += heard * np.float32(1 / event.distance_m)
    energy = max(float(np.dot(stem, stem)), 1e-9)
    stem *= level * np.float32(np.sqrt(len(heard) / energy)) * _gain(event.snr_db)
    return start, stem


def _from(loop: Steps, at_s: float, n: int) -> Signal:
    """n samples of a loop from a time on."""
    at = round(at_s * SAMPLE_RATE_HZ) % len(loop)
    turns = -(-(at + n) // len(loop))
    return (loop if turns == 1 else np.concatenate([loop] * turns))[at : at + n].astype(np.float32)


def _level(x: Signal) -> np.float32:
    """RMS; 1 for silence, over which every event is as loud as over a bed of RMS 1."""
    power = float(np.dot(x, x)) / max(len(x), 1)
    return np.float32(np.sqrt(power)) if power > 0 else np.float32(1)


def _gain_and_guard(x: Signal, bed: Bed) -> tuple[np.float32, float]:
    """The factor that brings a mixture to its loudness without clipping, and by how much it was held back for that."""
    loud, peak = loudness_lufs(x), float(max(x.max(), -x.min())) if len(x) else 0.0
    if not np.isfinite(loud):
        return np.float32(min(1.0, HEADROOM / max(peak, HEADROOM))), 1.0
    wanted = 10 ** ((bed.loudness_lufs - loud) / 20)
    held = min(1.0, HEADROOM / (peak * wanted))
    return np.float32(wanted * held), held


def _limited(x: Signal, bed: Bed) -> Signal:
    """What a recorder with a narrower band keeps."""
    if bed.high_hz >= SAMPLE_RATE_HZ / 2:
        return x
    return np.asarray(signal.sosfilt(_band(bed.low_hz, bed.high_hz), x), np.float32)


@lru_cache(maxsize=256)
def _band(low_hz: float, high_hz: float) -> Signal:
    high = signal.butter(1, low_hz, "highpass", fs=SAMPLE_RATE_HZ, output="sos")
    low = signal.butter(4, high_hz, "lowpass", fs=SAMPLE_RATE_HZ, output="sos")
    return np.concatenate([high, low]).astype(np.float32)


def _coded(x: Signal, bed: Bed) -> Audio:
    return np.clip(round_trip(x, bed.codec), -HEADROOM, HEADROOM) if bed.codec else x


def _gain(db: float) -> np.float32:
    """Decibels to a factor of amplitude."""
    return np.float32(10 ** (db / 20))
