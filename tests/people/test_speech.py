"""Speech is not heard where there is none; shapes and odd values."""

import numpy as np
import pytest

from gerdata.errors import MissingError
from gerdata.people.speech import speech_probability, speech_share
from gerdata.people.weights import find


@pytest.fixture(autouse=True)
def _weights() -> None:
    pytest.importorskip("onnxruntime")
    try:
        find("silero-vad")
    except MissingError as missing:
        pytest.skip(str(missing))


RNG = np.random.Generator(np.random.PCG64(3))
TIME = np.arange(3 * 16_000) / 16_000
SPEECHLESS = {
    "silence": np.zeros(len(TIME)),
    "tone": 0.3 * np.sin(2 * np.pi * 440 * TIME),
    "chord": sum(0.1 * np.sin(2 * np.pi * hz * TIME) for hz in (220, 277, 330)),
    "noise": 0.1 * RNG.standard_normal(len(TIME)),
    "hum": 0.01 * np.cumsum(RNG.standard_normal(len(TIME))),
}


@pytest.mark.parametrize("name", SPEECHLESS)
def test_what_is_no_speech_has_none(name: str) -> None:
    assert speech_share(np.clip(SPEECHLESS[name], -1, 1).astype(np.float32)) < 0.02


@pytest.mark.parametrize(("n", "blocks"), [(0, 0), (1, 1), (512, 1), (513, 2), (16_000, 32)])
def test_one_probability_for_each_block(n: int, blocks: int) -> None:
    out = speech_probability(np.zeros(n, np.float32))
    assert out.shape == (blocks,)
    assert out.dtype == np.float32
    assert ((out >= 0) & (out <= 1)).all()


def test_no_sound_has_no_speech() -> None:
    assert speech_share(np.zeros(0, np.float32)) == 0.0


def test_values_that_are_not_finite_count_as_silence() -> None:
    odd = np.full(4096, np.nan, np.float32)
    odd[::3] = np.inf
    assert np.array_equal(speech_probability(odd), speech_probability(np.zeros(4096, np.float32)))


def test_a_second_look_hears_the_same() -> None:
    audio = SPEECHLESS["noise"].astype(np.float32)
    assert np.array_equal(speech_probability(audio), speech_probability(audio))


@pytest.mark.parametrize("audio", [np.zeros((2, 512), np.float32), np.zeros(512)])
def test_another_form_is_refused(audio: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected float32"):
        speech_probability(audio)
