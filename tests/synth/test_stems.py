"""Stems beside a dataset: they sum to its sound, begin where the plan says, are made once, and never go into it."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Gerdata
from making import tree

from gerdata.errors import UsageError
from gerdata.media.audio import decode_audio
from gerdata.store.dataset import Dataset
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.stems import write_stems


def test_stems_sum_to_the_sound_and_start_at_their_events(gerdata: Gerdata, tmp_path: Path) -> None:
    small = ("--recipe", "flat", "--set", "frame_px=64", "--set", "n_frames=1", "--set", "band_limited_share=0.0")
    ran = gerdata("synth", "--n", 3, *small, "--stems", tmp_path / "stems", "--workspace", tmp_path)
    assert ran.code == 0
    assert "stems of 3 samples" in ran.err
    dataset = Dataset(tmp_path / "synth")
    for row in dataset.rows():
        plan = json.loads(row.clip.plan or "")
        members = dict(zip(dataset.header().members, dataset.members(row), strict=True))
        audio = decode_audio(members["flac"])
        files = tree(tmp_path / "stems" / row.clip.id)
        starts = plan["events"]["start_s"]
        assert sorted(files) == ["bed.flac", *(f"e{k:02d}.flac" for k in range(len(starts)))]
        assert np.abs(sum(decode_audio(data) for data in files.values()) - audio).max() <= (len(files) + 1) * 2**-15
        for k, start_s in enumerate(starts):
            stem = decode_audio(files[f"e{k:02d}.flac"])
            assert len(stem) == len(audio)
            assert not stem[: round(start_s * 16_000)].any()
            assert stem.any()
    before = tree(tmp_path / "stems")
    assert json.loads(before["stems.json"])["protection"] == dataset.header().protection
    again = tmp_path / "again"
    assert write_stems(dataset, again, SoundBank()) == 3
    assert tree(again) == before
    first = sorted(name for name in before if "/" in name)[0]
    (again / first).write_bytes(b"kept")
    assert write_stems(dataset, again, SoundBank()) == 3
    assert tree(again) == before | {first: b"kept"}  # written once
    other = gerdata("synth", "--n", 3, *small, "--seed", 5, "--stems", again, "--workspace", tmp_path / "b")
    assert (other.code, "another dataset" in other.err) == (2, True)
    kept = tree(dataset.root)
    anew = gerdata("synth", "--n", 3, *small, "--seed", 5, "--overwrite", "--stems", again, "--workspace", tmp_path)
    assert (anew.code, tree(dataset.root) == kept) == (2, True)  # refused before anything is removed
    within = gerdata("synth", "--n", 3, *small, "--stems", tmp_path / "c/synth/x", "--workspace", tmp_path / "c")
    assert (within.code, (tmp_path / "c").exists()) == (2, False)
    with pytest.raises(UsageError, match="beside a dataset"):
        write_stems(dataset, dataset.root / "stems", SoundBank())
