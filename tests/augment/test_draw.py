"""Chance decides alone by seed and name; shares are those asked for."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from varied import draw_sample

from gerdata.augment import AugmentPlan, draw_drop, draw_plan, render
from gerdata.augment.picture import PICTURE_OPS
from gerdata.augment.sound import SOUND_OPS, Gain
from gerdata.chance import rng_for
from gerdata.recipe import AugmentRecipe, load

STRONG = load(AugmentRecipe, "augment", "strong")
EVERYTHING = STRONG.model_copy(update={name: 1.0 for name in AugmentRecipe.model_fields if name.endswith("_share")})


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**40), st.text(max_size=5))
def test_every_drawn_plan_is_within_the_bounds_of_plans_and_survives_json(seed: int, name: str) -> None:
    plan = draw_plan(EVERYTHING, seed, name)
    assert AugmentPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert tuple(type(op) for op in plan.picture) == PICTURE_OPS, "in the order of rendering"
    assert tuple(type(op) for op in plan.sound) == SOUND_OPS
    assert draw_plan(EVERYTHING, seed, name) == plan


@pytest.mark.parametrize("kind", [*PICTURE_OPS, *SOUND_OPS], ids=lambda kind: kind.op)
def test_bounds_at_their_ends_still_make_plans(kind: type) -> None:
    """A recipe at either end of its own range gives no plan that could not be read back."""
    for end in (0, 1):
        changes = {}
        for name, field in AugmentRecipe.model_fields.items():
            limits = {key: getattr(m, key) for m in field.metadata for key in ("ge", "le") if hasattr(m, key)}
            bounds = (limits.get("ge"), limits.get("le"))
            if name.startswith(("max_", "min_")) and name not in ("min_snr_db", "max_snr_db") and None not in bounds:
                changes[name] = bounds[end]
        recipe = AugmentRecipe.model_validate({**changes, f"{kind.op}_share": 1.0})
        for seed in range(20):
            plan = draw_plan(recipe, seed)
            assert len(plan.picture) + len(plan.sound) == 1
            assert AugmentPlan.from_json(plan.to_json()) == plan
        made = render(draw_sample(), plan)
        assert np.isfinite(made.audio).all()
        assert made.frames.shape == draw_sample().frames.shape


def test_one_op_more_changes_none_of_the_others() -> None:
    without = STRONG.model_copy(update={"grain_share": 0.0, "hiss_share": 0.0})
    for name in range(50):
        full, less = draw_plan(STRONG, 0, name), draw_plan(without, 0, name)
        assert [op for op in full.picture if op.op != "grain"] == list(less.picture)
        assert [op for op in full.sound if op.op != "hiss"] == list(less.sound)


def test_ops_come_as_often_as_asked_for_and_each_for_itself() -> None:
    plans = [draw_plan(STRONG, 0, "share", i) for i in range(2000)]
    kinds = [kind for kind in (*PICTURE_OPS, *SOUND_OPS) if kind is not Gain]
    seen = np.array(
        [[any(isinstance(op, kind) for op in (*plan.picture, *plan.sound)) for kind in kinds] for plan in plans]
    )
    wanted = [getattr(STRONG, f"{kind.op}_share") for kind in kinds]
    assert seen.mean(axis=0) == pytest.approx(np.array(wanted), abs=0.04)  # over 3 standard errors
    together = np.corrcoef(seen.T) - np.eye(len(kinds))
    assert np.abs(together).max() < 0.1  # over 4 standard errors
    assert all([type(op) for op in plan.sound[-1:]] == [Gain] for plan in plans)
    assert {len(plan.masks) for plan in plans} == {2}


def test_a_recipe_of_nothing_draws_nothing() -> None:
    assert draw_plan(AugmentRecipe.model_validate({}), 0, "a") == AugmentPlan()


def test_a_sense_that_is_not_there_gets_no_ops() -> None:
    assert not draw_plan(EVERYTHING, 0, "a", has_video=False).picture
    assert not draw_plan(EVERYTHING, 0, "a", drop="video").picture
    for plan in (draw_plan(EVERYTHING, 0, "a", has_audio=False), draw_plan(EVERYTHING, 0, "a", drop="audio")):
        assert (plan.sound, plan.masks) == ((), ())
        assert plan.picture == draw_plan(EVERYTHING, 0, "a").picture


@given(st.floats(0, 1), st.integers(0, 10**6), st.booleans(), st.booleans())
def test_nobody_loses_the_only_sense_there_is(share: float, seed: int, sees: bool, hears: bool) -> None:
    drop = draw_drop(share, rng_for(seed, "drop"), sees, hears)
    left = (sees and drop != "video", hears and drop != "audio")
    assert any(left) == (sees or hears)
