"""Instance masks of a made dataset, drawn from the plans, beside the samples."""

import json
from pathlib import Path

from gerdata.clip import kept_times_s
from gerdata.errors import UsageError
from gerdata.media.images import encode_png
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.dataset import Dataset
from gerdata.synth.studio import Studio, plan_from_text


def write_masks(dataset: Dataset, out: Path, studio: Studio) -> int:
    """`out/ID/f00.png ...`, one for each kept frame, and at last `masks.json`. How many samples.

    Each is grey of 8 bits and as large as the frame: k where the k-th person of `structure.npz`, counted from 1, is nearest,
    and 0 where nobody is. The same plans give the same bytes; what is there stays. `UsageError` where `out` lies in the
    dataset, whose files are all accounted for, or the pictures of the plans are not at hand.
    """
    if out.resolve().is_relative_to(dataset.root.resolve()):
        raise UsageError(f"{out}: masks go beside a dataset, not into it; choose another folder")
    header, n = dataset.header(), 0
    make_folder(out)
    for row in dataset.rows():
        if row.status != "written" or row.clip.plan is None:
            continue
        n += 1
        folder = out / row.clip.id
        names = [f"f{i:02d}.png" for i in range(row.clip.n_frames)]
        if (folder / names[-1]).exists():
            continue
        plan = plan_from_text(row.clip.plan)
        masks = studio.film(plan, kept_times_s(len(names), plan.duration_s)).masks
        make_folder(folder)
        for name, mask in zip(names, masks, strict=True):
            write_atomic(folder / name, encode_png(mask))
    told = {"samples": n, "protection": header.protection, "notice": header.notice}
    write_atomic(out / "masks.json", (json.dumps(told, indent=1) + "\n").encode())
    return n
