"""Where does a model look? Labels planted in faces alone, bodies alone, sound alone, or only in the agreement of two senses.

    python benchmarks/planted.py [--n 1500] [--epochs 8] [--recipe cross-attention-tiny --recipe ve-md-heatmap-tiny]

Groups of 2 to 4 avatars close by, all of one feeling, which shows in one channel only; in the last set picture and sound of
two groups are put together, and the label is whether they feel the same, so that neither alone tells it. Both senses are
trained with drop-out of one, and asked with both, the picture alone and the sound alone; then with heads or bodies filled, and
as a control with the same patch elsewhere. Test casts are other avatars and voices. Theory: what the label is not in is at
chance (1/3; 1/2 for agreement), and covering what it is in costs all of it.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from gerdata.chance import rng_for
from gerdata.learn.alter import effect_of
from gerdata.learn.architecture import build_model, form_of
from gerdata.learn.batch import Form, Item
from gerdata.learn.data import ReleaseSplit, release_fingerprint
from gerdata.learn.evaluate import Trained, ask_split, load, measure_split, open_split
from gerdata.learn.occlude import parse_occlusion
from gerdata.learn.ranks import joined
from gerdata.learn.run import Identity
from gerdata.learn.train import Onlookers, Splits, exact, fit, torch_seed, train
from gerdata.recipe import TrainRecipe
from gerdata.recipe import load as load_recipe

CLOSE = ("min_people=2", "max_people=4", "min_head=0.3", "max_head=0.5", "mixed_share=0.0", "weak_share=0.0")
CHANNELS = ("show", "posture_share", "voiced")
SIGNALS = {"faces": (1, 0, 0), "bodies": (0, 1, 0), "sound": (0, 0, 1), "agreement": (1, 1, 1)}
SAME, OTHER = 0, 1  # labels of the last set


class Agreeing(ReleaseSplit):
    """Pictures of a split with sounds of others in it: half of them of the same class, by lot, which is the new label."""

    def __init__(self, release: Path, split: str, form: Form) -> None:
        super().__init__(release, split, form)
        rng = rng_for(0, "agreement", split)
        classes = np.array(self.labels)
        self.labels = rng.permutation(np.arange(len(classes)) % 2).tolist()
        fitting = [np.flatnonzero((classes == c) == (new == SAME)) for c, new in zip(classes, self.labels, strict=True)]
        self.partner = [int(rng.choice(some)) for some in fitting]

    def __getitem__(self, index: int) -> Item:
        item = super().__getitem__(index)
        return item._replace(audio=super().__getitem__(self.partner[index]).audio)


def run(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gerdata.cli", *words, "--quiet"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr[-2000:]}")


def released(signal: str, n: int, folder: Path) -> Path:
    """A release whose label is in one channel."""
    keys = [*CLOSE, *(f"{name}={float(on)}" for name, on in zip(CHANNELS, SIGNALS[signal], strict=True))]
    place = ("--workspace", str(folder))
    run("synth", "--n", str(n), *(word for key in keys for word in ("--set", key)), *place)
    run("shard", "--set", "train_share=0.6", "--set", "validation_share=0.2", *place)
    return folder / "shards" / "release"


def told(signal: str, recipe: TrainRecipe, release: Path, out: Path) -> str:
    """One row of the table."""
    if signal != "agreement":
        train(recipe, release, out, 0, threads=1)
        trained = load(out)
        clean = ask_split(trained, open_split(trained, out, release, "test"))
        cells = [
            measured(trained, open_split(trained, out, release, "test", sense)) for sense in ("both", "video", "audio")
        ]
        data = open_split(trained, out, release, "test")
        for region in ("heads", "bodies"):
            effect = effect_of(trained.model, data, clean, parse_occlusion(region))
            cells.append(f"{effect.difference.value:+.3f} ({effect.control.value:+.3f})" if effect.control else "")
        return " | ".join(cells)
    agree(recipe, release, out)
    trained = load(out)
    forms = [trained.form, trained.form.__class__(**{**trained.form.__dict__, "modality": "video"})]
    forms.append(trained.form.__class__(**{**trained.form.__dict__, "modality": "audio"}))
    return " | ".join([*(measured(trained, Agreeing(release, "test", form)) for form in forms), "", ""])


def agree(recipe: TrainRecipe, release: Path, out: Path) -> None:
    """Train on pairs; what `train` does for a release's own labels."""
    form = form_of(recipe)
    splits = Splits(*(Agreeing(release, name, form) for name in ("train", "validation", "test")))
    classes = splits.train.header.classes
    identity = Identity(recipe=recipe, classes=classes, seed=0, release=release_fingerprint(release), threads=1)
    out.mkdir(parents=True)
    with joined("cpu") as ranks, exact(1):
        torch.manual_seed(torch_seed(0, "weights"))
        onlookers = Onlookers(lambda line: None, lambda epoch, figures: None, ranks)
        fit(build_model(recipe, len(classes)), splits, identity, out, onlookers)


def measured(trained: Trained, data: ReleaseSplit) -> str:
    figures = measure_split(trained.model, data)
    return f"{figures.accuracy:.3f} [{figures.accuracy_low:.3f}, {figures.accuracy_high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--signal", action="append", choices=list(SIGNALS))
    arguments = parser.parse_args()
    print("| label in | model | both | picture | sound | heads filled (elsewhere) | bodies filled (elsewhere) |")
    print("|---" * 7 + "|")
    for signal in arguments.signal or SIGNALS:
        with tempfile.TemporaryDirectory() as folder:
            release = released(signal, arguments.n, Path(folder))
            for name in arguments.recipe or ("cross-attention-tiny", "ve-md-heatmap-tiny"):
                keys = (f"epochs={arguments.epochs}", 'precision="bf16"')
                recipe = load_recipe(TrainRecipe, "train", name, keys)
                row = told(signal, recipe, release, Path(folder) / "runs" / name)
                print(f"| {signal} | `{name}` | {row} |", flush=True)


if __name__ == "__main__":
    main()
