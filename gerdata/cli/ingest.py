"""`gerdata ingest`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import note, options_of, say_plan, say_stage
from gerdata.cli.options import Work, command


@command
def ingest(
    sources: Annotated[list[Path], typer.Argument(help="Folders of clips, or clips.", show_default=False)],
    labels: Annotated[Path | None, typer.Option(help="A table with file,label[,group][,split].")] = None,
    recipe: Annotated[str, typer.Option(help="An ingest recipe, by name or path.")] = "clips",
    allow_unlabelled: Annotated[bool, typer.Option("--allow-unlabelled", help="Keep clips without a label.")] = False,
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Count files that the table names and that are not there as rejected."),
    ] = False,
    *,
    shared: Work,
) -> None:
    """Untrusted clips in, a verified, labelled, split manifest out.

    Every file is opened safely and decoded whole; long ones are cut into clips. Without --labels, the label of a file is
    the class folder it lies in. Copies no media.

    Example: gerdata ingest clips/ --labels labels.csv
    """
    from gerdata.ingest.stage import Offer, ingest, job_of, look_up
    from gerdata.recipe import IngestRecipe, load
    from gerdata.store.private import look_private, open_private

    how = load(IngestRecipe, "ingest", recipe, tuple(shared.set))
    out = shared.out or shared.workspace / "ingested"
    offer = Offer(tuple(sources), labels, allow_unlabelled, allow_missing, shared.limit)
    listing = look_up(offer, how, leave_out=(shared.workspace, shared.private_root, out))
    if listing.elsewhere:
        note(shared, f"{listing.elsewhere} rows of {labels} name files outside the given sources; they are left out")
    if shared.dry_run:
        say_plan(shared, "ingest", job_of(listing, offer, how, shared.seed, out, look_private(shared.private_root)))
        return
    private = open_private(shared.private_root, shared.key)
    job = job_of(listing, offer, how, shared.seed, out, private)
    header = ingest(job, how, private, options_of(shared))
    say_stage(shared, "ingest", out, header, index=str(private.root / out.name / "index.parquet"))
