"""`gerdata synth` says what it covers, `gerdata audit --shortcuts` what tells its labels; card and report pass both on."""

import json
from pathlib import Path

import pytest
from conftest import Gerdata

from gerdata.report.page import render
from gerdata.store.dataset import COVERAGE


@pytest.fixture(scope="module")
def workspace(gerdata: Gerdata, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shortcuts")
    small = ("--set", "frame_px=64", "--set", "duration_s=1.0", "--set", "n_frames=1", "--workspace", root)
    ran = gerdata("synth", "--n", 6, *small, "--json")
    assert ran.code == 0, ran.err
    assert "covered: 6 samples in 6 of" in ran.err
    told, written = json.loads(ran.out)["coverage"], json.loads((root / "synth" / COVERAGE).read_text())
    assert told["axes"] == written["axes"]
    ran = gerdata("audit", root / "synth", "--shortcuts", "--workspace", root, "--json")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert {one["status"] for one in document["verdicts"]} == {"underpowered"}
    assert len(document["verdicts"]) == 10
    assert document["weights"] == []
    assert gerdata("shard", root / "synth", "--workspace", root, "--quiet").code == 0
    return root


def test_the_card_says_both(workspace: Path) -> None:
    card = (workspace / "shards/release/README.md").read_text()
    assert "## What the synthetic samples were drawn to cover" in card
    assert "class: positive 2, neutral 2, negative 2 (target 2 each)" in card
    assert "synthetic: not attacked, searched for shortcuts on" in card
    assert "- shortcut by loudness: underpowered" in card


def test_the_report_says_both(workspace: Path) -> None:
    page = render(workspace)
    assert "synth covers:" in page
    assert "<td>shortcut by file size</td><td>underpowered</td>" in page


def test_shortcuts_are_looked_for_alone(gerdata: Gerdata, workspace: Path, tmp_path: Path) -> None:
    ran = gerdata("audit", workspace / "synth", "--shortcuts", "--beside", tmp_path, "--workspace", workspace)
    assert ran.code == 2
    assert "attacks nobody" in ran.err
