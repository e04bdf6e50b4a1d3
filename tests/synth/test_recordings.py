"""A user's sounds: every file accounted for, cut to events, and no source or copy of a sound on two sides of a split."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from gerdata.errors import DatasetError, LabelError, UsageError
from gerdata.media.audio import encode_flac, encode_wav
from gerdata.synth.recordingbank import open_recordings
from gerdata.synth.recordings import build_sounds
from gerdata.synth.utterances import utter
from gerdata.synth.vocal import Voice


def take(k: int, kind: str = "laugh") -> np.ndarray:
    return 0.5 * utter(Voice(100 + 15 * k, 1 - 0.02 * k, 0.2, 0.1, 50 + k), kind, 0)


def padded(*sounds: np.ndarray) -> np.ndarray:
    gap = np.zeros(12_000, np.float32)
    return np.concatenate([gap, *(part for sound in sounds for part in (sound, gap))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "given"
    for event in ("laugh", "cry", "ambience", "yodel"):
        (root / event).mkdir(parents=True)
    for k in range(6):
        (root / "laugh" / f"{k}.wav").write_bytes(encode_wav(padded(take(k))))
        (root / "cry" / f"{k}.flac").write_bytes(encode_flac(padded(take(k, "cry"))))
    (root / "laugh" / "again.wav").write_bytes((root / "laugh" / "3.wav").read_bytes())
    (root / "laugh" / "copy.flac").write_bytes(encode_flac(0.3 * padded(take(4))))
    (root / "laugh" / "two.wav").write_bytes(encode_wav(padded(take(8), take(9))))
    (root / "laugh" / "silent.wav").write_bytes(encode_wav(np.zeros(16_000, np.float32)))
    (root / "laugh" / "click.wav").write_bytes(encode_wav(padded(np.ones(80, np.float32) * 0.5)))
    (root / "laugh" / "broken.wav").write_bytes(b"RIFF" + bytes(40))
    (root / "laugh" / "clipped.wav").write_bytes(encode_wav(np.clip(20 * padded(take(7)), -1, 1)))
    (root / "ambience" / "hiss.wav").write_bytes(encode_wav(np.full(32_000, 0.01, np.float32)))
    (root / "yodel" / "0.wav").write_bytes(encode_wav(take(0)))
    (root / "laugh" / "link.wav").symlink_to(root / "laugh" / "1.wav")
    return root


def test_every_file_gives_sounds_or_a_reason(folder: Path, tmp_path: Path) -> None:
    made = build_sounds(folder, tmp_path / "bank", seed=1)
    reasons = sorted(r.reason for r in made.refused)
    assert {r for r in reasons if r not in ("truncated", "undecodable", "format-not-allowed")} == {
        "clipped", "duplicate", "no-sound", "too-short", "unknown-event"
    }  # fmt: skip
    assert len(reasons) == 6
    assert made.files == len({s.sha256 for s in made.sounds}) + len(made.refused)
    assert open_recordings(tmp_path / "bank").sounds == made.sounds
    assert len((tmp_path / "bank" / "rejects.jsonl").read_text().splitlines()) == 6
    header = json.loads((tmp_path / "bank" / "bank.json").read_text())
    assert header["sounds"] == {"ambience": 1, "cry": 6, "laugh": 9}


def test_events_are_cut_where_they_sound(folder: Path, tmp_path: Path) -> None:
    made = build_sounds(folder, tmp_path / "bank", seed=1)
    bank = open_recordings(tmp_path / "bank")
    two = [s for s in made.sounds if s.source == "laugh/two.wav"]
    starts = sorted(s.start_s for s in two)
    assert starts == pytest.approx([0.75, 1.5 + len(take(8)) / 16_000], abs=0.03)
    for one in two:
        audio = bank.audio(one.id)
        assert len(audio) == pytest.approx(one.duration_s * 16_000, abs=1)
        assert np.abs(audio).max() > 0.3


def test_copies_under_other_names_and_levels_stay_on_one_side(folder: Path, tmp_path: Path) -> None:
    for seed in range(8):
        made = build_sounds(folder, tmp_path / f"bank{seed}", seed)
        sides: dict[str, set[str]] = {}
        for one in made.sounds:
            sides.setdefault(one.source, set()).add(one.split)
        assert all(len(side) == 1 for side in sides.values())
        assert "laugh/copy.flac" not in sides  # it took the name of what it is a copy of
        assert sum(one.source == "laugh/4.wav" for one in made.sounds) == 2
    assert len(sides) == 14  # nothing else was taken for a copy


def test_the_same_files_and_seed_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_sounds(folder, tmp_path / name, seed=3)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path / "two") for p in (tmp_path / "two").rglob("*") if p.is_file())
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def write_table(path: Path, rows: list[dict[str, str]], columns: list[str]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    return path


def test_a_table_names_sources_and_licences_and_cannot_leave_its_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.wav").write_bytes(encode_wav(take(1)))
    (tmp_path / "far").mkdir()
    (tmp_path / "far/3.wav").write_bytes(encode_wav(take(3)))
    (folder / "linked").symlink_to(tmp_path / "far")
    outside = ["../outside.wav", "laugh/link.wav", "laugh/none.wav", str(tmp_path / "outside.wav"), "linked/3.wav"]
    files = ["laugh/0.wav", "laugh/1.wav", "cry/0.flac", *outside]
    rows = [{"file": f, "event": f.split("/")[0], "source": "Ann", "licence": "CC0"} for f in files]
    for row in rows[3:]:
        row["event"] = "laugh"
    table = write_table(folder / "sounds.csv", rows, ["file", "event", "source", "licence"])
    made = build_sounds(table, tmp_path / "bank", seed=0)
    assert {(s.source, s.licence) for s in made.sounds} == {("Ann", "CC0")}
    assert len({s.split for s in made.sounds}) == 1
    assert [r.reason for r in made.refused] == ["unsafe-path"] * 5


def test_what_cannot_be_meant_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    table = write_table(folder / "bad.csv", [{"file": "x", "event": "laugh"}], ["file", "event"])
    with pytest.raises(LabelError, match="licence"):
        build_sounds(table, tmp_path / "bank", seed=0)
    (folder / "latin.csv").write_bytes(b"file,event\n\xff,\xfe\n")
    with pytest.raises(LabelError):
        build_sounds(folder / "latin.csv", tmp_path / "bank", seed=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        build_sounds(tmp_path / "empty", tmp_path / "bank", seed=0)
    with pytest.raises(DatasetError):
        open_recordings(tmp_path / "empty")
    build_sounds(folder, tmp_path / "bank", seed=0)
    with pytest.raises(UsageError, match="already"):
        build_sounds(folder, tmp_path / "bank", seed=0)
