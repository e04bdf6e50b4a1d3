"""Recordings in scenes: levels and onsets as planned, no source in two casts, made again from a plan, no other bank taken."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Gerdata
from making import answer_of_room

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.engine.run import Options, run
from gerdata.errors import DatasetError, UsageError
from gerdata.media.audio import encode_flac, encode_wav
from gerdata.media.quality import sound_measures
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.store.dataset import Dataset
from gerdata.synth import ScenePlan, plan_scene
from gerdata.synth.acoustics import SIZES_M
from gerdata.synth.gathering import Gathering, plan_gathering
from gerdata.synth.hearing import LONGEST_S, has_voices
from gerdata.synth.mixture import Mixture, render_audio, render_stems
from gerdata.synth.recordingbank import AMBIENCE, RESPONSE, RecordingBank, open_recordings
from gerdata.synth.recordings import build_sounds
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.replay import recall, replayed
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.stage import job_of, publish, sound_note
from gerdata.synth.utterances import utter
from gerdata.synth.vocal import Voice
from gerdata.synth.work import RECORDED, SYNTHETIC, protection_of

SOURCES, ROOMS = 6, 4
FLAT = SynthRecipe(style="flat", casts=3)
BUSY = SynthRecipe(style="flat", casts=3, min_events=9, max_events=9, weak_share=0.0)


def long_take(voice: Voice, kind: str) -> np.ndarray:
    """Two takes without a pause, longer than any computed one, that swell and begin after a hum 40 dB below."""
    sound = np.concatenate([utter(voice, kind, k)[400:-600] for k in (0, 1)])
    swell = np.linspace(0.05, 1, len(sound), dtype=np.float32) ** 2
    hum = 0.004 * np.sin(2 * np.pi * 100 * np.arange(8000) / SAMPLE_RATE_HZ)
    return np.concatenate([np.zeros(4000), hum, 0.4 * sound * swell, np.zeros(8000)]).astype(np.float32)


def write_sounds(root: Path, kinds: Sequence[str], n: int = SOURCES, seed: int = 0) -> Path:
    for k in range(n):
        voice = Voice(95 + 18 * k + seed, 1 - 0.03 * k, 0.2, 0.1, 70 + k + 1000 * seed)
        for kind in kinds:
            (root / kind / f"person {k}").mkdir(parents=True, exist_ok=True)
            (root / kind / f"person {k}" / "0.wav").write_bytes(encode_wav(long_take(voice, kind)))
    return root


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> RecordingBank:
    root = write_sounds(tmp_path_factory.mktemp("given"), ("laugh", "cry", "phrase"))
    for folder in (AMBIENCE, RESPONSE):
        (root / folder).mkdir()
    for k in range(ROOMS):
        noise = 0.1 * np.random.default_rng(k).standard_normal(40_000 + 30_000 * k)
        (root / AMBIENCE / f"place {k}.flac").write_bytes(encode_flac(np.float32(noise)))
        (root / RESPONSE / f"hall {k}.wav").write_bytes(encode_wav(answer_of_room(0.4 + 0.2 * k, seed=k)))
    out = tmp_path_factory.mktemp("bank") / "sounds"
    made = build_sounds(root, out, 0)
    assert made.refused == ()
    return open_recordings(out)


@pytest.fixture(scope="module")
def plans(bank: RecordingBank) -> list[ScenePlan]:
    return [plan_scene(BUSY, 3, i, bank) for i in range(24)]


def wide(plan: ScenePlan) -> ScenePlan:
    """The same scene through a recorder that keeps all."""
    return dataclasses.replace(plan, bed=dataclasses.replace(plan.bed, low_hz=0.0, high_hz=8000.0))


@pytest.fixture(scope="module")
def mixtures(bank: RecordingBank, plans: list[ScenePlan]) -> list[Mixture]:
    sounds = SoundBank(recordings=bank)
    return [render_stems(wide(plan), sounds) for plan in plans]


def test_levels_onsets_and_loudness_are_as_planned(plans: list[ScenePlan], mixtures: list[Mixture]) -> None:
    recorded = 0
    for plan, made in zip(plans, mixtures, strict=True):
        bed_db = 10 * np.log10(np.mean(made.bed.astype(np.float64) ** 2))
        for event, stem in zip(plan.events, made.stems, strict=True):
            power = np.sum(stem.astype(np.float64) ** 2) / (event.duration_s * SAMPLE_RATE_HZ)
            assert 10 * np.log10(power) - bed_db == pytest.approx(event.snr_db, abs=0.05)
            start = round(event.start_s * SAMPLE_RATE_HZ)
            assert not stem[:start].any()
            own = stem[start : start + round(event.duration_s * SAMPLE_RATE_HZ)].astype(np.float64)
            envelope = np.sqrt(np.convolve(own**2, np.ones(80) / 80, "full"))
            assert envelope[:160].max() > 0.03 * envelope.max()  # -30 dB of the peak within 10 ms
            recorded += bool(event.recording)
        measured = sound_measures(made.audio).loudness_lufs
        assert measured == pytest.approx(plan.bed.loudness_lufs, abs=0.5)
        assert len(made.audio) == plan.duration_s * SAMPLE_RATE_HZ
    assert recorded > 60


def test_no_more_sounds_at_once_than_asked_and_none_after_the_end(bank: RecordingBank, plans: list[ScenePlan]) -> None:
    longer = 0
    for plan in plans:
        for number, event in enumerate(plan.events):
            sounding = sum(one.start_s + one.duration_s > event.start_s + 1e-3 for one in plan.events[:number])
            assert sounding < BUSY.max_polyphony
            assert event.start_s + event.duration_s <= plan.duration_s + 1e-3
            longer += event.duration_s > LONGEST_S
            if event.recording:
                assert event.duration_s <= bank.sound(event.recording).duration_s + 1e-4
                assert bank.sound(event.recording).event == event.kind
    assert longer > 10


def test_a_bank_changes_what_is_heard_and_nothing_else(bank: RecordingBank) -> None:
    for index in range(12):
        plain, heard = plan_scene(FLAT, 5, index), plan_scene(FLAT, 5, index, bank)
        same = dataclasses.replace(heard, bed=plain.bed, room=plain.room, events=plain.events, recorded=None)
        assert same == plain
        assert all(
            dataclasses.replace(one, recording="", duration_s=other.duration_s) == other
            for one, other in zip(heard.events, plain.events, strict=True)
        )
        told = json.dumps(plain.to_json())
        assert "record" not in told
        assert "measured" not in told
        assert ScenePlan.from_json(json.loads(json.dumps(heard.to_json()))) == heard


def test_no_source_is_heard_in_two_casts_whatever_the_seed_and_the_people(bank: RecordingBank) -> None:
    for n_casts in (3, 4, 5, 6, 400):
        heaps = bank.heaps(n_casts)
        assert len(heaps) == min(n_casts, SOURCES)
        owners = [{one.source for takes in heap.takes.values() for take in takes for one in take} for heap in heaps]
        assert sum(map(len, owners)) == len(set().union(*owners)) == SOURCES
        assert all(set(heap.takes) == {"laugh", "cry", "phrase"} for heap in heaps)
    heard: dict[str, set[int]] = {}
    avatars = BankPlan()
    for seed in (1, 2):
        for index in range(0, 200, 5):
            plan = plan_gathering(SynthRecipe(), avatars, seed, index, recordings=bank)
            assert Gathering.from_json(json.loads(json.dumps(plan.to_json()))) == plan
            used = [one.recording for one in (*plan.events, plan.bed) if one.recording]
            for name in (*used, *([plan.room.measured] if plan.room.measured else [])):
                heard.setdefault(bank.sound(name).source, set()).add(plan.cast)
    assert all(len(casts) == 1 for casts in heard.values())
    assert len(heard) == SOURCES + 2 * ROOMS


def test_a_cast_has_one_measured_room_indoors_and_none_outside(bank: RecordingBank) -> None:
    rooms: dict[tuple[int, str], set[str]] = {}
    for index in range(0, 300, 5):
        plan = plan_gathering(SynthRecipe(), BankPlan(), 0, index, recordings=bank)
        rooms.setdefault((plan.cast, plan.place.kind), set()).add(plan.room.measured)
        if plan.room.measured:
            assert plan.room.rt60_s == pytest.approx(bank.sound(plan.room.measured).rt60_s, abs=1e-4)
    assert all(len(names) == 1 for names in rooms.values())
    assert all(names == {""} for (_, place), names in rooms.items() if place not in SIZES_M)
    assert sum("" not in names for names in rooms.values()) >= 4


def test_the_share_is_kept_and_kinds_without_recordings_are_computed(bank: RecordingBank) -> None:
    half = BUSY.model_copy(update={"recorded_share": 0.5})
    events = [event for i in range(60) for event in plan_scene(half, 1, i, bank).events]
    played = [bool(one.recording) for one in events if one.kind in ("laugh", "cry", "phrase")]
    assert len(played) > 200
    assert np.mean(played) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(played)))
    assert not any(one.recording for one in events if one.kind not in ("laugh", "cry", "phrase"))
    assert "may tell the class" in sound_note(FLAT, bank)


def test_the_same_plan_gives_the_same_bytes_and_no_recording_is_left_in_a_cache(
    bank: RecordingBank, plans: list[ScenePlan], tmp_path: Path
) -> None:
    (plan, *_) = [one for one in plans if one.room.measured and one.bed.recording]
    only = dataclasses.replace(plan, events=tuple(one for one in plan.events if one.recording))
    only = dataclasses.replace(only, bed=dataclasses.replace(only.bed, talkers=0))
    assert only.events
    first = render_audio(only, SoundBank(Cache(tmp_path), bank))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    whole = render_audio(plan, SoundBank(Cache(tmp_path), bank))
    assert any(path.is_file() for path in tmp_path.rglob("*"))
    for sounds in (
        SoundBank(recordings=bank),
        SoundBank(Cache(tmp_path), bank),
        SoundBank(Cache(memory_bytes=1), bank),
    ):
        assert render_audio(only, sounds).tobytes() == first.tobytes()
        assert render_audio(plan, sounds).tobytes() == whole.tobytes()


def test_a_recorded_place_is_a_loop_without_a_gap_or_a_jump_in_level(bank: RecordingBank) -> None:
    sounds = SoundBank(recordings=bank)
    for one in bank.of(AMBIENCE):
        loop = sounds.recorded_place(one.id).astype(np.float64)
        assert len(loop) == pytest.approx((one.duration_s - 0.25) * SAMPLE_RATE_HZ, abs=2)
        twice = np.concatenate([loop, loop])[len(loop) - 8000 : len(loop) + 8000]
        levels = 10 * np.log10(np.mean(np.square(twice.reshape(-1, 1600)), axis=1) / np.mean(loop**2))
        assert np.abs(levels).max() < 1  # the noise is steady; in 0.1 s its level varies by 0.3 dB or so
        file = np.rint(
            32_768 * bank.audio(one.id).astype(np.float64)
        )  # the beginning follows the end as it did in the file
        assert np.abs(loop[-3:] - file[4000 - 3 : 4000]).max() < 0.1 * file.std()


def test_what_is_said_of_a_scene_follows_what_is_heard_in_it(bank: RecordingBank) -> None:
    plan = plan_scene(BUSY, 3, 0, bank)
    assert has_voices(plan)
    assert protection_of(plan) == RECORDED
    silent = dataclasses.replace(plan, bed=dataclasses.replace(plan.bed, recording=""), events=())
    assert protection_of(silent) == SYNTHETIC
    assert protection_of(plan_scene(BUSY, 3, 0)) == SYNTHETIC


def test_another_bank_none_and_a_plan_without_its_bank_are_refused(bank: RecordingBank, plans: list[ScenePlan]) -> None:
    other = dataclasses.replace(bank, name="0" * 32)
    for sounds in (SoundBank(), SoundBank(recordings=other)):
        with pytest.raises(UsageError, match="give its bank"):
            render_audio(plans[0], sounds)
    with pytest.raises(DatasetError, match="of which bank"):
        render_audio(dataclasses.replace(plans[0], recorded=None), SoundBank(recordings=bank))
    event = dataclasses.replace(plans[0].events[0], recording="../../etc/passwd")
    with pytest.raises(DatasetError, match="has no sound"):
        render_audio(dataclasses.replace(plans[0], events=(event,)), SoundBank(recordings=bank))


def test_too_few_sources_stay_computed_or_are_said_to_be(tmp_path: Path) -> None:
    write_sounds(tmp_path / "given", ("laugh", "phrase", "groan"), n=4)
    write_sounds(tmp_path / "given", ("cry",), n=2)
    build_sounds(tmp_path / "given", tmp_path / "bank", 0)
    few = open_recordings(tmp_path / "bank")
    assert [set(heap.takes) for heap in few.heaps(400)] == [{"laugh", "phrase", "groan"}] * 4
    assert "too few sources to be dealt (3 are needed), computed instead: cry" in sound_note(FLAT, few)
    one_sided = RecordingBank(tmp_path, "2" * 32, tuple(one for one in few.sounds if one.event != "groan"))
    assert [set(heap.takes) for heap in one_sided.heaps(4)] == [set()] * 4  # how a sound was made would tell the class
    assert "or the making would tell" in sound_note(FLAT, one_sided)
    has = {"a": ("laugh", "cry"), "b": ("laugh", "phrase"), "c": ("cry", "phrase"), "d": ("laugh", "cry", "phrase")}
    tied = [dataclasses.replace(few.sounds[0], source=name, event=kind) for name in has for kind in has[name]]
    knotted = RecordingBank(tmp_path, "1" * 32, tuple(tied))  # any two share a kind, and each kind has three sources
    with pytest.raises(UsageError, match="cannot be dealt to 3 casts"):
        knotted.heaps(5)


def test_a_bank_that_was_tampered_with_is_refused(bank: RecordingBank, tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    header = json.loads((bank.folder / "bank.json").read_text())
    rows = [json.loads(line) for line in (bank.folder / "sounds.jsonl").read_text().splitlines()]

    def opened(row: dict[str, object]) -> RecordingBank:
        table = (json.dumps({**rows[0], **row}) + "\n").encode()
        (tmp_path / "sounds.jsonl").write_bytes(table)
        told = {**header, "sounds_sha256": hashlib.sha256(table).hexdigest()}
        (tmp_path / "bank.json").write_text(json.dumps(told))
        return open_recordings(tmp_path)

    for spoilt in (
        {"id": "../" * 8 + "ab"},
        {"event": "yodel"},
        {"duration_s": 1e9},
        {"source": "x" * 300},
        {"more": 1},
    ):
        with pytest.raises(DatasetError, match="a row is out of form"):
            opened(spoilt)
    bomb = encode_flac(np.zeros(3_000_000, np.float32))
    assert len(bomb) < 20_000
    (tmp_path / "sounds" / f"{rows[0]['id']}.flac").write_bytes(bomb)
    with pytest.raises(DatasetError, match="not the file that was built"):
        opened({}).audio(rows[0]["id"])
    with pytest.raises(DatasetError, match="at most"):
        opened({"flac_sha256": hashlib.sha256(bomb).hexdigest()}).audio(rows[0]["id"])
    (tmp_path / "sounds.jsonl").write_bytes(b"{}\n")
    with pytest.raises(DatasetError, match="not the file that was built"):
        open_recordings(tmp_path)
    (tmp_path / "bank.json").write_text("[" * 3000)
    with pytest.raises(DatasetError, match="expected a bank of sounds"):
        open_recordings(tmp_path)


def test_workers_change_no_byte_and_a_sample_is_made_again(
    bank: RecordingBank, gerdata: Gerdata, tmp_path: Path
) -> None:
    small = FLAT.model_copy(update={"frame_px": 64, "n_frames": 1, "duration_s": 1.0, "voices": 1})
    bytes_of: list[dict[str, bytes]] = []
    for workers in (1, 2, 3):
        out = tmp_path / f"w{workers}"
        run(
            job_of(101, small, 0, out / "synth", None, bank),
            Options(logs=out / "logs", workers=workers, quiet=True),
            publish=publish,
        )
        bytes_of.append({p.name: p.read_bytes() for p in sorted((out / "synth").rglob("*")) if p.is_file()})
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]
    dataset = Dataset(tmp_path / "w1" / "synth")
    header, rows = dataset.header(), dataset.rows()
    assert header.protection == RECORDED
    assert "NOT obfuscated" in header.notice
    assert "nobody in it ever lived" not in header.notice
    assert len({(row.clip.group, json.loads(row.clip.plan or "")["cast"]) for row in rows}) == 3
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sounds").symlink_to(bank.folder)
    made, stored = replayed(recall(dataset, rows[0].clip.id, tmp_path / "mine"))
    assert made == stored
    with pytest.raises(UsageError, match="give its folder with --bank"):
        recall(dataset, rows[0].clip.id)
    given = write_sounds(tmp_path / "given", ("laugh",), n=3, seed=5)
    build_sounds(given, tmp_path / "other" / "sounds", 0)
    at = ("--workspace", tmp_path / "w1", "--bank", tmp_path / "other")
    ran = gerdata("synth", "--replay", rows[0].clip.id, *at)
    assert ran.code == 2
    assert "another bank" in ran.err
