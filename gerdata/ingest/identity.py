"""Who is who, once everything is known: identical files, groups, splits, public names.

A source is known by (sha256 of its bytes, ordinal among identical files, segment). Splits are drawn from that and the
seed; ids and groups are keyed. Identical files share a group, so that a duplicate cannot cross a split.
"""

import dataclasses
from collections import Counter, defaultdict
from typing import Any

from gerdata.manifest import Row
from gerdata.recipe import IngestRecipe
from gerdata.splits import Group, assign
from gerdata.store.private import Private

RELEASE = "workspace"


def settle(
    rows: list[Row], told: dict[str, dict[str, Any]], recipe: IngestRecipe, seed: int, private: Private
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Final rows, and the private index: one entry a row, final id first. `told` is keyed by provisional id."""
    written = [row for row in rows if row.status == "written"]
    ordinals = _ordinals(written, told)
    groups = _groups(written, told)
    splits = _splits(written, groups, recipe, seed)
    out, index = [], []
    for row in rows:
        entry = told[row.clip.id]
        clip = row.clip
        if row.status == "written":
            group = groups[row.source]
            ordinal = ordinals[row.source]
            clip = dataclasses.replace(
                clip,
                id=private.pseudonym("clip", RELEASE, entry["sha256"], ordinal, entry["segment"]),
                group=private.pseudonym("group", RELEASE, group),
                split=clip.split or splits[group],
            )
            entry = {**entry, "ordinal": ordinal}
        out.append(dataclasses.replace(row, clip=clip))
        index.append({**entry, "id": clip.id, "status": row.status, "reason": row.reason, "detail": row.detail})
    return out, index


def _ordinals(rows: list[Row], told: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The place of each source among the files of the same bytes, in order of name."""
    same: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        entry = told[row.clip.id]
        same[entry["sha256"]].add((entry["name"], row.source))
    return {source: n for twins in same.values() for n, (_, source) in enumerate(sorted(twins))}


def _groups(rows: list[Row], told: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The group identity of each source: the least sha256 of all sources that are tied by bytes or by a named group."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row in rows:
        entry = told[row.clip.id]
        ties = [f"bytes {entry['sha256']}"] + ([f"group {entry['group']}"] if entry["group"] else [])
        for tie in ties:
            parent[root(tie)] = root(f"source {row.source}")
    least: dict[str, str] = {}
    for row in rows:
        node, sha256 = root(f"source {row.source}"), told[row.clip.id]["sha256"]
        least[node] = min(least.get(node, sha256), sha256)
    return {row.source: least[root(f"source {row.source}")] for row in rows}


def _splits(rows: list[Row], groups: dict[str, str], recipe: IngestRecipe, seed: int) -> dict[str, str]:
    """Splits of all groups; one that the labels table gave for any of its clips stands for the whole group."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    given: dict[str, str] = {}
    for row in rows:
        labels[groups[row.source]][row.clip.label or "unlabelled"] += 1
        if row.clip.split:
            given[groups[row.source]] = row.clip.split
    free = [Group(name, counts) for name, counts in labels.items() if name not in given]
    return {**given, **assign(free, (recipe.train_share, recipe.validation_share), seed)}
