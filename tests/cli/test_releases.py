"""Releases as others meet them: read by five tools, the same bytes wherever they are made, and made again from rows alone."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Gerdata
from making import tree

from gerdata.manifest import Row
from gerdata.store.private import open_private

FORMS = {
    "tars": (),
    "tables": ("--format", "parquet"),
    "videos": ("--set", "mode=video", "--set", "audio=wav"),
    "tables-of-videos": ("--format", "parquet", "--set", "mode=video"),
}
RATE = ("--synthetic-rate", 0.3)


@pytest.fixture(scope="module")
def made(gerdata: Gerdata, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 9 protected clips, 12 scenes, and a release of each form."""
    workspace = tmp_path_factory.mktemp("releases") / "workspace"
    shared = ("--workspace", workspace, "--quiet", "--workers", 1)
    small = ("--set", "frame_px=64")
    gerdata("ingest", clips, *shared)
    gerdata("protect", "--recipe", "whole-frame", *small, *shared)
    gerdata("synth", "--recipe", "flat", "--n", 12, *small, "--set", "duration_s=1.0", *shared)
    for name, words in FORMS.items():
        ran = gerdata("shard", "--release", name, *RATE, *words, *shared)
        assert ran.code == 0, ran.err
    return workspace


def rows(release: Path, split: str = "train") -> list[dict[str, object]]:
    return pq.read_table(release / f"manifest/{split}.parquet").to_pylist()


def test_one_form_of_all_releases(gerdata: Gerdata, made: Path) -> None:
    """Verify finds nothing, the index finds the bytes in tars and tables alike, and what is decoded is the same."""
    from gerdata.store.dataset import Dataset
    from gerdata.store.members import decode

    told = {}
    for name in FORMS:
        release = made / "shards" / name
        ran = gerdata("verify", release, "--json")
        assert json.loads(ran.out)["findings"] == [], name
        dataset = Dataset(release)
        header = dataset.header()
        samples = [decode(dict(zip(header.members, dataset.members(row), strict=True))) for row in _rows(release)]
        told[name] = (samples, header.members)
    assert told["tars"][1] == ("f00.jpg", "f01.jpg", "f02.jpg", "f03.jpg", "f04.jpg", "flac", "json")
    assert told["videos"][1] == ("mp4", "wav", "json")
    for name in FORMS:
        theirs = np.stack([sample.frames for sample in told[name][0]]).astype(int)
        twins = []
        for ours in told["tars"][0]:
            far = np.abs(theirs - ours.frames).mean(axis=(1, 2, 3, 4))
            twins.append(int(far.argmin()))
            assert far.min() < (8 if "videos" in name else 1e-9), name
            assert np.array_equal(ours.audio, told[name][0][twins[-1]].audio)
        assert sorted(twins) == list(range(len(theirs)))


def _rows(release: Path) -> list[Row]:
    from gerdata.store.dataset import Dataset, rows_of

    return list(rows_of(Dataset(release), Dataset(release).header()))


def test_two_releases_share_no_name_and_no_sum(made: Path) -> None:
    for column in ("id", "group", "sample_sha256"):
        sets = [
            {row[column] for split in ("train", "validation", "test") for row in rows(made / "shards" / name, split)}
            for name in FORMS
        ]
        assert sum(map(len, sets)) == len(set.union(*sets)), column
    prints = [json.loads((made / "shards" / name / "dataset.json").read_text())["fingerprint"] for name in FORMS]
    for field in ("key", "inputs", "release"):
        assert len({told[field] for told in prints}) == len(FORMS)


@pytest.mark.parametrize("name", ["tars", "videos"])
def test_webdataset_reads_tars(made: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WDS_SECURE", "1")
    wds = pytest.importorskip("webdataset")
    release = made / "shards" / name
    shards = sorted(str(path) for path in release.glob("train/*.tar"))
    found = list(wds.WebDataset(shards, shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in found] == [row["id"] for row in rows(release)]
    members = json.loads((release / "dataset.json").read_text())["members"]
    assert all([key for key in sample if not key.startswith("__")] == members for sample in found)


@pytest.mark.parametrize("name", FORMS)
def test_hugging_face_datasets_reads_every_form_in_one_line(
    made: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without torchcodec: sound and video in tars are bytes; in tables they are, once decoding is switched off."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    release = made / "shards" / name
    loaded = datasets.load_dataset(str(release), cache_dir=str(tmp_path / "cache"))
    train = loaded["train"]
    assert set(loaded) == {"train", "validation", "test"}
    if "tables" in name:
        for column, kind in (("audio", datasets.Audio), ("video", datasets.Video)):
            if column in train.column_names:
                train = train.cast_column(column, kind(decode=False))
    first = train[0]
    assert (first["json"]["id"] if name in ("tars", "videos") else first["id"]) == rows(release)[0]["id"]
    if name == "tars":
        assert first["f00.jpg"].size == (64, 64)
        assert first["flac"][:4] == b"fLaC"
    if name == "videos":
        assert (first["mp4"][4:8], first["wav"][:4]) == (b"ftyp", b"RIFF")
    if name == "tables":
        assert first["f04"].size == (64, 64)
        assert first["audio"]["bytes"][:4] == b"fLaC"
    if name == "tables-of-videos":
        assert first["video"]["bytes"][4:8] == b"ftyp"


def test_pandas_and_duckdb_read_tables(made: Path) -> None:
    import pandas as pd

    duckdb = pytest.importorskip("duckdb")
    release = made / "shards" / "tables"
    frame = pd.concat(pd.read_parquet(path) for path in sorted(release.glob("data/train-*")))
    assert list(frame["id"]) == [row["id"] for row in rows(release)]
    assert frame["f00"].iloc[0]["bytes"][:2] == b"\xff\xd8"
    told = duckdb.sql(
        f"select split, count(*), min(octet_length(f00.bytes)) from '{release}/data/*.parquet' group by split"
    ).fetchall()
    assert {split: n for split, n, _ in told} == {s: len(rows(release, s)) for s in ("train", "validation", "test")}
    joined = duckdb.sql(
        f"select count(*) from '{release}/data/*.parquet' d join '{release}/manifest/*.parquet' m using (id, label)"
    ).fetchall()
    assert joined == [(sum(n for _, n, _ in told),)]


@pytest.mark.parametrize("name", FORMS)
def test_mlcroissant_validates_and_reads_records(
    made: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlc = pytest.importorskip("mlcroissant")
    from mlcroissant._src.operation_graph.operations import download, extract

    # it keeps what it unpacked under a name made of the path in the release alone, so each release needs a cache of its own
    monkeypatch.setattr(extract, "EXTRACT_PATH", extract.EXTRACT_PATH.__class__(tmp_path / "extract"))
    monkeypatch.setattr(download.constants, "DOWNLOAD_PATH", extract.EXTRACT_PATH.__class__(tmp_path / "download"))
    release = made / "shards" / name
    dataset = mlc.Dataset(jsonld=str(release / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert str(dataset.metadata.ctx.conforms_to).endswith("1_1") or "1.1" in str(dataset.metadata.ctx.conforms_to)
    n = sum(len(rows(release, split)) for split in ("train", "validation", "test"))
    records = list(dataset.records("samples"))
    by_id = {row["id"]: row for split in ("train", "validation", "test") for row in rows(release, split)}
    assert {record["samples/id"].decode() for record in records} == set(by_id)
    for record in records:
        assert record["samples/label"].decode() == by_id[record["samples/id"].decode()]["label"]
    if name == "tables":
        assert all(record["samples/f00"].size == (64, 64) for record in records)
    if name == "tars":
        pictures = list(dataset.records("jpg"))
        assert len(pictures) == 5 * n
        assert {picture["jpg/key"].decode() for picture in pictures} == set(by_id)
    if name == "videos":
        assert len(list(dataset.records("mp4"))) == n
    assert {record["splits/name"] for record in dataset.records("splits")} == {"train", "validation", "test"}


def test_croissant_says_where_it_comes_from_and_what_it_is_not_for(made: Path) -> None:
    told = json.loads((made / "shards/tars/croissant.json").read_text())
    assert told["prov:wasGeneratedBy"]["@type"] == "prov:Activity"
    assert [one["prov:label"] for one in told["prov:wasDerivedFrom"]] == ["whole-frame", "synthetic"]
    assert any("Art. 5" in line for line in told["rai:dataLimitations"])
    assert any("public original" in line for line in told["rai:personalSensitiveInformation"])
    for one in told["distribution"]:
        if one["@type"] == "cr:FileObject":
            done = subprocess.run(
                ["sha256sum", made / "shards/tars" / one["contentUrl"]], capture_output=True, text=True
            )
            assert done.stdout.startswith(one["sha256"])


@pytest.fixture(scope="module")
def again(made: Path) -> Callable[..., dict[str, bytes]]:
    """A release made elsewhere, under another name of its folder, in another surrounding."""

    def run(out: Path, words: tuple[object, ...], umask: int = 0o22, **surrounding: str) -> dict[str, bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "gerdata.cli", "shard", *map(str, words), "--out", str(out), "--quiet"],
            env={**os.environ, **surrounding},
            preexec_fn=lambda: os.umask(umask),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return tree(out)

    return run


@pytest.mark.parametrize("name", ["tables", "videos"])
def test_the_same_bytes_wherever_and_in_whatever_order(
    made: Path, again: Callable[..., dict[str, bytes]], name: str, tmp_path: Path
) -> None:
    wanted = tree(made / "shards" / name)
    datasets = [made / "synth", made / "protected"]  # the other way round
    words = (*datasets, "--workspace", made, "--release", name, *RATE, *FORMS[name])
    odd = {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    assert again(tmp_path / "a", (*words, "--workers", 3), 0o77, **odd) == wanted
    assert again(tmp_path / "b", (*words, "--workers", 2), 0, LC_ALL="C.UTF-8", PYTHONHASHSEED="0") == wanted


def test_a_media_free_release_is_made_whole_again(
    made: Path, again: Callable[..., dict[str, bytes]], gerdata: Gerdata, tmp_path: Path
) -> None:
    shared = ("--workspace", made, "--quiet")
    for name in ("tars", "tables"):
        free = tmp_path / f"{name}-free"
        words = (*shared, "--release", name, *RATE, *FORMS[name])
        files = again(free, (*words, "--media-free"))
        assert not [path for path in files if path.endswith((".tar", ".jpg")) or path.startswith("data/")]
        assert not [path for path, data in files.items() if b"\xff\xd8\xff" in data or b"fLaC" in data]
        assert gerdata("verify", free).code == 0
        assert again(tmp_path / name, (*shared, "--from-manifest", free)) == tree(made / "shards" / name)


def test_bounds_of_quality_hold_against_sources_and_nothing_of_them_is_written(
    made: Path, again: Callable[..., dict[str, bytes]], gerdata: Gerdata, tmp_path: Path
) -> None:
    """Three of nine clips are dark by the private index; without it none is known to be bright."""
    private = open_private(Path(shutil.copytree(made / "private", tmp_path / "private")))
    path = private.root / "ingested/index.parquet"
    index = pq.read_table(path)
    ids = index["id"].to_pylist()
    bright = index["brightness"].to_pylist()
    assert min(bright) > 0.3
    dark = pa.array([0.02] * 3 + bright[3:])
    pq.write_table(index.set_column(index.schema.get_field_index("brightness"), "brightness", dark), path)
    words = ("--release", "bright", "--set", "kind=real", "--set", "min_brightness=0.15", "--synthetic-rate", 0)
    shared = ("--workspace", made, "--private", private.root)
    files = again(tmp_path / "bright", (*shared, *words))
    header = json.loads(files["dataset.json"])
    assert header["pool"]["left_out"] == {"kind": 12, "quality": 3}
    told = [row for split in ("train", "validation", "test") for row in rows(tmp_path / "bright", split)]
    assert {row["id"] for row in told} == {private.pseudonym("clip", "bright", name) for name in ids[3:]}
    assert [row["quality"] for row in told] == [None] * 6
    assert len(header["fingerprint"]["measures"]) == 32
    assert gerdata("verify", tmp_path / "bright").code == 0
    again(tmp_path / "free", (*shared, *words, "--media-free"))
    assert again(tmp_path / "whole", (*shared, "--from-manifest", tmp_path / "free")) == files
    path.unlink()
    ran = gerdata("shard", *words, *shared, "--out", tmp_path / "none")
    assert ran.code == 2
    assert "no samples to make a release of" in ran.err
    path.write_bytes(b"PAR1")
    assert "not a readable index" in gerdata("shard", *words, *shared, "--out", tmp_path / "none").err


def test_labels_that_may_not_pass_on_stay_and_come_back(made: Path, gerdata: Gerdata, tmp_path: Path) -> None:
    recipe = tmp_path / "bound.toml"
    recipe.write_text(
        'synthetic_rate = 0.3\n[[terms]]\nof = "protected"\nsource = "A corpus"\nlicence = "EULA"\n'
        "passes_media = false\npasses_labels = false\n"
    )
    shared = ("--workspace", made, "--quiet", "--release", "bound", "--recipe", recipe)
    refused = gerdata("shard", *shared, "--out", tmp_path / "whole")
    assert refused.code == 2
    assert "--media-free" in refused.err
    free = tmp_path / "free"
    assert gerdata("shard", *shared, "--out", free, "--media-free").code == 0
    told = [row for split in ("train", "validation", "test") for row in rows(free, split)]
    real = [row for row in told if not row["is_synthetic"]]
    assert len(real) == 9
    for field in ("label", "label_soft", "label_margin", "label_original"):
        assert {row[field] for row in real} == {None}
    assert "A corpus: EULA" in (free / "README.md").read_text()
    ran = gerdata("shard", "--workspace", made, "--quiet", "--from-manifest", free, "--out", tmp_path / "back")
    assert ran.code == 0, ran.err
    back = {row["id"]: row for split in ("train", "validation", "test") for row in rows(tmp_path / "back", split)}
    assert all(back[str(row["id"])]["label"] is not None for row in real)
    assert [row["id"] for row in told] == list(back)


def test_who_has_neither_key_nor_clips_makes_the_synthetic_samples(
    made: Path, gerdata: Gerdata, tmp_path: Path
) -> None:
    """From a media-free release alone: its recipe and seed make the scenes, their plans tell which is which, and what cannot
    be had is counted."""
    from gerdata.store.dataset import Dataset

    release, free = made / "shards" / "tars", tmp_path / "free"
    shared = ("--quiet", "--workspace", tmp_path)
    words = ("--workspace", made, "--quiet", "--release", "tars", *RATE, "--media-free", "--out", free)
    assert gerdata("shard", *words).code == 0
    recipe = free / "recipes" / "1-synth.toml"
    line = recipe.read_text().splitlines()[0].removeprefix("# gerdata ").split()
    assert gerdata(*(recipe if word == recipe.name else word for word in line), *shared).code == 0
    ran = gerdata("shard", "--json", "--from-manifest", free, "--out", tmp_path / "back", *shared)
    assert json.loads(ran.out)["reasons"] == {"source-missing": 9}
    assert gerdata("verify", tmp_path / "back").code == 0

    def samples(root: Path) -> dict[str, list[bytes]]:
        return {row.clip.id: Dataset(root).members(row) for row in _rows(root) if row.clip.is_synthetic}

    assert samples(tmp_path / "back") == samples(release)
    asked = gerdata("shard", "--workspace", made, "--from-manifest", release, *RATE, "--out", tmp_path / "x")
    assert asked.code == 2
    assert "cannot be asked for" in asked.err


def test_a_table_of_rows_alone_names_what_is_made(made: Path, gerdata: Gerdata, tmp_path: Path) -> None:
    release = made / "shards" / "tars"
    table = pq.read_table(release / "manifest/train.parquet").slice(0, 3)
    pq.write_table(table, tmp_path / "few.parquet")
    ran = gerdata(
        *("shard", "--workspace", made, "--quiet", "--release", "tars", "--from-manifest", tmp_path / "few.parquet"),
        *("--out", tmp_path / "few"),
    )
    assert ran.code == 0, ran.err
    assert [row["id"] for row in rows(tmp_path / "few")] == table["id"].to_pylist()
    assert gerdata("verify", tmp_path / "few").code == 0


def test_rows_that_lead_out_of_a_release_are_refused(made: Path, gerdata: Gerdata, tmp_path: Path) -> None:
    table = pq.read_table(made / "shards/tars/manifest/train.parquet").to_pylist()
    drawn = next(row for row in table if row["is_synthetic"])
    pq.write_table(pa.Table.from_pylist([drawn | {"id": "../../escape"}]), tmp_path / "odd.parquet")
    words = ("--workspace", made, "--quiet", "--from-manifest", tmp_path / "odd.parquet", "--out", tmp_path / "out")
    ran = gerdata("shard", *words)
    assert ran.code == 2
    assert "a name that no sample has" in ran.err
    assert not (tmp_path / "out").exists()


def test_groups_can_be_dropped_and_the_card_says_so(made: Path, gerdata: Gerdata, tmp_path: Path) -> None:
    out = tmp_path / "alone"
    small = ("--set", "max_shard_mb=0.06")
    words = (
        "--workspace",
        made,
        "--quiet",
        "--release",
        "alone",
        *RATE,
        "--drop-groups",
        "--date",
        "2026-03-04",
        *small,
    )
    assert gerdata("shard", *words, "--out", out).code == 0
    told = [row for split in ("train", "validation", "test") for row in rows(out, split)]
    assert len({row["group"] for row in told}) == len(told)
    sizes = [path.stat().st_size for path in out.glob("train/*.tar")]
    assert len(sizes) > 1
    assert max(sizes) <= 60_000
    text = (out / "README.md").read_text()
    assert "every sample is a group of its own" in text
    assert "- date: 2026-03-04" in text
    assert json.loads((out / "croissant.json").read_text())["datePublished"] == "2026-03-04"


def test_the_date_of_a_build_is_the_cards(made: Path, again: Callable[..., dict[str, bytes]], tmp_path: Path) -> None:
    words = ("--workspace", made, "--release", "dated", *RATE)
    files = again(tmp_path / "a", words, SOURCE_DATE_EPOCH="1700000000")
    assert b"- date: 2023-11-14" in files["README.md"]


def test_mixtures_are_refused_with_a_sentence(made: Path, gerdata: Gerdata, tmp_path: Path) -> None:
    small = ("--set", "frame_px=65", "--set", "n_frames=3", "--set", "duration_s=1.0")
    odd = ("--workspace", made, "--quiet", *small, "--out", tmp_path / "odd")
    assert gerdata("synth", "--recipe", "flat", "--n", 1, *odd).code == 0
    ran = gerdata("shard", made / "protected", tmp_path / "odd", "--workspace", made, "--out", tmp_path / "x")
    assert ran.code == 2
    assert "n_frames 3 do not fit n_frames 5" in ran.err
    ran = gerdata("shard", tmp_path / "odd", "--workspace", made, "--set", "mode=video", "--out", tmp_path / "y")
    assert ran.code == 2
    assert "a video has even sizes" in ran.err
    assert gerdata("shard", made / "synth", "--workspace", made, "--date", "soon", "--out", tmp_path / "z").code == 2
