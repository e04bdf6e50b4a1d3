"""Instance masks: each pixel is of whom it shows, furniture is nobody, and they are written beside a dataset, once."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Gerdata
from making import tree

from gerdata.clip import Frames
from gerdata.errors import UsageError
from gerdata.recipe import SynthRecipe
from gerdata.store.dataset import Dataset
from gerdata.store.members import decode
from gerdata.synth import compose
from gerdata.synth.compose import render_gathering
from gerdata.synth.gathering import Film, plan_gathering
from gerdata.synth.masks import write_masks
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.sprite import Sprite
from gerdata.synth.studio import Studio

BANK = BankPlan()
CLEAR = Film(gain=1.0, warmth=0.0, defocus_px=0.8, blur_px=0.0, noise=0.0, grain=0, compression=0)
LEVELS = 40 + 2 * np.arange(BANK.n_people)  # of grey, one for each avatar


class Greys:
    """A bank whose avatars are boards, each of its own grey."""

    plan = BANK

    def sprite_at(self, person: int, shot: object, px_per_dm: float, mirror: bool = False) -> Sprite:
        rgba = np.full((330, 120, 4), LEVELS[person], np.uint8)
        rgba[..., 3] = 255
        face, body = (np.tile(np.array([60, 45, 2], np.float32), (n, 1)) for n in (68, 17))
        box = np.array([40, 20, 80, 70], np.float32)
        return Sprite(rgba, face, body, box, box, np.array([60, 40], np.float32), 18.0)

    def height_dm(self, person: int, shot: object) -> float:
        return (320 - 40) / 18.0


def inner(masks: Frames) -> np.ndarray:
    """Pixels that are more than two away from whoever else's; beyond the border of a frame may be anybody."""
    kernel = np.ones((5, 5), np.uint8)
    same = np.asarray(cv2.erode(masks, kernel) == cv2.dilate(masks, kernel))
    return np.pad(same[2:-2, 2:-2], 2)


@pytest.mark.parametrize("is_furnished", [False, True])
def test_each_pixel_is_of_whom_it_shows(is_furnished: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "backdrop", lambda plan, photo: np.zeros((256, 256, 3), np.uint8))
    n, n_furniture = 0, 0
    for index in range(60):
        plan = dataclasses.replace(plan_gathering(SynthRecipe(), BANK, 9, index), film=CLEAR)
        if not is_furnished:
            stand = tuple(dataclasses.replace(one, posture="stand") for one in plan.actors)
            plan = dataclasses.replace(plan, actors=stand, has_table=False)
        shown = render_gathering(plan, Greys(), np.array([1.0]))  # type: ignore[arg-type]
        levels = np.array([0, *(LEVELS[one.avatar] for one in plan.actors)])
        masks, grey = shown.masks[0], shown.frames[0].astype(int)
        deep = inner(masks)
        differs = np.abs(grey - levels[masks][..., None]).max(2) > 1
        assert not differs[deep & (masks > 0)].any()
        n_furniture += int(differs[deep & (masks == 0)].sum())
        n += len(np.unique(masks)) - 1
    assert n > 300  # people of whom something is seen
    assert (n_furniture > 1000) == is_furnished  # tables and seats are nobody, and without them there is none


def test_masks_are_written_once_and_only_beside_the_dataset(gerdata: Gerdata, tmp_path: Path) -> None:
    small = ("--recipe", "flat", "--set", "frame_px=96", "--set", "n_frames=2", "--set", "duration_s=1.0")
    ran = gerdata("synth", "--n", 3, *small, "--masks", tmp_path / "masks", "--workspace", tmp_path)
    assert ran.code == 0
    assert "masks of 3 samples" in ran.err
    dataset = Dataset(tmp_path / "synth")
    before = tree(tmp_path / "masks")
    assert json.loads(before["masks.json"])["protection"] == dataset.header().protection
    for row in dataset.rows():
        sample = decode(dict(zip(dataset.header().members, dataset.members(row), strict=True)))
        assert sample.structure is not None
        for i in range(2):
            mask = cv2.imdecode(np.frombuffer(before[f"{row.clip.id}/f{i:02d}.png"], np.uint8), cv2.IMREAD_UNCHANGED)
            assert (mask.shape, mask.dtype) == ((96, 96), np.uint8)
            assert sample.structure.seen is not None
            nose = sample.structure.bodies[i, :, 0]
            for k, (x, y, visibility) in enumerate(nose, start=1):
                assert visibility != 2 or mask[int(y), int(x)] == k
    again = tmp_path / "again"
    assert write_masks(dataset, again, Studio(SoundBank(), None)) == 3
    assert tree(again) == before
    first = sorted(name for name in before if "/" in name)[0]
    (again / first).write_bytes(b"kept")
    assert write_masks(dataset, again, Studio(SoundBank(), None)) == 3
    assert tree(again) == before | {first: b"kept"}  # written once
    other = gerdata("synth", "--n", 3, *small, "--seed", 5, "--masks", again, "--workspace", tmp_path / "b")
    assert (other.code, "another dataset" in other.err) == (2, True)
    within = gerdata("synth", "--n", 3, *small, "--masks", tmp_path / "c/synth/x", "--workspace", tmp_path / "c")
    assert (within.code, (tmp_path / "c").exists()) == (2, False)
    with pytest.raises(UsageError, match="beside a dataset"):
        write_masks(dataset, dataset.root / "masks", Studio(SoundBank(), None))
