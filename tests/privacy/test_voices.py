"""Voice ops keep what they say and nothing else; numbers are compared with librosa's and with the textbook's direct form."""

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.privacy.check import check_sound
from gerdata.privacy.voices import OUTPUT_RMS, Bed, BedDynamic, McAdamsVoice, Numbers, Steps, VocodeVoice

RATE_HZ = 16_000
NOISES = (Steps(), Bed(), BedDynamic())


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def speechlike(seed: int, duration_s: float = 5.0, pitch_hz: float = 120.0) -> np.ndarray:
    """Harmonics under syllables of 4 Hz and phrases of about a second."""
    draw = np.random.RandomState(seed)
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * t + draw.uniform(0, 6)) / k for k in range(1, 30))
    phrases = np.interp(t, np.arange(0, duration_s + 1), 10 ** draw.uniform(-1.5, 0, int(duration_s) + 1))
    return (0.1 * voice * phrases * (1.1 + np.sin(2 * np.pi * 4 * t))).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.integers(0, 9999))
def test_equal_steps_give_equal_bytes_whatever_was_said(levels: list[int], seed: int) -> None:
    """Non-interference: two sounds of unlike content with the same levels."""
    levels[np.random.RandomState(seed).randint(len(levels))] = 0
    draw = np.random.RandomState(seed)
    gain = np.repeat(10 ** (-np.array(levels) * 6 / 20), RATE_HZ)
    noise = (0.05 * draw.standard_normal(len(gain)) * gain).astype(np.float32)
    t = np.arange(len(gain)) / RATE_HZ
    tone = (0.2 * np.sin(2 * np.pi * draw.uniform(200, 3000) * t) * gain).astype(np.float32)
    assert Steps().step_levels(noise) == Steps().step_levels(tone) == tuple(levels)
    np.testing.assert_array_equal(Steps().render(noise, rng(seed)), Steps().render(tone, rng(seed)))


@pytest.mark.parametrize("op", [Bed(), BedDynamic()])
def test_equal_envelopes_give_equal_bytes(op: Bed) -> None:
    """The same power in every frame, so the same envelope: another sign is another waveform with it."""
    one = speechlike(3)
    np.testing.assert_array_equal(op.envelope(one), op.envelope(-one))
    np.testing.assert_array_equal(op.render(one, rng()), op.render(-one, rng()))


@pytest.mark.parametrize("op", NOISES)
def test_level_and_offset_of_the_source_leave_no_trace(op) -> None:
    one = speechlike(3)
    first = op.render(one, rng())
    np.testing.assert_array_equal(first, op.render(one / 4, rng()))
    assert abs(float(np.sqrt((first**2).mean())) - OUTPUT_RMS) < 0.001
    assert abs(float(first.mean())) < 1e-3


@pytest.mark.parametrize("op", NOISES)
def test_the_colour_of_the_source_leaves_no_trace(op) -> None:
    """A low hum and a hiss under the same envelope come out with the same long-term spectrum."""
    t = np.arange(5 * RATE_HZ) / RATE_HZ
    envelope = 1.1 + np.sin(2 * np.pi * 0.5 * t)
    hum = (0.1 * np.sin(2 * np.pi * 180 * t) * envelope).astype(np.float32)
    hiss = scipy.signal.lfilter([1, -0.9], [1], rng().standard_normal(len(t)) * 0.05 * envelope).astype(np.float32)
    mels_db = [
        librosa.power_to_db(librosa.feature.melspectrogram(y=op.render(y, rng(i)), sr=RATE_HZ, n_mels=20).mean(axis=1))
        for i, y in enumerate((hum, hiss))
    ]
    assert np.abs(mels_db[0] - mels_db[1])[1:19].max() < 1.5


def test_the_levels_can_be_heard_and_nothing_faster() -> None:
    y = speechlike(5, 8.0)
    levels = Steps().step_levels(y)
    out = Steps().render(y, rng())
    rms = librosa.feature.rms(y=out, frame_length=8000, hop_length=RATE_HZ, center=False)[0]
    middle = librosa.feature.rms(y=out[4000:], frame_length=8000, hop_length=RATE_HZ, center=False)[0]
    assert len(levels) == 8
    assert len(set(levels)) > 2
    np.testing.assert_allclose(20 * np.log10(middle / middle.max()), -6.0 * np.array(levels), atol=3.5)
    assert len(rms) == 8
    fast = np.abs(np.fft.rfft(librosa.feature.rms(y=out, frame_length=1600, hop_length=1600, center=False)[0]))
    assert fast[3 * 8 :].max() < 0.1 * fast[0]  # syllables of 4 Hz are gone


def test_another_secret_gives_another_noise() -> None:
    y = speechlike(3)
    for op in (*NOISES, VocodeVoice()):
        one, two = op.render(y, rng(1)), op.render(y, rng(2))
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.1
        np.testing.assert_array_equal(one, op.render(y, rng(1)))


@pytest.mark.parametrize("op", NOISES)
@pytest.mark.parametrize("seed", range(5))
def test_no_waveform_is_left(op, seed: int) -> None:
    y = speechlike(seed)
    check_sound(y, op.render(y, rng(seed)))


@pytest.mark.parametrize("cutoff_hz", [1.0, 4.0])
def test_the_envelope_is_that_of_the_direct_form(cutoff_hz: float) -> None:
    """Band pass, Hilbert envelope and low pass at 16 kHz, as in the literature, on the samples themselves."""
    y = speechlike(7)
    band = scipy.signal.sosfiltfilt(scipy.signal.butter(4, [100, 7500], "band", fs=RATE_HZ, output="sos"), y)
    low = scipy.signal.butter(2, cutoff_hz, fs=RATE_HZ, output="sos")
    reach = round(1.5 * RATE_HZ / cutoff_hz)
    direct = scipy.signal.sosfiltfilt(low, np.abs(scipy.signal.hilbert(band)), padlen=reach)[::160]
    ours = Bed(cutoff_hz).envelope(y)
    assert (
        np.corrcoef(direct[50:-50], ours[50 : len(direct) - 50])[0, 1] > 0.995
    )  # the ends differ by what lies beyond them


def test_numbers_are_silence_and_few() -> None:
    y = speechlike(9)
    assert not Numbers().render(y, rng()).any()
    levels = Numbers().levels(y)
    assert levels is not None
    assert len(levels) == 2
    assert min(levels) == 0
    assert max(levels) <= 4
    assert Steps().levels(y) is None


@pytest.mark.parametrize("op", [*NOISES, Numbers(), VocodeVoice(), McAdamsVoice()])
@pytest.mark.parametrize(
    "y", [np.zeros(0), np.zeros(8000), np.full(8000, 0.3), np.full(800, np.nan), np.full(800, np.inf)]
)
def test_no_sound_stays_no_sound(op, y: np.ndarray) -> None:
    out = op.render(y.astype(np.float32), rng())
    assert out.shape == y.shape
    assert not out.any()
    assert not op.levels(y.astype(np.float32))


@given(st.integers(1, 60_000))
def test_levels_are_as_many_as_the_seconds(n: int) -> None:
    y = np.resize(np.array([0.1, -0.1], np.float32), n) if n > 1 else np.zeros(1, np.float32)
    assert len(Steps().step_levels(y)) == (0 if n == 1 else max(1, (n + RATE_HZ // 2 - 1) // RATE_HZ))


def test_a_vocoded_voice_keeps_its_level_and_its_bands() -> None:
    y = speechlike(11)
    out = VocodeVoice().render(y, rng())
    assert 0.8 < out.std() / y.std() < 1.25
    mels = [librosa.feature.melspectrogram(y=one, sr=RATE_HZ, n_mels=8, fmin=100, fmax=7500) for one in (y, out)]
    assert np.corrcoef(*(np.log(one + 1e-6).ravel() for one in mels))[0, 1] > 0.8


def test_mcadams_moves_a_resonance_as_its_formula_says() -> None:
    """And with the coefficient 1 nothing moves."""
    pole = 0.98 * np.exp(2j * np.pi * 2000 / RATE_HZ)
    buzz = scipy.signal.lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], rng().standard_normal(5 * RATE_HZ) * 0.01)
    y = buzz.astype(np.float32)
    same = McAdamsVoice(coefficient=1.0).render(y, rng())
    assert np.corrcoef(y, same)[0, 1] > 0.999
    hertz, power = scipy.signal.welch(McAdamsVoice(order=2).render(y, rng()), RATE_HZ, nperseg=2048)
    expected = (2 * np.pi * 2000 / RATE_HZ) ** 0.8 * RATE_HZ / (2 * np.pi)
    assert abs(hertz[power.argmax()] - expected) < 60
