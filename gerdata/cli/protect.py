"""`gerdata protect`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import options_of, say_plan, say_stage
from gerdata.cli.options import Work, command


@command
def protect(
    dataset: Annotated[Path | None, typer.Argument(help="An ingested dataset (default: WORKSPACE/ingested).")] = None,
    recipe: Annotated[str, typer.Option(help="A protect recipe, by name or path.")] = "remove",
    accept_raw: Annotated[
        bool, typer.Option("--accept-raw", help="Run a recipe that leaves faces or voices as they are.")
    ] = False,
    allow_cosmetic: Annotated[
        bool, typer.Option("--allow-cosmetic", help="Run a recipe that only blurs, pixelates or vocodes.")
    ] = False,
    *,
    shared: Work,
) -> None:
    """Faces and voices removed, metadata gone, everything encoded anew, checked; what fails the check is quarantined.

    The recipe replace puts avatars' heads where heads were filled; they are drawn on first use and need their mesh.

    The default recipe, remove, fills heads and turns sound to coarse level steps; it needs the weights of two detectors. The
    recipe whole-frame needs none: frames shrink to 32x32 pixels and the sound is muted.

    Example: gerdata protect --recipe remove-strict
    """
    import os

    from gerdata.engine.run import run
    from gerdata.privacy.stage import job_of, ready
    from gerdata.recipe import ProtectRecipe, load
    from gerdata.store.dataset import Dataset
    from gerdata.store.private import look_private, open_private

    how = load(ProtectRecipe, "protect", recipe, tuple(shared.set))
    out = shared.out or shared.workspace / "protected"
    ingested = Dataset(dataset or shared.workspace / "ingested")
    ingested.header()
    private = look_private(shared.private_root) if shared.dry_run else open_private(shared.private_root, shared.key)
    said = {"raw": accept_raw, "cosmetic": allow_cosmetic}
    accepts = frozenset(name for name, is_said in said.items() if is_said)
    job = job_of(ingested, Path(recipe).stem, how, out, private, accepts, shared.limit)
    if shared.dry_run:
        say_plan(shared, "protect", job)
        return

    def tell(done: int, n: int) -> None:
        if not shared.quiet:
            typer.echo(f"\rdrawing avatars, once: {done}/{n}", nl=done == n, err=True)

    ready(how, shared.workers or os.cpu_count() or 1, tell)
    say_stage(shared, "protect", out, run(job, options_of(shared)), protection=job.protection)
