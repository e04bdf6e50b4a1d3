import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import RecipeError
from gerdata.learn.features import (
    HOP,
    SILENCE_DB,
    WINDOW,
    check_segment,
    cut_segments,
    log_mel,
    mel_filterbank,
    segment_columns,
)


@pytest.mark.parametrize("mels", [16, 64, 128])
def test_filterbank_is_that_of_librosa(mels: int) -> None:
    wanted = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=WINDOW, n_mels=mels)
    assert np.abs(mel_filterbank(mels).numpy() - wanted).max() < 1e-7


def test_every_band_of_the_finest_filterbank_hears_something() -> None:
    assert (mel_filterbank(128).sum(dim=1) > 0).all()


@pytest.mark.parametrize("gain", [1.0, 1e-3])
def test_log_mel_is_that_of_librosa_within_a_thousandth_of_a_decibel(gain: float) -> None:
    noise = (gain * rng_for(0, "noise").standard_normal(SAMPLE_RATE_HZ)).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=noise, sr=SAMPLE_RATE_HZ, n_fft=WINDOW, hop_length=HOP, n_mels=64, pad_mode="constant"
    )
    wanted = librosa.power_to_db(power, top_db=None)
    ours = log_mel(torch.from_numpy(noise)[None], 64)[0].numpy()
    assert ours.shape == wanted.shape == (64, segment_columns(1.0))
    assert np.abs(ours - wanted).max() < 1e-3


def test_silence_is_the_floor_and_not_minus_infinity() -> None:
    assert (log_mel(torch.zeros(1, 4000), 16) == SILENCE_DB).all()


def test_five_segments_of_a_second_cut_five_seconds_without_gap_or_overlap() -> None:
    audio = torch.arange(5 * SAMPLE_RATE_HZ, dtype=torch.float32)
    assert torch.equal(cut_segments(audio, 5, 1.0).flatten(), audio)


@settings(max_examples=50)
@given(st.integers(0, 40_000), st.integers(1, 9), st.floats(0.1, 1.5))
def test_segments_hold_the_clip_in_order_and_silence_outside(n: int, segments: int, segment_s: float) -> None:
    cut = cut_segments(torch.arange(1, n + 1, dtype=torch.float32), segments, segment_s)
    assert cut.shape == (segments, round(segment_s * SAMPLE_RATE_HZ))
    for i, segment in enumerate(cut):
        heard = segment[segment > 0]
        assert torch.equal(heard, torch.arange(len(heard)) + heard[:1])  # a run of the clip
        if n:
            assert len(heard)
            middle = (heard[0] + heard[-1]) / 2 if len(heard) == cut.shape[1] else None
            assert middle is None or abs(middle - (i + 0.5) / segments * n) <= 2


def test_a_segment_too_small_to_pool_is_refused_with_both_sizes() -> None:
    check_segment(106, 2.1, 106)
    with pytest.raises(RecipeError, match=r"64 mels x 51 columns.*at least 106 x 106"):
        check_segment(64, 1.0, 106)
