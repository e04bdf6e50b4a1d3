"""The plan of a collage: heads of one class pasted over a place, as the published generator does (arXiv 2312.05265, E23).

There every frame is drawn anew, so heads jump, and the growing margin pushes out those that no longer fit. Here that is a plan:
what was placed where in each frame, and what was not. `coherent` keeps sizes and angles and moves heads smoothly instead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from gerdata.chance import digest_of, rng_for
from gerdata.clip import CLASSES, Frames
from gerdata.errors import UsageError
from gerdata.recipe import SynthRecipe
from gerdata.synth.acoustics import Room, draw_room
from gerdata.synth.cast import Place, place_by_lot
from gerdata.synth.columns import columns, rounded, rows
from gerdata.synth.deck import Deck
from gerdata.synth.hearing import Bed, Recorded, SoundEvent, Speaker, draw_bed, draw_events, draw_voices
from gerdata.synth.mood import let_out
from gerdata.synth.picturebank import Photo
from gerdata.synth.playing import casts_with, played, told
from gerdata.synth.recordingbank import RecordingBank
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.stamp import OPAQUE, stamp_of
from gerdata.synth.vocal import Voice

RULE = "all-same"
CANVAS_PX, HEAD_PX, FRAMES = 326, 350, 75  # of the published generator; margins and scales are told in them
DRIFT, TURN_DEG = 0.12, 6.0  # coherent: how far a head goes, in shares of its room, and turns, at most; assumption
PITCH_HZ = (95.0, 215.0)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pasted:
    """A head of the collage: number `sprite` of its deck, what it is said to feel, and for each frame the long side of the
    sprite, its angle (counter-clockwise) and its middle in pixels; None where it did not fit."""

    sprite: int
    valence: float
    size_px: tuple[float, ...]
    angle_deg: tuple[float, ...]
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]


@dataclass(frozen=True)
class Collage:
    """A collage, decided. `heads` are in order of pasting; all numbers have 4 decimals.

    Heads are of `avatars`, or where that is None of the bank `pictures`; a `photo` takes the place of the drawn `place`. Frame
    i of `n_moments` holds for its share of the duration; coherent heads move from one to the next.
    """

    avatars: BankPlan | None
    pictures: str
    licences: tuple[str, ...]
    cast: int
    frame_px: int
    duration_s: float
    n_moments: int
    is_coherent: bool
    label: str
    label_rule: str
    label_soft: tuple[float, ...]
    label_margin: float
    place: Place
    photo: Photo | None
    room: Room
    voices: tuple[Voice, ...]
    bed: Bed
    heads: tuple[Pasted, ...]
    events: tuple[SoundEvent, ...]
    recorded: Recorded | None = None

    @property
    def n_people(self) -> int:
        """How many heads there are, in view or not."""
        return len(self.heads)

    @property
    def placed(self) -> tuple[int, ...]:
        """How many heads found a place, frame by frame."""
        return tuple(sum(one.x[i] is not None for one in self.heads) for i in range(self.n_moments))

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values; heads, events and voices as columns."""
        flat: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return told({**flat, **{name: columns(flat[name]) for name in _LISTS}})

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "Collage":
        """Inverse of `to_json`. A plan with missing or mistyped values raises `pydantic.ValidationError`."""
        return _ADAPTER.validate_python({**flat, **{name: rows(flat[name]) for name in _LISTS}})


_LISTS = ("heads", "events", "voices")
_ADAPTER = TypeAdapter(Collage)


def plan_collage(
    recipe: SynthRecipe, deck: Deck, seed: int, index: int, recordings: RecordingBank | None = None
) -> Collage:
    """Collage `index` of a seed: depends on recipe, deck, seed and index alone. Classes are balanced in each block of three.

    How many heads there are follows from what the cast has of its rarest class, so that it does not tell the class.
    `UsageError` where no cast has enough people of every class. With `recordings` there are only as many casts as have sources
    of their own.
    """
    which = _turn(seed, "class", index, 3)
    cast, most = _cast(recipe, deck, seed, index, casts_with(recordings, deck.n_casts))
    chance = rng_for(seed, "collage", index)
    n = int(chance.integers(recipe.min_people, most + 1))
    sprites = _dealt(chance, deck.people(cast, CLASSES[which]), n)
    behind = deck.photos(cast)
    photo = behind[int(chance.integers(len(behind)))] if behind else None
    valences = _valences(rng_for(seed, "valence", index), which, n)
    heads = tuple(_heads(recipe, deck, sprites, valences, seed, index))
    place = place_by_lot(rng_for(seed, "place", index))
    own = seed_of(deck.pictures) if deck.avatars is None else deck.avatars.seed
    voices = draw_voices(own, cast, recipe.voices)
    sound = rng_for(seed, "events", index)
    voiced = let_out(sound, recipe.weak_share) * recipe.voiced
    raw = Collage(
        avatars=deck.avatars,
        pictures=deck.pictures,
        licences=deck.licences(sprites, photo),
        cast=cast,
        frame_px=recipe.frame_px,
        duration_s=recipe.duration_s,
        n_moments=recipe.n_frames,
        is_coherent=recipe.coherent,
        label=recipe.classes[which],
        label_rule=RULE,
        label_soft=tuple(float(k == which) for k in range(3)),
        label_margin=1.0,
        place=place,
        photo=photo,
        room=draw_room(
            rng_for(own, "cast", cast, "room", place.kind), place.kind, (recipe.min_rt60_s, recipe.max_rt60_s)
        ),
        voices=voices,
        bed=draw_bed(rng_for(seed, "bed", index), place.kind, recipe),
        heads=heads,
        events=draw_events(sound, _speakers(sound, valences), voices, voiced, recipe),
    )
    heap = recordings.heaps(deck.n_casts)[cast] if recordings else None
    heard = played(raw, heap, place.kind, recipe, rng_for(seed, "recordings", index))
    return Collage.from_json(rounded(heard.to_json()))


def seed_of(pictures: str) -> int:
    """A seed that belongs to a bank of pictures, so that its casts have voices of their own."""
    return int.from_bytes(digest_of(0, "pictures", pictures)[:4], "big")


def _turn(seed: int, name: str, index: int, size: int) -> int:
    """Which of `size` things has its turn: every block of `size` uses each once, in an order of its own."""
    return int(rng_for(seed, name, index // size).permutation(size)[index % size])


def _cast(recipe: SynthRecipe, deck: Deck, seed: int, index: int, n_casts: int) -> tuple[int, int]:
    """The cast, of the first n, whose turn it is, and how many heads it can show at most, whatever the class."""
    most = [min(len(deck.people(cast, label)) for label in CLASSES) for cast in range(n_casts)]
    able = _able(recipe, most)
    cast = able[_turn(seed, "collage cast", index, len(able))]
    return cast, min(recipe.max_people, most[cast])


def check_deck(recipe: SynthRecipe, deck: Deck) -> None:
    """`UsageError` where no cast can fill a scene, before any is asked for."""
    _able(recipe, [min(len(deck.people(cast, label)) for label in CLASSES) for cast in range(deck.n_casts)])


def _able(recipe: SynthRecipe, most: Sequence[int]) -> list[int]:
    """The casts that have enough people of every class; `most` is how many each has."""
    able = [cast for cast, n in enumerate(most) if n >= recipe.min_people]
    if not able:
        raise UsageError(
            f"no cast has {recipe.min_people} people of every class, the fullest has {max(most, default=0)}; build the bank "
            "with fewer --casts, or lower min_people"
        )
    return able


def _dealt(rng: np.random.Generator, people: Sequence[Sequence[int]], n: int) -> list[int]:
    """One head each of n people."""
    who = rng.permutation(len(people))[:n]
    return [int(people[int(k)][int(rng.integers(len(people[int(k)])))]) for k in who]


def _valences(rng: np.random.Generator, which: int, n: int) -> npt.NDArray[np.float64]:
    sign = (1, 0, -1)[which]
    return np.asarray(sign * rng.uniform(0.5, 1.0, n) if sign else rng.uniform(-0.2, 0.2, n))


def _speakers(rng: np.random.Generator, valences: npt.NDArray[np.float64]) -> list[Speaker]:
    """Whoever is seen may be heard: with any voice, from any distance, for a pasted head has neither."""
    n = len(valences)
    drawn = zip(valences, rng.beta(0.5, 0.5, n), rng.uniform(*PITCH_HZ, n), rng.uniform(1, 5, n), strict=True)
    return [Speaker(float(v), float(anger), float(pitch), float(away)) for v, anger, pitch, away in drawn]


def margin_of(recipe: SynthRecipe, moment: int) -> int:
    """Pixels of the frame around that stay free: it grows by the number of the frame, as one of 75."""
    frame = int((moment + 0.5) / recipe.n_frames * FRAMES)
    return round((recipe.margin_px + recipe.margin_growth_px * frame) * recipe.frame_px / CANVAS_PX)


def _heads(
    recipe: SynthRecipe,
    deck: Deck,
    sprites: Sequence[int],
    valences: npt.NDArray[np.float64],
    seed: int,
    index: int,
) -> Iterator[Pasted]:
    """Heads in order of pasting, each where it finds a place beside those before it."""
    taken = np.zeros((recipe.n_frames, recipe.frame_px, recipe.frame_px), np.bool_)
    for k, (sprite, valence) in enumerate(zip(sprites, valences, strict=True)):
        rng = rng_for(seed, "collage", index, "head", k)
        sizes, angles = _looks(rng, recipe)
        masks = [_mask(deck.head(sprite).rgba, size, angle) for size, angle in zip(sizes, angles, strict=True)]
        way = _path if recipe.coherent else _jumps
        at = way(rng, recipe, masks, taken)
        for i, place in enumerate(at):
            if place is not None:
                _own(taken[i], masks[i], place)[...] |= masks[i]
        middles = [
            None if place is None else (place[0] + mask.shape[1] / 2, place[1] + mask.shape[0] / 2)
            for place, mask in zip(at, masks, strict=True)
        ]
        yield Pasted(
            sprite=sprite,
            valence=float(valence),
            size_px=tuple(sizes),
            angle_deg=tuple(angles),
            x=tuple(None if one is None else one[0] for one in middles),
            y=tuple(None if one is None else one[1] for one in middles),
        )


def _looks(rng: np.random.Generator, recipe: SynthRecipe) -> tuple[list[float], list[float]]:
    """Long sides in pixels and angles in degrees, one a frame; of a coherent head one size, and a slow turn."""
    n = 1 if recipe.coherent else recipe.n_frames
    size = rng.uniform(recipe.min_scale, recipe.max_scale, n) * HEAD_PX * recipe.frame_px / CANVAS_PX
    is_turned = rng.random(n) < recipe.rotated_share
    angle = np.where(is_turned, rng.uniform(-recipe.max_rotation_deg, recipe.max_rotation_deg, n), 0.0)
    if recipe.coherent:
        turn = float(rng.uniform(-TURN_DEG, TURN_DEG)) * _shares(recipe.n_frames)
        size, angle = np.repeat(size, recipe.n_frames), angle[0] + turn
    return [round(float(v), 2) for v in size], [round(float(v), 2) for v in angle]


def _shares(n: int) -> npt.NDArray[np.float64]:
    """0 to 1 over n frames, slow at both ends."""
    t = np.linspace(0, 1, n) if n > 1 else np.zeros(1)
    return np.asarray(t * t * (3 - 2 * t))


def _mask(rgba: Frames, size_px: float, angle_deg: float) -> Mask:
    return np.asarray(stamp_of(rgba, size_px, angle_deg).rgba[..., 3] >= OPAQUE, np.bool_)


def _own(taken: Mask, mask: Mask, place: tuple[int, int]) -> Mask:
    """The part of a frame that a mask covers at a column and row."""
    x, y = place
    return taken[y : y + mask.shape[0], x : x + mask.shape[1]]


def _fits(taken: Mask, mask: Mask, place: tuple[int, int], most: float) -> bool:
    return int(np.count_nonzero(_own(taken, mask, place) & mask)) <= most * int(np.count_nonzero(mask))


def _room(recipe: SynthRecipe, mask: Mask, moment: int) -> tuple[int, int, int] | None:
    """The first free column and row, and by how many pixels more the corner may lie right and down; None without any."""
    margin = margin_of(recipe, moment)
    right, down = (recipe.frame_px - 2 * margin - side for side in (mask.shape[1], mask.shape[0]))
    return (margin, right, down) if right >= 0 and down >= 0 else None


def _jumps(
    rng: np.random.Generator, recipe: SynthRecipe, masks: Sequence[Mask], taken: Mask
) -> list[tuple[int, int] | None]:
    """A place in every frame by itself, or none after as many tries as the recipe has."""
    out: list[tuple[int, int] | None] = []
    for i, mask in enumerate(masks):
        room, found = _room(recipe, mask, i), None
        low, right, down = room or (0, 0, 0)
        for _ in range(recipe.tries if room else 0):
            place = (low + int(rng.integers(right + 1)), low + int(rng.integers(down + 1)))
            if _fits(taken[i], mask, place, recipe.max_overlap):
                found = place
                break
        out.append(found)
    return out


def _path(
    rng: np.random.Generator, recipe: SynthRecipe, masks: Sequence[Mask], taken: Mask
) -> list[tuple[int, int] | None]:
    """A smooth way on which a head fits in every frame, or none anywhere."""
    n = len(masks)
    rooms = [room for i, mask in enumerate(masks) if (room := _room(recipe, mask, i)) is not None]
    for _ in range(recipe.tries if len(rooms) == n else 0):
        start, drift = rng.uniform(0, 1, 2), rng.uniform(-DRIFT, DRIFT, 2)
        share = np.clip(start + drift * _shares(n)[:, None], 0, 1)
        places = [
            (low + round(float(u) * right), low + round(float(v) * down))
            for (u, v), (low, right, down) in zip(share, rooms, strict=True)
        ]
        if all(_fits(taken[i], masks[i], places[i], recipe.max_overlap) for i in range(n)):
            return list(places)
    return [None] * n
