"""Every recipe with the papers' hyper-parameters builds and takes two real steps.

Of the published networks all is of the published size but the vision transformer (two blocks of its 24), the latent (64 of
its 512 maps) and the maps of the heatmap decoder: ViT-L/14 has 303 million weights, and 24 convolutions of 256 maps at 56x56
take seconds a frame on a CPU. `python benchmarks/train.py --paper` takes the steps at full size.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gerdata.errors import RecipeError
from gerdata.learn.architecture import build_model, check_frames, check_recipe, form_of
from gerdata.learn.cross_attention import CrossAttention
from gerdata.learn.frozen import freeze_picture
from gerdata.learn.optimiser import make_optimiser
from gerdata.learn.picture_encoder import VisionEncoder, load_transformers, load_vision
from gerdata.learn.run import Learner
from gerdata.learn.train import exact, first_stage, read_splits, train_epoch
from gerdata.learn.ve_md import VeMd
from gerdata.recipe import TrainRecipe, load

PAPER = ("cross-attention-paper", "ve-md-heatmap-paper", "ve-md-query-paper")
NO_WEIGHTS = ('picture_weights=""',)
SMALL = (
    "picture_layers=2",
    "picture_released=2",
    "picture_patch_px=56",
    "heatmap_width=16",
    "stage_width=16",
    "latent=64",
)


@pytest.fixture(autouse=True)
def vision() -> None:
    pytest.importorskip("transformers")


def steps(recipe: TrainRecipe, release: Path) -> dict[str, float]:
    """One epoch of two steps; its figures. All that is trained must have moved."""
    splits = read_splits(recipe, release, 0)
    with exact(threads=1):
        torch.manual_seed(0)
        model = build_model(recipe, 3)
        if recipe.video_epochs:
            freeze_picture(model, model)
            splits = splits.through(model.picture, with_frames=recipe.architecture == "ve-md")  # type: ignore[arg-type]
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        learner = Learner(model, make_optimiser(model, recipe))
        told = train_epoch(learner, splits.train, recipe, (0, 1))
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {name for name in before if name.startswith("picture.") and recipe.video_epochs}
    assert not moved & frozen
    still = set(before) - moved - frozen - {"null_video", "null_audio", "head.null_audio"}  # no clip lacks anything
    assert not still
    return told


@pytest.mark.parametrize("name", PAPER)
def test_it_builds_and_takes_two_steps_in_either_stage(
    name: str, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    release = make_release(tmp_path, {"train": 2, "validation": 1})
    quick = (
        "epochs=1",
        "batch=1",
        "train_frames=2",
        "segments=2",
        "lr=1e-2",
        "video_lr=1e-2",
    )  # so that float32 sees it
    recipe = load(TrainRecipe, "train", name, (*NO_WEIGHTS, *quick, *SMALL))
    assert steps(first_stage(recipe), release)["train_loss"] > 0
    told = steps(recipe, release)
    assert told["train_loss"] > 0
    assert ("structure_loss" in told) == name.startswith("ve-md")


def test_sizes_are_the_published_ones_where_they_are_known() -> None:
    recipe = load(TrainRecipe, "train", "cross-attention-paper", NO_WEIGHTS)
    with torch.device("meta"):
        model = build_model(recipe, 3)
    assert isinstance(model, CrossAttention)
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert count["picture"] == 303_179_776  # ViT-L/14 at 224 px without a projection
    channels = (1, 32, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512)
    assert count["sound"] == sum(9 * a * b + b for a, b in itertools.pairwise(channels))
    assert count["cross"] == 4 * 1024 * 1024 + 4 * 1024
    assert model.block.forward_layers[0].weight.shape == (2048, 1024)
    assert model.head.weight.shape == (3, 3072)
    drops = model.block.attention.dropout, model.block.forward_layers[2].p, model.cross.dropout, model.dropout.p
    assert drops == (0.2, 0.5, 0.1, 0.0)


def test_latents_queries_and_maps_are_of_the_published_sizes() -> None:
    for name in PAPER[1:]:
        with torch.device("meta"):
            model = build_model(load(TrainRecipe, "train", name, NO_WEIGHTS), 3)
            assert isinstance(model, VeMd)
            latent = torch.zeros(1, 512, 7, 7)
            if model.person_query is not None:
                assert model.person_query(latent).limbs.shape == (1, 100, 38, 4)
            else:
                assert model.heatmap is not None
                assert model.heatmap(latent).shape == (1, 6, 38, 56, 56)
        assert sum(p.numel() for p in model.encoder.parameters()) == 23_508_032  # ResNet-50 without its classes


@pytest.mark.parametrize(("change", "fits"), [({}, True), ({"hop": 160}, False), ({"mels": 100}, False)])
def test_the_papers_sound_network_needs_106_cells_a_side(change: dict[str, int], fits: bool) -> None:
    recipe = load(TrainRecipe, "train", "cross-attention-paper").model_copy(update=change)
    if fits:
        check_recipe(recipe)
        assert form_of(recipe).hop == 128
    else:
        with pytest.raises(RecipeError, match=r"at least 106 x 106; raise mels or segment_s, or lower hop"):
            check_recipe(recipe)


def test_seventy_five_frames_are_five_means_of_fifteen_or_an_error() -> None:
    recipe = load(TrainRecipe, "train", "cross-attention-paper", ('alignment="segments"', "train_frames=75"))
    check_frames(recipe, 75)
    with pytest.raises(RecipeError, match="clips have 16"):
        check_frames(recipe, 16)
    with pytest.raises(RecipeError, match="train_frames shows 7"):
        check_frames(recipe.model_copy(update={"train_frames": 7}), 75)


TOY = ("picture_width=16", "picture_heads=2", "picture_layers=3", "picture_patch_px=56")


def toy(kind: str, *more: str) -> TrainRecipe:
    words = (f'picture="{kind}"', "image_px=224", *TOY, *more)
    return load(TrainRecipe, "train", "cross-attention-tiny", words)


@pytest.mark.parametrize("kind", ["vit", "clip"])
def test_weights_come_from_a_folder_and_give_what_the_library_gives(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = build_model(toy(kind), 3).picture
    assert isinstance(donor, VisionEncoder)
    donor.vision.save_pretrained(tmp_path / "weights")  # type: ignore[operator]
    assert [path.name for path in (tmp_path / "weights").glob("*.safetensors")] == ["model.safetensors"]
    torch.manual_seed(1)
    model = build_model(toy(kind), 3)
    encoder = model.picture.eval()
    assert isinstance(encoder, VisionEncoder)
    assert isinstance(model, CrossAttention)
    assert model.wiring.vision is not None
    first = load_vision(encoder, model.wiring.vision, str(tmp_path / "weights"))
    assert len(first) == 64
    video = torch.randint(0, 256, (2, 2, 3, 224, 224), dtype=torch.uint8)
    library = load_transformers()
    whole = {"vit": library.ViTModel, "clip": library.CLIPVisionModel}[kind].from_pretrained(tmp_path / "weights")
    with torch.no_grad():
        out = whole.eval()(pixel_values=video.flatten(0, 1).float() / 127.5 - 1)
        told: Tensor = encoder.token.eval()(out.pooler_output if kind == "clip" else out.last_hidden_state[:, 0])
        assert torch.allclose(encoder(video).flatten(0, 1), told, atol=1e-5)


def test_weights_of_another_shape_or_as_a_pickle_are_refused(tmp_path: Path) -> None:
    donor = build_model(toy("vit"), 3).picture
    assert isinstance(donor, VisionEncoder)
    donor.vision.save_pretrained(tmp_path)  # type: ignore[operator]
    for words, message in ((("picture_layers=2",), "num_hidden_layers is 3 there, 2 in the recipe"), ((), None)):
        model = build_model(toy("vit", *words), 3)
        assert isinstance(model, CrossAttention)
        assert isinstance(model.picture, VisionEncoder)
        assert model.wiring.vision is not None
        if message:
            with pytest.raises(RecipeError, match=message):
                load_vision(model.picture, model.wiring.vision, str(tmp_path))
            continue
        (tmp_path / "model.safetensors").unlink()
        torch.save(donor.vision.state_dict(), tmp_path / "pytorch_model.bin")
        with pytest.raises(
            RecipeError, match=r"expected a folder or hub name with config\.json and model\.safetensors"
        ):
            load_vision(model.picture, model.wiring.vision, str(tmp_path))


@pytest.mark.parametrize(("kind", "norm"), [("vit", "layernorm"), ("clip", "post_layernorm")])
def test_released_blocks_are_the_last_ones_and_the_norm_after_them(kind: str, norm: str) -> None:
    def trained(released: int) -> set[str]:
        model = build_model(toy(kind, f"picture_released={released}"), 3)
        encoder = model.picture
        assert isinstance(encoder, VisionEncoder)
        out = encoder.train()(torch.zeros(1, 1, 3, 224, 224, dtype=torch.uint8))
        out.sum().backward()
        moved = {name for name, p in encoder.vision.named_parameters() if p.grad is not None}
        assert moved == {name for name, p in encoder.vision.named_parameters() if p.requires_grad}
        assert encoder.vision.training == (released > 0)
        return moved

    assert trained(0) == set()
    one = trained(1)
    assert all(name.startswith(norm) or "layers.2." in name for name in one)
    assert any("layers.2." in name for name in one)
    assert any("embeddings" in name for name in trained(3))
