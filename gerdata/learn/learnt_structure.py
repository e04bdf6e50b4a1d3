"""What a VE-MD run learnt of people's structure on a split, beside where people of the training clips usually are."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from gerdata.clip import Structure
from gerdata.errors import UsageError
from gerdata.learn.architecture import check_structure, decoder_of
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import Trained
from gerdata.learn.learnt import LearntStructure
from gerdata.learn.learnt_maps import measure_maps, usual_map
from gerdata.learn.learnt_people import measure_people, usual_poses
from gerdata.learn.outcome import groups_of
from gerdata.learn.target import BODY, channels_of
from gerdata.learn.ve_md import VeMd

MOST_TRAINING_CLIPS = 2000  # that means are made of, evenly spread over the split
Opened = Callable[[str], ReleaseSplit]


def with_structure(trained: Trained) -> Trained:
    """The same run, asked in a form in which what is known of people comes along; `UsageError` where it learnt none."""
    if not isinstance(trained.model, VeMd) or decoder_of(trained.run.identity.recipe) == "none":
        raise UsageError("--structure: this run has no decoder of people's structure; expected a ve-md run with one")
    if not channels_of_bodies(trained) and trained.model.person_query is not None:
        raise UsageError(
            "--structure: these queries tell faces alone; object keypoint similarity is of joints of bodies"
        )
    return trained._replace(form=dataclasses.replace(trained.form, structure=True))


def learnt_structure(
    trained: Trained, opened: Opened, split: str, seed: int = 0, private: Mapping[str, Structure] = MappingProxyType({})
) -> LearntStructure:
    """Figures of a run on one split; `opened` gives a split in the form of `with_structure`, `private` what is known of real
    people, by clip, beside what samples hold. `DatasetError` where nothing of anybody is known in a split that is needed."""

    def known(name: str) -> ReleaseSplit:
        out = opened(name)
        out.structures = private
        return out

    recipe, selection = trained.run.identity.recipe, trained.run.selection
    data, training = known(split), known("train")
    if not private:
        check_structure(recipe, data.header.members, data.release)
    group = groups_of(row.clip for row in data.rows)
    spread = np.linspace(0, len(training) - 1, min(len(training), MOST_TRAINING_CLIPS)).round().astype(int).tolist()
    if decoder_of(recipe) == "query":
        told = measure_people(trained, data, usual_poses(training, spread, recipe.queries), group, seed)
    else:
        usual = usual_map(training, spread, channels_of(recipe.structure))
        told = measure_maps(trained, (data, known(selection)), usual, group, seed)
    return dataclasses.replace(told, training_clips=len(spread))


def channels_of_bodies(trained: Trained) -> list[int]:
    """Which channels of a run's decoder are of bodies."""
    return [c for c in channels_of(trained.run.identity.recipe.structure) if c < BODY.stop]
