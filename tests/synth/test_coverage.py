"""Coverage: every plan is counted once on every axis it has, whatever its style, and what is missing is named."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.errors import DatasetError
from gerdata.recipe import SynthRecipe
from gerdata.store.coverage import Coverage, coverage_of, write_coverage
from gerdata.store.dataset import COVERAGE, Dataset
from gerdata.synth.coverage import coverage_of as counted
from gerdata.synth.coverage import covered
from gerdata.synth.gathering import plan_gathering
from gerdata.synth.scene import plan_scene
from gerdata.synth.studio import bank_plan_of

RECIPE = SynthRecipe(min_people=2, max_people=9, min_snr_db=0.0, max_snr_db=15.0)


def drawn_style(label: str, n: int, light: float, gain_db: float = 3.0) -> dict[str, Any]:
    """As drawn scenes are stored: people and events as records of lists."""
    people = {"look": {"pitch_hz": [200.0] * n}, "seat": {"x": [0.5] * n}}
    return {"label": label, "people": people, "camera": {"light": light}, "events": {"gain_db": [gain_db, gain_db]},
            "bed": {}, "label_margin": 0.2}  # fmt: skip


def avatar_style(label: str, n: int, layout: str, gain: float) -> dict[str, Any]:
    return {"style": "avatar", "label": label, "actors": {"avatar": [1] * n}, "layout": layout, "film": {"gain": gain},
            "camera": {"x_m": 0.0}, "events": [{"snr_db": 4.0}, {"snr_db": 8.0}]}  # fmt: skip


def axis(told: Coverage, name: str) -> dict[str, int]:
    (found,) = [one for one in told.axes if one.name == name]
    return dict(zip(found.bins, found.counts, strict=True))


def test_both_styles_are_counted_and_axes_that_none_has_are_left_out() -> None:
    told = counted([drawn_style("positive", 2, 0.85), drawn_style("negative", 9, 1.0)], RECIPE)
    assert [one.name for one in told.axes] == ["class", "people", "light", "SNR dB", "margin"]
    assert axis(told, "class") == {"positive": 1, "neutral": 0, "negative": 1}
    assert axis(told, "people") == {"2 to 3": 1, "4 to 5": 0, "6 to 7": 0, "8 to 9": 1}
    assert axis(told, "light") == {"under 0.9": 1, "1 and over": 1}
    assert axis(told, "SNR dB") == {"under 6": 2}
    told = counted([avatar_style("neutral", 4, "rows", 0.95), avatar_style("neutral", 5, "circle", 0.95)], RECIPE)
    assert [one.name for one in told.axes] == ["class", "people", "light", "layout", "SNR dB"]
    assert axis(told, "layout") == {"circle": 1, "rows": 1}
    assert axis(told, "SNR dB") == {"6 to 7.5": 2}
    both = counted([drawn_style("neutral", 4, 0.95), avatar_style("neutral", 5, "rows", 0.95)], RECIPE)
    assert axis(both, "layout") == {"rows": 1, "unknown": 1}
    assert axis(both, "people")["4 to 5"] == 2


def test_targets_are_those_of_the_recipe() -> None:
    told = counted([drawn_style("positive", 2, 0.95)] * 60, SynthRecipe(min_people=2, max_people=10))
    target = {one.name: one.target for one in told.axes}
    assert target["class"] == pytest.approx((20, 20, 20))
    assert target["people"] == pytest.approx((20, 40 / 3, 40 / 3, 40 / 3))  # 2 to 4 are three sizes of nine
    assert target["light"] is None
    assert "class: positive 60, neutral 0, negative 0 (target 20 each)" in told.lines()[0]


def test_the_emptiest_cell_is_the_one_that_was_left_empty() -> None:
    plans = [drawn_style(label, n, light) for label in RECIPE.classes for n in range(2, 10)
             for light in (0.85, 0.95, 1.05) for _ in range(3) if (label, light) != ("negative", 1.05)]  # fmt: skip
    told = counted(plans, RECIPE)
    assert told.emptiest[0].where == {"class": "negative", "light": "1 and over"}
    assert told.emptiest[0].count == 0
    assert "emptiest pairs: class negative, light 1 and over (0 for 16)" in told.line()
    assert told.possible == 3 * 4 * 3
    assert len(told.cells) == told.possible - 4  # one for each bin of sizes


@pytest.mark.parametrize(
    "text", [None, "", "no JSON", "[1]", '{"people": 3, "events": [7], "film": [], "label": 4}', "{}"]
)
def test_a_plan_that_tells_nothing_is_unknown_and_not_lost(text: str | None) -> None:
    told = covered([text, json.dumps(drawn_style("positive", 3, 0.95))], RECIPE)
    assert told.samples == 2
    assert {axis(told, one.name)["unknown"] for one in told.axes} == {1}
    assert covered([text], RECIPE).axes == ()


def test_sizes_outside_the_recipe_are_named() -> None:
    told = counted([drawn_style("positive", 1, 1.0), drawn_style("positive", 30, 1.0)], RECIPE)
    assert axis(told, "people") == {"over 9": 1, "under 2": 1}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(RECIPE.classes), st.integers(2, 9), st.floats(0.5, 1.5), st.booleans())))
def test_every_plan_is_counted_once_on_every_axis(drawn: list[tuple[str, int, float, bool]]) -> None:
    plans = [avatar_style(c, n, "rows", v) if is_avatar else drawn_style(c, n, v) for c, n, v, is_avatar in drawn]
    told = counted(plans, RECIPE)
    assert {sum(one.counts) for one in told.axes} <= {len(plans)}
    assert sum(place[-1] for place in told.cells) == len(plans)
    assert counted(reversed(plans), RECIPE) == told  # the order of plans says nothing
    assert Coverage.model_validate_json(told.model_dump_json()) == told


@pytest.mark.parametrize(("style", "more"), [("flat", []), ("avatar", ["layout"])])
def test_real_plans_have_all_axes(style: Literal["flat", "avatar"], more: list[str]) -> None:
    recipe = SynthRecipe(style=style)
    drawn = (
        plan_gathering(recipe, bank_plan_of(recipe), 0, i) if more else plan_scene(recipe, 0, i) for i in range(30)
    )
    told = covered([json.dumps(plan.to_json()) for plan in drawn], recipe)
    assert sorted(one.name for one in told.axes) == sorted(["class", "people", "light", "SNR dB", "margin", *more])
    assert not any("unknown" in one.bins for one in told.axes)
    assert sum(axis(told, "class").values()) == 30


def test_what_is_written_is_read_back_and_what_is_none_is_refused(tmp_path: Path) -> None:
    told = counted([drawn_style("positive", 2, 0.95)] * 60, RECIPE)
    write_coverage(told, Dataset(tmp_path))
    assert coverage_of(Dataset(tmp_path)) == told
    (tmp_path / COVERAGE).write_text('{"samples": -1}')
    with pytest.raises(DatasetError, match="not a coverage"):
        coverage_of(Dataset(tmp_path))
    (tmp_path / COVERAGE).unlink()
    assert coverage_of(Dataset(tmp_path)) is None
