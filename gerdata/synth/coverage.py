"""What a synthetic set covers: its plans counted by class, people, light, layout, loudness over the bed and margin.

Balance by class alone hides that, say, no large group is negative in dim light. Plans of every style are read; an axis that
none of them has is left out.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gerdata.recipe import SynthRecipe
from gerdata.store.coverage import Axis, Cell, Coverage

LIGHT = (0.9, 1.0)  # gain of the picture; both styles draw about .8 to 1.1
SNR_STEP = 0.1  # of the recipe's range: about one standard deviation of the mean of a scene's eight events
MARGIN = (0.15, 0.3)  # of the label's rule, in its own units
SIZE_BINS = 4  # sizes of groups, from the recipe's least to its most, in so many bins
LEAST_EXPECTED = 5.0  # a cell that should hold fewer may be empty by chance (Cochran 1954)
EMPTIEST = 10
UNKNOWN = "unknown"

Plan = Mapping[str, Any]


def coverage_of(plans: Iterable[Plan], recipe: SynthRecipe) -> Coverage:
    """Counts of plans as JSON values. Targets: as many of each class, and of each size from `min_people` to `max_people`.

    Bins of axes without a target are those that occur; a plan that lacks an axis others have is in `unknown`. The emptiest
    pairs are those furthest below what two axes would give that do not know each other (classes and sizes: their targets).
    """
    plans = list(plans)
    sizes = _size_bins(recipe.min_people, recipe.max_people)
    axes, columns = [], []
    for name, (bin_of, known, shares) in _axes(recipe, sizes).items():
        told = [bin_of(plan) for plan in plans]
        if all(one is None for one in told):
            continue
        held = Counter(UNKNOWN if one is None else one for one in told)
        aimed = shares is not None and set(held) <= set(known)
        bins = [one for one in (*known, *sorted(set(held) - set(known))) if aimed or held[one]]
        target = tuple(len(plans) * one for one in shares or ()) if aimed else None
        axes.append(Axis(name=name, bins=tuple(bins), counts=tuple(held[one] for one in bins), target=target))
        columns.append([bins.index(UNKNOWN if one is None else one) for one in told])
    where = np.array(columns, np.int64).reshape(len(axes), len(plans)).T  # [N, axes]
    cells = sorted(Counter(map(tuple, where.tolist())).items())
    return Coverage(
        samples=len(plans),
        axes=tuple(axes),
        possible=math.prod(len(axis.bins) for axis in axes) if axes else 0,
        cells=tuple((*place, count) for place, count in cells),
        emptiest=_emptiest(axes, where),
    )


def covered(texts: Iterable[str | None], recipe: SynthRecipe) -> Coverage:
    """Of plans as rows hold them; a text that is no JSON object is a plan that tells nothing."""
    return coverage_of((_plan(text) for text in texts), recipe)


BinOf = Callable[[Plan], str | None]


def _axes(
    recipe: SynthRecipe, sizes: Sequence[tuple[int, int]]
) -> dict[str, tuple[BinOf, tuple[str, ...], tuple[float, ...] | None]]:
    """By name: which bin a plan is in, the bins in order, and the share of each that the recipe aims at."""
    middle, step = (recipe.min_snr_db + recipe.max_snr_db) / 2, SNR_STEP * (recipe.max_snr_db - recipe.min_snr_db)
    snr_db = (middle - step, middle, middle + step)
    n_sizes = recipe.max_people - recipe.min_people + 1
    return {
        "class": (
            lambda plan: _text(plan.get("label")),
            recipe.classes,
            (1 / len(recipe.classes),) * len(recipe.classes),
        ),
        "people": (
            lambda plan: _size_bin(_people(plan), sizes),
            tuple(map(_size_name, sizes)),
            tuple((high - low + 1) / n_sizes for low, high in sizes),
        ),
        "light": (lambda plan: _bin(_light(plan), LIGHT), _names(LIGHT), None),
        "layout": (lambda plan: _text(plan.get("layout")), (), None),
        "SNR dB": (lambda plan: _bin(_snr_db(plan), snr_db), _names(snr_db), None),
        "margin": (lambda plan: _bin(_number(plan.get("label_margin")), MARGIN), _names(MARGIN), None),
    }


def _emptiest(axes: Sequence[Axis], where: np.ndarray[Any, Any]) -> tuple[Cell, ...]:
    found = []
    for a, b in itertools.combinations(range(len(axes)), 2):
        counts = np.zeros((len(axes[a].bins), len(axes[b].bins)), np.int64)
        np.add.at(counts, (where[:, a], where[:, b]), 1)
        rows, columns = (np.array(axis.target or axis.counts) for axis in (axes[a], axes[b]))
        expected = np.outer(rows, columns) / max(len(where), 1)
        for i, j in np.ndindex(*counts.shape):
            named = {axes[a].name: axes[a].bins[i], axes[b].name: axes[b].bins[j]}
            if expected[i, j] >= LEAST_EXPECTED and counts[i, j] < expected[i, j]:
                found.append(Cell(where=named, count=int(counts[i, j]), expected=round(float(expected[i, j]), 1)))
    return tuple(sorted(found, key=lambda one: one.count / one.expected)[:EMPTIEST])


def _plan(text: str | None) -> Plan:
    try:
        plan = json.loads(text or "{}")
    except ValueError:
        return {}
    return plan if isinstance(plan, dict) else {}


def _people(plan: Plan) -> int | None:
    """How many are in a plan: records, or one record of lists, as plans are stored."""
    people = plan.get("people", plan.get("actors"))
    while isinstance(people, Mapping):
        people = next(iter(people.values()), [])
    return len(people) if isinstance(people, list) else None


def _light(plan: Plan) -> float | None:
    film, camera = plan.get("film"), plan.get("camera")
    gain = film.get("gain") if isinstance(film, Mapping) else None
    return _number(gain if gain is not None else camera.get("light") if isinstance(camera, Mapping) else None)


def _snr_db(plan: Plan) -> float | None:
    """The mean over events; drawn scenes call the level of an event over the bed its gain."""
    events = plan.get("events")
    if isinstance(events, Mapping):
        told = events.get("snr_db", events.get("gain_db"))
    elif isinstance(events, list):
        told = [one.get("snr_db", one.get("gain_db")) for one in events if isinstance(one, Mapping)]
    else:
        return None
    numbers = [float(one) for one in told if _number(one) is not None] if isinstance(told, list) else []
    return float(np.mean(numbers)) if numbers else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _bin(value: float | None, edges: Sequence[float]) -> str | None:
    return None if value is None else _names(edges)[int(np.searchsorted(edges, value, side="right"))]


def _names(edges: Sequence[float]) -> tuple[str, ...]:
    between = (f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges))
    return (f"under {edges[0]:g}", *between, f"{edges[-1]:g} and over")


def _size_bins(least: int, most: int) -> tuple[tuple[int, int], ...]:
    """Least and most of each bin: whole numbers, as even as can be."""
    parts = np.array_split(np.arange(least, most + 1), min(SIZE_BINS, most - least + 1))
    return tuple((int(part[0]), int(part[-1])) for part in parts)


def _size_name(size: tuple[int, int]) -> str:
    return str(size[0]) if size[0] == size[1] else f"{size[0]} to {size[1]}"


def _size_bin(n: int | None, sizes: Sequence[tuple[int, int]]) -> str | None:
    if n is None:
        return None
    inside = (_size_name(size) for size in sizes if size[0] <= n <= size[1])
    return next(inside, f"under {sizes[0][0]}" if n < sizes[0][0] else f"over {sizes[-1][1]}")
