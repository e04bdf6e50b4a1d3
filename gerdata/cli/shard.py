"""`gerdata shard`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, options_of, say, say_plan, say_stage
from gerdata.cli.options import Work, command_without
from gerdata.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from gerdata.recipe import ShardRecipe
    from gerdata.shards.given import Given


@dataclass(frozen=True)
class Shards(Work):
    """What `shard` understands beside what every stage does."""

    form: Annotated[str | None, typer.Option("--format", help="webdataset or parquet (default: the recipe's).")] = None
    min_shards: Annotated[int | None, typer.Option(min=1, help="At least so many a split: ranks x workers.")] = None
    drop_groups: Annotated[bool, typer.Option("--drop-groups", help="Every sample is a group of its own.")] = False
    media_free: Annotated[bool, typer.Option("--media-free", help="Rows, plans and recipes without any media.")] = False
    from_manifest: Annotated[
        Path | None, typer.Option(help="Make what a release, or a table of its rows, names, in its order.")
    ] = None
    reindex: Annotated[
        bool, typer.Option("--reindex", help="Index WebDataset tars of others, for reading at random; copies nothing.")
    ] = False
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="For the card (default: SOURCE_DATE_EPOCH's, else none).")
    ] = None


@command_without("limit")
def shard(
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(help="Protected and synthetic datasets (default: those of the workspace).", show_default=False),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A shard recipe, by name or path.")] = "webdataset",
    release: Annotated[
        str, typer.Option(help="The name of the release; a new name gives all samples new names.")
    ] = "release",
    synthetic_rate: Annotated[
        float | None, typer.Option(help="Share of synthetic samples in train, in [0, 1) (default: the recipe's).")
    ] = None,
    *,
    shared: Shards,
) -> None:
    """A release: WebDataset or Parquet shards, an index, a card, Croissant, checksums.

    Once any real clip is in, synthetic samples go to train only; a purely synthetic release is split by cast.

    Example: gerdata shard --synthetic-rate 0.3
    """
    if shared.reindex:
        _reindexed(datasets or [], shared)
        return
    from gerdata.engine.run import run
    from gerdata.shards.given import read_given
    from gerdata.shards.release import Target, job_of, parents_of, publish
    from gerdata.store.private import look_private, open_private

    asked = {
        "format": shared.form,
        "synthetic_rate": synthetic_rate,
        "min_shards": shared.min_shards,
        "drop_groups": shared.drop_groups or None,
    }
    given = read_given(shared.from_manifest) if shared.from_manifest is not None else None
    if given is not None and given.header is not None:
        how, release, seed, date = _as_before(
            given, shared, [name for name, value in asked.items() if value is not None]
        )
    else:
        how, seed, date = _recipe(recipe, shared, asked), shared.seed, date_of(shared.date)
    out = shared.out or shared.workspace / "shards" / release
    parents = parents_of(datasets or [], shared.workspace)
    private = look_private(shared.private_root) if shared.dry_run else open_private(shared.private_root, shared.key)
    to = Target(release, out, shared.workspace / "audits", date, shared.media_free)
    job = job_of(parents, to, how, seed, private, given)
    if shared.dry_run:
        say_plan(shared, "shard", job)
        return
    header = run(job, options_of(shared), publish=publish)
    n_synthetic = sum(item.payload["clip"]["is_synthetic"] for item in job.items)
    left = job.pool.left_out if job.pool else {}
    if left:
        note(shared, "left out: " + ", ".join(f"{n} {reason}" for reason, n in left.items()))
    say_stage(shared, "shard", out, header, release=release, synthetic=n_synthetic, left_out=left)


def _reindexed(tars: list[Path], shared: Work) -> None:
    """`index.parquet` beside tars that somebody else made."""
    from gerdata.store.foreign import reindex

    if not tars:
        raise UsageError("--reindex: name the tars, all below one folder (--out, else the current one)")
    root = shared.out or Path.cwd()
    if shared.dry_run:
        say(shared, "shard", root, f"would index {len(tars)} tars → {root / 'index.parquet'}", status="planned")
        return
    n = len(reindex(tars, root))
    say(shared, "shard", root, f"{n} samples in {len(tars)} tars → {root / 'index.parquet'}", samples=n)


def date_of(told: str | None) -> str | None:
    """The date of a card: the one told, else that of SOURCE_DATE_EPOCH (reproducible-builds.org), else none."""
    import datetime
    import os

    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        if told is not None:
            return datetime.date.fromisoformat(told).isoformat()
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date().isoformat() if epoch else None
    except (ValueError, OverflowError, OSError):
        expected = "--date YYYY-MM-DD" if told is not None else "SOURCE_DATE_EPOCH in whole seconds"
        raise UsageError(f"expected {expected}, came {(told or epoch)!r}") from None


def _recipe(name: str, shared: Work, asked: Mapping[str, object]) -> "ShardRecipe":
    """The recipe with what was asked for in options of their own, which win."""
    from gerdata.recipe import ShardRecipe, load

    words = {key: json.dumps(value) for key, value in asked.items() if value is not None}
    return load(ShardRecipe, "shard", name, (*shared.set, *(f"{key}={word}" for key, word in words.items())))


def _as_before(given: "Given", shared: Work, asked: list[str]) -> "tuple[ShardRecipe, str, int, str | None]":
    """The recipe, name, seed and date of the release that is made again; nothing of it can be asked for anew."""
    from gerdata.recipe import ShardRecipe

    header = given.header
    assert header is not None
    if asked or shared.set:
        told = ", ".join([*asked, *shared.set])
        raise UsageError(f"--from-manifest makes the release as it was made, {told} cannot be asked for; leave it out")
    try:
        recipe = ShardRecipe.model_validate(header.recipe)
    except ValueError as error:
        raise DatasetError(f"the release's recipe is none of shard ({str(error).splitlines()[0]})") from None
    date = header.fingerprint.get("date")
    return recipe, header.fingerprint.get("release", ""), header.seed, date_of(date) if date is not None else None
