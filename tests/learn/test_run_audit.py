"""The audit of a run on the toy release: its document, and that no other release will do."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gerdata.audit.runs import inquire_run
from gerdata.errors import DatasetError
from gerdata.learn.train import train
from gerdata.recipe import TrainRecipe


def test_a_run_is_audited_by_its_own_release_alone(
    tmp_path: Path, make_release: Callable[..., Path], recipe: TrainRecipe
) -> None:
    release = make_release(tmp_path / "one", {"train": 30, "validation": 9, "test": 20})
    other = make_release(tmp_path / "two", {"train": 12, "validation": 6, "test": 6})
    train(recipe, release, tmp_path / "run", 0, threads=1)
    document = inquire_run(tmp_path / "run", release, {}, None, 0)
    assert document.stage == "run"
    told = {one.part: one.status for one in document.verdicts}
    assert told["membership by loss"] == "underpowered"
    assert {"membership by answers", "membership by fused"} <= set(told)
    assert told["people by any tensor"] == "skipped"  # every clip is of a cast of its own
    assert json.loads(document.model_dump_json())["dataset"] == document.dataset
    with pytest.raises(DatasetError, match="trained on another release"):
        inquire_run(tmp_path / "run", other, {}, None, 0)
    assert replace(document.verdicts[0], why="").line().startswith("membership by loss")
