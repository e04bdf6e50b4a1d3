"""The plan of sound: voices belong to casts, and nothing but the kinds of events knows the class."""

import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from gerdata.clip import CLASSES
from gerdata.recipe import SynthRecipe
from gerdata.synth import ScenePlan, plan_scene
from gerdata.synth.hearing import EVENTS, LONGEST_S, TAKES, Speaker, draw_events, draw_voices
from gerdata.synth.loudness import loudness_lufs
from gerdata.synth.mixture import render_audio, render_stems
from gerdata.synth.utterances import duration_s

RECIPE = SynthRecipe(casts=20)
POSITIVE, NEGATIVE = {"laugh", "cheer", "applause"}, {"cry", "groan", "boo", "gasp", "shout"}


@pytest.fixture(scope="module")
def plans() -> list[ScenePlan]:
    return [plan_scene(RECIPE, 4, i) for i in range(360)]


MEASURES: dict[str, Callable[[ScenePlan], float]] = {
    "loudness": lambda p: p.bed.loudness_lufs,
    "events": lambda p: len(p.events),
    "babble": lambda p: p.bed.babble_db,
    "snr": lambda p: float(np.mean([e.snr_db for e in p.events])),
    "distance": lambda p: float(np.mean([e.distance_m for e in p.events])),
    "onset": lambda p: float(np.mean([e.start_s for e in p.events])),
    "unseen": lambda p: float(np.mean([e.who < 0 for e in p.events])),
}


@pytest.mark.parametrize("name", MEASURES)
def test_no_number_of_the_plan_knows_the_class(plans: list[ScenePlan], name: str) -> None:
    groups = [[MEASURES[name](p) for p in plans if p.label == c] for c in CLASSES]
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert stats.ks_2samp(groups[one], groups[two]).pvalue > 0.001


def test_loudness_and_bed_of_the_rendered_sound_do_not_know_the_class(plans: list[ScenePlan]) -> None:
    loud, bed = {c: [] for c in CLASSES}, {c: [] for c in CLASSES}
    for plan in plans[:60]:
        made = render_stems(plan)
        loud[plan.label].append(loudness_lufs(made.audio))
        bed[plan.label].append(10 * np.log10(np.mean(made.bed**2)))
    for measured in (loud, bed):
        assert stats.kruskal(*measured.values()).pvalue > 0.001


def test_the_same_draws_with_other_feelings_change_kinds_takes_and_lengths_alone() -> None:
    voices = draw_voices(1, 0, 4)

    def events(valence: float, anger: float) -> list[dict[str, object]]:
        speakers = [Speaker(valence, anger, 100.0 + 20 * k, 1.5 + 0.2 * k) for k in range(6)]
        made = draw_events(np.random.default_rng(5), speakers, voices, 1.0, RECIPE)
        return [dataclasses.asdict(e) for e in made]

    base = events(0.0, 0.5)
    for other in (events(0.9, 0.5), events(-0.9, 0.1), events(-0.9, 0.9)):
        for a, b in zip(base, other, strict=True):
            same = {k: v for k, v in a.items() if k not in ("kind", "take", "duration_s")}
            assert same == {k: b[k] for k in same}


def test_who_is_glad_laughs_and_who_is_not_does_not(plans: list[ScenePlan]) -> None:
    heard = Counter()
    for plan in plans:
        for event in plan.events:
            heard[event.kind] += 1
            if event.who < 0:
                continue
            valence = plan.people[event.who].feeling.valence
            assert event.kind not in POSITIVE or valence > 0.2
            assert event.kind not in NEGATIVE or valence < -0.2
    assert set(heard) == set(EVENTS)
    assert min(heard.values()) > 20


def test_events_name_takes_that_exist_and_lengths_that_are_true(plans: list[ScenePlan]) -> None:
    for plan in plans[:60]:
        ends: list[float] = []
        for event in plan.events:
            assert 0 <= event.take < TAKES[event.kind]
            whole = duration_s(plan.voices[event.voice], event.kind, event.take)
            assert event.duration_s == pytest.approx(min(whole, plan.duration_s - event.start_s), abs=1e-4)
            assert RECIPE.min_snr_db <= event.snr_db <= RECIPE.max_snr_db
            assert sum(end > event.start_s for end in ends) < RECIPE.max_polyphony
            ends.append(event.start_s + min(LONGEST_S, event.duration_s))


def test_no_two_casts_share_a_voice_or_a_room(plans: list[ScenePlan]) -> None:
    owners: dict[object, int] = {}
    for plan in plans:
        for thing in (*plan.voices, plan.room):
            assert owners.setdefault(thing, plan.cast) == plan.cast
    assert len(owners) == RECIPE.casts * (RECIPE.voices + 1)
    assert len({voice.seed for voice in owners if hasattr(voice, "tract")}) == RECIPE.casts * RECIPE.voices


def test_a_recipe_of_no_events_gives_only_the_bed() -> None:
    plan = plan_scene(SynthRecipe(min_events=0, max_events=0), 1, 0)
    assert plan.events == ()
    assert ScenePlan.from_json(plan.to_json()) == plan
    assert np.abs(render_audio(plan)).max() > 0


@pytest.mark.parametrize("name", ["events", "snr_db", "babble_db", "loudness_lufs", "rt60_s"])
def test_a_range_the_wrong_way_round_is_refused(name: str) -> None:
    low, high = f"min_{name}", f"max_{name}"
    given = SynthRecipe().model_dump()
    with pytest.raises(ValidationError, match=f"{low} is over {high}"):
        SynthRecipe(**{**given, low: given[high], high: given[low]})
