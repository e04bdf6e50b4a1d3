"""`gerdata audit`."""

from pathlib import Path
from typing import Annotated

import typer

from gerdata.cli.answer import note, say
from gerdata.cli.options import Work, command
from gerdata.errors import FindingError, RejectsError


@command
def audit(
    dataset: Annotated[
        Path | None, typer.Argument(help="A protected dataset or a release [default: WORKSPACE/protected].")
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
    *,
    shared: Work,
) -> None:
    """Attack a dataset: faces left, people and speakers recognised, sources found again, names and metadata in any byte.

    Statuses: passed, failed, underpowered (too few people or clips for the bound), void (a gate failed), skipped, reported.
    Exit 4 when something failed; 3 when over 5 % were quarantined, or labels very unevenly.

    Example: gerdata audit workspace/protected --identities people.csv
    """
    from gerdata.audit.evidence import Evidence
    from gerdata.audit.inquiry import inquire, need_models
    from gerdata.audit.known import read_identities
    from gerdata.store.audits import write_audit
    from gerdata.store.dataset import Dataset
    from gerdata.store.private import look_private

    private = look_private(shared.private_root) if shared.private_root.is_dir() else None
    evidence = Evidence.of(Dataset(dataset or shared.workspace / "protected"), private, shared.limit)
    other = Evidence.of(Dataset(beside), private) if beside else None
    known = read_identities(identities) if identities else {}
    need_models()
    folder, n = shared.out or shared.workspace / "audits", len(evidence.rows)
    if shared.dry_run:
        say(shared, "audit", folder, f"would attack {n} clips → {folder}", status="planned", clips=n)
        return
    document, is_skewed = inquire(evidence, known, shared.seed, other)
    path = write_audit(document, folder)
    for verdict in document.verdicts:
        note(shared, f"{verdict.status:12} {verdict.part}: {verdict.why}")
    counts = {
        status: sum(one.status == status for one in document.verdicts)
        for status in {v.status for v in document.verdicts}
    }
    line = f"{n} clips · {', '.join(f'{count} {status}' for status, count in sorted(counts.items()))} → {path}"
    status = "failed" if document.has_failed else "quarantine" if is_skewed else "ok"
    say(shared, "audit", path, line, **{**document.to_json(), "status": status})
    if document.has_failed:
        raise typer.Exit(FindingError.exit_code)
    if is_skewed:
        raise typer.Exit(RejectsError.exit_code)
