"""What a command says at its end: one line, or one JSON document."""

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gerdata.cli.options import Shared, Work
from gerdata.errors import RejectsError

if TYPE_CHECKING:
    from gerdata.engine.run import Job, Options
    from gerdata.manifest import Header


def say(shared: Shared, name: str, out: Path | None, line: str, **fields: Any) -> None:
    """The result on stdout: `line` for people, or a document with `command, status, out` and the fields."""
    status = fields.pop("status", "ok")
    document = {"command": name, "status": status, "out": str(out) if out else None, **fields}
    typer.echo(json.dumps(document, ensure_ascii=True) if shared.json else line)


def to_json(value: Any) -> Any:
    """JSON values of dataclasses, named tuples, dicts and sequences; None for what is no number."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return to_json(value._asdict())
    if isinstance(value, dict):
        return {key: to_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(shared: Shared, sentence: str) -> None:
    """Something a person should know, on stderr."""
    if not shared.quiet:
        typer.echo(f"note: {sentence}", err=True)


def say_stage(shared: Work, name: str, out: Path, header: "Header | None", **fields: Any) -> None:
    """The result of a stage, and exit 3 where more was rejected than allowed, or nothing is left."""
    if header is None:
        say(shared, name, out, f"slice {shared.slice} made → {out}; run with --finish once all are", slice=shared.slice)
        return
    counts = header.counts
    reasons = ", ".join(f"{n} {reason}" for reason, n in counts.reasons.items())
    read = f"{counts.sources} read" if counts.sources == counts.clips else f"{counts.sources} sources read"
    line = f"{read} · {counts.written} written · {counts.rejected} rejected{f' ({reasons})' if reasons else ''} → {out}"
    if counts.flags:
        note(shared, "of the clips written: " + ", ".join(f"{n} {flag}" for flag, n in counts.flags.items()))
    if header.notice:
        note(shared, header.notice)
    limit = shared.max_rejects
    too_many = counts.rejected if (limit is not None and counts.rejected > limit) or counts.written == 0 else None
    say(
        shared,
        name,
        out,
        line,
        status="ok" if too_many is None else "too-many-rejects",
        read=counts.sources,
        accepted=counts.sources_accepted,
        written=counts.written,
        rejected=counts.rejected,
        reasons=counts.reasons,
        labels=counts.labels,
        splits=counts.splits,
        flags=counts.flags,
        notice=header.notice,
        **fields,
    )
    if too_many is not None:
        raise typer.Exit(RejectsError.exit_code)


def say_plan(shared: Shared, name: str, job: "Job") -> None:
    """What a run would do. Nothing is written."""
    from gerdata.engine.run import missing_parts

    parts, missing = missing_parts(job, shared.workspace / "logs")
    line = (
        f"would read {len(job.items)} inputs in {parts} parts, {missing} of them still to be made → {job.dataset.root}"
    )
    say(shared, name, job.dataset.root, line, status="planned", read=len(job.items), parts=parts, missing=missing)


def options_of(shared: Work) -> "Options":
    """The engine's options from the shared ones."""
    from gerdata.engine.run import Options, default_workers

    return Options(
        logs=shared.workspace / "logs",
        workers=shared.workers or default_workers(),
        engine=shared.engine,
        slice=slice_of(shared.slice),
        finish=shared.finish,
        overwrite=shared.overwrite,
        retry_rejected=shared.retry_rejected,
        quiet=shared.quiet,
    )


def slice_of(text: str | None) -> tuple[int, int] | None:
    """`I/N` as numbers; `UsageError` in one sentence otherwise."""
    from gerdata.errors import UsageError

    if text is None:
        return None
    i, _, n = text.partition("/")
    if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise UsageError(f"--slice {text}: expected I/N with I from 1 to N, for example 2/3")
    return int(i), int(n)
