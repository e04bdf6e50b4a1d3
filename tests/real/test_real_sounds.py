"""Made voices beside recorded ones, as a hint: spectra in octaves, the beat of laughter; and a bank of recorded sounds."""

import itertools
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.media.address import Address
from gerdata.media.decode import Stretch, sound
from gerdata.media.examine import examine
from gerdata.media.limits import MediaLimits
from gerdata.synth.recordings import build_sounds
from gerdata.synth.utterances import utter
from gerdata.synth.vocal import Voice

pytestmark = pytest.mark.real
RECORDED = {
    "laugh": ("deb-scratch/Sounds/Human/Laugh-*", "deb-hedgewars/voices/*/Laugh.ogg"),
    "boo": ("deb-tuxfootball/crowdboo.wav",),
    "cheer": ("deb-tuxfootball/crowdcheer.wav",),
    "shout": ("deb-scratch/Sounds/Human/Scream-*",),
    "phrase": ("librispeech*/**/*-0001.flac",),
}
EDGES_HZ = (200, 400, 800, 1600, 3200, 5600)
VOICES = [Voice(95 + 20 * k, 1.02 - 0.03 * k, 0.1 * (k % 4), 0.05 * (k % 3), 70 + k) for k in range(6)]


def heard(path: Path) -> Audio:
    address, limits = Address.of(path), MediaLimits()
    facts = examine(address, limits, lambda _: None)
    made = sound(address, limits, Stretch(0.0, facts.duration_s, facts.origin_s))
    assert made is not None
    return made


def octaves_db(sounds: list[Audio]) -> np.ndarray:
    hz = np.fft.rfftfreq(1 << 18, 1 / SAMPLE_RATE_HZ)
    total = np.zeros(len(EDGES_HZ) - 1)
    for one in sounds:
        power = np.abs(np.fft.rfft(one[: 1 << 18], 1 << 18)) ** 2
        bands = np.array([power[(hz >= a) & (hz < b)].sum() for a, b in itertools.pairwise(EDGES_HZ)])
        total += bands / bands.sum()
    return 10 * np.log10(total / len(sounds))


def beat_hz(x: Audio) -> float:
    envelope = np.sqrt(np.square(x[: len(x) // 160 * 160].reshape(-1, 160)).mean(1))
    spectrum = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)), 2048))
    hz = np.fft.rfftfreq(2048, 0.01)
    band = (hz > 2.5) & (hz < 9)
    return float(hz[band][spectrum[band].argmax()])


@pytest.mark.parametrize("kind", RECORDED)
def test_long_term_spectra_resemble_recorded_ones(real_data: Path, kind: str) -> None:
    recorded = [heard(p) for pattern in RECORDED[kind] for p in sorted((real_data / "sounds").glob(pattern))]
    made = [utter(voice, kind, 0) for voice in VOICES]
    apart = np.abs(octaves_db(made) - octaves_db(recorded))
    assert apart[:3].max() < 9  # to 1.6 kHz, where nearly all the energy is
    assert apart.max() < 14


def test_laughter_beats_as_recorded_laughter_does(real_data: Path) -> None:
    recorded = [beat_hz(heard(p)) for p in sorted((real_data / "sounds/deb-scratch/Sounds/Human").glob("Laugh-*"))]
    made = [beat_hz(utter(voice, "laugh", k)) for voice in VOICES for k in (0, 1)]
    assert abs(np.median(made) - np.median(recorded)) < 1.0


def test_recorded_sounds_become_a_bank(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    files = 0
    for kind, patterns in RECORDED.items():
        for path in (p for pattern in patterns for p in sorted((real_data / "sounds").glob(pattern))):
            files += 1
            (tmp_path / "given" / kind).mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "given" / kind / f"{files}{path.suffix}")
    made = build_sounds(tmp_path / "given", tmp_path / "bank", seed=1)
    assert made.files == files == len({s.sha256 for s in made.sounds}) + len(made.refused)
    assert len(made.refused) <= 2
    assert set(Counter(s.event for s in made.sounds)) == set(RECORDED)
    assert all(0.2 < s.duration_s <= 8.1 for s in made.sounds)
