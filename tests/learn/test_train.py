import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from gerdata.errors import DatasetError, FingerprintError, GerdataError, InterruptedRun, RecipeError
from gerdata.learn import train as training
from gerdata.learn.batch import Form, collate
from gerdata.learn.cross_attention import CrossAttention
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.picture_encoder import LENGTH, PictureEncoder
from gerdata.learn.run import Run
from gerdata.learn.train import exact, lr_at, read_splits, train
from gerdata.recipe import AugmentRecipe, TrainRecipe

FILES = ("model.safetensors", "last.safetensors", "metrics.jsonl", "run.json")


@pytest.fixture(scope="module")
def finished(release: Path, recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "a"
    train(recipe, release, out, seed=1, threads=1)
    return out


def stop_after(epoch: int, how: Callable[[], None]) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if line.startswith(f"epoch {epoch}/"):
            how()

    return tell


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def send_sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_tokens_of_frames_have_one_length_whatever_the_light(release: Path) -> None:
    video = ReleaseSplit(release, "train", Form(32, 32, 2, 0.5, "video"))[0].video[None]
    encoder = PictureEncoder(32).eval()
    for light in (1, 4):
        lengths = encoder(video // light).norm(dim=2)
        assert torch.allclose(lengths, torch.full_like(lengths, LENGTH))


def test_shuffled_labels_tell_nothing_when_an_epoch_is_chosen_and_the_truth_when_it_is_tested(
    release: Path, recipe: TrainRecipe
) -> None:
    true = read_splits(recipe, release, 0)
    dealt = read_splits(recipe.model_copy(update={"control": "shuffled-labels"}), release, 0)
    for split in ("train", "validation"):
        before, after = getattr(true, split).labels, getattr(dealt, split).labels
        assert before != after
        assert sorted(before) == sorted(after)
    assert true.test is not None
    assert dealt.test is not None
    assert true.test.labels == dealt.test.labels


def test_it_overfits_eight_clips(release: Path) -> None:
    data = ReleaseSplit(release, "train", Form(32, 32, 2, 0.5, "both"))
    batch = collate([data[i] for i in range(8)])
    with exact(threads=1):
        torch.manual_seed(0)
        model = CrossAttention(3, width=32, mels=32, dropout=0.0)
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        loss = torch.tensor(9.0)
        for _ in range(60):
            loss = cross_entropy(model(batch.video, batch.audio, batch.has_video, batch.has_audio).logits, batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert loss.item() < 0.01


def test_two_runs_are_the_same_bytes_and_another_seed_is_another_run(
    finished: Path, release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    train(recipe, release, tmp_path / "b", seed=1, threads=1)
    train(recipe, release, tmp_path / "c", seed=2, threads=1)
    for name in FILES:
        assert (finished / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
        assert (finished / name).read_bytes() != (tmp_path / "c" / name).read_bytes(), name
    assert sorted(path.name for path in finished.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("stop", [press_ctrl_c, send_sigterm])
def test_two_epochs_and_two_more_are_four(
    stop: Callable[[], None], finished: Path, release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    with pytest.raises(InterruptedRun):
        train(recipe, release, tmp_path, 1, stop_after(2, stop), threads=1)
    assert not (tmp_path / "run.json").exists()
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    told: list[str] = []
    train(recipe, release, tmp_path, 1, told.append, threads=1)
    assert sum(line.startswith("epoch") for line in told) == 2
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_an_epoch_killed_between_its_files_is_done_again(
    finished: Path, release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    with pytest.raises(InterruptedRun):
        train(recipe, release, tmp_path, 1, stop_after(1, press_ctrl_c), threads=1)
    for name in ("model.safetensors", "metrics.jsonl"):  # written before the state that would know of them
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    train(recipe, release, tmp_path, 1, threads=1)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_finished_run_is_read_and_not_trained_again(finished: Path, release: Path, recipe: TrainRecipe) -> None:
    told: list[str] = []
    assert train(recipe, release, finished, 1, told.append, threads=1) == Run.read(finished)
    assert told == []


@pytest.mark.parametrize(
    ("change", "seed", "threads", "field"),
    [
        ({"lr": 5e-4}, 1, 1, "lr"),
        ({}, 7, 1, "seed"),
        ({}, 1, 2, "threads"),
        ({"control": "shuffled-labels"}, 1, 1, "control"),
        ({"augment": AugmentRecipe.model_validate({"flip_share": 0.25})}, 1, 1, "augment.flip_share"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_another_run_at_the_same_place_is_refused_by_name(
    change: dict[str, object], seed: int, threads: int, field: str, complete: bool, finished: Path, release: Path,
    recipe: TrainRecipe, tmp_path: Path,
) -> None:  # fmt: skip
    for name in FILES[: 4 if complete else 3]:
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    with pytest.raises(FingerprintError, match=rf"has {field} "):
        train(recipe.model_copy(update=change), release, tmp_path, seed, threads=threads)


def test_another_release_at_the_same_place_is_refused(
    finished: Path, recipe: TrainRecipe, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    other = make_release(tmp_path / "other", {"train": 6, "validation": 3})
    with pytest.raises(FingerprintError, match="has release "):
        train(recipe, other, finished, 1, threads=1)


def test_curve_and_run_say_what_was_measured_on_what(finished: Path, recipe: TrainRecipe) -> None:
    run = Run.read(finished)
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    wanted = {"epoch", "train_loss", "lr", "accuracy", "macro_f1", "uar", "confusion", "data_kind", "split"}
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert all(wanted <= set(line) and line["data_kind"] == "synthetic" for line in lines)
    scores = [line["macro_f1"] for line in lines]
    assert run.best_epoch == 1 + scores.index(max(scores))  # the earliest of equals
    assert (run.best.macro_f1, run.last.macro_f1) == (max(scores), scores[-1])
    assert (run.synthetic, run.selection, run.unlabelled["train"]) == (True, "validation", 3)
    assert run.test is not None
    assert (run.test.split, run.test.data_kind, run.test.clips) == ("test", "synthetic", 9)


def test_a_release_without_test_has_no_held_out_figures(
    recipe: TrainRecipe, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    release = make_release(tmp_path / "r", {"train": 6, "validation": 3})
    assert train(recipe.model_copy(update={"epochs": 1}), release, tmp_path / "run", 0, threads=1).test is None


def test_a_release_without_validation_is_refused(
    recipe: TrainRecipe, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    release = make_release(tmp_path / "r", {"train": 6, "validation": 0})
    with pytest.raises(DatasetError, match="'validation' has no labelled clips"):
        train(recipe, release, tmp_path / "run", 0, threads=1)


def test_a_loss_that_is_not_finite_names_epoch_and_clips(
    release: Path, recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "losses_of", lambda _, out, *__: {"group": out.logits.sum() * float("nan")})
    with pytest.raises(GerdataError, match=r"epoch 1: the group loss is nan on clips (train-\d{3}, ){7}train-\d{3};"):
        train(recipe, release, tmp_path, 0)


def test_segments_too_small_for_the_network_are_a_recipe_error(
    release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="at least 16 x 16"):
        train(recipe.model_copy(update={"segment_s": 0.2}), release, tmp_path, 0)


def test_torchs_own_chance_and_settings_are_left_as_they_were(
    release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train(recipe.model_copy(update={"epochs": 1}), release, tmp_path, 0, threads=1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [lr_at(step, 100, 0.5, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.05 * (i + 1) for i in range(10)])
    assert max(rates) == rates[9] == rates[10] == 0.5
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001
    assert lr_at(0, 1, 0.5, 0.0) == 0.5
