"""A mixture keeps what its plan says: length, loudness, levels, onsets; its stems sum; no bank changes a byte."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.media.quality import sound_measures
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.synth import ScenePlan, plan_scene
from gerdata.synth.hearing import EVENTS, SoundEvent
from gerdata.synth.loudness import loudness_lufs
from gerdata.synth.mixture import HEADROOM, NOTHING, render_audio, render_stems
from gerdata.synth.soundbank import SoundBank

RECIPE = SynthRecipe(casts=3)
PLANS = [plan_scene(RECIPE, 9, i) for i in range(15)]


def db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(x, dtype=np.float64))))


def wide(plan: ScenePlan) -> ScenePlan:
    """The same scene through a recorder that keeps all."""
    return dataclasses.replace(plan, bed=dataclasses.replace(plan.bed, low_hz=0.0, high_hz=8000.0))


@given(duration_s=st.floats(1, 20), index=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_length_is_the_duration(duration_s: float, index: int) -> None:
    plan = plan_scene(SynthRecipe(duration_s=duration_s, casts=2), 3, index)
    audio = render_audio(plan)
    assert audio.dtype == np.float32
    assert abs(len(audio) - duration_s * SAMPLE_RATE_HZ) <= 2  # the plan keeps 4 decimals of the duration
    assert np.isfinite(audio).all()
    assert 0 < np.abs(audio).max() <= HEADROOM + 1e-6


@pytest.mark.parametrize("plan", PLANS)
def test_loudness_is_as_planned_within_half_a_unit_by_the_meter_of_record(plan: ScenePlan) -> None:
    measured = sound_measures(render_audio(plan)).loudness_lufs
    assert measured == pytest.approx(plan.bed.loudness_lufs, abs=0.5)


def test_the_fast_meter_agrees_with_the_meter_of_record() -> None:
    rng = np.random.default_rng(0)
    gaps = np.repeat(rng.choice((0.0, 0.02, 1.0), 50), 1600)
    sounds = [render_audio(PLANS[0]), 0.1 * rng.standard_normal(80_000), 0.2 * rng.standard_normal(80_000) * gaps]
    sounds += [np.sin(2 * np.pi * hz * np.arange(80_000) / SAMPLE_RATE_HZ) for hz in (60, 997, 6000)]
    for sound in sounds:
        told = sound_measures(np.float32(sound)).loudness_lufs
        assert loudness_lufs(np.float32(sound)) == pytest.approx(told, abs=0.15)
    assert loudness_lufs(np.zeros(80_000, np.float32)) == loudness_lufs(np.ones(100, np.float32)) == -np.inf


@pytest.mark.parametrize("plan", PLANS)
def test_every_event_is_as_far_over_the_bed_as_planned(plan: ScenePlan) -> None:
    made = render_stems(wide(plan))
    for event, stem in zip(plan.events, made.stems, strict=True):
        power = np.sum(np.square(stem, dtype=np.float64)) / (event.duration_s * SAMPLE_RATE_HZ)
        assert 10 * np.log10(power) - db(made.bed) == pytest.approx(event.snr_db, abs=0.05)


@pytest.mark.parametrize("plan", PLANS)
def test_events_are_heard_from_their_onset_within_10_ms_and_not_before(plan: ScenePlan) -> None:
    for event, stem in zip(plan.events, render_stems(wide(plan)).stems, strict=True):
        start = round(event.start_s * SAMPLE_RATE_HZ)
        assert not stem[:start].any()
        envelope = np.sqrt(np.convolve(np.square(stem[start:], dtype=np.float64), np.ones(80) / 80, "full"))
        assert envelope[160] > 0.03 * envelope.max(), event.kind  # -30 dB of the peak after 10 ms


@pytest.mark.parametrize("plan", PLANS[:6])
def test_stems_and_bed_sum_to_the_audio(plan: ScenePlan) -> None:
    made = render_stems(plan)
    whole = made.bed + np.sum(made.stems, axis=0)
    assert np.abs(whole - made.audio).max() < 2e-5 * np.abs(made.audio).max()
    assert made.audio.tobytes() == render_audio(plan).tobytes()


def test_too_loud_a_mixture_is_turned_down_as_a_whole_and_never_clipped() -> None:
    loud = dataclasses.replace(PLANS[1], bed=dataclasses.replace(PLANS[1].bed, loudness_lufs=-6.0))
    made = render_stems(loud)
    quiet = render_audio(PLANS[1])
    assert made.turned_down < 0.9
    assert np.abs(made.audio).max() == pytest.approx(HEADROOM, abs=1e-5)
    assert np.corrcoef(made.audio, quiet)[0, 1] > 0.999999
    assert sum(render_stems(plan).turned_down < 1 for plan in PLANS) == 0


def test_the_same_plan_gives_the_same_bytes_with_any_bank(tmp_path: Path) -> None:
    plan = PLANS[0]
    first = render_audio(plan).tobytes()
    on_disk = SoundBank(Cache(tmp_path))
    assert render_audio(plan, on_disk).tobytes() == first  # made
    assert render_audio(plan, on_disk).tobytes() == first  # held
    assert render_audio(plan, SoundBank(Cache(tmp_path))).tobytes() == first  # mapped
    tiny = SoundBank(Cache(memory_bytes=1))
    assert [render_audio(p, tiny).tobytes() for p in (PLANS[1], plan)][1] == first
    assert render_audio(ScenePlan.from_json(plan.to_json())).tobytes() == first


def test_a_plan_of_nothing_is_silence_and_one_event_over_it_is_heard() -> None:
    bed = dataclasses.replace(PLANS[0].bed, ambience=NOTHING, talkers=0)
    nothing = dataclasses.replace(PLANS[0], bed=bed, events=())
    assert not render_audio(nothing).any()
    assert render_stems(nothing).stems == ()
    alone = render_audio(dataclasses.replace(nothing, events=PLANS[0].events[:1]))
    assert 0 < np.abs(alone).max() <= HEADROOM


def test_loudness_does_not_know_the_kind_of_event() -> None:
    levels = []
    for kind in EVENTS:
        events = tuple(dataclasses.replace(e, kind=kind, take=0) for e in PLANS[1].events)
        levels.append(loudness_lufs(render_audio(dataclasses.replace(PLANS[1], events=events))))
    assert max(levels) - min(levels) < 0.05


def test_the_nearer_the_less_echo() -> None:
    base = dataclasses.replace(wide(PLANS[0]), room=dataclasses.replace(PLANS[0].room, rt60_s=0.8))
    event = SoundEvent("gasp", 0, 0, 0, 1.0, 0.5, 10.0, 1.0)

    def share_after_the_end(distance_m: float) -> float:
        plan = dataclasses.replace(base, events=(dataclasses.replace(event, distance_m=distance_m),))
        stem = render_stems(plan).stems[0]
        return float(np.sum(stem[26_000:] ** 2) / np.sum(stem**2))

    assert share_after_the_end(1.0) < 0.5 * share_after_the_end(4.0)


def test_a_narrow_band_leaves_nothing_above_it_and_a_codec_keeps_time() -> None:
    plan = dataclasses.replace(PLANS[0], bed=dataclasses.replace(PLANS[0].bed, low_hz=100.0, high_hz=3400.0))
    power = np.abs(np.fft.rfft(render_audio(plan))) ** 2
    assert power[len(power) * 5 // 8 :].sum() < 1e-4 * power.sum()  # above 5 kHz
    clear = render_audio(PLANS[0])
    coded = render_audio(dataclasses.replace(PLANS[0], bed=dataclasses.replace(PLANS[0].bed, codec="mp3")))
    assert len(coded) == len(clear)
    assert 0.9 < np.corrcoef(coded, clear)[0, 1] < 0.99999
    assert np.abs(coded).max() <= HEADROOM
