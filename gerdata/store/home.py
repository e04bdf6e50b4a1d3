"""Where a release lies: a folder, or a URL whose files are fetched whole into a bounded folder of local copies.

Names come from manifests and are hostile: only plain relative names are followed, never `pipe:`, a URL, a link or a way up.
"""

import contextlib
import hashlib
import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from gerdata.errors import DatasetError, MissingError
from gerdata.media.address import CHUNK_BYTES, filesystem_of
from gerdata.store.cache import cache_folder
from gerdata.store.commit import locked, make_folder, temporary_for

CHECKSUMS = "checksums.sha256"
CACHE_LIMIT_BYTES = 32 << 30
TABLE_LIMIT_BYTES = 4 << 30
WAIT_S, PATIENCE_S = 0.2, 3600.0
_FETCHING = threading.Lock()  # threads of one process fetch one after another
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,254}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+::?(//)?")


class Home(Protocol):
    """A folder of files by relative name."""

    @property
    def name(self) -> str:
        """What errors call it."""

    def file(self, name: str) -> Path:
        """A local file of these bytes; `DatasetError` where there is none, or the name leads elsewhere."""

    def read(self, name: str) -> bytes:
        """A small file, as it is now."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""


def home_of(path: str | Path, cache_limit_bytes: int = CACHE_LIMIT_BYTES) -> Home:
    """A folder, or for `protocol://...` a remote one with local copies of up to `cache_limit_bytes`."""
    text = str(path)
    if _URL.match(text) and not Path(text).exists():
        if text.startswith("file://"):
            return Folder(Path(text.removeprefix("file://")))
        return Remote(text.rstrip("/"), cache_limit_bytes=cache_limit_bytes)
    return Folder(Path(path))


def plain_name(name: str, where: str) -> str:
    """`name` where it is a plain relative path; `DatasetError` for all else."""
    parts = PurePosixPath(name).parts
    if not _NAME.fullmatch(name) or ".." in parts or name != "/".join(parts):
        raise DatasetError(f"{where}: names the file {name!r}, which is not in the release; run verify")
    return name


@dataclass(frozen=True)
class Folder:
    """A release in a local folder."""

    root: Path

    @property
    def name(self) -> str:
        return str(self.root)

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def read(self, name: str) -> bytes:
        try:
            return self.file(name).read_bytes()
        except OSError as error:
            raise DatasetError(f"{self.root / name}: cannot be read ({error.strerror})") from None

    def file(self, name: str) -> Path:
        """The file itself; never through a link that leads out of the folder."""
        path = self.root / plain_name(name, self.name)
        if not path.is_file():
            raise DatasetError(f"{self.root}: the manifest names {name!r}, which is not in the release")
        if self.root.resolve() not in path.resolve().parents:
            raise DatasetError(f"{self.root}: {name!r} is a link that leads out of the release")
        return path


@dataclass
class Remote:
    """A release behind an fsspec URL.

    Each file is fetched once, whole, and must have the sum that `checksums.sha256` lists; its local copy is named by that
    sum and shared by all processes. Where the copies of shards take more than `cache_limit_bytes`, the longest unused go
    first; one that a process still reads stays on disk until it closes it. `dataset.json` and `checksums.sha256` itself are
    fetched anew by every process that opens the release.
    """

    url: str
    folder: Path = field(default_factory=lambda: cache_folder("releases"))
    cache_limit_bytes: int = CACHE_LIMIT_BYTES
    _sums: dict[str, str] | None = None

    @property
    def name(self) -> str:
        return self.url

    @property
    def sums(self) -> dict[str, str]:
        """Name to SHA-256 of the files of the release."""
        if self._sums is None:
            text = self.read(CHECKSUMS).decode("utf-8", "replace")
            pairs = [line.partition("  ") for line in text.splitlines()]
            self._sums = {name: digest for digest, _, name in pairs if re.fullmatch(r"[0-9a-f]{64}", digest)}
        return self._sums

    def has(self, name: str) -> bool:
        return name in self.sums

    def read(self, name: str) -> bytes:
        """A small file as it is now, not kept."""
        try:
            system, path = filesystem_of(f"{self.url}/{plain_name(name, self.url)}")
            data: bytes = system.cat_file(path)
        except MissingError:
            raise
        except Exception as error:  # each store raises errors of its own
            raise DatasetError(f"{self.url}: {name} cannot be fetched ({type(error).__name__})") from None
        if name != CHECKSUMS and self.sums.get(name, "") not in ("", hashlib.sha256(data).hexdigest()):
            raise DatasetError(f"{self.url}: {name} has other bytes than {CHECKSUMS} says; it is not used")
        return data

    def file(self, name: str) -> Path:
        """The local copy of one file, fetched where it is not there."""
        digest = self.sums.get(plain_name(name, self.url))
        if digest is None:
            raise DatasetError(f"{self.url}: {name!r} is not listed in {CHECKSUMS}, so it is not read")
        path = self.folder / digest[:2] / f"{digest}{PurePosixPath(name).suffix}"
        with _FETCHING:
            if not path.is_file():
                self._fetch_once(name, digest, path)
            with contextlib.suppress(OSError):  # a read-only or emptied cache: only the order of going is lost
                os.utime(path)
        return path

    def _fetch_once(self, name: str, digest: str, path: Path) -> None:
        """One process fetches, the others wait for it; one that died is not waited for."""
        make_folder(path.parent)
        until = time.monotonic() + PATIENCE_S
        while not path.is_file():
            with locked(path) as other:
                if other is None:
                    if not path.is_file():
                        self._fetch(name, digest, path)
                    return
            if time.monotonic() > until:
                raise DatasetError(f"{path}: process {other.pid} on {other.host} fetches {name} for over an hour")
            time.sleep(WAIT_S)

    def _fetch(self, name: str, digest: str, path: Path) -> None:
        temporary = temporary_for(path)
        told = hashlib.sha256()
        try:
            system, remote = filesystem_of(f"{self.url}/{name}")
            self._make_room(int(system.info(remote).get("size") or 0))
            with system.open(remote, "rb") as source, temporary.open("wb") as file:
                while chunk := source.read(CHUNK_BYTES):
                    told.update(chunk)
                    file.write(chunk)
            if told.hexdigest() != digest:
                raise DatasetError(f"{self.url}: {name} has other bytes than {CHECKSUMS} says; it is not used")
            temporary.replace(path)
        except (DatasetError, MissingError):
            raise
        except Exception as error:  # each store raises errors of its own
            raise DatasetError(f"{self.url}: {name} cannot be fetched ({type(error).__name__}: {error})") from None
        finally:
            temporary.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Let the longest unused copies of shards go until one more of `size` bytes fits."""
        held: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("??/*.tar"):
            with contextlib.suppress(OSError):
                held.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(one[1] for one in held) + size
        for _, bytes_, path in sorted(held):
            if total <= self.cache_limit_bytes:
                return
            path.unlink(missing_ok=True)
            total -= bytes_
