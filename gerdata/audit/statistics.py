"""Bounds and error rates of attacks.

Bounds are of 95 %, two-sided; where trials hang together (several pictures of a person) whole people are drawn again.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from gerdata.store.audits import Figure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DRAWS = 1000


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial rate (Clopper and Pearson 1934); of no trials (0, 1)."""
    if not 0 <= hits <= n:
        raise ValueError(f"expected 0 <= hits <= n, came {hits} of {n}")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def rate(name: str, hits: int, n: int, chance: float | None = None) -> Figure:
    """A share of independent trials; NaN of none."""
    return Figure(name, hits / n if n else float("nan"), *clopper_pearson(hits, n), n, chance)


def clustered(
    name: str,
    hit: Bools | Floats,
    cluster: Ints,
    rng: np.random.Generator,
    chance: float | None = None,
    size: Floats | None = None,
) -> Figure:
    """A share of trials `hit: [N]` that hang together by `cluster: [N]`: clusters drawn again 1000 times, percentiles.

    `size: [N]`: of how many each hit is a count (words of a clip); 1 by default. Where all clusters agree (no hit at all, or
    only hits) drawing again shows no spread; then the exact interval of as many independent trials as there are clusters
    holds. One cluster alone says nothing of others.
    """
    size = np.ones(len(hit)) if size is None else size
    if not size.sum():
        return Figure(name, float("nan"), 0.0, 1.0, 0, chance)
    names, place = np.unique(cluster, return_inverse=True)
    hits, sizes = np.bincount(place, hit), np.bincount(place, size)
    drawn = rng.integers(0, len(names), (DRAWS, len(names)))
    low, high = np.percentile(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [2.5, 97.5])
    if (hit == size).all() or (hit == 0).all():
        low, high = clopper_pearson(len(names) if (hit == size).all() else 0, len(names))
    elif len(names) == 1:
        low, high = 0.0, 1.0
    return Figure(name, float(hit.sum() / size.sum()), float(low), float(high), int(size.sum()), chance)


def named_right(name: str, told: Ints, true: Ints, rng: np.random.Generator, cluster: Ints | None = None) -> Figure:
    """How often `told: [N]` names the `true: [N]` of C identities, beyond what naming one of them more often than others
    brings: chance + mean(right - share of all trials that name this one), people drawn again.

    One who always says the same is right in 1/C of the trials, all of one person; drawing people again would take that for
    a leak of up to 3/C. Here it is 1/C with no spread; of somebody who is always right it is 1. `cluster: [N]`: what is
    drawn again, where it is not those who are named.
    """
    n = len(np.unique(true))
    cluster = true if cluster is None else cluster
    favour = {one: float(np.mean(told == one)) for one in np.unique(true)}
    beyond = (told == true).astype(np.float64) - np.array([favour[one] for one in true])
    figure = clustered(name, beyond, cluster, rng, 1 / n)
    low, high = figure.low, figure.high
    if not beyond.any():
        low = high = 0.0
    elif (told == true).all():
        clusters = len(np.unique(cluster))
        low = clopper_pearson(clusters, clusters)[0] - 1 / n
    value, low, high = (float(np.clip(one + 1 / n, 0, 1)) for one in (figure.value, low, high))
    return Figure(name, value, low, high, len(true), 1 / n)


def permuted(told: Ints, truth: Ints, rng: np.random.Generator, times: int = 200) -> float:
    """The accuracy that 97.5 % of `times` permutations of the true labels `[N]` stay under: what chance reaches."""
    if not len(truth):
        return float("nan")
    return float(np.percentile([np.mean(told == rng.permutation(truth)) for _ in range(times)], 97.5))


def equal_error_rate(scores: Floats, is_same: Bools) -> float:
    """Where false accepts and false rejects are equal, for `scores: [N]`, high for the same; NaN of one kind only."""
    false_accept, false_reject = _errors(scores, is_same)
    if np.isnan(false_accept).any() or np.isnan(false_reject).any():
        return float("nan")
    at = int(np.argmin(np.abs(false_accept - false_reject)))
    return float((false_accept[at] + false_reject[at]) / 2)


def true_accepts(scores: Floats, is_same: Bools, false_accepts: float = 0.01) -> float:
    """The share of same pairs accepted where at most `false_accepts` of the different pairs are."""
    false_accept, false_reject = _errors(scores, is_same)
    if np.isnan(false_accept).any() or np.isnan(false_reject).any():
        return float("nan")
    return float(1 - false_reject[false_accept <= false_accepts].min(initial=1.0))


def _errors(scores: Floats, is_same: Bools) -> tuple[Floats, Floats]:
    """Rates of false accepts and false rejects at each threshold, from above the highest score downwards."""
    order = np.argsort(-scores, kind="stable")
    same, other = int(is_same.sum()), int((~is_same).sum())
    if not same or not other:
        nothing = np.array([np.nan])
        return nothing, nothing
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # equal scores are accepted together
    accepted = np.cumsum(is_same[order])[last]
    false_accept = np.concatenate([[0.0], (last + 1 - accepted) / other])
    return false_accept, np.concatenate([[1.0], 1 - accepted / same])


def spread(
    of: Callable[[Ints], float], n_clusters: int, rng: np.random.Generator, times: int = 200
) -> tuple[float, float]:
    """95 % interval of a figure that is computed from the chosen clusters: `of(chosen: int [n_clusters])`, drawn again."""
    drawn = [of(rng.integers(0, n_clusters, n_clusters)) for _ in range(times)]
    values = np.array([one for one in drawn if np.isfinite(one)])
    if not len(values):
        return 0.0, 1.0
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
