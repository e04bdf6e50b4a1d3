"""What a run learnt of people: figures of one who knows, of one who says the baseline, and of maps beside numpy's own."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gerdata.clip import Structure
from gerdata.errors import DatasetError, UsageError
from gerdata.learn import learnt
from gerdata.learn.batch import Batch
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import Trained, load, open_split
from gerdata.learn.learnt_maps import usual_map
from gerdata.learn.learnt_structure import LearntStructure, learnt_structure, with_structure
from gerdata.learn.map_likeness import LEVELS, correlations, intersections, map_sums, overlaps
from gerdata.learn.person_query import People
from gerdata.learn.target import Known, channels_of, make_targets
from gerdata.learn.train import train
from gerdata.learn.ve_md import Output
from gerdata.recipe import TrainRecipe

VE_MD = {"architecture": "ve-md", "latent": 4, "queries": 4, "query_heads": 2, "heatmap_width": 4, "epochs": 1}


@pytest.fixture(scope="module")
def run(release: Path, recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A run of one epoch with a decoder, made once each."""
    made: dict[str, Path] = {}

    def of(decoder: str, structure: str = "body") -> Path:
        out = tmp_path_factory.getbasetemp() / f"learnt-{decoder}-{structure}"
        if out.name not in made:
            how = {"decoder": decoder, "structure": structure}
            train(recipe.model_copy(update=VE_MD | how), release, out, 0, threads=1)
            made[out.name] = out
        return made[out.name]

    return of


def measured(
    run: Path, release: Path, split: str = "test", private: Mapping[str, Structure] | None = None
) -> LearntStructure:
    trained = with_structure(load(run))
    return learnt_structure(trained, lambda name: open_split(trained, run, release, name), split, private=private or {})


def says(monkeypatch: pytest.MonkeyPatch, of: Callable[[Batch], dict[str, Any]]) -> None:
    """In place of what the model says of a batch."""
    nothing = torch.zeros(0)
    monkeypatch.setattr(
        learnt,
        "ask",
        lambda model, batch: Output(
            nothing, nothing, nothing, None, **({"people": None, "heatmaps": None} | of(batch))
        ),
    )


def truths(trained: Trained, release: Path) -> dict[str, Any]:
    """What is known of every clip, by its name."""
    out = {}
    for name in ("validation", "test"):
        data = ReleaseSplit(release, name, trained.form)
        for i, row in enumerate(data.rows):
            item = data[i]
            known = Known(item.video.shape[3], len(item.video), item.structure, item.limbs)
            out[row.clip.id] = make_targets([known], with_maps=True)
    return out


def logit(shares: Tensor) -> Tensor:
    return torch.logit(shares.clamp(1e-6, 1 - 1e-6))


def test_queries_that_know_have_a_precision_of_one_and_mean_poses_do_not(
    run: Callable[..., Path], release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = truths(with_structure(load(run("query"))), release)

    def knows(batch: Batch) -> dict[str, Any]:
        limbs = torch.cat([known[name].people[0, :, :, :18] for name in batch.ids])  # [N, P, 18, 4]
        odd = torch.rand(limbs.shape, generator=torch.Generator().manual_seed(1))
        sure = torch.cat([torch.full(limbs.shape[:2], 2.0), torch.full(limbs.shape[:2], -2.0)], dim=1)
        return {"people": People(torch.cat([limbs, odd], dim=1), sure, None)}

    says(monkeypatch, knows)
    told = measured(run("query"), release)
    assert [one.figure for one in told.figures] == ["OKS-AP", "OKS-AP at .50", "OKS-AP at .75"]
    assert (told.frames, told.frames_unknown, told.groups, told.baseline) == (27, 0, 9, "4 mean poses")
    assert told.is_underpowered
    for one in told.figures:
        assert one.model.value == pytest.approx(1)
        assert one.baseline.value < 0.2
        assert one.difference.low > 0.7
    assert "OKS-AP 1.000" in told.lines()[1]


def test_joints_out_of_sight_and_people_without_joints_are_asked_of_nobody(
    run: Callable[..., Path], release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all joints but two are unknown in the first frame of each clip, that frame is left out."""
    known_of = ReleaseSplit._known

    def hidden(self: ReleaseSplit, row: Any) -> tuple[Structure | None, None]:
        structure, _ = known_of(self, row)
        assert structure is not None
        structure.bodies[0, :, 2:, 2] = 0
        return structure, None

    monkeypatch.setattr(ReleaseSplit, "_known", hidden)
    told = measured(run("query"), release)
    assert (told.frames, told.frames_unknown) == (18, 9)


def test_maps_that_know_are_the_true_ones_and_the_mean_map_is_no_better_than_itself(
    run: Callable[..., Path], release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run("heatmap")
    trained = with_structure(load(path))
    known = truths(trained, release)
    says(
        monkeypatch,
        lambda batch: {"heatmaps": logit(torch.cat([known[name].maps[0, :, :18] for name in batch.ids]))[:, None]},
    )
    told = measured(path, release)
    assert [(one.figure, one.of) for one in told.figures] == [("correlation", "bodies"), ("foreground IoU", "bodies")]
    assert len(told.limbs) == 2 * 18
    for one in (*told.figures, *told.limbs):
        assert one.model.value > 0.95
        assert one.difference.low > 0.1
    assert told.levels["bodies"][0] == pytest.approx(0.5, abs=0.03)
    training = open_split(trained, path, release, "train")
    usual = usual_map(training, list(range(len(training))), channels_of("body"))
    maps = [
        make_targets([Known(32, 3, training[i].structure, None)], True).maps[0, :, :18] for i in range(len(training))
    ]
    assert torch.allclose(usual, torch.cat(maps).mean(0), atol=1e-6)
    says(monkeypatch, lambda batch: {"heatmaps": logit(usual).expand(3 * len(batch.ids), 1, -1, -1, -1)})
    for one in (same := measured(path, release)).figures:
        assert one.difference.value == pytest.approx(0, abs=1e-4)
        assert max(abs(one.difference.low), abs(one.difference.high)) < 1e-4
    assert same.levels["bodies"][0] == same.levels["bodies"][1]


def test_likeness_is_numpys_correlation_and_a_plain_intersection_over_union() -> None:
    chance = torch.Generator().manual_seed(0)
    true, said = torch.rand(6, 3, 8, 8, generator=chance), torch.rand(6, 3, 8, 8, generator=chance)
    said = (said + true) / 2
    is_known = torch.ones(6, 3, dtype=torch.bool)
    is_known[2], is_known[4, 1] = False, False
    said[:, 2] = 0.25  # tells nothing
    group = np.array([0, 0, 1, 1, 2, 2])
    sums = map_sums(said, true, is_known, group, 3)
    for channel in range(2):
        for g in range(3):
            at = is_known[:, channel] & torch.from_numpy(group == g)
            x, y = said[at, channel].flatten().double().numpy(), true[at, channel].flatten().double().numpy()
            assert correlations(sums.moments)[g, channel] == pytest.approx(np.corrcoef(x, y)[0, 1])
            for number, level in enumerate(LEVELS):
                both, either = ((x >= level) & (y > 0.5)).sum(), ((x >= level) | (y > 0.5)).sum()
                assert intersections(overlaps(sums.cells))[g, channel, number] == pytest.approx(both / either)
    assert correlations(sums.moments)[:, 2].tolist() == [0, 0, 0]
    nothing = map_sums(said, torch.zeros_like(true), is_known, group, 3)
    assert np.isnan(correlations(nothing.moments)).all()
    assert np.isnan(intersections(overlaps(nothing.cells))).all()


def test_a_run_without_a_decoder_of_bodies_is_refused(
    run: Callable[..., Path], release: Path, recipe: TrainRecipe, tmp_path: Path
) -> None:
    train(recipe.model_copy(update={"epochs": 1}), release, tmp_path, 0, threads=1)
    with pytest.raises(UsageError, match="no decoder"):
        measured(tmp_path, release)
    with pytest.raises(UsageError, match="faces alone"):
        measured(run("query", "face"), release)


def test_where_no_face_is_known_no_map_of_faces_is_measured(run: Callable[..., Path], release: Path) -> None:
    """The people of the toy release have no faces."""
    told = measured(run("heatmap", "both"), release)
    value = {(one.figure, one.of): one.model.value for one in told.figures}
    assert np.isnan(value["correlation", "faces"])
    assert np.isfinite(value["correlation", "bodies"])
    with pytest.raises(DatasetError, match="nothing of anybody"):
        measured(run("heatmap", "face"), release)


def test_what_the_private_folder_knows_is_the_truth_where_it_is_asked_for(
    run: Callable[..., Path], release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run("heatmap")
    trained = with_structure(load(path))
    others: dict[str, Structure] = {}
    for name in ("train", "validation", "test"):
        data = ReleaseSplit(release, name, trained.form)
        for i, row in enumerate(data.rows):
            structure = data[i].structure
            assert structure is not None
            others[row.clip.id] = dataclasses.replace(structure, bodies=structure.bodies[:, :, ::-1].copy())
    maps = {name: make_targets([Known(40, 3, one, None)], True).maps[0, :, :18] for name, one in others.items()}
    says(monkeypatch, lambda batch: {"heatmaps": logit(torch.cat([maps[name] for name in batch.ids]))[:, None]})
    told = measured(path, release, private=others).figures[0].model.value
    assert told > 0.95
    assert measured(path, release).figures[0].model.value < told - 0.1
    with pytest.raises(DatasetError, match="nothing of anybody"):
        measured(run("heatmap", "face"), release, private=others)
