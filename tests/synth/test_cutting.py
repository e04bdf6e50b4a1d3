"""Sprites out of pictures: what they are cut by, and the points of a face, which go with it."""

from pathlib import Path

import numpy as np
import pytest
from looks import look, put

from gerdata.clip import CLASSES
from gerdata.recipe import SynthRecipe, load
from gerdata.synth.collage import plan_collage
from gerdata.synth.cutting import Tools, cut_out
from gerdata.synth.deck import PictureDeck
from gerdata.synth.pasting import render_collage
from gerdata.synth.picturebank import open_pictures
from gerdata.synth.pictures import Making, build_pictures

NONE = Tools()


def test_sprites_are_cut_by_alpha_then_by_the_model_then_by_an_ellipse() -> None:
    picture = look(3, 200, 200)
    given = np.dstack([picture, np.pad(np.full((100, 80), 255, np.uint8), ((50, 50), (60, 60)))])
    opaque = np.dstack([picture, np.full((200, 200), 255, np.uint8)])
    half = Tools(mask=lambda frame: np.arange(frame.shape[1]) < np.full((frame.shape[0], 1), 150))
    assert cut_out(given, "face", "auto", False, half).cut == "alpha"
    assert cut_out(given, "face", "auto", False, half).rgba.shape == (64, 51, 4)
    by_model, by_ellipse = cut_out(opaque, "face", "auto", False, half), cut_out(opaque, "face", "auto", False, NONE)
    assert (by_model.cut, by_ellipse.cut) == ("model", "ellipse")
    assert by_model.rgba.shape == by_ellipse.rgba.shape == (64, 48, 4)
    cover = [(piece.rgba[..., 3] >= 128).mean() for piece in (by_model, by_ellipse)]
    assert cover[1] == pytest.approx(np.pi / 4, abs=0.01)
    assert (
        0.8 < cover[0] / cover[1] < 0.9
    )  # the model took the right quarter of the picture, a sixth of the ellipse's box, away
    person = Tools(half.mask, lambda frame: np.array([[40, 20, 80, 70, 0.9]], np.float32))
    whole = cut_out(opaque, "person", "auto", False, person)
    assert whole.head_box == pytest.approx([v * 160 / 200 for v in (40, 20, 80, 70)], abs=0.01)


def test_points_of_a_face_go_with_it_into_bank_and_collage(tmp_path: Path) -> None:
    for label in CLASSES:
        for k in range(3):
            put(tmp_path / "faces" / label / f"p{k}.png", look(10 * CLASSES.index(label) + k, 160, 120))
    grid = np.stack(np.meshgrid(np.linspace(40, 80, 17), np.linspace(60, 100, 4)), 2).reshape(68, 2)
    looked: list[np.ndarray] = []

    def landmarks(frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        looked.append(boxes)
        return (grid[None] + 40).astype(np.float32)  # a margin of a quarter of 160

    tools = Tools(None, lambda frame: np.array([[70, 80, 130, 160, 0.9]], np.float32), landmarks)
    built = build_pictures({"face": tmp_path / "faces"}, tmp_path / "bank", Making(seed=1, casts=1), tools)
    assert np.array_equal(looked[0], [[70, 80, 130, 160]])
    bank = open_pictures(tmp_path / "bank")
    for entry in bank.entries:
        assert entry.points == built.entries[entry.number].points
        assert np.abs(np.reshape(entry.points, (68, 2)) - grid * 64 / 160).max() < 0.3  # 160 px became 64
    recipe = load(SynthRecipe, "synth", "paper", ("frame_px=224", "min_people=3", "max_people=3", "n_frames=2"))
    deck = PictureDeck(bank)
    plan = plan_collage(recipe, deck, 0, 0)
    structure = render_collage(plan, deck, np.array([1.0, 4.0])).structure
    middles = (structure.heads[..., :2] + structure.heads[..., 2:]) / 2
    assert np.nanmax(np.abs(structure.faces.mean(2) - middles)) < 1  # the grid is in the middle of the picture
    without = build_pictures({"face": tmp_path / "faces"}, tmp_path / "plain", Making(seed=1, casts=1), NONE)
    assert {entry.points for entry in without.entries} == {None}
