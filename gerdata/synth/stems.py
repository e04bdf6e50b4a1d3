"""Stems of a made dataset: every event of every sample as a sound of its own, rendered from the plans, beside the samples."""

import json
from pathlib import Path

from gerdata.clip import Audio
from gerdata.errors import UsageError
from gerdata.media.audio import encode_flac
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.dataset import Dataset
from gerdata.synth.mixture import render_stems
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.studio import plan_from_text

LAST = "bed.flac"  # of a sample: its presence means that all its stems are there


def write_stems(dataset: Dataset, out: Path, sounds: SoundBank) -> int:
    """`out/ID/e00.flac ...` in the order of the plan's events, and `bed.flac`; at last `stems.json`. How many samples.

    Each is as long as the sample, 16 kHz mono; together they are its sound as it was before a codec, to half a step of 16 bits
    each. The same plans give the same bytes; what is there stays. `UsageError` where `out` lies in the dataset, whose files are
    all accounted for, or the recordings of the plans are not at hand.
    """
    if out.resolve().is_relative_to(dataset.root.resolve()):
        raise UsageError(f"{out}: stems go beside a dataset, not into it; choose another folder")
    header, n = dataset.header(), 0
    make_folder(out)
    for row in dataset.rows():
        if row.status != "written" or row.clip.plan is None:
            continue
        n += 1
        folder = out / row.clip.id
        if (folder / LAST).exists():
            continue
        made = render_stems(plan_from_text(row.clip.plan), sounds)
        make_folder(folder)
        named: dict[str, Audio] = {f"e{k:02d}.flac": stem for k, stem in enumerate(made.stems)}
        for name, sound in {**named, LAST: made.bed}.items():
            write_atomic(folder / name, encode_flac(sound, row.clip.mark or ""))
    told = {"samples": n, "protection": header.protection, "notice": header.notice}
    write_atomic(out / "stems.json", (json.dumps(told, indent=1) + "\n").encode())
    return n
