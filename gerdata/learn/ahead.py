"""What is read while something else is learnt from: clips that workers decode, for splits that do not fit in memory, and
the next batch."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

import torch

from gerdata.clip import Audio, Frames
from gerdata.learn.loader import Loader, Loading
from gerdata.release import ReleaseDataset

Media = tuple[Frames, Audio]
Task = TypeVar("Task")
Read = TypeVar("Read")

CLIPS = 4  # a task: of 75 frames of 224 x 224 px each they are 45 MB, and there are two tasks a worker, and one


class Ahead:
    """The clips of `rows`, decoded by `workers` processes in that order; a context, which ends them.

    `take` gives `frames: uint8 [T, H, W, 3]` and `audio: float32 [N]` at 16 kHz, which are valid until the next clip is taken:
    the buffers are used again. None for a clip whose turn it is not. A damaged clip is the `DatasetError` that it is without
    workers.
    """

    def __init__(self, data: ReleaseDataset, rows: Sequence[int], workers: int) -> None:
        self._expected = deque(rows)
        self._loader = Loader(data, Loading(CLIPS, workers=workers, reuse_buffers=True, on_bad="raise"))
        self._coming = self._decoded([rows[k : k + CLIPS] for k in range(0, len(rows), CLIPS)])

    def take(self, row: int) -> Media | None:
        """The next clip, if it is this one."""
        if not self._expected or self._expected[0] != row:
            return None
        self._expected.popleft()
        return next(self._coming)

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loader.close()

    def _decoded(self, batches: Sequence[Sequence[int]]) -> Iterator[Media]:
        for rows, batch in zip(batches, self._loader.given(batches), strict=True):
            frames, audio = batch.video.permute(0, 1, 3, 4, 2).numpy(), batch.audio.numpy()
            for k, length in enumerate(batch.audio_length.tolist()):
                if length == audio.shape[1]:  # as long as the manifest allows, so it may have been cut
                    yield self._loader.data.media(rows[k])
                else:
                    yield frames[k], audio[k, :length]


@contextlib.contextmanager
def in_turn(read: Callable[[Task], Read], tasks: Iterable[Task]) -> Iterator[Iterator[Read]]:
    """`read` of each task, in order; a thread reads the next one while the last is with the caller.

    The thread computes with as many threads as the caller, so that what it reads is the same to the bit. A context, which ends
    it where the caller stops early: left to the collector, the thread could be asked to wait for itself.
    """
    with ThreadPoolExecutor(1, "gerdata-reader", torch.set_num_threads, (torch.get_num_threads(),)) as reader:
        yield _one_ahead(reader, read, tasks)


def _one_ahead(reader: ThreadPoolExecutor, read: Callable[[Task], Read], tasks: Iterable[Task]) -> Iterator[Read]:
    last: Future[Read] | None = None
    for task in tasks:
        coming = reader.submit(read, task)
        if last is not None:
            yield last.result()
        last = coming
    if last is not None:
        yield last.result()
