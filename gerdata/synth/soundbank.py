"""The sounds of a cast, made once: every take as it is at one metre, and as its room answers it.

A take with its echo is a pure function of voice, kind, number and room. So the bank is only a cache: it may be empty, in
memory or on disk, and changes no byte of any mixture. Everything in it belongs to one cast, as its room and voices do.
A user's recordings are kept in memory alone: voices of people who lived do not lie about in a cache.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import UsageError
from gerdata.store.cache import Cache
from gerdata.synth import acoustics, response, surroundings, utterances, vocal
from gerdata.synth.acoustics import Room
from gerdata.synth.recordingbank import RecordingBank
from gerdata.synth.vocal import Signal, Voice

Steps = npt.NDArray[np.int16]
_FULL = 32_000
BABBLE_TAKES = 2  # phrases of each voice that the talk of many is made of
RISE, FALL = 32, 640  # samples of the ramps of a recording, as of a computed take
SEAM_S = 0.25  # over which the end of a recorded place goes over into its beginning


class SoundBank:
    """Takes and loops as 16-bit steps of a scale of their own: whoever mixes them measures them first."""

    def __init__(self, cache: Cache | None = None, recordings: RecordingBank | None = None) -> None:
        self._cache, self._own = cache or Cache(), Cache()
        self.recordings = recordings

    def check(self, bank: str) -> None:
        """`UsageError` where a plan that plays recordings of the bank of this name cannot be rendered with those at hand."""
        if self._given().name != bank:
            raise UsageError("the plan plays recordings of another bank than the one at hand; give its bank (--bank)")

    def take(self, voice: Voice, kind: str, number: int, room: Room) -> tuple[Steps, Steps]:
        """What is heard at one metre, `int16 [N]`, and what the room adds, `int16 [N + tail]`, on one scale."""
        name = _name("take", voice, kind, number, room, *self._answer_of(room))
        made = self._cache.get(name, lambda: self._in_room(utterances.utter(voice, kind, number), room))
        return self._parted(made, room)

    def recording(self, name: str, n: int, room: Room) -> tuple[Steps, Steps]:
        """The same of the first n samples of a recording; what is cut off ends softly."""
        whole = np.frombuffer(self._recorded(name), np.int16)
        n = min(n, len(whole))
        made = self._own.get(_name("recording", name, n, room), lambda: self._in_room(_eased(whole[:n]), room))
        return self._parted(made, room)

    def recorded_place(self, name: str) -> Steps:
        """A recorded ambience as a loop: its end goes over into its beginning."""
        return np.frombuffer(self._own.get(_name("place", name), lambda: self._place(name)), np.int16)

    def ambience(self, kind: str, room: Room) -> Steps:
        """The place without its people, a loop of 8 s."""
        made = self._cache.get(_name("ambience", kind, room), lambda: _ambience(kind, room))
        return np.frombuffer(made, np.int16)

    def babble(self, voices: Sequence[Voice], talkers: int, room: Room) -> Steps:
        """Many people talking in the room, a loop of 8 s."""
        name = _name("babble", tuple(voices), talkers, room, *self._answer_of(room))
        return np.frombuffer(self._cache.get(name, lambda: self._babble(voices, talkers, room)), np.int16)

    def _babble(self, voices: Sequence[Voice], talkers: int, room: Room) -> bytes:
        phrases = [self.take(voice, "phrase", k, room)[0] for voice in voices for k in range(BABBLE_TAKES)]
        floats = [p.astype(np.float32) / np.float32(_FULL) for p in phrases]
        dry = surroundings.babble(floats, talkers, rng_for(room.seed, "babble", talkers))
        far = np.float32(1 / (1.5 * room.group_m))  # they stand behind the group
        return _packed(far * dry + acoustics.answered(dry, self._response(room)))

    def _in_room(self, direct: Signal, room: Room) -> bytes:
        if not room.measured:
            return _packed(direct, acoustics.reflected(direct, room))
        return _packed(direct, acoustics.convolved(direct, self._response(room)))

    def _parted(self, made: memoryview, room: Room) -> tuple[Steps, Steps]:
        steps = np.frombuffer(made, np.int16)
        tail = len(self._response(room)) if room.measured else acoustics.tail_length(room)
        n = (len(steps) - tail) // 2
        return steps[:n], steps[n:]

    def _response(self, room: Room) -> Signal:
        """What a room adds, computed or measured."""
        if not room.measured:
            return acoustics.reflections(room)
        return response.late(_floats(np.frombuffer(self._recorded(room.measured), np.int16)), room.group_m)

    def _answer_of(self, room: Room) -> tuple[str, ...]:
        """The hash of a measured response, so that no other bank's is taken for it in a shared cache."""
        return (self._given().sound(room.measured).flac_sha256,) if room.measured else ()

    def _recorded(self, name: str) -> memoryview:
        """A recording as it lies in its file, in 16-bit steps."""
        return self._own.get(_name("file", name), lambda: _steps(self._given().audio(name)).tobytes())

    def _place(self, name: str) -> bytes:
        whole = _floats(np.frombuffer(self._recorded(name), np.int16))
        n = min(round(SEAM_S * SAMPLE_RATE_HZ), len(whole) // 2)
        loop = whole[n:].copy()
        fade = np.sqrt(np.linspace(0, 1, n, dtype=np.float32))  # of equal power: the two are not alike
        loop[len(loop) - n :] = loop[len(loop) - n :] * fade[::-1] + whole[:n] * fade
        return _steps(loop).tobytes()

    def _given(self) -> RecordingBank:
        if self.recordings is None:
            raise UsageError("the plan plays recordings, and no bank of sounds is at hand; give its bank (--bank)")
        return self.recordings


@lru_cache(maxsize=1)
def default_bank() -> SoundBank:
    """One bank for this process, in its memory alone."""
    return SoundBank()


def _ambience(kind: str, room: Room) -> bytes:
    return _packed(surroundings.ambience(kind, rng_for(room.seed, "ambience", kind)))


def _floats(steps: Steps) -> Signal:
    return steps.astype(np.float32) / np.float32(32_768)


def _steps(audio: Signal) -> Steps:
    return np.asarray(np.rint(np.clip(audio, -1, 1) * np.float32(32_767)), np.int16)


def _eased(steps: Steps) -> Signal:
    """A recording at peak 1, with soft ends."""
    out = _floats(steps)
    rise, fall = min(RISE, len(out) // 4), min(FALL, len(out) // 4)
    out[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    out[len(out) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return out / np.float32(max(float(np.abs(out).max(initial=0.0)), 1e-9))


def _packed(*signals: Signal) -> bytes:
    """Signals one after the other, as 16-bit steps on one scale."""
    whole = np.concatenate(signals)
    steps: Steps = np.rint(whole * (_FULL / max(float(np.abs(whole).max()), 1e-9))).astype(np.int16)
    return steps.tobytes()


@lru_cache(maxsize=65536)
def _name(what: str, *of: Voice | Room | str | int | tuple[Voice, ...]) -> str:
    """A fingerprint of what a block is made from, the code that makes it included."""
    told = json.dumps([_maker(), what, *of], default=asdict, separators=(",", ":"))
    return hashlib.sha256(told.encode("ascii")).hexdigest()[:40]


@lru_cache(maxsize=1)
def _maker() -> str:
    """A fingerprint of the code and the libraries that make sound: a change of either makes a new bank."""
    told = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for module in (vocal, utterances, acoustics, surroundings, response):
        told.update(Path(str(module.__file__)).read_bytes())
    told.update(Path(__file__).read_bytes())
    return told.hexdigest()
