"""`gerdata ablate`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import note, say, to_json
from gerdata.cli.options import Device, Shared, command_without


@dataclass(frozen=True)
class Trials(Shared):
    """What `ablate` understands beside the options of every command."""

    device: Device = "cpu"
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode ahead; the runs are the same.")] = 0


@command_without("seed", "limit", "overwrite")
def ablate(
    recipe: Annotated[str, typer.Argument(help="An ablate recipe, by name or path.", show_default=False)],
    releases: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A release, or several where the recipe compares them (default: the one of the workspace)."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; part of what makes a run the same.")] = 2,
    *,
    shared: Trials,
) -> None:
    """Train a grid of settings with several seeds, and tell what each is worth: a table with intervals, and a plot.

    Goes on where it was stopped; finished runs are read. Writes ablation.json, table.md and plot.svg.

    Example: gerdata ablate modality workspace/shards/spring --set seeds=[0,1]
    """
    from gerdata.learn.ablate import Machine, ablate, cells_of, check_ablation
    from gerdata.learn.beside import there
    from gerdata.recipe import AblateRecipe, load
    from gerdata.report.chart import chart_of
    from gerdata.store.commit import make_folder, write_atomic
    from gerdata.store.dataset import the_release

    how = load(AblateRecipe, "ablate", recipe, tuple(shared.set))
    where = releases or [the_release(shared.workspace)]
    out = shared.out or shared.workspace / "ablations" / Path(recipe).stem
    machine = Machine(threads, there(shared.device), shared.workers)
    check_ablation(how, where)
    cells = [cell.name for cell, _ in cells_of(how, where)]
    if shared.dry_run:
        line = f"would train {len(cells)} cells with {len(how.seeds)} seeds: {'; '.join(cells)} → {out}"
        say(shared, "ablate", out, line, status="planned", cells=cells, seeds=how.seeds)
        return
    told = ablate(how, where, out, machine, _teller(shared.quiet))
    rows = [(one.name, *one.figures["accuracy"]) for one in told.results]
    against = next((one for one in told.results if not one.reference), told.results[0])
    title = f"accuracy on {told.clips} {told.data_kind} clips of {told.split}, {len(told.seeds)} seeds, 95 % intervals"
    make_folder(out)
    write_atomic(out / "ablation.json", (json.dumps(to_json(told), indent=1) + "\n").encode())
    write_atomic(out / "table.md", told.table().encode())
    write_atomic(out / "plot.svg", chart_of(title, rows, against.figures["accuracy"].value).encode())
    if told.data_kind == "synthetic":
        note(shared, "measured on synthetic clips; the figures say nothing about real groups")
    if told.is_underpowered:
        note(shared, f"underpowered: {told.groups} groups; the intervals are too narrow")
    if len(told.seeds) == 1:
        note(shared, "one seed: what another would give is not in the intervals")
    say(shared, "ablate", out, f"{told.table()}{title} → {out}", **to_json(told))


def _teller(quiet: bool) -> Callable[[str], None]:
    return (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr, flush=True))
