"""Recordings in a plan: which of a cast's are heard in place of computed sounds, drawn when all else is.

Onsets, levels, distances and who it is stay as they were drawn; a recording has another length, so it is cut where more would
sound at once than the recipe allows, and at the end of the scene. Draws do not know what kind an event is of.
"""

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from gerdata.chance import rng_for
from gerdata.recipe import SynthRecipe
from gerdata.synth.acoustics import SIZES_M, Room
from gerdata.synth.hearing import Audible, Bed, Recorded, SoundEvent
from gerdata.synth.recordingbank import Heap, RecordingBank, Sound

P = TypeVar("P", bound=Audible)


def casts_with(recordings: RecordingBank | None, n_casts: int) -> int:
    """How many of n casts there are with recordings: as many as have sources of their own."""
    return len(recordings.heaps(n_casts)) if recordings is not None else n_casts


def played(plan: P, heap: Heap | None, place: str, recipe: SynthRecipe, rng: np.random.Generator) -> P:
    """The same plan with recordings of its cast's heap; as it was without one.

    A cast has one measured room for all its scenes in a kind of place, indoors, where its heap has any.
    """
    if heap is None:
        return plan
    events, used = _events(plan.events, plan.duration_s, heap, recipe, rng)
    bed, heard = _bed(plan.bed, heap, recipe, rng)
    room, answers = _room(plan.room, heap, place)
    licences = sorted({one.licence for one in (*used, *heard, *answers) if one.licence})
    recorded = Recorded(heap.bank, tuple(licences))
    return replace(plan, events=events, bed=bed, room=room, recorded=recorded)  # type: ignore[type-var]


def _events(
    events: tuple[SoundEvent, ...], duration_s: float, heap: Heap, recipe: SynthRecipe, rng: np.random.Generator
) -> tuple[tuple[SoundEvent, ...], list[Sound]]:
    """The events, with recordings, and those recordings: first a source, then one of its sounds."""
    out, used = [], []
    for number, event in enumerate(events):
        share, whose, which = rng.random(3)
        sources = heap.takes.get(event.kind, ())
        if not sources or share >= recipe.recorded_share:
            out.append(event)
            continue
        own = sources[int(whose * len(sources))]
        sound = own[int(which * len(own))]
        later = number + recipe.max_polyphony
        until = events[later].start_s if later < len(events) else duration_s
        length = min(sound.duration_s, until - event.start_s)
        out.append(replace(event, recording=sound.id, duration_s=length))
        used.append(sound)
    return tuple(out), used


def _bed(bed: Bed, heap: Heap, recipe: SynthRecipe, rng: np.random.Generator) -> tuple[Bed, list[Sound]]:
    share, which, at = rng.random(3)
    if not heap.ambiences or share >= recipe.recorded_share:
        return bed, []
    sound = heap.ambiences[int(which * len(heap.ambiences))]
    return replace(bed, recording=sound.id, ambience_at_s=float(at * sound.duration_s)), [sound]


def _room(room: Room, heap: Heap, place: str) -> tuple[Room, list[Sound]]:
    if not heap.responses or place not in SIZES_M:
        return room, []
    sound = heap.responses[int(rng_for(room.seed, "measured").integers(len(heap.responses)))]
    return replace(room, measured=sound.id, rt60_s=sound.rt60_s or room.rt60_s), [sound]


def told(flat: dict[str, Any]) -> dict[str, Any]:
    """A plan's JSON, its events as columns; without a bank of recordings the same as if there were none in the world."""
    if flat["recorded"] is None:
        del flat["recorded"]
        flat["room"].pop("measured")
        flat["bed"].pop("recording")
        flat["events"].pop("recording", None)  # where there are no events there are no columns
    return flat
