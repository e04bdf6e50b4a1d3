"""A plan depends on seed, recipe and index alone, says what it says exactly, and its label follows from its people."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gerdata.clip import CLASSES
from gerdata.recipe import SynthRecipe, load
from gerdata.synth.feeling import MIN_MARGIN, THRESHOLD, draw_valences, label_of
from gerdata.synth.hearing import EVENTS
from gerdata.synth.scene import ScenePlan, plan_scene, valences
from gerdata.synth.seating import draw_seats

RECIPE = SynthRecipe()


@pytest.fixture(scope="module")
def plans() -> list[ScenePlan]:
    return [plan_scene(RECIPE, 7, i) for i in range(60)]


def test_crowd_is_the_default_recipe() -> None:
    assert load(SynthRecipe, "synth", "crowd") == RECIPE


def test_a_plan_is_drawn_twice_the_same_and_another_index_or_seed_differs(plans: list[ScenePlan]) -> None:
    assert plan_scene(RECIPE, 7, 3) == plans[3]
    assert len({json.dumps(p.to_json()) for p in plans}) == len(plans)
    assert plan_scene(RECIPE, 8, 3) != plans[3]


def test_later_plans_change_no_earlier_one(plans: list[ScenePlan]) -> None:
    backwards = [plan_scene(RECIPE, 7, i) for i in reversed(range(12))]
    assert backwards[::-1] == plans[:12]


def test_json_round_trips_exactly_and_is_small(plans: list[ScenePlan]) -> None:
    for plan in plans:
        text = json.dumps(plan.to_json(), separators=(",", ":"))
        assert ScenePlan.from_json(json.loads(text)) == plan
        assert len(text) < 7000


def test_a_plan_with_a_missing_value_is_refused(plans: list[ScenePlan]) -> None:
    broken = plans[0].to_json()
    del broken["people"]["seat"]["x"]
    with pytest.raises(ValidationError):
        ScenePlan.from_json(broken)


def test_the_label_follows_from_the_valences(plans: list[ScenePlan]) -> None:
    for plan in plans:
        label, soft, margin = label_of(valences(plan), CLASSES)
        assert label == plan.label
        assert plan.label_margin == pytest.approx(margin, abs=1e-4)
        assert plan.label_margin >= MIN_MARGIN - 1e-4
        assert plan.label_soft == pytest.approx(soft, abs=1e-4)
        assert sum(plan.label_soft) == pytest.approx(1, abs=2e-4)
        assert CLASSES[int(np.argmax(plan.label_soft))] == plan.label


def test_the_rule_is_symmetric_and_undecided_at_its_threshold() -> None:
    assert label_of([0.9, 0.3], CLASSES)[0] == "positive"
    assert label_of([-0.9, -0.3], CLASSES)[0] == "negative"
    assert label_of([0.9, -0.9, 0.2], CLASSES)[0] == "neutral"
    _, soft, margin = label_of([THRESHOLD], CLASSES)
    assert soft[0] == pytest.approx(soft[1])
    assert margin == pytest.approx(0)


@given(
    seed=st.integers(0, 10_000), n=st.integers(2, 40), sign=st.sampled_from((1, 0, -1)), mixed=st.booleans()
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_drawn_valences_lie_on_the_wanted_side_by_the_margin(seed: int, n: int, sign: int, mixed: bool) -> None:
    drawn = draw_valences(np.random.default_rng(seed), n, sign, mixed)
    label, _, margin = label_of(drawn, ("1", "0", "-1"))
    assert (int(label), drawn.shape) == (sign, (n,))
    assert margin >= MIN_MARGIN
    assert np.abs(drawn).max() <= 1


def test_mixed_groups_have_members_of_other_valence() -> None:
    rng = np.random.default_rng(0)
    mixed = [draw_valences(rng, 10, 1, mixed=True) for _ in range(50)]
    alike = [draw_valences(rng, 10, 1, mixed=False) for _ in range(50)]
    assert all((v < THRESHOLD).any() for v in mixed)
    assert np.mean([v.std() for v in mixed]) > 2 * np.mean([v.std() for v in alike])


@pytest.mark.parametrize("n", [3, 4, 20, 59])
def test_classes_are_balanced_to_one(plans: list[ScenePlan], n: int) -> None:
    counts = Counter(plan.label for plan in plans[:n])
    assert max(counts.values()) - min(counts[c] for c in CLASSES) <= 1


def test_casts_take_turns_and_share_their_people_and_place() -> None:
    recipe = SynthRecipe(casts=4, min_people=12, max_people=15)
    some = [plan_scene(recipe, 1, i) for i in range(8)]
    assert sorted(p.cast for p in some[:4]) == sorted(p.cast for p in some[4:]) == [0, 1, 2, 3]
    looks = {p.cast: {q.look for q in p.people} for p in some[:4]}
    for again in some[4:]:
        # 12 of 15 twice: at least 9 in common
        assert len(looks[again.cast] & {q.look for q in again.people}) >= 9
        others = set().union(*(found for cast, found in looks.items() if cast != again.cast))
        assert not others & {q.look for q in again.people}
    places = {p.cast: p.place for p in some[:4]}
    assert all(places[p.cast] == p.place for p in some[4:])
    assert len(set(places.values())) == 4


def test_group_sizes_and_events_keep_to_the_recipe(plans: list[ScenePlan]) -> None:
    assert {plan.n_people for plan in plans} >= {3, 15} or len({plan.n_people for plan in plans}) > 8
    for plan in plans:
        assert RECIPE.min_people <= plan.n_people <= RECIPE.max_people
        for event in plan.events:
            assert event.kind in EVENTS
            assert -1 <= event.who < plan.n_people
            assert event.start_s >= 0
            assert event.start_s + event.duration_s <= plan.duration_s + 1e-3


def test_what_may_not_tell_the_class_does_not(plans: list[ScenePlan]) -> None:
    """Mean number of people and utterances, and loudness, differ by class less than chance allows at 3.5 sigma."""
    many = [plan_scene(RECIPE, 11, i) for i in range(300)]
    for measure in (
        lambda p: p.n_people,
        lambda p: len(p.events),
        lambda p: p.bed.loudness_lufs,
        lambda p: p.camera.light,
    ):
        values = np.array([measure(p) for p in many], dtype=np.float64)
        for label in CLASSES:
            own = values[[p.label == label for p in many]]
            assert abs(own.mean() - values.mean()) < 3.5 * values.std() / np.sqrt(len(own))


@given(seed=st.integers(0, 1000), n=st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_seats_are_inside_far_first_and_mostly_apart(seed: int, n: int) -> None:
    seats = draw_seats(np.random.default_rng(seed), n)
    xy = np.array([(s.x, s.y) for s in seats])
    r = np.array([s.r for s in seats])
    assert len(seats) == n
    assert ((xy > 0.04) & (xy < 0.96)).all()
    assert (np.diff(xy[:, 1]) >= 0).all()
    if n <= 15:
        gaps = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) / (r[:, None] + r[None]) + 9 * np.eye(n)
        assert np.median(gaps.min(1)) > 0.55  # a face is hidden by less than half, as a rule
