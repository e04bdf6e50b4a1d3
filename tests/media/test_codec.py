"""A round trip through a codec loses something, keeps time and length, and repeats."""

import numpy as np
import pytest

from gerdata.media.codec import CODECS, round_trip


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("n", [4000, 80_000])
def test_a_round_trip_keeps_length_and_time_and_loses_detail(codec: str, n: int) -> None:
    rng = np.random.default_rng(2)
    slow = np.convolve(rng.standard_normal(n), np.ones(24) / 24, "same")
    sound = (0.2 * slow / slow.std()).clip(-0.9, 0.9).astype(np.float32)
    back = round_trip(sound, codec)
    assert back.shape == sound.shape
    assert back.dtype == np.float32
    inner = slice(n // 8, -n // 8)
    match = [np.corrcoef(np.roll(back, k)[inner], sound[inner])[0, 1] for k in range(-40, 41)]
    assert abs(int(np.argmax(match)) - 40) <= 8  # half a millisecond
    assert 0.7 < max(match) < 0.99999
    assert round_trip(sound, codec).tobytes() == back.tobytes()


def test_silence_and_an_unknown_codec() -> None:
    assert np.abs(round_trip(np.zeros(16_000, np.float32), "opus")).max() < 1e-3
    with pytest.raises(KeyError):
        round_trip(np.zeros(16_000, np.float32), "mp2")
