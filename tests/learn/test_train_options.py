"""What a recipe may change of the trainer, and that a run stays exact with it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gerdata.errors import InterruptedRun
from gerdata.learn.architecture import build_model
from gerdata.learn.evaluate import evaluate
from gerdata.learn.optimiser import lr_of, make_average, make_optimiser
from gerdata.learn.ranks import Ranks
from gerdata.learn.run import Learner, Run
from gerdata.learn.train import Beside, exact, first_stage, read_splits, step_weights, train, train_epoch
from gerdata.recipe import TrainRecipe

FILES = ("model.safetensors", "last.safetensors", "metrics.jsonl", "run.json")
VE_MD = {"architecture": "ve-md", "latent": 4, "queries": 4, "query_heads": 2, "heatmap_width": 4, "decoder": "heatmap"}
OPTIONS: dict[str, dict[str, object]] = {
    "sgd": {"optimiser": "sgd", "schedule": "none", "max_gradient_norm": 0.0, "warmup_share": 0.0},
    "adam with an average": {"optimiser": "adam", "ema": 0.9, "accumulate": 2},
    "half precision": {"precision": "bf16", "loss": "focal", "class_weights": "inverse"},
    "heatmap": VE_MD,
    "query": VE_MD | {"decoder": "query", "bottleneck": "mmd-imq", "ema": 0.5, "structure": "both"},
}


def toy_vit() -> dict[str, object]:
    pytest.importorskip("transformers")
    told = {"picture": "vit", "picture_width": 16, "picture_layers": 2, "picture_heads": 2, "picture_patch_px": 16}
    return told | {"picture_released": 2, "dropout": 0.0, "modality_dropout": 0.0}


def changed(recipe: TrainRecipe, **how: object) -> TrainRecipe:
    return TrainRecipe.model_validate(recipe.model_dump() | how)


@pytest.mark.parametrize("name", OPTIONS)
def test_two_epochs_and_two_more_are_four_whatever_the_options(
    name: str, release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    recipe = changed(recipe, **OPTIONS[name])

    def stop(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    train(recipe, release, tmp_path / "whole", 1, threads=1)
    with pytest.raises(InterruptedRun):
        train(recipe, release, tmp_path / "parts", 1, stop, threads=1)
    train(recipe, release, tmp_path / "parts", 1, threads=1)
    for file in FILES:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes(), file
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"] or name == "sgd"
    if "ve-md" in recipe.architecture:
        assert {"group_loss", "latent_loss", "structure_loss", "active_units"} <= set(lines[0])
        parts = sum(lines[0][f"{part}_loss"] for part in ("group", "latent", "structure"))
        assert parts == pytest.approx(lines[0]["train_loss"])
        assert 0 < lines[-1]["structure_loss"] < lines[0]["structure_loss"]


def trained_once(recipe: TrainRecipe, release: Path, seed: int = 0) -> dict[str, Tensor]:
    splits = read_splits(recipe, release, seed)
    with exact(threads=1):
        torch.manual_seed(0)
        model = build_model(recipe, 3)
        learner = Learner(model, make_optimiser(model, recipe))
        train_epoch(learner, splits.train, recipe, (seed, 1))
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_a_step_in_pieces_is_the_step_at_once(release: Path, recipe: TrainRecipe) -> None:
    recipe = changed(recipe, architecture="video", **toy_vit())
    whole, parts = (trained_once(changed(recipe, accumulate=n), release) for n in (1, 3))
    assert max((whole[name] - parts[name]).abs().max().item() for name in whole) < 1e-4
    assert any(not torch.equal(whole[name], parts[name]) for name in whole)  # it was computed in another way


def test_one_rank_and_two_ranks_learn_the_same_on_the_same_global_batches(
    release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    recipe = changed(recipe, architecture="video", epochs=2, **toy_vit())
    (tmp_path / "r.json").write_text(recipe.model_dump_json())
    train(recipe, release, tmp_path / "one", 0, threads=1)
    script = (
        "import sys; from pathlib import Path; from gerdata.learn.train import train; from gerdata.recipe import TrainRecipe\n"
        "recipe = TrainRecipe.model_validate_json(Path(sys.argv[1]).read_text())\n"
        "train(recipe, Path(sys.argv[2]), Path(sys.argv[3]), 0, threads=1)"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "r.json"), str(release), str(tmp_path / "two")]
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20_000 + os.getpid() % 20_000)}
    ranks = [subprocess.Popen(words, env=os.environ | told | {"RANK": str(r), "LOCAL_RANK": str(r)}) for r in range(2)]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    one, two = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "two"))
    weights = [name for name in one if name.startswith("model.")]
    assert max((one[name] - two[name]).abs().max().item() for name in weights) < 1e-4
    assert any(not torch.equal(one[name], two[name]) for name in weights)
    losses = [
        [json.loads(line)["train_loss"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_shares_of_ranks_are_a_batch() -> None:
    shares = [Ranks(rank, 3).share(list(range(7))) for rank in range(3)]
    assert sorted(i for share in shares for i in share) == list(range(7))
    assert Ranks(2, 3).share([4]) == []


def test_the_average_of_weights_follows_them_at_its_own_pace(recipe: TrainRecipe) -> None:
    recipe = changed(recipe, ema=0.75, optimiser="sgd", momentum=0.0, max_gradient_norm=0.0)
    model = build_model(recipe, 3)
    learner = Learner(model, make_optimiser(model, recipe), make_average(model, recipe))
    at = [model.head.weight.detach().clone()]
    for _ in range(3):
        model.head.weight.grad = torch.ones_like(model.head.weight)
        step_weights(learner, recipe, 0.1, Ranks())
        at.append(model.head.weight.detach().clone())
    wanted = at[1]  # the first average is the weights themselves
    for weights in at[2:]:
        wanted = 0.75 * wanted + 0.25 * weights
    assert torch.allclose(learner.kept.head.weight, wanted, atol=1e-6)


def test_a_run_without_progress_stops_and_says_so(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = changed(recipe, lr=1e-9, epochs=50, patience=2)
    run = train(recipe, release, tmp_path, 0, threads=1)
    assert run.best_epoch + 2 == len((tmp_path / "metrics.jsonl").read_text().splitlines()) < 50
    assert train(recipe, release, tmp_path, 0, threads=1) == run


def test_a_rate_without_schedule_rises_and_stays(recipe: TrainRecipe) -> None:
    recipe = changed(recipe, schedule="none", warmup_share=0.1, lr=0.5)
    rates = [lr_of(step, 100, recipe) for step in range(100)]
    assert rates[:10] == pytest.approx([0.05 * (i + 1) for i in range(10)])
    assert set(rates[10:]) == {0.5}
    assert {lr_of(step, 100, changed(recipe, warmup_share=0.0)) for step in range(100)} == {0.5}


def test_a_frozen_parameter_is_in_no_optimiser(recipe: TrainRecipe) -> None:
    model = build_model(recipe, 3)
    model.picture.requires_grad_(False)
    held = {id(p) for group in make_optimiser(model, recipe).param_groups for p in group["params"]}
    assert held == {id(p) for name, p in model.named_parameters() if not name.startswith("picture.")}


@pytest.mark.parametrize("name", ["cross-attention", "ve-md"])
def test_two_stages_are_a_picture_branch_alone_then_frozen(
    name: str, release: Path, recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = VE_MD | toy_vit() if name == "ve-md" else {}
    recipe = changed(recipe, video_epochs=2, epochs=2, **more)
    run = train(recipe, release, tmp_path / "run", 0, threads=1)
    first = Run.read(tmp_path / "run" / "video")
    assert first.identity.recipe.architecture == "video"
    assert len((tmp_path / "run" / "video" / "metrics.jsonl").read_text().splitlines()) == 2
    learnt, kept = (load_file(tmp_path / "run" / part / "model.safetensors") for part in ("video", "."))
    pictures = [key for key in learnt if key.startswith("picture.")]
    assert pictures
    assert all(torch.equal(learnt[key], kept[key]) for key in pictures)
    assert train(recipe, release, tmp_path / "run", 0, threads=1) == run
    train(recipe, release, tmp_path / "again", 0, threads=1)
    for file in FILES:
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_the_tokens_of_a_frozen_branch_are_made_once(
    release: Path, recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gerdata.learn import picture_encoder

    seen: list[int] = []
    forward = picture_encoder.PictureEncoder.forward

    def counted(self: nn.Module, video: Tensor) -> Tensor:
        seen.append(len(video))
        return forward(self, video)  # type: ignore[arg-type]

    train(changed(recipe, video_epochs=1, epochs=3), release, tmp_path, 0, threads=1)
    for file in FILES:
        (tmp_path / file).unlink()
    monkeypatch.setattr(picture_encoder.PictureEncoder, "forward", counted)
    train(changed(recipe, video_epochs=1, epochs=3), release, tmp_path, 0, threads=1)
    assert sum(seen) == 27 + 11 + 9  # clips of train, validation and test, whatever the number of epochs


def test_a_branch_that_is_not_frozen_learns_on(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = changed(recipe, video_epochs=1, video_frozen=False, epochs=2)
    train(recipe, release, tmp_path, 0, threads=1)
    learnt, kept = (load_file(tmp_path / part / "model.safetensors") for part in ("video", "."))
    weights = [key for key in learnt if key.startswith("picture.") and learnt[key].ndim == 4]
    assert weights
    assert not any(torch.equal(learnt[key], kept[key]) for key in weights)
    assert all(torch.cosine_similarity(learnt[k].flatten(), kept[k].flatten(), 0) > 0.9 for k in weights)  # from there


def test_sound_alone_has_no_first_stage(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    train(changed(recipe, video_epochs=1, epochs=1, modality="audio"), release, tmp_path, 0, threads=1)
    assert not (tmp_path / "video").exists()


def test_ve_md_without_a_transformer_has_nothing_to_freeze(recipe: TrainRecipe) -> None:
    with pytest.raises(ValueError, match="no picture branch to freeze"):
        changed(recipe, video_epochs=1, **VE_MD)
    changed(recipe, video_epochs=1, modality="audio", **VE_MD)  # has no first stage


def test_the_first_stage_of_ve_md_from_scratch_is_all_of_it_but_what_hears(
    release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    still = {"lr": 1e-9, "weight_decay": 0.0}  # the second stage hardly moves
    train(
        changed(recipe, video_epochs=2, video_frozen=False, epochs=1, **VE_MD, **still), release, tmp_path, 0, threads=1
    )
    first = Run.read(tmp_path / "video").identity.recipe
    assert (first.architecture, first.modality, first.decoder, first.epochs) == ("ve-md", "video", "heatmap", 2)
    learnt, kept = (load_file(tmp_path / part / "model.safetensors") for part in ("video", "."))
    same = {key for key in kept if torch.allclose(learnt[key], kept[key], atol=1e-6)}
    weights = {key for key in kept if "running" not in key and "num_batches" not in key}
    heard = {
        key
        for key in weights
        if key.startswith(("head.sound.", "head.pool_sound.", "head.null_audio", "head.classes."))
    }
    assert weights - heard <= same
    assert {"head.classes.0.weight", "head.classes.3.weight"}.isdisjoint(same)  # made anew: they weigh both senses


def test_the_first_stage_shows_as_many_frames_as_it_is_told(recipe: TrainRecipe) -> None:
    assert first_stage(changed(recipe, video_epochs=1, train_frames=3)).train_frames == 3
    told = first_stage(changed(recipe, video_epochs=1, train_frames=3, video_train_frames=1))
    assert (told.train_frames, told.video_train_frames, told.video_epochs) == (1, 0, 0)


def test_vectors_beside_a_release_are_learnt_from(
    recipe: TrainRecipe, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    """A vector that tells the class, on clips whose picture and sound are hidden: nothing else could."""
    release = make_release(tmp_path / "r", {"train": 30, "validation": 12})
    how = VE_MD | {"decoder": "none", "embedding": 3, "modality": "video", "epochs": 6, "lr": 1e-2, "image_px": 32}
    vectors = {f"{split}-{i:03d}": torch.eye(3)[i % 3] for split in ("train", "validation") for i in range(30)}
    beside = Beside(embeddings=vectors, embeddings_print="x")
    recipe = changed(recipe, **how, sound="none", modality_dropout=0.0)
    told = train(recipe, release, tmp_path / "with", 0, threads=1, beside=beside)
    assert told.best.accuracy > 0.9
    assert told.identity.embeddings == "x"


def test_two_stages_under_torchrun_are_one_run(release: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    """Its store outlives a group of ranks, so both stages must be of one group."""
    recipe = changed(recipe, epochs=1, video_epochs=1, video_frozen=True, ema=0.5, patience=1)
    (tmp_path / "r.toml").write_text(
        "".join(
            f"{key} = {json.dumps(value)}\n"
            for key, value in recipe.model_dump(exclude={"augment"}).items()
            if value is not None
        )
    )
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "gerdata.cli",
    ]
    words += [
        "train",
        str(release),
        "--recipe",
        str(tmp_path / "r.toml"),
        "--out",
        str(tmp_path / "run"),
        "--threads",
        "1",
        "--json",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["status"] == "ok"  # one document, whatever the number of ranks
    for run in (tmp_path / "run", tmp_path / "run" / "video"):
        told = Run.read(run)
        assert told.clips["train"] == 27
        assert evaluate(run, release, "validation") == told.best  # of all clips, of which each rank asked its share


def test_pictures_alone_have_no_stage_before(recipe: TrainRecipe) -> None:
    assert changed(recipe, architecture="video", video_epochs=3).first_epochs == 0
    assert changed(recipe, modality="audio", video_epochs=3).first_epochs == 0
    assert changed(recipe, video_epochs=3).first_epochs == 3
