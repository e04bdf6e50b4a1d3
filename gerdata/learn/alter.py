"""The same clips, altered: damaged or partly covered, and what that costs a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gerdata.clip import Clip, Sample
from gerdata.errors import DatasetError
from gerdata.learn.architecture import Model
from gerdata.learn.batch import Form, Item, audio_tensor, video_tensor
from gerdata.learn.breakdown import Part, part_of
from gerdata.learn.compare import Comparison, compare
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.occlude import WITH_CONTROL, Occlusion
from gerdata.learn.outcome import Outcome, outcome_of
from gerdata.manifest import Row
from gerdata.store.dataset import Dataset
from gerdata.store.members import decode

Alteration = Callable[[Sample], Sample | None]  # None: this clip has nothing that could be altered so


class SampleReader:
    """The stored sample of a row of a release, structure included."""

    def __init__(self, release: Path) -> None:
        self.dataset = Dataset(release)
        self.members = self.dataset.header().members

    def __call__(self, row: Row) -> Sample:
        return decode(dict(zip(self.members, self.dataset.members(row), strict=True)))


class Altered:
    """A split with every clip altered as it is stored, before it takes the model's form. `unable`: places of the clips that
    could not be altered, as far as they were read; they are given as they are."""

    def __init__(self, data: ReleaseSplit, alter: Alteration) -> None:
        self.data, self.alter, self.read = data, alter, SampleReader(data.release)
        self.unable: set[int] = set()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Item:
        row, item = self.data.rows[index], self.data[index]
        sample = self.alter(self.read(row))
        if sample is None:
            self.unable.add(index)
            return item
        return in_form(item, sample, self.data.form)


def in_form(item: Item, sample: Sample, form: Form) -> Item:
    """An item with picture and sound of another sample; what it lacks the model does not read."""
    return item._replace(
        video=video_tensor(list(sample.frames), form),
        audio=audio_tensor(sample.audio, form),
        has_video=item.has_video and sample.clip.has_video,
        has_audio=item.has_audio and sample.clip.has_audio,
        sound=None,
    )


@dataclass(frozen=True)
class Effect:
    """What an alteration costs, on the clips that could be altered. `difference`: altered less clean, paired; `control`: the
    same patch elsewhere less clean, where there is such a thing."""

    name: str
    clips: int
    unable: int
    clean: Part
    altered: Part
    difference: Comparison
    control: Comparison | None

    def lines(self) -> list[str]:
        """For people."""
        told = self.difference.of("accuracy")
        few = " · underpowered" if self.difference.is_underpowered else ""
        left = f" ({self.unable} of {self.clips + self.unable} clips could not be altered so)" if self.unable else ""
        lines = [f"{self.name}: {told.line()} · {self.clips} clips{left}{few}"]
        if self.control:
            lines.append(f"{self.name}, patch elsewhere: {self.control.of('accuracy').line()}")
        return lines


def effect_of(model: Model, data: ReleaseSplit, clean: Outcome, alter: Alteration, seed: int = 0) -> Effect:
    """A model on clips altered and clean. `clean`: what it said of `data`. `DatasetError` where no clip could be altered."""
    name, clips = str(alter), clean.clips
    altered, unable = _asked(model, data, alter, clips)
    able = [i for i in range(len(clips)) if i not in unable]
    if not able:
        raise DatasetError(
            f"{data.release}: no clip of {data.split!r} has what {name} needs (structure of people, sound, or enough frames)"
        )
    control = None
    if isinstance(alter, Occlusion) and alter.region in WITH_CONTROL:
        elsewhere, _ = _asked(model, data, Occlusion(alter.region, elsewhere=True), clips)
        control = compare([elsewhere.only(able)], [clean.only(able)], seed)
    before, after = clean.only(able), altered.only(able)
    return Effect(
        name=name,
        clips=len(able),
        unable=len(unable),
        clean=part_of(before, "clean", seed),
        altered=part_of(after, "altered", seed),
        difference=compare([after], [before], seed),
        control=control,
    )


def _asked(
    model: Model, data: ReleaseSplit, alter: Alteration, clips: Sequence[Clip]
) -> tuple[Outcome, frozenset[int]]:
    altered = Altered(data, alter)
    outcome = outcome_of(model, altered, clips, np.array(data.labels).tolist(), data.header.classes)
    return outcome, frozenset(altered.unable)
