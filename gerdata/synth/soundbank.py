"""The sounds of a cast, made once: every take as it is at one metre, and as its room answers it.

A take with its echo is a pure function of voice, kind, number and room. So the bank is only a cache: it may be empty, in
memory or on disk, and changes no byte of any mixture. Everything in it belongs to one cast, as its room and voices do.
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
from gerdata.store.cache import Cache
from gerdata.synth import acoustics, surroundings, utterances, vocal
from gerdata.synth.acoustics import Room
from gerdata.synth.vocal import Signal, Voice

Steps = npt.NDArray[np.int16]
_FULL = 32_000
BABBLE_TAKES = 2  # phrases of each voice that the talk of many is made of


class SoundBank:
    """Takes and loops as 16-bit steps of a scale of their own: whoever mixes them measures them first."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache or Cache()

    def take(self, voice: Voice, kind: str, number: int, room: Room) -> tuple[Steps, Steps]:
        """What is heard at one metre, `int16 [N]`, and what the room adds, `int16 [N + tail]`, on one scale."""
        made = self._cache.get(_name("take", voice, kind, number, room), lambda: _take(voice, kind, number, room))
        steps = np.frombuffer(made, np.int16)
        n = (len(steps) - acoustics.tail_length(room)) // 2
        return steps[:n], steps[n:]

    def ambience(self, kind: str, room: Room) -> Steps:
        """The place without its people, a loop of 8 s."""
        made = self._cache.get(_name("ambience", kind, room), lambda: _ambience(kind, room))
        return np.frombuffer(made, np.int16)

    def babble(self, voices: Sequence[Voice], talkers: int, room: Room) -> Steps:
        """Many people talking in the room, a loop of 8 s."""
        made = self._cache.get(
            _name("babble", tuple(voices), talkers, room), lambda: self._babble(voices, talkers, room)
        )
        return np.frombuffer(made, np.int16)

    def _babble(self, voices: Sequence[Voice], talkers: int, room: Room) -> bytes:
        phrases = [self.take(voice, "phrase", k, room)[0] for voice in voices for k in range(BABBLE_TAKES)]
        floats = [p.astype(np.float32) / np.float32(_FULL) for p in phrases]
        dry = surroundings.babble(floats, talkers, rng_for(room.seed, "babble", talkers))
        far = np.float32(1 / (1.5 * room.group_m))  # they stand behind the group
        return _packed(far * dry + acoustics.answered(dry, room))


@lru_cache(maxsize=1)
def default_bank() -> SoundBank:
    """One bank for this process, in its memory alone."""
    return SoundBank()


def _take(voice: Voice, kind: str, number: int, room: Room) -> bytes:
    direct = utterances.utter(voice, kind, number)
    return _packed(direct, acoustics.reflected(direct, room))


def _ambience(kind: str, room: Room) -> bytes:
    return _packed(surroundings.ambience(kind, rng_for(room.seed, "ambience", kind)))


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
    for module in (vocal, utterances, acoustics, surroundings):
        told.update(Path(str(module.__file__)).read_bytes())
    told.update(Path(__file__).read_bytes())
    return told.hexdigest()
