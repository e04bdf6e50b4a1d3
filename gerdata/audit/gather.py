"""What the attacks of an audit need of every sample, gathered one sample at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gerdata.audit.evidence import Exhibit
from gerdata.audit.identify import mark_of
from gerdata.audit.known import Person
from gerdata.audit.learned import face_embedder
from gerdata.audit.linear import Features
from gerdata.audit.linkage import envelope_of, picture_of, row_of
from gerdata.audit.residual import faces_left
from gerdata.audit.sentences import shape_of
from gerdata.audit.sightings import INSIDE_PX, Sighting, marked, mask_of, sighting
from gerdata.audit.speakers import heard
from gerdata.audit.words import MOST_CLIPS, Heard, recogniser, words_in
from gerdata.chance import rng_for
from gerdata.clip import Points
from gerdata.errors import MissingError
from gerdata.privacy.heads import head_finder

SEEN_SCORE = 0.5  # of a head in the clear frame, where the recipe tracked none


@dataclass(frozen=True)
class Seen:
    """One head of one frame of clip number `clip`: features by region, and what the face network makes of it, `[128]` each,
    clear, released, and released with a planted mark (None without the network, or where nothing is inside the fill)."""

    regions: Sighting
    who: str
    clip: int
    learned: tuple[Features, Features, Features] | None


@dataclass(frozen=True)
class Spoken:
    """The sound of clip number `clip`: what voices are told by, and its shapes for sentences, clear and released."""

    voice: tuple[Features, Features]
    shape: tuple[Features, Features] | None
    person: Person
    clip: int


@dataclass
class Gathered:
    """Of every sample what the attacks need."""

    known: dict[str, Person]
    seed: int
    listened: frozenset[int]  # numbers of the clips that the speech recogniser hears; empty without one
    left: list[int] = field(default_factory=list)
    pairs: list[tuple[Any, ...]] = field(default_factory=list)  # with their clear originals
    labels: list[tuple[str | None, str | None]] = field(default_factory=list)  # of those, and the split
    seen: list[Seen] = field(default_factory=list)
    heard: list[Spoken] = field(default_factory=list)
    words: list[Heard] = field(default_factory=list)

    def add(self, exhibit: Exhibit, number: int) -> None:
        """Take in one sample."""
        self.left.append(faces_left(exhibit.released.frames, exhibit.masks))
        if exhibit.clear is None:
            return
        both = (exhibit.released, exhibit.clear)
        told = [(picture_of(one.frames), envelope_of(one.audio), row_of(exhibit.row.clip, one.audio)) for one in both]
        self.pairs.append((*told[0], *told[1]))
        self.labels.append((exhibit.row.clip.label, exhibit.row.clip.split))
        person = self.known.get(exhibit.name) or self.known.get(Path(exhibit.name).name)
        if person is not None and person.identity:
            self.seen += self._seen(list(_sightings(exhibit)), person.identity, number)
        has_sound = np.abs(exhibit.clear.audio).max(initial=0) > 0
        if person is not None and person.speaker and has_sound:
            voice = (heard(exhibit.clear.audio), heard(exhibit.released.audio))
            shape = (shape_of(exhibit.clear.audio), shape_of(exhibit.released.audio)) if person.sentence else None
            self.heard.append(Spoken(voice, shape, person, number))
        if number in self.listened and has_sound:
            whose = person.speaker if person is not None and person.speaker else exhibit.row.clip.group
            self.words.append(Heard(words_in(exhibit.clear.audio), words_in(exhibit.released.audio), whose))

    def _seen(self, own: list[Sighting], who: str, number: int) -> list[Seen]:
        network = face_embedder()
        faces = [one.faces for one in own if one.faces is not None]
        told: Iterator[tuple[Features, ...]] = iter(())
        if network is not None and faces:
            clear, released = (np.stack([pair[k] for pair in faces]) for k in (0, 1))
            mark = mark_of(self.seed, who, 3 * INSIDE_PX**2)
            made = (network.embed(clear), network.embed(released), network.embed(marked(released, mark)))
            told = iter(list(zip(*made, strict=True)))
        has = network is not None
        return [
            Seen(replace(one, faces=None), who, number, next(told) if has and one.faces is not None else None)  # type: ignore[arg-type]
            for one in own
        ]


def listened(n: int, seed: int) -> tuple[frozenset[int], str]:
    """Numbers of the clips, of `n`, that are listened to for words; none, and why, where no recogniser is installed."""
    try:
        recogniser()
    except MissingError as missing:
        return frozenset(), str(missing)
    return frozenset(rng_for(seed, "audit", "listened").permutation(n)[:MOST_CLIPS].tolist()), ""


def _sightings(exhibit: Exhibit) -> Iterator[Sighting]:
    """The largest head of every stored frame."""
    frames: Sequence[Any] = list(zip(exhibit.clear.frames, exhibit.released.frames, strict=True))  # type: ignore[union-attr]
    for i, (clear, released) in enumerate(frames):
        heads: Points = exhibit.heads[i] if exhibit.heads else np.zeros((0, 4), np.float32)
        is_tracked = len(heads) > 0
        if not is_tracked:
            heads = head_finder().find(clear, SEEN_SCORE)[:, :4]
        if not len(heads):
            continue
        at = int(np.prod(heads[:, 2:] - heads[:, :2], axis=1).argmax())
        mask = exhibit.masks[i][at] if is_tracked and exhibit.masks else mask_of(heads[at], *clear.shape[:2])
        yield sighting(clear, released, heads[at], mask)
