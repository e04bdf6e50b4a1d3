"""A stage: the same bytes for any number of workers, kills and slices; refusals that name the field; two sums."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from making import tree

from gerdata.engine.account import count
from gerdata.engine.run import Job, Options, even_cuts, run
from gerdata.engine.work import Item, Limits
from gerdata.errors import AccountError, DatasetError, FingerprintError, UsageError
from gerdata.manifest import Row, read_rows
from gerdata.store.dataset import Dataset, begin


@pytest.fixture(autouse=True)
def _workers_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))


def job_of(out: Path, n: int = 10, seed: int = 0, pause_s: float = 0.0) -> Job:
    what = {3: "reject", 7: "exit"}
    items = [Item(f"item{i:03d}", {"do": what.get(i, "work"), "clips": 1 + i % 2}) for i in range(n)]
    return Job(
        dataset=Dataset(out),
        stage="test",
        worker="faulty:FaultyWorker",
        settings={"pause_s": pause_s},
        items=items,
        cuts=even_cuts(n, 2, has_media=True),
        fingerprint={"format": "1", "stage": "test", "seed": str(seed), "recipe": "r"},
        recipe={},
        seed=seed,
        classes=("neutral",),
        members=("a.bin", "json"),
        limits=Limits(memory_bytes=1 << 30),
    )


def options(tmp_path: Path, **changes: object) -> Options:
    return replace(Options(logs=tmp_path / "logs", quiet=True), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    here = str(Path(__file__).parent)
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([here, before])
    root = tmp_path_factory.mktemp("undisturbed")
    run(job_of(root / "set"), options(root))
    os.environ["PYTHONPATH"] = before
    return tree(root / "set")


def test_the_two_sums_hold_and_every_item_is_accounted_for(tmp_path: Path) -> None:
    header = run(job_of(tmp_path / "set"), options(tmp_path))
    assert header is not None
    counts = header.counts
    assert (counts.sources, counts.sources_accepted, counts.sources_rejected) == (10, 8, 2)
    assert (counts.clips, counts.written, counts.rejected) == (13, 11, 2)
    assert counts.reasons == {"crash": 1, "truncated": 1}
    assert len(read_rows(tmp_path / "set" / "manifest.parquet")) == 11
    assert [row.clip.id for row in Dataset(tmp_path / "set").rows()] == sorted(
        row.clip.id for row in Dataset(tmp_path / "set").rows()
    )


def test_a_row_that_went_missing_breaks_the_account(tmp_path: Path) -> None:
    run(job_of(tmp_path / "set"), options(tmp_path))
    rows = [row for path in sorted((tmp_path / "set/parts").glob("*.parquet")) for row in read_rows(path)]
    keys = [Item(f"item{i:03d}", {}) for i in range(10)]
    assert count(rows, keys).written == 11
    with pytest.raises(AccountError, match="1 left no row"):
        count([row for row in rows if row.source != "item003"], keys)
    with pytest.raises(AccountError, match="1 rows came from nowhere"):
        count([*rows, replace(rows[0], source="item999")], keys)
    with pytest.raises(AccountError, match="12 clips were written under 11 names"):
        count([*rows, rows[0]], keys)
    with pytest.raises(ValueError, match="has a reason"):
        Row(rows[0].clip, "rejected")


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_no_byte(tmp_path: Path, undisturbed: dict[str, bytes], workers: int) -> None:
    run(job_of(tmp_path / "set"), options(tmp_path, workers=workers))
    assert tree(tmp_path / "set") == undisturbed


def test_slices_and_finish_change_no_byte(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    job = job_of(tmp_path / "set")
    assert run(job, options(tmp_path, slice=(2, 3))) is None
    with pytest.raises(DatasetError, match=r"3 of 5 parts are missing \(0, 2, 3\)"):
        run(job, options(tmp_path, finish=True))
    assert not Dataset(tmp_path / "set").is_complete()
    run(job, options(tmp_path, slice=(1, 3)))
    run(job, options(tmp_path, slice=(3, 3)))
    assert run(job, options(tmp_path, finish=True)) is not None
    assert tree(tmp_path / "set") == undisturbed
    with pytest.raises(UsageError, match="i from 1 to n"):
        run(job_of(tmp_path / "other"), options(tmp_path, slice=(4, 3)))


@pytest.mark.slow
def test_the_ray_engine_changes_no_byte(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    pytest.importorskip("ray")
    run(job_of(tmp_path / "set"), options(tmp_path, engine="ray", workers=2))
    assert tree(tmp_path / "set") == undisturbed


PROGRAM = """
import sys; from pathlib import Path
sys.path.insert(0, {here!r})
from test_run import job_of, options
from gerdata.engine.run import run
root = Path(sys.argv[1])
run(job_of(root / "set", pause_s=0.05), options(root, workers=2))
"""


@pytest.mark.slow
def test_sigkill_at_any_moment_is_resumed_to_the_same_bytes(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    here = Path(__file__).parent
    program = PROGRAM.format(here=str(here))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    moments = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=env, start_new_session=True)
        time.sleep(moments.uniform(1.0, 4.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=env, check=True, timeout=120)
    assert tree(tmp_path / "set") == undisturbed


def test_a_larger_n_keeps_every_earlier_sample(tmp_path: Path) -> None:
    run(job_of(tmp_path / "set", n=5), options(tmp_path))
    dataset = Dataset(tmp_path / "set")
    before = {row.clip.id: dataset.members(row) for row in dataset.rows()}
    run(job_of(tmp_path / "set", n=10), options(tmp_path))
    after = {row.clip.id: dataset.members(row) for row in dataset.rows()}
    assert len(after) > len(before)
    assert {name: after[name] for name in before} == before
    with pytest.raises(FingerprintError, match="holds 10 items, only 5"):
        run(job_of(tmp_path / "set", n=5), options(tmp_path))


def test_another_seed_is_refused_by_name_and_overwrite_starts_anew(tmp_path: Path) -> None:
    run(job_of(tmp_path / "set"), options(tmp_path))
    with pytest.raises(FingerprintError, match="another seed"):
        run(job_of(tmp_path / "set", seed=1), options(tmp_path))
    header = run(job_of(tmp_path / "set", seed=1), options(tmp_path, overwrite=True))
    assert header is not None
    assert header.seed == 1


def test_a_folder_that_is_no_dataset_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(DatasetError, match="not a dataset"):
            run(job_of(tmp_path / "set"), options(tmp_path, overwrite=overwrite))
    assert (tmp_path / "set" / "thesis.txt").read_text() == "mine"


def test_a_lost_part_is_made_again_and_no_other(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    run(job_of(tmp_path / "set"), options(tmp_path))
    times = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "set/parts").iterdir()}
    (tmp_path / "set/parts/00002.tar").unlink()
    run(job_of(tmp_path / "set"), options(tmp_path))
    assert tree(tmp_path / "set") == undisturbed
    changed = {p.name for p in (tmp_path / "set/parts").iterdir() if times[p.name] != p.stat().st_mtime_ns}
    assert changed == {"00002.tar", "00002.parquet"}


def test_a_kill_between_any_two_steps_of_sealing_is_repaired(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Header without tables gone, plan left beside a header, a start that never wrote its plan."""
    dataset = Dataset(tmp_path / "set")
    job = job_of(dataset.root)
    dataset.parts.mkdir(parents=True)
    (dataset.parts / ".plan.json.tmp.elsewhere.1.1").write_text("{")
    run(job, options(tmp_path))
    (dataset.parts / ".plan.json.tmp.elsewhere.1.1").unlink()  # of another host: not ours to remove
    assert tree(dataset.root) == undisturbed
    begin(dataset, job.fingerprint, 10, overwrite=False, reopen=True)
    assert not dataset.is_complete()
    run(job, options(tmp_path))
    assert tree(dataset.root) == undisturbed
    dataset.plan.write_text(f'{{"fingerprint": {json.dumps(job.fingerprint)}, "items": 12}}')
    run(job, options(tmp_path))
    assert tree(dataset.root) == undisturbed
