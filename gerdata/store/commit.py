"""Commits: a file appears under its final name whole, or not at all.

A temporary file lies in the same folder under a name that carries its owner; it is fsynced, renamed, and the folder
fsynced (Pillai et al., OSDI 2014: a rename without fsync is not durable). Litter of dead owners is removed by the next
run. A lock is such a file that is never renamed.
"""

import contextlib
import os
import re
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from gerdata.errors import DatasetError

_TEMPORARY = re.compile(r"^\.(?P<name>.+)\.(?P<kind>tmp|lock)\.(?P<host>[^.]+)\.(?P<pid>\d+)\.(?P<born>\d+)$")


@dataclass(frozen=True)
class Owner:
    """One process on one host; `born` tells it from a later process of the same number."""

    host: str
    pid: int
    born: int

    @classmethod
    def me(cls) -> "Owner":
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "host"
        return cls(host, os.getpid(), _born(os.getpid()))

    def is_dead(self) -> bool:
        """True only for a process of this host that is gone; another host's owner is taken to live."""
        if self.host != Owner.me().host:
            return False
        return not psutil.pid_exists(self.pid) or _born(self.pid) != self.born

    def name(self, final: str, kind: str) -> str:
        return f".{final}.{kind}.{self.host}.{self.pid}.{self.born}"


def _born(pid: int) -> int:
    try:
        return int(psutil.Process(pid).create_time() * 100)
    except psutil.Error:
        return 0


def temporary_for(path: Path) -> Path:
    """Where this process prepares what will be `path`."""
    return path.with_name(Owner.me().name(path.name, "tmp"))


def commit(temporary: Path, path: Path) -> None:
    """Make a finished temporary file visible under its final name, durably."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """The whole file or none of it; an earlier file of the name stays until the new one is on disk."""
    temporary = temporary_for(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path, mode: int = 0o755) -> None:
    """A folder that can be written to, or a `DatasetError` that says why not."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise DatasetError(f"{path}: cannot make this folder ({error.strerror}); choose another with --out") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise DatasetError(f"{path}: this folder is read-only; choose another with --out")


def make_private(path: Path) -> None:
    """A folder for what must not leave: mode 0700, refused where others may look in or it is another's."""
    make_folder(path, mode=0o700)
    state = path.stat()
    if state.st_uid != os.getuid():
        raise DatasetError(f"{path}: belongs to another user; choose another with --private")
    if stat.S_IMODE(state.st_mode) & 0o077:
        raise DatasetError(f"{path}: others may look in; run 'chmod 700 {path}' or choose another with --private")


def remove_litter(folder: Path) -> int:
    """Remove temporary files and locks of dead owners in one folder; how many there were."""
    removed = 0
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        owner = _owner_of(path)
        if owner is not None and owner.is_dead():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def is_temporary(path: Path) -> bool:
    """Whether a file is in preparation, or was left so."""
    return _owner_of(path) is not None


def _owner_of(path: Path) -> Owner | None:
    match = _TEMPORARY.match(path.name)
    return Owner(match["host"], int(match["pid"]), int(match["born"])) if match else None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[Owner | None]:
    """Hold the lock of one file while working on it. Yields None when held, else the living owner who has it.

    The lock is a hard link from a file that names its owner to `.NAME.lock`, so taking it is atomic on local disks
    and on NFS. A dead owner's lock is taken over.
    """
    lock = path.with_name(f".{path.name}.lock")
    mine = path.with_name(Owner.me().name(path.name, "lock"))
    mine.write_text(mine.name)
    try:
        other = _take(mine, lock)
        if other is not None:
            yield other
            return
        try:
            yield None
        finally:
            lock.unlink(missing_ok=True)
    finally:
        mine.unlink(missing_ok=True)


def _take(mine: Path, lock: Path) -> Owner | None:
    for _ in range(3):
        try:
            os.link(mine, lock)
            return None
        except FileExistsError:
            pass
        try:
            owner = _owner_of(lock.with_name(lock.read_text()))
        except FileNotFoundError:
            continue
        if owner is not None and not owner.is_dead():
            return owner
        lock.unlink(missing_ok=True)
    return Owner("unknown", 0, 0)
