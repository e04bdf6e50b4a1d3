import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gerdata.errors import DatasetError, RecipeError
from gerdata.learn import outcome
from gerdata.learn.architecture import Model, check_recipe
from gerdata.learn.batch import Batch
from gerdata.learn.cross_attention import Output
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import evaluate, form_of, item_of, load, open_split, predict
from gerdata.learn.train import train
from gerdata.recipe import TrainRecipe


@pytest.fixture(scope="module")
def learned(release: Path, recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run long enough to know the toy classes."""
    out = tmp_path_factory.mktemp("learned")
    train(recipe.model_copy(update={"epochs": 25, "lr": 3e-3, "modality_dropout": 0.5}), release, out, 0, threads=1)
    return out


def test_figures_of_a_run_are_those_it_wrote(learned: Path, release: Path) -> None:
    run = load(learned).run
    assert evaluate(learned, release) == run.test
    assert evaluate(learned, release, "validation") == run.best


def test_it_has_learned_from_the_picture_and_from_nothing_else(learned: Path, release: Path) -> None:
    assert evaluate(learned, release, "train").accuracy > 0.95
    assert evaluate(learned, release, "train", modality="video").accuracy > 0.9
    hidden = evaluate(learned, release, "train", hide="heads-and-sound")
    assert hidden.accuracy_low < 1 / 3 < hidden.accuracy_high


def test_a_run_whose_control_hid_something_is_asked_with_it_hidden(
    release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    blind = recipe.model_copy(update={"epochs": 1, "control": "heads-and-sound"})
    run = train(blind, release, tmp_path, 0, threads=1)
    assert evaluate(tmp_path, release) == run.test
    trained = load(tmp_path)
    assert open_split(trained, tmp_path, release, "test").hide == "heads-and-sound"
    assert open_split(trained, tmp_path, release, "test", hide="none").hide == "none"


def test_what_cannot_listen_is_not_asked_about_sound(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    deaf = recipe.model_copy(update={"epochs": 1, "architecture": "video"})
    train(deaf, release, tmp_path, 0, threads=1)
    assert load(tmp_path).form.modality == "video"
    with pytest.raises(DatasetError, match="learned video alone"):
        evaluate(tmp_path, release, modality="audio")
    for kind in ({"architecture": "video"}, {"architecture": "ve-md", "sound": "none"}):
        with pytest.raises(RecipeError, match="no branch that listens"):
            check_recipe(recipe.model_copy(update={**kind, "modality": "audio"}))


def test_sound_alone_is_heard_whatever_the_alignment(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    told = {"epochs": 1, "alignment": "segments", "segments": 3, "train_frames": 3}
    train(recipe.model_copy(update=told), release, tmp_path, 0, threads=1)
    assert sum(predict(load(tmp_path), None, np.zeros(16000, np.float32)).values()) == pytest.approx(1, abs=1e-5)


def test_sound_alone_is_learned_too(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    sound = recipe.model_copy(update={"epochs": 25, "lr": 3e-3, "modality": "audio"})
    train(sound, release, tmp_path, 0, threads=1)
    assert evaluate(tmp_path, release, "train").accuracy > 0.75  # a fifth of the clips has no sound


def test_prediction_of_a_clip_is_a_share_for_each_class(learned: Path, release: Path) -> None:
    trained = load(learned)
    data = ReleaseSplit(release, "test", trained.form)
    frames = np.ascontiguousarray(data[0].video.permute(0, 2, 3, 1).numpy())
    shares = predict(trained, frames, None)
    assert list(shares) == list(data.header.classes)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert max(shares, key=lambda name: shares[name]) == data.header.classes[data.labels[0]]
    assert predict(trained, frames, np.zeros(32_000, np.float32)) != shares


def test_a_run_of_one_modality_cannot_be_asked_about_the_other(
    release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    train(recipe.model_copy(update={"epochs": 1, "modality": "audio"}), release, tmp_path, 0, threads=1)
    assert form_of(load(tmp_path).run.identity.recipe).modality == "audio"
    with pytest.raises(DatasetError, match="learned audio alone"):
        evaluate(tmp_path, release, modality="video")


def test_a_release_with_other_classes_is_refused(
    learned: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    other = make_release(tmp_path / "r", {"test": 3})
    header = json.loads((other / "dataset.json").read_text())
    (other / "dataset.json").write_text(json.dumps({**header, "classes": ["positive", "negative", "neutral"]}))
    with pytest.raises(DatasetError, match="classes positive, negative, neutral; the run"):
        evaluate(learned, other)


@pytest.mark.parametrize(
    ("name", "damage"), [("run.json", None), ("run.json", b"{}"), ("model.safetensors", b"\x00" * 99)]
)
def test_a_run_that_is_missing_or_damaged_says_which_file(
    learned: Path, release: Path, tmp_path: Path, name: str, damage: bytes | None
) -> None:
    for file in ("run.json", "model.safetensors"):
        (tmp_path / file).write_bytes((learned / file).read_bytes())
    if damage is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(damage)
    with pytest.raises(DatasetError, match=name):
        evaluate(tmp_path, release)


@pytest.mark.parametrize(("frames", "at_once"), [(5, [64, 6]), (75, [4] * 17 + [2]), (400, [1] * 70)])
def test_long_clips_are_asked_fewer_at_a_time(
    frames: int, at_once: list[int], learned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """320 frames at most, of which one layer of ViT-L keeps 5 GB."""
    trained, asked = load(learned), []

    def ask(model: Model, batch: Batch) -> Output:
        asked.append(len(batch.ids))
        nothing = torch.zeros(len(batch.ids), 3)
        return Output(nothing, nothing, nothing, nothing)

    monkeypatch.setattr(outcome, "ask", ask)
    form = dataclasses.replace(trained.form, image_px=2)
    clip = item_of("a", np.zeros((frames, 2, 2, 3), np.uint8), None, form)
    assert sum(len(batch.ids) for batch, _ in outcome.answers(trained.model, [clip] * 70)) == 70
    assert asked == at_once
