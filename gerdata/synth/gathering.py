"""The plan of a gathering of avatars: who stands where, what everybody feels and shows, how it is filmed, and the label.

Plain data, drawn by lot from the seed, the recipe and the scene's number alone. Only feelings, and through them faces,
postures and kinds of utterance, follow the class; all else is drawn from streams that do not know it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from gerdata.chance import rng_for
from gerdata.recipe import SynthRecipe
from gerdata.synth.acoustics import Room, draw_room
from gerdata.synth.camera import SEATED_M, STATURE_M, Camera, CameraRange, draw_camera
from gerdata.synth.cast import Place, place_by_lot
from gerdata.synth.columns import columns, rounded, rows
from gerdata.synth.feeling import Feeling
from gerdata.synth.hearing import Bed, Recorded, SoundEvent, Speaker, draw_bed, draw_events, draw_voices
from gerdata.synth.layout import Ground, LayoutName, draw_ground, layouts_for
from gerdata.synth.mood import Mood, draw_mood
from gerdata.synth.picturebank import Photo, PictureBank
from gerdata.synth.playing import casts_with, played, told
from gerdata.synth.recordingbank import RecordingBank
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.traits import pitch_of
from gerdata.synth.vocal import Voice

SCENES_A_CAST = 10  # in a row with one cast, so that its sprites are at hand


@dataclass(frozen=True)
class Actor:
    """Somebody in the gathering: avatar `avatar` of the bank, on the ground at `x_m, z_m`, holding `posture`, turned by `yaw`
    (radians, positive to the right of the picture). `sway` (shares of a head) and `sway_hz, phase` are how they move."""

    avatar: int
    x_m: float
    z_m: float
    posture: str
    yaw: float
    sway: float
    sway_hz: float
    phase: float
    feeling: Feeling


@dataclass(frozen=True)
class Film:
    """What the camera makes of the light: gain and warmth of all, `defocus_px` of the place, `blur_px` of all, `noise` in
    grey levels with a window `grain` of it, and a JPEG `compression` that it went through before (0 none, else a quality)."""

    gain: float
    warmth: float
    defocus_px: float
    blur_px: float
    noise: float
    grain: int
    compression: int


@dataclass(frozen=True)
class Gathering:
    """A gathering, decided. `actors` are farthest first, which is the order of drawing. All numbers have 4 decimals.

    `mirror` shows all avatars in a mirror, so that the light of their cast falls from the other side.
    """

    bank: BankPlan
    cast: int
    frame_px: int
    duration_s: float
    label: str
    label_rule: str
    label_soft: tuple[float, ...]
    label_margin: float
    raters: int
    layout: LayoutName
    has_table: bool
    mirror: bool
    place: Place
    camera: Camera
    film: Film
    room: Room
    voices: tuple[Voice, ...]
    bed: Bed
    actors: tuple[Actor, ...]
    events: tuple[SoundEvent, ...]
    photo: Photo | None = None  # in place of the drawn place
    recorded: Recorded | None = None

    @property
    def n_people(self) -> int:
        """How many people are in the scene."""
        return len(self.actors)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values; people, events and voices as columns, so that names are written once."""
        flat: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return told({**flat, **{name: columns(flat[name]) for name in _LISTS}})

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "Gathering":
        """Inverse of `to_json`. A plan with missing or mistyped values raises `pydantic.ValidationError`."""
        return _ADAPTER.validate_python({**flat, **{name: rows(flat[name]) for name in _LISTS}})


_LISTS = ("actors", "events", "voices")
_ADAPTER = TypeAdapter(Gathering)


def plan_gathering(
    recipe: SynthRecipe,
    bank: BankPlan,
    seed: int,
    index: int,
    pictures: PictureBank | None = None,
    recordings: RecordingBank | None = None,
) -> Gathering:
    """Gathering `index` of a seed: depends on recipe, bank, seed and index alone, never on how many are made.

    Classes are balanced in each block of three scenes; a cast plays `SCENES_A_CAST` in a row. Where `pictures` has backgrounds
    for the cast, one of them is the place. With `recordings` there are only as many casts as have sources of their own.
    """
    wanted = _turn(seed, "class", index, 3)
    cast = _turn(seed, "cast-order", index // SCENES_A_CAST, casts_with(recordings, len(bank.casts())))
    chance = rng_for(seed, "gathering", index)
    n = int(chance.integers(recipe.min_people, recipe.max_people + 1))
    layout = str(chance.choice(layouts_for(n, recipe.layouts)))
    ground = draw_ground(rng_for(seed, "ground", index), layout, n)  # type: ignore[arg-type]
    camera = draw_camera(rng_for(seed, "camera", index), ground, _ranges(recipe))
    mood = draw_mood(rng_for(seed, "mood", index), recipe, wanted, ground, salience_of(camera, ground))
    place = place_by_lot(rng_for(seed, "place", cast, index // SCENES_A_CAST))
    order = np.argsort(camera.project(ground.x_m, 0.0, ground.z_m)[2], kind="stable")
    placed = _actors(rng_for(seed, "actors", index), bank, cast, ground, mood)
    actors = tuple(placed[int(i)] for i in order)
    voices = draw_voices(bank.seed, cast, recipe.voices)
    room = draw_room(
        rng_for(bank.seed, "cast", cast, "room", place.kind), place.kind, (recipe.min_rt60_s, recipe.max_rt60_s)
    )
    speakers = [_speaker(bank, camera, one) for one in actors]
    raw = Gathering(
        bank=bank,
        cast=cast,
        frame_px=recipe.frame_px,
        duration_s=recipe.duration_s,
        label=recipe.classes[mood.verdict.label],
        label_rule=recipe.rule,
        label_soft=mood.verdict.soft,
        label_margin=mood.verdict.margin,
        raters=mood.raters,
        layout=layout,  # type: ignore[arg-type]
        has_table=ground.has_table,
        mirror=bool(chance.random() < 0.5),
        place=place,
        camera=camera,
        film=_film(rng_for(seed, "film", index), recipe),
        room=room,
        voices=voices,
        bed=draw_bed(rng_for(seed, "bed", index), place.kind, recipe),
        actors=actors,
        events=draw_events(rng_for(seed, "events", index), speakers, voices, mood.voiced, recipe),
        photo=_photo(rng_for(seed, "photo", index), bank, cast, pictures),
    )
    heap = recordings.heaps(len(bank.casts()))[cast] if recordings else None
    heard = played(raw, heap, place.kind, recipe, rng_for(seed, "recordings", index))
    return Gathering.from_json(rounded(heard.to_json()))


def salience_of(camera: Camera, ground: Ground) -> npt.NDArray[np.float64]:
    """How much each stands out, `[P]`: the area of the head, times how central it is (a Gaussian of 0.35 of the frame)."""
    crowns = np.where(ground.sits, SEATED_M, STATURE_M)
    x, y, scale = camera.project(ground.x_m, crowns, ground.z_m)
    central = np.exp(-((x - 0.5) ** 2 + (y - 0.45) ** 2) / (2 * 0.35**2))
    return np.asarray(scale**2 * central)


def salience_of_plan(plan: Gathering) -> npt.NDArray[np.float64]:
    """The same, of a plan, `[P]`."""
    x, z, yaw = (np.array([getattr(one, name) for one in plan.actors]) for name in ("x_m", "z_m", "yaw"))
    sits = np.array([one.posture == "sit" for one in plan.actors])
    return salience_of(plan.camera, Ground(x, z, yaw, sits))


def _turn(seed: int, name: str, index: int, size: int) -> int:
    """Which of `size` things has its turn: every block of `size` uses each once, in an order of its own."""
    return int(rng_for(seed, name, index // size).permutation(size)[index % size])


def _photo(rng: np.random.Generator, bank: BankPlan, cast: int, pictures: PictureBank | None) -> Photo | None:
    own = pictures.photos(cast, len(bank.casts())) if pictures is not None else ()
    return own[int(rng.integers(len(own)))] if own else None


def _ranges(recipe: SynthRecipe) -> CameraRange:
    return CameraRange(recipe.min_head, recipe.max_head, recipe.max_pan, recipe.max_zoom, recipe.max_shake)


def _actors(rng: np.random.Generator, bank: BankPlan, cast: int, ground: Ground, mood: Mood) -> list[Actor]:
    n = len(ground)
    who = rng.permutation(np.array(bank.casts()[cast]))[:n]  # a recipe asks for no more than a cast has
    sway, hertz, phase = rng.uniform(0.01, 0.07, n), rng.uniform(0.12, 0.45, n), rng.uniform(0, 2 * np.pi, n)
    return [
        Actor(
            avatar=int(who[i]),
            x_m=float(ground.x_m[i]),
            z_m=float(ground.z_m[i]),
            posture="sit" if ground.sits[i] else mood.postures[i],
            yaw=float(ground.facing[i]),
            sway=float(sway[i] * (1 + mood.liveliness[i])),
            sway_hz=float(hertz[i] * (1 + 1.5 * mood.liveliness[i])),
            phase=float(phase[i]),
            feeling=mood.feelings[i],
        )
        for i in range(n)
    ]


def _speaker(bank: BankPlan, camera: Camera, actor: Actor) -> Speaker:
    """What is heard of somebody: as far as the camera is, which has the microphone."""
    away = float(np.hypot(actor.x_m + camera.x_m, actor.z_m + camera.z_m))
    return Speaker(actor.feeling.valence, actor.feeling.anger, pitch_of(bank.seed, actor.avatar), max(0.5, away))


def _film(rng: np.random.Generator, recipe: SynthRecipe) -> Film:
    quality = int(rng.integers(recipe.min_compression_quality, 91)) if rng.random() < recipe.compressed_share else 0
    return Film(
        gain=float(rng.uniform(0.75, 1.12)),
        warmth=float(rng.uniform(-1, 1)),
        defocus_px=float(rng.uniform(0.8, 3.5)),
        blur_px=float(max(0.0, rng.normal(0.1, 0.35))),
        noise=float(rng.uniform(0, 5)),
        grain=int(rng.integers(1 << 12)),
        compression=quality,
    )
