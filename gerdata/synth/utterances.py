"""What voices do: speech without words, laughter, cheers, sobs, groans, boos, gasps and angry shouts, as scores.

Rates and pitches follow published measures where there are any; the rest is drawn until its spectrogram looks as
recorded ones do, which is an assumption about what matters.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.vocal import FRAMES_HZ, HOP, VOWELS, Score, Signal, Voice, glide, moving, sing

T = TypeVar("T")
LENGTHS_S = {  # shortest and longest take
    "phrase": (0.9, 1.6),
    "laugh": (0.9, 1.6),
    "cheer": (0.8, 1.4),
    "cry": (1.0, 1.6),
    "groan": (0.8, 1.4),
    "boo": (0.9, 1.6),
    "gasp": (0.35, 0.6),
    "shout": (0.7, 1.3),
    "applause": (1.0, 1.6),
}
LEAD_S = 0.25  # rendered before the cut at the onset
ONSET_SHARE = 0.1  # of the envelope's peak: the take begins where its 5-ms envelope passes -20 dB
CHORUS = {"cheer": 2, "boo": 2}  # others of the group that join in


def duration_s(voice: Voice, kind: str, take: int) -> float:
    """How long a take is, without rendering it, to a whole sample."""
    low, high = LENGTHS_S[kind]
    drawn = rng_for(voice.seed, "length", kind, take).uniform(low, high)
    return round(float(drawn) * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def utter(voice: Voice, kind: str, take: int) -> Signal:
    """One take, `float32 [duration_s * 16000]`, peak 1. It sounds from its first 10 ms and ends softly."""
    rng = rng_for(voice.seed, "take", kind, take)
    n = round(duration_s(voice, kind, take) * SAMPLE_RATE_HZ)
    made = _lead(voice, kind, n, rng)
    for _ in range(CHORUS.get(kind, 0)):
        other = Voice(
            voice.pitch_hz * float(rng.uniform(0.75, 1.4)),
            float(np.clip(voice.tract * rng.uniform(0.88, 1.12), 0.7, 1.1)),
            voice.breath,
            voice.rough,
            voice.seed,
        )
        late = int(rng.uniform(0.03, 0.25) * SAMPLE_RATE_HZ)
        joined = _lead(other, kind, n, rng)[: n - late]
        made[late:] += float(rng.uniform(0.35, 0.7)) * joined
    return _finished(made)


def _lead(voice: Voice, kind: str, n: int, rng: np.random.Generator) -> Signal:
    """One voice alone, cut at its onset, peak 1."""
    if kind == "applause":
        return clapping(n, rng)
    frames = n // HOP + 2
    made = sing(SCORES[kind](voice, frames + int(LEAD_S * FRAMES_HZ), rng), voice, rng)
    at = _onset(made)
    return _peaked(made[at : at + n]) if at + n <= len(made) else _peaked(np.pad(made[at:], (0, at + n - len(made))))


def _one(rng: np.random.Generator, things: tuple[T, ...]) -> T:
    """One of a few things, each as likely; ten times as fast as `Generator.choice`."""
    return things[int(rng.integers(len(things)))]


def _onset(x: Signal) -> int:
    """The sample from which the sound is heard, found on an envelope of 5 ms; at most `LEAD_S` in."""
    step = SAMPLE_RATE_HZ // 200
    envelope = np.sqrt(np.mean(np.square(x[: len(x) // step * step].reshape(-1, step)), 1))
    first = int(np.argmax(envelope > ONSET_SHARE * envelope.max()))
    return min(first * step, int(LEAD_S * SAMPLE_RATE_HZ))


def _finished(x: Signal) -> Signal:
    """Ramps of 2 ms at the start and 40 ms at the end; peak 1."""
    rise, fall = 32, min(640, len(x) // 4)
    x[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    x[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    return _peaked(x)


def _peaked(x: Signal) -> Signal:
    return x / np.float32(max(float(np.abs(x).max()), 1e-9))


def _phrase(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """Speech without words: syllables at 4 to 6 a second, most with a consonant, a falling line with accents."""
    return _speech(voice, t, rng, rate_hz=float(rng.uniform(4.2, 6.0)), lift=1.0, effort=float(rng.uniform(0.65, 0.9)))


def _shout(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """Anger: loud speech of few hard syllables, high in pitch, first formant raised, bright and rough."""
    score = _speech(voice, t, rng, rate_hz=float(rng.uniform(2.8, 4.2)), lift=float(rng.uniform(1.5, 1.9)), effort=1.0)
    score.formants_hz[:, 0] *= 1.2  # loud speech opens the jaw (Lienard & Di Benedetto, JASA 106:411, 1999)
    score.rough += np.float32(rng.uniform(0.45, 0.8))
    score.voiced = np.sqrt(score.voiced)
    score.breath += np.float32(0.6) * score.voiced
    return score


def _speech(voice: Voice, t: int, rng: np.random.Generator, rate_hz: float, lift: float, effort: float) -> Score:
    score = Score.blank(t, voice.pitch_hz * lift)
    score.effort[:] = effort
    score.pitch_hz *= moving(t, (0, 1.12), (0.7, 0.95), (1, 0.8))
    at = int(LEAD_S * FRAMES_HZ) - int(rng.integers(10, 16))  # a first consonant may be silent
    before = _one(rng, ("a", "e", "o", "i", "u", "ae", "uh"))
    while at < t - 6:
        length = max(8, int(FRAMES_HZ / rate_hz * rng.uniform(0.7, 1.35)))
        end = min(at + length, t)
        before = _syllable(score, slice(at, end), before, rng)
        at = end + (int(rng.uniform(8, 22)) if rng.random() < 0.08 else 0)
    return score


def _syllable(score: Score, span: slice, before: str, rng: np.random.Generator) -> str:
    """A consonant and a vowel in a span of frames; the formants come from the vowel before. Returns the vowel."""
    n = span.stop - span.start
    vowel = _one(rng, ("a", "e", "o", "i", "u", "ae", "uh", "er"))
    kind = _one(rng, ("stop", "stop", "stop", "hiss", "hiss", "nasal", "nasal", "glide", "glide", "none"))
    closed = min(int(rng.integers(4, 8)), n // 2)
    loud = float(rng.uniform(0.55, 1.0))
    nucleus = np.full(n, loud, np.float32)
    nucleus[-max(2, n // 4) :] *= np.linspace(1, 0.45, max(2, n // 4))
    through = {"nasal": "m", "glide": _one(rng, ("i", "u"))}.get(kind, before)
    score.formants_hz[span] = glide((before, through, vowel, vowel), n, (0, 0.8 * closed / n, (closed + 4) / n, 1))
    if kind == "stop":
        nucleus[:closed] = 0.04
        score.hiss[span.start + closed - 1] = 0.5 * loud
        score.hiss_hz[span] = _one(rng, (1200.0, 2200.0, 4200.0))
    elif kind == "hiss":
        nucleus[:closed] = 0.03
        shape = np.sin(np.pi * (np.arange(closed) + 0.5) / closed)
        score.hiss[span.start : span.start + closed] = 0.6 * loud * shape
        score.hiss_hz[span] = _one(rng, (2800.0, 5200.0, 6200.0))
    elif kind in ("nasal", "glide"):
        nucleus[:closed] *= 0.4
    score.voiced[span] = nucleus
    score.pitch_hz[span] *= 1 + 0.14 * float(rng.uniform(-0.6, 1)) * np.sin(np.linspace(0, np.pi, n))
    return vowel


def _laugh(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """Calls at 4 to 5.5 a second, each a breathy onset and a short vowel, voiced or not; the series falls in pitch and
    loudness and may end in a breath drawn in. Pitch well above speech (Bachorowski et al., JASA 110:1581, 2001)."""
    score = Score.blank(t, voice.pitch_hz * float(rng.uniform(1.5, 2.1)))
    voiced_share = float(rng.choice((1.0, 0.8, 0.15), p=(0.55, 0.25, 0.2)))
    period = FRAMES_HZ / float(rng.uniform(4.2, 5.5))
    vowel = str(rng.choice(("uh", "a", "ae", "e"), p=(0.4, 0.3, 0.2, 0.1)))
    score.formants_hz[:] = VOWELS[vowel]
    score.formants_hz[:, 0] *= float(rng.uniform(1.0, 1.2))
    score.effort[:] = rng.uniform(0.35, 0.8)
    start = int(LEAD_S * FRAMES_HZ) - 4
    calls = max(1, round((t - start) / period))
    period = (t - start) / calls  # no pause at the end
    inhales = rng.random() < 0.4 and calls > 4
    for i in range(calls - inhales):
        at, n = start + round(i * period + rng.uniform(-1, 1)), max(7, int(period * rng.uniform(0.5, 0.72)))
        span = slice(max(at, 0), min(at + n, t))
        m = span.stop - span.start
        loud = float((1 - 0.55 * i / max(calls, 1)) * rng.uniform(0.75, 1.0))
        if rng.random() < voiced_share:
            tone = moving(m, (0, 0), (0.22, 0.2), (0.4, 1), (0.65, 0.8), (0.9, 0), (1, 0))
            puff = moving(m, (0, 0.3), (0.25, 1), (0.45, 0.35), (1, 0.1))
            score.voiced[span] = loud * tone
            score.breath[span] = loud * (0.5 * puff + 0.25 * tone)
        else:
            score.breath[span] = 2.2 * loud * moving(m, (0, 0), (0.2, 1), (0.6, 0.7), (0.95, 0), (1, 0))
        arch = 1 + 0.12 * np.sin(np.pi * moving(m, (0, 0.25), (1, 1.05)))
        score.pitch_hz[span] *= (1.12 - 0.3 * i / max(calls, 1)) * arch * float(rng.uniform(0.96, 1.04))
    if inhales:
        _inhale(score, slice(start + round((calls - 1) * period) + 2, t), rng, 0.7)
    return score


def _inhale(score: Score, span: slice, rng: np.random.Generator, loud: float) -> None:
    n = span.stop - span.start
    if n < 4:
        return
    score.breath[span] = loud * moving(n, (0, 0), (0.5, 1), (0.85, 0.8), (1, 0))
    score.formants_hz[span] = glide(("e", "uh"), n) * float(rng.uniform(1.0, 1.15))
    score.effort[span] = 1.0
    score.hiss[span] = 0.12 * loud * moving(n, (0, 0), (0.6, 1), (1, 0))


def _cheer(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """Woo or yeah: a leap of pitch to three times that of speech, held, then falling; loud and bright."""
    score = Score.blank(t, voice.pitch_hz)
    at = int(LEAD_S * FRAMES_HZ) - 3
    n = t - at
    top = float(min(rng.uniform(2.8, 3.8), 760 / voice.pitch_hz))
    score.pitch_hz[at:] *= moving(
        n, (0, 0.75 * top), (rng.uniform(0.15, 0.35), top), (0.75, 0.97 * top), (1, 0.72 * top)
    )
    vowels = (("u", "u", "u"), ("i", "ae", "a"), ("i", "e", "ae"))[int(rng.integers(3))]
    score.formants_hz[at:] = glide(vowels, n) * np.array((1.5, 1.25, 1.05), np.float32)  # shouted
    score.formants_hz[:, 0] = np.maximum(
        score.formants_hz[:, 0], score.pitch_hz * voice.tract
    )  # the jaw follows the pitch
    score.effort[:] = rng.uniform(0.75, 1.0)
    score.rough += np.float32(rng.uniform(0, 0.35))
    level = moving(n, (0, 0.2), (0.12, 1), (0.7, 0.85), (1, 0))
    if vowels[0] == "u" and rng.random() < 0.5:  # woo-hoo: a gap of breath, and again
        gap = slice(int(0.38 * n), int(0.38 * n) + 7)
        level[gap] = 0.1
        score.breath[at:][gap] = 0.8
    score.voiced[at:] = level
    score.breath[at:] += 0.15 * level
    return score


def _boo(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """A low, long "oo" out of closed lips, slowly sinking."""
    score = Score.blank(t, voice.pitch_hz * float(rng.uniform(0.85, 1.15)), "u")
    at = int(LEAD_S * FRAMES_HZ) - 3
    n = t - at
    score.pitch_hz[at:] *= moving(n, (0, 0.92), (0.15, 1.06), (0.7, 1), (1, 0.8))
    open_share = float(rng.uniform(0, 1))  # from "oo" to "oh"
    score.formants_hz[at:] = (1 - open_share) * glide(("m", "u", "u"), n, (0, 0.12, 1)) + open_share * glide(
        ("m", "o", "uh"), n, (0, 0.15, 1)
    )
    score.formants_hz *= np.array((1.4, 1.25, 1.05), np.float32)  # shouted: the jaw opens
    score.effort[:] = rng.uniform(0.8, 1.0)
    score.rough += np.float32(rng.uniform(0.2, 0.5))
    score.voiced[at:] = moving(n, (0, 0.25), (0.1, 1), (0.75, 0.9), (1, 0))
    score.breath[at:] = float(rng.uniform(0.5, 1.0)) * score.voiced[at:]  # shouted with much air
    return score


def _cry(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """A wail that sinks, shaken and breaking, then sobs: short gasps drawn in at about three a second."""
    score = Score.blank(t, voice.pitch_hz * float(rng.uniform(1.6, 2.3)))
    at = int(LEAD_S * FRAMES_HZ) - 2
    n = t - at
    wail = int(n * rng.uniform(0.5, 0.68))
    span = slice(at, at + wail)
    shake = 1 + 0.045 * np.sin(2 * np.pi * rng.uniform(6, 9) * np.arange(wail) / FRAMES_HZ + rng.uniform(0, 6))
    score.pitch_hz[span] *= moving(wail, (0, 0.85), (0.2, 1.1), (0.6, 1.0), (1, 0.68)) * shake
    score.formants_hz[span] = glide((_one(rng, ("a", "ae", "e")), "ae", "uh"), wail)
    throb = 0.78 + 0.22 * np.sin(2 * np.pi * rng.uniform(4, 6) * np.arange(wail) / FRAMES_HZ)
    score.voiced[span] = moving(wail, (0, 0.35), (0.15, 1), (0.7, 0.8), (1, 0.1)) * throb
    score.breath[span] = 0.35 * moving(wail, (0, 0.6), (0.5, 0.5), (1, 1))
    score.effort[:] = rng.uniform(0.45, 0.75)
    score.rough[span] += moving(wail, (0, 0.1), (0.6, 0.3), (1, 0.9)) * np.float32(rng.uniform(0.4, 0.9))
    k = at + wail + 5
    while k < t - 8:
        m = int(rng.uniform(11, 17))
        sob = slice(k, min(k + m, t))
        _inhale(score, sob, rng, 0.9)
        if rng.random() < 0.6:  # the voice catches
            score.voiced[sob] = 0.4 * moving(sob.stop - k, (0, 0), (0.5, 0.2), (0.75, 1), (1, 0))
            score.pitch_hz[sob] *= moving(sob.stop - k, (0, 1.1), (1, 1.6))
        k += m + int(rng.uniform(8, 20))
    return score


def _groan(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """Dismay: a low vowel through the nose that sinks into creak."""
    score = Score.blank(t, voice.pitch_hz * float(rng.uniform(0.8, 1.05)))
    at = int(LEAD_S * FRAMES_HZ) - 2
    n = t - at
    score.pitch_hz[at:] *= moving(n, (0, 0.95), (0.2, 1.1), (0.7, 0.8), (1, 0.6))
    score.formants_hz[at:] = glide((_one(rng, ("a", "uh", "o")), _one(rng, ("uh", "er")), "m"), n)
    score.voiced[at:] = moving(n, (0, 0.4), (0.2, 1), (0.65, 0.7), (1, 0))
    score.breath[at:] = moving(n, (0, 0.5), (0.3, 0.3), (1, 0.6))
    score.effort[:] = rng.uniform(0.4, 0.7)
    score.rough[at:] += moving(n, (0, 0.05), (0.5, 0.2), (1, 0.9))
    return score


def _gasp(voice: Voice, t: int, rng: np.random.Generator) -> Score:
    """A quick breath in, sometimes with a faint high tone in it."""
    score = Score.blank(t, voice.pitch_hz * float(rng.uniform(2.0, 2.8)), "e")
    at = int(LEAD_S * FRAMES_HZ) - 2
    n = t - at
    score.breath[at:] = moving(n, (0, 0.25), (0.35, 1), (0.6, 0.9), (0.8, 0.05), (1, 0))
    score.formants_hz[at:] = glide(("uh", "e", "ae"), n) * np.float32(rng.uniform(1.0, 1.2))
    score.hiss[at:] = 0.1 * score.breath[at:]
    score.effort[:] = 1.0
    if rng.random() < 0.4:
        score.voiced[at:] = 0.25 * moving(n, (0, 0), (0.3, 1), (0.65, 0.6), (0.75, 0), (1, 0))
        score.pitch_hz[at:] *= moving(n, (0, 0.85), (1, 1.15))
    return score


def clapping(n: int, rng: np.random.Generator) -> Signal:
    """Several people clapping, `float32 [n]`, peak 1: each at 2.5 to 5 a second and unevenly, each with hands of their own.

    A clap is a click and a few milliseconds of noise around the resonance of the hollow of the hands, 0.6 to 2.2 kHz
    (Repp, JASA 81:1100, 1987).
    """
    out = np.zeros(n + SAMPLE_RATE_HZ // 8, np.float32)
    for who in range(int(rng.integers(4, 11))):
        hands, rate = _clap(rng), float(rng.uniform(2.5, 5.0))
        loud = 1.0 if who == 0 else float(rng.uniform(0.15, 0.8))
        at = 0.0 if who == 0 else float(rng.uniform(0, 1 / rate))
        while at * SAMPLE_RATE_HZ < n:
            k = int(at * SAMPLE_RATE_HZ)
            out[k : k + len(hands)] += loud * float(rng.uniform(0.6, 1)) * hands
            at += float(rng.normal(1, 0.06)) / rate
    return _peaked(out[:n])


def _clap(rng: np.random.Generator) -> Signal:
    m = SAMPLE_RATE_HZ // 16
    hz = np.fft.rfftfreq(m, 1 / SAMPLE_RATE_HZ)
    middle = float(rng.uniform(600, 2200))
    shape = 1 / (1 + ((hz - middle) / (0.35 * middle)) ** 2) + 0.12 / (1 + (hz / 5000) ** 4)
    t = np.arange(m) / SAMPLE_RATE_HZ
    burst = rng.standard_normal(m) * np.exp(-t / float(rng.uniform(0.004, 0.011)))
    made = np.fft.irfft(np.fft.rfft(burst) * shape, m).astype(np.float32)
    return made / np.float32(np.sqrt(np.sum(made**2)))


SCORES: dict[str, Callable[[Voice, int, np.random.Generator], Score]] = {
    "phrase": _phrase,
    "laugh": _laugh,
    "cheer": _cheer,
    "cry": _cry,
    "groan": _groan,
    "boo": _boo,
    "gasp": _gasp,
    "shout": _shout,
}
