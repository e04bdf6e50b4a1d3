"""Runs that differ in one thing at a time, trained with several seeds, and what each thing is worth.

Every cell is one run a seed, in a folder named by what it is made of, so an ablation that was stopped goes on, one that grows
keeps what it has, and equal cells are trained once. All are asked about the same held-out clips; differences are paired.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from gerdata.errors import DatasetError, RecipeError
from gerdata.learn.architecture import build_model
from gerdata.learn.beside import Beside
from gerdata.learn.bootstrap import Estimate
from gerdata.learn.compare import Comparison, compare, over_runs, p_told, signed
from gerdata.learn.data import read_header, release_fingerprint
from gerdata.learn.evaluate import ask_split, load, open_split
from gerdata.learn.metrics import DataKind
from gerdata.learn.outcome import Outcome
from gerdata.learn.ranks import joined
from gerdata.learn.run import BEST, DONE, Identity, Run, load_weights
from gerdata.learn.train import Onlookers, Tell, alone, checked_splits, exact, fit, stoppable, torch_seed, train
from gerdata.learn.view import make_view
from gerdata.manifest import read_rows
from gerdata.recipe import AblateRecipe, Cell, TrainRecipe
from gerdata.store.commit import make_folder
from gerdata.store.dataset import sha256_of_file

RUNS, VIEWS = "runs", "views"


@dataclass(frozen=True)
class Result:
    """One cell: the means of its runs' figures over seeds, groups and seeds drawn again; and the difference from the cell it is
    compared with (None: from none). `steps`: of the optimiser, with those of the cell it started from."""

    name: str
    runs: tuple[str, ...]
    train_clips: int
    steps: int
    epochs: int
    figures: dict[str, Estimate]
    reference: str
    difference: Comparison | None


@dataclass(frozen=True)
class Ablation:
    """All cells on one split. Those of another release were asked about other clips, so no difference is told."""

    split: str
    data_kind: DataKind
    clips: int
    groups: int
    seeds: tuple[int, ...]
    is_underpowered: bool
    results: tuple[Result, ...]

    def table(self) -> str:
        """A Markdown table, one line a cell."""
        lines = [
            "| cell | train clips | steps | accuracy | macro-F1 | UAR | accuracy less the reference's | p |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for one in self.results:
            told = one.difference.of("accuracy") if one.difference else None
            gap = (
                f"{signed(told.difference)} ({one.reference})"
                if told
                else "other clips"
                if one.reference
                else "reference"
            )
            figures = " | ".join(str(one.figures[name]) for name in ("accuracy", "macro_f1", "uar"))
            p = p_told(told.p) if told else ""
            lines.append(f"| {one.name} | {one.train_clips} | {one.steps} | {figures} | {gap} | {p} |")
        return "\n".join(lines) + "\n"


class Machine(NamedTuple):
    """What cells are trained and asked with. Other threads or another device make other runs; workers do not."""

    threads: int = 2
    device: str = "cpu"
    workers: int = 0  # processes that decode ahead


@dataclass(frozen=True)
class Place:
    """Where a cell's run of one seed is, and what it is made of."""

    cell: Cell
    recipe: TrainRecipe
    release: Path
    run: Path
    seed: int
    clips: int
    steps: int


def ablate(
    how: AblateRecipe,
    releases: Sequence[Path],
    out: Path,
    machine: Machine = Machine(),  # noqa: B008 - a frozen value
    tell: Tell = lambda line: None,
) -> Ablation:
    """Train what is missing, and measure all. `RecipeError` for several releases where the recipe takes one; `DatasetError`
    where it needs real clips and there are none."""
    check_ablation(how, releases)
    told: dict[str, list[Outcome]] = {}
    places: dict[str, list[Place]] = {}
    cells = cells_of(how, releases)
    for cell, release in cells:  # what cannot begin is refused before hours of what can
        first = place_of(cell, release, out, how.seeds[0], machine)
        checked_splits(first.recipe, first.release, first.seed)
    for number, (cell, release) in enumerate(cells):
        for seed in how.seeds:
            place = place_of(cell, release, out, seed, machine)
            start = None
            if cell.start:
                start = next(one.run for one in places[cell.start] if one.seed == seed)
                place = _started(place, start)
            tell(f"{number + 1}/{len(cells)} {cell.name}, seed {seed}: {place.clips} clips, {place.steps} steps")
            run_place(place, start, machine, tell)
            places.setdefault(cell.name, []).append(place)
            trained = load(place.run, machine.device)
            told.setdefault(cell.name, []).append(
                ask_split(trained, open_split(trained, place.run, place.release, how.split))
            )
    return _told(how, [cell for cell, _ in cells], told, places)


def cells_of(how: AblateRecipe, releases: Sequence[Path]) -> list[tuple[Cell, Path]]:
    """Every cell with the release it sees."""
    if not how.over_releases:
        return [(cell, releases[0]) for cell in how.resolved()]
    out = []
    for release in (one.absolute() for one in releases):
        for cell in how.resolved():
            tail = "" if cell.name == "base" else f", {cell.name}"
            first = "" if cell.name == "base" else f", {cell.reference or cell.name}"
            told = {"name": f"{release.name}{tail}", "start": f"{release.name}, {cell.start}" if cell.start else ""}
            reference = f"{releases[0].absolute().name}{first}"
            told["reference"] = "" if reference == told["name"] else reference
            out.append((cell.model_copy(update=told), release))
    return out


def place_of(cell: Cell, release: Path, out: Path, seed: int, machine: Machine) -> Place:
    """The view of a cell, made where it is missing, and the folder of its run."""
    of = f"{release_fingerprint(release)}{cell.view.fingerprint()}{seed}"
    seen = make_view(release, cell.view, out / VIEWS / _digest(of), seed)
    rows = read_rows(seen / "manifest" / "train.parquet")
    clips = sum(row.clip.label is not None for row in rows)
    a_pass = math.ceil(clips / cell.train.batch)
    recipe = recipe_of(cell, a_pass)
    run = out / RUNS / _digest(f"{of}{recipe.fingerprint()}{machine.threads}{machine.device}")
    return Place(cell, recipe, seen, run, seed, clips, (recipe.first_epochs + recipe.epochs) * a_pass)


def recipe_of(cell: Cell, a_pass: int) -> TrainRecipe:
    """How a cell is trained, where a pass over its clips takes `a_pass` steps. `cell.steps` are those of both stages, which
    keep their proportion; what starts from another cell has had its first stage and its weights there."""
    first, second = 0 if cell.start else cell.train.first_epochs, cell.train.epochs
    if cell.steps:
        passes = max(1, round(cell.steps / a_pass))
        first = min(passes - 1, round(passes * first / (first + second)))
        second = passes - first
    weights = "" if cell.start else cell.train.picture_weights
    return cell.train.model_copy(update={"video_epochs": first, "epochs": second, "picture_weights": weights})


def run_place(place: Place, start: Path | None, machine: Machine, tell: Tell) -> Run:
    """The run of a place, trained where it is not finished."""

    def quietly(line: str) -> None:
        if not line.startswith("epoch"):
            tell(line)

    if start is None:
        beside = Beside(machine.device, machine.workers)
        return train(place.recipe, place.release, place.run, place.seed, quietly, machine.threads, beside)
    return Run.read(place.run) if (place.run / DONE).is_file() else train_from(start, place, machine, quietly)


def train_from(start: Path, place: Place, machine: Machine, tell: Tell) -> Run:
    """Train on from the kept weights of another run; what they were stands in the run's identity as `pretrained`."""
    recipe, (threads, device, workers) = place.recipe, machine
    splits = checked_splits(recipe, place.release, place.seed, Beside(device, workers))
    classes = splits.train.header.classes
    make_folder(place.run)
    with joined(device) as ranks, stoppable(place.run), alone(place.run, ranks), exact(threads, device):
        torch.manual_seed(torch_seed(place.seed, "weights"))
        model = build_model(recipe, len(classes))
        load_weights(start, model)
        identity = Identity(
            recipe=recipe,
            classes=classes,
            seed=place.seed,
            release=release_fingerprint(place.release),
            threads=threads,
            device=device,
            pretrained=sha256_of_file(start / BEST),
        )
        return fit(model.to(device), splits, identity, place.run, Onlookers(tell, lambda epoch, figures: None, ranks))


def _started(place: Place, start: Path) -> Place:
    """The same from other weights, which are part of what it is made of; their steps count."""
    told = Run.read(start)
    how = told.identity.recipe
    steps = (how.first_epochs + how.epochs) * math.ceil(told.clips["train"] / how.batch)
    run = place.run.with_name(_digest(f"{place.run.name}{sha256_of_file(start / BEST)}"))
    return Place(place.cell, place.recipe, place.release, run, place.seed, place.clips, place.steps + steps)


def _told(
    how: AblateRecipe, cells: Sequence[Cell], told: dict[str, list[Outcome]], places: dict[str, list[Place]]
) -> Ablation:
    results = []
    for cell in cells:
        own, at = told[cell.name], places[cell.name][0]
        against = told.get(cell.reference)
        results.append(
            Result(
                name=cell.name,
                runs=tuple(place.run.name for place in places[cell.name]),
                train_clips=at.clips,
                steps=at.steps,
                epochs=at.recipe.epochs,
                figures=over_runs(own),
                reference=cell.reference,
                difference=compare(own, against) if against and _are_alike(own[0], against[0]) else None,
            )
        )
    first = told[cells[0].name][0]
    groups = int(first.group.max()) + 1
    return Ablation(
        split=how.split,
        data_kind=first.data_kind,
        clips=len(first.clips),
        groups=groups,
        seeds=how.seeds,
        is_underpowered=any(one.difference.is_underpowered for one in results if one.difference) or groups < 30,
        results=tuple(results),
    )


def _are_alike(a: Outcome, b: Outcome) -> bool:
    return [clip.id for clip in a.clips] == [clip.id for clip in b.clips]


def check_ablation(how: AblateRecipe, releases: Sequence[Path]) -> None:
    """`RecipeError` for another number of releases than it takes, `DatasetError` where one holds nothing that it asks for."""
    if len(releases) != 1 and not how.over_releases:
        raise RecipeError(f"this ablation takes one release, came {len(releases)}")
    if how.over_releases and len(releases) < 2:
        raise RecipeError("this ablation compares releases; name two or more of the same clips")
    names = [release.absolute().name for release in releases]
    if len(set(names)) < len(names):
        raise RecipeError(
            f"releases are told apart by their folders' names, came {', '.join(names)}; link one by another"
        )
    for release in releases:
        read_header(release)
        if not how.needs_real:
            continue
        for split in ("train", how.split):
            rows = read_rows(release / "manifest" / f"{split}.parquet")
            if not any(row.clip.label is not None and not row.clip.is_synthetic for row in rows):
                raise DatasetError(
                    f"{release}: {split} holds no real labelled clips; what synthesis is worth can only be said of real ones"
                )


def _digest(told: str) -> str:
    return hashlib.sha256(told.encode()).hexdigest()[:20]
