"""`gerdata synth`."""

from typing import Annotated

import typer

from gerdata.cli.answer import note, options_of, say_plan, say_stage
from gerdata.cli.options import Work, command


@command
def synth(
    n: Annotated[int, typer.Option("--n", min=1, help="How many samples.")] = 300,
    recipe: Annotated[str, typer.Option(help="A synth recipe, by name or path.")] = "crowd",
    *,
    shared: Work,
) -> None:
    """Synthetic groups, seen and heard, with their whole truth: nobody in them ever lived.

    Sample i depends on the seed, the recipe and i alone, so a larger --n keeps every earlier sample.

    Example: gerdata synth --n 10000
    """
    from gerdata.engine.run import run
    from gerdata.recipe import SynthRecipe, load
    from gerdata.store.coverage import coverage_of
    from gerdata.synth.stage import job_of, publish

    how = load(SynthRecipe, "synth", recipe, tuple(shared.set))
    out = shared.out or shared.workspace / "synth"
    job = job_of(min(n, shared.limit or n), how, shared.seed, out)
    if shared.dry_run:
        say_plan(shared, "synth", job)
        return
    header = run(job, options_of(shared), publish=publish)
    coverage = coverage_of(job.dataset) if header else None
    if coverage:
        note(shared, f"covered: {coverage.line()}")
    say_stage(
        shared, "synth", out, header, coverage=coverage.model_dump(mode="json", exclude={"cells"}) if coverage else None
    )
