"""`gerdata report`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command_without


@command_without("set", "limit", "overwrite")
def report(
    root: Annotated[
        Path | None, typer.Argument(metavar="[WORKSPACE]", help="A workspace (default: --workspace).")
    ] = None,
    *,
    shared: Shared,
) -> None:
    """One self-contained HTML page: counts, balance, samples that may be shown, training. Needs no network.

    Example: gerdata report workspace
    """
    from gerdata.report.page import render, write

    root = root or shared.workspace
    path = (shared.out or root / "report") / "index.html"
    if shared.dry_run:
        render(root)
        say(shared, "report", path, f"would write {path}", status="planned")
        return
    write(root, path)
    say(shared, "report", path, f"report → {path}")
