"""What is varied between runs, and what they are compared with."""

import itertools
import re
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from gerdata.errors import RecipeError
from gerdata.recipe.form import PositiveInt, Recipe, Share
from gerdata.recipe.load import load
from gerdata.recipe.train import TrainRecipe

MOST_CELLS = 256
VIEW = "view."  # begins the keys that change what of a release is trained on


class ViewRecipe(Recipe):
    """What of a release a run sees. All but `frames` is of the training split alone."""

    frames: PositiveInt | None = None  # of the kept ones, spread evenly; also where it is measured
    real_share: Share = 1.0  # of the groups of real clips; a smaller share is part of a larger one
    synthetic: Literal["keep", "none", "only", "shuffled"] = "keep"  # shuffled: labels dealt anew among them, a control
    synthetic_rate: float | None = Field(default=None, ge=0, lt=1)  # of all training clips; None: all there are


class Cell(Recipe):
    """One setting: how it is trained, on what, and from which other cell's weights ("": from none). `steps`: of the optimiser,
    0: as `train.epochs` says."""

    name: str
    train: TrainRecipe
    view: ViewRecipe
    start: str = ""
    reference: str = ""  # the cell it is compared with; "": none
    steps: int = 0


class AblateRecipe(Recipe):
    """A grid of settings, or named ones, or both: every named one at every point of the grid; each with every seed."""

    base: str = "cross-attention-tiny"  # the train recipe that everything else is taken from
    seeds: tuple[int, ...] = Field((0, 1, 2), strict=False, min_length=1)
    split: Literal["validation", "test"] = "test"
    steps: int = Field(0, ge=0)  # of the optimiser in every cell, to the nearest epoch; 0: as many epochs as the base
    needs_real: bool = False  # refuses a release without real labelled clips in train and in the split that is measured
    over_releases: bool = False  # every release that is given is a point of its own, and the first the reference
    # keys of the train recipe, or of the view as `view.KEY`: of every cell, by lists of values, by name
    common: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, list[Any]] = Field(default_factory=dict)
    cells: dict[str, dict[str, Any]] = Field(default_factory=dict)  # these take `start` (a cell) and `steps`, too
    reference: str = ""  # the named cell that the others are compared with; without names the grid's first point is it

    @model_validator(mode="after")
    def _whole(self) -> "AblateRecipe":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: the same one twice is no second run, came {list(self.seeds)}")
        odd = [name for name in self.cells if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)]
        if odd:
            raise ValueError(f"a cell's name is small letters, digits and hyphens, came {odd[0]!r}")
        if bool(self.cells) != bool(self.reference) or (self.cells and self.reference not in self.cells):
            raise ValueError(f"reference: expected the name of a cell, came {self.reference!r}")
        if any(not isinstance(values, list) or not values for values in self.grid.values()):
            raise ValueError("grid: expected a list of values for each key")
        odd = [key for key in ("start", "steps") if key in self.common or key in self.grid]
        if odd:
            raise ValueError(
                f"{odd[0]}: expected in a cell or, if it is steps, beside the grid; came in grid or common"
            )
        for name, told in self.cells.items():
            start, steps = told.get("start", ""), told.get("steps", 0)
            if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
                raise ValueError(f"cells.{name}.steps: expected a whole number of 0 or more, came {steps!r}")
            if not isinstance(start, str):
                raise ValueError(f"cells.{name}.start: expected the name of a cell, came {start!r}")
            if start and (start not in self.cells or self.cells[start].get("start")):
                raise ValueError(f"cells.{name}.start: expected a cell that starts from none, came {start!r}")
        return self

    def resolved(self) -> tuple[Cell, ...]:
        """All cells, those that others start from first. `RecipeError` for keys and values that no recipe knows."""
        base = load(TrainRecipe, "train", self.base).model_dump()
        points = [dict(zip(self.grid, told, strict=True)) for told in itertools.product(*self.grid.values())]
        named = self.cells or {"": {}}
        if len(points) * len(named) > MOST_CELLS:
            raise RecipeError(f"{len(points) * len(named)} cells; at most {MOST_CELLS}")
        out = []
        for point in points:
            for name, own in sorted(named.items(), key=lambda one: bool(one[1].get("start"))):
                reference = self.reference if self.cells else None
                told = {"name": _title(name, point), "start": _title(str(own.get("start", "")), point)}
                against = _title(reference, point) if reference is not None else _title("", points[0])
                told["reference"] = "" if against == told["name"] else against
                if not own.get("start"):
                    told["start"] = ""
                out.append(_cell(base, self.common | point | own, told, int(own.get("steps", self.steps))))
        return tuple(out)


def _title(name: str, point: dict[str, Any]) -> str:
    told = [f"{key.removeprefix(VIEW)}={_word(value)}" for key, value in point.items()]
    return ", ".join(([name] if name else []) + told) or "base"


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(base: dict[str, Any], values: dict[str, Any], told: dict[str, str], steps: int) -> Cell:
    view = {key.removeprefix(VIEW): value for key, value in values.items() if key.startswith(VIEW)}
    train = {key: value for key, value in values.items() if not key.startswith(VIEW) and key not in ("start", "steps")}
    unknown = [key for key in train if key not in TrainRecipe.model_fields]
    if unknown:
        raise RecipeError(
            f"ablate: {told['name']}: {unknown[0]}: no key of a train recipe; keys of the view are "
            f"{', '.join(VIEW + key for key in ViewRecipe.model_fields)}"
        )
    try:
        seen = ViewRecipe.model_validate(view)
        if seen.synthetic == "only":
            seen = seen.model_copy(update={"real_share": 1.0})  # there is nothing real to take a share of
        return Cell(train=TrainRecipe.model_validate(base | train), view=seen, steps=steps, **told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecipeError(f"ablate: {told['name']}: {where}: {first['msg']}, came {first['input']!r}"[:400]) from None
