"""What a model learnt of people's structure: each figure beside that of a baseline which knows no clip, on the same draws."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from gerdata.learn.architecture import ask
from gerdata.learn.batch import Item, batches, collate
from gerdata.learn.bootstrap import LEAST_GROUPS, Estimate, Floats, percentiles, share
from gerdata.learn.compare import signed
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import Trained
from gerdata.learn.target import Decoder
from gerdata.learn.ve_md import Output

BATCH = 8  # clips at once: maps of 38 channels are large


@dataclass(frozen=True)
class Learnt:
    """One figure of a model and of the baseline on the same clips, and their difference; `of`: bodies, faces or a limb."""

    figure: str
    of: str
    model: Estimate
    baseline: Estimate
    difference: Estimate

    def line(self, baseline: str) -> str:
        """One line for people."""
        return (
            f"{self.of}: {self.figure} {self.model} · {baseline} {self.baseline} · difference {signed(self.difference)}"
        )


@dataclass(frozen=True)
class LearntStructure:
    """`levels`: from which a map counts as foreground, by part, of the model and of the mean map."""

    decoder: Decoder
    baseline: str
    training_clips: int  # that the baseline was made of
    frames: int
    frames_unknown: int  # left out: nothing of anybody is known in them
    groups: int
    is_underpowered: bool
    levels: dict[str, tuple[float, float]]
    figures: tuple[Learnt, ...]
    limbs: tuple[Learnt, ...]

    def lines(self) -> list[str]:
        """For people: all but single limbs."""
        left = f", {self.frames_unknown} of which nothing is known left out" if self.frames_unknown else ""
        few = " · underpowered" if self.is_underpowered else ""
        head = f"structure by {self.decoder} · {self.frames} frames{left} · {self.groups} groups{few}"
        levels = [f"  foreground, {of}: {a:.2f} ({self.baseline} {b:.2f})" for of, (a, b) in self.levels.items()]
        return [head, *(f"  {one.line(self.baseline)}" for one in self.figures), *levels]


def answers_of(trained: Trained, data: ReleaseSplit) -> Iterator[tuple[list[int], list[Item], Output]]:
    """Numbers of some clips that have a picture, the clips, and what a run says of them."""
    for some in batches([i for i, row in enumerate(data.rows) if row.clip.has_video], BATCH):
        items = [data[i] for i in some]
        with torch.no_grad():
            answer = ask(trained.model, collate(items))
        assert isinstance(answer, Output)
        yield some, items, answer


def learnt_of(figure: str, of: str, values: list[float], drawn: list[Floats], groups: int) -> Learnt:
    """Of the model's and the baseline's value, and draws of both."""
    told = percentiles if figure == "correlation" else lambda value, again: share(value, again, groups)
    model, baseline = (told(value, again) for value, again in zip(values, drawn, strict=True))
    return Learnt(figure, of, model, baseline, percentiles(values[0] - values[1], drawn[0] - drawn[1]))


def learnt_structure_of(
    decoder: Decoder, baseline: str, frames: tuple[int, int], groups: int, figures: tuple[Learnt, ...]
) -> LearntStructure:
    return LearntStructure(decoder, baseline, 0, *frames, groups, groups < LEAST_GROUPS, {}, figures, ())


def mean_of_known(values: Floats) -> Floats:
    """Over the last axis, of what is a number."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1), np.float64)
