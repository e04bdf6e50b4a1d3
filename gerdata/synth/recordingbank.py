"""A finished bank of a user's own recordings, open: what is in it, dealt to casts, and its samples when they are asked for.

The folder is not trusted: rows are checked against a closed form, files are named by hex digits and never by a cell, and
every file is compared with its hash before it is decoded, up to the length that its row tells. A source (a speaker, a
recording) is heard in one cast only, because casts are the unit of splits.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import DatasetError, RejectedInput, UsageError
from gerdata.media.address import Address, open_bytes
from gerdata.media.audio import decode_audio
from gerdata.splits import Group, deal
from gerdata.synth.banktable import read_bank
from gerdata.synth.hearing import EVENTS

FORM = 2
TABLE, FOLDER = "sounds.jsonl", "sounds"
AMBIENCE, RESPONSE = "ambience", "rir"  # a place without an event; the answer of a room to an impulse
CLASSES = (*EVENTS, AMBIENCE, RESPONSE)
SIDES = (
    ("phrase",),
    ("laugh", "cheer", "applause"),
    ("cry", "groan", "gasp", "shout", "boo"),
)  # neutral, positive, negative
FEWEST = 3  # sources of a kind from which it is played: one for each side of a split
TABLE_LIMIT_BYTES, FILE_LIMIT_BYTES = 64 << 20, 64 << 20
LONGEST_S = 600.0
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=200)]
Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Sound:
    """One sound of a bank: `id` names its FLAC, `source` what must stay in one cast; where it lay, and measures.

    `sha256` is of the file it came from, `flac_sha256` of its own. `loudness_lufs` is None under 0.4 s, `speech_share` where
    the speech model is not installed; `rt60_s` is of responses alone, which have neither.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")
    id: Annotated[str, Field(pattern="^[0-9a-f]{26}$")]
    event: Annotated[str, Field(pattern=f"^({'|'.join(CLASSES)})$")]
    source: Text
    split: Annotated[str, Field(pattern="^(|train|validation|test)$")]
    licence: Text
    sha256: Digest
    flac_sha256: Digest
    start_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    duration_s: Annotated[float, Field(gt=0, le=LONGEST_S)]
    loudness_lufs: Number | None
    speech_share: Annotated[float, Field(ge=0, le=1)] | None
    rt60_s: Annotated[float, Field(gt=0, le=20)] | None = None


_SOUND = TypeAdapter(Sound)


@dataclass(frozen=True)
class Heap:
    """What one cast may be heard with, of the bank `bank`: by kind of event the sounds of each source; ambiences; responses."""

    bank: str
    takes: dict[str, tuple[tuple[Sound, ...], ...]]
    ambiences: tuple[Sound, ...]
    responses: tuple[Sound, ...]


@dataclass(frozen=True, eq=False)
class RecordingBank:
    """An open bank. `name` is a fingerprint of all that is in it."""

    folder: Path
    name: str
    sounds: tuple[Sound, ...]

    def of(self, kind: str) -> tuple[Sound, ...]:
        """The sounds of a kind."""
        return tuple(one for one in self.sounds if one.event == kind)

    def sources(self, kind: str) -> int:
        """How many sources there are of a kind."""
        return len({one.source for one in self.of(kind)})

    def kinds(self, n_casts: int) -> tuple[str, ...]:
        """The kinds of events that are played: those with enough sources for the casts there are, or for a split.

        None where a side has none: how a sound was made would tell the class (AUC .97 for a bank without negative kinds).
        """
        enough = tuple(kind for kind in EVENTS if self.sources(kind) >= min(FEWEST, n_casts))
        return enough if all(set(side) & set(enough) for side in SIDES) else ()

    def heaps(self, n_casts: int) -> tuple[Heap, ...]:
        """A heap for each cast, of n at most: as many as have every kind that is played. The same whatever a seed is.

        `UsageError` where sources of several kinds lie so that not even `FEWEST` casts can have every kind.
        """
        return _heaps(self, n_casts)

    def sound(self, name: str) -> Sound:
        """The sound of this id; `DatasetError` where there is none."""
        found = _index(self).get(name)
        if found is None:
            raise DatasetError(f"{self.folder}: has no sound {name[:40]!r}; the plan is of another bank")
        return found

    def audio(self, name: str) -> Audio:
        """Its samples, `float32 [N]` at 16 kHz. `DatasetError` where the file is not the one that was built."""
        one = self.sound(name)
        path = self.folder / FOLDER / f"{one.id}.flac"
        try:
            with open_bytes(Address.of(path.parent.resolve() / path.name)) as file:
                data = file.read(FILE_LIMIT_BYTES + 1)
        except RejectedInput as error:
            raise DatasetError(f"{path}: cannot be read ({error.reason}); build the bank again") from None
        if hashlib.sha256(data).hexdigest() != one.flac_sha256:
            raise DatasetError(f"{path}: is not the file that was built; build the bank again")
        return decode_audio(data, most=round(one.duration_s * SAMPLE_RATE_HZ) + 1)


def open_recordings(folder: Path) -> RecordingBank:
    """Open a finished bank; no sound is read yet. `DatasetError` where there is none, or it is not one of ours."""
    try:
        _, digest, data = read_bank(folder, "sounds", FORM, TABLE, TABLE_LIMIT_BYTES)
        sounds = tuple(_SOUND.validate_json(line, strict=True) for line in data.splitlines())
    except FileNotFoundError:
        raise DatasetError(f"{folder}: expected a bank of sounds; make one with 'gerdata bank build'") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        told = "a row is out of form" if isinstance(error, ValidationError) else str(error).splitlines()[0][:120]
        raise DatasetError(f"{folder}: expected a bank of sounds made by 'gerdata bank build' ({told})") from None
    return RecordingBank(folder, digest[:32], sounds)


@lru_cache(maxsize=4)
def _index(bank: RecordingBank) -> dict[str, Sound]:
    return {one.id: one for one in bank.sounds}


@lru_cache(maxsize=16)
def _heaps(bank: RecordingBank, n_casts: int) -> tuple[Heap, ...]:
    """The largest number of heaps of which each has every kind; dealt whole sources at a time, kinds in proportion."""
    kinds = bank.kinds(n_casts)
    fewest = min(FEWEST, n_casts)
    most = min([n_casts, *(bank.sources(kind) for kind in kinds)])
    played = (*kinds, AMBIENCE, RESPONSE)
    held: dict[str, dict[str, int]] = {}
    for one in bank.sounds:
        if one.event in played:
            held.setdefault(one.source, {})[one.event] = 1
    groups = [Group(source, labels) for source, labels in held.items()]
    for n in range(most, fewest - 1, -1):
        where = deal(groups, {str(cast): 1 / n for cast in range(n)}, 0, f"sounds of {bank.name}")
        heaps = tuple(_heap(bank, kinds, {s for s, cast in where.items() if cast == str(k)}) for k in range(n))
        if all(kind in heap.takes for heap in heaps for kind in kinds):
            return heaps
    counts = ", ".join(f"{kind} {bank.sources(kind)}" for kind in kinds)
    raise UsageError(
        f"{bank.folder}: its sources ({counts}) cannot be dealt to {fewest} casts so that each has every kind and none is in "
        "two; add sources, leave a kind out, or set recorded_share to 0"
    )


def _heap(bank: RecordingBank, kinds: Sequence[str], sources: set[str]) -> Heap:
    own = [one for one in bank.sounds if one.source in sources]
    return Heap(
        bank=bank.name,
        takes={kind: takes for kind in kinds if (takes := tuple(_by_source(own, kind)))},
        ambiences=tuple(one for one in own if one.event == AMBIENCE),
        responses=tuple(one for one in own if one.event == RESPONSE),
    )


def _by_source(sounds: Sequence[Sound], kind: str) -> Iterator[tuple[Sound, ...]]:
    for source in sorted({one.source for one in sounds if one.event == kind}):
        yield tuple(one for one in sounds if one.source == source and one.event == kind)
