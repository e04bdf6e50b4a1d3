"""Bad input gets one clear sentence, the right exit code, nothing half-written, and every input accounted for."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Gerdata

FLAT = ("synth", "--recipe", "flat")  # people who need no bank
CASES = {
    "no source": (("ingest", "{tmp}/absent"), 2, "found nothing there"),
    "empty source": (("ingest", "{tmp}/void"), 2, "it holds no files"),
    "absent labels": (("ingest", "{clips}", "--labels", "{tmp}/absent.csv"), 2, "labels cannot be read"),
    "labels name absent files": (
        ("ingest", "{clips}", "--labels", "{tmp}/absent-files.csv"),
        2,
        "line 2: names 'zz.mp4'",
    ),
    "unknown label": (("ingest", "{clips}", "--labels", "{tmp}/unknown.csv"), 2, "'happy' is unknown"),
    "duplicate row": (("ingest", "{clips}", "--labels", "{tmp}/twice.csv"), 2, "line 3: repeats"),
    "no recipe": (("ingest", "{clips}", "--recipe", "vgaf9"), 2, "no ingest recipe 'vgaf9'; there are"),
    "bad override": (("synth", "--n", 1, "--set", "frame_px=big"), 2, "not a TOML value"),
    "out of range": (("synth", "--n", 1, "--set", "frame_px=9"), 2, "frame_px"),
    "unknown key": (("synth", "--n", 1, "--set", "colour=1"), 2, "expected key=value with a key of"),
    "a bank of nothing": (("bank", "build", "{tmp}/b"), 2, "expected one or more of --faces"),
    "no bank": (("synth", "--n", 1, "--bank", "{tmp}/absent"), 1, "no finished bank is here"),
    "a page of no kind": (("bank", "show", "{tmp}/b", "--out", "{tmp}/b.pdf"), 2, "ends in .png or .html"),
    "no dataset": (("protect",), 1, "expected a dataset"),
    "nothing to shard": (("shard",), 2, "holds neither protected nor synth"),
    "no release": (("train",), 1, "holds no finished release"),
    "no run": (("evaluate", "{tmp}/absent", "{tmp}/absent"), 1, "expected a finished run"),
    "no workspace to report": (("report",), 2, "expected a workspace with at least one finished stage"),
    "nothing to verify": (("verify", "{clips}"), 1, "expected a dataset"),
    "a release that climbs": (("shard", "{tmp}", "--release", "../x"), 2, "--release ../x: expected"),
    "bad slice": (("synth", "--n", 1, "--slice", "0/3"), 2, "expected I/N"),
    "bad engine": (("synth", "--n", 1, "--engine", "spark"), 2, "expected one of local, ray"),
    "short key": (("ingest", "{clips}", "--key", "{tmp}/short.key"), 2, "expected a key of 32"),
    "a file is in the way": ((*FLAT, "--n", 1, "--out", "{tmp}/unknown.csv"), 1, "unknown.csv"),
    "a folder of others": ((*FLAT, "--n", 1, "--out", "{tmp}/others"), 1, "not empty and not a dataset"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "void").mkdir()
    (tmp_path / "others").mkdir()
    (tmp_path / "others/thesis.txt").write_text("mine")
    (tmp_path / "short.key").write_text("secret")
    (tmp_path / "absent-files.csv").write_text("file,label\nzz.mp4,neutral\n")
    (tmp_path / "unknown.csv").write_text("file,label\npositive/clip0.mp4,happy\n")
    (tmp_path / "twice.csv").write_text("file,label\npositive/clip0.mp4,neutral\npositive/clip0.mp4,neutral\n")
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_one_code_nothing_written(gerdata: Gerdata, clips: Path, place: Path, case: str) -> None:
    words, code, sentence = CASES[case]
    filled = [str(word).format(tmp=place, clips=clips) for word in words]
    before = sorted(p for p in place.rglob("*"))
    ran = gerdata(*filled, "--workspace", place / "w", "--json")
    assert ran.code == code, ran.err
    assert sentence in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    document = json.loads(ran.out)
    assert document["status"] == "failed"
    assert {"command", "status", "out"} <= set(document)
    left = {p for p in place.rglob("*") if p.is_file()} - set(before)
    assert {p.name for p in left} <= {"key"}, left  # at most the key of a workspace that was just begun


def test_usage_errors_are_exit_2(gerdata: Gerdata) -> None:
    assert gerdata("ingest").code == 2
    assert gerdata("nonsense").code == 2
    assert gerdata("synth", "--n", "many").code == 2


def test_a_folder_of_good_and_bad_is_accounted_for(gerdata: Gerdata, clips: Path, tmp_path: Path) -> None:
    """A truncated MP4, a text, an empty file, a link, a clip without a label, and a clip that is whole."""
    root = tmp_path / "clips"
    (root / "positive").mkdir(parents=True)
    whole = (clips / "positive/clip0.mp4").read_bytes()
    (root / "positive/whole.mp4").write_bytes(whole)
    (root / "positive/cut.mp4").write_bytes(whole[:-3000])
    (root / "positive/text.mp4").write_text("not a film")
    (root / "positive/empty.mp4").write_bytes(b"")
    (root / "positive/link.mp4").symlink_to("/etc/hostname")
    (root / "unlabelled.mp4").write_bytes((clips / "neutral/clip3.mp4").read_bytes())
    (root / "unlabelled-and-cut.mp4").write_bytes((clips / "neutral/clip3.mp4").read_bytes()[:-3000])
    name = os.fsencode(root) + b"/positive/caf\xe9 \xe2\x80\xae.mp4"
    Path(os.fsdecode(name)).write_bytes((clips / "neutral/clip4.mp4").read_bytes())
    ran = gerdata("ingest", root, "--workspace", tmp_path / "w", "--json")
    document = json.loads(ran.out)
    assert ran.code == 0
    assert (document["read"], document["written"], document["rejected"]) == (8, 2, 6)
    assert document["reasons"] == {"empty": 1, "format-not-allowed": 1, "no-label": 1, "truncated": 2, "unsafe-path": 1}
    kept = gerdata("ingest", root, "--workspace", tmp_path / "v", "--json", "--allow-unlabelled", "--max-rejects", 4)
    assert kept.code == 3
    assert json.loads(kept.out)["written"] == 3
    assert gerdata("protect", "--workspace", tmp_path / "w", "--quiet").code == 0


def test_when_nothing_is_left_the_exit_code_says_so(gerdata: Gerdata, tmp_path: Path) -> None:
    (tmp_path / "clips/positive").mkdir(parents=True)
    (tmp_path / "clips/positive/text.mp4").write_text("not a film")
    ran = gerdata("ingest", tmp_path / "clips", "--workspace", tmp_path / "w", "--json")
    assert (ran.code, json.loads(ran.out)["status"]) == (3, "too-many-rejects")


def test_identical_files_share_a_group_and_have_names_of_their_own(
    gerdata: Gerdata, clips: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    shutil.copytree(clips, tmp_path / "clips")
    shutil.copy(clips / "positive/clip0.mp4", tmp_path / "clips/negative/copy.mp4")
    document = json.loads(gerdata("ingest", tmp_path / "clips", "--workspace", tmp_path / "w", "--json").out)
    assert document["written"] == 10
    rows = pq.read_table(tmp_path / "w/ingested/manifest.parquet").to_pylist()
    assert len({row["id"] for row in rows}) == 10
    groups = [row["group"] for row in rows]
    twins = [row for row in rows if groups.count(row["group"]) == 2]
    assert len(twins) == 2
    assert twins[0]["split"] == twins[1]["split"]


def test_groups_of_the_table_stay_together_and_its_splits_are_kept(
    gerdata: Gerdata, clips: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    lines = ["file,label,group,split"]
    for number in range(9):
        label = ("positive", "neutral", "negative")[number // 3]
        lines.append(f"{label}/clip{number}.mp4,{label},room{number % 3},{'test' if number % 3 == 0 else ''}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    gerdata("ingest", clips, "--labels", tmp_path / "labels.csv", "--workspace", tmp_path / "w", "--quiet")
    index = {e["id"]: e for e in pq.read_table(tmp_path / "w/private/ingested/index.parquet").to_pylist()}
    rows = pq.read_table(tmp_path / "w/ingested/manifest.parquet").to_pylist()
    groups = {index[row["id"]]["group"]: (row["group"], row["split"]) for row in rows}
    assert len({(index[row["id"]]["group"], row["group"], row["split"]) for row in rows}) == 3
    assert groups["room0"][1] == "test"


def heard() -> None:
    """Let Ctrl-C reach a child: what a shell starts in the background is deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_ctrl_c_leaves_a_dataset_that_goes_on(gerdata: Gerdata, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "gerdata.cli", *FLAT, "--n", "500", "--workspace", str(tmp_path), "--workers", "1"]
    for sent in (signal.SIGINT, signal.SIGTERM):
        plan = tmp_path / "synth/parts/plan.json"
        before = plan.stat().st_mtime_ns if plan.exists() else 0
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(words, **pipes, text=True, preexec_fn=heard)
        until = time.monotonic() + 60.0
        while time.monotonic() < until and not (plan.exists() and plan.stat().st_mtime_ns > before):
            time.sleep(0.05)  # until the command has begun: a busy machine starts slowly
        time.sleep(0.2)
        process.send_signal(sent)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert "run the same command again" in err
        assert "Traceback" not in err
        assert out == ""
        assert not (tmp_path / "synth/dataset.json").exists()
    ran = gerdata(*FLAT, "--n", 500, "--workspace", tmp_path, "--json")
    assert json.loads(ran.out)["written"] == 500


@pytest.mark.skipif(not Path("/dev/full").exists() or os.getuid() != 0, reason="needs to mount a small disk")
def test_a_full_disk_is_one_sentence_and_is_resumed(gerdata: Gerdata, clips: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        words = (*FLAT, "--n", 30, "--workspace", tmp_path / "w", "--out", small / "synth")
        ran = gerdata(*words, "--json")
        assert ran.code == 1
        assert "No space left" in ran.err
        assert json.loads(ran.out)["status"] == "failed"
        assert not (small / "synth/dataset.json").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        assert gerdata(*words, "--quiet").code == 0
        assert gerdata("verify", small / "synth", "--quiet").code == 0
    finally:
        subprocess.run(["umount", str(small)], check=True)
