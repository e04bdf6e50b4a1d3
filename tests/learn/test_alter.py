"""Damage and cover: what they do to a clip, and that they find what a model lives off."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.chance import rng_for
from gerdata.clip import BODY_MAP_SHAPE, BodyMaps, Clip, Sample, Structure
from gerdata.errors import DatasetError, UsageError
from gerdata.learn.alter import Altered, effect_of
from gerdata.learn.corrupt import NAMES, SNR_DB, noisy, parse_corruption, spread_evenly
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.evaluate import Trained, ask_split, load
from gerdata.learn.occlude import GREY, Occlusion, moved, parse_occlusion, region_of
from gerdata.learn.train import train
from gerdata.recipe import TrainRecipe


def sample_of(seed: int, people: int = 3, has_audio: bool = True) -> Sample:
    """Two frames with people here and there, some of whom are partly missing."""
    rng = rng_for(seed, "test", "occlude")
    structure = Structure.empty(2, people)
    for t in range(2):
        for p in range(people):
            x, y = rng.uniform(-10, 60, 2)
            if rng.random() < 0.8:
                structure.heads[t, p] = (x, y, x + rng.uniform(1, 20), y + rng.uniform(1, 20))
            structure.bodies[t, p, :, 2] = rng.integers(0, 3, 17)
            structure.bodies[t, p, :, :2] = rng.uniform(0, 30, (17, 2)) + (x, y)
    frames = rng.integers(0, 120, (2, 48, 64, 3)).astype(np.uint8)
    audio = rng.normal(0, 0.1, 16_000).astype(np.float32) * has_audio
    return Sample(Clip("c", "g", "positive", "test", 1.0, has_audio=has_audio), frames, audio, structure)


@given(st.integers(0, 10_000))
def test_heads_bodies_and_background_are_a_partition_of_the_frame(seed: int) -> None:
    sample = sample_of(seed)
    heads, bodies, rest = (region_of(sample, region) for region in ("heads", "bodies", "background"))
    assert bodies is not None
    assert rest is not None
    told = bodies.astype(int) + rest + (0 if heads is None else heads)
    assert (told == 1).all()


@given(st.integers(0, 10_000))
def test_only_what_is_named_is_covered(seed: int) -> None:
    sample = sample_of(seed)
    for region in ("heads", "bodies", "background"):
        mask, made = region_of(sample, region), Occlusion(region)(sample)
        if made is None:
            assert mask is None or not mask.any()
            continue
        assert mask is not None
        assert (made.frames[mask] == GREY).all()
        assert np.array_equal(made.frames[~mask], sample.frames[~mask])
        elsewhere = moved(mask)
        assert elsewhere.sum() == mask.sum()


def test_a_patch_elsewhere_does_not_cover_a_small_head() -> None:
    mask = np.zeros((2, 48, 64), np.bool_)
    mask[:, 10:20, 10:18] = True
    assert not (moved(mask) & mask).any()


def test_released_maps_tell_bodies_and_no_heads() -> None:
    sample = dataclasses.replace(sample_of(1), structure=None)
    assert all(Occlusion(region)(sample) is None for region in ("heads", "bodies", "background"))
    maps = np.zeros((2, *BODY_MAP_SHAPE), np.uint8)
    maps[:, 3, 20:40, 28] = 255
    sample = dataclasses.replace(sample, limbs=BodyMaps(maps, np.array([True, True])))
    bodies = region_of(sample, "bodies")
    assert bodies is not None
    assert bodies[0, 24, 32]
    assert not bodies[0, 24, 5]
    assert Occlusion("heads")(sample) is None


def test_damage_is_as_large_as_stated() -> None:
    sample = sample_of(2)
    noise = noisy(sample.audio, 5.0, rng_for(0, "test")) - sample.audio
    assert 10 * np.log10(np.mean(sample.audio**2) / np.mean(noise**2)) == pytest.approx(5.0, abs=0.2)
    for name in ("light", "blur", "codec"):
        away = []
        for level in (1, 3, 5):
            made = parse_corruption(f"{name}:{level}")(sample)
            assert made is not None
            away.append(float(np.abs(made.frames.astype(int) - sample.frames).mean()))
        assert away[0] < away[1] < away[2], name
    assert len(SNR_DB) == 5
    fewer = parse_corruption("frames:1")(sample)
    assert fewer is not None
    assert np.array_equal(fewer.frames, sample.frames[1:])
    assert spread_evenly(5, 75) == [7, 22, 37, 52, 67]
    assert spread_evenly(75, 75) == list(range(75))


def test_damage_depends_on_seed_and_clip_alone() -> None:
    sample = sample_of(3)
    first, again, other = (parse_corruption("snr:2", seed)(sample) for seed in (0, 0, 1))
    assert first is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(first.audio, again.audio)
    assert not np.array_equal(first.audio, other.audio)


def test_what_a_clip_lacks_cannot_be_taken_from_it() -> None:
    silent = sample_of(4, has_audio=False)
    for name in ("snr", "no-sound"):
        assert parse_corruption(name)(silent) is None
    assert parse_occlusion("sound")(silent) is None
    assert parse_corruption("frames:2")(silent) is None


@pytest.mark.parametrize("text", ["fog", "blur:0", "blur:6", "blur:x", "no-sound:2", "frames:0", ""])
def test_unknown_damage_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected one of|LEVEL|no level"):
        parse_corruption(text)


@pytest.fixture(scope="module")
def seer(release: Path, recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run that knows the toy classes by picture alone: by the colour of the one head in each frame."""
    out = tmp_path_factory.mktemp("seer")
    train(recipe.model_copy(update={"epochs": 20, "lr": 3e-3, "modality": "video"}), release, out, 0, threads=1)
    return load(out)


def test_a_model_that_lives_off_heads_is_found(seer: Trained, release: Path) -> None:
    data = ReleaseSplit(release, "train", seer.form)
    clean = ask_split(seer, data)
    told = effect_of(seer.model, data, clean, Occlusion("heads"))
    assert told.clean.accuracy.value > 0.9
    assert told.altered.accuracy.value < 0.6
    assert told.difference.of("accuracy").difference.high < -0.2
    assert told.control is not None
    assert told.control.of("accuracy").difference.value > told.difference.of("accuracy").difference.value + 0.2
    assert (told.clips, told.unable) == (len(data), 0)
    unheard = effect_of(seer.model, data, clean, Occlusion("sound"))
    assert unheard.difference.of("accuracy").difference.value == 0  # it does not listen
    assert unheard.unable == sum(not row.clip.has_audio for row in data.rows) > 0
    assert f"({unheard.unable} of {len(data)} clips could not be altered so)" in unheard.lines()[0]


def test_what_no_clip_has_is_said(seer: Trained, release: Path) -> None:
    data = ReleaseSplit(release, "test", seer.form)
    with pytest.raises(DatasetError, match="no clip of 'test' has what frames:3 needs"):
        effect_of(seer.model, data, ask_split(seer, data), parse_corruption("frames:3"))


def test_clips_that_are_not_altered_are_those_of_the_split(seer: Trained, release: Path) -> None:
    data = ReleaseSplit(release, "test", seer.form)
    same = Altered(data, lambda sample: sample)
    for i in range(len(data)):
        assert np.array_equal(same[i].video, data[i].video)
        assert np.array_equal(same[i].audio, data[i].audio)
        assert (same[i].has_video, same[i].has_audio) == (data[i].has_video, data[i].has_audio)


@pytest.mark.parametrize("name", NAMES)
def test_every_damage_reaches_the_model_and_its_mode_is_put_back(seer: Trained, release: Path, name: str) -> None:
    data = ReleaseSplit(release, "validation", seer.form)
    told = effect_of(seer.model, data, ask_split(seer, data), parse_corruption(name))
    assert told.clips > 0
    assert told.name.startswith(name)
    assert not seer.model.training
