"""Gatherings of avatars: truth lies where pixels lie, nearer people hide farther ones, and the same plan is the same bytes.

A bank of marks stands in for the avatars, so nothing is drawn for hours and every place is known.
"""

import dataclasses
import functools
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.clip import CLASSES, kept_times_s
from gerdata.recipe import SynthRecipe
from gerdata.synth import compose
from gerdata.synth.compose import GRAIN_SPARE, render_gathering
from gerdata.synth.gathering import Film, Gathering, plan_gathering
from gerdata.synth.layer import Layer
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.sprite import Sprite

RECIPE = SynthRecipe()
BANK = BankPlan()
CLEAR = Film(gain=1.0, warmth=0.0, defocus_px=0.8, blur_px=0.0, noise=0.0, grain=0, compression=0)
SCALE, WIDTH, HEIGHT = 18.0, 120, 330  # pixels a decimetre, and of the sprite of an adult


@functools.cache
def drawn(kind: str) -> Sprite:
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    nose = np.array([60.3, 45.7])
    grey = {
        "solid": np.full((HEIGHT, WIDTH), 90.0),
        "dotted": 255 * np.exp(-((x - nose[0]) ** 2 + (y - nose[1]) ** 2) / (2 * 6.0**2)),
        "empty": np.zeros((HEIGHT, WIDTH)),
    }[kind]
    rgba = np.repeat(grey[..., None], 4, axis=2).astype(np.uint8)
    rgba[..., 3] = 255 if kind == "solid" else rgba[..., 3]
    face = np.concatenate([np.tile(nose, (68, 1)), np.full((68, 1), 2)], 1).astype(np.float32)
    body = np.concatenate([np.tile(nose, (17, 1)), np.full((17, 1), 2)], 1).astype(np.float32)
    body[15:17, :2] = (60, 320)
    box = np.array([40, 20, 80, 70], np.float32)
    return Sprite(rgba, face, body, box, box, np.array([60, 40], np.float32), SCALE)


class Marks:
    """A bank whose avatars are a soft white dot on the tip of the nose, or for those in `solid` a grey body."""

    def __init__(self, dotted: set[int], solid: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.plan, self.dotted, self.solid = BANK, dotted, solid

    def sprite(self, person: int, shot: object, mip: int = 0, mirror: bool = False) -> Sprite:
        return drawn("solid" if person in self.solid else "dotted" if person in self.dotted else "empty")

    def height_dm(self, person: int, shot: object) -> float:
        return (320 - 40) / SCALE

    def sprite_at(self, person: int, shot: object, px_per_dm: float, mirror: bool = False) -> Sprite:
        return self.sprite(person, shot)


def plain(plan: Gathering) -> Gathering:
    """Without anything that a camera adds, standing, and without a table, which would hide somebody."""
    actors = tuple(dataclasses.replace(one, posture="stand") for one in plan.actors)
    return dataclasses.replace(plan, film=CLEAR, actors=actors, has_table=False)


@given(index=st.integers(0, 100_000), who=st.integers(0, 14), share=st.floats(0, 1))
@settings(max_examples=1000, deadline=None)
def test_truth_is_where_the_mark_is(index: int, who: int, share: float) -> None:
    plan = plain(plan_gathering(RECIPE, BANK, 3, index))
    k = who % plan.n_people
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compose, "backdrop", lambda plan, photo: np.zeros((256, 256, 3), np.uint8))
        shown = render_gathering(plan, Marks({plan.actors[k].avatar}), np.array([share * plan.duration_s]))  # type: ignore[arg-type]
    x, y = shown.structure.faces[0, k, 30]
    alone = [one.avatar for one in plan.actors].count(plan.actors[k].avatar) == 1
    if not alone or not (12 < x < 212 and 12 < y < 212):
        return
    light = shown.frames[0, ..., 0].astype(np.float64)
    rows, columns = np.mgrid[:224, :224] + 0.5
    near = (np.abs(columns - x) < 12) & (np.abs(rows - y) < 12)
    found = np.array([(light * near * axis).sum() for axis in (columns, rows)]) / (light * near).sum()
    assert np.abs(found - (x, y)).max() < 0.5


@given(
    scale=st.floats(0.4, 1.3),
    lean=st.floats(-0.1, 0.1),
    x=st.floats(-15, 40),
    y=st.floats(-15, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_pasting_is_compositing(scale: float, lean: float, x: float, y: float, seed: int) -> None:
    """What a sprite does not own stays, what it owns alone is its own, and alpha stays 255."""
    rng = np.random.default_rng(seed)
    rgba = np.zeros((40, 30, 4), np.uint8)
    rgba[8:32, 8:22] = (200, 100, 50, 255)
    canvas = np.dstack([rng.integers(0, 255, (64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8)])
    layer = Layer(canvas.copy(), np.zeros((64, 64), np.uint8))
    layer.paste(rgba, np.array([[scale, -lean, x], [lean, scale, y]]), 3)
    assert (layer.canvas[..., 3] >= 254).all()
    assert set(np.unique(layer.owners)) <= {0, 6}  # the third person
    near = cv2.dilate(layer.owners, np.ones((5, 5), np.uint8)) > 0
    inner = np.s_[3:-3, 3:-3]  # at the border an owner may be beyond it
    assert (layer.canvas == canvas).all(2)[inner][~near[inner]].all()
    deep = cv2.erode(layer.owners, np.ones((5, 5), np.uint8), borderValue=0) == 6
    assert (np.abs(layer.canvas[deep][:, :3].astype(int) - (200, 100, 50)) <= 2).all()


def test_who_is_in_front_hides_who_is_behind() -> None:
    n = 0
    for index in range(40):
        plan = plain(plan_gathering(RECIPE, BANK, 5, index))
        everybody = {one.avatar for one in plan.actors}
        shown = render_gathering(plan, Marks(set(), everybody), np.array([0.0]))  # type: ignore[arg-type]
        assert shown.seen[0, -1] == 1  # the nearest
        x, y = shown.structure.faces[0, :, 30].T
        for k in range(plan.n_people):
            if any(abs(x[j] - x[k]) < 3 and 0 < y[j] - y[k] < 6 for j in range(k + 1, plan.n_people)):
                assert shown.seen[0, k] == 0  # within the body of somebody nearer
                assert shown.structure.bodies[0, k, 0, 2] == 1
                n += 1
    assert n >= 3


def test_the_same_plan_is_the_same_bytes_and_each_frame_alone_too() -> None:
    plan = plan_gathering(RECIPE, BANK, 1, 4)
    bank = Marks(set(range(80)))
    times = kept_times_s(5, plan.duration_s)
    one, other = (render_gathering(plan, bank, times) for _ in range(2))  # type: ignore[arg-type]
    assert one.frames.tobytes() == other.frames.tobytes()
    assert one.structure.bodies.tobytes() == other.structure.bodies.tobytes()
    noisy = dataclasses.replace(plan, film=dataclasses.replace(plan.film, noise=4.0))
    every = render_gathering(noisy, bank, times).frames  # type: ignore[arg-type]
    alone = [render_gathering(noisy, bank, times[i : i + 1]).frames[0] for i in range(5)]  # type: ignore[arg-type]
    assert all(np.array_equal(*pair) for pair in zip(every, alone, strict=True))
    still = render_gathering(noisy, bank, np.full(2, times[0])).frames  # type: ignore[arg-type]
    assert np.array_equal(*still)
    assert not np.array_equal(every[0], every[1])
    film = [(37 * ms % GRAIN_SPARE, 11 * ms % GRAIN_SPARE) for ms in range(20, 5000, 40)]
    assert len(set(film)) == GRAIN_SPARE  # of 125 frames: the grain does not come back soon


@pytest.mark.parametrize("colour", [(60, 90, 140), (210, 180, 140), (115, 115, 115), (2, 2, 2)])
def test_people_stand_in_the_light_of_a_photo_which_stays_as_it_is(colour: tuple[int, int, int]) -> None:
    plan = dataclasses.replace(plain(plan_gathering(RECIPE, BANK, 1, 4)), mirror=False)
    photo = np.full((300, 300, 3), colour, np.uint8)
    photo[110:170, 120:180] = 255  # a lamp
    empty, full = (
        render_gathering(plan, Marks(set(), solid), np.array([0.0]), photo)  # type: ignore[arg-type]
        for solid in (set(), set(range(80)))
    )
    place, people = (one.frames[0].astype(float) for one in (empty, full))
    assert np.abs(np.median(place, (0, 1)) - colour).max() <= 2
    assert place.max() >= 254
    mean = people[full.masks[0] > 0].mean(0)  # of a grey of 90
    if max(colour) - min(colour) > 20:
        assert (np.argsort(mean) == np.argsort(colour)).all()  # the cast of the photo
        assert 1.1 < mean.max() / mean.min() < max(colour) / min(colour)
    assert mean.min() >= 0.55 * 90
    assert mean.max() <= 1.35 * 90


def test_no_moment_is_no_frame() -> None:
    plan = plan_gathering(RECIPE, BANK, 1, 4)
    shown = render_gathering(plan, Marks(set()), np.zeros(0))  # type: ignore[arg-type]
    assert shown.frames.shape == (0, 224, 224, 3)
    assert shown.structure.faces.shape == (0, plan.n_people, 68, 2)


def test_plans_round_trip_and_are_balanced_and_short() -> None:
    plans = [plan_gathering(RECIPE, BANK, 2, i) for i in range(60)]
    for plan in plans:
        text = json.dumps(plan.to_json(), separators=(",", ":"))
        assert Gathering.from_json(json.loads(text)) == plan
        assert len(text) < 7000
    counts = [sum(plan.label == one for plan in plans) for one in CLASSES]
    assert max(counts) - min(counts) <= 1
    assert plan_gathering(RECIPE, BANK, 2, 17) == plans[17]
    assert {plan.layout for plan in plans} >= {"rows", "crowd", "street"}


def test_a_cast_keeps_to_itself() -> None:
    casts = BANK.casts()
    for index in range(0, 400, 7):
        plan = plan_gathering(RECIPE, BANK, 2, index)
        assert {one.avatar for one in plan.actors} <= set(casts[plan.cast])


def test_what_may_not_tell_the_class_does_not() -> None:
    """Group size, layout, light, camera and seats differ by class less than chance allows at 3.5 sigma."""
    plans = [plan_gathering(RECIPE, BANK, 11, i) for i in range(600)]
    measures = {
        "people": lambda p: p.n_people,
        "light": lambda p: p.film.gain,
        "noise": lambda p: p.film.noise,
        "height": lambda p: p.camera.height_m,
        "near": lambda p: p.camera.z_m,
        "yaw": lambda p: np.mean([one.yaw for one in p.actors]),
        "seated": lambda p: p.actors[0].posture == "sit",
        "compressed": lambda p: p.film.compression,
    }
    for name, measure in measures.items():
        values = np.array([measure(plan) for plan in plans], np.float64)
        for label in CLASSES:
            own = values[[plan.label == label for plan in plans]]
            assert abs(own.mean() - values.mean()) < 3.5 * values.std() / np.sqrt(len(own)), name


def test_a_photo_takes_the_place_of_the_place_and_nothing_else() -> None:
    plan = plain(plan_gathering(RECIPE, BANK, 1, 4))
    stripes = np.zeros((300, 500, 3), np.uint8)
    stripes[:, 250:] = 200
    time = np.array([0.0])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compose, "_draw_people", lambda *_: [(drawn("empty"), np.eye(2, 3))] * plan.n_people)
        shown = render_gathering(plan, Marks(set()), time, stripes)  # type: ignore[arg-type]
    left, right = shown.frames[0, :100, :90].max(), shown.frames[0, :60, 134:].min()
    assert left == 0
    assert right >= 100  # half of it in the shadow that the group casts
    photo = render_gathering(plan, Marks(set(range(80))), time, stripes)  # type: ignore[arg-type]
    drawing = render_gathering(plan, Marks(set(range(80))), time)  # type: ignore[arg-type]
    assert np.array_equal(photo.structure.bodies, drawing.structure.bodies, equal_nan=True)
    assert not np.array_equal(photo.frames, drawing.frames)
