"""The bytes of samples by number or id, without untarring: one read of one stretch a sample.

Shards are read with `pread`, which costs 2 % of a decoded sample's CPU time over mapped memory; a tar that
shrinks under its reader is then an error instead of the end of the process.
"""

import os
from collections import OrderedDict
from types import TracebackType
from typing import Any

from gerdata.errors import DatasetError
from gerdata.store.home import Home
from gerdata.store.index import Index, Place

OPEN_LIMIT = 64  # shards held open by one process
SPAN_LIMIT_BYTES = 256 << 20  # members of one sample lie side by side; what spreads over more is read one by one


class Samples:
    """Members of samples as bytes. Pickles without its open files; safe to use from several threads at once."""

    def __init__(self, home: Home, index: Index) -> None:
        self.home, self.index = home, index
        self._open: OrderedDict[str, _Shard] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"home": self.home, "index": self.index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.home, self.index, self._open = state["home"], state["index"], OrderedDict()

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, row: int) -> dict[str, memoryview]:
        """Suffix to bytes of all members of one sample, in their order; `DatasetError` where they lie beyond the end of their
        tar."""
        (_, members, first, span, further, lengths), shard = self._found(row)
        each = zip(members, further, lengths, strict=True)
        if span > SPAN_LIMIT_BYTES:
            return {member: shard.read(first + more, length) for member, more, length in each}
        whole = shard.read(first, span)
        return {member: whole[more : more + length] for member, more, length in each}

    def member(self, row: int, name: str) -> memoryview:
        """The bytes of one member of one sample, and no others are read; `ValueError` where samples have none of that name."""
        place, shard = self._found(row)
        at = place.members.index(name)
        return shard.read(place.first + place.further[at], place.lengths[at])

    def by_id(self, name: str) -> dict[str, memoryview]:
        """The members of the sample of an id; `KeyError` where there is none."""
        return self[self.index.ids.find(name)]

    def _found(self, row: int) -> tuple[Place, "_Shard"]:
        row = range(len(self.index))[row]
        place = self.index.place(row)
        shard = self._shard(place.shard)
        if place.first + place.span > shard.size:
            clip = self.index.name_of(row)
            raise DatasetError(f"{self.home.name}/{place.shard}: clip {clip} lies beyond its end; run verify")
        return place, shard

    def _shard(self, name: str) -> "_Shard":
        found = self._open.get(name)
        if found is None:
            found = _Shard(self.home, name)
            self._open[name] = found
            while len(self._open) > OPEN_LIMIT:
                self._open.popitem(last=False)  # closed when the last thread that reads it is done
        return found

    def close(self) -> None:
        """Close all shards; they open again when they are needed."""
        self._open.clear()

    def __enter__(self) -> "Samples":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Shard:
    """One open tar."""

    def __init__(self, home: Home, name: str) -> None:
        self._name, self._file = f"{home.name}/{name}", -1
        for is_last in (False, False, True):  # another process may make room in a cache just now
            try:
                self._file = os.open(home.file(name), os.O_RDONLY | os.O_CLOEXEC)
                break
            except OSError as error:
                if is_last or not isinstance(error, FileNotFoundError):
                    raise DatasetError(f"{self._name}: cannot be read ({error.strerror})") from None
        self.size = os.fstat(self._file).st_size

    def read(self, start: int, length: int) -> memoryview:
        data = os.pread(self._file, length, start)
        if len(data) != length:
            raise DatasetError(f"{self._name}: expected {length} bytes at {start}, came {len(data)}; it is cut short")
        return memoryview(data)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)
