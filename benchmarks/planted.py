"""Where does a model look? Labels planted in faces alone, bodies alone, sound alone, or only in the agreement of two senses.

    python benchmarks/planted.py [--n 1500] [--first 20] [--epochs 8] [--signal faces ...] [--recipe cross-attention-tiny ...]
                                 [--device cuda] [--workers 2] [--at FOLDER]

Small groups, all of one feeling, which shows in one channel only; in the last set picture and sound of two groups are put
together, and the label is whether they feel the same, so that neither alone tells it (each sense has learnt feelings before,
and what fuses them learns from pairs). Postures are those of avatars who stand and are seen whole; all else is of flat people,
whose faces alone tell: a network from scratch learns those in minutes, and those of avatars not (docs/evaluation.md).

Both senses are trained with drop-out of one, and asked with both, the picture alone and the sound alone; then with heads or
bodies filled, and as a control with the same patch elsewhere (differences from both senses, nothing filled). Test casts are
other people and voices, and intervals are over them; six casts are few. Theory: what the label is not in is at chance (1/3; 1/2
for agreement), and covering what it is in costs all of it.
"""

import argparse
import dataclasses
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gerdata.chance import rng_for
from gerdata.learn.alter import effect_of
from gerdata.learn.architecture import form_of
from gerdata.learn.batch import Form, Item
from gerdata.learn.beside import Beside
from gerdata.learn.breakdown import part_of
from gerdata.learn.compare import signed
from gerdata.learn.data import ReleaseSplit, release_fingerprint
from gerdata.learn.evaluate import ask_split, load, open_split
from gerdata.learn.occlude import parse_occlusion
from gerdata.learn.outcome import Outcome
from gerdata.learn.ranks import joined
from gerdata.learn.run import Identity
from gerdata.learn.train import Onlookers, Splits, exact, fit, train
from gerdata.recipe import TrainRecipe
from gerdata.recipe import load as load_recipe

ALIKE = ("mixed_share=0.0", "weak_share=0.0", "max_people=4")
FLAT = (*ALIKE, "style=flat", "min_people=3", "casts=30")
# Small casts, so that several are tested on; drawn once, in minutes; with heads of a fifth of the frame bodies are seen.
STANDING = 'layouts=["crowd", "queue", "street"]'  # who sits has no posture of a feeling
WHOLE = (*ALIKE, "min_people=2", "min_head=0.16", "max_head=0.22", "bank_people=120", "cast_size=4", STANDING)
SIGNALS = {
    "faces": (*FLAT, "voiced=0.0"),
    "bodies": (*WHOLE, "show=0.0", "posture_share=1.0", "voiced=0.0"),
    "sound": (*FLAT, "show=0.0"),
    "agreement": FLAT,
}
SAME, OTHER = 0, 1  # labels of the last set
PAIRS, PAIRS_LR = 4, 1e-3
FUSING = {"cross-attention": ("cross", "pool", "head"), "ve-md": ("head.classes",)}  # what learns from pairs


class Agreeing(ReleaseSplit):
    """Pictures of a split with sounds of others in it, in training each with `PAIRS`; half of these partners are of the same
    class, by lot, which is the new label."""

    def __init__(self, release: Path, split: str, form: Form) -> None:
        super().__init__(release, split, form)
        rng = rng_for(0, "agreement", split)
        self.pictures, times = len(self.rows), PAIRS if split == "train" else 1
        self.numbers = np.tile(self.numbers, times)
        self.rows = self.index.select(self.numbers)
        classes = np.array(self.labels * times)
        self.labels = rng.permutation(np.arange(len(classes)) % 2).tolist()
        fitting = [
            np.flatnonzero((classes[: self.pictures] == c) == (new == SAME))
            for c, new in zip(classes, self.labels, strict=True)
        ]
        self.partner = [int(rng.choice(some)) for some in fitting]

    def __getitem__(self, index: int) -> Item:
        item = super().__getitem__(index % self.pictures)
        return item._replace(label=self.labels[index], audio=super().__getitem__(self.partner[index]).audio)


class How(NamedTuple):
    """What a row of the table is computed with."""

    seed: int
    device: str


def run(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gerdata.cli", *words, "--quiet"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr[-2000:]}")


def released(signal: str, n: int, folder: Path, workers: int) -> Path:
    """A release whose label is in one channel; one that is there already is taken."""
    place = ("--workspace", str(folder), "--workers", str(workers))
    if (folder / "shards" / "release" / "dataset.json").is_file():
        return folder / "shards" / "release"
    run("synth", "--n", str(n), *(word for key in SIGNALS[signal] for word in ("--set", key)), *place)
    run("shard", "--set", "train_share=0.6", "--set", "validation_share=0.2", *place)
    return folder / "shards" / "release"


def told(signal: str, recipe: TrainRecipe, release: Path, out: Path, how: How) -> str:
    """One row of the table."""
    if signal == "agreement":
        agree(recipe, release, out, how)
        trained = load(out, how.device)
        forms = [trained.form, *(dataclasses.replace(trained.form, modality=sense) for sense in ("video", "audio"))]
        return " | ".join([*(figure(ask_split(trained, Agreeing(release, "test", form))) for form in forms), "", ""])
    train(recipe, release, out, how.seed, threads=1, beside=Beside(how.device))
    trained = load(out, how.device)
    data = {sense: open_split(trained, out, release, "test", sense) for sense in ("both", "video", "audio")}
    said = {sense: ask_split(trained, split) for sense, split in data.items()}
    cells = [figure(one) for one in said.values()]
    for region in ("heads", "bodies"):
        effect = effect_of(trained.model, data["both"], said["both"], parse_occlusion(region))
        assert effect.control is not None  # of heads and bodies there always is one
        costs = (one.of("accuracy").difference for one in (effect.difference, effect.control))
        cells.append(" against ".join(signed(cost) for cost in costs))
    return " | ".join(cells)


def agree(recipe: TrainRecipe, release: Path, out: Path, how: How) -> None:
    """Train what fuses two senses on pairs, in a model whose senses call the feelings of a release's groups, and are frozen.

    From scratch neither sense learns from whether they agree, and unfrozen they lose what they know before they are put
    together. Of one sense there is nothing to learn, so none is dropped. The last layer keeps its three classes, one of which
    no pair has.
    """
    pairs = recipe.model_copy(update={"modality_dropout": 0.0, "lr": PAIRS_LR})
    form = form_of(recipe)
    splits = Splits(*(Agreeing(release, name, form) for name in ("train", "validation", "test")))
    classes = splits.train.header.classes
    told = {"recipe": pairs, "classes": classes, "seed": how.seed, "release": release_fingerprint(release)}
    identity = Identity(**told, threads=1, device=how.device)
    train(recipe, release, out / "senses", how.seed, threads=1, beside=Beside(how.device))
    with joined(how.device) as ranks, exact(1, how.device):
        model = load(out / "senses", how.device).model
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(FUSING[recipe.architecture])
        fit(
            model,
            splits,
            identity,
            out,
            Onlookers(lambda line: None, lambda epoch, figures: None, ranks),
        )


def figure(outcome: Outcome) -> str:
    """Accuracy, with its interval over groups."""
    return str(part_of(outcome, "all", 0).accuracy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--first", type=int, default=20, help="epochs of pictures alone, before")
    parser.add_argument("--seed", type=int, default=0, help="of training; the groups stay the same")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=2, help="of drawing groups")
    parser.add_argument("--at", type=Path, help="keep releases and runs here, and take those that are there")
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--set", action="append", default=[], help="a key of the recipes")
    parser.add_argument("--signal", action="append", choices=list(SIGNALS))
    arguments = parser.parse_args()
    print(
        "| label in | model | both | picture | sound | heads filled, against elsewhere | bodies filled, against elsewhere |"
    )
    print("|---" * 7 + "|")
    for signal in arguments.signal or SIGNALS:
        with tempfile.TemporaryDirectory() as folder:
            place = arguments.at / signal if arguments.at else Path(folder)
            release = released(signal, arguments.n, place, arguments.workers)
            for name in arguments.recipe or ("cross-attention-tiny", "ve-md-heatmap-tiny"):
                keys = (
                    f"epochs={arguments.epochs}",
                    f"video_epochs={arguments.first}",
                    'precision="bf16"',
                    *arguments.set,
                )
                recipe = load_recipe(TrainRecipe, "train", name, keys)
                how = How(arguments.seed, arguments.device)
                row = told(signal, recipe, release, place / "runs" / f"{name}-{how.seed}", how)
                print(f"| {signal} | `{name}` | {row} |", flush=True)


if __name__ == "__main__":
    main()
