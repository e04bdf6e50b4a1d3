"""`gerdata audit`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, say
from gerdata.cli.options import WithPrivate, command_without
from gerdata.errors import DatasetError, FindingError, RejectsError, UsageError

if TYPE_CHECKING:
    from gerdata.store.audits import AuditDocument
    from gerdata.store.dataset import Dataset
    from gerdata.store.private import Private


@command_without("set", "overwrite")
def audit(
    dataset: Annotated[
        Path | None, typer.Argument(help="A protected dataset, a release or a run (default: WORKSPACE/protected).")
    ] = None,
    release: Annotated[
        Path | None,
        typer.Option(help="Of a run: the release that it was trained on (default: the one of the workspace)."),
    ] = None,
    identities: Annotated[
        Path | None,
        typer.Option(
            help="CSV: source, identity, speaker, gender, sentence; who is known to be seen and heard, to attack with."
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(help="Another release of the same sources and key: can its rows be matched to these?"),
    ] = None,
    shortcuts: Annotated[
        bool,
        typer.Option("--shortcuts", help="Only look for labels told by what must not tell them; needs no weights."),
    ] = False,
    *,
    shared: WithPrivate,
) -> None:
    """Attack a dataset: faces left, people and speakers recognised, sources found again, names and metadata in any byte.

    Statuses: passed, failed, underpowered (too few people or clips for the bound), void (a gate failed), skipped, reported.
    Exit 4 when something failed; 3 when over 5 % were quarantined, or labels very unevenly. With --shortcuts nobody is
    attacked: a small learner asks whether background, loudness, file size and the like tell the label; any dataset will do.

    Of a run: was a clip trained on, and who is in it, from its loss, its pooled frames, latents, queries and heatmaps?

    Example: gerdata audit workspace/protected --identities people.csv
    """
    from gerdata.audit.evidence import Evidence
    from gerdata.audit.inquiry import inquire, inquire_shortcuts, need_models
    from gerdata.audit.known import read_identities
    from gerdata.store.dataset import Dataset

    if dataset is not None and (dataset / "run.json").is_file():
        if shortcuts or beside:
            raise UsageError(
                "--shortcuts and --beside are for datasets; a run is attacked with --release and --identities"
            )
        _audit_run(shared, dataset, release, identities)
        return
    if shortcuts and (identities or beside):
        raise UsageError(
            "--shortcuts attacks nobody; leave out --identities and --beside, or run the attacks on their own"
        )
    private = None if shortcuts else _private(shared)
    evidence = Evidence.of(Dataset(dataset or shared.workspace / "protected"), private, shared.limit)
    other = Evidence.of(Dataset(beside), private) if beside else None
    known = read_identities(identities) if identities else {}
    if not shortcuts:
        need_models()
    folder, n = shared.out or shared.workspace / "audits", len(evidence.rows)
    if shared.dry_run:
        what = "search for shortcuts in" if shortcuts else "attack"
        say(shared, "audit", folder, f"would {what} {n} clips → {folder}", status="planned", clips=n)
        return
    if shortcuts:
        document, is_skewed = inquire_shortcuts(evidence, shared.seed), False
    else:
        document, is_skewed = inquire(evidence, known, shared.seed, other)
    _tell(shared, evidence.dataset, document, folder, is_skewed)


def _private(shared: WithPrivate) -> "Private | None":
    """The private folder, where there is one; one that is named must be there."""
    from gerdata.store.private import look_private

    if shared.private is not None and not shared.private.is_dir():
        raise UsageError(f"--private {shared.private}: no such folder; name the one that ingest and protect wrote to")
    return look_private(shared.private_root) if shared.private_root.is_dir() else None


def _audit_run(shared: WithPrivate, run: Path, release: Path | None, identities: Path | None) -> None:
    from gerdata.audit.known import read_identities
    from gerdata.audit.runs import inquire_run
    from gerdata.learn.data import read_header
    from gerdata.store.audits import write_audit
    from gerdata.store.dataset import the_release

    if shared.limit:
        raise UsageError("--limit: a run is attacked with all clips that it was trained on; leave it out")
    where, folder = release or the_release(shared.workspace), shared.out or shared.workspace / "audits"
    read_header(where)
    known = read_identities(identities) if identities else {}
    private = _private(shared)
    if shared.dry_run:
        say(shared, "audit", folder, f"would attack {run} by clips of {where} → {folder}", status="planned")
        return
    document = inquire_run(run, where, known, private, shared.seed)
    _say_document(shared, document, document, write_audit(document, folder), False)


def _tell(shared: WithPrivate, dataset: "Dataset", document: "AuditDocument", folder: Path, is_skewed: bool) -> None:
    """Write the document, joined with what an earlier one found of the same dataset, and say what was found now."""
    from gerdata.store.audits import audit_of, joined, write_audit

    try:
        earlier = audit_of(dataset, folder)
    except DatasetError:  # what cannot be read is written anew
        earlier = None
    whole = joined(document, earlier)
    _say_document(shared, document, whole, write_audit(whole, folder), is_skewed)


def _say_document(
    shared: WithPrivate, document: "AuditDocument", whole: "AuditDocument", path: Path, is_skewed: bool
) -> None:
    """What was found now, one line a verdict, and the exit code of it; with --json the whole document."""
    for verdict in document.verdicts:
        note(shared, f"{verdict.status:12} {verdict.part}: {verdict.why}")
    counts = Counter(one.status for one in document.verdicts)
    line = f"{document.clips} clips · {', '.join(f'{n} {status}' for status, n in sorted(counts.items()))} → {path}"
    status = "failed" if document.has_failed else "quarantine" if is_skewed else "ok"
    say(shared, "audit", path, line, **{**whole.to_json(), "status": status})
    if document.has_failed:
        raise typer.Exit(FindingError.exit_code)
    if is_skewed:
        raise typer.Exit(RejectsError.exit_code)
