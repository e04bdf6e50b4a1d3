"""A structure goes where its picture goes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from varied import draw_people, draw_sample

from gerdata.augment import AugmentPlan, draw_plan, render
from gerdata.augment.picture import Affine, Crop, Flip, Holes, Perspective, Picture, PictureOp, render_picture
from gerdata.augment.points import MIRRORED_BODY, MIRRORED_FACE
from gerdata.clip import Clip, Sample, Structure
from gerdata.people.limbs import BODY_LIMBS, FACE_LIMBS, body_maps, limbs
from gerdata.recipe import AugmentRecipe

HEIGHT, WIDTH = 90, 120
WIDE = AugmentRecipe.model_validate(
    {
        **{"flip_share": 0.5, "crop_share": 0.6, "affine_share": 0.7, "perspective_share": 0.6},
        **{"max_rotate_deg": 45.0, "max_scale": 1.5, "max_shift": 0.1, "max_shear_deg": 15.0, "min_crop_area": 0.4},
    }
)


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.tuples(st.floats(30, 90), st.floats(25, 65)), min_size=3, max_size=3))
def test_a_marker_in_the_picture_stays_on_its_point(seed: int, marks: list[tuple[float, float]]) -> None:
    """One marker a frame, a body joint on its middle: after any plan, they are less than a quarter of a pixel apart."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    frames = np.stack([128 + 127 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 1.2**2)) for u, v in marks])
    structure = Structure.empty(3, 1)
    structure.bodies[:, 0, 0] = [(u, v, 2) for u, v in marks]
    picture = Picture(np.repeat(frames.round().astype(np.uint8)[..., None], 3, axis=3), structure)
    is_whole, at = np.ones(len(marks), bool), np.array(marks)
    for op in draw_plan(WIDE, seed).picture:
        picture = render_picture(picture, (op,))
        assert picture.structure is not None
        at = picture.structure.bodies[:, 0, MIRRORED_BODY[0], :2]
        is_whole &= ((at > 14) & (at < (WIDTH - 14, HEIGHT - 14))).all(axis=1)  # neither cut nor gone, now or before
    weight = (picture.frames[..., 0].astype(float) - 128).clip(0)
    middle = np.array([[(w * x).sum(), (w * y).sum()] for w in weight]) / weight.sum(axis=(1, 2))[:, None].clip(1e-9)
    assert (np.hypot(*(middle - at).T)[is_whole] < 0.25).all()


def test_left_and_right_changed_twice_is_nothing(sample: Sample) -> None:
    once = render(sample, AugmentPlan(picture=(Flip(),)))
    twice = render(once, AugmentPlan(picture=(Flip(),)))
    assert once.structure
    assert twice.structure
    assert sample.structure
    assert (twice.frames == sample.frames).all()
    for name in ("heads", "bodies", "faces"):
        assert np.allclose(getattr(twice.structure, name), getattr(sample.structure, name), atol=1e-5)
    before, after = (
        sample.structure.bodies[:, :, 5],
        once.structure.bodies[:, :, 6],
    )  # the left shoulder is the right one
    assert np.allclose(after[..., 0], 64 - before[..., 0])
    assert (after[..., 1:] == before[..., 1:]).all()
    assert np.allclose(
        once.structure.faces[:, :, 45, 0], 64 - sample.structure.faces[:, :, 36, 0]
    )  # outer corners of eyes
    assert (once.structure.heads[..., 0] < once.structure.heads[..., 2]).all()


def test_the_mirrored_names_are_pairs() -> None:
    for names in (MIRRORED_BODY, MIRRORED_FACE):
        assert [names[names[i]] for i in range(len(names))] == list(range(len(names)))
    assert {i for i, j in enumerate(MIRRORED_FACE) if i == j} == {8, 27, 28, 29, 30, 33, 51, 57, 62, 66}  # the midline


def test_the_flip_is_the_library_s(sample: Sample) -> None:
    from gerdata.augment.picture import load_albumentations

    theirs = load_albumentations().HorizontalFlip(p=1)(image=sample.frames[0])["image"]
    assert (render(sample, AugmentPlan(picture=(Flip(),))).frames[0] == theirs).all()


def test_limbs_of_a_mirrored_structure_are_mirrored_limbs() -> None:
    structure = draw_people(2, 2, 224, 224)
    mirrored = render_picture(Picture(np.zeros((2, 224, 224, 3), np.uint8), structure), (Flip(),)).structure
    assert mirrored
    body = [tuple(sorted((MIRRORED_BODY[a], MIRRORED_BODY[b]))) for a, b in BODY_LIMBS]
    face = [tuple(sorted((MIRRORED_FACE[a], MIRRORED_FACE[b]))) for a, b in FACE_LIMBS]
    listed = [tuple(sorted(pair)) for pair in (*BODY_LIMBS, *FACE_LIMBS)]
    channels = [listed.index(pair) if k < 18 else 18 + listed[18:].index(pair) for k, pair in enumerate(body + face)]
    assert np.allclose(limbs(mirrored, 224, 224), limbs(structure, 224, 224)[:, channels, :, ::-1], atol=1e-4)


@pytest.mark.parametrize(
    "op", [Flip(), Crop(0.1, 0.2, 0.8, 0.75), Affine(rotate_deg=15.0, scale=1.1, shift_x=0.05), Perspective(0.06, 3)]
)
def test_released_maps_of_limbs_go_with_the_structure(op: PictureOp) -> None:
    structure = draw_people(2, 1, 200, 224)
    structure.bodies[1] = np.nan
    inside = structure.bodies[..., :2]
    structure.bodies[..., :2] = 70 + inside * 0.35  # no joint leaves the frame
    before = Picture(np.zeros((2, 200, 224, 3), np.uint8), structure, body_maps(structure, 200, 224))
    after = render_picture(before, (op,))
    assert after.limbs
    assert after.structure
    assert after.limbs.has_people.tolist() == [True, False]
    drawn = body_maps(after.structure, 200, 224).maps[0].astype(float)
    moved = after.limbs.maps[0].astype(float)
    for channel in range(18):
        assert np.corrcoef(moved[channel].ravel(), drawn[channel].ravel())[0, 1] > 0.9, channel
    assert render_picture(before._replace(structure=None), (op,)).limbs.maps.tobytes() == after.limbs.maps.tobytes()
    assert (
        render_picture(before._replace(limbs=None), (op,)).structure.bodies.tobytes()
        == after.structure.bodies.tobytes()
    )


def test_what_leaves_the_frame_is_missing_and_everybody_stays_somebody() -> None:
    structure = draw_people(3, 4, 48, 64)
    structure.faces[1, 2] = np.nan
    structure.heads[:, 3] = np.nan
    moved = render_picture(Picture(np.zeros((3, 48, 64, 3), np.uint8), structure), (Affine(shift_x=0.5),)).structure
    assert moved
    assert moved.bodies.shape == (3, 4, 17, 3)
    is_out = structure.bodies[..., 0] > 32
    assert is_out.any()
    assert (moved.bodies[is_out][:, 2] == 0).all()
    assert np.isnan(moved.bodies[is_out][:, :2]).all()
    assert np.allclose(moved.bodies[~is_out][:, 0], structure.bodies[~is_out][:, 0] + 32, atol=1e-3)
    assert (moved.bodies[~is_out][:, 2] == structure.bodies[~is_out][:, 2]).all()
    assert np.isnan(moved.faces[1, 2]).all()
    assert np.isnan(moved.heads[:, 3]).all()
    assert (
        np.isnan(moved.faces).any(axis=3) == (np.isnan(structure.faces[..., 0]) | (structure.faces[..., 0] > 32))
    ).all()
    kept = moved.heads[:, :3]
    assert np.allclose(kept[..., 0], structure.heads[:, :3, 0].clip(max=32) + 32, atol=1e-3, equal_nan=True)
    assert np.nanmax(kept[..., 2]) <= 64


def test_a_head_is_the_upright_box_around_its_corners() -> None:
    structure = Structure.empty(1, 1)
    structure.heads[0, 0] = (20, 20, 40, 30)
    turned = render_picture(
        Picture(np.zeros((1, 60, 60, 3), np.uint8), structure), (Affine(rotate_deg=90.0),)
    ).structure
    assert turned
    assert turned.heads[0, 0] == pytest.approx([30, 20, 40, 40], abs=1e-3)  # about (30, 30)
    part = render_picture(Picture(np.zeros((1, 60, 60, 3), np.uint8), structure), (Crop(0.5, 0.0, 0.5, 0.5),)).structure
    assert part
    assert part.heads[0, 0] == pytest.approx([0, 40, 20, 60], abs=1e-3)


def test_behind_a_hole_a_joint_is_hidden_and_keeps_its_place() -> None:
    structure = Structure.empty(1, 1)
    structure.bodies[0, 0, :3] = [(10, 10, 2), (40, 10, 2), (12, 12, 0)]
    holed = render_picture(Picture(np.zeros((1, 48, 64, 3), np.uint8), structure), (Holes(((0, 0, 0.5, 0.5),)),))
    assert holed.structure
    assert holed.structure.bodies[0, 0, :3].tolist() == [[10, 10, 1], [40, 10, 2], [12, 12, 0]]
    assert (holed.frames[0, :24, :32] == 128).all()
    assert not holed.frames[0, 24:].any()


@pytest.mark.parametrize("people", [None, 0])
def test_a_picture_of_nobody_is_changed_all_the_same(people: int | None) -> None:
    structure = None if people is None else Structure.empty(3, people)
    sample = dataclasses.replace(draw_sample(), structure=structure)
    plan = AugmentPlan(picture=(Affine(rotate_deg=9.0),))
    made = render(sample, plan)
    assert (made.frames == render(draw_sample(), plan).frames).all()
    assert made.structure is None if structure is None else made.structure.heads.shape == (3, 0, 4)


def test_a_clip_without_frames_stays_one() -> None:
    sound_alone = Sample(
        Clip("a", "g", None, None, 1.0, has_audio=True), np.zeros((0, 48, 64, 3), np.uint8), np.zeros(9, np.float32)
    )
    assert render(sound_alone, AugmentPlan(picture=(Affine(), Flip()))).frames.shape == (0, 48, 64, 3)
