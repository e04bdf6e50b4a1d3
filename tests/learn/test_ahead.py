"""Workers that decode for the trainer: the same run, and nothing that is decoded twice or left running."""

import contextlib
import dataclasses
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import write_release

from gerdata.errors import DatasetError
from gerdata.learn import ahead, data
from gerdata.learn import train as training
from gerdata.learn.ahead import Ahead, in_turn
from gerdata.learn.batch import Form
from gerdata.learn.beside import Beside
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.train import train
from gerdata.manifest import MANIFEST_SCHEMA, Row, read_rows, write_rows
from gerdata.recipe import AugmentRecipe, TrainRecipe, load
from gerdata.release import ReleaseDataset, open_release

FORM = Form(32, 32, 2, 0.5, "both")
FILES = ("model.safetensors", "last.safetensors", "metrics.jsonl", "run.json")


@pytest.fixture(params=[0, 1 << 40], ids=["not kept", "kept"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """How much of a split may be kept in memory."""
    monkeypatch.setattr(data, "CACHE_LIMIT_BYTES", request.param)
    yield request.param
    assert not [one for one in multiprocessing.active_children() if "loader" in one.name]


@pytest.fixture(scope="module")
def told(recipe: TrainRecipe) -> TrainRecipe:
    """With changes of the waveform, two pieces a step, and a last step that is not full."""
    strong = load(AugmentRecipe, "augment", "strong")
    return recipe.model_copy(update={"epochs": 2, "batch": 7, "accumulate": 2, "augment": strong})


@pytest.fixture(scope="module")
def alone(release: Path, told: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    train(told, release, out, seed=1, threads=1)
    return out


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_is_the_same_bytes_with_workers_and_without_kept_or_not(
    alone: Path, release: Path, told: TrainRecipe, tmp_path: Path, room: int, workers: int
) -> None:
    train(told, release, tmp_path, seed=1, threads=1, beside=Beside(workers=workers))
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (alone / name).read_bytes(), name


def test_a_video_release_is_learnt_from_alike(told: TrainRecipe, tmp_path: Path, room: int) -> None:
    release = write_release(tmp_path / "r", {"train": 12, "validation": 4}, mode="video")
    for workers in (0, 1):
        train(told, release, tmp_path / f"{workers}", seed=1, threads=1, beside=Beside(workers=workers))
    for name in FILES:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes(), name


def test_the_process_that_learns_decodes_nothing_itself(
    release: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = ReleaseSplit(release, "train", FORM, keep_sound=True)
    order = split.order(0, 1)
    wanted = [split[i] for i in order]
    split = ReleaseSplit(release, "train", FORM, keep_sound=True)
    split.workers = 2
    monkeypatch.setattr(ReleaseDataset, "media", lambda *_: pytest.fail("decoded by the process that learns"))
    monkeypatch.setattr(ahead, "CLIPS", 3)
    with split.ahead(order):
        came = [split[i] for i in order]  # held side by side: no buffer shows through
    for one, other in zip(came, wanted, strict=True):
        assert one.id == other.id
        assert torch.equal(one.video, other.video)
        assert torch.equal(one.audio, other.audio)
        assert one.sound is not None
        assert other.sound is not None
        assert np.array_equal(one.sound, other.sound)


def test_what_is_in_memory_is_not_decoded_again(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = ReleaseSplit(release, "train", FORM)
    split.workers = 1
    with split.ahead([0, 1]):
        kept = [split[0].video, split[1].video]
    monkeypatch.setattr(data, "Ahead", lambda *_: pytest.fail("started workers for nothing"))
    with split.ahead([1, 0]):
        assert split[1].video is kept[1]


def test_a_clip_out_of_turn_is_read_all_the_same(release: Path) -> None:
    source = open_release(release)
    with Ahead(source, [3, 1, 2], workers=1) as coming:
        assert coming.take(1) is None
        for row in (3, 1, 2):
            media = coming.take(row)
            assert media is not None
            assert all(np.array_equal(a, b) for a, b in zip(media, source.media(row), strict=True))
        assert coming.take(2) is None


@pytest.mark.parametrize("workers", [0, 2])
def test_damage_ends_a_run_and_names_the_clip(
    workers: int, told: TrainRecipe, tmp_path: Path, make_release: Callable[..., Path], room: int
) -> None:
    release = make_release(tmp_path / "r", {"train": 12, "validation": 3})
    row = read_rows(release / "manifest" / "train.parquet")[5]
    with (release / str(row.shard)).open("r+b") as file:
        file.seek(row.member_offset[1])
        file.write(b"\0" * 40)
    with pytest.raises(DatasetError, match=f"clip {row.clip.id}: expected a JPEG frame.*run verify"):
        train(told, release, tmp_path / "run", seed=1, threads=1, beside=Beside(workers=workers))


def test_sound_that_is_longer_than_the_manifest_says_is_not_cut(
    tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    release = make_release(tmp_path / "r", {"train": 3})
    path = release / "manifest" / "train.parquet"
    write_rows(path, [short(row) for row in read_rows(path)], MANIFEST_SCHEMA)
    source = open_release(release)
    with Ahead(source, [0, 1], workers=1) as coming:
        media = coming.take(0)
        assert media is not None
        assert np.array_equal(media[1], source.media(0)[1])


def short(row: Row) -> Row:
    return dataclasses.replace(row, clip=dataclasses.replace(row.clip, duration_s=0.5))


def test_the_next_batch_is_read_while_the_last_is_learnt_from() -> None:
    read: list[int] = []
    begun = threading.Event()

    def reading(number: int) -> int:
        read.append(number)
        if number == 1:
            begun.set()
        return number

    with in_turn(reading, range(3)) as numbers:
        assert next(numbers) == 0
        assert begun.wait(5)
        assert list(numbers) == [1, 2]


def test_a_reader_that_is_left_early_ends_and_its_error_is_the_callers() -> None:
    def reading(number: int) -> int:
        if number:
            raise DatasetError(f"clip {number}")
        return number

    with pytest.raises(DatasetError, match="clip 1"), in_turn(reading, range(3)) as numbers:
        list(numbers)
    with in_turn(reading, range(3)) as numbers:
        next(numbers)
    assert not [one for one in threading.enumerate() if one.name.startswith("gerdata-reader")]


def test_a_run_that_reads_a_batch_ahead_is_the_same_bytes_as_one_that_does_not(
    alone: Path, release: Path, told: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "in_turn", lambda read, tasks: contextlib.nullcontext(map(read, tasks)))
    train(told, release, tmp_path, seed=1, threads=1)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (alone / name).read_bytes(), name


def test_the_reader_computes_with_as_many_threads_as_its_caller() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    with in_turn(lambda _: torch.get_num_threads(), range(2)) as numbers:
        assert list(numbers) == [3, 3]
    torch.set_num_threads(before)
