"""What a public corpus should hold, and whether it was all found: `manifests/expected/NAME.json`.

Counts are taken from what tables and folders name, before anything is left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from gerdata.clip import SPLITS
from gerdata.errors import RecipeError

FILE_LIMIT_BYTES = 64 << 10
Found = Mapping[str, Mapping[str, int]]  # files by split ("": not told) and class ("": none, "dropped")


class Expected(BaseModel):
    """Published counts. `is_verified`: read in a publication of the corpus; else recollected or inferred.

    `labels` are counts by split and class; their own `are_labels_verified` says the same of them. `total` is all files,
    where splits are not known or depend on a fold. `source` says where the numbers come from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    splits: dict[str, int]
    labels: dict[str, dict[str, int]] | None = None
    total: int | None = None
    source: str
    is_verified: bool
    are_labels_verified: bool = False


class Comparison(NamedTuple):
    """One sentence, and whether all expected counts were found."""

    text: str
    is_same: bool


def expected_dir() -> Path:
    """Where the expected counts lie: inside the wheel, or at the top of a checkout."""
    inside = Path(__file__).parent.parent / "expected"
    return inside if inside.is_dir() else Path(__file__).parent.parent.parent / "manifests" / "expected"


def expected_names() -> list[str]:
    """The corpora whose counts are known, sorted."""
    return sorted(path.stem for path in expected_dir().glob("*.json"))


def read_expected(name: str) -> Expected:
    """The expected counts that a recipe names. `RecipeError` where there is no such file or it is not one of ours."""
    path = expected_dir() / f"{name}.json"
    if name not in expected_names():
        raise RecipeError(f"no expected counts {name!r}; there are {', '.join(expected_names()) or 'none'}")
    with path.open("rb") as file:
        text = file.read(FILE_LIMIT_BYTES + 1)
    try:
        expected = Expected.model_validate_json(text)
    except ValidationError as error:
        raise RecipeError(f"{path}: not a table of expected counts ({error.errors()[0]['msg']})") from None
    unknown = sorted({*expected.splits, *(expected.labels or {})} - {*SPLITS, ""})
    if unknown:
        raise RecipeError(f"{path}: split {unknown[0]!r} is unknown; the splits are {', '.join(SPLITS)}")
    return expected


def compare(expected: Expected, found: Found) -> Comparison:
    """Expected against found, as in `expected 2661/766/756 (train/validation/test), found 2661/766/750`."""
    sums = {split: sum(by_label.values()) for split, by_label in found.items()}
    parts, is_same = [], True
    if expected.splits:
        names = [name for name in (*SPLITS, "") if name in expected.splits or sums.get(name)]
        wanted, came = ([str(of.get(name, 0)) for name in names] for of in (expected.splits, sums))
        named = "/".join(name or "no split" for name in names)
        parts.append(f"expected {'/'.join(wanted)} ({named}), found {'/'.join(came)}")
        is_same = wanted == came
    if expected.total is not None:
        total = sum(sums.values())
        parts.append(f"expected {expected.total} in all, found {total}")
        is_same = is_same and total == expected.total
    for split, by_label in (expected.labels or {}).items():
        came_labels = {name: found.get(split, {}).get(name, 0) for name in by_label}
        if came_labels != by_label:
            wanted_text, came_text = (
                ", ".join(f"{n} {name}" for name, n in of.items()) for of in (by_label, came_labels)
            )
            doubt = "" if expected.are_labels_verified else " (not verified)"
            parts.append(f"{split or 'in all'}: expected {wanted_text}{doubt}, found {came_text}")
            is_same = False
    text = "; ".join(parts) or "nothing is expected"
    return Comparison(text + ("" if expected.is_verified else "; the expected counts are not verified"), is_same)
