"""Grouped, stratified splits and folds, drawn from identity and seed alone: another key or order changes nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gerdata.chance import digest_of
from gerdata.clip import SPLITS


@dataclass(frozen=True)
class Group:
    """Clips filmed together: an identity without any key, and how many clips of each label."""

    identity: str
    labels: Mapping[str, int]


def assign(groups: Iterable[Group], shares: tuple[float, float], seed: int) -> dict[str, str]:
    """A split for every group identity. `shares` are those of train and validation; test has the rest."""
    targets = dict(zip(SPLITS, (*shares, max(0.0, 1 - sum(shares))), strict=True))
    return deal(groups, targets, seed, "split")


def assign_folds(groups: Iterable[Group], n: int, seed: int) -> dict[str, int]:
    """A fold of 1..n for every group identity, of equal sizes."""
    dealt = deal(groups, {str(fold): 1 / n for fold in range(1, n + 1)}, seed, "fold")
    return {identity: int(fold) for identity, fold in dealt.items()}


def deal(groups: Iterable[Group], targets: Mapping[str, float], seed: int, purpose: str) -> dict[str, str]:
    """A heap of `targets` (name to share) for every group identity, whole groups only, labels in proportion.

    Groups go, large ones first and equals in an order drawn from the seed, to the heap that lacks most of their labels
    (the greedy rule of scikit-learn's StratifiedGroupKFold, with unequal targets). Ties go to the heap that lacks most of
    all, then to the earlier one.
    """
    waiting = sorted(groups, key=lambda g: (-sum(g.labels.values()), digest_of(seed, purpose, g.identity)))
    total: Counter[str] = Counter()
    for group in waiting:
        total.update(group.labels)
    held: dict[str, Counter[str]] = {name: Counter() for name in targets}
    n_held = dict.fromkeys(targets, 0)
    whole = total.total()

    def lacks(name: str, group: Group) -> tuple[float, float]:
        """How much of the group's labels the heap lacks, then of all labels; rounded, so that equal shares are equal."""
        own = sum(n * (targets[name] * total[label] - held[name][label]) for label, n in group.labels.items())
        return round(own, 6), round(targets[name] * whole - n_held[name], 6)

    out = {}
    for group in waiting:
        wanting = [name for name in targets if targets[name] > 1e-9]
        chosen = max(wanting, key=lambda name: lacks(name, group))
        held[chosen].update(group.labels)
        n_held[chosen] += sum(group.labels.values())
        out[group.identity] = chosen
    return out
