"""`gerdata demo`."""

from typing import Annotated

import typer

from gerdata.cli.answer import options_of, say
from gerdata.cli.options import Work, command_without


@command_without("out", "set", "limit", "private", "key", "slice", "finish", "max_rejects")
def demo(
    n: Annotated[int, typer.Option("--n", min=30, help="How many synthetic samples.")] = 300,
    clips: Annotated[int, typer.Option(min=6, help="How many video files.")] = 12,
    epochs: Annotated[int, typer.Option(min=1, help="How long to train.")] = 8,
    *,
    shared: Work,
) -> None:
    """The whole chain on clips it makes itself: ingest, protect, synth, shard, train, report.

    Example: gerdata demo --workspace demo-workspace
    """
    from gerdata.workflow import Demo, demo

    if shared.dry_run:
        line = f"would make {clips} clips and {n} samples, and train {epochs} epochs → {shared.workspace}"
        say(shared, "demo", shared.workspace, line, status="planned")
        return
    tell = (lambda line: None) if shared.quiet else (lambda line: typer.echo(line, err=True))
    result = demo(shared.workspace, Demo(clips=clips, samples=n, epochs=epochs), shared.seed, options_of(shared), tell)
    lines = [
        f"{name}: {header.counts.written} written · {header.counts.rejected} rejected · {header.protection}"
        for name, header in result.headers.items()
    ]
    for name, run in result.runs.items():
        figures = run["test"] or run["best"]
        if isinstance(figures, dict):
            lines.append(f"{name}: {figures['split']} accuracy {figures['accuracy']:.3f} on synthetic clips")
    lines.append(f"open {result.report} in a browser; everything is in {result.workspace}")
    counts = {name: header.counts.model_dump() for name, header in result.headers.items()}
    say(shared, "demo", shared.workspace, "\n".join(lines), report=str(result.report), counts=counts, runs=result.runs)
