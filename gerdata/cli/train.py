"""`gerdata train`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, say
from gerdata.cli.options import Device, WithPrivate, command_without

if TYPE_CHECKING:
    from gerdata.learn.beside import Watch


@dataclass(frozen=True)
class TrainShared(WithPrivate):
    """What every command understands, and what a run takes beside its release."""

    device: Device = "cpu"
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode ahead; the run is the same.")] = 0
    private_structure: Annotated[
        bool, typer.Option("--private-structure", help="Real people's structure as a target, from the private folder.")
    ] = False
    embeddings: Annotated[
        Path | None, typer.Option(help="A safetensors file with a vector for each clip, by id: of its text, say.")
    ] = None
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write OUT/tensorboard.")] = False


@command_without("limit")
def train(
    release: Annotated[Path | None, typer.Argument(help="A release (default: the one of the workspace).")] = None,
    recipe: Annotated[str, typer.Option(help="A train recipe, by name or path.")] = "cross-attention-tiny",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; part of what makes a run the same.")] = 2,
    *,
    shared: TrainShared,
) -> None:
    """Train a model on a release, and measure it by epoch.

    Goes on from the last finished epoch. The epoch that is kept is the best on validation; test, where the release has
    one, is looked at once.

    Example: gerdata train --recipe cross-attention-tiny --set lr=3e-4
    """
    from gerdata.engine.progress import Epochs
    from gerdata.learn.beside import board, gather
    from gerdata.learn.run import clear
    from gerdata.learn.train import checked_splits, train
    from gerdata.recipe import TrainRecipe, load
    from gerdata.store.dataset import the_release

    how = load(TrainRecipe, "train", recipe, tuple(shared.set))
    release = release or the_release(shared.workspace)
    out = shared.out or shared.workspace / "runs" / Path(recipe).stem
    private = shared.private_root if shared.private_structure else None
    beside = gather(release, shared.device, private, shared.embeddings, how.embedding)._replace(workers=shared.workers)
    is_first = os.environ.get("RANK", "0") == "0"  # of the processes of torchrun, which share a terminal and a folder
    if shared.dry_run or shared.overwrite:  # a run that could not begin leaves the old one alone
        splits = checked_splits(how, release, shared.seed, beside)
    if shared.dry_run:
        line = f"would train {recipe} for {how.epochs} epochs on {len(splits.train)} clips → {out}"
        if is_first:
            say(shared, "train", out, line, status="planned", read=sum(len(one) for one in splits.used()))
        return
    if shared.overwrite and is_first:
        clear(out)
    watches = [board(out / "tensorboard")] if shared.tensorboard and is_first else []
    with Epochs("train", how.epochs, shared.quiet or not is_first, how.first_epochs) as epochs:
        watching = beside._replace(watch=_all_of([epochs.watch, *watches]), watch_first=epochs.watch_first)
        run = train(how, release, out, shared.seed, epochs.tell, threads, watching)
    if not is_first:
        return
    kind, figures = run.best.data_kind, run.test or run.best
    line = (
        f"{run.best.data_kind} · best epoch {run.best_epoch}: validation accuracy {run.best.accuracy:.3f}, macro-F1 "
        f"{run.best.macro_f1:.3f}, UAR {run.best.uar:.3f} · {figures.split} accuracy {figures.accuracy:.3f} "
        f"[{figures.accuracy_low:.3f}, {figures.accuracy_high:.3f}] → {out}"
    )
    if kind == "synthetic":
        note(shared, "trained and measured on synthetic data; the figures say nothing about real groups")
    if run.structure == "estimated at inference and used":
        note(shared, "this model estimates the structure of people at inference, and uses it")
    if run.protection and "not obfuscated" in run.protection:
        note(shared, "trained on data that are NOT OBFUSCATED")
    say(shared, "train", out, line, **_document(run.model_dump(mode="json")))


def _document(run: dict[str, object]) -> dict[str, object]:
    keys = (
        "synthetic",
        "protection",
        "clips",
        "unlabelled",
        "parameters",
        "structure",
        "structure_source",
        "active_units",
        "selection",
        "best_epoch",
        "best",
        "last",
        "test",
    )
    return {key: run[key] for key in keys}


def _all_of(watches: "list[Watch]") -> "Watch":
    """One that tells them all."""

    def watch(epoch: int, figures: Mapping[str, float]) -> None:
        for one in watches:
            one(epoch, figures)

    return watch
