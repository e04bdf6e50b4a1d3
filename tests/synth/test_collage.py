"""Collages: the published statistics, truth where the pixels are, one class each, the same plan the same bytes."""

import dataclasses
import functools
import json
from collections.abc import Sequence

import numpy as np
import pytest

from gerdata.clip import CLASSES, kept_times_s
from gerdata.errors import RecipeError, UsageError
from gerdata.recipe import SynthRecipe, load
from gerdata.synth.collage import Collage, plan_collage
from gerdata.synth.deck import AvatarDeck, Head
from gerdata.synth.pasting import render_collage
from gerdata.synth.picturebank import Photo
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.sprite import Sprite
from gerdata.synth.stamp import stamp_of
from gerdata.synth.studio import label_in_view, plan_from_text
from gerdata.synth.truth import drawn_truth

PAPER = load(SynthRecipe, "synth", "paper")
PUBLISHED = load(SynthRecipe, "synth", "paper", ("n_frames=75",))
PEOPLE = 20  # of each class and cast


@functools.cache
def oval(high: int, wide: int, grey: int = 255) -> Head:
    """An ellipse in a box: what the published faces, cut out, are about."""
    y, x = np.ogrid[:high, :wide]
    inside = ((x + 0.5 - wide / 2) / (wide / 2)) ** 2 + ((y + 0.5 - high / 2) / (high / 2)) ** 2 <= 1
    rgba = np.repeat(np.where(inside, grey, 0).astype(np.uint8)[..., None], 4, axis=2)
    rgba[..., 3] = np.where(inside, 255, 0)
    return Head(rgba, (0.0, 0.0, float(wide), float(high)), np.array([[wide / 2, high / 2]] * 68, np.float32))


class Ovals:
    """A deck of ovals over black: heads 0.. of positive people, 1000.. of neutral, 2000.. of negative ones."""

    avatars, pictures, n_casts = None, "ovals", 3

    def __init__(self, wide: int = 48, people: Sequence[int] = (PEOPLE,) * 3) -> None:
        self.wide, self.n_people = wide, people

    def people(self, cast: int, label: str) -> Sequence[Sequence[int]]:
        k = CLASSES.index(label)
        return [(1000 * k + 100 * cast + one,) for one in range(self.n_people[k])]

    def head(self, number: int) -> Head:
        return oval(64, self.wide)

    def photos(self, cast: int) -> Sequence[Photo]:
        return [Photo("ovals", cast, True)]

    def background(self, photo: Photo) -> np.ndarray:
        return np.zeros((90, 120, 3), np.uint8)

    def licences(self, heads: Sequence[int], photo: Photo | None) -> tuple[str, ...]:
        return ("CC0-1.0",)


@functools.cache
def full(n: int = 12) -> list[Collage]:
    """Published collages of 15 heads."""
    recipe = PUBLISHED.model_copy(update={"min_people": 15})
    return [plan_collage(recipe, Ovals(), 3, i) for i in range(n)]


def test_as_many_find_a_place_as_in_the_published_generator() -> None:
    """Against an independent simulation of the published code with elliptical masks (3:4 fits): asked for 15, 9 and 3."""
    placed = np.array([plan.placed for plan in full()])
    expected = {0: 15.0, 20: 14.8, 40: 12.3, 60: 8.1, 74: 5.3}
    nine = PUBLISHED.model_copy(update={"min_people": 9, "max_people": 9})
    fewer = np.array([plan_collage(nine, Ovals(), 5, i).placed for i in range(6)])
    for own, wanted in ((placed, expected), (fewer, {0: 9.0, 20: 9.0, 40: 9.0, 60: 7.0, 74: 4.9})):
        for frame, mean in wanted.items():
            assert abs(own[:, frame].mean() - mean) < 0.1 + 3 * 0.8 / np.sqrt(len(own)), (frame, own[:, frame].mean())
    three = plan_collage(PUBLISHED.model_copy(update={"max_people": 3}), Ovals(), 5, 0)
    assert set(three.placed) == {3}


def test_sizes_and_angles_are_the_published_ones() -> None:
    sizes = np.concatenate([one.size_px for plan in full() for one in plan.heads])
    angles = np.concatenate([one.angle_deg for plan in full() for one in plan.heads])
    n = len(sizes)
    assert n == 12 * 15 * 75
    assert sizes.min() >= 35
    assert sizes.max() <= 52.5
    assert abs(sizes.mean() - 43.75) < 4 * 17.5 / np.sqrt(12 * n)
    turned = angles != 0
    assert abs(turned.mean() - 0.5) < 4 * 0.5 / np.sqrt(n)
    assert np.abs(angles).max() <= 45
    assert abs(angles[turned].std() - 90 / np.sqrt(12)) < 0.5
    jumps = np.array([np.diff([v for v in one.x if v is not None]).std() for plan in full() for one in plan.heads[:3]])
    assert jumps.mean() > 30  # heads do not know where they were


def test_heads_keep_off_each_other_and_off_the_margin() -> None:
    plan = full()[0]
    for frame in (0, 33, 74):
        union = np.zeros((326, 326), int)
        margin = 30 + frame
        for one in plan.heads:
            if one.x[frame] is None:
                continue
            alpha = stamp_of(oval(64, 48).rgba, one.size_px[frame], one.angle_deg[frame]).rgba[..., 3] >= 128
            x, y = (round(v - side / 2) for v, side in ((one.x[frame], alpha.shape[1]), (one.y[frame], alpha.shape[0])))
            assert margin <= x
            assert x + alpha.shape[1] <= 326 - margin
            assert margin <= y
            assert y + alpha.shape[0] <= 326 - margin
            part = union[y : y + alpha.shape[0], x : x + alpha.shape[1]]
            assert (part[alpha] > 0).sum() <= 0.001 * alpha.sum()
            part += alpha


def test_truth_is_where_the_pixels_are() -> None:
    recipe = PAPER.model_copy(update={"min_people": 3, "max_people": 3})
    for coherent in (False, True):
        for index in range(8):
            plan = plan_collage(recipe.model_copy(update={"coherent": coherent}), Ovals(), 7, index)
            shown = render_collage(plan, Ovals(), kept_times_s(5, plan.duration_s))
            assert shown.seen.sum(1).tolist() == list(plan.placed)
            truth = zip(shown.frames, shown.masks, shown.structure.heads, shown.structure.faces, strict=True)
            for frame, masks, heads, faces in truth:
                lit = frame[..., 0] >= 128
                assert (lit != (masks > 0)).sum() <= 0.002 * lit.sum()
                covered = np.zeros_like(lit)
                for k, (box, points) in enumerate(zip(heads, faces, strict=True), start=1):
                    if np.isnan(box[0]):
                        assert np.isnan(points).all()
                        assert not (masks == k).any()
                        continue
                    x0, y0, x1, y1 = box.astype(int)
                    inside = lit[y0:y1, x0:x1]
                    assert (masks[y0:y1, x0:x1] == k).sum() >= 0.998 * (masks == k).sum() > 0
                    assert inside[0].any()
                    assert inside[-1].any()
                    assert inside[:, 0].any()
                    assert inside[:, -1].any()
                    assert np.abs(points[30] - ((x0 + x1) / 2, (y0 + y1) / 2)).max() < 1.01
                    covered[y0:y1, x0:x1] = True
                assert not lit[~covered].any()


def test_coherent_heads_move_smoothly_and_still_keep_apart() -> None:
    recipe = PAPER.model_copy(update={"coherent": True, "n_frames": 25, "margin_growth_px": 0.0})
    for index in range(6):
        plan = plan_collage(recipe, Ovals(), 2, index)
        assert plan.placed[0] >= 0.6 * plan.n_people
        for one in plan.heads:
            assert (one.x[0] is None) == all(v is None for v in one.x)
            assert len(set(one.size_px)) == 1
            if one.x[0] is not None:
                assert np.abs(np.diff(one.x)).max() < 4
                assert np.abs(np.diff(one.y)).max() < 4
                assert np.abs(np.diff(one.angle_deg)).max() < 1
        between = render_collage(plan, Ovals(), np.linspace(0, plan.duration_s, 60))
        steps = np.diff(between.structure.heads[..., 0], axis=0)
        assert np.nanmax(np.abs(steps)) <= 4


def test_a_held_frame_is_held_and_a_frame_alone_is_the_same() -> None:
    plan = plan_collage(PAPER, Ovals(), 1, 4)
    one, two, three = (render_collage(plan, Ovals(), np.array([t])).frames[0] for t in (0.05, 0.95, 1.05))
    assert np.array_equal(one, two)
    assert not np.array_equal(two, three)
    assert np.array_equal(render_collage(plan, Ovals(), kept_times_s(5, 5.0)).frames[1], three)
    assert render_collage(plan, Ovals(), np.zeros(0)).frames.shape == (0, 326, 326, 3)


def test_plans_round_trip_are_balanced_and_of_one_class() -> None:
    plans = [plan_collage(PAPER, Ovals(), 2, i) for i in range(30)]
    for plan in plans:
        text = json.dumps(plan.to_json(), separators=(",", ":"))
        assert plan_from_text(text) == plan
        assert len(text) < 7000
        k = CLASSES.index(plan.label)
        assert {one.sprite // 1000 for one in plan.heads} == {k}
        assert {one.sprite % 1000 // 100 for one in plan.heads} == {plan.cast}
        assert len({one.sprite for one in plan.heads}) == plan.n_people
        assert all(np.sign(round(one.valence / 0.6)) == 1 - k for one in plan.heads)
        assert plan.label_soft[k] == 1
        assert plan.label_margin == 1
    assert [sum(plan.label == one for plan in plans) for one in CLASSES] == [10, 10, 10]
    assert plan_collage(PAPER, Ovals(), 2, 17) == plans[17]
    nobody = np.zeros((5, plans[0].n_people), np.float32)
    assert label_in_view(plans[0], CLASSES, nobody) is None
    assert label_in_view(plans[0], CLASSES, 1 - nobody) == plans[0].label


def test_a_class_with_few_people_does_not_make_small_groups() -> None:
    deck = Ovals(people=(20, 20, 6))
    sizes = {one: [] for one in CLASSES}  # type: ignore[var-annotated]
    recipe = PAPER.model_copy(update={"n_frames": 1})
    for i in range(150):
        plan = plan_collage(recipe, deck, 4, i)
        sizes[plan.label].append(plan.n_people)
    assert all(max(own) <= 6 for own in sizes.values())
    means = [np.mean(own) for own in sizes.values()]
    assert max(means) - min(means) < 0.8
    with pytest.raises(UsageError, match="no cast has 3 people of every class, the fullest has 2"):
        plan_collage(PAPER, Ovals(people=(20, 2, 20)), 4, 0)


def test_avatars_lend_their_heads_where_there_is_no_bank() -> None:
    class Busts:
        plan = BankPlan(n_people=32)
        casts = plan.casts()

        def sprite(self, person: int, shot: object, mip: int = 0, mirror: bool = False) -> Sprite:
            rgba = np.zeros((200, 160, 4), np.uint8)
            rgba[20:98, 50:110] = (200, 150, 120, 255)
            points = np.tile(np.array([80, 59, 2], np.float32), (68, 1))
            box = np.array([50, 20, 110, 98], np.float32)
            return Sprite(rgba, points, points[:17], box, box, np.array([80, 50], np.float32), 34.0)

    deck = AvatarDeck(Busts())  # type: ignore[arg-type]
    plan = plan_collage(PAPER, deck, 0, 0)
    assert plan.avatars == Busts.plan
    assert plan.pictures == ""
    assert plan.photo is None
    assert {one.sprite // 3 // 16 for one in plan.heads} == {plan.cast}
    assert {one.sprite % 3 for one in plan.heads} == {CLASSES.index(plan.label)}
    shown = render_collage(plan, deck, kept_times_s(5, 5.0))
    boxes = shown.structure.heads[shown.seen > 0]
    long = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    assert long.min() >= 34
    assert long.max() <= 67
    faces = shown.structure.faces[shown.seen > 0][:, 0]
    assert ((faces > boxes[:, :2]) & (faces < boxes[:, 2:])).all()


def test_a_collage_knows_one_rule() -> None:
    with pytest.raises(RecipeError, match="all-same alone"):
        load(SynthRecipe, "synth", "paper", ("rule=majority",))


def test_points_outside_the_frame_are_missing() -> None:
    class Overhanging(Ovals):
        def head(self, number: int) -> Head:
            return dataclasses.replace(
                super().head(number), points=np.tile(np.array([[-20, 5], [30, 80]], np.float32), (34, 1))
            )

    recipe = PAPER.model_copy(update={"margin_px": 0.0, "margin_growth_px": 0.0, "min_scale": 0.3, "max_scale": 0.4})
    plans = [plan_collage(recipe, Overhanging(), 1, index) for index in range(6)]
    shown = [render_collage(plan, Overhanging(), kept_times_s(5, 5.0)) for plan in plans]
    faces = np.concatenate([one.structure.faces.reshape(-1, 2) for one in shown])
    placed = sum(sum(plan.placed) for plan in plans)
    known = np.isfinite(faces).all(1)
    assert 0.5 * 68 * placed < known.sum() < 68 * placed
    assert (faces[known] >= 0).all()
    assert (faces[known] < recipe.frame_px).all()
    assert all(drawn_truth(one).shape == one.frames.shape for one in shown)
