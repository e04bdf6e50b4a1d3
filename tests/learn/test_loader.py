"""The loader: the bytes of the release in the promised order, whoever reads them; and no way to hang."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stuck import Stuck
from toys import HEIGHT, WIDTH, T, write_release

from gerdata.errors import DatasetError, GerdataError, UsageError
from gerdata.learn.loader import ClipBatch, Loader, Loading
from gerdata.learn.sampler import Mixing
from gerdata.learn.worker import Source
from gerdata.manifest import read_rows
from gerdata.release import ReleaseDataset, open_release

EVERY = Mixing(unlabelled=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReleaseDataset:
    """Seventeen clips in four shards."""
    return open_release(write_release(tmp_path_factory.mktemp("load") / "release", {"train": 17}, per_shard=5))


def ids_of(loader: Loader, epoch: int, start: int = 0) -> list[str]:
    return [name for batch in loader.epoch(epoch, start) for name in batch.ids]


@pytest.mark.parametrize(("workers", "method"), [(0, "fork"), (2, "forkserver"), (1, "spawn"), (2, "fork")])
@pytest.mark.parametrize("reuse", [True, False])
def test_batches_hold_what_the_release_holds(data: ReleaseDataset, workers: int, method, reuse: bool) -> None:
    how = Loading(4, 1, EVERY, workers=workers, start_method=method, reuse_buffers=reuse)
    with Loader(data, how) as loader:
        seen = 0
        for batch in loader.epoch(0):
            assert batch.video.shape == (4, T, 3, HEIGHT, WIDTH)
            for k, name in enumerate(batch.ids):
                sample = data.by_id(name)
                assert np.array_equal(batch.video[k].permute(0, 2, 3, 1).numpy(), sample.frames)
                length = int(batch.audio_length[k])
                assert length == len(sample.audio)
                assert np.array_equal(batch.audio[k, :length].numpy(), sample.audio)
                assert not batch.audio[k, length:].any()
                label = -1 if sample.clip.label is None else data.classes.index(sample.clip.label)
                assert int(batch.labels[k]) == label
                flags = bool(batch.has_audio[k]), bool(batch.has_video[k]), bool(batch.is_synthetic[k])
                assert flags == (sample.clip.has_audio, sample.clip.has_video, sample.clip.is_synthetic)
            seen += 1
        assert seen == loader.steps(0) == 5
        assert not loader.bad


@pytest.mark.parametrize("workers", [0, 1])
def test_videos_load_too(tmp_path: Path, workers: int) -> None:
    data = open_release(write_release(tmp_path / "r", {"train": 5}, mode="video"))
    with Loader(data, Loading(2, 1, EVERY, workers=workers)) as loader:
        for batch in loader.epoch(0):
            for k, name in enumerate(batch.ids):
                assert np.array_equal(batch.video[k].permute(0, 2, 3, 1).numpy(), data.by_id(name).frames)
        assert not loader.bad


@pytest.mark.parametrize("workers", [0, 2])
def test_two_held_batches_are_copies_unless_buffers_are_reused(data: ReleaseDataset, workers: int) -> None:
    def hold_two(reuse: bool) -> tuple[ClipBatch, torch.Tensor, ClipBatch]:
        with Loader(data, Loading(1, 1, EVERY, workers=workers, reuse_buffers=reuse)) as loader:
            batches = loader.epoch(0)
            first = next(batches)
            as_it_was = first.video.clone()
            for _ in range(10):  # there are 2 x 2 + 1 slots at most, so the first is filled again by then
                second = next(batches)
            assert first.ids != second.ids
            return first, as_it_was, second

    first, as_it_was, second = hold_two(reuse=False)
    assert torch.equal(first.video, as_it_was)
    assert first.video.data_ptr() != second.video.data_ptr()
    first, as_it_was, second = hold_two(reuse=True)
    assert not torch.equal(first.video, as_it_was)
    assert torch.equal(second.video[0].permute(0, 2, 3, 1), torch.from_numpy(data.by_id(second.ids[0]).frames))


def test_workers_write_into_a_few_slots_for_ever(data: ReleaseDataset) -> None:
    with Loader(data, Loading(1, 1, EVERY, workers=2, reuse_buffers=True)) as loader:
        places = {batch.video.data_ptr() for epoch in range(2) for batch in loader.epoch(epoch)}
    assert len(places) <= 2 * 2 + 1


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_that_the_caller_chose_come_as_chosen(data: ReleaseDataset, workers: int) -> None:
    chosen = [[5, 5, 0], [16], [2, 3]]
    with Loader(data, Loading(3, workers=workers)) as loader:
        came = [[data.ids.find(name) for name in batch.ids] for batch in loader.given(chosen)]
        assert came == chosen
        assert [len(batch.video) for batch in loader.given(chosen)] == [3, 1, 2]
        assert list(loader.given([])) == []


def test_order_depends_on_seed_and_epoch_alone(data: ReleaseDataset) -> None:
    how = Loading(3, 7, workers=0)
    wanted = [ids_of(Loader(data, how), epoch) for epoch in (0, 1)]
    assert wanted[0] != wanted[1]
    for workers in (1, 3):
        with Loader(data, replace(how, workers=workers)) as loader:
            assert [ids_of(loader, epoch) for epoch in (0, 1)] == wanted
    assert ids_of(Loader(data, replace(how, seed=8)), 0) != wanted[0]


@pytest.mark.parametrize(("world", "batch", "workers"), [(1, 2, 0), (2, 1, 2), (3, 2, 1)])
def test_a_run_resumed_mid_epoch_with_other_ranks_and_workers_goes_on_exactly(
    data: ReleaseDataset, world: int, batch: int, workers: int
) -> None:
    whole = ids_of(Loader(data, Loading(1, 5)), 2)
    ranks = [Loader(data, Loading(2, 5, rank=rank, world=2, workers=1)) for rank in range(2)]
    runs = [rank.epoch(2) for rank in ranks]
    seen = [name for _ in range(2) for run in runs for name in next(run).ids]  # two steps of two ranks
    position = ranks[0].position
    assert position == ranks[1].position == 8
    for rank in ranks:
        rank.close()
    later = [Loader(data, Loading(batch, 5, rank=rank, world=world, workers=workers)) for rank in range(world)]
    rest = [[list(b.ids) for b in loader.epoch(2, position)] for loader in later]
    seen += [name for step in zip(*rest, strict=True) for names in step for name in names]
    for loader in later:
        loader.close()
    assert seen[: len(whole)] == whole


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_of_seven_clips_in_batches_of_two_do_not_hang(tmp_path: Path, world: int) -> None:
    release = write_release(tmp_path / "r", {"train": 7})
    script = Path(__file__).with_name("ranks.py")
    runs = [
        subprocess.Popen(
            [sys.executable, str(script), str(release), str(rank), str(world), str(tmp_path / "meet")],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for rank in range(world)
    ]  # fmt: skip
    try:
        seen = [json.loads(run.communicate(timeout=120)[0]) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0] * world
    assert {len(rank) for rank in seen} == {4}  # two epochs of two steps
    assert {name for rank in seen for batch in rank for name in batch} == {f"train-{i:03d}" for i in range(7)}


# ---- what goes wrong


def spoil(release: Path, number: int) -> str:
    row = read_rows(release / "manifest/train.parquet")[number]
    with (release / str(row.shard)).open("r+b") as file:
        file.seek(row.member_offset[1])
        file.write(b"\0" * 40)
    return row.clip.id


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_clips_are_named_counted_and_replaced_by_the_next_of_their_kind(tmp_path: Path, workers: int) -> None:
    release = write_release(tmp_path / "r", {"train": 17}, per_shard=5)
    data = open_release(release)
    with Loader(data, Loading(3, 1)) as whole:
        wanted = [list(batch.ids) for batch in whole.epoch(0)]
    names = [spoil(release, 3), spoil(release, 6)]  # classes 0 and 0, both real
    stand_in = {names[0]: "train-009", names[1]: "train-009"}
    data = open_release(release)
    for batch in (3, 4):
        with Loader(data, Loading(batch, 1, workers=workers)) as loader:
            seen = [list(batch.ids) for batch in loader.epoch(0)]
            assert set(loader.bad) == set(names)
            assert {data.ids[bad.instead] for bad in loader.bad.values()} == {"train-009"}
            assert all("expected a JPEG" in bad.reason and name in bad.reason for name, bad in loader.bad.items())
        if batch == 3:
            assert seen == [[stand_in.get(name, name) for name in names] for names in wanted]
        labels = [int(label) for b in Loader(data, Loading(batch, 1)).epoch(0) for label in b.labels]
        assert labels == [data.labels[data.ids.find(name)] for names in seen for name in names]


@pytest.mark.parametrize("workers", [0, 2])
def test_damage_is_fatal_where_that_is_asked_for_or_nothing_can_stand_in(tmp_path: Path, workers: int) -> None:
    release = write_release(tmp_path / "r", {"train": 9})
    name = spoil(release, 4)
    with Loader(open_release(release), Loading(3, 1, workers=workers, on_bad="raise")) as loader:
        with pytest.raises(DatasetError, match=f"clip {name}: expected a JPEG"):
            list(loader.epoch(0))
        with pytest.raises(DatasetError, match=f"clip {name}"):
            list(loader.epoch(0))  # again: new workers
    for number in range(9):
        spoil(release, number)
    with Loader(open_release(release), Loading(3, 1, workers=workers)) as loader:
        with pytest.raises(DatasetError, match="none of up to 16 clips that might stand in"):
            list(loader.epoch(0))


ENDS = {
    "dies": (GerdataError, "worker ended by SIGKILL: worker . reads clip train-001 of train/train-000000.tar"),
    "exits": (GerdataError, "worker ended with exit code 7: worker . reads clip train-001"),
    "hangs": (GerdataError, "no batch for 4 s: .*worker . reads clip train-001.*stuck"),
    "has a defect": (RuntimeError, r"(?s)in a loader's worker.*ZeroDivisionError: planted"),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_worker_that_ends_or_hangs_is_an_error_that_names_what_it_read(data, how: str, method) -> None:
    kind, told = ENDS[how]
    timeout_s = 4.0 if how == "hangs" else 60.0
    loading = Loading(2, 1, Mixing(shuffle=False), workers=2, timeout_s=timeout_s, start_method=method)
    loader = Loader(Stuck(data, how), loading)  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(kind, match=told):
        list(loader.epoch(0))
    assert time.monotonic() - began < 60
    assert loader._crew is None


def test_an_epoch_left_early_does_not_spoil_the_next_and_two_at_once_are_refused(data: ReleaseDataset) -> None:
    with Loader(data, Loading(2, 1, workers=2)) as loader:
        wanted = ids_of(loader, 1)
        left = loader.epoch(0)
        next(left)
        assert ids_of(loader, 1) == wanted
        with pytest.raises(UsageError, match="one at a time"):
            list(left)


def test_nothing_is_left_behind_when_a_run_is_killed(tmp_path: Path) -> None:
    """SIGKILL in the trainer: its workers end, and /dev/shm is as before."""
    release = write_release(tmp_path / "r", {"train": 9})
    code = (
        "import sys, time, gerdata\n"
        "from gerdata.learn.loader import Loader, Loading\n"
        "if __name__ == '__main__':\n"
        f"    loader = Loader(gerdata.open_release({str(release)!r}), Loading(1, workers=2, start_method=sys.argv[1]))\n"
        "    next(loader.epoch(0))\n"
        "    print(*[w.process.pid for w in loader._crew.workers], flush=True)\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "run.py").write_text(code)
    before = set(os.listdir("/dev/shm"))
    for method in ("fork", "forkserver"):
        run = subprocess.Popen([sys.executable, str(tmp_path / "run.py"), method], stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        workers = [int(word) for word in run.stdout.readline().split()]
        assert len(workers) == 2
        run.kill()
        run.wait()
        until = time.monotonic() + 20
        while any(is_alive(pid) for pid in workers) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(is_alive(pid) for pid in workers), method
    assert set(os.listdir("/dev/shm")) <= before


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_script_without_a_guard_is_told_what_it_lacks(tmp_path: Path) -> None:
    release = write_release(tmp_path / "r", {"train": 3})
    (tmp_path / "run.py").write_text(
        "import gerdata\nfrom gerdata.learn.loader import Loader, Loading\n"
        f"list(Loader(gerdata.open_release({str(release)!r}), Loading(1, workers=1)).epoch(0))\n"
    )
    ran = subprocess.run([sys.executable, str(tmp_path / "run.py")], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert "needs `if __name__ == '__main__':`" in ran.stderr.splitlines()[-1]


def test_sound_is_cut_or_padded_to_what_is_asked_for(data: ReleaseDataset) -> None:
    for audio_s in (0.1, 2.0):
        batch = next(Loader(data, Loading(17, mixing=EVERY, audio_s=audio_s)).epoch(0))
        assert batch.audio.shape == (17, round(audio_s * 16000))
        assert int(batch.audio_length.max()) == min(8000 + 480, round(audio_s * 16000))
    assert Source.of(data, None).audio_n >= 8480


def test_a_share_of_synthetic_clips_and_balance_reach_the_batches(data: ReleaseDataset) -> None:
    half = list(Loader(data, Loading(4, mixing=Mixing(synthetic_share=0.5))).epoch(0))
    assert all(int(batch.is_synthetic.sum()) == 2 for batch in half)
    even = list(Loader(data, Loading(6, mixing=Mixing(balanced=True), tail="drop")).epoch(0))
    assert all(torch.bincount(batch.labels).tolist() == [2, 2, 2] for batch in even)


@pytest.mark.parametrize("how", [Loading(0), Loading(workers=-1), Loading(rank=2, world=2)])
def test_what_cannot_be_meant_is_refused(data: ReleaseDataset, how: Loading) -> None:
    with pytest.raises(UsageError):
        Loader(data, how)


def test_wav_shards_load_too(tmp_path: Path) -> None:
    release = open_release(write_release(tmp_path / "r", {"train": 4}, sound="wav"))
    for batch in Loader(release, Loading(2, workers=0)).epoch(0):
        for k, name in enumerate(batch.ids):
            sound = release.by_id(name).audio
            assert np.array_equal(batch.audio[k, : len(sound)].numpy(), sound)


def test_the_five_lines_of_the_documentation_train(data: ReleaseDataset, tmp_path: Path) -> None:
    """Each Python block of docs/loading.md runs as it stands, in a process of its own."""
    text = (Path(__file__).parents[2] / "docs" / "loading.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    guarded = [block for block in blocks if "__main__" in block]
    rest = [block for block in blocks if "__main__" not in block]
    assert len(guarded) == 2
    assert len(rest) == 3
    write_release(tmp_path / "release", {"train": 40, "validation": 6})
    for number, code in enumerate([*guarded, "\n".join(rest)]):
        script = tmp_path / f"block{number}.py"
        script.write_text(code)
        ran = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, f"{code}\n{ran.stderr}"
