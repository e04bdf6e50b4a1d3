"""`gerdata verify`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command_without
from gerdata.errors import FindingError

SHOWN = 20


@command_without("out", "set", "limit", "overwrite")
def verify(
    dataset: Annotated[Path, typer.Argument(help="A dataset or a release.", show_default=False)],
    *,
    shared: Shared,
) -> None:
    """Check a dataset or release against itself: sums of all files, counts, members, rows, splits, assets, decodability.

    Exit 4 when something is found.

    Example: gerdata verify workspace/shards/release
    """
    from gerdata.store.dataset import Dataset
    from gerdata.store.verify import verify

    header, findings = verify(Dataset(dataset))
    for finding in findings[:SHOWN]:
        typer.echo(f"{finding.where}: {finding.what}", err=True)
    stage, n = (header.stage, header.counts.written) if header is not None else ("damaged", 0)
    line = f"{stage} · {n} samples · {len(findings)} findings → {dataset}"
    told = [{"where": finding.where, "what": finding.what} for finding in findings]
    say(
        shared,
        "verify",
        dataset,
        line,
        status="found" if findings else "ok",
        samples=n,
        findings=told,
    )
    if findings:
        raise typer.Exit(FindingError.exit_code)
