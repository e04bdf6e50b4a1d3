"""What one clip's fingerprint keeps, and what it does not care about."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.errors import DatasetError
from gerdata.ingest.prints import DIMS, LOOK, MOTION, SOUND, Print, landmarks, print_of


def drawn(seed: int, k: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spots = np.cumsum(rng.normal(0, 1.2, (4, 2, k)), axis=2) + rng.uniform(8, 28, (4, 2, 1))
    y, x = np.mgrid[:36, :48]
    out = np.full((k, 36, 48), 100.0)
    for sy, sx in spots:
        out += 60 * np.exp(-((y - sy[:, None, None]) ** 2 + (x - 1.3 * sx[:, None, None]) ** 2) / 30)
    return np.clip(out, 0, 255).astype(np.uint8)


def chatter(seed: int, seconds: float = 5.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = round(seconds * 16000)
    step = np.arange(n) // 1900
    tones = rng.uniform(200, 3500, (3, step[-1] + 1))[:, step]
    loud = rng.uniform(0, 1, (3, step[-1] + 1))[:, step] ** 2
    return (0.2 * (loud * np.sin(2 * np.pi * np.cumsum(tones, axis=1) / 16000)).sum(axis=0)).astype(np.float32)


def test_a_print_of_five_seconds_is_small() -> None:
    one = print_of(drawn(1), chatter(1))
    assert (one.moves, one.sounds) == (True, True)
    assert len(one.keys) > 20
    assert len(one.to_bytes()) <= 6144


def test_gain_and_brightness_change_nothing_that_counts() -> None:
    one, other = print_of(drawn(1), chatter(1)), print_of(drawn(1) + np.uint8(20), 0.5 * chatter(1))
    assert np.abs(one.descriptor.astype(int) - other.descriptor).max() <= 2
    assert len(np.intersect1d(one.keys, other.keys)) >= 40  # of 48: a rounded logarithm may move a peak
    assert np.abs(one.mel.astype(int) - other.mel).max() <= 1


@pytest.mark.parametrize("audio", [None, np.zeros(0, np.float32), np.zeros(80_000, np.float32)])
def test_a_silent_still_picture_has_only_a_look(audio: np.ndarray | None) -> None:
    one = print_of(drawn(1, k=1), audio)
    assert (one.moves, one.sounds, len(one.keys)) == (False, False, 0)
    assert one.still.shape == (24, 24)
    assert one.descriptor[LOOK].any()


def test_sound_alone_has_no_picture() -> None:
    one = print_of(np.zeros((0, 36, 48), np.uint8), chatter(3))
    assert (one.moves, one.sounds, one.still.size) == (False, True, 0)
    assert not one.descriptor[LOOK].any()
    assert Print.from_bytes(one.to_bytes()).still.shape == (0, 0)


def test_noise_of_the_sensor_is_no_motion_and_flicker_neither() -> None:
    rng = np.random.default_rng(0)
    base = np.tile(drawn(1, k=1).astype(int), (40, 1, 1))
    flicker = base + rng.integers(-1, 2, base.shape) + rng.integers(-5, 6, (40, 1, 1))
    assert not print_of(flicker.astype(np.uint8), None).moves


def test_only_eight_seconds_are_looked_at() -> None:
    long, first = print_of(drawn(1, k=100), chatter(1, 12)), print_of(drawn(1, k=100)[:64], chatter(1, 12)[:128_000])
    assert long.to_bytes() == first.to_bytes()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="36, 48"):
        print_of(np.zeros((3, 48, 36), np.uint8), None)
    with pytest.raises(ValueError, match="uint8"):
        print_of(np.zeros((3, 36, 48), np.float32), None)  # type: ignore[arg-type]


def test_keys_of_a_shifted_copy_are_mostly_the_same() -> None:
    sound = chatter(5, 6.0)
    here, there, other = landmarks(sound[:80_000]), landmarks(sound[6_000:86_000]), landmarks(chatter(6))
    assert len(np.intersect1d(here, there)) >= 4 > len(np.intersect1d(here, other))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 70), st.integers(0, 140_000), st.integers(0, 2**32 - 1))
def test_round_trip(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 256, (k, 36, 48)).astype(np.uint8)
    one = print_of(grey, rng.normal(0, 0.1, n).astype(np.float32))
    data = one.to_bytes()
    again = Print.from_bytes(data)
    assert again.to_bytes() == data
    for name in ("motion", "mel", "still", "descriptor", "keys"):
        before, after = getattr(one, name), getattr(again, name)
        assert before.dtype == after.dtype, name
        assert np.array_equal(before, after), name
    assert one.descriptor.shape == (DIMS,)
    assert bool(one.descriptor[MOTION].any()) == one.moves
    assert bool(one.descriptor[SOUND].any()) == one.sounds


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetError):
        Print.from_bytes(data)


@pytest.mark.parametrize("cut", [1, 10, 577, 3000])
def test_cut_and_grown_prints_are_refused(cut: int) -> None:
    data = print_of(drawn(1), chatter(1)).to_bytes()
    for wrong in (data[:-cut], data + b"\0" * cut, b"XXXX" + data[4:]):
        with pytest.raises(DatasetError):
            Print.from_bytes(wrong)
