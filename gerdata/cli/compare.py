"""`gerdata compare`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import note, say, to_json
from gerdata.cli.options import Device, Shared, command_without
from gerdata.errors import UsageError


@dataclass(frozen=True)
class Sides(Shared):
    """What `compare` understands beside the options of every command."""

    a: Annotated[list[Path], typer.Option("--a", help="A run, or a folder of runs, of the one side; repeatable.")] = (
        field(default_factory=list)
    )
    b: Annotated[list[Path], typer.Option("--b", help="The same of the other side.")] = field(default_factory=list)
    device: Device = "cpu"
    embeddings: Annotated[
        Path | None, typer.Option(help="Of runs that were trained with vectors of their clips: those of this split.")
    ] = None
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test"


@command_without("out", "set", "limit", "overwrite", "dry_run")
def compare(
    things: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN RUN] [RELEASE]", help="Two runs, unless --a and --b name them; and a release."),
    ] = None,
    *,
    shared: Sides,
) -> None:
    """Is one model better than another? Paired on the same clips; groups of a source are drawn again, and seeds where there are
    several.

    Example: gerdata compare --a runs/remove-0 --a runs/remove-1 --b runs/replace-0 --b runs/replace-1
    """
    from gerdata.learn.beside import there, vectors_of
    from gerdata.learn.compare import compare
    from gerdata.learn.evaluate import ask_split, load, open_split
    from gerdata.learn.run import Run
    from gerdata.store.dataset import the_release

    a, b, release = _sides(things or [], shared)
    if shared.split not in ("train", "validation", "test"):
        raise UsageError(f"--split {shared.split}: expected one of train, validation, test")
    where = release or the_release(shared.workspace)
    if shared.embeddings and not any(Run.read(run).identity.recipe.embedding for run in (*a, *b)):
        raise UsageError("--embeddings: no run of either side learnt from vectors; leave it out")
    sides = []
    for runs in (a, b):
        own = []
        for run in runs:
            trained = load(run, there(shared.device))
            width = trained.run.identity.recipe.embedding
            vectors = vectors_of(shared.embeddings, width) if shared.embeddings and width else None
            own.append(ask_split(trained, open_split(trained, run, where, shared.split, embeddings=vectors)))
        sides.append(own)
    told = compare(sides[0], sides[1], shared.seed)
    head = f"{shared.split} · {told.clips} clips in {told.groups} groups · {told.runs_a} runs against {told.runs_b}"
    if told.is_underpowered:
        note(shared, f"underpowered: {told.groups} groups; the intervals are too narrow")
    if min(told.runs_a, told.runs_b) == 1:
        note(shared, "one run on a side: what another seed would give is not in the interval")
    lines = [head, *(f"  {one.line()}" for one in told.differences)]
    names = {"a": [str(run) for run in a], "b": [str(run) for run in b]}
    say(shared, "compare", None, "\n".join(lines), split=shared.split, **names, **to_json(told))


def _sides(things: list[Path], shared: Sides) -> tuple[list[Path], list[Path], Path | None]:
    """The runs of both sides, and the release where one is named."""
    from gerdata.learn.run import DONE, VIDEO
    from gerdata.store.dataset import HEADER

    releases = [path for path in things if (path / HEADER).is_file()]
    runs = [path for path in things if path not in releases]
    if len(releases) > 1:
        raise UsageError(f"{', '.join(map(str, releases))}: expected one release at most")
    if bool(runs) == bool(shared.a or shared.b) or (runs and len(runs) != 2) or bool(shared.a) != bool(shared.b):
        odd = [str(path) for path in runs if not path.is_dir()]
        raise UsageError(
            f"{', '.join(odd)}: no such folder"
            if odd
            else f"expected two runs, or --a and --b; came {len(runs)} runs, {len(shared.a)} --a, {len(shared.b)} --b"
        )
    sides = []
    for given in (runs[:1], runs[1:]) if runs else (shared.a, shared.b):
        found: list[Path] = []
        for path in given:
            inside = sorted(done.parent for done in path.glob(f"*/{DONE}") if done.parent.name != VIDEO)
            found += [path] if (path / DONE).is_file() or not inside else inside
        sides.append(list({path.resolve(): path for path in found}.values()))  # the same run twice is no second one
    return sides[0], sides[1], releases[0] if releases else None
