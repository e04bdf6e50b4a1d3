"""The work of a loader's process: rows in, a filled batch out. Imports no torch, so that workers start fast."""

import signal
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import DatasetError
from gerdata.learn.slots import NOTHING, Arrays, Fields, Slots
from gerdata.release import ReleaseDataset

TRIES = 16  # samples that are tried in the place of a damaged one
OnBad = Literal["skip", "raise"]


class Bad(NamedTuple):
    """A sample that could not be read, what was read in its place, and why."""

    row: int
    instead: int
    reason: str


class Task(NamedTuple):
    """One batch to read into a slot."""

    number: int
    slot: int
    rows: tuple[int, ...]


class Done(NamedTuple):
    """A batch that is read; or `error`, and `is_ours` whether that is a sentence for a user."""

    number: int
    bad: tuple[Bad, ...] = ()
    error: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class Source:
    """Frames and sound of the clips of a split, as long as `audio_n` samples of sound."""

    data: ReleaseDataset
    audio_n: int

    @classmethod
    def of(cls, data: ReleaseDataset, audio_s: float | None) -> "Source":
        """Sound of `audio_s` seconds; None is that of the longest clip."""
        return cls(data, data.longest() if audio_s is None else round(audio_s * SAMPLE_RATE_HZ))

    def fields(self) -> Fields:
        """What is read of one clip."""
        frames = self.data.frame_shape
        return {"frames": (frames, "u1"), "audio": ((self.audio_n,), "f4"), "length": ((), "i8"), "row": ((), "i8")}

    def read(self, row: int, into: Arrays, k: int) -> None:
        """One clip into place `k` of a batch; `DatasetError` where it is damaged."""
        length = self.data.read_into(row, into["frames"][k], into["audio"][k])
        into["length"][k], into["row"][k] = min(length, self.audio_n), row

    def others(self, row: int) -> Iterator[int]:
        """What may stand in for a clip: the next of its class and origin in the order of the split, at most `TRIES`."""
        labels, synthetic = self.data.labels, self.data.synthetic
        alike = np.flatnonzero((labels == labels[row]) & (synthetic == synthetic[row]))
        at = int(np.searchsorted(alike, row))
        return (int(alike[(at + more) % len(alike)]) for more in range(1, min(TRIES + 1, len(alike))))


def fill(
    source: Source, rows: Iterable[int], into: Arrays, on_bad: OnBad, reading: npt.NDArray[np.int64] | None = None
) -> tuple[Bad, ...]:
    """Read rows into a batch, and others in the place of damaged ones, so that a batch is always full.

    What stands in depends on the clip alone: not on the batch, the rank or the worker. `DatasetError` for the first damaged
    clip with `on_bad="raise"`, or where all that might stand in are damaged too.
    """
    bad: list[Bad] = []
    for k, row in enumerate(rows):
        try:
            _read(source, row, into, k, reading)
        except DatasetError as error:
            if on_bad == "raise":
                raise
            bad.append(_stand_in(source, row, into, k, str(error)))
    return tuple(bad)


def _stand_in(source: Source, row: int, into: Arrays, k: int, reason: str) -> Bad:
    for other in source.others(row):
        try:
            source.read(other, into, k)
        except DatasetError:
            continue
        return Bad(row, other, reason)
    raise DatasetError(f"{reason}; and none of up to {TRIES} clips that might stand in for it can be read")


def _read(source: Source, row: int, into: Arrays, k: int, reading: npt.NDArray[np.int64] | None) -> None:
    if reading is not None:
        reading[0] = row
    source.read(row, into, k)


def work(
    source: Source, slots: Slots, number: int, pipe: Connection, on_bad: OnBad, others: Sequence[Connection] = ()
) -> None:
    """A worker's life: tasks from `pipe` until it closes. `others` are ends that a fork inherited and must not hold."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's; it closes the pipe
    for end in others:
        end.close()
    reading = slots.reading[number : number + 1]
    reading[0] = NOTHING
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = Done(task.number, fill(source, task.rows, slots[task.slot], on_bad, reading))
        except DatasetError as error:
            answer = Done(task.number, error=str(error), is_ours=True)
        except Exception:  # a defect of ours: told whole, in the trainer
            answer = Done(task.number, error=traceback.format_exc())
        reading[0] = NOTHING
        try:
            pipe.send(answer)
        except OSError:
            return
