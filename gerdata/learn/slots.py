"""Places for whole batches in memory that processes share, used over and over.

The memory has no name (memfd, or a file that is removed at once), so nothing stays behind when a run is killed, and a
container's small /dev/shm is no limit.
"""

import mmap
import os
import tempfile
from collections.abc import Mapping
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np
import numpy.typing as npt

PAGE = mmap.PAGESIZE
NOTHING, STARTING = -1, -2  # in the place of the row that a worker reads
Fields = Mapping[str, tuple[tuple[int, ...], str]]  # name to the shape of one sample, and its dtype
Arrays = dict[str, npt.NDArray[Any]]


class Slots:
    """`n` batches of `batch` samples each, and for every worker the row it reads now.

    Travels to a process that is being started, by any start method.
    """

    def __init__(self, fields: Fields, batch: int, n: int, workers: int) -> None:
        self._fields, self._batch, self._n, self._workers = dict(fields), batch, n, workers
        self._file = _unnamed()
        os.ftruncate(self._file, self._head() + n * self._size())
        self._map()
        self.reading[:] = STARTING

    def _map(self) -> None:
        self._memory = mmap.mmap(self._file, self._head() + self._n * self._size())
        self.reading: npt.NDArray[np.int64] = np.frombuffer(self._memory, np.int64, self._workers)

    def _head(self) -> int:
        return _pages(8 * max(1, self._workers))

    def _size(self) -> int:
        return sum(_pages(_bytes(shape, kind) * self._batch) for shape, kind in self._fields.values())

    def __getitem__(self, number: int) -> Arrays:
        """The arrays [batch, ...] of one slot."""
        at = self._head() + range(self._n)[number] * self._size()
        arrays: Arrays = {}
        for name, (shape, kind) in self._fields.items():
            count = _bytes(shape, kind) * self._batch // np.dtype(kind).itemsize
            arrays[name] = np.frombuffer(self._memory, kind, count, at).reshape(self._batch, *shape)
            at += _pages(_bytes(shape, kind) * self._batch)
        return arrays

    def __getstate__(self) -> dict[str, Any]:
        told = {name: value for name, value in self.__dict__.items() if name not in ("_memory", "reading")}
        return {**told, "_file": DupFd(self._file)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._file = state["_file"].detach()
        self._map()

    def __del__(self) -> None:
        if "_file" in self.__dict__:
            os.close(self._file)


def empty_batch(fields: Fields, batch: int) -> Arrays:
    """One batch in memory of this process alone."""
    return {name: np.empty((batch, *shape), kind) for name, (shape, kind) in fields.items()}


def _bytes(shape: tuple[int, ...], kind: str) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _unnamed() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("gerdata-batches", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
