"""`gerdata shard`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import options_of, say_plan, say_stage
from gerdata.cli.options import Work, command


@command
def shard(
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(help="Protected and synthetic datasets [default: those of the workspace].", show_default=False),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A shard recipe, by name or path.")] = "webdataset",
    release: Annotated[
        str, typer.Option(help="The name of the release; a new name gives all samples new names.")
    ] = "release",
    synthetic_rate: Annotated[
        float | None, typer.Option(help="Share of synthetic samples in train, in [0, 1) [default: the recipe's].")
    ] = None,
    *,
    shared: Work,
) -> None:
    """A release: WebDataset shards, an index in Parquet, a card, checksums.

    Once any real clip is in, synthetic samples go to train only; a purely synthetic release is split by cast.

    Example: gerdata shard --synthetic-rate 0.3
    """
    from gerdata.engine.run import run
    from gerdata.recipe import ShardRecipe, load
    from gerdata.shards.release import Target, job_of, parents_of, publish
    from gerdata.store.private import look_private, open_private

    overrides = [*shared.set, *([f"synthetic_rate={float(synthetic_rate)!r}"] if synthetic_rate is not None else [])]
    how = load(ShardRecipe, "shard", recipe, tuple(overrides))
    out = shared.out or shared.workspace / "shards" / release
    parents = parents_of(datasets or [], shared.workspace)
    private = look_private(shared.private_root) if shared.dry_run else open_private(shared.private_root, shared.key)
    to = Target(release, out, shared.workspace / "audits")
    job = job_of(parents, to, how, shared.seed, private)
    if shared.dry_run:
        say_plan(shared, "shard", job)
        return
    header = run(job, options_of(shared), publish=publish)
    n_synthetic = sum(item.payload["clip"]["is_synthetic"] for item in job.items)
    say_stage(shared, "shard", out, header, release=release, synthetic=n_synthetic)
