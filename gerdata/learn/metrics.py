"""Accuracy, macro-F1, unweighted average recall and the confusion matrix of predicted classes."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

DataKind = Literal["synthetic", "real", "mixed"]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Metrics:
    """Figures of one model on one split. `data_kind` says what the clips were, so that no figure travels without it.

    `accuracy_low` and `accuracy_high` bound the accuracy: Wilson's 95 % interval. `confusion[i][j]` counts the clips of
    class i that were called j.
    """

    split: str
    data_kind: DataKind
    clips: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    uar: float
    confusion: tuple[tuple[int, ...], ...]


def measure(truth: Ids, called: Ids, classes: int, split: str, data_kind: DataKind) -> Metrics:
    """All figures of `called` against `truth`, both int64 [N] of class indices; N must not be 0."""
    table = confusion_of(truth, called, classes)
    right = int(np.trace(table))
    low, high = wilson_interval(right, len(truth))
    return Metrics(
        split=split,
        data_kind=data_kind,
        clips=len(truth),
        accuracy=right / len(truth),
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=macro_f1_of(table),
        uar=uar_of(table),
        confusion=tuple(tuple(int(count) for count in line) for line in table),
    )


def confusion_of(truth: Ids, called: Ids, classes: int) -> Ids:
    """int64 [classes, classes]: row is the truth, column what it was called."""
    return np.bincount(truth * classes + called, minlength=classes * classes).reshape(classes, classes)


def macro_f1_of(table: Ids) -> float:
    """Mean F1 over the classes that occur in truth or prediction; a class that is never right counts as 0."""
    hits, told = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    occurs = told > 0
    return float(np.mean(2 * hits[occurs] / told[occurs]))


def uar_of(table: Ids) -> float:
    """Unweighted average recall over the classes that occur in the truth (balanced accuracy)."""
    true = table.sum(axis=1)
    occurs = true > 0
    return float(np.mean(np.diag(table)[occurs] / true[occurs]))


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); stays inside [0, 1] and is honest at 0 and n."""
    z = 1.959963984540054
    share, scale = right / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # rounding must not exclude 0 or n
