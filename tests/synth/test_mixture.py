"""The sound of a scene: as long, as loud and as repeatable as stated, and never silent."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.recipe import SynthRecipe
from gerdata.synth import ScenePlan, plan_scene
from gerdata.synth.mixture import HEADROOM, render_audio
from gerdata.synth.scene import EVENTS, SoundEvent
from gerdata.synth.sounds import AMBIENCE, ambience, voice

PLANS = [plan_scene(SynthRecipe(), 9, i) for i in range(9)]


@given(duration_s=st.floats(1, 8), index=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_length_is_the_duration(duration_s: float, index: int) -> None:
    plan = plan_scene(SynthRecipe(duration_s=duration_s), 3, index)
    audio = render_audio(plan)
    assert audio.dtype == np.float32
    assert abs(len(audio) - duration_s * 16_000) <= 2  # the plan keeps 4 decimals of the duration
    assert np.isfinite(audio).all()
    assert 0 < np.abs(audio).max() <= HEADROOM + 1e-6


@pytest.mark.parametrize("plan", PLANS)
def test_loudness_is_as_planned_and_no_quarter_second_is_silent(plan: ScenePlan) -> None:
    audio = render_audio(plan)
    level = 10 * np.log10(np.mean(np.square(audio, dtype=np.float64)))
    if np.abs(audio).max() < HEADROOM - 1e-3:
        assert level == pytest.approx(plan.bed.level_db, abs=0.01)
    pieces = np.square(audio[: len(audio) // 4000 * 4000].reshape(-1, 4000), dtype=np.float64).mean(1)
    assert 10 * np.log10(pieces.min()) > level - 40


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert render_audio(PLANS[0]).tobytes() == render_audio(PLANS[0]).tobytes()


def test_loudness_does_not_know_the_kind_of_utterance() -> None:
    plan = PLANS[1]
    levels = []
    for kind in EVENTS:
        events = tuple(dataclasses.replace(e, kind=kind) for e in plan.events)
        audio = render_audio(dataclasses.replace(plan, events=events))
        levels.append(10 * np.log10(np.mean(np.square(audio, dtype=np.float64))))
    assert max(levels) - min(levels) < 0.02


@pytest.mark.parametrize("kind", EVENTS)
def test_utterances_have_unit_energy_and_start_and_end_softly(kind: str) -> None:
    made = voice(SoundEvent(kind, 0, 0.0, 1.2, 0.0, 160.0, 0.95, 4))
    assert len(made) == 19_200
    assert np.mean(made**2) == pytest.approx(1)
    assert abs(made[0]) < 1e-6
    assert abs(made[-1]) < 1e-6


def test_a_laugh_beats_at_4_to_5_hertz() -> None:
    for seed in range(6):
        laugh = voice(SoundEvent("laugh", 0, 0.0, 1.6, 0.0, 180.0, 0.95, seed))
        envelope = np.abs(laugh).reshape(-1, 160).mean(1)  # 100 Hz
        spectrum = np.abs(np.fft.rfft(envelope - envelope.mean(), 2048))
        hz = np.fft.rfftfreq(2048, 0.01)
        band = (hz > 3) & (hz < 8)
        assert 4.0 <= hz[band][spectrum[band].argmax()] <= 5.6


def test_a_groan_sinks_and_a_cheer_is_higher() -> None:
    def pitch_hz(kind: str, part: slice) -> float:
        made = voice(SoundEvent(kind, 0, 0.0, 1.6, 0.0, 180.0, 0.95, 8))[part]
        echo = np.fft.irfft(np.abs(np.fft.rfft(made, 2 * len(made))) ** 2)
        lags = np.arange(16_000 // 600, 16_000 // 80)
        return 16_000 / float(lags[echo[lags].argmax()])

    early, late = slice(1600, 4800), slice(20_800, 24_000)
    assert pitch_hz("groan", late) < 0.9 * pitch_hz("groan", early)
    assert pitch_hz("cheer", late) > 1.5 * pitch_hz("groan", late)


@pytest.mark.parametrize("kind", AMBIENCE)
def test_ambiences_have_unit_energy(kind: str) -> None:
    made = ambience(kind, 32_000, np.random.default_rng(1))
    assert np.mean(made**2) == pytest.approx(1)
    assert np.abs(made).max() < 40
