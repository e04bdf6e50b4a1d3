"""What is made once and used often: blocks of bytes named by a fingerprint, mapped into memory.

A cache may be deleted at any time and changes no result: what is not there, or is damaged, is made again. Processes share
it: a block appears whole, by a rename, and is the same whoever made it. It is not synced to disk, so each block carries a
checksum instead.
"""

import contextlib
import mmap
import os
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from gerdata.store.commit import temporary_for

CACHE_VARIABLE = "GERDATA_CACHE"
_TRAILER = 8  # length and CRC-32, four bytes each
_HELD = 4096  # blocks kept open or in memory by one process; Linux allows 65530 maps


def cache_folder(name: str) -> Path:
    """`$GERDATA_CACHE/NAME`, or `~/.cache/gerdata/NAME` (XDG_CACHE_HOME is honoured). Not made yet."""
    given = os.environ.get(CACHE_VARIABLE)
    root = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gerdata"
    return root / name


class Cache:
    """Blocks by fingerprint, in a folder shared by processes, or without one in this process's memory alone.

    At most 4096 blocks and `memory_bytes` bytes are held; the longest unused is let go first.
    """

    def __init__(self, folder: Path | None = None, memory_bytes: int = 256 << 20) -> None:
        self.folder, self._memory_bytes = folder, memory_bytes
        self._held: OrderedDict[str, memoryview] = OrderedDict()
        self._bytes = 0

    def get(self, fingerprint: str, make: Callable[[], bytes]) -> memoryview:
        """The block of this fingerprint (hex digits), read-only; made, and kept, where it is not there."""
        found = self._held.get(fingerprint)
        if found is not None:
            self._held.move_to_end(fingerprint)
            return found
        block = self._mapped(fingerprint) if self.folder is not None else None
        if block is None:
            data = make()
            self._write(fingerprint, data)
            block = memoryview(data)
        self._hold(fingerprint, block)
        return block

    def _hold(self, fingerprint: str, block: memoryview) -> None:
        self._held[fingerprint] = block
        self._bytes += len(block)
        while len(self._held) > _HELD or (self._bytes > self._memory_bytes and len(self._held) > 1):
            self._bytes -= len(self._held.popitem(last=False)[1])

    def _path(self, fingerprint: str) -> Path:
        assert self.folder is not None
        return self.folder / fingerprint[:2] / fingerprint

    def _mapped(self, fingerprint: str) -> memoryview | None:
        """The block on disk, or None where there is none or its checksum is wrong."""
        try:
            with self._path(fingerprint).open("rb") as file:
                block = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):  # an empty file cannot be mapped
            return None
        body = block[:-_TRAILER]
        return body if len(block) > _TRAILER and bytes(block[-_TRAILER:]) == _trailer(body) else None

    def _write(self, fingerprint: str, data: bytes) -> None:
        """Keep a block on disk; a full or read-only disk only means that it is made again."""
        if self.folder is None:
            return
        path = self._path(fingerprint)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = temporary_for(path)
            try:
                temporary.write_bytes(data + _trailer(memoryview(data)))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)


def _trailer(body: memoryview) -> bytes:
    return len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little")
