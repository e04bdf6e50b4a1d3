"""Layouts on the ground and the camera before them: everybody has room, is in the picture, and the near are large."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.synth.camera import HEAD_M, SEATED_M, STATURE_M, CameraRange, draw_camera
from gerdata.synth.layout import LAYOUTS, MAX_TURN, draw_ground, layouts_for

SIZES = {"pair": (2, 2), "table": (3, 8), "circle": (3, 8), "queue": (3, 7), "rows": (4, 40), "street": (2, 12)}


@given(name=st.sampled_from(LAYOUTS), n=st.integers(2, 40), seed=st.integers(0, 9999))
@settings(max_examples=200, deadline=None)
def test_everybody_is_on_the_ground_with_room_and_in_the_picture(name: str, n: int, seed: int) -> None:
    low, high = SIZES.get(name, (2, 40))
    n = min(max(n, low), high)
    rng = np.random.default_rng(seed)
    assert name in layouts_for(n, LAYOUTS)
    ground = draw_ground(rng, name, n)
    assert len(ground) == n == len(ground.z_m) == len(ground.facing) == len(ground.sits)
    assert np.abs(ground.facing).max() <= MAX_TURN
    away = np.hypot(ground.x_m[:, None] - ground.x_m, ground.z_m[:, None] - ground.z_m) + 9 * np.eye(n)
    assert away.min() > 0.12  # nobody in somebody else
    assert np.median(away.min(1)) > 0.38
    camera = draw_camera(rng, ground, CameraRange())
    crowns = np.where(ground.sits, SEATED_M, STATURE_M)
    x, y, scale = camera.project(ground.x_m, crowns - HEAD_M / 2, ground.z_m)
    half = HEAD_M * scale / 2
    assert (x - half > 0).all()
    assert (x + half < 1).all()
    assert (y - half > 0).all()
    assert (y + half < 1).all()
    assert HEAD_M * scale.max() <= 0.27


@given(seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_who_is_farther_is_smaller_and_the_feet_of_the_far_are_higher(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ground = draw_ground(rng, "rows", 12)
    camera = draw_camera(rng, ground, CameraRange())
    _, feet, scale = camera.project(ground.x_m, 0.0, ground.z_m)
    order = np.argsort(ground.z_m)
    assert (np.diff(scale[order]) <= 1e-9).all()
    assert (np.diff(feet[order]) <= 1e-9).all()


def test_small_groups_have_large_heads_and_large_ones_are_all_there() -> None:
    sizes = {}
    for n in (2, 8, 15, 30):
        rng = np.random.default_rng(n)
        pictures = []
        for _ in range(30):
            ground = draw_ground(rng, "crowd", n)
            camera = draw_camera(rng, ground, CameraRange())
            pictures.append(224 * HEAD_M * np.median(camera.project(ground.x_m, 1.6, ground.z_m)[2]))
        sizes[n] = float(np.median(pictures))
    assert sizes[2] > 30  # px of a 224-px frame, chin to crown
    assert sizes[8] > 20
    assert sizes[15] > 14
    assert sizes[30] > 9


@pytest.mark.parametrize("n", [2, 3, 15, 40])
def test_some_layout_takes_any_group(n: int) -> None:
    assert layouts_for(n, ("pair",)) == (("pair",) if n == 2 else ("crowd",))


def test_a_camera_that_films_moves_little() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        camera = draw_camera(rng, draw_ground(rng, "crowd", 6), CameraRange())
        views = np.array([camera.view(share, 5 * share) for share in np.linspace(0, 1, 21)])
        assert np.abs(views[:, :2]).max() < 0.06
        assert np.abs(views[:, 2] - 1).max() < 0.05
