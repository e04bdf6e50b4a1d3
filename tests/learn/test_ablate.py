"""Cells, views and starts: each trains on what it says, equal ones once, stopped ones go on; what cannot be is refused."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from gerdata.errors import DatasetError, InterruptedRun, RecipeError
from gerdata.learn.ablate import Machine, ablate, cells_of, place_of, recipe_of
from gerdata.learn.data import ReleaseSplit, read_header, release_fingerprint
from gerdata.learn.evaluate import load
from gerdata.learn.run import Run
from gerdata.learn.view import kept_members, make_view, share_of_groups
from gerdata.manifest import MANIFEST_SCHEMA, read_rows, write_rows
from gerdata.recipe import AblateRecipe, TrainRecipe, ViewRecipe
from gerdata.recipe.ablate import Cell
from gerdata.report.chart import chart_of

ONE = Machine(threads=1)


@pytest.fixture(scope="module")
def mixed(make_release: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy release whose first 24 training clips and all held-out ones count as real; two clips a group."""
    release = make_release(tmp_path_factory.mktemp("mixed") / "release", {"train": 54, "validation": 12, "test": 40})
    for split in ("train", "validation", "test"):
        path = release / "manifest" / f"{split}.parquet"
        rows = []
        for i, row in enumerate(read_rows(path)):
            told = {"is_synthetic": split == "train" and i >= 24, "group": f"{split}-{i // 2}"}
            rows.append(dataclasses.replace(row, clip=dataclasses.replace(row.clip, **told)))
        write_rows(path, rows, MANIFEST_SCHEMA)
    return release


@pytest.fixture(scope="module")
def base(recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    told = recipe.model_copy(update={"epochs": 2, "lr": 3e-3, "modality": "video"}).model_dump(exclude_none=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items() if name != "augment"]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def rows_of(release: Path, split: str = "train") -> list:  # type: ignore[type-arg]
    return read_rows(release / "manifest" / f"{split}.parquet")


@pytest.mark.parametrize(
    ("steps", "stages"), [(0, (8, 16)), (120, (4, 8)), (1000, (33, 67)), (10, (0, 1)), (25, (1, 1))]
)
def test_steps_are_those_of_both_stages(steps: int, stages: tuple[int, int]) -> None:
    train = TrainRecipe(video_epochs=8, epochs=16)
    cell = Cell(name="a", train=train, view=ViewRecipe(), steps=steps)
    told = recipe_of(cell, 10)  # steps of a pass
    assert (told.video_epochs, told.epochs) == stages
    started = cell.model_copy(update={"start": "b", "train": train.model_copy(update={"picture_weights": "c"})})
    on = recipe_of(started, 10)
    assert on.picture_weights == ""  # its weights are those that it starts from
    assert (on.video_epochs, on.epochs) == (0, sum(stages) if steps else 16)  # its first stage was where it starts from


def test_a_view_holds_what_it_says_and_shares_its_tars(mixed: Path, tmp_path: Path, recipe: TrainRecipe) -> None:
    less = make_view(mixed, ViewRecipe(real_share=0.5, synthetic="none"), tmp_path / "half", 0)
    rows = rows_of(less)
    assert len(rows) == 12
    assert not any(row.clip.is_synthetic for row in rows)
    assert len({row.clip.group for row in rows}) == 6  # whole groups
    smaller = rows_of(make_view(mixed, ViewRecipe(real_share=0.25, synthetic="none"), tmp_path / "quarter", 0))
    assert {row.clip.id for row in smaller} < {row.clip.id for row in rows}
    assert [row.clip.id for row in rows_of(less, "test")] == [row.clip.id for row in rows_of(mixed, "test")]
    (tar,) = (mixed / "train").glob("*.tar")
    assert (less / "train" / tar.name).samefile(tar)
    assert release_fingerprint(less) != release_fingerprint(mixed)
    from gerdata.learn.architecture import form_of

    one, other = ReleaseSplit(less, "test", form_of(recipe)), ReleaseSplit(mixed, "test", form_of(recipe))
    assert (one[0].video == other[0].video).all()


def test_a_share_of_nothing_real_is_nothing(mixed: Path) -> None:
    rows = [row for row in rows_of(mixed) if not row.clip.is_synthetic]
    kept = [len(share_of_groups(rows, share, 0)) for share in (0.0, 0.1, 0.5, 1.0)]
    assert kept == [0, 4, 12, 24]  # whole groups of two


def test_views_of_synthetic_clips(mixed: Path, tmp_path: Path) -> None:
    only = rows_of(make_view(mixed, ViewRecipe(synthetic="only"), tmp_path / "only", 0))
    assert len(only) == 30
    assert all(row.clip.is_synthetic for row in only)
    rate = rows_of(make_view(mixed, ViewRecipe(synthetic_rate=0.25), tmp_path / "rate", 0))
    assert sum(row.clip.is_synthetic for row in rate) == 8  # 24 real clips * .25 / .75
    with pytest.raises(DatasetError, match="needs 56 synthetic ones, it holds 30"):
        make_view(mixed, ViewRecipe(synthetic_rate=0.7), tmp_path / "much", 0)
    before = {row.clip.id: row.clip for row in rows_of(mixed)}
    dealt = rows_of(make_view(mixed, ViewRecipe(synthetic="shuffled"), tmp_path / "dealt", 0))
    changed = [row for row in dealt if row.clip.label != before[row.clip.id].label]
    assert changed
    assert all(row.clip.is_synthetic for row in changed)
    assert sorted(str(row.clip.label) for row in dealt) == sorted(str(clip.label) for clip in before.values())
    assert make_view(mixed, ViewRecipe(), tmp_path / "whole", 0) == mixed


def test_a_view_of_fewer_frames_shows_those_in_the_middle_of_equal_stretches(
    mixed: Path, tmp_path: Path, recipe: TrainRecipe
) -> None:
    from gerdata.learn.architecture import form_of

    view = make_view(mixed, ViewRecipe(frames=1), tmp_path / "one", 0)
    few, all_ = ReleaseSplit(view, "test", form_of(recipe)), ReleaseSplit(mixed, "test", form_of(recipe))
    assert few.header.n_frames == 1
    assert few[0].video.shape[0] == 1
    assert (few[0].video[0] == all_[0].video[1]).all()  # of three the second
    with pytest.raises(DatasetError, match="keeps 3"):
        make_view(mixed, ViewRecipe(frames=5), tmp_path / "five", 0)


def test_a_view_of_fewer_frames_of_videos_is_refused(mixed: Path) -> None:
    header = read_header(mixed)
    of_videos = header.model_copy(update={"members": ("mp4", "flac", "json")})
    with pytest.raises(DatasetError, match=r"view\.frames = 2: samples hold mp4.*as frames"):
        kept_members(of_videos, 2)


def test_cells_go_on_are_trained_once_and_are_compared_with_their_reference(
    mixed: Path, base: str, tmp_path: Path
) -> None:
    how = AblateRecipe.model_validate(
        {
            "base": base,
            "seeds": [0, 1],
            "steps": 20,
            "needs_real": True,
            "reference": "real",
            "grid": {"view.real_share": [0.5, 1.0]},
            "cells": {
                "real": {"view.synthetic": "none"},
                "dealt": {"view.synthetic": "shuffled"},
                "made": {"view.synthetic": "only", "steps": 10},
                "tuned": {"view.synthetic": "none", "steps": 10, "start": "made"},
            },
        }
    )
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if line.startswith("2/8"):
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, InterruptedRun)):
        ablate(how, [mixed], tmp_path, ONE, stop)
    first = sorted(path.name for path in (tmp_path / "runs").iterdir())
    told = ablate(how, [mixed], tmp_path, ONE)
    assert set(first) <= {path.name for path in (tmp_path / "runs").iterdir()}
    cells = {one.name: one for one in told.results}
    assert len(cells) == 8
    assert cells["made, real_share=0.5"].runs == cells["made, real_share=1"].runs  # nothing real in it: trained once
    assert len(list((tmp_path / "runs").iterdir())) == 2 * 7
    assert {cells[f"real, real_share={share}"].train_clips for share in ("0.5", "1")} == {11, 22}
    for one in told.results:
        assert one.steps == pytest.approx(10 if one.name.startswith("made") else 20, abs=3), one.name
        assert (one.difference is None) == one.name.startswith("real")
    tuned = tmp_path / "runs" / cells["tuned, real_share=1"].runs[0]
    made = tmp_path / "runs" / cells["made, real_share=1"].runs[0]
    assert Run.read(tuned).identity.pretrained != ""
    assert Run.read(made).identity.pretrained == ""
    assert (told.data_kind, told.clips) == ("real", 36)
    text = told.table()
    assert text.count("\n") == 10
    assert "(real, real_share=0.5)" in text
    before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*.safetensors")}
    assert ablate(how, [mixed], tmp_path, ONE) == told
    assert {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*.safetensors")} == before
    assert load(tuned).run.identity.recipe.epochs >= 1


def test_what_changes_bytes_is_another_run(mixed: Path, base: str, tmp_path: Path) -> None:
    [(cell, release)] = cells_of(AblateRecipe.model_validate({"base": base}), [mixed])
    machines = (ONE, Machine(threads=2), Machine(threads=1, device="cuda"), Machine(threads=1, workers=2))
    runs = [place_of(cell, release, tmp_path, 0, machine).run for machine in machines]
    assert (len(set(runs)), runs[3]) == (3, runs[0])


def test_what_is_common_is_of_every_cell_that_says_nothing_else(base: str) -> None:
    told = {"common": {"lr": 0.5, "batch": 7}, "cells": {"a": {}, "b": {"lr": 0.1}}, "reference": "a"}
    cells = AblateRecipe.model_validate({"base": base, "grid": {"epochs": [1, 2]}, **told}).resolved()
    assert [(one.train.lr, one.train.batch, one.train.epochs) for one in cells] == [
        (0.5, 7, 1),
        (0.1, 7, 1),
        (0.5, 7, 2),
        (0.1, 7, 2),
    ]


def test_what_cannot_be_ablated_is_refused(mixed: Path, base: str, tmp_path: Path, release: Path) -> None:
    def how(**told: object) -> AblateRecipe:
        return AblateRecipe.model_validate({"base": base, **told})

    with pytest.raises(RecipeError, match="no key of a train recipe"):
        how(grid={"colour": [1]}).resolved()
    with pytest.raises(RecipeError, match="pooling"):
        how(grid={"pooling": ["max"]}).resolved()
    with pytest.raises(RecipeError, match="frames"):
        how(grid={"view.frames": [0]}).resolved()
    with pytest.raises(RecipeError, match="at most 256"):
        how(grid={"lr": [i / 1000 for i in range(1, 300)]}).resolved()
    for odd in (
        {"cells": {"a": {}}},
        {"cells": {"a": {}}, "reference": "b"},
        {"cells": {"A b": {}}, "reference": "A b"},
        {"cells": {"a": {"start": "c"}}, "reference": "a"},
        {"cells": {"a": {"start": ["a"]}}, "reference": "a"},
        {"cells": {"a": {"steps": "many"}}, "reference": "a"},
        {"cells": {"a": {"steps": -1}}, "reference": "a"},
        {"grid": {"lr": []}},
        {"grid": {"steps": [10, 20]}},
        {"common": {"start": "a"}, "cells": {"a": {}}, "reference": "a"},
        {"seeds": []},
        {"seeds": [0, 1, 0]},
    ):
        with pytest.raises(ValidationError):
            how(**odd)
    with pytest.raises(DatasetError, match="no real labelled clips"):
        ablate(how(needs_real=True), [release], tmp_path)
    with pytest.raises(RecipeError, match="takes one release"):
        ablate(how(), [mixed, release], tmp_path)
    with pytest.raises(RecipeError, match="two or more"):
        ablate(how(over_releases=True), [mixed], tmp_path)
    with pytest.raises(RecipeError, match="folders' names"):
        ablate(how(over_releases=True), [mixed, release], tmp_path)
    with pytest.raises(RecipeError, match="cross-attention does not read it"):
        ablate(how(grid={"decoder": ["none", "query"]}), [mixed], tmp_path)


def test_releases_are_cells_of_their_own(mixed: Path, release: Path, base: str) -> None:
    how = AblateRecipe.model_validate({"base": base, "over_releases": True})
    other = release.parent / "other"
    cells = [cell for cell, _ in cells_of(how, [mixed, other])]
    assert [cell.name for cell in cells] == ["release", "other"]
    assert [cell.reference for cell in cells] == ["", "release"]


def test_the_plot_shows_every_cell_and_runs_nothing() -> None:
    text = chart_of("a <b>", [("x & y", 0.5, 0.4, 0.6), ("z", 0.7, float("nan"), float("nan"))], 0.5)
    assert "<script" not in text
    assert "x &amp; y" in text
    assert "a &lt;b&gt;" in text
    assert text.count("<circle") == 2
    assert text.count("stroke-width") == 1  # an interval that is not known is not drawn
