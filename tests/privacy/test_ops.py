"""Every privacy op, present and future, keeps the contract; and each keeps the promise in its name."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.people.tracks import Tracks
from gerdata.privacy.ops import PRIVACY_OPS, Mute, RawFrame, RawVoice, ShrinkFrame, Speech

EXAMPLES = {ShrinkFrame: ShrinkFrame(32), RawFrame: RawFrame(), Mute: Mute(), RawVoice: RawVoice()}
FRAME_OPS = [op for op in EXAMPLES.values() if hasattr(op, "scan")]
VOICE_OPS = [op for op in EXAMPLES.values() if not hasattr(op, "scan")]


def test_every_op_has_an_example_and_is_a_value() -> None:
    assert set(EXAMPLES) == set(PRIVACY_OPS)
    for op in EXAMPLES.values():
        assert dataclasses.replace(op) == op
        field = next(iter(dataclasses.fields(op)), None)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(op, field.name if field else "x", 1)
        assert not [f for f in dataclasses.fields(op) if "seed" in f.name], "a published field must not undo the op"


@pytest.mark.parametrize("op", FRAME_OPS, ids=lambda op: type(op).__name__)
@pytest.mark.parametrize("shape", [(1, 1, 3), (31, 57, 3), (480, 640, 3), (4096, 16, 3)])
def test_frame_ops_are_pure_and_keep_shape(op, shape: tuple[int, ...]) -> None:
    frame = np.random.RandomState(1).randint(0, 256, shape).astype(np.uint8)
    before = frame.copy()
    tracks = op.scan(iter([frame]))
    first, second = op.render(frame, tracks), op.render(frame, tracks)
    assert first.shape == shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(frame, before)
    assert not np.shares_memory(first, frame)


@pytest.mark.parametrize("op", VOICE_OPS, ids=lambda op: type(op).__name__)
@pytest.mark.parametrize("n", [1, 1600, 80_001])
def test_voice_ops_are_pure_and_keep_length(op, n: int) -> None:
    audio = np.random.RandomState(1).uniform(-1, 1, n).astype(np.float32)
    before = audio.copy()
    out = op.render(audio, Speech())
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    np.testing.assert_array_equal(audio, before)
    assert not np.shares_memory(out, audio)


def test_an_op_that_looks_for_nobody_reads_no_frame() -> None:
    def stream():
        raise AssertionError("read a frame")
        yield

    assert ShrinkFrame(32).scan(stream()).heads.shape == Tracks.empty().heads.shape


@given(st.integers(4, 64), st.integers(64, 300), st.integers(64, 300))
def test_no_more_survives_a_shrunk_frame_than_its_cells(px: int, height: int, width: int) -> None:
    """Every frame with the same tiny picture gives the same bytes, and there are at most px * px colours in it."""
    rng = np.random.RandomState(px)
    frame = rng.randint(0, 256, (height, width, 3)).astype(np.uint8)
    out = ShrinkFrame(px).render(frame, Tracks.empty())
    assert len(np.unique(out.reshape(-1, 3), axis=0)) <= px * px


def test_detail_below_the_cells_leaves_no_trace() -> None:
    """Two frames that differ only inside cells, with equal cell means, render to the same bytes."""
    coarse = np.random.RandomState(0).randint(40, 200, (32, 32, 3))
    stripes = np.where(np.arange(320) % 2 == 0, 30, -30)[None, :, None]
    plain = np.repeat(np.repeat(coarse, 10, 0), 10, 1)
    fine = (plain + stripes).astype(np.uint8)
    one, two = (ShrinkFrame(32).render(f, Tracks.empty()) for f in (plain.astype(np.uint8), fine))
    np.testing.assert_array_equal(one, two)


def test_mute_is_silence() -> None:
    assert not Mute().render(np.ones(100, np.float32), Speech()).any()
