"""Grouped, stratified splits, drawn from identity and seed alone: another key or another order changes nothing."""

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
    """A split for every group identity, whole groups only, labels in proportion.

    `shares` are those of train and validation; test has the rest. Groups go, large ones first and equals in an order
    drawn from the seed, to the split that lacks most of their labels (the greedy rule of scikit-learn's
    StratifiedGroupKFold, with unequal targets). Ties go to the split that lacks most of all, then to the earlier one.
    """
    waiting = sorted(groups, key=lambda g: (-sum(g.labels.values()), digest_of(seed, "split", g.identity)))
    target = dict(zip(SPLITS, (*shares, max(0.0, 1 - sum(shares))), strict=True))
    total: Counter[str] = Counter()
    for group in waiting:
        total.update(group.labels)
    held: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}

    def lacks(split: str, group: Group) -> tuple[float, float]:
        """How much of the group's labels the split lacks, then of all labels; rounded, so that equal shares are equal."""
        own = sum(n * (target[split] * total[label] - held[split][label]) for label, n in group.labels.items())
        return round(own, 6), round(target[split] * total.total() - held[split].total(), 6)

    out = {}
    for group in waiting:
        open_splits = [split for split in SPLITS if target[split] > 1e-9]
        chosen = max(open_splits, key=lambda split: lacks(split, group))
        held[chosen].update(group.labels)
        out[group.identity] = chosen
    return out
