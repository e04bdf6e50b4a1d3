"""Takes sound at once, last as stated, repeat, and differ by what they are: rate, pitch, brightness."""

import numpy as np
import pytest

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.synth.hearing import TAKES
from gerdata.synth.surroundings import LOOP, MAKERS, ambience, babble
from gerdata.synth.utterances import LENGTHS_S, duration_s, utter
from gerdata.synth.vocal import Score, Voice, sing

LOW, HIGH = Voice(105, 1.02, 0.2, 0.1, 1), Voice(205, 0.86, 0.3, 0.05, 2)
VOICES = [LOW, HIGH] + [Voice(100 + 20 * k, 1 - 0.03 * k, 0.2, 0.1, 10 + k) for k in range(6)]


def pitch_hz(x: np.ndarray, low: float = 60, high: float = 900) -> float:
    """By autocorrelation."""
    echo = np.fft.irfft(np.abs(np.fft.rfft(x - x.mean(), 2 * len(x))) ** 2)[: len(x)]
    lags = np.arange(int(SAMPLE_RATE_HZ / high), int(SAMPLE_RATE_HZ / low))
    best = echo[lags].max()
    return SAMPLE_RATE_HZ / float(lags[np.argmax(echo[lags] > 0.9 * best)])  # the shortest that is nearly as good


def beat_hz(x: np.ndarray) -> float:
    envelope = np.sqrt(np.square(x[: len(x) // 160 * 160].reshape(-1, 160)).mean(1))  # 100 Hz
    spectrum = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)), 2048))
    hz = np.fft.rfftfreq(2048, 0.01)
    band = (hz > 2.5) & (hz < 9)
    return float(hz[band][spectrum[band].argmax()])


@pytest.mark.parametrize("kind", LENGTHS_S)
@pytest.mark.parametrize("voice", VOICES)
def test_a_take_lasts_as_stated_sounds_at_once_and_ends_softly(kind: str, voice: Voice) -> None:
    for take in range(TAKES[kind]):
        made = utter(voice, kind, take)
        assert len(made) == round(duration_s(voice, kind, take) * SAMPLE_RATE_HZ)
        assert LENGTHS_S[kind][0] - 1e-3 <= len(made) / SAMPLE_RATE_HZ <= LENGTHS_S[kind][1] + 1e-3
        assert np.isfinite(made).all()
        assert np.abs(made).max() == pytest.approx(1)
        envelope = np.sqrt(np.square(made[: len(made) // 80 * 80].reshape(-1, 80)).mean(1))
        assert envelope[:2].max() > 0.05 * envelope.max()
        assert abs(made[-1]) < 1e-3


def test_takes_repeat_and_no_two_are_alike() -> None:
    assert utter(LOW, "laugh", 0).tobytes() == utter(LOW, "laugh", 0).tobytes()
    takes = [utter(voice, "phrase", k)[:14_000] for voice in VOICES for k in range(3)]
    alike = np.abs(np.corrcoef(np.stack(takes))) - np.eye(len(takes))
    assert alike.max() < 0.5


def test_laughter_beats_at_4_to_6_hertz() -> None:
    rates = [beat_hz(utter(voice, "laugh", k)) for voice in VOICES for k in (0, 1)]
    assert 4.0 <= np.median(rates) <= 5.7
    assert np.mean([3.7 <= rate <= 6 for rate in rates]) >= 0.8


def test_a_held_tone_has_the_pitch_of_its_score_and_the_formants_of_its_vowel() -> None:
    for hz, vowel, lowest in ((110.0, "a", 730), (220.0, "i", 270), (130.0, "o", 570)):
        score = Score.blank(100, hz, vowel)
        score.voiced[:] = 1
        made = sing(score, Voice(hz, 1.0, 0.0, 0.0, 0), np.random.default_rng(0))[3200:12_800]
        power = np.abs(np.fft.rfft(made * np.hanning(len(made)), 1 << 16)) ** 2
        at = np.fft.rfftfreq(1 << 16, 1 / SAMPLE_RATE_HZ)
        first = (at > 0.7 * hz) & (at < 1.4 * hz)
        assert at[first][power[first].argmax()] == pytest.approx(hz, rel=0.01)
        lines = [power[np.abs(at - k * hz) < 0.3 * hz].sum() for k in range(1, int(1200 / hz))]
        strongest = (1 + int(np.argmax(lines))) * hz
        assert abs(strongest - lowest) < 0.75 * hz + 60


def test_a_cheer_is_higher_than_a_boo_and_a_shout_is_brighter_than_a_groan() -> None:
    def centre(kind: str) -> float:
        spectra = [np.abs(np.fft.rfft(utter(voice, kind, 0), 1 << 15)) ** 2 for voice in VOICES]
        hz = np.fft.rfftfreq(1 << 15, 1 / SAMPLE_RATE_HZ)
        return float(np.median([(s * hz).sum() / s.sum() for s in spectra]))

    assert centre("shout") > 1.3 * centre("groan")
    assert centre("gasp") > 1500 > centre("boo")
    cheer, boo = (np.median([pitch_hz(utter(v, kind, 0)[4000:9000]) for v in VOICES]) for kind in ("cheer", "boo"))
    assert cheer > 1.5 * boo


@pytest.mark.parametrize("kind", MAKERS)
def test_ambiences_are_loops_of_unit_energy_without_a_seam(kind: str) -> None:
    made = ambience(kind, np.random.default_rng(1))
    assert len(made) == LOOP
    assert np.mean(made**2) == pytest.approx(1, abs=1e-3)
    steps = np.abs(np.diff(made, append=made[:1]))
    assert steps[-1] <= steps[:-1].max()


def test_talk_of_more_is_steadier() -> None:
    phrases = [utter(voice, "phrase", k) for voice in VOICES for k in range(2)]

    def unevenness(talkers: int) -> float:
        made = babble(phrases, talkers, np.random.default_rng(3))
        power = np.square(made.reshape(-1, 1600)).mean(1)
        return float(power.std() / power.mean())

    assert unevenness(8) < 0.8 * unevenness(1)
