"""Progress on stderr: a bar on a terminal, one line a minute elsewhere, nothing when quiet."""

import sys
import threading
import time
from types import TracebackType

LINE_EVERY_S = 60.0


class Progress:
    """Counts items of one stage. A context; `tick` may be called from any thread."""

    def __init__(self, name: str, total: int, quiet: bool) -> None:
        self.name, self.total, self.quiet = name, total, quiet
        self.written = self.rejected = 0
        self._began_s = self._told_s = time.monotonic()
        self._lock = threading.Lock()
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal and not self.quiet:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def tick(self, written: int, rejected: int) -> None:
        """Add what one item became."""
        with self._lock:
            self.written += written
            self.rejected += rejected
            now_s = time.monotonic()
            if self.quiet or now_s - self._told_s < (0.2 if self._is_terminal else LINE_EVERY_S):
                return
            self._told_s = now_s
            line = self._line(now_s - self._began_s)
            print(
                f"\r\x1b[K{line}" if self._is_terminal else line, end="" if self._is_terminal else "\n", file=sys.stderr
            )
            sys.stderr.flush()

    def _line(self, elapsed_s: float) -> str:
        done = self.written + self.rejected
        rate = done / max(elapsed_s, 1e-9)
        left_s = max(0, self.total - done) / max(rate, 1e-9)
        return f"{self.name}: {done}/{self.total} · {rate:.1f}/s · {left_s:.0f} s left · {self.rejected} rejected"
