"""The shared options, declared once, and expanded into every command that takes them.

A command declares `shared: Shared` (or `WithPrivate`, or `Work`) as its last parameter; `command` replaces that parameter by
the fields of the class, so that the same option has one name, one default and one meaning everywhere.
"""

import copy
import dataclasses
import errno
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from gerdata.errors import GerdataError, UsageError

Device = Annotated[str, typer.Option(help="cpu, or cuda: not the same to the bit.")]  # of commands that ask a model


@dataclass(frozen=True)
class Shared:
    """What every command understands."""

    workspace: Annotated[Path, typer.Option(help="Where all stages read and write.")] = Path("workspace")
    out: Annotated[Path | None, typer.Option(help="Write here instead of the stage's place in the workspace.")] = None
    seed: Annotated[int, typer.Option(help="The seed of everything drawn by lot.")] = 0
    set: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the recipe.")] = field(
        default_factory=list
    )
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first so many inputs.")] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Remove what stands at the target and start anew.")] = (
        False
    )
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False


@dataclass(frozen=True)
class WithPrivate(Shared):
    """What every command understands that may look into the private folder."""

    private: Annotated[Path | None, typer.Option(help="The private folder (default: WORKSPACE/private).")] = None

    @property
    def private_root(self) -> Path:
        return self.private or self.workspace / "private"


@dataclass(frozen=True)
class Work(WithPrivate):
    """What every stage understands."""

    key: Annotated[Path | None, typer.Option(help="An earlier pseudonym key, for the earlier names.")] = None
    workers: Annotated[int | None, typer.Option(min=1, help="How many parts at a time (default: one a core).")] = None
    engine: Annotated[str, typer.Option(help="local or ray.")] = "local"
    slice: Annotated[str | None, typer.Option(metavar="I/N", help="Make only the I-th of N slices of the parts.")] = (
        None
    )
    finish: Annotated[bool, typer.Option("--finish", help="Make nothing; seal what the slices made.")] = False
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Try again what ran out of time or memory.")
    ] = False
    max_rejects: Annotated[int | None, typer.Option(min=0, help="Exit 3 when more inputs are rejected.")] = None


def command_without(*names: str) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """As `command`; of shared options for which a command has no use, and which it refuses rather than to seem to obey."""
    return lambda function: command(function, names)


def command(function: Callable[..., Any], without: tuple[str, ...] = ()) -> Callable[..., None]:
    """A command from a function whose last parameter is `shared`; errors become one sentence and an exit code."""
    signature = inspect.signature(function)
    kind = signature.parameters["shared"].annotation
    own = [parameter for name, parameter in signature.parameters.items() if name != "shared"]
    expanded = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=one.default if one.default is not dataclasses.MISSING else [],
            annotation=_hidden(one.type) if one.name in without else one.type,
        )
        for one in dataclasses.fields(kind)
    ]

    def run(**values: Any) -> None:
        shared = kind(**{one.name: values.pop(one.name) for one in dataclasses.fields(kind)})
        try:
            _refuse(function.__name__, shared, without)
            function(**values, shared=shared)
        except GerdataError as error:
            fail(function.__name__, shared, str(error), error.exit_code)
        except OSError as error:
            fail(function.__name__, shared, _disk_sentence(error), 1)

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__signature__ = inspect.Signature([*own, *expanded])  # type: ignore[attr-defined]
    return run


def _hidden(option: Any) -> Any:
    """The same option, which is still read, so that it can be refused by name, but is not in the list of --help."""
    kind, info = get_args(option)
    told = copy.copy(info)
    told.hidden = True
    return Annotated[kind, told]


def _refuse(name: str, shared: Shared, without: tuple[str, ...]) -> None:
    given = [one for one in without if getattr(shared, one) != getattr(type(shared)(), one)]
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')}: {name} has no use for it; leave it out")


def fail(name: str, shared: Shared, sentence: str, code: int) -> None:
    """One sentence on stderr, one document on stdout when asked for, and the exit code."""
    typer.echo(f"gerdata {name}: {sentence}", err=True)
    if shared.json:
        out = str(shared.out) if shared.out else None
        typer.echo(json.dumps({"command": name, "status": "failed", "out": out, "error": sentence}))
    raise typer.Exit(code)


def _disk_sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    next_step = {
        errno.ENOSPC: "; free some space and run the same command again",
        errno.EROFS: "; choose another --out or --workspace",
        errno.EACCES: "; choose another --out or --workspace, or mend the rights",
    }.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{next_step}"
