"""What `verify` finds of single bits that changed: `python benchmarks/flips.py --n 1000 [--release DIR]`.

Each flip is of one bit of one file of a release; the file is drawn first, so that the header and the index are hit as often
as shards are. Without `--release` a small synthetic release is made in both forms. Reported: how many flips were found, and
how many of those in a sample's bytes named that sample.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from gerdata.chance import rng_for
from gerdata.engine.run import Options, run
from gerdata.recipe import ShardRecipe, SynthRecipe, load
from gerdata.shards.release import Target, job_of, publish
from gerdata.store.checksums import files_of
from gerdata.store.dataset import Dataset, rows_of
from gerdata.store.private import open_private
from gerdata.store.verify import verify
from gerdata.synth import stage


def made(root: Path, form: str) -> Path:
    """A release of 24 flat scenes."""
    options = Options(logs=root / "logs", quiet=True)
    recipe = load(SynthRecipe, "synth", "flat", ("style='flat'", "frame_px=96"))
    run(stage.job_of(24, recipe, 0, root / "synth"), options, publish=stage.publish)
    how = load(ShardRecipe, "shard", "webdataset", (f"format='{form}'", "samples_per_shard=6"))
    target = Target(form, root / form, root / "audits")
    run(job_of([Dataset(root / "synth")], target, how, 0, open_private(root / "private")), options, publish=publish)
    return root / form


def sample_at(release: Path, name: str, at: int) -> str | None:
    """Whose bytes lie at a place of a file; None where nobody's do."""
    dataset = Dataset(release)
    for row in rows_of(dataset, dataset.header()):
        places = zip(row.member_offset, row.member_length, strict=True)
        if row.shard == name and any(start <= at < start + length for start, length in places):
            return row.clip.id
    return None


def sweep(release: Path, n: int, seed: int) -> None:
    """Flip, verify, flip back; print what was found."""
    assert verify(Dataset(release))[1] == [], "the release is damaged before anything was flipped"
    names = files_of(release)
    tried, found, of_samples, named = Counter[str](), Counter[str](), 0, 0
    for i in range(n):
        chance = rng_for(seed, "flip", i)
        name = names[int(chance.integers(len(names)))]
        whole = (release / name).read_bytes()
        at, bit = int(chance.integers(len(whole))), int(chance.integers(8))
        owner = sample_at(release, name, at)
        (release / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        findings = verify(Dataset(release))[1]
        (release / name).write_bytes(whole)
        kind = name.split("/")[0]
        tried[kind] += 1
        found[kind] += bool(findings)
        of_samples += owner is not None
        named += owner is not None and any(owner in finding.where for finding in findings)
        if not findings:
            print(f"not found: {name}, byte {at}, bit {bit}")
    told = ", ".join(f"{kind} {found[kind]}/{tried[kind]}" for kind in sorted(tried))
    print(
        f"{release.name}: {found.total()} of {n} found ({told}); {named} of {of_samples} in a sample's bytes named it"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--release", type=Path)
    told = parser.parse_args()
    if told.release is not None:
        sweep(told.release, told.n, told.seed)
        return
    with tempfile.TemporaryDirectory() as folder:
        for form in ("webdataset", "parquet"):
            sweep(made(Path(folder), form), told.n, told.seed)


if __name__ == "__main__":
    main()
