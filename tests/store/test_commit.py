"""Commits are whole or absent; litter of the dead goes, that of the living stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gerdata.errors import DatasetError
from gerdata.store.commit import Owner, locked, make_folder, make_private, remove_litter, temporary_for, write_atomic


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_order_is_write_sync_rename_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda d: (told.append("fsync"), real_fsync(d))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (told.append("rename"), real_replace(a, b))[1])
    write_atomic(tmp_path / "a", b"x")
    assert told == ["fsync", "rename", "fsync"]


def test_litter_of_dead_owners_goes_and_of_living_ones_stays(tmp_path: Path) -> None:
    mine = temporary_for(tmp_path / "a.tar")
    dead = tmp_path / Owner(Owner.me().host, 4_194_303, 1).name("a.tar", "tmp")
    reused = tmp_path / Owner(Owner.me().host, os.getpid(), 1).name("a.tar", "tmp")
    elsewhere = tmp_path / Owner("another-host", 1, 1).name("a.tar", "tmp")
    for path in (mine, dead, reused, elsewhere, tmp_path / ".profile"):
        path.write_text("x")
    assert remove_litter(tmp_path) == 2
    assert {p.name for p in tmp_path.iterdir()} == {mine.name, elsewhere.name, ".profile"}


def test_two_processes_never_hold_one_lock(tmp_path: Path) -> None:
    """Four processes add to a counter under the lock, 25 times each; without it, additions get lost."""
    (tmp_path / "count").write_text("0")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom gerdata.store.commit import locked\n"
        "root, done = Path(sys.argv[1]), 0\n"
        "while done < 25:\n"
        "    with locked(root / 'part') as other:\n"
        "        if other is None:\n"
        "            n = int((root / 'count').read_text()); time.sleep(0.001)\n"
        "            (root / 'count').write_text(str(n + 1)); done += 1\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(4)]
    assert [p.wait(timeout=120) for p in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "100"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["count"]


def test_a_lock_tells_its_living_owner(tmp_path: Path) -> None:
    with locked(tmp_path / "part") as first:
        assert first is None
        with locked(tmp_path / "part") as second:
            assert second == Owner.me()


def test_private_folders_are_closed(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "private")
    assert (tmp_path / "a" / "private").stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(DatasetError, match="chmod 700"):
        make_private(tmp_path / "open")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(DatasetError, match="cannot make this folder"):
        make_folder(tmp_path / "shut" / "a")
