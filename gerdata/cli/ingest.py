"""`gerdata ingest`."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, options_of, say, say_stage
from gerdata.cli.options import Work, command

if TYPE_CHECKING:
    from gerdata.ingest.dry import Forecast
    from gerdata.ingest.identity import Leak
    from gerdata.ingest.stage import Listing
    from gerdata.manifest import Header


@dataclass(frozen=True)
class IngestWork(Work):
    """What `ingest` understands beside the options of every stage."""

    column: Annotated[
        list[str], typer.Option(metavar="ROLE=NAME", help="The name of a column of the table, file=Vid_name say.")
    ] = field(default_factory=list)
    min_people: Annotated[
        int | None, typer.Option(min=1, help="Reject clips with fewer heads seen at once; needs the people models.")
    ] = None
    check: Annotated[str | None, typer.Option(help="full, or fast: skip frames that no other refers to.")] = None
    allow_unlabelled: Annotated[bool, typer.Option("--allow-unlabelled", help="Keep clips without a label.")] = False
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Count files that the table names and that are not there as rejected."),
    ] = False
    accept_excluded_use: Annotated[
        bool, typer.Option("--accept-excluded-use", help="Read a corpus that is for a use which gerdata excludes.")
    ] = False


@command
def ingest(
    sources: Annotated[
        list[str], typer.Argument(help="Folders, files, globs, tars or fsspec URLs of clips.", show_default=False)
    ],
    labels: Annotated[Path | None, typer.Option(help="A table with file,label[,group][,split].")] = None,
    recipe: Annotated[str, typer.Option(help="An ingest recipe, by name or path: a corpus, or clips.")] = "clips",
    *,
    shared: IngestWork,
) -> None:
    """Untrusted clips in, a verified, labelled, de-duplicated, split manifest out.

    Every file is opened safely and decoded whole, once; long ones are cut into clips. Without --labels, labels come as
    the recipe says: from the tables or class folders of its corpus. Copies no media.

    Example: gerdata ingest clips/ --labels labels.csv
    """
    from gerdata.engine.run import default_workers
    from gerdata.ingest.dry import forecast
    from gerdata.ingest.stage import Offer, check_use, ingest, job_of, look_up, read_leaks, stage_in
    from gerdata.recipe import IngestRecipe, load
    from gerdata.store.private import look_private, open_private

    how = load(IngestRecipe, "ingest", recipe, tuple(_overrides(shared)))
    check_use(how, recipe, shared.accept_excluded_use)
    out = shared.out or shared.workspace / "ingested"
    offer = Offer(
        tuple(sources), labels, tuple(shared.column), shared.allow_unlabelled, shared.allow_missing, shared.limit
    )
    listing = look_up(offer, how, leave_out=(shared.workspace, shared.private_root, out))
    _tell(shared, listing, how.unverified)
    if shared.dry_run:
        planned = job_of(listing, offer, how, shared.seed, out, look_private(shared.private_root))
        told = forecast(listing.sources[: shared.limit], planned, how, shared.workers or default_workers())
        _say_forecast(shared, out, told, listing)
        return
    private = open_private(shared.private_root, shared.key)
    listing = stage_in(listing, private, out)
    header = ingest(job_of(listing, offer, how, shared.seed, out, private), how, private, options_of(shared))
    leaks = read_leaks(private, out) if header is not None else []
    _tell_splits(shared, header, leaks)
    say_stage(
        shared,
        "ingest",
        out,
        header,
        index=str(private.root / out.name / "index.parquet"),
        expected=listing.expected.text if listing.expected else None,
        balance=header.counts.balance if header else {},
        verdicts=header.counts.verdicts if header else {},
        leaks=dict(Counter(leak.kind for leak in leaks)),
    )


def _overrides(shared: IngestWork) -> list[str]:
    """The command's own words for keys of the recipe, as overrides; --set has the last word."""
    told = [f'check="{shared.check}"'] if shared.check else []
    if shared.min_people is not None:
        told += ['measure=["picture", "sound", "people"]', f"min_people={shared.min_people}"]
    return [*told, *shared.set]


def _say_forecast(shared: Work, out: Path, told: "Forecast", listing: "Listing") -> None:
    """What a run would read, map and reject, and about how long it would take. Nothing is written."""
    rejects = ", ".join(f"{n} {reason}" for reason, n in told.would_reject.items())
    hours = "unknown length" if told.hours is None else f"about {told.hours:.2f} h of media, {told.clips} clips"
    work = "" if told.minutes_of_work is None else f", {told.minutes_of_work} min of work"
    lines = [
        f"would read {told.read} inputs ({told.gigabytes} GB, {hours}{work}) → {out}",
        f"known to be rejected: {sum(told.would_reject.values())}{f' ({rejects})' if rejects else ''}",
        *(f"{split}: {', '.join(f'{n} {label}' for label, n in by.items())}" for split, by in told.by_label.items()),
    ]
    expected = listing.expected.text if listing.expected else None
    say(shared, "ingest", out, "\n".join(lines), status="planned", expected=expected, **asdict(told))


def _tell(shared: Work, listing: "Listing", unverified: tuple[str, ...]) -> None:
    """What is known before any media is opened."""
    for fact in unverified:
        note(shared, f"not verified: {fact}")
    if listing.expected is not None:
        note(shared, listing.expected.text)
    if listing.elsewhere:
        note(shared, f"{listing.elsewhere} rows of tables name files outside the given sources; they are left out")
    for leak in listing.leaks[:5]:
        note(shared, leak)
    if len(listing.leaks) > 5:
        note(shared, f"and {len(listing.leaks) - 5} more groups in several official splits")


def _tell_splits(shared: Work, header: "Header | None", leaks: list["Leak"]) -> None:
    """The achieved balance, and what given splits tear apart."""
    if header is None:
        return
    for split, by_label in header.counts.balance.items():
        told = ", ".join(f"{n} {label}" for label, n in by_label.items())
        note(shared, f"{split}: {sum(by_label.values())} clips ({told})")
    for kind in sorted({leak.kind for leak in leaks}):
        own = [leak for leak in leaks if leak.kind == kind]
        note(
            shared,
            f"the given splits leak: {sum(leak.n_clips for leak in own)} clips in {len(own)} sets tied by {kind} are in "
            "several splits; nothing was changed; leaks.json in the private folder names them",
        )
