"""What a synthetic dataset covers, as it lies beside its header and as the card and the report read it: `coverage.json`.

It counts rows and changes none; a dataset without it is as complete as one with it.
"""

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gerdata.errors import DatasetError
from gerdata.store.commit import write_atomic
from gerdata.store.dataset import COVERAGE, Dataset

MOST_BYTES = 16_000_000
SHOWN = 3  # of the emptiest cells, in a line


class Axis(BaseModel):
    """One thing that plans vary: samples in each of its `bins`, and how many each should hold (None: no target)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    bins: tuple[str, ...]
    counts: tuple[int, ...]
    target: tuple[float, ...] | None = None

    def __str__(self) -> str:
        told = ", ".join(f"{name} {count}" for name, count in zip(self.bins, self.counts, strict=True))
        if self.target is None:
            return f"{self.name}: {told}"
        wanted = {f"{one:.0f}" for one in self.target}
        each = f"{wanted.pop()} each" if len(wanted) == 1 else ", ".join(f"{one:.0f}" for one in self.target)
        return f"{self.name}: {told} (target {each})"


class Cell(BaseModel):
    """Samples in one combination of bins (`where`: axis to bin), and how many there would be if no axis knew another."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    where: dict[str, str]
    count: int
    expected: float

    def __str__(self) -> str:
        return (
            f"{', '.join(f'{axis} {name}' for axis, name in self.where.items())} ({self.count} for {self.expected:.0f})"
        )


class Coverage(BaseModel):
    """Of `samples` plans: each axis alone; `cells` of all axes together that hold a sample, as positions of bins in the
    order of the axes and a count; of how many `possible` ones; and the `emptiest` combinations of two."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: Literal[1] = 1
    samples: int
    axes: tuple[Axis, ...]
    possible: int
    cells: tuple[tuple[int, ...], ...]
    emptiest: tuple[Cell, ...]

    def line(self) -> str:
        """What a run says of it."""
        held = f"{len(self.cells)} of {self.possible} cells of {' x '.join(axis.name for axis in self.axes)}"
        return f"{self.samples} samples in {held}; emptiest pairs: {self._emptiest()}"

    def lines(self) -> tuple[str, ...]:
        """What a card says of it: those axes that have a target, the others, the cells."""
        aimed, free = ([axis for axis in self.axes if (axis.target is None) is free] for free in (False, True))
        told: Sequence[str] = ["; ".join(map(str, axes)) for axes in (aimed, free) if axes]
        return (*told, self.line())

    def _emptiest(self) -> str:
        return "; ".join(map(str, self.emptiest[:SHOWN])) or "none known"


def write_coverage(coverage: Coverage, dataset: Dataset) -> None:
    """Beside the header, which need not be there yet."""
    data = json.dumps(coverage.model_dump(mode="json"), ensure_ascii=True, separators=(",", ":")) + "\n"
    write_atomic(dataset.root / COVERAGE, data.encode("ascii"))


def coverage_of(dataset: Dataset) -> Coverage | None:
    """What a dataset says of itself; None where it does not. `DatasetError` for a file that is none of ours."""
    path = dataset.root / COVERAGE
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return Coverage.model_validate_json(file.read(MOST_BYTES))
    except (OSError, ValidationError) as error:
        raise DatasetError(f"{path}: not a coverage that can be read ({type(error).__name__}); remove it") from None
