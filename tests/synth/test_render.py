"""Frames and structure: pure, coherent in time, exact, and silent about feelings outside the heads."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.clip import Clip, kept_times_s
from gerdata.recipe import SynthRecipe
from gerdata.synth import ScenePlan, plan_scene, render_frames, render_sample
from gerdata.synth.cast import PLACES, Place
from gerdata.synth.face import Pose, express, extent, landmarks
from gerdata.synth.place import EDGE_PX, draw_place

RECIPE = SynthRecipe()
PLANS = [plan_scene(RECIPE, 5, i) for i in range(6)]
TIMES = kept_times_s(5, RECIPE.duration_s)


def with_feelings(plan: ScenePlan, valence: float, anger: float, laugh: float) -> ScenePlan:
    """The same scene, in which everybody feels this, fully, all the time."""
    feeling = {"valence": valence, "show": 1.0, "floor": 1.0, "anger": anger, "laugh": laugh}
    people = tuple(dataclasses.replace(p, feeling=dataclasses.replace(p.feeling, **feeling)) for p in plan.people)
    return dataclasses.replace(plan, people=people)


@pytest.mark.parametrize("t", [0, 1, 5])
def test_shapes_and_types(t: int) -> None:
    plan = PLANS[0]
    frames, structure, _ = render_frames(plan, kept_times_s(t, plan.duration_s) if t else np.zeros(0))
    assert (frames.shape, frames.dtype) == ((t, 224, 224, 3), np.uint8)
    assert structure.heads.shape == (t, plan.n_people, 4)
    assert structure.faces.shape == (t, plan.n_people, 68, 2)


def test_a_plan_renders_twice_to_the_same_bytes_and_each_frame_alone_too() -> None:
    first, structure, _ = render_frames(PLANS[1], TIMES)
    again, same, _ = render_frames(PLANS[1], TIMES.copy())
    alone, _, _ = render_frames(PLANS[1], TIMES[3:4])
    assert first.tobytes() == again.tobytes()
    assert structure.bodies.tobytes() == same.bodies.tobytes()
    assert alone[0].tobytes() == first[3].tobytes()


def test_a_plan_read_back_from_json_renders_the_same() -> None:
    read = ScenePlan.from_json(PLANS[2].to_json())
    assert render_frames(read, TIMES[:1])[0].tobytes() == render_frames(PLANS[2], TIMES[:1])[0].tobytes()


@pytest.mark.parametrize("plan", PLANS)
def test_nothing_outside_the_heads_knows_a_feeling(plan: ScenePlan) -> None:
    frames, structure, _ = render_frames(plan, TIMES[:2])
    outside = np.ones(frames.shape[:3], bool)
    for t, boxes in enumerate(structure.heads.astype(int)):
        for x0, y0, x1, y1 in boxes:
            outside[t, y0:y1, x0:x1] = False
    assert outside.mean() > 0.2
    for feeling in ((1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (-1.0, 1.0, 1.0), (0.0, 0.5, 0.0)):
        other, elsewhere, _ = render_frames(with_feelings(plan, *feeling), TIMES[:2])
        assert np.array_equal(other[outside], frames[outside])
        assert np.array_equal(elsewhere.heads, structure.heads)
        assert np.array_equal(elsewhere.bodies[:, :, 5:], structure.bodies[:, :, 5:], equal_nan=True)
    assert not np.array_equal(other, frames)


@pytest.mark.parametrize("plan", PLANS)
def test_heads_hold_their_faces_and_lie_in_the_frame(plan: ScenePlan) -> None:
    _, structure, _ = render_frames(with_feelings(plan, 1.0, 0.0, 1.0), TIMES)
    low, high = structure.heads[..., None, :2], structure.heads[..., None, 2:]
    assert ((structure.faces >= low) & (structure.faces <= high)).all()
    assert (structure.heads >= 0).all()
    assert (structure.heads <= plan.frame_px).all()
    assert (high - low > 20).all()  # pixels: smaller faces cannot be read


def test_points_are_in_their_named_order() -> None:
    _, structure, _ = render_frames(PLANS[3], TIMES)
    faces, bodies = structure.faces, structure.bodies
    assert (faces[..., 0, 0] < faces[..., 16, 0]).all()  # jaw from the left of the picture
    assert (faces[..., 36, 0] < faces[..., 45, 0]).all()  # eyes
    assert (faces[..., 27, 1] < faces[..., 33, 1]).all()  # nose downwards
    assert (faces[..., 51, 1] < faces[..., 57, 1]).all()  # upper over lower lip
    left, right = bodies[..., 5, :], bodies[..., 6, :]  # a person's left is on the right of the picture
    both = (left[..., 2] > 0) & (right[..., 2] > 0)
    assert both.any()
    assert (left[both][:, 0] > right[both][:, 0]).all()


def test_visibility_is_zero_exactly_where_a_point_is_missing() -> None:
    seen = set()
    for plan in PLANS:
        bodies = render_frames(plan, TIMES[:1])[1].bodies
        assert np.array_equal(np.isnan(bodies[..., 0]), bodies[..., 2] == 0)
        seen |= set(np.unique(bodies[..., 2]).tolist())
    assert seen == {0.0, 1.0, 2.0}  # outside the frame, behind somebody, in view


def test_heads_move_less_than_a_pixel_in_40_ms() -> None:
    for plan in PLANS:
        _, structure, _ = render_frames(plan, np.arange(0, 0.6, 0.04))
        middle = structure.faces[:, :, 27:31].mean(2)
        step = np.linalg.norm(np.diff(middle, axis=0), axis=2)
        assert step.max() < 1.0
        assert step.max() > 0.01  # but they do move


def test_a_smile_lifts_the_corners_of_the_mouth_and_sorrow_sinks_them() -> None:
    look = PLANS[0].people[0].look

    def corner_height(valence: float) -> float:
        points = landmarks(look, express(valence, anger=0.2, laugh=0.5, talk=0.0, blink=0.0))
        return float(points[[48, 54], 1].mean() - points[[51, 62], 1].mean())

    assert corner_height(0.8) < corner_height(0.0) - 0.1
    assert corner_height(-0.8) > corner_height(0.0) + 0.1


@given(
    who=st.integers(0, 5), valence=st.floats(-1, 1), anger=st.floats(0, 1), laugh=st.floats(0, 1), talk=st.floats(0, 1)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_expression_reaches_beyond_the_extent(
    who: int, valence: float, anger: float, laugh: float, talk: float
) -> None:
    look = PLANS[who].people[0].look
    reach = extent(look)
    points = landmarks(look, express(valence, anger, laugh, talk, blink=0.0))
    turned = Pose(0, 0, 1, 0, 0.6, 0.3).turn(points[17:], look.face_w)
    for some in (points, turned):
        assert (some >= reach.min(0) - 1e-9).all()
        assert (some <= reach.max(0) + 1e-9).all()


@pytest.mark.parametrize("kind", PLACES)
def test_every_place_is_drawn_to_its_edges_and_two_seeds_differ(kind: str) -> None:
    one, two = (draw_place(Place(kind, "b8c4bb", "5d6b73", seed), 96) for seed in (1, 2))
    assert one.shape == (96 + 2 * EDGE_PX, 96 + 2 * EDGE_PX, 3)
    assert one.min(2).max() > 60
    assert np.abs(one.astype(int) - two).mean() > 2
    assert (one.reshape(-1, 3).max(1) == 0).mean() < 0.01  # nothing left unpainted


def test_a_sample_has_one_truth_for_all_its_parts() -> None:
    clip = Clip("a", "b", PLANS[0].label, None, 5.0)
    sample = render_sample(PLANS[0], 5, clip)
    assert sample.clip is clip
    assert sample.frames.tobytes() == render_frames(PLANS[0], TIMES)[0].tobytes()
    assert len(sample.audio) == 80_000
