"""train, evaluate, report, doctor and demo from the command line: documents, figures that say what they are measured on."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import Gerdata
from making import tree
from safetensors.torch import save_file

from gerdata.manifest import read_rows

TINY = ("--set", "epochs=2", "--set", "image_px=64", "--set", "batch=6")
VE_MD = ("--recipe", "ve-md-heatmap-tiny", "--set", 'decoder="none"', "--set", "video_epochs=0", "--set", "embedding=3")


@pytest.fixture(scope="module")
def workspace(gerdata: Gerdata, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("train")
    for words in (("synth", "--recipe", "flat", "--n", 36), ("shard",)):
        ran = gerdata(*words, "--workspace", root, "--quiet")
        assert ran.code == 0, ran.err
    return root


@pytest.fixture(scope="module")
def trained(gerdata: Gerdata, workspace: Path) -> dict:
    ran = gerdata("train", "--workspace", workspace, "--json", *TINY)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_figures_say_that_they_are_synthetic(trained: dict) -> None:
    assert (trained["command"], trained["status"], trained["synthetic"]) == ("train", "ok", True)
    for name in ("best", "last", "test"):
        assert trained[name]["data_kind"] == "synthetic"
        assert 0 <= trained[name]["accuracy_low"] <= trained[name]["accuracy"] <= trained[name]["accuracy_high"] <= 1
        assert sum(map(sum, trained[name]["confusion"])) == trained[name]["clips"]


def test_a_run_goes_on_to_the_same_bytes(gerdata: Gerdata, workspace: Path, trained: dict, tmp_path: Path) -> None:
    """Trained again elsewhere, by other workers, and asked again where it is done: nothing changes."""
    ran = gerdata("train", "--workspace", workspace, "--out", tmp_path / "again", "--quiet", "--workers", 2, *TINY)
    assert ran.code == 0, ran.err
    before = tree(Path(trained["out"]))
    assert tree(tmp_path / "again") == before
    assert gerdata("train", "--workspace", workspace, "--quiet", *TINY).code == 0
    assert tree(Path(trained["out"])) == before
    refused = gerdata("train", "--workspace", workspace, "--quiet", *TINY, "--seed", 3)
    assert refused.code == 1
    assert "seed" in refused.err


def test_evaluate_report_and_doctor_answer_in_json(gerdata: Gerdata, workspace: Path, trained: dict) -> None:
    told = json.loads(gerdata("evaluate", trained["out"], "--workspace", workspace, "--json").out)
    assert (told["split"], told["accuracy"]) == ("test", trained["test"]["accuracy"])
    hidden = gerdata("evaluate", trained["out"], "--workspace", workspace, "--json", "--hide", "heads-and-sound")
    assert json.loads(hidden.out)["clips"] == told["clips"]
    assert gerdata("evaluate", trained["out"], "--workspace", workspace, "--split", "dev").code == 2
    alone = gerdata("evaluate", trained["out"], "--workspace", workspace, "--private-structure")
    assert (alone.code, "add --structure" in alone.err) == (2, True)
    assert told["breakdown"]["whole"]["accuracy"]["value"] == told["accuracy"]
    page = json.loads(gerdata("report", workspace, "--json").out)["out"]
    text = Path(page).read_text()
    assert "Synthetic: trained and measured on synthetic data." in text
    assert f"{trained['test']['accuracy']:.3f}" in text
    doctor = gerdata("doctor", "--json")
    assert doctor.code == 0
    assert {"av", "torch", "decoders"} <= {check["what"] for check in json.loads(doctor.out)["checks"]}


def test_evaluate_tells_both_protocols_and_what_covering_and_damage_cost(
    here: Gerdata, workspace: Path, trained: dict
) -> None:
    words = ("--protocol", "published", "--occlude", "heads", "--occlude", "sound", "--corrupt", "blur:3", "--json")
    ran = here("evaluate", trained["out"], "--workspace", workspace, *words)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["split"], told["optimistic"]) == ("validation", True)
    assert "optimistic" in ran.err
    assert told["accuracy"] == trained["best"]["accuracy"]
    gap = trained["best"]["accuracy"] - trained["test"]["accuracy"]
    assert told["gap"]["accuracy"]["value"] == pytest.approx(gap)
    assert [one["name"] for one in told["effects"]] == ["blur:3", "heads", "sound"]
    assert told["effects"][1]["control"] is not None
    clean = here("evaluate", trained["out"], "--workspace", workspace, "--protocol", "clean")
    assert "gap, validation (published) less test (clean): accuracy" in clean.out
    hidden = ("--hide", "heads-and-sound", "--occlude", "heads")
    for odd in (hidden, ("--corrupt", "fog"), ("--occlude", "hats"), ("--protocol", "clean", "--split", "test")):
        assert here("evaluate", trained["out"], "--workspace", workspace, *odd).code == 2


@pytest.mark.parametrize("decoder", ["query", "heatmap"])
def test_evaluate_tells_what_was_learnt_of_people_beside_what_knows_no_clip(
    here: Gerdata, workspace: Path, trained: dict, tmp_path: Path, decoder: str
) -> None:
    small = (*TINY, "--set", "epochs=1", "--set", "heatmap_width=4")
    words = ("--recipe", f"ve-md-{decoder}-tiny", "--workspace", workspace, "--out", tmp_path / "run", "--quiet")
    assert here("train", *words, *small).code == 0
    ran = here("evaluate", tmp_path / "run", "--workspace", workspace, "--structure", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)["structure"]
    assert told["decoder"] == decoder
    assert told["training_clips"] == trained["clips"]["train"]
    assert told["frames"] == 5 * trained["clips"]["test"]
    figures = {one["figure"] for one in told["figures"]}
    assert (
        figures
        == ({"OKS-AP", "OKS-AP at .50", "OKS-AP at .75"}, {"correlation", "foreground IoU"})[decoder == "heatmap"]
    )
    assert len(told["limbs"]) == (0, 2 * 38)[decoder == "heatmap"]
    for one in told["figures"]:
        assert one["difference"]["value"] == pytest.approx(one["model"]["value"] - one["baseline"]["value"])
        assert one["difference"]["low"] <= one["difference"]["value"] <= one["difference"]["high"]
    for run, odd in ((trained["out"], ()), (tmp_path / "run", ("--modality", "audio"))):
        refused = here("evaluate", run, "--workspace", workspace, "--structure", *odd)
        assert refused.code == 2
        assert "--structure" in refused.err


def test_compare_is_paired_and_refuses_what_is_not_alike(
    here: Gerdata, workspace: Path, trained: dict, tmp_path: Path
) -> None:
    run = trained["out"]
    told = json.loads(here("compare", run, run, "--workspace", workspace, "--json").out)
    assert all(one["difference"]["value"] == 0 and one["p"] == 1 for one in told["differences"])
    shutil.copytree(run, tmp_path / "runs/one")
    shutil.copytree(run, tmp_path / "runs/two")
    release = workspace / "shards/release"
    twice = ("--a", tmp_path / "runs", "--a", tmp_path / "runs/one")  # the same run twice is no second one
    ran = here("compare", *twice, "--b", run, release, "--split", "validation")
    assert ran.code == 0, ran.err
    assert "2 runs against 1" in ran.out
    assert here("compare", run, "--workspace", workspace).code == 2
    text = json.loads((tmp_path / "runs/one/run.json").read_text())
    text["identity"]["classes"] = ["a", "b", "c"]
    (tmp_path / "runs/one/run.json").write_text(json.dumps(text))
    refused = here("compare", tmp_path / "runs/one", run, release)
    assert refused.code == 1
    assert "classes" in refused.err


def test_a_run_that_was_hidden_something_is_not_asked_what_hiding_costs(
    here: Gerdata, workspace: Path, trained: dict, tmp_path: Path
) -> None:
    shutil.copytree(trained["out"], tmp_path / "run")
    text = json.loads((tmp_path / "run/run.json").read_text())
    text["identity"]["recipe"]["control"] = "heads-and-sound"
    (tmp_path / "run/run.json").write_text(json.dumps(text))
    for words in (("--occlude", "heads"), ("--corrupt", "blur:3"), ("--occlude", "sound", "--hide", "heads-and-sound")):
        refused = here("evaluate", tmp_path / "run", "--workspace", workspace, *words)
        assert (refused.code, "all change the clips" in refused.err) == (2, True)


def test_one_of_several_ranks_speaks(
    here: Gerdata, workspace: Path, trained: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "--workspace", workspace, "--json", *TINY)
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        for ran in (here(*words), here(*words, "--dry-run")):
            assert (ran.code, ran.out.count("\n"), ran.out[:1]) == (0, *((0, "") if rank == "1" else (1, "{")))


def test_a_run_of_vectors_is_compared_with_them_alone(
    gerdata: Gerdata, here: Gerdata, workspace: Path, trained: dict, tmp_path: Path
) -> None:
    release = workspace / "shards/release"
    rows = [
        row for name in ("train", "validation", "test") for row in read_rows(release / "manifest" / f"{name}.parquet")
    ]
    save_file({row.clip.id: torch.ones(3) for row in rows}, tmp_path / "text.safetensors")
    given = ("--embeddings", tmp_path / "text.safetensors")
    ran = gerdata("train", release, "--out", tmp_path / "run", *TINY, *VE_MD, *given, "--quiet")
    assert ran.code == 0, ran.err
    refused = here("compare", tmp_path / "run", trained["out"], release)
    assert (refused.code, "take --embeddings FILE" in refused.err) == (1, True)
    told = here("compare", tmp_path / "run", trained["out"], release, *given)
    assert told.code == 0, told.err
    assert "1 runs against 1" in told.out
    refused = here("compare", trained["out"], trained["out"], release, *given)
    assert (refused.code, "no run of either side" in refused.err) == (2, True)


@pytest.mark.parametrize("name", ["train", "evaluate", "compare", "predict", "ablate"])
def test_a_device_that_is_not_there_is_refused(
    here: Gerdata, workspace: Path, trained: dict, tmp_path: Path, name: str
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    run, clip = trained["out"], tmp_path / "clip.mp4"
    words = {"evaluate": (run,), "compare": (run, run), "predict": (clip, "--run", run), "ablate": ("modality",)}
    ran = here(name, *words.get(name, ()), "--workspace", workspace, "--device", "cuda:99")
    assert (ran.code, "--device cuda:99: expected cpu" in ran.err) == (2, True)


def test_a_run_is_attacked_and_its_document_written(here: Gerdata, workspace: Path, trained: dict) -> None:
    ran = here("audit", trained["out"], "--workspace", workspace, "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    status = {one["part"]: one["status"] for one in told["verdicts"]}
    assert (told["stage"], status["membership by loss"]) == ("run", "underpowered")
    assert (workspace / "audits" / f"{told['dataset'][:16]}.json").is_file()
    refused = here("audit", trained["out"], "--workspace", workspace, "--shortcuts")
    assert refused.code == 2
    assert "for datasets" in refused.err


def test_an_ablation_leaves_a_table_and_a_plot(here: Gerdata, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text("epochs = 1\nimage_px = 32\nbatch = 16\n")
    recipe = tmp_path / "senses.toml"
    recipe.write_text(f'base = "{tmp_path / "tiny.toml"}"\n[grid]\nmodality = ["video", "audio"]\n')
    words = ("ablate", recipe, "--workspace", workspace, "--set", "seeds=[0]", "--json")
    planned = json.loads(here(*words, "--dry-run").out)
    assert (planned["status"], planned["cells"]) == ("planned", ["modality=video", "modality=audio"])
    ran = here(*words)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["results"][1]["difference"]["runs_a"] == 1
    assert "synthetic clips" in ran.err
    out = workspace / "ablations/senses"
    assert "| modality=audio |" in (out / "table.md").read_text()
    assert (out / "plot.svg").read_text().startswith("<svg")
    assert json.loads((out / "ablation.json").read_text())["results"] == told["results"]
    assert here("ablate", "unknown", "--workspace", workspace).code == 2


@pytest.mark.slow
def test_the_demo_runs_every_stage_on_clips_it_makes(gerdata: Gerdata, tmp_path: Path) -> None:
    ran = gerdata("demo", "--n", 30, "--clips", 9, "--epochs", 1, "--workspace", tmp_path, "--json", "--quiet")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    counts = told["counts"]
    assert (counts["ingested"]["sources"], counts["protected"]["written"], counts["synth"]["written"]) == (9, 9, 30)
    assert counts["ingested"]["rejected"] == 0
    assert Path(told["report"]).is_file()
    for name in ("ingested", "protected", "synth", "shards/mixed", "shards/synthetic"):
        assert gerdata("verify", tmp_path / name, "--quiet").code == 0


def test_a_run_that_could_not_begin_leaves_the_old_one_alone(gerdata: Gerdata, workspace: Path, trained: dict) -> None:
    before = tree(Path(trained["out"]))
    for words in (("--device", "cuda:99"), ("--set", "segment_s=0.11", "--set", "hop=1024"), ("--private-structure",)):
        for mode in ("--overwrite", "--dry-run"):
            ran = gerdata("train", "--workspace", workspace, mode, "--quiet", *TINY, *words)
            assert ran.code != 0
            assert tree(Path(trained["out"])) == before


def test_a_first_stage_is_no_run_to_compare(gerdata: Gerdata, workspace: Path, trained: dict, tmp_path: Path) -> None:
    shutil.copytree(trained["out"], tmp_path / "half" / "video")
    ran = gerdata("compare", trained["out"], tmp_path / "half", "--workspace", workspace)
    assert ran.code == 1
    assert "expected a finished run" in ran.err
