"""`gerdata evaluate`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command
from gerdata.errors import UsageError


@command
def evaluate(
    run: Annotated[Path, typer.Argument(help="A finished run.", show_default=False)],
    release: Annotated[Path | None, typer.Argument(help="A release [default: the one of the workspace].")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    modality: Annotated[str, typer.Option(help="both, video or audio; the other becomes a null token.")] = "both",
    hide: Annotated[str, typer.Option(help="none, or heads-and-sound: what the model must not need.")] = "none",
    *,
    shared: Shared,
) -> None:
    """Figures of a finished run on one split of a release, with a 95 % interval.

    Example: gerdata evaluate workspace/runs/cross-attention-tiny --split test
    """
    from gerdata.learn.evaluate import evaluate
    from gerdata.store.dataset import the_release

    for name, value, known in (
        ("split", split, ("train", "validation", "test")),
        ("modality", modality, ("both", "video", "audio")),
        ("hide", hide, ("none", "heads-and-sound")),
    ):
        if value not in known:
            raise UsageError(f"--{name} {value}: expected one of {', '.join(known)}")
    figures = evaluate(run, release or the_release(shared.workspace), split, modality, hide)  # type: ignore[arg-type]
    line = (
        f"{figures.data_kind} · {split} · {figures.clips} clips · accuracy {figures.accuracy:.3f} "
        f"[{figures.accuracy_low:.3f}, {figures.accuracy_high:.3f}] · macro-F1 {figures.macro_f1:.3f} · UAR {figures.uar:.3f}"
    )
    say(shared, "evaluate", run, line, **dataclasses.asdict(figures))
