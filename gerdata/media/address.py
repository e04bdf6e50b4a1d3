"""Where the bytes of one source lie, and opening them safely: a file, a stretch of a file, or a URL.

A stretch is a member of a tar, read in place and never extracted. URLs go through fsspec; only roots that the user names
on the command line become URLs, never a cell of a table.
"""

import errno
import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from gerdata.errors import MissingError, RejectedInput

REMOTE_BLOCK_BYTES = 4 << 20
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Address:
    """`uri` is `file:///...` with percent escapes, or an fsspec URL; `size` None means up to the end of the file.

    A URI that ends with a slash is a folder of numbered pictures.
    """

    uri: str
    offset: int = 0
    size: int | None = None

    @property
    def is_local(self) -> bool:
        return self.uri.startswith("file://")

    @property
    def is_folder(self) -> bool:
        return self.uri.endswith("/")

    @property
    def path(self) -> Path:
        """The local file; `ValueError` for a URL."""
        if not self.is_local:
            raise ValueError(f"expected a local file, came {self.uri}")
        return Path(os.fsdecode(unquote_to_bytes(self.uri.removeprefix("file://"))))

    @classmethod
    def of(cls, path: Path) -> "Address":
        """The address of a local file, of any bytes in its name."""
        return cls(path.absolute().as_uri())


class _Window(io.RawIOBase):
    """A stretch of an open file as a file of its own."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + to)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        n = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._offset + self._at)
        data = self._file.read(n)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_bytes(address: Address) -> BinaryIO:
    """The bytes of a source, for reading and seeking. `RejectedInput` where there is no such regular file."""
    file = open_regular(address.path) if address.is_local else _open_remote(address.uri)
    if address.size is None and address.offset == 0:
        return file
    whole = size_of(file)
    size = whole - address.offset if address.size is None else address.size
    if address.offset + size > whole:
        file.close()
        raise RejectedInput("truncated", f"{max(0, whole - address.offset)} of {size} bytes")
    return io.BufferedReader(_Window(file, address.offset, size), CHUNK_BYTES)


def open_regular(path: Path) -> BinaryIO:
    """A regular file for reading, never through a link, never blocking on a pipe or device.

    Sources are known by their real path from the start, so a folder above that has been swapped for a link since then
    shows as another real path of the open file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RejectedInput("source-missing") from None
    except OSError as error:
        raise RejectedInput("unsafe-path" if error.errno in (errno.ELOOP, errno.ENXIO) else "unreadable") from None
    behind = f"/proc/self/fd/{descriptor}"
    moved = os.path.lexists(behind) and os.path.isabs(path) and os.readlink(behind) != os.path.normpath(path)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or moved:
        os.close(descriptor)
        raise RejectedInput("unsafe-path")
    return os.fdopen(descriptor, "rb")


def _open_remote(url: str) -> BinaryIO:
    system, path = filesystem_of(url)
    try:
        file: BinaryIO = system.open(path, "rb", block_size=REMOTE_BLOCK_BYTES)
    except FileNotFoundError:
        raise RejectedInput("source-missing") from None
    except Exception as error:  # each store raises errors of its own
        raise RejectedInput("unreadable", type(error).__name__) from None
    return file


def filesystem_of(url: str) -> tuple[Any, str]:
    """The fsspec store of a URL and the path in it. `MissingError` with the line to run where its driver is absent."""
    import fsspec

    protocol = url.partition("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError:
        raise MissingError(
            f"{protocol}:// needs a driver that is not installed; run: python -m pip install 'fsspec[{protocol}]'"
        ) from None
    return system, str(path)


def size_of(file: BinaryIO) -> int:
    """How many bytes an open source has; leaves it at its start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def stamp_of(address: Address) -> tuple[str, ...]:
    """What changes when a source is written to or replaced: compare before and after work on it."""
    if address.is_local:
        try:
            told = address.path.lstat()
        except OSError:
            return ("absent",)
        return (str(told.st_dev), str(told.st_ino), str(told.st_size), str(told.st_mtime_ns))
    system, path = filesystem_of(address.uri)
    try:
        info = system.info(path)
    except Exception:  # each store raises errors of its own
        return ("absent",)
    return tuple(str(info.get(name)) for name in ("size", "ETag", "etag", "mtime", "LastModified", "created"))


def sha256_of(address: Address) -> str:
    """SHA-256 of a source's bytes, in hex, in constant memory; of a folder, over its files' names and hashes."""
    if address.is_folder:
        told = hashlib.sha256()
        for path in pictures_in(address.path):
            told.update(os.fsencode(path.name) + b"\0" + sha256_of(Address.of(path)).encode())
        return told.hexdigest()
    with open_bytes(address) as file:
        digest = hashlib.sha256()
        try:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        except OSError as error:
            raise RejectedInput("unreadable", type(error).__name__) from None
        return digest.hexdigest()


def pictures_in(folder: Path) -> list[Path]:
    """The files of a folder of numbered pictures, by number."""
    return sorted(folder.iterdir(), key=lambda path: (int(number_in(path.stem) or -1), path.name))


def number_in(stem: str) -> str:
    """The digits at the end of a name: the number of a picture in a sequence; empty without one."""
    return stem[len(stem.rstrip("0123456789")) :]
