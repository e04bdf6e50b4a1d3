"""What a model said of the clips of a split: the one value that figures, comparisons and attacks are made from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from gerdata.clip import Clip
from gerdata.errors import DatasetError
from gerdata.learn.ahead import in_turn
from gerdata.learn.architecture import Model, Output, ask
from gerdata.learn.batch import Batch, Item, batches, collate
from gerdata.learn.bootstrap import Floats
from gerdata.learn.metrics import DataKind, Ids, Metrics, measure

BATCH, FRAMES = 64, 320  # clips and frames at once, at most; probabilities do not depend on it beyond rounding


class Asked(Protocol):
    """Labelled clips in a model's form, by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Item: ...


@dataclass(frozen=True)
class Outcome:
    """Of N clips: their rows, their true classes, and the probability that a model gave each class."""

    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    truth: Ids  # [N]
    probabilities: Floats  # [N, C], rows sum to 1

    def __post_init__(self) -> None:
        n = len(self.clips)
        if self.truth.shape != (n,) or self.probabilities.shape != (n, len(self.classes)):
            raise ValueError(
                f"Outcome: expected {n} truths and [{n}, {len(self.classes)}] probabilities, came {self.truth.shape} and "
                f"{self.probabilities.shape}"
            )

    @property
    def called(self) -> Ids:
        """`[N]`: the most probable class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def group(self) -> Ids:
        """`[N]`: the source group of each clip as a number from 0, in the order of their names."""
        return groups_of(self.clips)

    @property
    def loss(self) -> Floats:
        """`[N]`: the cross-entropy of each clip, in nats."""
        told = self.probabilities[np.arange(len(self.truth)), self.truth]
        return np.asarray(-np.log(np.maximum(told, 1e-12)), np.float64)

    @property
    def data_kind(self) -> DataKind:
        """Whether the clips are all synthetic, all real, or mixed."""
        synthetic = sum(clip.is_synthetic for clip in self.clips)
        return "synthetic" if synthetic == len(self.clips) else "mixed" if synthetic else "real"

    def only(self, keep: Sequence[int] | Ids) -> "Outcome":
        """The clips at some places, in that order."""
        at = np.asarray(keep, np.int64)
        return Outcome(self.classes, tuple(self.clips[i] for i in at), self.truth[at], self.probabilities[at])


def outcome_of(
    model: Model, data: Asked, clips: Sequence[Clip], labels: Sequence[int], classes: tuple[str, ...]
) -> Outcome:
    """The probabilities of a model for every clip of `data`; the model's mode is put back. `DatasetError` for no clips, or
    where a probability is no number."""
    if not len(data):
        raise DatasetError("no labelled clips; nothing can be measured")
    told = [shares_of(answer) for _, answer in answers(model, data)]
    probabilities = np.concatenate(told)
    odd = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(odd):
        raise DatasetError(f"the model gives no number for clip {clips[int(odd[0])].id}; train again with a lower lr")
    return Outcome(classes, tuple(clips), np.array(labels, np.int64), probabilities)


def answers(model: Model, data: Asked, size: int = BATCH) -> Iterator[tuple[Batch, Output]]:
    """What a model answers about the clips of `data` in their order, in evaluation mode; its mode is put back at the end."""
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    try:
        with torch.no_grad():
            at_once = min(size, FRAMES // len(data[0].video)) if len(data) else size
            tasks = batches(list(range(len(data))), max(1, at_once))
            with in_turn(lambda some: collate([data[i] for i in some]), tasks) as reading:
                for batch in reading:
                    yield batch, ask(model, batch.to(device))
    finally:
        model.train(was_training)


def shares_of(answer: Output) -> Floats:
    """`[B, C]`: the probability of each class."""
    return np.asarray(answer.logits.float().softmax(dim=1).cpu().double().numpy(), np.float64)


def metrics_of(outcome: Outcome, split: str) -> Metrics:
    """The figures that a run keeps, of an outcome."""
    return measure(outcome.truth, outcome.called, len(outcome.classes), split, outcome.data_kind)


def groups_of(clips: Iterable[Clip]) -> Ids:
    """`int64 [N]`: the source group of each clip as a number from 0, in the order of their names; a clip without is its own."""
    names = np.array([clip.group or clip.id for clip in clips])
    return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)
