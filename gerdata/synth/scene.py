"""The plan of a synthetic scene: everything a picture and a sound need, as plain data, and how it is drawn by lot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from gerdata.chance import rng_for
from gerdata.recipe import SynthRecipe
from gerdata.synth.acoustics import Room, draw_room
from gerdata.synth.cast import Look, Place, draw_cast
from gerdata.synth.columns import columns, rounded, rows
from gerdata.synth.feeling import RULE, Feeling, draw_valences, label_of
from gerdata.synth.hearing import Bed, Recorded, SoundEvent, Speaker, draw_bed, draw_events, draw_voices
from gerdata.synth.mood import let_out
from gerdata.synth.playing import casts_with, played, told
from gerdata.synth.recordingbank import RecordingBank
from gerdata.synth.seating import Seat, draw_seats
from gerdata.synth.vocal import Voice

HEAD_VIEW_M = 0.158  # half a head (11.5 cm) over the width of view at 1 m: a lens of 40 degrees; assumption


@dataclass(frozen=True)
class Motion:
    """How one head and body move: amplitudes in half head heights or radians, frequencies in Hz, phases in radians."""

    sway: float
    sway_hz: float
    phase: float
    yaw: float
    pitch: float
    roll: float
    turn: float
    turn_hz: float
    blink_s: float


@dataclass(frozen=True)
class Person:
    """Somebody in the scene. `seat` is where, `feeling` what the face shows, `motion` how they move."""

    look: Look
    seat: Seat
    motion: Motion
    feeling: Feeling


@dataclass(frozen=True)
class Camera:
    """Drift of the picture: amplitudes as shares of the frame's side, frequency, phase; and the light's gain and warmth."""

    drift_x: float
    drift_y: float
    drift_hz: float
    phase: float
    light: float
    warmth: float
    side: float  # -1 light from the left to 1 from the right


@dataclass(frozen=True)
class ScenePlan:
    """A scene, decided. `people` stand farthest first, which is the order of drawing. All numbers have 4 decimals."""

    cast: int
    frame_px: int
    duration_s: float
    label: str
    label_rule: str
    label_soft: tuple[float, ...]
    label_margin: float
    place: Place
    camera: Camera
    room: Room
    voices: tuple[Voice, ...]
    bed: Bed
    people: tuple[Person, ...]
    events: tuple[SoundEvent, ...]
    recorded: Recorded | None = None

    @property
    def n_people(self) -> int:
        """How many people are in the scene."""
        return len(self.people)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values; people and events as columns, so that names are written once."""
        flat: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return told({**flat, "people": columns(flat["people"]), "events": columns(flat["events"])})

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "ScenePlan":
        """Inverse of `to_json`. A plan with missing or mistyped values raises `pydantic.ValidationError`."""
        return _ADAPTER.validate_python({**flat, "people": rows(flat["people"]), "events": rows(flat["events"])})


_ADAPTER = TypeAdapter(ScenePlan)


def plan_scene(recipe: SynthRecipe, seed: int, index: int, recordings: RecordingBank | None = None) -> ScenePlan:
    """Scene `index` of a seed: depends on recipe, seed and index alone, never on how many are made.

    Classes are balanced in each block of three scenes, casts in each block of `recipe.casts`. Only feelings, and through
    them faces and kinds of utterance, follow the class; all else is drawn from streams that do not know it. With `recordings`
    there are only as many casts as have sources of their own.
    """
    sign = (1, 0, -1)[_turn(seed, "class", index, 3)]
    cast_number = _turn(seed, "cast-order", index, casts_with(recordings, recipe.casts))
    chance = rng_for(seed, "scene", index)
    n = int(chance.integers(recipe.min_people, recipe.max_people + 1))
    members = [int(k) for k in chance.permutation(recipe.max_people)[:n]]
    cast = draw_cast(seed, cast_number, members)
    mixed = bool(chance.random() < recipe.mixed_share)
    shown, voiced = (let_out(chance, recipe.weak_share) for _ in range(2))
    shown, voiced = shown * recipe.show, voiced * recipe.voiced
    valences = draw_valences(rng_for(seed, "valence", index), n, sign, mixed)
    label, soft, margin = label_of(valences, recipe.classes)
    seats = draw_seats(rng_for(seed, "seats", index), n)
    inner = rng_for(seed, "person", index)
    people = tuple(
        Person(look, seat, _motion(inner), _feeling(inner, float(v), shown, recipe.duration_s))
        for look, seat, v in zip(cast.looks, seats, valences, strict=True)
    )
    voices = draw_voices(seed, cast_number, recipe.voices)
    speakers = [Speaker(p.feeling.valence, p.feeling.anger, p.look.pitch_hz, HEAD_VIEW_M / p.seat.r) for p in people]
    raw = ScenePlan(
        cast=cast_number,
        frame_px=recipe.frame_px,
        duration_s=recipe.duration_s,
        label=label,
        label_rule=RULE,
        label_soft=soft,
        label_margin=margin,
        place=cast.place,
        camera=_camera(rng_for(seed, "camera", index)),
        room=draw_room(
            rng_for(seed, "cast", cast_number, "room"), cast.place.kind, (recipe.min_rt60_s, recipe.max_rt60_s)
        ),
        voices=voices,
        bed=draw_bed(rng_for(seed, "bed", index), cast.place.kind, recipe),
        people=people,
        events=draw_events(rng_for(seed, "events", index), speakers, voices, voiced, recipe),
    )
    heap = recordings.heaps(recipe.casts)[cast_number] if recordings else None
    heard = played(raw, heap, cast.place.kind, recipe, rng_for(seed, "recordings", index))
    return ScenePlan.from_json(rounded(heard.to_json()))


def _turn(seed: int, name: str, index: int, size: int) -> int:
    """Which of `size` things has its turn: every block of `size` scenes uses each once, in an order of its own."""
    return int(rng_for(seed, name, index // size).permutation(size)[index % size])


def _motion(rng: np.random.Generator) -> Motion:
    return Motion(
        sway=float(rng.uniform(0.02, 0.12)),
        sway_hz=float(rng.uniform(0.12, 0.45)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        yaw=float(np.clip(rng.normal(0, 0.24), -0.55, 0.55)),
        pitch=float(np.clip(rng.normal(0, 0.1), -0.2, 0.2)),
        roll=float(np.clip(rng.normal(0, 0.08), -0.2, 0.2)),
        turn=float(rng.uniform(0, 0.16)),
        turn_hz=float(rng.uniform(0.1, 0.35)),
        blink_s=float(rng.uniform(0, 4)),
    )


def _feeling(rng: np.random.Generator, valence: float, shown: float, duration_s: float) -> Feeling:
    return Feeling(
        valence=valence,
        show=float(np.clip(shown * rng.uniform(0.85, 1.1), 0, 1)),
        floor=float(rng.uniform(0.7, 1)),
        onset_s=float(rng.uniform(-0.2, 0.4) * duration_s),
        rise_s=float(rng.uniform(0.3, 0.8)),
        hold_s=float(rng.uniform(0.3, 0.9) * duration_s),
        anger=float(rng.beta(0.5, 0.5)),
        laugh=float(rng.uniform(0, 1)),
    )


def _camera(rng: np.random.Generator) -> Camera:
    return Camera(
        drift_x=float(rng.uniform(0, 0.012)),
        drift_y=float(rng.uniform(0, 0.007)),
        drift_hz=float(rng.uniform(0.08, 0.25)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        light=float(rng.uniform(0.82, 1.06)),
        warmth=float(rng.uniform(-1, 1)),
        side=float(rng.choice((-1.0, 1.0))),
    )


def valences(plan: ScenePlan) -> npt.NDArray[np.float64]:
    """Everybody's valence at the apex, `float64 [P]`: what the label's rule reads."""
    return np.array([p.feeling.valence for p in plan.people])
