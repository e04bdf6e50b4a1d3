"""train, evaluate, report, doctor and demo from the command line: documents, figures that say what they are measured on."""

import json
from pathlib import Path

import pytest
from conftest import Gerdata
from making import tree

TINY = ("--set", "epochs=2", "--set", "image_px=64", "--set", "batch=6")


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
    """Trained again elsewhere, and asked again where it is done: nothing changes."""
    ran = gerdata("train", "--workspace", workspace, "--out", tmp_path / "again", "--quiet", *TINY)
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
    page = json.loads(gerdata("report", workspace, "--json").out)["out"]
    text = Path(page).read_text()
    assert "Synthetic: trained and measured on synthetic data." in text
    assert f"{trained['test']['accuracy']:.3f}" in text
    doctor = gerdata("doctor", "--json")
    assert doctor.code == 0
    assert {"av", "torch", "decoders"} <= {check["what"] for check in json.loads(doctor.out)["checks"]}


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
