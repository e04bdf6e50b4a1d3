"""How finished samples are mixed, split and ordered. Pure: rows in, rows out; `select` calls it on what passed its filters."""

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gerdata.chance import digest_of
from gerdata.clip import SPLITS, Clip
from gerdata.errors import UsageError
from gerdata.recipe import ShardRecipe
from gerdata.splits import Group, assign
from gerdata.store.plans import assets_of


@dataclass(frozen=True)
class Chosen:
    """One sample of a release: its clip with the split it goes to, and where its bytes come from."""

    clip: Clip
    parent: int
    shard: str
    member_offset: tuple[int, ...]
    member_length: tuple[int, ...]

    def into(self, split: str) -> "Chosen":
        """The same sample in a split."""
        return dataclasses.replace(self, clip=dataclasses.replace(self.clip, split=split))


def n_synthetic(n_real: int, rate: float) -> int:
    """How many synthetic samples make up a share `rate` beside `n_real` real ones: round(n_real * rate / (1 - rate)),
    the papers' rule (0.3 beside 2,661 gives 1,140)."""
    if not 0 <= rate < 1:
        raise UsageError(f"--synthetic-rate {rate}: expected a share from 0 up to, but not including, 1")
    return round(n_real * rate / (1 - rate))


def apportion(total: int, weights: Counter[str]) -> dict[str, int]:
    """`total` in whole numbers in proportion to the weights, by largest remainder; ties go by name."""
    whole = sum(weights.values())
    exact = {name: total * weight / whole for name, weight in weights.items()}
    out = {name: math.floor(value) for name, value in exact.items()}
    by_rest = sorted(exact, key=lambda name: (out[name] - exact[name], name))
    for name in by_rest[: total - sum(out.values())]:
        out[name] += 1
    return out


def mix(real: Sequence[Chosen], synthetic: Sequence[Chosen], rate: float, seed: int) -> list[Chosen]:
    """Real samples in their own splits, and synthetic ones into train only, so that they are `rate` of it.

    Drawn by label in the proportions of the real training labels. Too few of a label is a `UsageError` with the number.
    """
    train = [one for one in real if one.clip.split == "train" and one.clip.label is not None]
    wanted = apportion(n_synthetic(len(train), rate), Counter(str(one.clip.label) for one in train)) if train else {}
    by_label: dict[str, list[Chosen]] = defaultdict(list)
    for one in sorted(synthetic, key=lambda one: digest_of(seed, "mix", one.clip.id)):
        by_label[str(one.clip.label)].append(one)
    lacking = {label: n - len(by_label[label]) for label, n in wanted.items() if n > len(by_label[label])}
    if lacking:
        told = ", ".join(f"{n} {label}" for label, n in sorted(lacking.items()))
        raise UsageError(
            f"--synthetic-rate {rate} beside {len(train)} real training clips needs {sum(wanted.values())} synthetic "
            f"samples; {sum(lacking.values())} are missing ({told}); make more with gerdata synth, or ask for a lower rate"
        )
    taken = [one.into("train") for label, n in sorted(wanted.items()) for one in by_label[label][:n]]
    return [*real, *taken]


def split_synthetic(synthetic: Sequence[Chosen], recipe: ShardRecipe, seed: int) -> list[Chosen]:
    """Splits for a purely synthetic release: by cast, so that no drawn person, place or voice is in two of them. Casts that
    share an asset (a background of a bank, say) are dealt as one."""
    heap_of = _heaps(synthetic)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for one in synthetic:
        labels[heap_of[one.clip.group]][str(one.clip.label)] += 1
    groups = [Group(name, counts) for name, counts in labels.items()]
    split_of = assign(groups, (recipe.train_share, recipe.validation_share), seed)
    return [one.into(split_of[heap_of[one.clip.group]]) for one in synthetic]


def _heaps(chosen: Sequence[Chosen]) -> dict[str, str]:
    """Groups that share an asset, however far along, under the first of their names."""
    parent = {one.clip.group: one.clip.group for one in chosen}

    def top(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    first: dict[str, str] = {}
    for one in sorted(chosen, key=lambda one: one.clip.group):
        for asset in assets_of(one.clip.plan):
            a, b = top(one.clip.group), top(first.setdefault(asset, one.clip.group))
            parent[max(a, b)] = min(a, b)
    return {name: top(name) for name in parent}


def order(chosen: Sequence[Chosen], rank_of: Callable[[str], str]) -> list[Chosen]:
    """All samples, split by split, each by the rank of its id, over the whole of it. The rank is keyed: an order that follows
    from a public seed would be the same in every release, and match their rows to one another."""
    rank = {split: number for number, split in enumerate(SPLITS)}
    without = [one.clip.id for one in chosen if one.clip.split not in rank]
    if without:
        raise UsageError(
            f"{len(without)} samples have no split (the first is {without[0]}); ingest gives every clip one"
        )
    return sorted(chosen, key=lambda one: (rank[str(one.clip.split)], rank_of(one.clip.id)))
