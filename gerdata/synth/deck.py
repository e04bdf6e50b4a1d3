"""What a collage takes its heads and places from: a user's pictures, or the heads of avatars."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gerdata.clip import CLASSES, Frames
from gerdata.errors import UsageError
from gerdata.synth.bank import Bank
from gerdata.synth.listing import BACKGROUND
from gerdata.synth.picturebank import Entry, Photo, PictureBank
from gerdata.synth.repertoire import BankPlan, Shot

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Head:
    """A sprite to paste: `rgba: uint8 [h, w, 4]` premultiplied, the head's box in it and the 68 points of the face, `float32
    [68, 2]`, where they are known."""

    rgba: Frames
    box: Box | None
    points: npt.NDArray[np.float32] | None = None


class Deck(Protocol):
    """Heads by number, of people in casts."""

    @property
    def avatars(self) -> BankPlan | None:
        """The plan of the avatars; None for pictures."""

    @property
    def pictures(self) -> str:
        """The name of the bank of pictures; "" where there is none."""

    @property
    def n_casts(self) -> int: ...

    def people(self, cast: int, label: str) -> Sequence[Sequence[int]]:
        """Of each person of a cast the numbers of the heads that show a class; nobody has none."""

    def head(self, number: int) -> Head: ...

    def photos(self, cast: int) -> Sequence[Photo]:
        """Backgrounds that are this cast's alone."""

    def background(self, photo: Photo) -> Frames: ...

    def licences(self, heads: Sequence[int], photo: Photo | None) -> tuple[str, ...]:
        """Licences of what is used, each once."""


@dataclass(frozen=True, eq=False)
class PictureDeck:
    """The faces of a user's bank (or, where it has none, its people), and its backgrounds."""

    bank: PictureBank

    @property
    def avatars(self) -> BankPlan | None:
        return None

    @property
    def pictures(self) -> str:
        return self.bank.name

    @property
    def n_casts(self) -> int:
        return self.bank.n_casts

    def people(self, cast: int, label: str) -> Sequence[Sequence[int]]:
        return _people(self.bank, cast, label)

    def head(self, number: int) -> Head:
        kind = self.bank.drawn_from
        entry = self.bank.entry(kind, number)
        points = None if entry.points is None else np.array(entry.points, np.float32).reshape(68, 2)
        return Head(self.bank.sprite(kind, number), entry.head_box, points)

    def photos(self, cast: int) -> Sequence[Photo]:
        return _photos(self.bank, cast, self.n_casts)

    def background(self, photo: Photo) -> Frames:
        return self.bank.background(photo)

    def licences(self, heads: Sequence[int], photo: Photo | None) -> tuple[str, ...]:
        used = [self.bank.entry(self.bank.drawn_from, number) for number in heads]
        return _licences([*used, *_entries_of(self.bank, photo)])


@dataclass(frozen=True, eq=False)
class AvatarDeck:
    """The heads of avatars, each with one face for each class: number 3 * person + class; and a user's backgrounds, if any."""

    bank: Bank
    behind: PictureBank | None = None

    @property
    def avatars(self) -> BankPlan | None:
        return self.bank.plan

    @property
    def pictures(self) -> str:
        return self.behind.name if self.behind else ""

    @property
    def n_casts(self) -> int:
        return len(self.bank.casts)

    def people(self, cast: int, label: str) -> Sequence[Sequence[int]]:
        return [(3 * person + CLASSES.index(label),) for person in self.bank.casts[cast]]

    def head(self, number: int) -> Head:
        return _avatar_head(self.bank, number)

    def photos(self, cast: int) -> Sequence[Photo]:
        return _photos(self.behind, cast, self.n_casts) if self.behind else ()

    def background(self, photo: Photo) -> Frames:
        if self.behind is None:
            raise UsageError("the plan has a background, and no bank of pictures is at hand; give its bank (--bank)")
        return self.behind.background(photo)

    def licences(self, heads: Sequence[int], photo: Photo | None) -> tuple[str, ...]:
        return _licences(_entries_of(self.behind, photo)) if self.behind else ()


def _entries_of(bank: PictureBank, photo: Photo | None) -> list[Entry]:
    return [] if photo is None else [bank.entry(BACKGROUND, photo.number)]


def _licences(used: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(sorted({one.licence for one in used if one.licence}))


@lru_cache(maxsize=4096)
def _photos(bank: PictureBank, cast: int, n_casts: int) -> tuple[Photo, ...]:
    return bank.photos(cast, n_casts)


@lru_cache(maxsize=4096)
def _people(bank: PictureBank, cast: int, label: str) -> Sequence[Sequence[int]]:
    held: dict[int, list[int]] = {}
    for one in bank.of(bank.drawn_from, cast, label):
        held.setdefault(one.person, []).append(one.number)
    return [held[person] for person in sorted(held)]


@lru_cache(maxsize=1024)
def _avatar_head(bank: Bank, number: int) -> Head:
    """A bust, cut to the box of the head."""
    person, which = divmod(number, 3)
    sprite = bank.sprite(person, Shot("bust", "stand", 0.0, CLASSES[which], 1.0))
    height, width = sprite.rgba.shape[:2]
    x0, y0 = (int(v) for v in np.maximum(np.floor(sprite.head_box[:2]), 0))
    x1, y1 = int(min(np.ceil(sprite.head_box[2]), width)), int(min(np.ceil(sprite.head_box[3]), height))
    points = np.asarray(sprite.face[:, :2] - (x0, y0), np.float32)
    return Head(sprite.rgba[y0:y1, x0:x1], (0.0, 0.0, float(x1 - x0), float(y1 - y0)), points)
