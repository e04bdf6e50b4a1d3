"""predict: the whole chain on one clip, protection included; what it prints, what it leaves, what it refuses."""

import dataclasses
import json
import stat
import tempfile
from pathlib import Path

import pytest
from conftest import Gerdata
from making import tree

from gerdata import workflow
from gerdata.engine.run import Job
from gerdata.errors import UsageError
from gerdata.learn.evaluate import load
from gerdata.recipe import ProtectRecipe
from gerdata.recipe import load as load_recipe
from gerdata.workflow import Protect, predict, protection_for

TINY = ("--set", "epochs=1", "--set", "image_px=64", "--set", "batch=6")


@pytest.fixture(scope="module")
def workspace(here: Gerdata, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on synthetic groups, and a release of real clips made beside it."""
    root = tmp_path_factory.mktemp("predict")
    stages = (
        ("synth", "--recipe", "flat", "--n", 30),
        ("shard", root / "synth", "--release", "made"),
        ("train", root / "shards/made", *TINY),
        ("ingest", clips),
        ("protect", "--recipe", "whole-frame"),
        ("shard", root / "protected", "--release", "kept", "--synthetic-rate", 0),
    )
    for words in stages:
        ran = here(*words, "--workspace", root, "--quiet")
        assert ran.code == 0, (words, ran.err)
    return root


def test_a_clip_goes_through_protection_to_shares_and_nothing_is_left(
    here: Gerdata, workspace: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made: list[str] = []
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *told, **more: made.append(make(*told, **more)) or made[-1])
    before = tree(workspace)
    clip = next(clips.rglob("*.mp4"))
    ran = here("predict", clip, "--workspace", workspace, "--recipe", "whole-frame", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    (one,) = told["predictions"]
    assert sorted(one) == ["duration_s", "probabilities", "reason", "start_s"]  # nothing about persons
    assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert told["protection"] == "whole-frame"
    assert "synthetic" in ran.err
    assert tree(workspace) == before
    assert Path(made[0]).parent == tmp_path  # there the clip was, and is no longer
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_not_predicted(here: Gerdata, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.mp4").write_bytes(b"not a video")
    ran = here("predict", tmp_path / "odd.mp4", "--workspace", workspace, "--recipe", "whole-frame", "--json")
    assert ran.code == 3
    told = json.loads(ran.out)
    assert (told["status"], told["predictions"][0]["probabilities"]) == ("no-prediction", None)
    assert told["predictions"][0]["reason"] == "format-not-allowed"


def test_a_clip_that_protection_refuses_is_not_predicted(
    workspace: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here since its bytes seem to have changed on the way."""

    def job_of(*told: object) -> Job:
        job = made(*told)  # type: ignore[arg-type]
        for item in job.items:
            item.payload["sha256"] = "0" * 64
        return job

    made = workflow.protect_job
    monkeypatch.setattr(workflow, "protect_job", job_of)
    how = Protect("whole-frame", load_recipe(ProtectRecipe, "protect", "whole-frame"))
    (told,) = predict(next(clips.rglob("*.mp4")), load(workspace / "runs/cross-attention-tiny"), how)
    assert (told.probabilities, told.reason) == (None, "source-changed")


def test_a_model_that_only_listens_is_not_asked_about_muted_clips(workspace: Path, clips: Path) -> None:
    trained = load(workspace / "runs/cross-attention-tiny")
    ear = trained._replace(form=dataclasses.replace(trained.form, modality="audio"))
    how = Protect("whole-frame", load_recipe(ProtectRecipe, "protect", "whole-frame"))
    (told,) = predict(next(clips.rglob("*.mp4")), ear, how)
    assert (told.probabilities, told.reason) == (None, workflow.NOTHING_TO_READ)


def test_raw_faces_need_so_many_words(here: Gerdata, workspace: Path, clips: Path) -> None:
    clip = next(clips.rglob("*.mp4"))
    ran = here("predict", clip, "--workspace", workspace, "--recipe", "global")
    assert ran.code == 2
    assert "--accept-raw" in ran.err
    assert here("predict", "--workspace", workspace).code == 2


def test_the_protection_is_that_of_the_runs_data() -> None:
    assert protection_for("whole-frame") == "whole-frame"
    assert protection_for("global (not obfuscated), synthetic") == "global"
    assert protection_for("synthetic") == "remove"
    with pytest.raises(UsageError, match="remove, whole-frame"):
        protection_for("whole-frame, remove")
    for own in ("mine", "mine (not obfuscated)", "mine, remove"):
        with pytest.raises(UsageError, match="'mine', which is not shipped"):
            protection_for(own)


def test_the_challenge_file_holds_ids_unless_names_are_asked_for(
    here: Gerdata, workspace: Path, clips: Path, tmp_path: Path
) -> None:
    words = ("predict", "--submission", workspace / "shards/kept", "--split", "train", "--workspace", workspace)
    ran = here(*words, "--out", tmp_path / "ids.txt")
    assert ran.code == 0, ran.err
    assert "by their ids" in ran.err
    ids = (tmp_path / "ids.txt").read_text().splitlines()
    assert here(*words, "--names", "--out", tmp_path / "names.txt").code == 0
    names = (tmp_path / "names.txt").read_text().splitlines()
    assert len(ids) == len(names) > 1
    known = {path.stem for path in clips.rglob("*.mp4")}
    assert {line.split()[0] for line in names[1:]} <= known
    assert not {line.split()[0] for line in ids[1:]} & known
    assert sorted(line.split()[1] for line in ids[1:]) == sorted(line.split()[1] for line in names[1:])
    assert stat.S_IMODE((tmp_path / "names.txt").stat().st_mode) == 0o600
    lost = here(*words, "--names", "--out", tmp_path / "no.txt", "--private", tmp_path / "none")
    assert lost.code == 2
    assert "have no name" in lost.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("{clip}", "--out", "here"), "is said, not written"),
        (("--submission", "{release}", "--set", "n_frames=5"), "which a release has behind it"),
        (("--submission", "{release}", "--recipe", "remove"), "which a release has behind it"),
        (("--submission", "{release}", "--split", "all"), "expected one of train"),
        (("{clip}", "--submission", "{release}"), "expected a clip, or --submission"),
    ],
)
def test_what_means_nothing_is_refused(
    here: Gerdata, workspace: Path, clips: Path, words: tuple[str, ...], why: str
) -> None:
    told = {"clip": str(next(clips.rglob("*.mp4"))), "release": str(workspace / "shards/kept")}
    ran = here("predict", *(word.format(**told) for word in words), "--workspace", workspace)
    assert (ran.code, why in ran.err) == (2, True)
