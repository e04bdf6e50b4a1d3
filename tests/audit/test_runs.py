"""A run that learnt its clips by heart is caught; one that did not is not; splits that differ by themselves make it void."""

import numpy as np
import pytest
import torch

from gerdata.audit.answers import BY_FRAME, MOST_NUMBERS, Items, answers_of, by_clip, folded
from gerdata.audit.membership import learn_by_heart, matched, membership
from gerdata.audit.relink import relink
from gerdata.chance import rng_for
from gerdata.clip import CLASSES, Clip
from gerdata.learn.architecture import Model, build_model, form_of
from gerdata.learn.batch import Item, collate
from gerdata.learn.outcome import Outcome
from gerdata.recipe import TrainRecipe
from gerdata.store.audits import Verdict

RECIPE = TrainRecipe(epochs=1, batch=16, width=16, image_px=32, mels=32, segments=2, segment_s=0.5)
N = 120  # of each kind


def items_of(shift: float = 0.0) -> tuple[Items, Outcome, np.ndarray]:
    """Clips of noise with labels by lot: nothing but the clip itself can tell its class. A shift brightens the members."""
    rng, form = rng_for(0, "test", "noise"), form_of(RECIPE)
    label = rng.integers(0, 3, 2 * N)
    member = np.arange(2 * N) < N
    items = []
    for i in range(2 * N):
        video = torch.from_numpy(rng.integers(0, 200, (2, 3, form.image_px, form.image_px))) + int(shift * member[i])
        audio = torch.from_numpy(rng.normal(-30, 10, (2, 1, 32, 26))).float()
        items.append(Item(f"c{i}", video.to(torch.uint8), audio, int(label[i]), True, True))
    clips = tuple(Clip(f"c{i}", f"g{i}", CLASSES[label[i]], "test", 1.0) for i in range(2 * N))
    return Items(items), Outcome(CLASSES, clips, label, np.full((2 * N, 3), 1 / 3)), member


def model_of(seed: int) -> Model:
    torch.manual_seed(seed)
    model = build_model(RECIPE, 3)
    model.eval()
    return model


@pytest.fixture(scope="module")
def by_heart() -> list[Verdict]:
    items, outcome, member = items_of()
    learnt = learn_by_heart(model_of(1), items, np.arange(N), 0)
    return membership(learnt, model_of(2), items, outcome, member, 0)


def test_a_run_that_learnt_its_clips_by_heart_is_caught(by_heart: list[Verdict]) -> None:
    told = {one.part: one for one in by_heart}
    for name in ("loss", "answers", "fused"):
        verdict = told[f"membership by {name}"]
        assert verdict.status == "failed", verdict.why
        assert verdict.figures[0].low > 0.6
    assert told["membership by loss"].figures[1].value > 0.3  # found at 1 % false alarms


def test_a_run_that_learnt_nothing_is_not_blamed() -> None:
    items, outcome, member = items_of()
    told = {one.part: one for one in membership(model_of(1), model_of(2), items, outcome, member, 0)}
    assert {one.status for one in told.values()} <= {"passed", "underpowered", "void"}
    loss = told["membership by loss"]
    assert loss.figures[0].low < 0.5 < loss.figures[0].high
    assert loss.figures[3].low > 0.6  # what was learnt by heart on purpose is found, so the attack sees


def test_splits_that_differ_by_themselves_are_not_taken_for_a_leak() -> None:
    """Members are brighter: an attacker without any training tells them apart."""
    items, outcome, member = items_of(shift=50)
    told = {one.part: one for one in membership(model_of(1), model_of(2), items, outcome, member, 0)}
    assert told["membership by fused"].status == "void"
    assert "differ by themselves" in told["membership by fused"].why


def test_few_clips_are_underpowered_whatever_is_found() -> None:
    items, outcome, member = items_of()
    at = np.r_[0:40, N : N + 40]
    learnt = learn_by_heart(model_of(1), items, np.arange(40), 0)
    own = Items(items[int(i)] for i in at)
    told = membership(learnt, model_of(2), own, outcome.only(at), member[at], 0)
    assert {one.status for one in told} == {"underpowered"}


def test_members_are_matched_by_kind_and_class() -> None:
    rng = rng_for(4, "test")
    truth = np.r_[np.zeros(60), np.ones(30), np.full(10, 2), np.repeat([0, 1, 2], 10)].astype(np.int64)
    member = np.arange(130) < 100
    clips = tuple(
        Clip(f"c{i}", f"g{i}", None, None, 1.0, is_synthetic=bool(member[i] and rng.random() < 0.3)) for i in range(130)
    )
    outcome = Outcome(CLASSES, clips, truth, np.full((130, 3), 1 / 3))
    at = matched(outcome, member, 0)
    assert not any(clips[i].is_synthetic for i in at)
    kept = np.bincount(truth[at[member[at]]], minlength=3)
    assert (kept == kept[0]).all()
    assert kept[0] > 0
    assert (~member[at]).sum() == 30


@pytest.mark.parametrize(("decoder", "name"), [("query", "queries"), ("heatmap", "heatmaps"), ("none", "latent")])
def test_every_tensor_of_a_ve_md_is_attacked_as_of_its_clips(decoder: str, name: str) -> None:
    told = {"architecture": "ve-md", "decoder": decoder, "structure": "body", "latent": 4, "query_heads": 4}
    recipe = TrainRecipe.model_validate(RECIPE.model_dump() | told)
    torch.manual_seed(0)
    model = build_model(recipe, 3)
    items, outcome, _ = items_of()
    own = [items[i]._replace(has_video=i != 3) for i in range(8)]
    made = answers_of(model, Items(own), outcome.only(np.arange(8)))
    assert {"logits", "fused", "latent", name} <= set(made.tensors)
    assert all(len(one) == 8 for one in made.tensors.values())
    assert not made.tensors["latent"][3].any()  # nobody was seen in it
    alone = answers_of(model, Items(own[5:6] + own[:1]), outcome.only(np.array([5, 0])))
    assert np.allclose(alone.tensors[name], made.tensors[name][[5, 0]], atol=1e-5)


def test_frames_become_their_clips_and_large_tensors_are_folded() -> None:
    assert "latent" in BY_FRAME
    batch = collate([replace_video(has) for has in (True, False, True)])
    told = by_clip("latent", torch.arange(8).float().view(4, 2), batch)  # two clips with a picture, two frames each
    assert told.tolist() == [[1, 2], [0, 0], [5, 6]]
    x = rng_for(0, "test").normal(0, 1, (6, 40_000))
    small = folded("heatmaps", x)
    assert small.shape == (6, MOST_NUMBERS)
    assert np.allclose((x**2).sum(axis=1), (small**2).sum(axis=1), rtol=0.1)  # lengths are kept
    assert np.array_equal(folded("heatmaps", 2 * x), 2 * small)


def replace_video(has: bool) -> Item:
    return Item("c", torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 1, 4, 4), 0, has, True)


@pytest.mark.parametrize(("leak", "status"), [(0.0, "passed"), (0.6, "failed")])
def test_people_are_told_from_a_tensor_that_holds_them(leak: float, status: str) -> None:
    """40 people of 60 clips, known in the clips themselves; the tensor holds them or not."""
    rng = rng_for(5, "test", "people")
    who = np.repeat(np.arange(40), 60)
    faces = rng.normal(0, 1, (40, 64))
    clear = faces[who] + rng.normal(0, 0.3, (2400, 64))
    tensor = leak * faces[who] + rng.normal(0, 1, (2400, 64))
    told = relink("fused", tensor, clear, who, 0)
    assert told.status == status, told.why


def test_people_who_cannot_be_told_in_the_clips_make_it_void_and_few_are_underpowered() -> None:
    rng = rng_for(6, "test", "people")
    who = np.repeat(np.arange(40), 12)
    noise = rng.normal(0, 1, (480, 64))
    assert relink("fused", noise, rng.normal(0, 1, (480, 64)), who, 0).status == "void"
    assert relink("fused", noise, noise, np.repeat(np.arange(4), 120), 0).status == "underpowered"
    assert relink("fused", noise, noise, np.full(480, -1), 0).status == "underpowered"
