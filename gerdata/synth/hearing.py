"""What is heard in a scene, as a plan: voices and a room that belong to the cast, a bed of sound, and who does what when.

Only the kind of an event follows what somebody feels. How many there are, when, how loud and how far is drawn from the
same numbers whatever the class, so loudness and busyness tell nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from gerdata.chance import rng_for
from gerdata.recipe import SynthRecipe
from gerdata.synth.acoustics import Room
from gerdata.synth.surroundings import AMBIENCES
from gerdata.synth.utterances import LENGTHS_S, duration_s
from gerdata.synth.vocal import Voice

EVENTS = tuple(LENGTHS_S)
TAKES = {kind: {"phrase": 3, "laugh": 2}.get(kind, 1) for kind in EVENTS}  # of each voice
EXPRESSIVE = 0.25  # valence from which a voice may laugh or cry; assumption
LONGEST_S = max(high for _, high in LENGTHS_S.values())
LAST_START_S = 0.6  # before the end: the shortest that can still be told; assumption
FARTHEST_M = 7.0


@dataclass(frozen=True)
class SoundEvent:
    """One event: `kind` of `EVENTS`, `who` (position in `people`, -1 somebody unseen), which of the plan's voices and which
    take, onset and length, how far its mean power (with its echo) is over the bed's, and how far away it is. A `recording` of a
    bank ("" none) is heard in place of the voice's take."""

    kind: str
    who: int
    voice: int
    take: int
    start_s: float
    duration_s: float
    snr_db: float
    distance_m: float
    recording: str = ""


@dataclass(frozen=True)
class Bed:
    """What is heard all the time, and the whole: `ambience` and the talk of `talkers` (0: none) `babble_db` over it, both
    from somewhere in their loops; the band of the recorder (`high_hz` 8000: all of it); its loudness; its codec ("" none). A
    `recording` of a bank ("" none) is heard in place of the ambience."""

    ambience: str
    ambience_at_s: float
    talkers: int
    babble_db: float
    babble_at_s: float
    low_hz: float
    high_hz: float
    loudness_lufs: float
    codec: str
    recording: str = ""


@dataclass(frozen=True)
class Recorded:
    """Which bank of recordings was at hand for a plan, by its name, and the licences of what of it is heard, each once."""

    bank: str
    licences: tuple[str, ...]


@dataclass(frozen=True)
class Speaker:
    """What the plan of sound knows of a person: feeling, pitch, distance."""

    valence: float
    anger: float
    pitch_hz: float
    distance_m: float


class Audible(Protocol):
    """A plan that can be heard, whatever is seen of it."""

    @property
    def duration_s(self) -> float: ...
    @property
    def room(self) -> Room: ...
    @property
    def voices(self) -> tuple[Voice, ...]: ...
    @property
    def bed(self) -> Bed: ...
    @property
    def events(self) -> tuple[SoundEvent, ...]: ...
    @property
    def recorded(self) -> Recorded | None: ...


def has_voices(plan: Audible) -> bool:
    """Whether recordings are heard that people may be in: in the answer of a measured room nobody is."""
    return bool(plan.bed.recording) or any(event.recording for event in plan.events)


@lru_cache(maxsize=256)
def draw_voices(seed: int, cast: int, n: int) -> tuple[Voice, ...]:
    """The n voices of a cast, low to high, one of ten a child's: theirs alone, so no split hears another's."""
    voices = []
    for k in range(n):
        rng = rng_for(seed, "cast", cast, "voice", k)
        high = (k + float(rng.random())) / n
        child = rng.random() < 0.1
        pitch = (95 + 120 * high) * rng.uniform(0.92, 1.08) * (1.35 if child else 1)
        voices.append(
            Voice(
                pitch_hz=float(pitch),
                tract=float(1.02 - 0.17 * high - (0.12 if child else 0)),
                breath=float(rng.uniform(0.05, 0.5)),
                rough=float(rng.uniform(0, 0.25)),
                seed=int(rng.integers(1 << 31)),
            )
        )
    return tuple(voices)


def draw_bed(rng: np.random.Generator, place: str, recipe: SynthRecipe) -> Bed:
    """The bed of one scene. It does not know the class."""
    limited = rng.random() < recipe.band_limited_share
    low, high = float(rng.uniform(60, 250)), float(rng.uniform(recipe.min_cutoff_hz, 7800))
    coded = rng.random() < recipe.codec_share and bool(recipe.codecs)
    return Bed(
        ambience=str(rng.choice(AMBIENCES[place])),
        ambience_at_s=float(rng.uniform(0, 8)),
        talkers=int(rng.choice((2, 4, 8))),
        babble_db=float(rng.uniform(recipe.min_babble_db, recipe.max_babble_db)),
        babble_at_s=float(rng.uniform(0, 8)),
        low_hz=low if limited else 0.0,
        high_hz=high if limited else 8000.0,
        loudness_lufs=float(rng.uniform(recipe.min_loudness_lufs, recipe.max_loudness_lufs)),
        codec=str(rng.choice(recipe.codecs)) if coded else "",
    )


def draw_events(
    rng: np.random.Generator,
    speakers: Sequence[Speaker],
    voices: Sequence[Voice],
    voiced: float,
    recipe: SynthRecipe,
) -> tuple[SoundEvent, ...]:
    """Events, the first in time first. `voiced` is how much of what is felt is let out by voice."""
    starts = _starts(rng, recipe)
    unseen = rng.random(len(starts)) < 0.3 * (
        rng.random() < 0.35
    )  # in some scenes others are heard, who feel what they like
    events = []
    for start, is_unseen in zip(starts, unseen, strict=True):
        who, other = int(rng.integers(len(speakers))), float(rng.uniform(-1, 1))
        person, stranger_m = speakers[who], float(rng.uniform(3, FARTHEST_M))
        valence, distance = (other, stranger_m) if is_unseen else (person.valence, person.distance_m)
        kind = _kind(rng, valence, person.anger, voiced)
        voice = int(rng.integers(len(voices))) if is_unseen else _nearest(voices, person.pitch_hz)
        take = int(rng.integers(1 << 16)) % TAKES[kind]
        far = min(distance / FARTHEST_M, 1.0)
        share = 0.65 * float(rng.random()) + 0.35 * (1 - far)  # the nearer, the louder, as a rule
        length = min(duration_s(voices[voice], kind, take), recipe.duration_s - start)
        snr = recipe.min_snr_db + (recipe.max_snr_db - recipe.min_snr_db) * share
        events.append(SoundEvent(kind, -1 if is_unseen else who, voice, take, start, length, snr, distance))
    return tuple(events)


def _starts(rng: np.random.Generator, recipe: SynthRecipe) -> list[float]:
    """Onsets, spread over the scene; never more than `max_polyphony` at once, taking every event for the longest."""
    n = int(rng.integers(recipe.min_events, recipe.max_events + 1) * recipe.duration_s / 5 + 0.5)
    last = recipe.duration_s - LAST_START_S
    drawn = (np.arange(n) + rng.uniform(0, 1, n)) / max(n, 1) * last
    starts: list[float] = []
    for value in drawn:
        before = starts[-recipe.max_polyphony] + LONGEST_S if len(starts) >= recipe.max_polyphony else 0.0
        starts.append(max(float(value), before))
    return [start for start in starts if start <= last]


def _kind(rng: np.random.Generator, valence: float, anger: float, voiced: float) -> str:
    """What somebody with this valence does: speech, unless the feeling is strong enough and let out."""
    dice, which, angry = rng.random(3)
    if abs(valence) < EXPRESSIVE or dice > voiced:
        return "phrase"
    if valence > 0:
        return "laugh" if which < 0.6 else "cheer" if which < 0.85 else "applause"
    if angry < anger:
        return "shout" if which < 0.6 else "boo"
    return "cry" if which < 0.6 else "groan" if which < 0.85 else "gasp"


def _nearest(voices: Sequence[Voice], pitch_hz: float) -> int:
    """The voice whose pitch is nearest, as a ratio."""
    return int(np.argmin([abs(np.log(v.pitch_hz / pitch_hz)) for v in voices]))
