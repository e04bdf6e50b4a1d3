"""What does protection cost? The same clips of a user's own faces, protected in several ways, told by people not seen.

    python benchmarks/utility.py FACES.csv [--splits 10] [--n 720] [--casts 20] [--protect remove] [--epochs 30]

Clips of one second (`synth --video --recipe paper`, three faces that move smoothly, of 64 to 77 px, 45 to 54 as the models
see them) go through `ingest` and `protect`, once by each recipe. For each split the casts are dealt to train, validation and
test anew; the same casts for all recipes. Both architectures see pictures alone: faces are a user's, voices are computed.
Intervals are Student's over the splits, and costs are paired by split: two protections of one split share people and luck.
What protection quarantines is counted and is in nobody's test.
"""

import argparse
import dataclasses
import tempfile
from collections import Counter
from pathlib import Path

from collage import interval, run

from gerdata.manifest import MANIFEST_SCHEMA, read_rows, write_rows
from gerdata.recipe import SynthRecipe, load
from gerdata.splits import Group, assign
from gerdata.synth.clips import Given, write_clips
from gerdata.synth.picturebank import open_pictures

RAW = "global"  # the reference: nothing is obfuscated
SCENES = (
    "coherent=true",
    "duration_s=1.0",
    "frame_px=160",
    "min_scale=0.4",
    "max_scale=0.48",
    "max_people=3",
    "margin_px=2.0",
)
PICTURES = (
    'modality="video"',
    "modality_dropout=0.0",
    "video_epochs=0",
    "batch=32",
    "train_frames=1",
    "image_px=112",
    'precision="bf16"',
)
MODELS = {
    "cross-attention-tiny": (),
    "ve-md-query-tiny": ('decoder="none"', "lr=1e-3"),  # no structure of real people leaves with a release
}
ALONE = ("--set", "find_duplicates=false")  # drawn places are alike, and would make one group of all casts
SHARES = (0.6, 0.2)


def sets(*keys: str) -> list[str]:
    return [word for key in keys for word in ("--set", key)]


def filmed(arguments: argparse.Namespace, folder: Path) -> None:
    """Clips and their labels, each of the group of its cast, ingested."""
    place = ("--workspace", str(folder))
    run("bank", "build", str(folder / "bank"), "--faces", str(arguments.faces), "--casts", str(arguments.casts), *place)
    recipe, pictures = load(SynthRecipe, "synth", "paper", SCENES), open_pictures(folder / "bank")
    clips = folder / "clips"
    labels = write_clips(clips, arguments.n, recipe, 0, Given(pictures))
    run("ingest", str(clips), "--labels", str(labels), *ALONE, *place)


def protected(name: str, folder: Path, workers: int) -> str:
    """The clips by one recipe, and what became of them, in words."""
    accept = ("--accept-raw",) if name == RAW else ()
    out = ("--out", str(folder / name), "--workspace", str(folder), "--workers", str(workers))
    told = run("protect", "--recipe", name, *accept, *out)
    return f"{name}: {told['written']} of {told['read']} clips"


def dealt(folder: Path, names: list[str], seed: int) -> None:
    """The same casts to the same split in every protected dataset."""
    rows = read_rows(folder / "ingested" / "manifest.parquet")
    labels: dict[str, Counter[str]] = {}
    for row in rows:
        if row.clip.label is not None:
            labels.setdefault(row.clip.group, Counter())[row.clip.label] += 1
    split_of = assign([Group(group, counts) for group, counts in labels.items()], SHARES, seed)
    for name in names:
        path = folder / name / "manifest.parquet"
        moved = [
            dataclasses.replace(row, clip=dataclasses.replace(row.clip, split=split_of[row.clip.group]))
            for row in read_rows(path)
        ]
        write_rows(path, moved, MANIFEST_SCHEMA)


def accuracy(name: str, model: str, epochs: int, seed: int, folder: Path) -> float:
    """Of one model on people not seen, by one protection."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        place_of = ("--out", f"{place}/release", "--workspace", str(folder))
        run("shard", str(folder / name), "--set", "synthetic_rate=0.0", *place_of)
        keys = sets(*PICTURES, *MODELS[model], f"epochs={epochs}")
        train = ("train", f"{place}/release", "--recipe", model, *keys, "--seed", str(seed), "--threads", "1")
        return float(run(*train, "--out", f"{place}/run")["test"]["accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--n", type=int, default=720)
    parser.add_argument("--casts", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--protect", action="append", help="recipes beside the reference; remove and replace if none is given"
    )
    parser.add_argument("--model", action="append", choices=list(MODELS))
    arguments = parser.parse_args()
    names = [RAW, *(arguments.protect or ("remove", "replace"))]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        filmed(arguments, folder)
        print("; ".join(protected(name, folder, arguments.workers) for name in names), flush=True)
        found: dict[tuple[str, str], list[float]] = {}
        for seed in range(arguments.splits):
            dealt(folder, names, seed)
            for model in arguments.model or MODELS:
                for name in names:
                    value = accuracy(name, model, arguments.epochs, seed, folder)
                    found.setdefault((model, name), []).append(value)
                    print(f"split {seed}, {model}, {name}: {value:.3f}", flush=True)
    print("\n| model | protection | accuracy | less than as it is |\n|---|---|---|---|")
    for (model, name), values in found.items():
        cost = [raw - own for raw, own in zip(found[model, RAW], values, strict=True)]
        cells = ["{:.3f} [{:.3f}, {:.3f}]".format(*interval(some)) for some in (values, cost)]
        print(f"| `{model}` | `{name}` | {cells[0]} | {cells[1] if name != RAW else ''} |")


if __name__ == "__main__":
    main()
