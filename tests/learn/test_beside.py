import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gerdata.clip import Structure
from gerdata.errors import DatasetError, MissingError, RecipeError, UsageError
from gerdata.learn.architecture import check_recipe
from gerdata.learn.batch import Form
from gerdata.learn.beside import Beside, board, gather, vectors_of
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import load, measure_split, open_split, predict
from gerdata.learn.run import Run
from gerdata.learn.train import read_splits, train
from gerdata.recipe import TrainRecipe
from gerdata.store.members import encode_structure
from gerdata.store.private import open_private
from gerdata.store.structures import COLUMN, as_text

FORM = Form(32, 32, 2, 0.5, "both")


def person(value: float) -> Structure:
    structure = Structure.empty(3, 1)
    structure.bodies[:] = (value, value, 2)
    return structure


@pytest.fixture
def keyed(tmp_path: Path, make_release: Callable[..., Path]) -> tuple[Path, Path]:
    """A release named by a key, and a private folder that knows of two of its clips."""
    private = open_private(tmp_path / "private")
    name = "spring"
    ids = {f"protected-{i}": private.pseudonym("clip", name, f"protected-{i}") for i in range(3)}
    release = make_release(tmp_path / name, {"train": 6, "validation": 3}, tuple(ids.values()))
    folder = tmp_path / "private" / "protected"
    folder.mkdir()
    rows = [{"id": f"protected-{i}", COLUMN: as_text(person(10.0 + i))} for i in range(2)] + [{"id": "protected-2"}]
    (folder / "00000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return release, tmp_path / "private"


def test_private_structure_reaches_the_clips_of_a_release_and_no_file_of_the_run(
    keyed: tuple[Path, Path], recipe: TrainRecipe, tmp_path: Path
) -> None:
    release, private = keyed
    told = {"architecture": "ve-md", "decoder": "heatmap", "latent": 4, "heatmap_width": 4, "epochs": 1}
    recipe = recipe.model_copy(update=told)
    beside = gather(release, "cpu", private, None, 0)
    training = read_splits(recipe, release, 0, beside).train
    found = [training[i].structure for i in range(len(training))]
    assert [None if one is None else one.bodies[0, 0, 0, 0] for one in found[:2]] == [10 * 32 / 40, 11 * 32 / 40]
    run = train(recipe, release, tmp_path / "run", 0, threads=1, beside=beside)
    assert (run.structure, run.structure_source) == ("training target only", "private")
    assert len(run.identity.private_structure) == 32
    for file in (tmp_path / "run").iterdir():
        data = file.read_bytes()
        assert as_text(person(10.0)).encode() not in data
        assert encode_structure(person(10.0)) not in data
        assert b"protected-" not in data
    assert Run.read(tmp_path / "run") == run


def test_a_private_folder_of_other_clips_is_refused(
    keyed: tuple[Path, Path], recipe: TrainRecipe, release: Path, tmp_path: Path
) -> None:
    recipe = recipe.model_copy(update={"architecture": "ve-md", "decoder": "heatmap"})
    with pytest.raises(DatasetError, match="holds no structure of its clips"):
        read_splits(recipe, release, 0, gather(release, "cpu", keyed[1], None, 0))
    with pytest.raises(DatasetError, match="run protect with --set structure=private"):
        gather(release, "cpu", tmp_path / "nothing", None, 0)


def test_a_first_stage_knows_of_people_only_where_it_has_a_decoder_of_them() -> None:
    said: list[int] = []
    given = Beside(
        structures={"a": person(1.0)},
        structures_print="p",
        embeddings={"a": torch.zeros(2)},
        embeddings_print="e",
        watch=lambda epoch, figures: said.append(epoch),
        watch_first=lambda epoch, figures: said.append(-epoch),
    )
    told = given.of_first_stage(with_structures=True)
    assert (told.structures, told.structures_print) == (given.structures, "p")
    told.watch(1, {})
    for stage in (told, given.of_first_stage(with_structures=False)):
        assert not stage.looks_at_test
        assert (stage.embeddings, stage.embeddings_print) == ({}, "")
    assert (stage.structures, stage.structures_print, said) == ({}, "", [-1])


def test_vectors_come_from_safetensors_of_the_recipes_width(release: Path, tmp_path: Path) -> None:
    save_file({"train-000": torch.ones(4), "train-001": torch.zeros(4)}, tmp_path / "text.safetensors")
    beside = gather(release, "cpu", None, tmp_path / "text.safetensors", 4)
    assert sorted(beside.embeddings) == ["train-000", "train-001"]
    assert len(beside.embeddings_print) == 64
    with pytest.raises(UsageError, match="embedding = 5"):
        gather(release, "cpu", None, tmp_path / "text.safetensors", 5)
    (tmp_path / "bad.safetensors").write_bytes(np.zeros(99, np.uint8).tobytes())
    with pytest.raises(DatasetError, match="not readable"):
        gather(release, "cpu", None, tmp_path / "bad.safetensors", 4)


def test_a_device_that_is_not_there_is_a_usage_error(release: Path) -> None:
    for device in ("tpu", "cuda:99", "cudafoo"):
        with pytest.raises(UsageError, match=f"--device {device}"):
            gather(release, device, None, None, 0)


def test_a_board_is_told_of_every_epoch(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    told: list[tuple[int, list[str]]] = []
    watching = Beside(watch=lambda epoch, figures: told.append((epoch, sorted(figures))))
    train(recipe.model_copy(update={"epochs": 2}), release, tmp_path, 0, threads=1, beside=watching)
    names = ["lr", "train_loss", "validation_accuracy", "validation_macro_f1"]
    assert told == [(0, []), (1, names), (2, names)]


def test_figures_are_written_for_tensorboard_where_it_is_there(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(MissingError, match="pip install tensorboard"):
            board(tmp_path)
        return
    board(tmp_path)(1, {"train_loss": 0.5})
    assert any(b"train_loss" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_run_that_learnt_from_vectors_is_asked_with_them(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    told = {"architecture": "ve-md", "latent": 4, "embedding": 4, "epochs": 1, "decoder": "none"}
    names = [
        row.clip.id for split in ("train", "validation", "test") for row in ReleaseSplit(release, split, FORM).rows
    ]
    save_file({name: torch.randn(4) for name in names}, tmp_path / "v.safetensors")
    beside = gather(release, "cpu", None, tmp_path / "v.safetensors", 4)
    run = train(recipe.model_copy(update=told), release, tmp_path / "run", 0, threads=1, beside=beside)
    trained = load(tmp_path / "run")
    with pytest.raises(DatasetError, match="--embeddings"):
        open_split(trained, tmp_path / "run", release, "test")
    with pytest.raises(DatasetError, match="vectors"):
        predict(trained, None, np.zeros(16000, np.float32))
    vectors = vectors_of(tmp_path / "v.safetensors", 4)
    asked = measure_split(trained.model, open_split(trained, tmp_path / "run", release, "test", embeddings=vectors))
    assert run.test is not None
    assert asked.confusion == run.test.confusion
    with pytest.raises(DatasetError, match="named by the id"):
        open_split(trained, tmp_path / "run", release, "test", embeddings={"other": torch.zeros(4)})
    with pytest.raises(RecipeError, match="cross-attention does not read it"):
        check_recipe(recipe.model_copy(update={"embedding": 4}))
    with pytest.raises(DatasetError, match="named by the id"):
        read_splits(recipe, release, 0, beside._replace(embeddings={"other": torch.zeros(4)}))
