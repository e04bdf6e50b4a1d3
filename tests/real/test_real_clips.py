"""The chain on real clips and on odd files: counts, flags, verdicts, and nothing of the sources in what leaves."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Gerdata
from making import tree

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]


def test_real_clips_are_ingested_and_protected(gerdata: Gerdata, real_data: Path, tmp_path: Path) -> None:
    shared = ("--workspace", tmp_path, "--json", "--quiet")
    told = json.loads(gerdata("ingest", real_data / "clips", "--labels", real_data / "labels.csv", *shared).out)
    assert (told["read"], told["accepted"], told["rejected"]) == (42, 42, 0)
    assert told["written"] == 57
    assert told["flags"]["animated-image"] == 4
    assert told["flags"]["extra-audio-streams"] == 3  # one source, three segments
    assert told["flags"]["no-audio"] + told["flags"]["silent-audio"] == 23
    rows = pq.read_table(tmp_path / "ingested/manifest.parquet").to_pylist()
    assert sum(not row["has_audio"] for row in rows) == 23
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row["group"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    protected = json.loads(gerdata("protect", *shared, timeout_s=500).out)
    assert protected["read"] == protected["written"] + protected["rejected"] == 57
    assert protected["rejected"] <= 0.15 * 57
    assert set(protected["reasons"]) <= {"residual-face", "open-track"}
    assert gerdata("verify", tmp_path / "protected").code == 0


def test_odd_files_cost_nobody_but_themselves(gerdata: Gerdata, real_data: Path, tmp_path: Path) -> None:
    """Damaged, hostile and strange files: one verdict each, no crash, no defect, no canary in any byte that leaves."""
    odd = real_data / "odd"
    n = sum(1 for path in odd.rglob("*") if path.is_file())
    shared = ("--workspace", tmp_path, "--json", "--quiet")
    told = json.loads(gerdata("ingest", odd, "--allow-unlabelled", *shared, timeout_s=280).out)
    assert told["read"] == n  # a tar is one source; its members have verdicts of their own
    assert told["accepted"] == 151
    assert sum(told["reasons"].values()) == told["rejected"] >= n - told["accepted"]
    assert not {"crash", "timeout", "memory", "failed"} & set(told["reasons"])
    index = {e["name"]: e for e in pq.read_table(tmp_path / "private/ingested/index.parquet").to_pylist()}
    verdicts = {name.removeprefix("0/synthesised/"): entry["reason"] for name, entry in index.items()}
    assert verdicts["trunc_50pct_faststart.mp4"] == verdicts["trunc_50pct_no_moov.mp4"] == "truncated"
    assert verdicts["bitflip_mdat.mp4"] == "undecodable"
    assert verdicts["bomb_8192x8192.mp4"] == "too-large"
    assert verdicts["many_streams_64.mkv"] == "too-many-streams"
    refused = ("hls_disguised.mp4", "concat_disguised.mp4", "hls_http.m3u8", "tiny.svg", "rtp.sdp", "dash_file.mpd")
    assert {verdicts[name] for name in refused} == {"format-not-allowed"}
    ran = gerdata("protect", "--limit", 150, *shared, timeout_s=280)
    assert json.loads(ran.out)["written"] == 150
    for name, data in tree(tmp_path).items():
        if not name.startswith(("private/", "logs/")):
            assert b"CANARY_" not in data, name
            assert b"48.8584" not in data, name
