import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from gerdata.augment import AugmentPlan
from gerdata.augment.mask import TimeMask
from gerdata.augment.picture import Flip
from gerdata.augment.sound import Gain, Hiss, LowPass
from gerdata.clip import CLASSES
from gerdata.errors import DatasetError
from gerdata.learn import data
from gerdata.learn.batch import Form, Item, Modality, audio_tensor
from gerdata.learn.change import Change, Ranges, apply_change, draw_change, needs_waveform
from gerdata.learn.data import ReleaseSplit, hide_heads
from gerdata.manifest import MANIFEST_SCHEMA, read_rows, write_rows
from gerdata.recipe import AugmentRecipe, load

FORM = Form(image_px=40, mels=16, segments=2, segment_s=0.5, modality="both")


def test_a_clip_is_read_as_what_was_written(release: Path) -> None:
    split = ReleaseSplit(release, "train", FORM)
    item = split[1]  # neutral: a green blob in each frame, a tone of 1 kHz
    assert (item.id, item.label, item.has_video, item.has_audio) == ("train-001", 1, True, True)
    assert item.video.shape == (3, 3, 40, 40)
    assert item.video.dtype == torch.uint8
    green = (item.video[:, 1] > 200) & (item.video[:, 0] < 60)
    assert [int(n) for n in green.sum((1, 2))] == pytest.approx([144] * 3, abs=30)
    assert item.audio.shape == (2, 1, 16, 26)
    assert set(item.audio.mean((1, 3)).argmax(1).tolist()) == {5}  # mel band 5 of 16 holds 1 kHz


def test_unlabelled_clips_are_left_out_and_counted(release: Path) -> None:
    split = ReleaseSplit(release, "train", FORM)
    assert (len(split), split.unlabelled) == (27, 3)
    assert "train-008" not in {split[i].id for i in range(len(split))}


def test_a_clip_without_sound_says_so(release: Path) -> None:
    assert not ReleaseSplit(release, "train", FORM)[4].has_audio


def test_a_clip_without_pictures_says_so(make_release, tmp_path: Path) -> None:
    """Its frames are black: no picture of anything."""
    release = make_release(tmp_path / "r", {"train": 2})
    rows = read_rows(release / "manifest" / "train.parquet")
    blind = dataclasses.replace(rows[0], clip=dataclasses.replace(rows[0].clip, has_video=False))
    write_rows(release / "manifest" / "train.parquet", [blind, *rows[1:]], MANIFEST_SCHEMA)
    split = ReleaseSplit(release, "train", FORM)
    assert [split[i].has_video for i in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("modality", "has"), [("both", (True, True)), ("video", (True, False)), ("audio", (False, True))]
)
def test_a_form_of_one_modality_hides_the_other(release: Path, modality: Modality, has: tuple[bool, bool]) -> None:
    item = ReleaseSplit(release, "train", dataclasses.replace(FORM, modality=modality))[0]
    assert (item.has_video, item.has_audio) == has


def test_hidden_heads_leave_no_trace_of_what_was_in_them(release: Path) -> None:
    item = ReleaseSplit(release, "train", FORM, hide="heads-and-sound")[0]
    assert not item.has_audio
    assert item.video.max() < 170  # the red blob had 255; only JPEG's ringing outside the box is left


def test_hiding_rounds_outwards_and_skips_missing_heads() -> None:
    frame = np.zeros((10, 10, 3), np.uint8)
    boxes = np.array([[1.5, 2.5, 3.5, 4.5], [np.nan] * 4, [8, 8, 40, 40], [-5, -5, -2, -2]], np.float32)
    covered = hide_heads(frame, boxes)[..., 0] > 0
    assert covered.sum() == 3 * 3 + 2 * 2
    assert covered[2:5, 1:4].all()
    assert covered[8:, 8:].all()
    assert not frame.any()


def test_tensors_are_kept_in_memory_only_within_the_limit(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = ReleaseSplit(release, "train", FORM)
    assert split[0].video is split[0].video
    monkeypatch.setattr(data, "CACHE_LIMIT_BYTES", 1000)
    split = ReleaseSplit(release, "train", FORM)
    assert split[0].video is not split[0].video
    assert torch.equal(split[0].video, split[0].video)


def test_shuffled_labels_are_the_same_labels_elsewhere(release: Path) -> None:
    split = ReleaseSplit(release, "train", FORM)
    before = list(split.labels)
    split.shuffle_labels(3)
    assert sorted(before) == sorted(split.labels)
    assert before != split.labels
    assert [split[i].label for i in range(len(split))] == split.labels


def item_of(has_video: bool = True, has_audio: bool = True) -> Item:
    video = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).view(4, 3, 2, 2)
    return Item("a", video, torch.zeros(1, 1, 2, 2), 0, has_video, has_audio)


def ranges_of(frames: int = 9, drop_share: float = 0, **augment: object) -> Ranges:
    return Ranges(frames, AugmentRecipe.model_validate(augment), drop_share)


def test_change_depends_on_seed_epoch_and_id_alone() -> None:
    ranges = ranges_of(2, 0.5, flip_share=0.5, gain_share=1.0)
    item = item_of()
    drawn = {draw_change(1, epoch, item, ranges) for epoch in range(20)}
    assert draw_change(1, 7, item, ranges) == draw_change(1, 7, item._replace(video=item.video + 1), ranges)
    assert len(drawn) >= 15  # where the sound is dropped, a flip and two of four frames are all there is to differ in
    assert draw_change(1, 7, item, ranges) != draw_change(1, 7, item._replace(id="b"), ranges)


def test_shares_of_changes_are_those_asked_for() -> None:
    ranges = ranges_of(3, 0.5, flip_share=0.25, gain_share=1.0, max_gain_db=6.0)
    drawn = [draw_change(0, epoch, item_of(), ranges) for epoch in range(2000)]
    for drop, share in (("none", 0.5), ("video", 0.25), ("audio", 0.25)):
        assert np.mean([change.plan.drop == drop for change in drawn]) == pytest.approx(share, abs=0.035)
    flips = [change.plan.picture == (Flip(),) for change in drawn if change.plan.drop != "video"]
    assert np.mean(flips) == pytest.approx(0.25, abs=0.035)  # 3 standard errors
    gains = [op.gain_db for change in drawn for op in change.plan.sound if isinstance(op, Gain)]
    assert len(gains) == sum(change.plan.drop != "audio" for change in drawn)
    assert (min(gains), max(gains)) == pytest.approx((-6, 6), abs=0.1)
    assert {len(set(change.frames)) for change in drawn} == {3}
    assert all(list(change.frames) == sorted(change.frames) for change in drawn)


def test_a_clip_never_loses_its_only_modality() -> None:
    ranges = ranges_of(drop_share=1)
    for item in (item_of(has_audio=False), item_of(has_video=False)):
        assert {draw_change(0, epoch, item, ranges).plan.drop for epoch in range(50)} == {"none"}


def test_a_change_mirrors_shows_and_drops_what_it_says() -> None:
    item = item_of()
    plan = AugmentPlan(picture=(Flip(),), sound=(Gain(-3.0),), drop="audio")
    changed = apply_change(item, Change((1, 3), plan), FORM)
    assert torch.equal(changed.video, item.video[[1, 3]].flip(3))
    assert (changed.audio == -3).all()
    assert (changed.has_video, changed.has_audio) == (True, False)
    assert apply_change(item, Change((0,), AugmentPlan(sound=(Gain(-60.0), Gain(-60.0)))), FORM).audio.min() == -100
    masked = apply_change(item, Change((0,), AugmentPlan(masks=(TimeMask(0.0, 0.5),))), FORM)
    assert masked.audio.shape == item.audio.shape


def test_gain_on_the_spectrogram_is_gain_on_the_sound(release: Path) -> None:
    item = ReleaseSplit(release, "train", FORM, keep_sound=True)[0]
    assert item.sound is not None
    short = apply_change(item, Change((0,), AugmentPlan(sound=(Gain(4.0),))), FORM).audio
    long = apply_change(item, Change((0,), AugmentPlan(sound=(Gain(4.0), LowPass(7900.0)))), FORM).audio  # forces both
    whole = audio_tensor(item.sound * np.float32(10 ** (4 / 20)), FORM)
    assert (short - whole).abs().max() < 1e-3
    assert (long[..., :10, :] - whole[..., :10, :]).abs().max() < 0.1  # the filter leaves the low bands


def test_more_than_gain_needs_the_sound_itself(release: Path) -> None:
    rich, poor = AugmentRecipe.model_validate({"hiss_share": 0.1}), AugmentRecipe.model_validate({"gain_share": 1.0})
    assert (needs_waveform(rich), needs_waveform(poor)) == (True, False)
    without = ReleaseSplit(release, "train", FORM)[0]
    assert without.sound is None
    with pytest.raises(ValueError, match="keep_sound"):
        apply_change(without, Change((0,), AugmentPlan(sound=(Hiss(20.0, 0.0, 1),))), FORM)


def test_a_strong_change_is_the_same_whoever_makes_it_and_whenever(release: Path) -> None:
    """What a worker makes of clip i in epoch e does not depend on what it, or another, made before."""
    ranges = Ranges(2, load(AugmentRecipe, "augment", "strong"), 0.3)

    def made(order: list[int]) -> dict[tuple[int, str], Item]:
        split = ReleaseSplit(release, "train", FORM, keep_sound=True)
        pairs = [(epoch, split[i]) for i in order for epoch in (1, 2)]
        return {(e, item.id): apply_change(item, draw_change(5, e, item, ranges), FORM) for e, item in pairs}

    alone, among = made([3, 11]), made([11, 0, 7, 3, 5])
    for key, item in alone.items():
        assert torch.equal(item.video, among[key].video)
        assert torch.equal(item.audio, among[key].audio)
    assert not torch.equal(alone[1, "train-003"].video, alone[2, "train-003"].video)


def test_a_shard_outside_the_release_is_refused(release: Path, tmp_path: Path, make_release) -> None:
    made = make_release(tmp_path / "r", {"train": 2})
    rows = read_rows(made / "manifest" / "train.parquet")
    for shard, complaint in (
        ("../r/train/train-000000.tar", "not in the release"),
        ("train/no.tar", "not in the release"),
    ):
        changed = [dataclasses.replace(row, shard=shard) for row in rows]
        write_rows(made / "manifest" / "train.parquet", changed, MANIFEST_SCHEMA)
        with pytest.raises(DatasetError, match=complaint):
            ReleaseSplit(made, "train", FORM)[0]


def test_offsets_beyond_the_tar_and_broken_members_name_the_clip(tmp_path: Path, make_release) -> None:
    made = make_release(tmp_path / "r", {"train": 2})
    rows = read_rows(made / "manifest" / "train.parquet")
    far = [dataclasses.replace(row, member_offset=tuple(10**9 for _ in row.member_offset)) for row in rows]
    write_rows(made / "manifest" / "train.parquet", far, MANIFEST_SCHEMA)
    with pytest.raises(DatasetError, match="train-000 lies beyond"):
        ReleaseSplit(made, "train", FORM)[0]
    off = [dataclasses.replace(row, member_offset=tuple(n + 1 for n in row.member_offset)) for row in rows]
    write_rows(made / "manifest" / "train.parquet", off, MANIFEST_SCHEMA)
    with pytest.raises(DatasetError, match="clip train-000"):
        ReleaseSplit(made, "train", FORM)[0]


def test_a_label_that_is_no_class_is_refused(tmp_path: Path, make_release) -> None:
    made = make_release(tmp_path / "r", {"train": 2})
    rows = read_rows(made / "manifest" / "train.parquet")
    odd = [dataclasses.replace(row, clip=dataclasses.replace(row.clip, label="cheerful")) for row in rows]
    write_rows(made / "manifest" / "train.parquet", odd, MANIFEST_SCHEMA)
    with pytest.raises(DatasetError, match=f"'cheerful', classes are {', '.join(CLASSES)}"):
        ReleaseSplit(made, "train", FORM)


def test_a_folder_without_header_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        ReleaseSplit(tmp_path, "train", FORM)
