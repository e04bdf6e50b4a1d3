"""The processes behind a loader: given tasks, watched, and never waited for in vain."""

import multiprocessing
import signal
import time
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal, NamedTuple

from gerdata.errors import DatasetError, GerdataError
from gerdata.learn.slots import STARTING, Slots
from gerdata.learn.worker import Done, OnBad, Source, Task, work

StartMethod = Literal["forkserver", "spawn", "fork"]
AHEAD = 2  # tasks that a worker has: the one it reads, and the next
END_S = 2.0
START_LIMIT_S = 180.0  # imports on a cold, loaded machine


class Worker(NamedTuple):
    """One process and this end of its pipe."""

    process: BaseProcess
    pipe: Connection
    tasks: list[int]


class Crew:
    """`n` workers that fill slots. `GerdataError` where one dies or gives no answer for `timeout_s`, with what it read."""

    def __init__(self, source: Source, slots: Slots, n: int, on_bad: OnBad, start_method: StartMethod) -> None:
        context: Any = multiprocessing.get_context(start_method)
        if start_method == "forkserver":
            context.set_forkserver_preload(["gerdata.learn.worker"])
        self._data, self._slots = source.data, slots
        self._began = time.monotonic()
        self.workers: list[Worker] = []
        self._end = weakref.finalize(self, _end, self.workers)
        for number in range(n):
            ours, theirs = context.Pipe()
            inherited = [*(worker.pipe for worker in self.workers), ours] if start_method == "fork" else []
            arguments = (source, slots, number, theirs, on_bad, inherited)
            process = context.Process(target=work, args=arguments, daemon=True, name=f"gerdata-loader-{number}")
            process.start()
            theirs.close()
            self.workers.append(Worker(process, ours, []))

    @property
    def busy(self) -> int:
        """How many tasks are given and not done."""
        return sum(len(worker.tasks) for worker in self.workers)

    def give(self, task: Task) -> bool:
        """Give a task to the worker with the fewest; False where all have enough."""
        number = min(range(len(self.workers)), key=lambda n: len(self.workers[n].tasks))
        worker = self.workers[number]
        if len(worker.tasks) >= AHEAD:
            return False
        try:
            worker.pipe.send(task)
        except OSError:
            raise self._died(number) from None
        worker.tasks.append(task.number)
        return True

    def take(self, timeout_s: float) -> list[Done]:
        """At least one task that is done."""
        pipes = {worker.pipe: number for number, worker in enumerate(self.workers)}
        ends = {worker.process.sentinel: number for number, worker in enumerate(self.workers)}
        ready = wait([*pipes, *ends], timeout_s)
        while not ready and self._starts():
            ready = wait([*pipes, *ends], timeout_s)
        if not ready:
            busy = [self._reads(number) for number, worker in enumerate(self.workers) if worker.tasks]
            raise GerdataError(f"no batch for {timeout_s:.0f} s: {'; '.join(busy)}; is the disk or the network stuck?")
        answers = []
        for number in sorted({pipes[one] for one in ready if isinstance(one, Connection)}):
            try:
                answers.append(self.workers[number].pipe.recv())
            except (EOFError, OSError):
                raise self._died(number) from None
            self.workers[number].tasks.remove(answers[-1].number)
        if not answers:
            raise self._died(min(ends[one] for one in ready if isinstance(one, int)))
        for answer in answers:
            if answer.error:
                raise (
                    DatasetError(answer.error)
                    if answer.is_ours
                    else RuntimeError(f"in a loader's worker:\n{answer.error}")
                )
        return answers

    def close(self) -> None:
        """End all workers."""
        self._end()

    def _starts(self) -> bool:
        """Whether a worker is still at its imports, and may be."""
        waits = any(worker.tasks and self._slots.reading[n] == STARTING for n, worker in enumerate(self.workers))
        return waits and time.monotonic() - self._began < START_LIMIT_S

    def _reads(self, number: int) -> str:
        row = int(self._slots.reading[number])
        if row < 0:
            return f"worker {number} {'starts' if row == STARTING else 'reads nothing'}"
        return f"worker {number} reads clip {self._data.ids[row]} of {self._data.index.place(row).shard}"

    def _died(self, number: int) -> GerdataError:
        process = self.workers[number].process
        process.join(END_S)
        code = process.exitcode
        how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        has_started = int(self._slots.reading[number]) != STARTING
        hint = "" if has_started or code != 1 else "; a script that starts workers needs `if __name__ == '__main__':`"
        return GerdataError(f"a loader's worker ended {how}: {self._reads(number)}{hint}")


def _end(workers: list[Worker]) -> None:
    """Close the pipes, which ends the workers, and those that do not end."""
    for worker in workers:
        worker.pipe.close()
    until = time.monotonic() + END_S
    leave: list[Callable[[], None]] = []
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            leave.append(worker.process.join)
    for last in leave:
        last()
    workers.clear()
