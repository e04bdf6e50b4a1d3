"""What a run takes beside its release, by clip, and where it is computed."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gerdata.clip import Structure
from gerdata.errors import MissingError, UsageError
from gerdata.learn.private_structure import private_structures, structures_fingerprint
from gerdata.learn.run import read_tensors
from gerdata.store.private import look_private

Watch = Callable[[int, Mapping[str, float]], None]


def unwatched(epoch: int, figures: Mapping[str, float]) -> None:
    """Nobody looks on."""


class Beside(NamedTuple):
    """Nothing of it is kept by a run but fingerprints."""

    device: str = "cpu"  # or cuda
    workers: int = 0  # processes that decode what does not fit in memory ahead of the one that learns
    structures: Mapping[str, Structure] = {}  # of real people: for this machine alone
    structures_print: str = ""  # a keyed fingerprint of them
    embeddings: Mapping[str, Tensor] = {}  # float32 [e]
    embeddings_print: str = ""
    looks_at_test: bool = True  # once, at the end
    watch: Watch = unwatched  # is told an epoch and its figures; and before them, without any, how many are done
    watch_first: Watch = unwatched  # the same of a first stage

    def of_first_stage(self, with_structures: bool) -> "Beside":
        """What a first stage takes."""
        alone = Beside(self.device, self.workers, looks_at_test=False, watch=self.watch_first)
        if not with_structures:
            return alone
        return alone._replace(structures=self.structures, structures_print=self.structures_print)


def gather(release: Path, device: str, private: Path | None, embeddings: Path | None, width: int) -> Beside:
    """What the command line names: `private` a private folder whose structure is a target, `embeddings` a safetensors file
    of vectors of `width` numbers named by the clips' ids. `UsageError` where they, or the device, cannot be meant."""
    beside = Beside(there(device))
    if private is not None:
        held = look_private(private)
        found = private_structures(release, held)
        beside = beside._replace(structures=found, structures_print=structures_fingerprint(found, held))
    if embeddings is not None:
        vectors = vectors_of(embeddings, width)
        digest = hashlib.sha256(embeddings.read_bytes()).hexdigest()
        beside = beside._replace(embeddings=vectors, embeddings_print=digest)
    return beside


def there(device: str) -> str:
    """A device that is there; `UsageError` where it is not."""
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if device not in ("cpu", *gpus, *(["cuda"] if gpus else [])):
        raise UsageError(f"--device {device}: expected cpu, or cuda[:N] where torch finds a GPU; it finds {len(gpus)}")
    return device


def vectors_of(file: Path, width: int) -> dict[str, Tensor]:
    """float32 [width] by the clip's id, of a safetensors file; `UsageError` where they have another width."""
    if not file.is_file():
        raise UsageError(f"--embeddings {file}: expected a safetensors file, found none")
    tensors, _ = read_tensors(file)
    shapes = {tuple(one.shape) for one in tensors.values()}
    if shapes != {(width,)} or width == 0:
        raise UsageError(f"--embeddings {file}: expected vectors of the recipe's embedding = {width}, came {shapes}")
    return {name: one.to(torch.float32) for name, one in tensors.items()}


def board(folder: Path) -> Watch:
    """Writes an epoch's figures for TensorBoard, no package of gerdata's: `MissingError` with the line to run."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        raise MissingError("--tensorboard needs a package: python -m pip install tensorboard") from None
    writer = SummaryWriter(str(folder))

    def watch(epoch: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, epoch)
        writer.flush()

    return watch
