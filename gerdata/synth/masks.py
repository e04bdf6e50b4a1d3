"""Instance masks of a made dataset, drawn from the plans, beside the samples."""

from pathlib import Path

from gerdata.clip import kept_times_s
from gerdata.manifest import Row
from gerdata.media.images import encode_png
from gerdata.store.dataset import Dataset
from gerdata.synth.annex import annex
from gerdata.synth.studio import Plan, Studio


def write_masks(dataset: Dataset, out: Path, studio: Studio) -> int:
    """`out/ID/f00.png ...`, one for each kept frame, and `masks.json`. How many samples.

    Each is grey of 8 bits and as large as the frame: k where the k-th person of `structure.npz`, counted from 1, is nearest,
    and 0 where nobody is. The same plans give the same bytes. Errors as `annex`; `UsageError` where the pictures of the plans
    are not at hand.
    """

    def make(plan: Plan, row: Row) -> dict[str, bytes]:
        shown = studio.film(plan, kept_times_s(row.clip.n_frames, plan.duration_s))
        return {f"f{i:02d}.png": encode_png(mask) for i, mask in enumerate(shown.masks)}

    return annex(dataset, out, "masks", lambda row: f"f{row.clip.n_frames - 1:02d}.png", make)
