"""The prints of a whole set, kept on disk while duplicates are looked for, so that memory does not grow with them."""

import base64
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gerdata.ingest.duplicates import clusters, pairs
from gerdata.ingest.identity import Ties
from gerdata.ingest.prints import DIMS, N_KEYS, Print

GROW = 1024


class Printed:
    """A context: prints go in one by one and come out by number; the file has no name and leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by this context
        self._ends = [0]
        self._ids: list[str] = []
        self._descriptors = np.zeros((GROW, DIMS), np.int8)
        self._keys = np.zeros((GROW, N_KEYS), np.uint32)

    def __enter__(self) -> "Printed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, entries: Iterable[dict[str, Any]]) -> None:
        """The prints of some private rows."""
        for entry in entries:
            if entry.get("print") is not None:
                self._add(entry["id"], base64.b64decode(entry["print"]))

    def _add(self, clip_id: str, data: bytes) -> None:
        n = len(self._ids)
        if n == len(self._descriptors):
            self._descriptors = np.concatenate([self._descriptors, np.zeros_like(self._descriptors)])
            self._keys = np.concatenate([self._keys, np.zeros_like(self._keys)])
        one = Print.from_bytes(data)
        self._descriptors[n] = one.descriptor
        self._keys[n, : len(one.keys)] = one.keys
        self._file.seek(self._ends[-1])
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))
        self._ids.append(clip_id)

    def print_at(self, i: int) -> Print:
        """The i-th print."""
        self._file.seek(self._ends[i])
        return Print.from_bytes(self._file.read(self._ends[i + 1] - self._ends[i]))

    def ties(self, seed: int) -> Ties:
        """Near-duplicates among all prints; a cluster is named after its first clip."""
        n = len(self._ids)
        found = pairs(self._descriptors[:n], self._keys[:n], self.print_at, seed)
        tied = {i for pair in found for i in (pair.i, pair.j)}
        members = clusters(n, found)
        return Ties({self._ids[i]: self._ids[members[i]] for i in tied})
