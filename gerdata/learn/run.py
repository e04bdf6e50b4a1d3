"""A run on disk: the kept weights, the state a run goes on from, figures by epoch, and `run.json`, written last.

Nothing is pickled. Times, hosts and versions are not here: the same release, recipe, seed and threads give the same
bytes.
"""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from gerdata.errors import DatasetError, FingerprintError
from gerdata.learn.architecture import Model
from gerdata.learn.metrics import Metrics
from gerdata.recipe import TrainRecipe
from gerdata.store.commit import locked, write_atomic
from gerdata.store.dataset import HEADER

BEST, LAST, CURVE, DONE = "model.safetensors", "last.safetensors", "metrics.jsonl", "run.json"
VIDEO = "video"  # the folder of a first stage, a run of its own


class Identity(BaseModel):
    """What a run was made from; a run goes on only where all of it is the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recipe: TrainRecipe
    classes: tuple[str, ...]
    seed: int
    release: str  # fingerprint
    threads: int  # sums of floats depend on how they are shared out
    device: str = "cpu"  # only there is a run the same to the bit
    pretrained: str = ""  # digest of the transformer's weights that were loaded
    private_structure: str = ""  # keyed fingerprint of real people's structure, where it was a target
    embeddings: str = ""  # digest of the clips' own vectors

    def refuse_other(self, other: "Identity", where: Path) -> None:
        """`FingerprintError` naming the first field in which the run at `where` is another one."""
        mine, there = self.model_dump(mode="json"), other.model_dump(mode="json")
        mine, there = _flat(mine | mine.pop("recipe")), _flat(there | there.pop("recipe"))
        for name, value in mine.items():
            if there.get(name) != value:
                raise FingerprintError(
                    f"{where}: the run there has {name} {there.get(name)!r}, this one {value!r}; "
                    "choose another place, or --overwrite to start anew"
                )


def _flat(values: dict[str, object]) -> dict[str, object]:
    """Tables one level down, under names with a dot."""
    tables = {name: table for name, table in values.items() if isinstance(table, dict)}
    inner = {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}
    return {name: value for name, value in values.items() if name not in tables} | inner


class Run(BaseModel):
    """`run.json`: its presence means that the run is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    identity: Identity
    synthetic: bool  # every clip of every split used is synthetic
    protection: str  # of the release
    clips: dict[str, int]  # labelled clips by split
    unlabelled: dict[str, int]  # clips left out by split
    parameters: int
    structure: str = "none"  # of people: none, training target only, or estimated at inference and used
    structure_source: Literal["none", "release", "private"] = "none"
    active_units: int | None = None  # of a latent, in the last epoch: that change with the input (arXiv 1509.00519)
    selection: str  # which split chose the epoch: its figures are not held out
    best_epoch: int
    best: Metrics
    last: Metrics
    test: Metrics | None  # held out; None where the release has no test split

    @classmethod
    def read(cls, run: Path) -> "Run":
        """The finished run in a folder; `DatasetError` where there is none."""
        try:
            return cls.model_validate_json((run / DONE).read_bytes())
        except FileNotFoundError:
            raise DatasetError(f"{run}: expected a finished run with {DONE}, found {_found(run)}") from None
        except ValidationError as error:
            raise DatasetError(f"{run / DONE}: not a run of this gerdata ({str(error).splitlines()[0]})") from None

    def write(self, run: Path) -> None:
        write_atomic(run / DONE, (self.model_dump_json(indent=1) + "\n").encode())


def _found(folder: Path) -> str:
    if (folder / LAST).is_file() or (folder / VIDEO).is_dir():
        return "one that is not finished; the same train command goes on with it"
    return "a dataset; name the run first" if (folder / HEADER).is_file() else "none; run train first"


class Progress(NamedTuple):
    """How far a run has come: epochs done, the best of them, and a line of figures for each."""

    epochs: int = 0
    best_epoch: int = 0
    best_macro_f1: float = -1.0
    curve: tuple[str, ...] = ()

    def after(self, figures: Metrics, train: dict[str, float]) -> "Progress":
        """One epoch further; an epoch that only equals the best does not replace it."""
        epoch, better = self.epochs + 1, figures.macro_f1 > self.best_macro_f1
        line = json.dumps({"epoch": epoch, **train, **dataclasses.asdict(figures)})
        return Progress(
            epochs=epoch,
            best_epoch=epoch if better else self.best_epoch,
            best_macro_f1=figures.macro_f1 if better else self.best_macro_f1,
            curve=(*self.curve, line),
        )

    def is_stale(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought nothing better; never, where it is 0."""
        return 0 < patience <= self.epochs - self.best_epoch


class Learner(NamedTuple):
    """A network, what moves its weights, and the average of them that is measured and kept, if any."""

    model: Model
    optimiser: Optimizer
    average: AveragedModel | None = None

    @property
    def kept(self) -> Model:
        """What is measured and kept."""
        return self.model if self.average is None else self.average.module  # type: ignore[return-value]  # a copy


def save_epoch(run: Path, identity: Identity, progress: Progress, learner: Learner) -> None:
    """Commit a finished epoch. The state is written last: what it does not know of is done again, to the same bytes."""
    if progress.best_epoch == progress.epochs:
        write_atomic(run / BEST, save(_weights(learner.kept)))
    write_atomic(run / CURVE, "".join(line + "\n" for line in progress.curve).encode())
    state = {f"model.{name}": tensor for name, tensor in _weights(learner.model).items()}
    if learner.average is not None:
        state |= {f"average.{name}": tensor for name, tensor in _weights(learner.average).items()}
    for name, parameter in learner.model.named_parameters():
        for key, value in learner.optimiser.state.get(parameter, {}).items():
            if value is not None:  # the momentum of a parameter that never moved
                state[f"optimiser.{key}.{name}"] = value.contiguous()
    told = {"identity": identity.model_dump(mode="json"), "progress": progress[:3]}
    write_atomic(run / LAST, save(state, metadata={"state": json.dumps(told)}))  # one key: several have no fixed order


def resume(run: Path, identity: Identity, learner: Learner) -> Progress:
    """Put a learner where the run at `run` left off; the start where there is none."""
    if not (run / LAST).is_file():
        return Progress()
    tensors, metadata = read_tensors(run / LAST)
    told = json.loads(metadata["state"])
    try:
        before = Identity.model_validate(told["identity"])
    except ValidationError:
        raise DatasetError(
            f"{run / LAST}: of another version of gerdata; go on with that one, or begin anew with --overwrite"
        ) from None
    identity.refuse_other(before, run)
    parameters = dict(learner.model.named_parameters())
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimiser":
            key, _, parameter = rest.partition(".")
            at = parameters[parameter].device
            learner.optimiser.state[parameters[parameter]][key] = tensor.to(at) if key != "step" else tensor
    learner.model.load_state_dict(_of(tensors, "model."))
    if learner.average is not None:
        learner.average.load_state_dict(_of(tensors, "average."))
    epochs, best_epoch, best_macro_f1 = told["progress"]
    curve = (run / CURVE).read_text().splitlines()[:epochs]
    return Progress(epochs, best_epoch, best_macro_f1, tuple(curve))


def _of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a safetensors file and its metadata; `DatasetError` where it is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DatasetError(f"{path}: not readable weights ({error}); train again with --overwrite") from None


def clear(run: Path) -> None:
    """Remove a run's files, the one that says it is complete first. `DatasetError` where another process trains there."""
    if not run.is_dir():
        return
    with held(run):
        _remove(run)


@contextlib.contextmanager
def held(run: Path) -> Iterator[None]:
    """Hold a run's folder; `DatasetError` where another process trains there."""
    with locked(run / DONE) as other:
        if other is not None:
            raise DatasetError(f"{run}: process {other.pid} on {other.host} trains here; wait, or choose another")
        yield


def _remove(run: Path) -> None:
    for name in (DONE, LAST, BEST, CURVE):
        (run / name).unlink(missing_ok=True)
        (run / VIDEO / name).unlink(missing_ok=True)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}


def load_weights(run: Path, model: nn.Module) -> None:
    """The kept weights of a run into `model`."""
    tensors, _ = read_tensors(run / BEST)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DatasetError(f"{run / BEST}: not the weights of its recipe ({str(error).splitlines()[0]})") from None
