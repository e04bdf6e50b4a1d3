"""`gerdata models` as users meet it, without a network."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Gerdata

from gerdata.cli.models import _pull
from gerdata.errors import GerdataError, MissingError
from gerdata.people.weights import WEIGHTS, cached_path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return tmp_path / "cache"


def test_the_list_says_what_is_here(gerdata: Gerdata, cache: Path) -> None:
    ran = gerdata("models", "list", "--json")
    assert ran.code == 0
    told = {row["name"]: row for row in json.loads(ran.out)["models"]}
    assert list(told) == [*WEIGHTS, "avatar"]
    assert told["avatar"]["licence"].startswith("CC0-1.0")
    assert told["selfie"]["state"] == "missing"
    assert told["selfie"]["from"] == "mediapipe==0.10.21"
    assert "selfie" in gerdata("models", "list").out


def test_a_changed_file_is_found(gerdata: Gerdata, cache: Path) -> None:
    cache.mkdir()
    cached_path(WEIGHTS["selfie"]).write_bytes(b"another")
    ran = gerdata("models", "verify", "--json")
    assert ran.code == 4
    assert "run: gerdata models pull selfie" in ran.err
    document = json.loads(ran.out)
    assert document["status"] == "found"
    assert [row["name"] for row in document["models"] if row["state"] == "wrong"] == ["selfie"]
    assert gerdata("models", "verify", "face-mesh").code == 0
    assert "absent   weights selfie" in gerdata("doctor").out


def test_what_cannot_be_fetched_is_one_sentence(gerdata: Gerdata, cache: Path) -> None:
    ran = gerdata("models", "pull", "selfie", "--quiet")
    assert ran.code == 1
    assert ran.err.startswith("gerdata models: mediapipe==0.10.21: pip could not fetch it; it said: ")
    assert ran.err.count("\n") == 1
    assert not cache.exists()


def test_of_all_only_what_is_optional_may_lack(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(cache.parent))  # no npm
    shared: Any = SimpleNamespace(dry_run=False, quiet=True, json=True)
    _pull([WEIGHTS["face-embedder"]], True, shared)
    told = capsys.readouterr()
    assert json.loads(told.out)["models"][0]["state"] == "not-pulled"
    assert "not pulled, @vladmandic/face-api@1.7.15: npm is not installed" in told.err
    with pytest.raises(MissingError, match="npm is not installed"):
        _pull([WEIGHTS["face-embedder"]], False, shared)
    with pytest.raises(GerdataError, match="pip could not fetch it"):
        _pull([WEIGHTS["selfie"]], True, shared)


def test_a_plan_fetches_nothing(gerdata: Gerdata, cache: Path) -> None:
    ran = gerdata("models", "pull", "selfie", "--dry-run")
    assert ran.code == 0
    assert "would-pull selfie" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["push"], "expected one of list, pull, verify"),
        (["pull"], "name the weights, or --all"),
        (["pull", "nobody"], "no weights are called 'nobody'"),
        (["pull", "selfie", "--all"], "goes with nothing else"),
        (["list", "--all"], "goes with nothing else"),
    ],
)
def test_what_cannot_be_meant_is_refused(gerdata: Gerdata, cache: Path, words: list[str], said: str) -> None:
    ran = gerdata("models", *words)
    assert ran.code == 2
    assert said in ran.err
