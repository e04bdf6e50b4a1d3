"""One child process and its limits: a conversation in JSON lines that ends in an answer or a cause of death."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from gerdata.engine.work import Item, Limits, PartSpec
from gerdata.errors import DatasetError, GerdataError, InterruptedRun

START_LIMIT_S = 180.0  # imports on a cold, loaded machine
WATCH_EVERY_S = 0.05
PARTS_A_CHILD = 32  # then a new one, so that what a library leaks stays small
MESSAGE_LIMIT_BYTES = 64 << 20
# One thread a process: the engine owns the cores, and the order of float sums must not depend on their number.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")


class Died(Exception):  # noqa: N818 - an event, not an error
    """The child is dead: `reason` is crash, timeout or memory."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Crew:
    """Children that have finished a part and can make another, so that few parts pay for a start and its imports.

    A context, for any number of threads: leaving it ends the idle children.
    """

    def __init__(self) -> None:
        self._idle: list[Child] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            self._idle.pop().end()

    @contextlib.contextmanager
    def lent(self, spec: PartSpec, temporary: Path | None, size: int) -> Iterator["Child"]:
        """A child for one part; it is killed when the part fails, and kept when it does not."""
        child = self._hired(spec)
        try:
            child.begin(spec, temporary, size)
            yield child
        except BaseException:
            child.end(kill=True)
            raise
        if child.finish() and child.n_parts < PARTS_A_CHILD:
            self._idle.append(child)
        else:
            child.end()

    def _hired(self, spec: PartSpec) -> "Child":
        while True:
            try:
                child = self._idle.pop()  # one step, so no two threads get the same
            except IndexError:
                return Child(spec)
            if child.process.poll() is None:
                return child
            child.end(kill=True)


class Child:
    """One child process, which makes one part after another until it is ended or dies."""

    def __init__(self, spec: PartSpec) -> None:
        self.limits = spec.limits
        self.log_path = _log_of(spec)
        self.n_parts = 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gerdata.engine.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **dict.fromkeys(_THREADS, "1"), "PYTHONHASHSEED": "0"},
                start_new_session=True,
            )
        self._buffer = b""
        self._is_started = False
        self._setup: dict[str, Any] = {}

    def begin(self, spec: PartSpec, temporary: Path | None, size: int) -> None:
        """The next part; the child hears of it with its first item."""
        if temporary is not None:
            os.truncate(temporary, size)
        self.limits, self.log_path = spec.limits, _log_of(spec)
        self.n_parts += 1
        self._is_started = False
        self._setup = {
            "parent": os.getpid(),
            "worker": spec.worker,
            "settings": spec.settings,
            "tar": spec.tar,
            "temporary": str(temporary),
            "log": str(self.log_path),
        }

    def finish(self) -> bool:
        """The part has no more items; whether the child can make another. That it dies now costs nothing."""
        try:
            if self._is_started:
                self._send({"part": "done"})
        except Died:
            return False
        return self._is_started

    def end(self, kill: bool = False) -> None:
        """Let the process go, or kill it."""
        if kill:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, item: Item, stop: threading.Event) -> Iterator[dict[str, Any]]:
        """Send one item; yields the child's messages up to its `done`. Raises `Died` with the cause."""
        if not self._is_started:
            self._start(stop)
        watch = _Watch(self.process, self.limits)
        self._send(asdict(item))
        while True:
            message = self._receive(watch, stop)
            if "expect" in message:
                watch.expect(message["expect"])
                continue
            if "fatal" in message:
                raise DatasetError(f"the part cannot be written: {message['fatal']}")
            yield message
            if "done" in message:
                return

    def _start(self, stop: threading.Event) -> None:
        watch = _Watch(self.process, Limits(wall_s=START_LIMIT_S, cpu_s=START_LIMIT_S))
        try:
            self._send(self._setup)
            self._receive(watch, stop)
        except Died as death:
            raise GerdataError(f"a worker could not start ({death.reason}); see {self.log_path}") from None
        self._is_started = True

    def _send(self, message: dict[str, Any]) -> None:
        stdin = self.process.stdin
        if stdin is None:
            raise Died("crash", "")
        try:
            stdin.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise Died("crash", self._ending()) from None

    def _receive(self, watch: "_Watch", stop: threading.Event) -> dict[str, Any]:
        stdout = self.process.stdout
        if stdout is None:
            raise Died("crash", "")
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if stop.is_set():
                    self.process.kill()
                    raise InterruptedRun("stopped; run the same command again to go on")
                if selector.select(WATCH_EVERY_S):
                    data = os.read(stdout.fileno(), 1 << 16)
                    if not data or len(self._buffer) > MESSAGE_LIMIT_BYTES:
                        raise Died("crash", self._ending())
                    self._buffer += data
                elif (death := watch.look()) is not None:
                    self.process.kill()
                    raise death
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _ending(self) -> str:
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "no answer"
        return f"signal {-code}" if code < 0 else f"exit {code}"


def _log_of(spec: PartSpec) -> Path:
    return spec.logs / f"{spec.number:05d}.err"


class _Watch:
    """The limits of one item, from now on."""

    def __init__(self, process: "subprocess.Popen[bytes]", limits: Limits) -> None:
        self.limits, self.expected_s = limits, 0.0
        self.began_s = time.monotonic()
        try:
            self.child: psutil.Process | None = psutil.Process(process.pid)
            self.cpu_before_s = self._cpu_s()
        except psutil.Error:
            self.child, self.cpu_before_s = None, 0.0

    def expect(self, seconds: float) -> None:
        """More media means more time, up to the longest source that is taken at all."""
        self.expected_s = max(self.expected_s, min(seconds, self.limits.longest_s))

    def look(self) -> Died | None:
        """The limit that is passed now, if any. The name of a limit is a verdict; its figure depends on the machine."""
        limits = self.limits
        if time.monotonic() - self.began_s > limits.wall_s + limits.wall_per_s * self.expected_s:
            return Died("timeout", "wall")
        try:
            if self.child is None:
                return None
            if self._cpu_s() - self.cpu_before_s > limits.cpu_s + limits.cpu_per_s * self.expected_s:
                return Died("timeout", "cpu")
            if self.child.memory_info().rss > limits.memory_bytes:
                return Died("memory", f"{limits.memory_bytes >> 20} MiB")
        except psutil.Error:
            return None
        return None

    def _cpu_s(self) -> float:
        if self.child is None:
            return 0.0
        times = self.child.cpu_times()
        return float(times.user + times.system)
