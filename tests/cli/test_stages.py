"""The five commands on small clips made here: counts, same bytes, names, refusals, and what readers of others see."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Gerdata, Ran
from making import tree

SETS = ("ingested", "protected", "synth", "shards")


def run_all(gerdata: Gerdata, clips: Path, workspace: Path, key: Path, workers: int = 1) -> list[Ran]:
    shared = ("--workspace", workspace, "--json", "--quiet", "--workers", workers, "--key", key)
    return [
        gerdata("ingest", clips, *shared),
        gerdata("protect", *shared),
        gerdata("synth", "--recipe", "flat", "--n", 12, *shared),
        gerdata("shard", "--synthetic-rate", 0.4, *shared),
    ]


def datasets(workspace: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(workspace).items() if name.split("/")[0] in SETS}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text("ab" * 32)
    return path


@pytest.fixture(scope="module")
def made(gerdata: Gerdata, clips: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    workspace = tmp_path_factory.mktemp("made") / "workspace"
    ran = run_all(gerdata, clips, workspace, key)
    assert [one.code for one in ran] == [0, 0, 0, 0], [one.err for one in ran]
    return workspace, [json.loads(one.out) for one in ran]


def test_counts_add_up_at_every_stage(made: tuple[Path, list[dict]]) -> None:
    _, told = made
    assert [(d["command"], d["read"], d["written"], d["rejected"]) for d in told] == [
        ("ingest", 9, 9, 0),
        ("protect", 9, 9, 0),
        ("synth", 12, 12, 0),
        ("shard", told[3]["read"], told[3]["read"], 0),
    ]
    n_train = told[0]["splits"]["train"]
    assert told[3]["synthetic"] == round(n_train * 0.4 / 0.6)
    assert told[3]["splits"] == {**told[0]["splits"], "train": n_train + told[3]["synthetic"]}
    assert told[0]["labels"] == {"positive": 3, "neutral": 3, "negative": 3}
    assert "heads filled" in told[1]["notice"]
    assert "can identify its people" in told[1]["notice"]


def test_workers_and_a_second_run_change_no_byte(
    gerdata: Gerdata, clips: Path, key: Path, made: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    run_all(gerdata, clips, tmp_path / "w", key, workers=3)
    assert datasets(tmp_path / "w") == datasets(made[0])


def test_another_key_gives_other_names_and_the_same_splits(
    gerdata: Gerdata, clips: Path, made: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    gerdata("ingest", clips, "--workspace", tmp_path, "--quiet")

    def splits(workspace: Path) -> tuple[dict[str, str], set[str]]:
        index = pq.read_table(workspace / "private/ingested/index.parquet").to_pylist()
        rows = {row["id"]: row["split"] for row in pq.read_table(workspace / "ingested/manifest.parquet").to_pylist()}
        return {entry["sha256"]: rows[entry["id"]] for entry in index}, set(rows)

    ours, names = splits(tmp_path)
    theirs, other_names = splits(made[0])
    assert ours == theirs
    assert len(set(ours.values())) == 3
    assert not names & other_names


def test_a_release_has_names_of_its_own(gerdata: Gerdata, made: tuple[Path, list[dict]], tmp_path: Path) -> None:
    workspace = made[0]
    ran = gerdata("shard", "--workspace", workspace, "--release", "second", "--out", tmp_path / "second", "--quiet")
    assert ran.code == 0, ran.err

    def names(root: Path, column: str) -> set[str]:
        tables = [*root.glob("manifest.parquet"), *root.glob("manifest/*.parquet")]
        return {row[column] for path in tables for row in pq.read_table(path, columns=[column]).to_pylist()}

    for column in ("id", "group"):
        sets = [names(workspace / s, column) for s in ("protected", "synth")] + [
            names(workspace / "shards/release", column),
            names(tmp_path / "second", column),
        ]
        assert sum(map(len, sets)) == len(set.union(*sets))


def test_nothing_of_the_source_is_in_what_is_passed_on(clips: Path, made: tuple[Path, list[dict]], key: Path) -> None:
    """File names, paths, digests and the key, in no byte of a protected dataset or release."""
    import hashlib

    words = [key.read_bytes()[:16], str(clips).encode(), b"clip0", b".mp4"]
    for path in clips.rglob("*.mp4"):
        digest = hashlib.sha256(path.read_bytes())
        words += [digest.hexdigest().encode(), digest.digest(), path.name.encode()]
    for name, data in datasets(made[0]).items():
        assert not [word for word in words if word in data], name


def test_verify_finds_nothing_and_then_every_planted_fault(
    gerdata: Gerdata, made: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    release = made[0] / "shards" / "release"
    for name in ("ingested", "protected", "synth", "shards/release"):
        ran = gerdata("verify", made[0] / name, "--json")
        assert (ran.code, json.loads(ran.out)["findings"]) == (0, [])
    shard = next(release.glob("train/*.tar")).relative_to(release)
    sample = pq.read_table(release / "manifest/train.parquet").to_pylist()[0]

    def flip(path: Path, at: int) -> None:
        data = bytearray(path.read_bytes())
        data[at] ^= 0x10
        path.write_bytes(bytes(data))

    faults = {
        "flip": lambda root: flip(root / shard, sample["member_offset"][0] + 300),
        "cut": lambda root: (root / shard).write_bytes((root / shard).read_bytes()[:-2000]),
        "extra": lambda root: (root / "notes.txt").write_text("x"),
        "gone": lambda root: (root / shard).unlink(),
        "table": lambda root: (root / "manifest/test.parquet").unlink(),
    }
    for name, plant in faults.items():
        copy = tmp_path / name
        shutil.copytree(release, copy)
        plant(copy)
        ran = gerdata("verify", copy, "--json")
        document = json.loads(ran.out)
        assert ran.code == 4, name
        assert document["status"] == "found"
        assert document["findings"], name
    # a sample that was changed together with its checksum is still named, by what it decodes to
    copy = tmp_path / "forged"
    shutil.copytree(release, copy)
    flip(copy / shard, sample["member_offset"][6] + 40)
    lines = (copy / "checksums.sha256").read_text().splitlines()
    fixed = subprocess.run(
        ["sha256sum", str(shard)], cwd=copy, capture_output=True, text=True, check=True
    ).stdout.strip()
    (copy / "checksums.sha256").write_text(
        "\n".join(fixed if line.endswith(str(shard)) else line for line in lines) + "\n"
    )
    found = json.loads(gerdata("verify", copy, "--json").out)["findings"]
    assert [finding for finding in found if sample["id"] in finding["where"]], found


def test_sha256sum_agrees_with_the_checksums(made: tuple[Path, list[dict]]) -> None:
    release = made[0] / "shards" / "release"
    subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=release, check=True)


def test_too_few_synthetic_samples_are_told_by_number(
    gerdata: Gerdata, made: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    ran = gerdata("shard", "--workspace", made[0], "--synthetic-rate", 0.95, "--out", tmp_path / "r", "--json")
    n_train = made[1][0]["splits"]["train"]
    assert ran.code == 2
    assert f"needs {round(n_train * 19)} synthetic samples; {round(n_train * 19) - 12} are missing" in ran.err
    assert json.loads(ran.out)["status"] == "failed"
    assert not (tmp_path / "r").exists()
    assert gerdata("shard", "--workspace", made[0], "--synthetic-rate", 1, "--out", tmp_path / "r").code == 2


def test_raw_data_need_a_word_of_acceptance_and_are_marked(
    gerdata: Gerdata, made: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    shared = ("--workspace", made[0], "--recipe", "global", "--out", tmp_path / "raw")
    refused = gerdata("protect", *shared)
    assert refused.code == 2
    assert "--accept-raw" in refused.err
    assert not (tmp_path / "raw").exists()
    ran = gerdata("protect", *shared, "--accept-raw", "--json")
    assert "NOT OBFUSCATED" in json.loads(ran.out)["notice"]
    header = json.loads((tmp_path / "raw/dataset.json").read_text())
    assert header["protection"] == "global (not obfuscated)"
    rows = pq.read_table(tmp_path / "raw/manifest.parquet").to_pylist()
    assert {row["protection"] for row in rows} == {"global (not obfuscated)"}
    assert all(row["has_audio"] for row in rows)


def test_a_source_that_changed_or_went_is_not_protected(gerdata: Gerdata, clips: Path, tmp_path: Path) -> None:
    shutil.copytree(clips, tmp_path / "clips")
    gerdata("ingest", tmp_path / "clips", "--workspace", tmp_path / "w", "--quiet")
    (tmp_path / "clips/positive/clip0.mp4").write_bytes((tmp_path / "clips/neutral/clip3.mp4").read_bytes())
    (tmp_path / "clips/positive/clip1.mp4").unlink()
    ran = gerdata("protect", "--workspace", tmp_path / "w", "--json", "--max-rejects", 1)
    assert ran.code == 3
    document = json.loads(ran.out)
    assert document["reasons"] == {"source-changed": 1, "source-missing": 1}
    assert (document["read"], document["written"], document["rejected"]) == (9, 7, 2)


def test_the_seed_is_part_of_what_a_dataset_is(gerdata: Gerdata, made: tuple[Path, list[dict]]) -> None:
    ran = gerdata("synth", "--recipe", "flat", "--n", 12, "--workspace", made[0], "--seed", 5)
    assert ran.code == 1
    assert "another seed" in ran.err


def test_synth_grows_without_changing_what_is_there(gerdata: Gerdata, tmp_path: Path) -> None:
    def samples() -> dict[str, list[bytes]]:
        from gerdata.store.dataset import Dataset

        dataset = Dataset(tmp_path / "synth")
        return {row.clip.id: dataset.members(row) for row in dataset.rows()}

    gerdata("synth", "--recipe", "flat", "--n", 3, "--workspace", tmp_path, "--quiet")
    before = samples()
    gerdata("synth", "--recipe", "flat", "--n", 7, "--workspace", tmp_path, "--quiet")
    after = samples()
    assert (len(before), len(after)) == (3, 7)
    assert {name: after[name] for name in before} == before


def test_a_purely_synthetic_release_is_split_by_cast_and_says_so(
    gerdata: Gerdata, made: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    ran = gerdata("shard", made[0] / "synth", "--workspace", tmp_path, "--json")
    assert ran.code == 0, ran.err
    release = tmp_path / "shards/release"
    rows = [row for path in release.glob("manifest/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len(rows) == 12
    casts: dict[str, set[str]] = {}
    for row in rows:
        casts.setdefault(row["group"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in casts.values())
    assert "every figure measured on these data is one on synthetic data" in (release / "README.md").read_text()
    header = json.loads((release / "dataset.json").read_text())
    assert header["members"][-1] == "structure.npz"
    mixed = json.loads((made[0] / "shards/release/dataset.json").read_text())
    assert "structure.npz" not in mixed["members"]


def test_pandas_and_pyarrow_read_the_index_and_find_the_bytes(made: tuple[Path, list[dict]]) -> None:
    import pandas as pd

    release = made[0] / "shards" / "release"
    frame = pd.read_parquet(release / "manifest/train.parquet")
    assert set(frame.label) <= {"positive", "neutral", "negative"}
    row = frame.iloc[0]
    with (release / row["shard"]).open("rb") as file:
        file.seek(row["member_offset"][0])
        assert file.read(2) == b"\xff\xd8"


def test_webdataset_reads_a_release(made: tuple[Path, list[dict]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WDS_SECURE", "1")
    wds = pytest.importorskip("webdataset")
    release = made[0] / "shards" / "release"
    shards = sorted(str(path) for path in release.glob("train/*.tar"))
    found = list(wds.WebDataset(shards, shardshuffle=False, empty_check=False))
    rows = pq.read_table(release / "manifest/train.parquet").to_pylist()
    assert [sample["__key__"] for sample in found] == [row["id"] for row in rows]
    for sample, row in zip(found, rows, strict=True):
        assert json.loads(sample["json"])["label"] == row["label"]
        assert [name for name in sample if not name.startswith("__")] == [
            *(f"f{i:02d}.jpg" for i in range(5)),
            "flac",
            "json",
        ]


def test_hugging_face_datasets_reads_a_release(
    made: tuple[Path, list[dict]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    release = made[0] / "shards" / "release"
    table = datasets.load_dataset("parquet", data_dir=str(release / "manifest"), cache_dir=str(tmp_path))
    assert set(table) == {"train", "validation", "test"}
    rows = pq.read_table(release / "manifest/train.parquet").to_pylist()
    assert table["train"]["id"] == [row["id"] for row in rows]


def test_hugging_face_datasets_reads_the_media(
    made: tuple[Path, list[dict]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchcodec", reason="datasets 5 reads tars that hold sound only with torchcodec")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    media = datasets.load_dataset(str(made[0] / "shards" / "release"), cache_dir=str(tmp_path))
    assert media["train"].num_rows == made[1][3]["splits"]["train"]


def test_the_command_starts_light() -> None:
    """Nothing heavy is imported before a command runs (0.4 s is promised for --help)."""
    program = "import sys, gerdata.cli; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pandas", "av", "cv2", "scipy", "pyarrow", "pydantic"} & set(loaded)
