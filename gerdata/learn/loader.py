"""From a release to batches of tensors, as fast as they decode.

    data = gerdata.open_release("release", "train")
    with Loader(data, Loading(batch=32, workers=2, seed=1)) as loader:
        for epoch in range(10):
            for batch in loader.epoch(epoch):
                loss = cross_entropy(model(batch.video, batch.audio), batch.labels)

Workers decode straight into a few shared slots, which are used over and over: no batch is made anew, pickled or piped.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gerdata.clip import SAMPLE_RATE_HZ, Sample
from gerdata.errors import UsageError
from gerdata.learn.crew import AHEAD, Crew, StartMethod
from gerdata.learn.sampler import Catalogue, Ints, Mixing, Tail, epoch_order, position_after, share_of, steps_of
from gerdata.learn.slots import Arrays, Slots, empty_batch
from gerdata.learn.worker import Bad, Done, OnBad, Source, Task, fill
from gerdata.release import ReleaseDataset


class ClipBatch(NamedTuple):
    """B clips as they are stored."""

    ids: tuple[str, ...]
    video: Tensor  # uint8 [B, T, 3, H, W], in memory B, T, H, W, 3
    audio: Tensor  # float32 [B, N] at 16 kHz, zeros behind the end of each
    audio_length: Tensor  # int64 [B], samples of sound in each
    labels: Tensor  # int64 [B], -1 without a label
    has_video: Tensor  # bool [B]
    has_audio: Tensor  # bool [B]
    is_synthetic: Tensor  # bool [B]


@dataclass(frozen=True)
class Loading:
    """How a split is loaded.

    `batch` clips a rank and step; `rank` of `world` ranks; `tail` fills the last step up or drops it (`sampler.share_of`).
    `workers` processes decode (0: this one). `reuse_buffers` gives batches that are valid only until the next one is
    asked for; without it a batch is the caller's own. `on_bad` says whether damaged clips are skipped, counted and named in
    `Loader.bad`, with the next clip of their class and origin in their place, or raise. `audio_s` cuts or pads the sound;
    None is the longest of the split. No answer from any worker for `timeout_s` is an error.
    """

    batch: int = 32
    seed: int = 0
    mixing: Mixing = field(default_factory=Mixing)
    rank: int = 0
    world: int = 1
    tail: Tail = "pad"
    workers: int = 0
    reuse_buffers: bool = False
    on_bad: OnBad = "skip"
    audio_s: float | None = None
    timeout_s: float = 300.0
    start_method: StartMethod = "forkserver"


class Loader:
    """Batches of one split, epoch by epoch; a context, which ends its workers.

    `bad` names every damaged clip that was met, and what stood in for it. `position` is how many clips of the current
    epoch all ranks together have been given: `epoch(number, loader.position)` goes on from there, with any other `batch`,
    `world` and `workers` too.
    """

    def __init__(self, data: ReleaseDataset, how: Loading) -> None:
        if how.batch < 1 or how.workers < 0 or not 0 <= how.rank < how.world:
            came = f"batch {how.batch}, workers {how.workers}, rank {how.rank} of {how.world}"
            raise UsageError(f"expected batch >= 1, workers >= 0 and 0 <= rank < world, came {came}")
        self.data, self.how = data, how
        self.bad: dict[str, Bad] = {}
        self.position = 0
        self._source = Source.of(data, how.audio_s)
        self._fields = self._source.fields()
        self._clips = Catalogue(data.index.shard_of, data.labels, data.synthetic)
        self._has_video, self._has_audio = data.index.flags("has_video"), data.index.flags("has_audio")
        self._turn = 0
        self._crew: Crew | None = None
        self._slots: Slots | None = None
        self._kept: Arrays | None = None

    def order(self, epoch: int) -> Ints:
        """The clips of an epoch over all ranks, int64 [L]."""
        return epoch_order(self._clips, self.how.mixing, self.how.seed, epoch)

    def steps(self, epoch: int, start: int = 0) -> int:
        """How many batches every rank has from position `start` of an epoch on."""
        return steps_of(len(self.order(epoch)), self.how.batch, self.how.world, start, self.how.tail)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[ClipBatch]:
        """The batches of this rank, from position `start` on. One epoch at a time: beginning one ends an earlier one."""
        how, order = self.how, self.order(epoch)
        rows = share_of(order, how.batch, how.rank, how.world, start, how.tail)
        self._turn += 1
        self.position = start
        for step, batch in enumerate(self.given(rows.tolist()), start=1):
            self.position = position_after(start, step, how.batch, how.world, len(order))
            yield batch

    def given(self, batches: Sequence[Sequence[int]]) -> Iterator[ClipBatch]:
        """Batches that the caller chose: each of at most `batch` numbers of clips in the split."""
        self._turn += 1
        turn = self._turn
        for some, (arrays, bad) in zip(batches, self._filled(batches), strict=True):
            for one in bad:
                self.bad[self.data.ids[one.row]] = one
            yield self._batch({name: array[: len(some)] for name, array in arrays.items()})
            if turn != self._turn:
                raise UsageError("another epoch of this loader was begun; one at a time")

    def close(self) -> None:
        """End the workers; the next epoch starts them again."""
        if self._crew is not None:
            self._crew.close()
        self._crew, self._slots = None, None

    def __enter__(self) -> "Loader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _filled(self, rows: Sequence[Sequence[int]]) -> Iterator[tuple[Arrays, tuple[Bad, ...]]]:
        if self.how.workers:
            yield from self._by_workers(rows)
            return
        for some in rows:
            if self._kept is None or not self.how.reuse_buffers:
                self._kept = empty_batch(self._fields, self.how.batch)
            yield self._kept, fill(self._source, some, self._kept, self.how.on_bad)

    def _by_workers(self, rows: Sequence[Sequence[int]]) -> Iterator[tuple[Arrays, tuple[Bad, ...]]]:
        """Tasks are given in order, as far ahead as there are slots, and their batches come in order."""
        crew, slots = self._hired()
        try:
            while crew.busy:  # of an epoch that was left before its end
                crew.take(self.how.timeout_s)
            free, given = deque(range(AHEAD * self.how.workers + 1)), 0
            ready: dict[int, Done] = {}
            slot_of: dict[int, int] = {}
            for number in range(len(rows)):
                while free and given < len(rows):
                    if not crew.give(Task(given, free[0], tuple(rows[given]))):
                        break
                    slot_of[given] = free.popleft()
                    given += 1
                while number not in ready:
                    ready.update((done.number, done) for done in crew.take(self.how.timeout_s))
                slot = slot_of.pop(number)
                arrays = slots[slot]
                if not self.how.reuse_buffers:
                    arrays = {name: array.copy() for name, array in arrays.items()}
                yield arrays, ready.pop(number).bad
                free.append(slot)
        except Exception:  # tasks may be left half done: the next epoch starts with new workers
            self.close()
            raise

    def _hired(self) -> tuple[Crew, Slots]:
        if self._crew is None or self._slots is None:
            how = self.how
            self._slots = Slots(self._fields, how.batch, AHEAD * how.workers + 1, how.workers)
            self._crew = Crew(self._source, self._slots, how.workers, how.on_bad, how.start_method)
        return self._crew, self._slots

    def _batch(self, arrays: Arrays) -> ClipBatch:
        rows = arrays["row"]
        return ClipBatch(
            tuple(self.data.ids[row] for row in rows.tolist()),
            torch.from_numpy(arrays["frames"]).permute(0, 1, 4, 2, 3),
            torch.from_numpy(arrays["audio"]),
            torch.from_numpy(arrays["length"]),
            torch.from_numpy(self._clips.labels[rows]),
            torch.from_numpy(self._has_video[rows]),
            torch.from_numpy(self._has_audio[rows]),
            torch.from_numpy(self._clips.synthetic[rows]),
        )


def stack(samples: Sequence[Sample], classes: Sequence[str], audio_s: float) -> ClipBatch:
    """Samples side by side, for a plain `torch.utils.data.DataLoader`: bind the rest with `functools.partial`."""
    n = round(audio_s * SAMPLE_RATE_HZ)
    audio = np.zeros((len(samples), n), np.float32)
    for row, sample in zip(audio, samples, strict=True):
        row[: len(sample.audio)] = sample.audio[:n]
    clips = [sample.clip for sample in samples]
    return ClipBatch(
        tuple(clip.id for clip in clips),
        torch.from_numpy(np.stack([sample.frames for sample in samples])).permute(0, 1, 4, 2, 3),
        torch.from_numpy(audio),
        torch.tensor([min(n, len(sample.audio)) for sample in samples]),
        torch.tensor([classes.index(clip.label) if clip.label is not None else -1 for clip in clips]),
        torch.tensor([clip.has_video for clip in clips]),
        torch.tensor([clip.has_audio for clip in clips]),
        torch.tensor([clip.is_synthetic for clip in clips]),
    )
