"""Avatars in the fill: of what is inside a mask nothing but the plan is in the output, and the plan is a few steps."""

import dataclasses
import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gerdata.chance import rng_for
from gerdata.clip import Clip
from gerdata.engine.work import Item
from gerdata.errors import MissingError, RejectedInput
from gerdata.manifest import clip_to_json
from gerdata.people.facing import NOSE_DEPTH, yaws_of
from gerdata.people.scan import HeadScan
from gerdata.people.tracks import Tracks
from gerdata.privacy import avatars, check, work
from gerdata.privacy import heads as head_ops
from gerdata.privacy.avatars import BITS, HEADS, N_FACES, AvatarHead, AvatarPlan, Protected, plan_heads, put, quantised
from gerdata.privacy.check import FaceCheck
from gerdata.privacy.heads import FILL, ReplaceHeads, grown
from gerdata.privacy.stage import EXPRESSIONS, notice_of, protection_of
from gerdata.privacy.work import ProtectWorker
from gerdata.recipe import ProtectRecipe
from gerdata.synth.bank import build_bank
from gerdata.synth.mesh import load_mesh
from gerdata.synth.repertoire import Shot
from gerdata.synth.sprite import Sprite

RECIPE = ProtectRecipe(frame_op="replace_heads", voice_op="mute")
READ = ("valence", "intensity", "yaw")  # of a planned head; all else may not depend on what was read off faces
PX = 112


class Drawer:
    """In place of the bank: squares whose colour tells the person and the shot."""

    def sprite(self, person: int, shot: Shot) -> Sprite:
        return self.sprite_at(person, shot, 34.0)

    def sprite_at(self, person: int, shot: Shot, px_per_dm: float) -> Sprite:
        colour = np.random.RandomState(hash((person, shot)) % 2**32).randint(0, 256, 3)
        rgba = np.full((400, 400, 4), 255, np.uint8)  # more than any window, so that one too wide is seen
        rgba[..., :3] = colour
        box = np.array([180, 175, 220, 225], np.float32)
        none = np.zeros((0, 3), np.float32)
        return Sprite(rgba, none, none, box, box, box[:2], 34.0)


def protected_of(frames: np.ndarray, heads: np.ndarray) -> Protected:
    """Frames `[T, H, W, 3]` through the op, at their own size; heads `[T, P, 4]`."""
    tracks = Tracks(heads, np.ones(heads.shape[1], np.bool_))
    op = ReplaceHeads()
    shown = [op.render(frame, tracks, t) for t, frame in enumerate(frames)]
    fills = np.full(heads.shape, np.nan, np.float32)
    there = np.isfinite(heads).all(axis=2)
    fills[there] = grown(heads[there], *frames.shape[1:3])
    return Protected(shown, heads, fills, [fills[t][there[t]] for t in range(len(frames))], 0.75)


def drawn_heads(rng: np.random.RandomState, n: int) -> np.ndarray:
    """Heads of any size in, across and outside of the edges; some are missing in some frames."""
    corner = rng.uniform(-0.2, 1.0, (3, n, 2)) * PX
    side = rng.uniform(0.02, 0.5, (3, n, 1)) * PX
    heads = np.concatenate([corner, corner + side * [1, 1.3]], axis=2).astype(np.float32)
    heads[rng.rand(3, n) < 0.2] = np.nan
    return heads


def rendered(clip: Protected, plan: AvatarPlan) -> np.ndarray:
    return np.stack([put(frame, plan, t, Drawer()) for t, frame in enumerate(clip.frames)])  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.integers(0, 9999))
def test_with_the_plan_fixed_nothing_inside_the_mask_can_be_in_the_output(n: int, seed: int) -> None:
    """Other pixels in the mask: the same plan but for what was read, and with one plan the same bytes."""
    rng = np.random.RandomState(seed)
    frames = rng.randint(0, 256, (3, PX, PX, 3)).astype(np.uint8)
    heads, readings = drawn_heads(rng, n), rng.uniform(-1, 1, (3, n, 4)).astype(np.float32)
    tracks, other = Tracks(heads, np.ones(n, np.bool_)), frames.copy()
    for t in range(3):
        inside = ReplaceHeads().covered(frames[t], tracks, t)
        other[t][inside] = rng.randint(0, 256, (int(inside.sum()), 3))
    one, two = protected_of(frames, heads), protected_of(other, heads)
    plan = plan_heads(one, readings, rng_for(5, "x"), "estimated")
    assert plan == plan_heads(two, readings, rng_for(5, "x"), "estimated")
    first = rendered(one, plan)
    np.testing.assert_array_equal(first, rendered(two, plan))
    for t in range(3):  # and outside of the mask everything is as it was
        outside = ~ReplaceHeads().covered(frames[t], tracks, t)
        np.testing.assert_array_equal(first[t][outside], frames[t][outside])
        assert len(plan.frames[t]) <= np.isfinite(heads[t]).all(axis=1).sum()


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float32, (3, 4, 4), elements=st.floats(width=32)), st.integers(0, 99))
def test_of_any_readings_the_plan_knows_no_more_than_the_stated_bits(readings: np.ndarray, seed: int) -> None:
    rng = np.random.RandomState(seed)
    clip = protected_of(rng.randint(0, 256, (3, PX, PX, 3)).astype(np.uint8), drawn_heads(rng, 4))
    rest = plan_heads(clip, np.full((3, 4, 4), np.nan, np.float32), rng_for(1), "estimated")
    read = plan_heads(clip, readings, rng_for(1), "estimated")
    for before, after in zip(rest.frames, read.frames, strict=True):
        for one, two in zip(before, after, strict=True):
            assert (one.valence, one.intensity, one.yaw) == (0, 1, 0)
            assert dataclasses.replace(two, valence=0, intensity=1, yaw=0) == one
            assert (two.valence, two.intensity) in {(0, 1), *((v, i) for v in (-1, 1) for i in (1, 2, 3))}
            assert -3 <= two.yaw <= 3


def test_the_stated_bits_are_those_of_all_that_can_be_read() -> None:
    assert {field.name for field in dataclasses.fields(AvatarHead)} - set(READ) == {
        "window", "centre", "height", "person", "brightness",
    }  # fmt: skip
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 21)] * 2, np.radians(np.arange(-90, 91, 5))), -1).reshape(-1, 3)
    rows = np.stack([grid[:, 0], 1 - grid[:, 0] - grid[:, 1], grid[:, 1], grid[:, 2]], axis=1)[grid[:, :2].sum(1) <= 1]
    seen = {tuple(row) for row in quantised(rows[None].astype(np.float32))[0].tolist()}
    assert math.log2(len(seen)) == BITS == pytest.approx(5.61, abs=0.01)
    assert N_FACES == 7


def test_readings_are_smoothed_over_a_track_and_a_gap_is_bridged() -> None:
    happy, faint, rest = [0.9, 0.1, 0.0, 0.5], [0.6, 0.4, 0.0, 0.0], [0.1, 0.8, 0.1, 0.0]
    flicker = np.array([rest, rest, faint, rest, rest], np.float32)[:, None]
    assert (quantised(flicker)[:, 0, 0] == 0).all()
    gap = np.array([happy, [np.nan] * 4, happy], np.float32)[:, None]
    assert quantised(gap)[:, 0].tolist() == [[1, 3, 2]] * 3


@pytest.mark.parametrize(("how", "n_kinds"), [("estimated", 2), ("shuffled", 2), ("none", 1)])
def test_where_expressions_come_from(how: str, n_kinds: int) -> None:
    boxes = np.tile(np.array([[[10 * i, 40, 10 * i + 8, 50] for i in range(8)]], np.float32), (3, 1, 1))
    clip = protected_of(np.zeros((3, PX, PX, 3), np.uint8), boxes)
    readings = np.zeros((3, 8, 4), np.float32)
    readings[:, :4, 0], readings[:, 4:, 2] = 1, 1
    plan = plan_heads(clip, readings, rng_for(2), how)  # type: ignore[arg-type]
    shown = [[head.valence for head in frame] for frame in plan.frames]
    assert len({v for frame in shown for v in frame}) == n_kinds
    assert all(sum(frame) == 0 for frame in shown)  # a shuffle keeps how many show what
    assert (shown[0] == [1] * 4 + [-1] * 4) == (how == "estimated")
    people = [[head.person for head in frame] for frame in plan.frames]
    assert people[0] == people[1] == people[2]  # one avatar a track
    assert len(set(people[0])) == 8
    assert people != [[h.person for h in f] for f in plan_heads(clip, readings, rng_for(3), "none").frames]


def test_brightness_is_that_of_what_lies_around_and_never_of_what_is_filled() -> None:
    fill = np.array([40, 40, 60, 60], np.float32)
    for level, grey in enumerate((10, 100, 150, 250)):
        frame = np.full((PX, PX, 3), grey, np.uint8)
        frame[39:61, 39:61] = 255 - grey
        assert avatars.brightness_of(frame, fill, fill[None]) == level
    whole = np.array([[0, 0, PX, PX]], np.float32)
    assert avatars.brightness_of(frame, fill, whole) == avatars.UNKNOWN_LEVEL


def test_the_yaw_of_a_turned_head_is_found_whatever_its_roll() -> None:
    for degrees in (-40, -15, 0, 15, 40):
        turn, roll = math.radians(degrees), 0.4
        face = np.zeros((68, 3))
        face[36], face[45], face[30] = (-0.5, 0, 0), (0.5, 0, 0), (0, 0.4, NOSE_DEPTH)
        x = face[:, 0] * math.cos(turn) + face[:, 2] * math.sin(turn)
        flat = np.stack([x, face[:, 1]], 1) @ [[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]]
        wanted = math.degrees(float(yaws_of(40 * flat[None].astype(np.float32))[0]))
        assert wanted == pytest.approx(degrees, abs=0.5)  # the nose lies below the line; its drop is not along it
    assert np.isnan(yaws_of(np.full((1, 68, 2), np.nan, np.float32))).all()


class Finder:
    def __init__(self, *boxes: list[float]) -> None:
        self.boxes = np.array(boxes, np.float32).reshape(-1, 5)

    def find(self, frame: np.ndarray, min_score: float) -> np.ndarray:
        return self.boxes


@pytest.mark.parametrize(
    ("box", "is_left"),
    [
        ([42, 42, 62, 66, 0.9], False),  # the avatar's face
        ([42, 42, 52, 54, 0.9], False),  # too small to count
        ([80, 80, 110, 110, 0.6], True),  # elsewhere
        ([10, 30, 50, 74, 0.9], True),  # mostly outside of the window
        ([34, 60, 52, 78, 0.9], True),  # in the fill, and no avatar's face
    ],
)
def test_only_faces_of_avatars_pass(monkeypatch: pytest.MonkeyPatch, box: list[float], is_left: bool) -> None:
    monkeypatch.setattr(check, "face_gate", lambda: Finder(box))
    look = FaceCheck(min_score=0.5, sure_score=0.8, min_px=16)
    window, face = np.array([[34, 30, 70, 80]], np.float32), np.array([[40, 40, 64, 68]], np.float32)
    frame = np.zeros((PX, PX, 3), np.uint8)
    if is_left:
        with pytest.raises(RejectedInput, match="residual-face: 1 beside avatars in frame 0"):
            look.only([frame], [window], [face])
    else:
        look.only([frame], [window], [face])


class Nobody:
    """A finder, or a gate, that finds nothing."""

    def find(self, frame: np.ndarray, *rest: object) -> np.ndarray:
        return np.zeros((0, 5), np.float32)


def item_of(clips: Path) -> Item:
    path = sorted(clips.rglob("*.mp4"))[0]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    clip = clip_to_json(Clip("a", "g", "positive", "train", 1.0))
    told = {"uri": str(path), "offset": 0, "size": None, "sha256": digest, "secret": "s", "clip": clip}
    return Item("a", {**told, "start_s": 0.0, "duration_s": 1.0, "origin_s": 0.0})


def some_heads() -> np.ndarray:
    """Two people over 20 frames of 64 x 48 pixels; the second is only in the first half."""
    heads = np.full((20, 2, 4), np.nan, np.float32)
    heads[:, 0], heads[:10, 1] = (10, 4, 18, 12), (40, 4, 48, 12)
    return heads


class Reader:
    """In place of the nets: what it is told, whatever the pixels."""

    def __init__(self, *told: float) -> None:
        self.told = told

    def read(self, frame: np.ndarray, heads: np.ndarray) -> np.ndarray:
        return np.tile(np.array(self.told, np.float32), (len(heads), 1))


def worker_of(monkeypatch: pytest.MonkeyPatch, recipe: ProtectRecipe, reader: object) -> ProtectWorker:
    class Scan(HeadScan):
        def scan(self, looks: object, finder: object) -> Tracks:
            assert sum(1 for _ in looks) == 20  # type: ignore[attr-defined]
            return Tracks(some_heads(), np.ones(2, np.bool_))

    monkeypatch.setattr(head_ops, "head_finder", Nobody)
    monkeypatch.setattr(check, "face_gate", Nobody)
    monkeypatch.setattr(work, "head_reader", lambda reads: reader)
    monkeypatch.setattr(work, "head_bank", Drawer)
    worker = ProtectWorker({"recipe": recipe.model_dump(mode="json"), "name": "x"})
    object.__setattr__(worker.frame_op, "scan_with", Scan())
    return worker


class Changed:
    """A shown frame with other pixels under the heads."""

    def __init__(self, shown: object, number: int) -> None:
        self.shown, self.number = shown, number

    def rgb(self, max_pixels: int) -> np.ndarray:
        frame = self.shown.rgb(max_pixels).copy()  # type: ignore[attr-defined]
        for x0, y0, x1, y1 in grown(Tracks(some_heads(), np.ones(2)).heads_at(self.number), *frame.shape[:2]):  # type: ignore[arg-type]
            frame[y0:y1, x0:x1] = 255 - frame[y0:y1, x0:x1]
        return frame


def test_a_clip_with_other_faces_under_the_same_plan_gives_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, clips: Path
) -> None:
    item, happy = item_of(clips), Reader(1, 0, 0, 0)
    (one,) = worker_of(monkeypatch, RECIPE, happy).work(item, lambda seconds: None)
    kept = work.kept_frames
    with monkeypatch.context() as other:
        other.setattr(work, "kept_frames", lambda *a: ((n, Changed(shown, n)) for n, shown in kept(*a)))
        (two,) = worker_of(other, RECIPE, happy).work(item, lambda seconds: None)
        (leaky,) = worker_of(other, RECIPE, Leaky()).work(item, lambda seconds: None)
    (seen,) = worker_of(monkeypatch, RECIPE, Leaky()).work(item, lambda seconds: None)
    assert one.members == two.members
    assert leaky.members != seen.members  # what is read off faces does reach the output, and is all that does
    (angry,) = worker_of(monkeypatch, RECIPE, Reader(0, 0, 1, 0)).work(item, lambda seconds: None)
    assert one.members != angry.members
    assert one.private is not None
    assert set(one.private) == {"heads", "masks"}  # no expression is kept


class Leaky:
    """Reads the mean of all pixels: a planted dependence on what is under the mask."""

    def read(self, frame: np.ndarray, heads: np.ndarray) -> np.ndarray:
        boxes = [frame[4:12, 10:18].mean() / 255 > 0.5] * len(heads)
        return np.array([[b, 0, not b, 0] for b in boxes], np.float32).reshape(-1, 4)


def test_another_secret_is_another_cast_and_the_same_is_the_same(monkeypatch: pytest.MonkeyPatch, clips: Path) -> None:
    item, still = item_of(clips), Reader(0, 1, 0, 0)
    other = dataclasses.replace(item, payload={**item.payload, "secret": "t"})
    made = [
        next(worker_of(monkeypatch, RECIPE, still).work(one, lambda s: None)).members for one in (item, item, other)
    ]
    assert made[0] == made[1] != made[2]


def test_a_net_that_fails_refuses_the_clip(monkeypatch: pytest.MonkeyPatch, clips: Path) -> None:
    class Broken:
        def read(self, frame: np.ndarray, heads: np.ndarray) -> np.ndarray:
            raise ZeroDivisionError

    with pytest.raises(RejectedInput, match="detector-failed"):
        next(worker_of(monkeypatch, RECIPE, Broken()).work(item_of(clips), lambda seconds: None))


def test_name_and_notice_say_that_expressions_were_estimated() -> None:
    assert protection_of("replace", RECIPE) == f"replace {EXPRESSIONS}"
    assert "expressions of persons were estimated" in notice_of(RECIPE)
    none = RECIPE.model_copy(update={"expressions": "none"})
    assert protection_of("replace", none) == "replace"
    assert "estimated" not in notice_of(none)
    remove = ProtectRecipe(frame_op="remove_heads", voice_op="mute")
    assert protection_of("remove", remove) == "remove"


def test_a_real_avatar_covers_the_face_and_shows_what_was_read(tmp_path: Path) -> None:
    """One avatar of a small bank: drawn where it is planned, its mouth another when it smiles, nothing outside its window."""
    small = dataclasses.replace(HEADS, n_people=1, cast_size=1, intensities=(0.0, 1.1))
    try:
        bank = build_bank(small, tmp_path / "heads")
    except MissingError as missing:
        pytest.skip(str(missing))
    frame = np.full((PX, PX, 3), FILL, np.uint8)
    head = AvatarHead((16, 10, 96, 104), (28, 28), 24, 0, 3, 0, 1, 0)
    rest, smile, turned = (
        put(frame, AvatarPlan(2.0, 1.0, ((dataclasses.replace(head, **how),),)), 0, bank)
        for how in ({}, {"valence": 1, "intensity": 3}, {"yaw": 3})
    )
    changed = np.abs(rest.astype(int) - frame).max(axis=2) > 0
    assert changed[34:78, 42:70].mean() > 0.95  # the face, 48 px high around (56, 56)
    assert not changed[:10].any()
    assert not changed[:, :16].any()
    assert not changed[104:].any()
    smiles = np.abs(smile.astype(int) - rest).max(axis=2) > 8
    assert smiles[60:80, 44:68].mean() > 0.15
    assert not smiles[:30].any()
    assert (np.abs(turned.astype(int) - rest).max(axis=2) > 8)[34:78, 42:70].mean() > 0.2


@pytest.mark.parametrize(
    ("ask", "line"), [("need_mesh", "models pull avatar"), ("head_bank", "protect --recipe replace")]
)
def test_what_is_missing_is_said_with_the_line_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ask: str, line: str
) -> None:
    load_mesh.cache_clear()
    avatars.head_bank.cache_clear()
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("GERDATA_CACHE", str(tmp_path / "cache"))
    try:
        with pytest.raises(MissingError, match=f"gerdata {line}"):
            getattr(avatars, ask)()
    finally:
        load_mesh.cache_clear()
        avatars.head_bank.cache_clear()
