"""The sound keeps its length and does what the op says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from varied import ROOM, SOUND

from gerdata.augment.room import BoxRoom, impulse_response
from gerdata.augment.sound import Clipping, Gain, HighPass, Hiss, LowPass, Peak, Pitch, Room, Shift, SoundOp, Stretch
from gerdata.augment.sound import render_sound as heard


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hz * np.arange(round(16000 * seconds)) / 16000)).astype(np.float32)


def rms_db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio[2000:-2000], dtype=np.float64))))


def peak_hz(audio: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))).argmax() * 16000 / len(audio))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SOUND), st.one_of(st.sampled_from([0, 1, 2, 79, 80, 81, 800]), st.integers(0, 20000)))
def test_the_length_stays_and_numbers_stay_numbers(op: SoundOp, n: int) -> None:
    sound = (0.1 * np.random.default_rng(n).standard_normal(n)).astype(np.float32)
    made = heard(sound, (op,))
    assert made.shape == (n,)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert not heard(np.zeros(n, np.float32), (op,)).any(), "silence stays silent"


def test_gain_is_decibels() -> None:
    assert rms_db(heard(tone(440), (Gain(-6.0),))) == pytest.approx(rms_db(tone(440)) - 6, abs=0.01)


@pytest.mark.parametrize("semitones", [-2.0, 1.5])
def test_pitch_moves_a_tone_and_not_its_time(semitones: float) -> None:
    sound = tone(600) * np.hanning(32000).astype(np.float32)
    made = heard(sound, (Pitch(semitones),))
    assert peak_hz(made) == pytest.approx(600 * 2 ** (semitones / 12), rel=0.01)
    centres = [
        (np.square(a, dtype=float) * np.arange(32000)).sum() / np.square(a, dtype=float).sum() for a in (sound, made)
    ]
    assert abs(centres[1] - centres[0]) < 160  # 10 ms


def test_stretch_and_shift_move_a_click_where_they_say() -> None:
    sound = np.zeros(32000, np.float32)
    sound[16000:16400] = tone(2000, 400 / 16000)
    for op, at in ((Stretch(1.25), 12800), (Stretch(0.8), 20000), (Shift(0.25), 20000), (Shift(-0.25), 12000)):
        energy = np.square(heard(sound, (op,)), dtype=float)
        assert (energy * np.arange(32000)).sum() / energy.sum() == pytest.approx(at + 200, abs=400), op
    assert not heard(sound, (Shift(5.0),)).any()


def test_filters_take_what_they_should_and_leave_the_rest() -> None:
    for op, hz, change_db in (
        (LowPass(1000.0), 200, 0),
        (LowPass(1000.0), 1000, -3),
        (LowPass(1000.0), 4000, -28),
        (HighPass(1000.0), 4000, 0),
        (HighPass(1000.0), 250, -24),
        (Peak(1000.0, 9.0), 1000, 9),
        (Peak(1000.0, 9.0), 100, 0),
    ):
        change = rms_db(heard(tone(hz), (op,))) - rms_db(tone(hz))
        assert change == pytest.approx(change_db, abs=0.5 if change_db > -20 else 1), (
            op,
            hz,
        )


def test_hiss_lies_as_far_below_the_sound_as_it_says() -> None:
    for slope in (0.0, -3.0, -6.0):
        noise = heard(tone(440), (Hiss(20.0, slope, 1),)) - tone(440)
        assert rms_db(noise) == pytest.approx(rms_db(tone(440)) - 20, abs=1)
    one, other = (heard(tone(440), (Hiss(20.0, 0.0, seed),)) for seed in (1, 2))
    assert abs(np.corrcoef(one - tone(440), other - tone(440))[0, 1]) < 0.03


def test_clipping_cuts_the_share_it_says() -> None:
    sound = (0.1 * np.random.default_rng(0).standard_normal(50000)).astype(np.float32)
    assert np.mean(heard(sound, (Clipping(6),)) != sound) == pytest.approx(0.06, abs=0.005)


def test_a_room_answers_when_and_as_loud_as_its_walls_are_far() -> None:
    """A long hall: the first echo off the near wall, then the far one; all others come later."""
    hall = BoxRoom((20.0, 30.0, 30.0), (0.25, 0.5, 0.5), (0.35, 0.5, 0.5), 0.19)  # source at 5 m, microphone at 7 m
    answer = impulse_response(hall)
    assert answer[0] == pytest.approx(1)
    near, far = (round((metres - 2) / 343 * 16000) for metres in (12, 28))
    assert np.flatnonzero(answer > 0)[1] == near
    assert answer[near] == pytest.approx(
        0.9 * 2 / 12, rel=1e-6
    )  # sqrt(1 - 0.19) of the pressure, over six times the way
    assert answer[far] >= 0.9 * 2 / 28 - 1e-9


def test_a_room_whose_walls_take_all_is_no_room() -> None:
    outside = BoxRoom(ROOM.size_m, ROOM.source, ROOM.microphone, 1.0)
    assert np.allclose(heard(tone(440), (Room(outside),)), tone(440), atol=1e-6)
    wet = heard(tone(440), (Room(ROOM),))
    assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(tone(440) ** 2)), rel=1e-3)
