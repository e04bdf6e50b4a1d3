"""Maps of limbs: what the plain double loop draws, and none of the published code's defects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.chance import rng_for
from gerdata.clip import BodyMaps, Structure
from gerdata.people.limbs import BODY_LIMBS, FACE_LIMBS, LIMBS, SIDE, body_maps, limbs


def people(t: int = 2, p: int = 2, seed: int = 0) -> Structure:
    rng = rng_for(seed, "limbs")
    bodies = rng.uniform(0, 224, (t, p, 17, 3)).astype(np.float32)
    bodies[..., 2] = 2
    faces = rng.uniform(0, 224, (t, p, 68, 2)).astype(np.float32)
    return Structure(np.zeros((t, p, 4), np.float32), bodies, faces)


def plain(structure: Structure, height: int, width: int, t: int, channel: int) -> np.ndarray:
    """One channel, cell by cell."""
    out = np.zeros((SIDE, SIDE))
    is_body = channel < len(BODY_LIMBS)
    a, b = BODY_LIMBS[channel] if is_body else FACE_LIMBS[channel - len(BODY_LIMBS)]
    points = structure.bodies if is_body else structure.faces
    for person in points[t]:
        one, other = (person[i, :2].astype(float) * (SIDE / width, SIDE / height) for i in (a, b))
        for y in range(SIDE):
            for x in range(SIDE):
                cell = np.array([x + 0.5, y + 0.5])
                share = np.clip((cell - one) @ (other - one) / ((other - one) @ (other - one)), 0, 1)
                out[y, x] += np.exp(-((cell - one - share * (other - one)) ** 2).sum() / 2)
    return out.clip(0, 1)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 37), st.integers(0, 99))
def test_every_channel_is_what_a_plain_loop_draws(channel: int, seed: int) -> None:
    structure = people(seed=seed)
    assert np.abs(limbs(structure, 200, 224)[1, channel] - plain(structure, 200, 224, 1, channel)).max() < 2e-3


def test_there_are_18_and_20() -> None:
    assert (len(BODY_LIMBS), len(FACE_LIMBS), len(set(LIMBS))) == (18, 20, 38)
    assert limbs(people(), 224, 224).shape == (2, 38, 56, 56)


def test_x_comes_before_y_and_width_before_height() -> None:
    structure = Structure.empty(1, 1)
    structure.bodies[0, 0, [5, 7]] = (200, 10, 2), (200, 60, 2)  # right of the middle, at the top
    lit = limbs(structure, 100, 400)[0, LIMBS.index("body 5-7")]
    y, x = np.nonzero(lit > 0.5)
    assert x.mean() == pytest.approx(27.5, abs=1)  # 200 of 400
    assert (y.min(), y.max()) == (5, 34)  # 10 to 60 of 100, and most of a cell beyond


def test_a_frame_without_people_does_not_keep_the_last_ones() -> None:
    structure = people(t=3)
    structure.bodies[1], structure.faces[1] = np.nan, np.nan
    drawn = limbs(structure, 224, 224)
    assert drawn[0].max() == drawn[2].max() == 1
    assert not drawn[1].any()
    assert limbs(Structure.empty(3), 224, 224).shape == (3, 38, 56, 56)


def test_a_missing_end_leaves_out_its_limbs_and_no_other() -> None:
    structure = people(t=1, p=1)
    structure.bodies[0, 0, 7] = np.nan
    structure.bodies[0, 0, 10, 2] = 0
    is_empty = ~limbs(structure, 224, 224)[0].any(axis=(1, 2))
    assert {LIMBS[i] for i in np.flatnonzero(is_empty)} == {"body 5-7", "body 7-9", "body 8-10"}


def test_nobody_is_counted_twice_and_order_does_not_matter() -> None:
    structure = people(t=1, p=3)
    turned = Structure(structure.heads[:, ::-1], structure.bodies[:, ::-1], structure.faces[:, ::-1])
    assert np.allclose(limbs(structure, 224, 224), limbs(turned, 224, 224), atol=1e-6)


def test_a_mirrored_picture_has_mirrored_limbs() -> None:
    structure = people(t=1)
    bodies, faces = structure.bodies.copy(), structure.faces.copy()
    bodies[..., 0], faces[..., 0] = 224 - bodies[..., 0], 224 - faces[..., 0]
    mirrored = limbs(Structure(structure.heads, bodies, faces), 224, 224)
    assert np.allclose(mirrored, limbs(structure, 224, 224)[..., ::-1], atol=1e-5)


@pytest.mark.parametrize("wrong", [(0, 224, 1.0), (224, 0, 1.0), (224, 224, 0.0)])
def test_sizes_without_sense_are_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="expected positive"):
        limbs(people(), wrong[0], wrong[1], wrong[2])


def test_body_maps_are_the_bodies_of_limbs_and_no_face() -> None:
    structure = people(t=2, p=2)
    told = body_maps(structure, 224, 224)
    drawn = limbs(structure, 224, 224)
    assert told.maps.shape == (2, 18, 56, 56)
    assert np.abs(told.maps / 255 - drawn[:, :18]).max() < 0.003
    structure.bodies[:] = np.nan
    assert not body_maps(structure, 224, 224).maps.any()  # faces alone draw nothing


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 9))
def test_body_maps_do_not_tell_the_order_of_people(order: list[int], seed: int) -> None:
    one = people(t=1, p=5, seed=seed)
    other = Structure(one.heads[:, order], one.bodies[:, order], one.faces[:, order])
    assert body_maps(one, 224, 224).maps.tobytes() == body_maps(other, 224, 224).maps.tobytes()


def test_body_maps_are_summed_over_people() -> None:
    one, other = people(t=1, p=1, seed=1), people(t=1, p=1, seed=2)
    both = Structure(*(np.concatenate([getattr(s, n) for s in (one, other)], 1) for n in ("heads", "bodies", "faces")))
    wanted = sum(body_maps(s, 224, 224).maps.astype(int) for s in (one, other))
    assert np.abs(body_maps(both, 224, 224).maps - np.minimum(wanted, 255)).max() <= 1


def test_a_frame_in_which_nobody_was_found_says_so_and_is_zeros() -> None:
    structure = people(t=3)
    structure.bodies[1, ..., :2], structure.bodies[1, ..., 2] = np.nan, 0
    told = body_maps(structure, 224, 224)
    assert told.has_people.tolist() == [True, False, True]
    assert not told.maps[1].any()
    nobody = body_maps(Structure.empty(2), 224, 224)
    assert nobody.has_people.tolist() == [False, False]
    assert not nobody.maps.any()
    with pytest.raises(ValueError, match="zeros in frames without people"):
        BodyMaps(told.maps, np.array([False, False, True]))


def test_every_limb_joins_two_joints_of_its_own_set() -> None:
    """The published adjacency is as large as the number of limbs but indexed by joints."""
    assert {joint for limb in BODY_LIMBS for joint in limb} == set(range(17))
    assert all(0 <= point < 68 for limb in FACE_LIMBS for point in limb)
    assert len({frozenset(limb) for limb in BODY_LIMBS}) == 18
