"""Progress on stderr: a bar on a terminal, one line a minute elsewhere, nothing when quiet."""

import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType

LINE_EVERY_S = 60.0
REDRAWN_EVERY_S = 0.5


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


class Epochs:
    """Epochs of a training. A context; on a terminal a line at the bottom tells how long the present epoch has taken, how long
    the last one took, and how long the others of its stage will at most, which an early stop may cut short. What is told by
    line stays above it; elsewhere nothing but those lines is written, and nothing at all when quiet."""

    def __init__(self, name: str, total: int, quiet: bool, first: int = 0) -> None:
        self.name, self.total, self.quiet = name, total, quiet
        self.own, self.first = (name, total), ("first stage", first)
        self.done, self.last_s = 0, 0.0
        self._began_s = time.monotonic()
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self._is_drawn = not quiet and sys.stderr.isatty()
        self._drawing = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> "Epochs":
        if self._is_drawn:
            self._drawing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._is_drawn:
            self._drawing.join()
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def tell(self, line: str) -> None:
        """Write a line. An epoch is taken to begin with one."""
        with self._lock:
            self._began_s = time.monotonic()
            if not self.quiet:
                print(f"\r\x1b[K{line}" if self._is_drawn else line, file=sys.stderr, flush=True)

    def watch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """An epoch, counted from 1, is done; without figures: so many are, and the next begins."""
        self._note(epoch, bool(figures), *self.own)

    def watch_first(self, epoch: int, figures: Mapping[str, float]) -> None:
        """The same of a first stage."""
        self._note(epoch, bool(figures), *self.first)

    def _note(self, epoch: int, is_over: bool, name: str, total: int) -> None:
        with self._lock:
            now_s = time.monotonic()
            self.last_s = now_s - self._began_s if is_over else 0.0
            self.name, self.total, self.done, self._began_s = name, total, epoch, now_s

    def _draw(self) -> None:
        while not self._is_over.wait(REDRAWN_EVERY_S):
            with self._lock:
                line = self._line(time.monotonic() - self._began_s)
                print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def _line(self, elapsed_s: float) -> str:
        line = f"{self.name}: {self.done}/{self.total} epochs · {elapsed_s:.0f} s"
        if not self.last_s:
            return line
        left_s = max(0.0, (self.total - self.done) * self.last_s - elapsed_s)
        return f"{line} of about {self.last_s:.0f} s · {left_s:.0f} s left"
