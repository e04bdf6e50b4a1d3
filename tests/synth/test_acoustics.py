"""Rooms answer as stated: decay, first reflections, energy over distance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.acoustics import EARLY_S, SOUND_M_S, Room, answered, draw_room, reflected, reflections, tail_length


def fall_s(response: np.ndarray) -> float:
    """Seconds for 60 dB below 1.2 kHz, from Schroeder's integral between -5 and -20 dB (T15)."""
    low = signal.sosfilt(signal.butter(4, 1200, fs=SAMPLE_RATE_HZ, output="sos"), response)
    energy = np.cumsum(np.square(low)[::-1])[::-1]
    level = 10 * np.log10(energy / energy[0])
    first, last = int(np.argmax(level < -5)), int(np.argmax(level < -20))
    return (last - first) / SAMPLE_RATE_HZ * 4


@pytest.mark.parametrize("kind", ["room", "hall", "classroom", "cafe"])
def test_drawn_rooms_fall_about_as_they_say(kind: str) -> None:
    for seed in range(5):
        room = draw_room(np.random.default_rng(seed), kind, (0.25, 0.9))
        measured = fall_s(reflections(room))
        assert 0.6 * room.rt60_s < measured < 1.15 * room.rt60_s  # early images of a dead room fall faster
        assert 0 < room.reflection < 1
        assert room.group_m < room.length_m / 2


def test_the_first_reflection_comes_from_the_floor_when_it_must() -> None:
    room = Room(8.0, 6.0, 3.0, 0.5, 2.0, seed=1)
    response = reflections(room)
    way = np.hypot(2.0, 2 * 1.5)  # ear and mouth 1.5 m over the floor; as far below the ceiling
    at = round((way - 2.0) / SOUND_M_S * SAMPLE_RATE_HZ)
    assert not response[:at].any()
    assert response[at] == pytest.approx(2 * room.reflection / way, rel=0.1)  # a little dulled


def test_noise_takes_over_from_images_at_the_same_level() -> None:
    before, after = [], []
    edge = round(EARLY_S * SAMPLE_RATE_HZ)
    for seed in range(40):
        response = reflections(Room(6.0, 5.0, 2.8, 0.6, 2.0, seed=seed))
        before.append(np.mean(np.square(response[edge - 400 : edge])))
        after.append(np.mean(np.square(response[edge : edge + 400])))
    assert 10 * np.log10(np.mean(after) / np.mean(before)) == pytest.approx(-60 * 0.025 / 0.6, abs=2)


@given(n=st.integers(10, 30_000), seed=st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_reflected_is_the_convolution(n: int, seed: int) -> None:
    room = draw_room(np.random.default_rng(seed), "room", (0.25, 0.4))
    direct = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    made = reflected(direct, room)
    assert len(made) == n + tail_length(room)
    response = reflections(room)
    for at in (0, n // 2, n - 1):
        low = max(0, at - len(response) + 1)
        assert made[at] == pytest.approx(float(np.dot(direct[low : at + 1][::-1], response[: at + 1 - low])), abs=1e-3)


def test_a_loop_is_answered_as_one_without_end() -> None:
    room = draw_room(np.random.default_rng(3), "hall", (0.5, 0.9))
    loop = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    twice = reflected(np.concatenate([loop, loop]), room)[32_000:64_000]
    assert np.abs(answered(loop, reflections(room)) - twice).max() < 1e-3
