"""`gerdata verify`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command
from gerdata.errors import FindingError

SHOWN = 20


@command
def verify(
    dataset: Annotated[Path, typer.Argument(help="A dataset or a release.", show_default=False)],
    *,
    shared: Shared,
) -> None:
    """Check a dataset or release against itself: checksums, counts, members, rows, splits, decodability.

    Exit 4 when something is found.

    Example: gerdata verify workspace/shards/release
    """
    from gerdata.store.dataset import Dataset
    from gerdata.store.verify import verify

    header, findings = verify(Dataset(dataset))
    for finding in findings[:SHOWN]:
        typer.echo(f"{finding.where}: {finding.what}", err=True)
    line = f"{header.stage} · {header.counts.written} samples · {len(findings)} findings → {dataset}"
    told = [{"where": finding.where, "what": finding.what} for finding in findings]
    say(
        shared,
        "verify",
        dataset,
        line,
        status="found" if findings else "ok",
        samples=header.counts.written,
        findings=told,
    )
    if findings:
        raise typer.Exit(FindingError.exit_code)
