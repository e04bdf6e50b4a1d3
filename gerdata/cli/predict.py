"""`gerdata predict`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, say, to_json
from gerdata.cli.options import Device, WithPrivate, command_without
from gerdata.errors import RejectsError, UsageError

if TYPE_CHECKING:
    from gerdata.learn.evaluate import Trained
    from gerdata.workflow import Prediction


@dataclass(frozen=True)
class Asked(WithPrivate):
    """What `predict` understands beside the options of every command."""

    run: Annotated[Path | None, typer.Option(help="A finished run (default: the one of the workspace).")] = None
    recipe: Annotated[
        str | None, typer.Option(help="A protect recipe (default: the one that the run's data went through).")
    ] = None
    accept_raw: Annotated[
        bool, typer.Option("--accept-raw", help="Let the model see faces and voices as they are.")
    ] = False
    allow_cosmetic: Annotated[bool, typer.Option("--allow-cosmetic", help="The same, blurred or vocoded.")] = False
    submission: Annotated[
        Path | None, typer.Option(metavar="RELEASE", help="A release: write the challenge file of one of its splits.")
    ] = None
    device: Device = "cpu"
    split: Annotated[str, typer.Option(help="Which split of the release; labels are not needed.")] = "test"
    names: Annotated[
        bool, typer.Option("--names", help="Names of sources in place of ids, from the private folder; do not pass on.")
    ] = False


@command_without("limit", "overwrite", "dry_run")
def predict(
    clip: Annotated[Path | None, typer.Argument(help="A video file; none with --submission.")] = None,
    *,
    shared: Asked,
) -> None:
    """What a model says of the group in a clip: the whole chain, protection included. Nothing is said or kept about persons.

    A clip that cannot be shown protected is quarantined: no prediction, its reason, exit 3.

    Example: gerdata predict party.mp4 --run workspace/runs/cross-attention-tiny
    """
    from gerdata.learn.beside import there
    from gerdata.learn.evaluate import load

    if (clip is None) == (shared.submission is None):
        raise UsageError("expected a clip, or --submission RELEASE")
    if clip is not None and shared.out:
        raise UsageError("--out: a prediction is said, not written; only --submission writes")
    if clip is None and (shared.recipe or shared.set):
        raise UsageError("--recipe and --set are of protection, which a release has behind it; leave them out")
    if shared.split not in ("train", "validation", "test"):
        raise UsageError(f"--split {shared.split}: expected one of train, validation, test")
    trained = load(shared.run or _the_run(shared.workspace), there(shared.device))
    if trained.run.synthetic:
        note(
            shared, "the run was trained and measured on synthetic groups; nothing is known of how it does on real ones"
        )
    if clip is None:
        _submit(shared, trained)
        return
    told, protection = _predicted(shared, clip, trained)
    lines = [_line(one) for one in told]
    is_empty = all(one.probabilities is None for one in told)
    status = "no-prediction" if is_empty else "ok"
    say(shared, "predict", None, "\n".join(lines), status=status, protection=protection, predictions=to_json(told))
    if is_empty:
        raise typer.Exit(RejectsError.exit_code)


def _predicted(shared: Asked, clip: Path, trained: "Trained") -> tuple[list["Prediction"], str]:
    from gerdata.recipe import ProtectRecipe, load
    from gerdata.workflow import Protect, predict, protection_for

    if not clip.is_file():
        raise UsageError(f"{clip}: expected a video file")
    name = shared.recipe or protection_for(trained.run.protection)
    how = load(ProtectRecipe, "protect", name, tuple(shared.set))
    said = {"raw": shared.accept_raw, "cosmetic": shared.allow_cosmetic}
    accepts = frozenset(word for word, is_said in said.items() if is_said)
    return predict(clip, trained, Protect(Path(name).stem, how, accepts)), name


def _submit(shared: Asked, trained: "Trained") -> None:
    from gerdata.learn.submission import calls_of, submission_of
    from gerdata.store.commit import make_folder, write_atomic
    from gerdata.store.private import look_private
    from gerdata.workflow import source_names

    release = shared.submission or Path()
    out = shared.out or shared.workspace / "submission" / f"{release.name}-{shared.split}.txt"
    calls = calls_of(trained, release, shared.split)
    names = source_names(release, look_private(shared.private_root)) if shared.names else None
    text = submission_of(calls, names)
    make_folder(out.parent)
    write_atomic(out, text.encode(), mode=0o600 if shared.names else 0o644)
    if not shared.names:
        note(shared, "clips are named by their ids in the release; --names takes the names of their sources")
    say(shared, "predict", out, f"{len(calls)} clips of {shared.split} → {out}", clips=len(calls), split=shared.split)


def _line(told: "Prediction") -> str:
    if told.duration_s == 0:  # no media at all
        return f"no prediction ({told.reason})"
    stretch = f"{told.start_s:.1f}-{told.start_s + told.duration_s:.1f} s"
    if told.probabilities is None:
        return f"{stretch}: no prediction ({told.reason})"
    return f"{stretch}: {' · '.join(f'{name} {share:.3f}' for name, share in told.probabilities.items())}"


def _the_run(workspace: Path) -> Path:
    from gerdata.learn.run import DONE

    found = sorted(path.parent for path in (workspace / "runs").glob(f"*/{DONE}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UsageError(f"{workspace / 'runs'}: expected one finished run, found {names}; name it with --run")
    return found[0]
