"""Who is who, once everything is known: identical files, near-duplicates, groups, splits, folds, public names.

A source is known by (sha256 of its bytes, ordinal among identical files, segment). Splits are drawn from that and the
seed; ids and groups are keyed. What was recorded together, as far as it can be known, shares a group, so that no copy of
a clip sits in another split.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from gerdata.manifest import Row
from gerdata.recipe import IngestRecipe
from gerdata.splits import Group, assign, assign_folds
from gerdata.store.private import Private

RELEASE = "workspace"


@dataclass(frozen=True)
class Ties:
    """Clips (by provisional id) that are near-duplicates of each other: clip to the name of its cluster."""

    cluster_of: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Leak:
    """One group that official splits have torn apart: reported, never changed."""

    kind: str  # bytes, near-duplicate or group
    splits: tuple[str, ...]
    n_clips: int
    names: tuple[str, ...]  # private


class Known(NamedTuple):
    """What must be known in private of every clip at once; small, because it is held for a whole set."""

    sha256: str | None
    name: str
    group: str | None
    segment: int | None


@dataclass(frozen=True)
class Settled:
    """Final rows, in the order given; the place of each source among files of the same bytes; and what leaks."""

    rows: list[Row]
    ordinals: dict[str, int]
    leaks: list[Leak]


def settle(
    rows: list[Row], told: dict[str, Known], ties: Ties, recipe: IngestRecipe, seed: int, private: Private
) -> Settled:
    """Give every clip its group, split, fold and names. `told` is what is known in private, by provisional id."""
    written = [row for row in rows if row.status == "written"]
    ordinals = _ordinals(written, told)
    groups = _groups(written, told, ties)
    splits, folds = _splits(written, groups, recipe, seed)
    out = []
    for row in rows:
        clip = row.clip
        if row.status == "written":
            entry, group = told[clip.id], groups[row.source]
            clip = dataclasses.replace(
                clip,
                id=private.pseudonym("clip", RELEASE, str(entry.sha256), ordinals[row.source], entry.segment or 0),
                group=private.pseudonym("group", RELEASE, group),
                split=clip.split or splits[group],
                fold=clip.fold if clip.fold is not None else folds.get(group),
            )
        out.append(dataclasses.replace(row, clip=clip))
    return Settled(out, ordinals, find_leaks(written, told, ties))


def _ordinals(rows: list[Row], told: dict[str, Known]) -> dict[str, int]:
    """The place of each source among the files of the same bytes, in order of name."""
    same: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        entry = told[row.clip.id]
        same[str(entry.sha256)].add((entry.name, row.source))
    return {source: n for twins in same.values() for n, (_, source) in enumerate(sorted(twins))}


def _ties_of(row: Row, entry: Known, ties: Ties) -> list[tuple[str, str]]:
    """What ties a clip to others: its bytes, its named group, its near-duplicates."""
    tied = [("bytes", str(entry.sha256))]
    tied += [("group", entry.group)] if entry.group else []
    tied += [("near-duplicate", ties.cluster_of[row.clip.id])] if row.clip.id in ties.cluster_of else []
    return tied


def _groups(rows: list[Row], told: dict[str, Known], ties: Ties) -> dict[str, str]:
    """The group identity of each source: the least sha256 of all sources that anything ties together."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row in rows:
        for kind, name in _ties_of(row, told[row.clip.id], ties):
            parent[root(f"{kind} {name}")] = root(f"source {row.source}")
    least: dict[str, str] = {}
    for row in rows:
        node, sha256 = root(f"source {row.source}"), str(told[row.clip.id].sha256)
        least[node] = min(least.get(node, sha256), sha256)
    return {row.source: least[root(f"source {row.source}")] for row in rows}


def _splits(
    rows: list[Row], groups: dict[str, str], recipe: IngestRecipe, seed: int
) -> tuple[dict[str, str], dict[str, int]]:
    """Splits and folds of all groups. A split that was told for any clip of a group stands for its clips without one."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    given: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        labels[groups[row.source]][row.clip.label or "unlabelled"] += 1
        if row.clip.split:
            given[groups[row.source]][row.clip.split] += 1
    chosen = {group: max(sorted(counts), key=counts.__getitem__) for group, counts in given.items()}
    free = [Group(name, counts) for name, counts in labels.items() if name not in chosen]
    splits = {**chosen, **assign(free, (recipe.train_share, recipe.validation_share), seed)}
    if recipe.folds < 2:
        return splits, {}
    everyone = [Group(name, counts) for name, counts in labels.items()]
    return splits, assign_folds(everyone, recipe.folds, seed)


def find_leaks(rows: Iterable[Row], told: dict[str, Known], ties: Ties) -> list[Leak]:
    """What ties clips of several told splits together, by kind, largest first."""
    held: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.clip.split:
            for tie in _ties_of(row, told[row.clip.id], ties):
                held[tie].append(row)
    leaks = []
    for (kind, _), tied in held.items():
        splits = tuple(sorted({str(row.clip.split) for row in tied}))
        if len(splits) > 1:
            names = tuple(sorted({told[row.clip.id].name for row in tied}))
            leaks.append(Leak(kind, splits, len(tied), names))
    return sorted(leaks, key=lambda leak: (leak.kind, -leak.n_clips, leak.names))
