"""Stems of a made dataset: every event of every sample as a sound of its own, rendered from the plans, beside the samples."""

from pathlib import Path

from gerdata.clip import Audio
from gerdata.manifest import Row
from gerdata.media.audio import encode_flac
from gerdata.store.dataset import Dataset
from gerdata.synth.annex import annex
from gerdata.synth.mixture import render_stems
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.studio import Plan

BED = "bed.flac"


def write_stems(dataset: Dataset, out: Path, sounds: SoundBank) -> int:
    """`out/ID/e00.flac ...` in the order of the plan's events, and `bed.flac`; and `stems.json`. How many samples.

    Each is as long as the sample, 16 kHz mono; together they are its sound as it was before a codec, to half a step of 16 bits
    each. The same plans give the same bytes. Errors as `annex`; `UsageError` where the recordings of the plans are not at hand.
    """

    def make(plan: Plan, row: Row) -> dict[str, bytes]:
        made = render_stems(plan, sounds)
        named: dict[str, Audio] = {f"e{k:02d}.flac": stem for k, stem in enumerate(made.stems)}
        return {name: encode_flac(sound, row.clip.mark or "") for name, sound in {**named, BED: made.bed}.items()}

    return annex(dataset, out, "stems", lambda row: BED, make)
