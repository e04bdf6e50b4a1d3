"""Shortcuts: what is planted in a cue is found by that cue; what is not there is not found; blind probes say that they are."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import KFold

from gerdata.audit import cues, shortcuts
from gerdata.audit.shortcuts import Gathered, called_by, folds_of, permuted_uar, probed, uar_of_groups
from gerdata.chance import rng_for
from gerdata.clip import Clip, Sample, Structure
from gerdata.manifest import Row

N, GROUPS, PX = 320, 80, 48
CLASSES = ("positive", "negative")
MEMBERS = ("f00.jpg", "f01.jpg", "flac", "json", "structure.npz")
Fault = Callable[[Row, Sample, int], tuple[Row, Sample]]


def structure(rng: np.random.Generator, height_px: float) -> Structure:
    """Two frames with one head and the shoulders below it."""
    x, y = rng.uniform(10, 38), rng.uniform(16, 24)
    head = np.array([x - height_px / 2, y, x + height_px / 2, y + height_px], np.float32)
    body = np.full((17, 3), np.nan, np.float32)
    body[5:7] = [(x - height_px, y + 1.5 * height_px, 2), (x + height_px, y + 1.5 * height_px, 2)]
    still = Structure.empty(2, 1)
    still.heads[:], still.bodies[:] = head, body
    return still


@functools.cache
def drawn(number: int) -> tuple[Row, Sample, int]:
    """A sample that nothing tells the label of."""
    rng = rng_for(0, "sample", number)
    label = int(rng.integers(2))
    clip = Clip(
        f"id{number}", f"group{number % GROUPS}", CLASSES[label], None, 1.0, 2, PX, PX, has_audio=True, n_people=3
    )
    row = Row(clip, member_offset=(0,) * 5, member_length=(*rng.integers(800, 1200, 3).tolist(), 300 + label, 500))
    frames = (
        rng.integers(40, 160, (2, 6, 6, 3)).repeat(8, 1).repeat(8, 2) + rng.integers(0, 20, (2, PX, PX, 3))
    ).astype(np.uint8)
    audio = (rng.uniform(0.05, 0.2) * rng.normal(0, 1, 8000)).clip(-1, 1).astype(np.float32)
    return row, Sample(clip, frames, audio, structure(rng, rng.uniform(6, 9))), label


def gathered(fault: Fault | None = None, n: int = N, only: Sequence[str] = ()) -> Gathered:
    out = Gathered(CLASSES, 0)
    for number in range(n):
        row, sample, label = drawn(number)
        out.add(*(fault(row, sample, label) if fault else (row, sample)), MEMBERS)
    out.cues = {name: told for name, told in out.cues.items() if not only or name in only}
    return out


def with_clip(row: Row, sample: Sample, **changed: object) -> tuple[Row, Sample]:
    clip = dataclasses.replace(row.clip, **changed)  # type: ignore[arg-type]
    return dataclasses.replace(row, clip=clip), dataclasses.replace(sample, clip=clip)


def with_frames(row: Row, sample: Sample, change: Callable[[np.ndarray], np.ndarray]) -> tuple[Row, Sample]:
    changed = change(sample.frames.astype(np.int16)).clip(0, 255).astype(np.uint8)
    return row, dataclasses.replace(sample, frames=changed)


def stripes(frames: np.ndarray) -> np.ndarray:
    return frames + 12 * (np.arange(PX) % 2)[None, None, :, None]


FAULTS: dict[str, Fault] = {
    cues.BACKGROUND: lambda row, sample, k: with_frames(row, sample, lambda x: _corner(x, 255 * k)),
    cues.FIRST: lambda row, sample, k: with_frames(row, sample, lambda x: np.concatenate([x[:1] + 40 * k, x[1:]])),
    cues.COLOUR: lambda row, sample, k: with_frames(row, sample, lambda x: x + np.array([12, 0, -12]) * k),
    cues.TEXTURE: lambda row, sample, k: with_frames(row, sample, stripes if k else np.asarray),
    cues.LOUDNESS: lambda row, sample, k: (row, dataclasses.replace(sample, audio=sample.audio * np.float32(1 + k))),
    cues.LEVELS: lambda row, sample, k: (row, dataclasses.replace(sample, audio=sample.audio * np.float32(2 - k))),
    cues.SOUND: lambda row, sample, k: (row, dataclasses.replace(sample, audio=sample.audio[: 8000 - 400 * k])),
    cues.BYTES: lambda row, sample, k: (
        dataclasses.replace(row, member_length=(row.member_length[0] + 300 * k, *row.member_length[1:])),
        sample,
    ),
    cues.HEADS: lambda row, sample, k: (
        row,
        dataclasses.replace(sample, structure=structure(rng_for(1, row.clip.id), 6 + 3 * k)),
    ),
    cues.ROW: lambda row, sample, k: with_clip(row, sample, flags=("rotated",) if k else ()),
}


def _corner(frames: np.ndarray, value: int) -> np.ndarray:
    frames[:, -1, -1] = value
    return frames


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_shortcut_is_found_by_its_cue(name: str) -> None:
    told = [(*FAULTS[name](*drawn(number)), drawn(number)[2]) for number in range(N // 2)]
    x = np.stack([cues.cues_of(row, sample, MEMBERS)[name] for row, sample, _ in told])
    label, group = np.array([k for _, _, k in told]), np.arange(len(told)) % GROUPS
    called = called_by(x, label, folds_of(label, group, 0))
    assert uar_of_groups("UAR", label, called, group, rng_for(0, "test")).low > 0.5 + shortcuts.MOST_GAIN


def test_where_there_is_no_shortcut_none_is_found() -> None:
    """And the marks that were planted beside are: one corner pixel in 60 % of the clips, 6 dB."""
    clean = gathered()
    assert set(clean.cues) == set(FAULTS)
    assert {len(told) for told in clean.cues.values()} == {N}
    clean.cues = {name: clean.cues[name] for name in (cues.BACKGROUND, cues.LOUDNESS, cues.HEADS)}
    found = list(probed(clean))
    assert {one.status for one in found} <= {"reported", "underpowered"}
    assert all(abs(one.figures[0].value - 0.5) < 0.1 for one in found)
    planted = {figure.name: figure for one in found for figure in one.figures if figure.name.startswith("planted")}
    assert planted["planted corner pixel"].low > 0.65
    assert planted["planted corner pixel"].value < 0.9  # 60 % and half of the rest: .8
    assert planted["planted loudness"].low > 0.65


def test_probes_that_miss_what_was_planted_have_shown_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shortcut that is found all the same stays found."""
    monkeypatch.setattr(shortcuts, "MARKED_SHARE", 0.0)
    told = gathered(FAULTS[cues.BYTES], only=(cues.BYTES, cues.ROW))
    status = {one.part: one.status for one in probed(told)}
    assert status["shortcut by file size"] == "failed"
    assert status["shortcut by row"] == "void"


def test_where_heads_are_seen_a_picture_that_tells_the_label_is_no_shortcut() -> None:
    told = gathered(FAULTS[cues.COLOUR], only=[cues.COLOUR])
    assert next(probed(told)).status == "failed"
    told.hides_heads = False
    assert next(probed(told)).status == "reported"


def test_few_clips_or_groups_are_underpowered_however_clear() -> None:
    few = gathered(FAULTS[cues.BYTES], n=shortcuts.LEAST_CLIPS - 1, only=[cues.BYTES])
    (verdict, _) = probed(few)
    assert verdict.status == "underpowered"
    assert verdict.figures[0].low > 0.5 + shortcuts.MOST_GAIN
    assert {one.status for one in probed(gathered(n=4, only=[cues.BYTES]))} == {"underpowered", "skipped"}
    assert [one.status for one in probed(Gathered(CLASSES, 0))] == ["skipped"]


def test_a_group_is_never_learnt_from_and_tested_on() -> None:
    """Groups that look like themselves and have one label each tell nothing of other groups."""
    group = np.arange(240) // 4
    label = rng_for(0, "labels").integers(0, 2, 60)[group]
    x = rng_for(0, "looks").normal(0, 1, (60, 8))[group] + rng_for(0, "noise").normal(0, 0.1, (240, 8))
    folds = folds_of(label, group, 0)
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(240))
    assert not any(set(group[learn]) & set(group[test]) for learn, test in folds)
    assert balanced_accuracy_score(label, called_by(x, label, folds)) < 0.65
    torn = list(KFold(5, shuffle=True, random_state=0).split(x))
    assert balanced_accuracy_score(label, called_by(x, label, torn)) > 0.8


def test_uar_is_balanced_accuracy_and_its_interval_is_one_of_groups() -> None:
    rng = rng_for(0, "uar")
    group = np.arange(400) // 20
    label = rng.choice(3, 400, p=(0.7, 0.2, 0.1))
    called = np.where(rng.random(20)[group] < 0.5, label, 0)  # whole groups are right or wrong
    figure = uar_of_groups("UAR", label, called, group, rng_for(1, "a"))
    alone = uar_of_groups("UAR", label, called, np.arange(400), rng_for(1, "b"))
    assert figure.value == pytest.approx(balanced_accuracy_score(label, called))
    assert figure.low < figure.value < figure.high
    assert figure.high - figure.low > 2 * (alone.high - alone.low)
    assert uar_of_groups("UAR", label, label, group, rng_for(1, "c")).low == pytest.approx(0.025 ** (1 / 20))
    constant = uar_of_groups("UAR", label, np.zeros_like(label), group, rng_for(1, "d"))
    assert constant.value == pytest.approx(1 / 3)  # however frequent the class is
    assert permuted_uar(label, called, group, rng_for(1, "e")) < figure.value


def test_what_is_filled_is_not_seen() -> None:
    """Heads by no cue of the picture, bodies not by the background; the size of the row's own bytes, which names the label."""
    row, sample, _ = drawn(0)
    assert sample.structure is not None
    other = dataclasses.replace(sample, frames=sample.frames.copy())
    x0, y0, x1, y1 = sample.structure.heads[0, 0].astype(int)
    other.frames[:, y0:y1, x0:x1] = 255
    longer = dataclasses.replace(row, member_length=(*row.member_length[:3], 999, row.member_length[4]))
    ours, theirs = cues.cues_of(row, sample, MEMBERS), cues.cues_of(longer, other, MEMBERS)
    for name, told in ours.items():
        np.testing.assert_array_equal(told, theirs[name], err_msg=name)
    other.frames[:, y1 + 1 : int(sample.structure.bodies[0, 0, 5, 1]), x0:x1] = 255
    np.testing.assert_array_equal(ours[cues.BACKGROUND], cues.background_of(other.frames, other.structure))
    assert not np.array_equal(ours[cues.BACKGROUND], cues.background_of(other.frames, None), equal_nan=True)


def test_without_structure_the_background_is_the_border() -> None:
    _, sample, _ = drawn(1)
    inner = sample.frames.copy()
    inner[:, 4:-4, 4:-4] = 0
    told = cues.background_of(sample.frames, None)
    np.testing.assert_array_equal(told, cues.background_of(inner, None))
    assert np.isnan(told).sum() == 4 * 4 * 3  # cells that do not touch the border
