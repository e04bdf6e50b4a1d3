"""Every privacy op, present and future, keeps the contract; and each keeps the promise in its name."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.people.scan import HeadScan
from gerdata.people.tracks import Tracks
from gerdata.privacy.features import FeaturesOnly
from gerdata.privacy.heads import FILL, BlurHeads, PixelateHeads, RemoveHeads, grown
from gerdata.privacy.ops import FRAME_OPS, PRIVACY_OPS, VOICE_OPS, Mute, RawFrame, ShrinkFrame
from gerdata.privacy.silhouettes import RemovePeople

FRAMES = {op: op(32) if op is ShrinkFrame else op() for op in FRAME_OPS}
VOICES = {op: op() for op in VOICE_OPS}
FILLING = (RemoveHeads(), RemovePeople())


def some_tracks(shape: tuple[int, ...], n: int, seed: int) -> Tracks:
    """Heads of any size, in, across and outside the edges, and a blob of people."""
    rng = np.random.RandomState(seed)
    height, width = shape[:2]
    corner = rng.uniform(-0.3, 1.1, (1, n, 2)) * [width, height]
    side = rng.uniform(0.01, 0.5, (1, n, 1)) * min(width, height)
    heads = np.concatenate([corner, corner + side * [1, 1.3]], axis=2).astype(np.float32)
    people = np.zeros((height, width), np.bool_)
    people[height // 3 : height // 2, width // 4 :] = True
    return Tracks(heads, np.ones(n, np.bool_), {0: people})


def test_every_op_has_an_example_and_is_a_value() -> None:
    assert {*FRAMES, *VOICES} == set(PRIVACY_OPS)
    for op in (*FRAMES.values(), *VOICES.values()):
        assert dataclasses.replace(op) == op
        field = next(iter(dataclasses.fields(op)), None)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(op, field.name if field else "x", 1)
        assert not [f for f in dataclasses.fields(op) if "seed" in f.name], "a published field must not undo the op"


@pytest.mark.parametrize("op", FRAMES.values(), ids=lambda op: type(op).__name__)
@pytest.mark.parametrize("shape", [(1, 1, 3), (31, 57, 3), (480, 640, 3), (4096, 16, 3)])
def test_frame_ops_are_pure_and_keep_shape(op, shape: tuple[int, ...]) -> None:
    frame = np.random.RandomState(1).randint(0, 256, shape).astype(np.uint8)
    before = frame.copy()
    tracks = some_tracks(shape, 5, 1)
    first, second = op.render(frame, tracks, 0), op.render(frame, tracks, 0)
    assert first.shape == shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(frame, before)
    assert not np.shares_memory(first, frame)


@pytest.mark.parametrize("op", VOICES.values(), ids=lambda op: type(op).__name__)
@pytest.mark.parametrize("n", [1, 1600, 80_001])
def test_voice_ops_are_pure_and_keep_length(op, n: int) -> None:
    audio = np.random.RandomState(1).uniform(-1, 1, n).astype(np.float32)
    before = audio.copy()
    out = op.render(audio, np.random.default_rng(1))
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    np.testing.assert_array_equal(audio, before)
    assert not np.shares_memory(out, audio)
    levels = op.levels(audio)
    assert levels is None or all(isinstance(level, int) and level >= 0 for level in levels)


def test_an_op_that_looks_for_nobody_reads_no_frame() -> None:
    def stream():
        raise AssertionError("read a frame")
        yield

    for op in (ShrinkFrame(32), FeaturesOnly(), RawFrame()):
        assert op.scan(stream()).heads.shape == Tracks.empty().heads.shape


@pytest.mark.parametrize("op", FILLING, ids=lambda op: type(op).__name__)
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 97), st.integers(1, 97), st.integers(0, 6), st.integers(0, 9999))
def test_nothing_inside_the_mask_can_be_in_the_output(op, height: int, width: int, n: int, seed: int) -> None:
    """Non-interference: other pixels in the mask, and the same bytes come out."""
    rng = np.random.RandomState(seed)
    frame = rng.randint(0, 256, (height, width, 3)).astype(np.uint8)
    tracks = some_tracks(frame.shape, n, seed)
    inside = op.covered(frame, tracks, 0)
    other = frame.copy()
    other[inside] = rng.randint(0, 256, (int(inside.sum()), 3))
    one, two = op.render(frame, tracks, 0), op.render(other, tracks, 0)
    np.testing.assert_array_equal(one, two)
    assert (one[inside] == FILL).all()
    np.testing.assert_array_equal(one[~inside], frame[~inside])
    for x0, y0, x1, y1 in tracks.heads_at(0):  # and the mask holds the whole of every head box
        left, top, right, bottom = max(0, int(x0)), max(0, int(y0)), max(0, int(np.ceil(x1))), max(0, int(np.ceil(y1)))
        assert inside[top:bottom, left:right].all()


@given(st.floats(-50, 300), st.floats(-50, 300), st.floats(0.1, 200), st.floats(0.1, 200))
def test_a_grown_head_holds_its_box_and_is_no_more_than_three_times_as_large(
    x: float, y: float, w: float, h: float
) -> None:
    box = np.array([[x, y, x + w, y + h]], np.float32)
    big = grown(box, 10_000, 10_000)[0]
    assert big[0] <= max(0, x)
    assert big[1] <= max(0, y)
    assert big[2] >= min(10_000, x + w) - 1e-3 or x + w < 0
    if x > 200 and y > 200 and w > 20 and h > 20:
        assert (big[2] - big[0]) * (big[3] - big[1]) <= 3.0 * w * h


def test_cosmetic_ops_change_the_mask_alone_and_keep_something_of_it() -> None:
    frame = np.random.RandomState(1).randint(0, 256, (240, 320, 3)).astype(np.uint8)
    tracks = Tracks(np.array([[[100, 80, 160, 160]]], np.float32), np.ones(1, np.bool_))
    inside = RemoveHeads().covered(frame, tracks, 0)
    for op in (BlurHeads(), PixelateHeads()):
        out = op.render(frame, tracks, 0)
        np.testing.assert_array_equal(out[~inside], frame[~inside])
        assert (out[inside] != frame[inside]).mean() > 0.9
        assert out[inside].std() > 1
    x0, y0, x1, y1 = grown(tracks.heads_at(0), 240, 320)[0]
    colours = np.unique(PixelateHeads(4).render(frame, tracks, 0)[y0:y1, x0:x1].reshape(-1, 3), axis=0)
    assert len(colours) <= 16


@given(st.integers(4, 64), st.integers(64, 300), st.integers(64, 300))
def test_no_more_survives_a_shrunk_frame_than_its_cells(px: int, height: int, width: int) -> None:
    """Every frame with the same tiny picture gives the same bytes, and there are at most px * px colours in it."""
    rng = np.random.RandomState(px)
    frame = rng.randint(0, 256, (height, width, 3)).astype(np.uint8)
    out = ShrinkFrame(px).render(frame, Tracks.empty(), 0)
    assert len(np.unique(out.reshape(-1, 3), axis=0)) <= px * px


def test_detail_below_the_cells_leaves_no_trace() -> None:
    """Two frames that differ only inside cells, with equal cell means, render to the same bytes."""
    coarse = np.random.RandomState(0).randint(40, 200, (32, 32, 3))
    stripes = np.where(np.arange(320) % 2 == 0, 30, -30)[None, :, None]
    plain = np.repeat(np.repeat(coarse, 10, 0), 10, 1)
    fine = (plain + stripes).astype(np.uint8)
    one, two = (ShrinkFrame(32).render(f, Tracks.empty(), 0) for f in (plain.astype(np.uint8), fine))
    np.testing.assert_array_equal(one, two)


def test_mute_is_silence() -> None:
    assert not Mute().render(np.ones(100, np.float32), np.random.default_rng(1)).any()


def test_a_scan_says_how_it_looks() -> None:
    assert RemoveHeads().scan_with == HeadScan()
