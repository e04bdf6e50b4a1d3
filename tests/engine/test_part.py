"""`run_part`: one bad item costs that item alone, and the bytes of the others are what they would have been."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gerdata.engine.part import run_part
from gerdata.engine.work import Item, Limits, PartSpec
from gerdata.errors import DatasetError, GerdataError, InterruptedRun
from gerdata.manifest import read_rows
from gerdata.store.commit import locked
from gerdata.store.tar import walk

LIMITS = Limits(wall_s=3.0, wall_per_s=0.0, cpu_s=1.5, cpu_per_s=0.0, memory_bytes=400 << 20)


@pytest.fixture(autouse=True)
def _workers_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))


def spec_of(root: Path, *what: str, **payload: object) -> PartSpec:
    items = tuple(Item(f"item{i}", {"do": name, **payload}) for i, name in enumerate(what))
    return PartSpec(
        root=root / "set",
        number=0,
        rows="parts/00000.parquet",
        tar="parts/00000.tar",
        worker="faulty:FaultyWorker",
        settings={},
        items=items,
        logs=root / "logs",
        private=root / "private" / "set",
        limits=LIMITS,
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("segfault", "crash"),
        ("segfault-late", "crash"),
        ("exit", "crash"),
        ("sleep", "timeout"),
        ("burn", "timeout"),
        ("eat", "memory"),
        ("raise", "failed"),
        ("reject", "truncated"),
    ],
)
def test_a_bad_item_costs_itself_alone(tmp_path: Path, fault: str, reason: str) -> None:
    spec = spec_of(tmp_path, "work", fault, "work", "print")
    report = run_part(spec)
    rows = read_rows(spec.root / spec.rows)
    assert (report.written, report.rejected) == (3, 1)
    assert [(row.source, row.status, row.reason) for row in rows] == [
        ("item0", "written", None),
        ("item1", "rejected", reason),
        ("item2", "written", None),
        ("item3", "written", None),
    ]
    names = [member.name for member in walk(spec.root / "parts/00000.tar")]
    assert names == [f"item{i}-0.{suffix}" for i in (0, 2, 3) for suffix in ("a.bin", "json")]
    assert [p.name for p in (spec.root / "parts").iterdir()] != []
    assert sorted(p.name for p in (spec.root / "parts").iterdir()) == ["00000.parquet", "00000.tar"]


def test_offsets_in_rows_point_to_the_members_bytes(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "work", "exit", "work", clips=2)
    run_part(spec)
    data = (spec.root / "parts/00000.tar").read_bytes()
    rows = [row for row in read_rows(spec.root / spec.rows) if row.status == "written"]
    assert len(rows) == 4
    for row in rows:
        offset, length = row.member_offset[0], row.member_length[0]
        assert data[offset : offset + length] == row.clip.id.encode() * 300


def test_bytes_after_a_crash_are_those_without_it(tmp_path: Path) -> None:
    """The tar is cut back: what a dying item left in it is gone."""
    with_crash, without = (
        spec_of(tmp_path / "a", "work", "segfault-late", "work"),
        spec_of(tmp_path / "b", "work", "work"),
    )
    without = replace(without, items=(without.items[0], replace(without.items[1], key="item2")))
    run_part(with_crash)
    run_part(without)
    tar = "parts/00000.tar"
    assert (with_crash.root / tar).read_bytes() == (without.root / tar).read_bytes()


def test_time_limits_grow_with_the_media(tmp_path: Path) -> None:
    """A 4-second item under a 1-second limit is cut off, and is not when it announced 4 seconds of media."""
    limits = Limits(wall_s=1.0, wall_per_s=3.0, cpu_s=60, memory_bytes=1 << 30)
    slow = replace(spec_of(tmp_path / "a", "work"), settings={"pause_s": 2.5}, limits=limits)
    assert run_part(slow).rejected == 1
    announced = replace(spec_of(tmp_path / "b", "work", expect_s=4.0), settings={"pause_s": 2.5}, limits=limits)
    assert run_part(announced).written == 1


def test_private_rows_are_closed_to_others_and_hold_every_item(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "work", "reject")
    run_part(spec)
    path = tmp_path / "private" / "set" / "00000.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["id"] for entry in entries] == ["item0-0", "item1"]
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_worker_that_cannot_start_is_no_verdict_on_an_item(tmp_path: Path) -> None:
    spec = replace(spec_of(tmp_path, "work"), settings={"broken": True})
    with pytest.raises(GerdataError, match="could not start"):
        run_part(spec)
    assert list((spec.root / "parts").iterdir()) == []


def test_a_part_in_other_hands_is_refused_and_a_dead_hand_is_not_feared(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "work")
    (spec.root / "parts").mkdir(parents=True)
    with locked(spec.root / spec.rows) as other:
        assert other is None
        with pytest.raises(DatasetError, match="is being made by process"):
            run_part(spec)
    dead = ".00000.parquet.lock.host.1.1"
    (spec.root / "parts" / ".00000.parquet.lock").write_text(
        dead.replace("host", os.uname().nodename).replace(".1.1", ".4194303.1")
    )
    assert run_part(spec).written == 1


def test_stopping_leaves_nothing_half_made(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "work", "sleep")
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    began_s = time.monotonic()
    with pytest.raises(InterruptedRun):
        run_part(spec, stop=stop)
    assert time.monotonic() - began_s < 20
    assert list((spec.root / "parts").iterdir()) == []


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no process behind that goes on decoding."""
    import subprocess

    import psutil

    spec = spec_of(tmp_path, "sleep")
    program = (
        "import pickle, sys; from gerdata.engine.part import run_part; "
        "run_part(pickle.loads(bytes.fromhex(sys.argv[1])))"
    )
    import pickle

    parent = subprocess.Popen([sys.executable, "-c", program, pickle.dumps(spec).hex()], env={**os.environ})
    watched = psutil.Process(parent.pid)
    for _ in range(200):
        children = watched.children()
        if children and any("gerdata.engine.child" in " ".join(c.cmdline()) for c in children):
            break
        time.sleep(0.05)
    time.sleep(1.0)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
