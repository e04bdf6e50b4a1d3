import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from gerdata.clip import CLASSES
from gerdata.errors import DatasetError
from gerdata.learn import data
from gerdata.learn.data import Change, Form, Item, Ranges, ReleaseSplit, apply_change, draw_change, hide_heads
from gerdata.manifest import MANIFEST_SCHEMA, read_rows, write_rows

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


@pytest.mark.parametrize(
    ("modality", "has"), [("both", (True, True)), ("video", (True, False)), ("audio", (False, True))]
)
def test_a_form_of_one_modality_hides_the_other(release: Path, modality: data.Modality, has: tuple[bool, bool]) -> None:
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


def test_change_depends_on_seed_epoch_and_id_alone() -> None:
    ranges = Ranges(frames=2, flip_share=0.5, max_gain_db=6, drop_share=0.5)
    item = item_of()
    drawn = {draw_change(1, epoch, item, ranges) for epoch in range(20)}
    assert draw_change(1, 7, item, ranges) == draw_change(1, 7, item._replace(video=item.video + 1), ranges)
    assert len(drawn) == 20
    assert draw_change(1, 7, item, ranges) != draw_change(1, 7, item._replace(id="b"), ranges)


def test_shares_of_changes_are_those_asked_for() -> None:
    ranges = Ranges(frames=3, flip_share=0.25, max_gain_db=6, drop_share=0.5)
    drawn = [draw_change(0, epoch, item_of(), ranges) for epoch in range(2000)]
    assert np.mean([change.flip for change in drawn]) == pytest.approx(0.25, abs=0.03)  # 3 standard errors
    for drop, share in (("none", 0.5), ("video", 0.25), ("audio", 0.25)):
        assert np.mean([change.drop == drop for change in drawn]) == pytest.approx(share, abs=0.035)
    assert max(abs(change.gain_db) for change in drawn) <= 6
    assert {len(set(change.frames)) for change in drawn} == {3}
    assert all(list(change.frames) == sorted(change.frames) for change in drawn)


def test_a_clip_never_loses_its_only_modality() -> None:
    ranges = Ranges(frames=9, flip_share=0, max_gain_db=0, drop_share=1)
    for item in (item_of(has_audio=False), item_of(has_video=False)):
        assert {draw_change(0, epoch, item, ranges).drop for epoch in range(50)} == {"none"}


def test_a_change_mirrors_shows_and_drops_what_it_says() -> None:
    item = item_of()
    changed = apply_change(item, Change(frames=(1, 3), flip=True, gain_db=-3.0, drop="audio"))
    assert torch.equal(changed.video, item.video[[1, 3]].flip(3))
    assert (changed.audio == -3).all()
    assert (changed.has_video, changed.has_audio) == (True, False)
    assert apply_change(item, Change((0,), False, -300.0, "none")).audio.min() == -100


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
