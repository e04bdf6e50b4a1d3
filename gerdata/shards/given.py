"""Rows of an earlier release that another is made after: `--from-manifest`.

A media-free release names its samples by keyed pseudonyms. Who holds the key and the datasets finds each sample again by
its name; a synthetic one is found by its plan as well, without any key. What is not found, or is no longer what the row
says, is rejected and counted.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gerdata.clip import SPLITS
from gerdata.engine.work import Item
from gerdata.errors import UsageError
from gerdata.manifest import CLIP_COLUMNS, Header, Pool, Row, clip_to_json, read_rows
from gerdata.shards.choose import Chosen
from gerdata.shards.measured import MEASURES
from gerdata.shards.names import LABELS, item_of, name_in
from gerdata.store.dataset import Dataset, rows_of
from gerdata.store.members import LIMBS, POSE_RELEASED, STRUCTURE, is_key
from gerdata.store.private import Private

_RENAMED = ("id", "group", "split")


@dataclass(frozen=True)
class Given:
    """Rows in the order they are to have, and the header of their release; None where a table alone was given."""

    rows: tuple[Row, ...]
    header: Header | None

    @property
    def pool(self) -> Pool:
        """What the earlier release was chosen from; the rows themselves where nobody knows."""
        told = self.header.pool if self.header is not None else None
        return told or Pool(clips=len(self.rows), chosen=len(self.rows), left_out={})

    def members(self, here: Sequence[str]) -> tuple[str, ...]:
        """The members of the earlier release, of those that the datasets here have: where real people were in it, structure was
        not, and their limb maps only where that was marked."""
        had_people = self.header is not None and any(one["stage"] == "protect" for one in self.header.parents)
        if self.header is None or not had_people:
            return tuple(here)
        instead = [LIMBS] if POSE_RELEASED in self.header.protection else []
        return tuple(one for name in here for one in (instead if name == STRUCTURE else [name]))

    def fingerprint(self) -> dict[str, str]:
        """What a table alone adds to a release's fingerprint; a whole release is known by its own, and by what chose it."""
        if self.header is not None:
            return {name: told for name, told in self.header.fingerprint.items() if name == MEASURES}
        names = "\n".join(f"{row.clip.id} {row.clip.split}" for row in self.rows)
        return {"rows": hashlib.sha256(names.encode()).hexdigest()}


def read_given(path: Path) -> Given:
    """A release's folder, or one table with the columns of a manifest. `UsageError` for what is neither."""
    if path.is_dir():
        header = Dataset(path).header()
        if header.stage != "shard":
            raise UsageError(f"{path}: expected a release or its manifest, this is a dataset of '{header.stage}'")
        return _ordered(rows_of(Dataset(path), header), header, path)
    return _ordered(read_rows(path), None, path)


def matched(given: Given, pool: Sequence[Chosen], private: Private, release: str) -> list[tuple[Chosen, Item]]:
    """Each given row with the sample it names. Labels that a row keeps back are those of the sample."""
    by_name = {name_in(release, one, private): one for one in pool}
    by_plan = {one.clip.plan: one for one in pool if one.clip.is_synthetic and one.clip.plan is not None}
    out = []
    for row in given.rows:
        one = by_name.get(row.clip.id) or by_plan.get(row.clip.plan or "")
        told = clip_to_json(row.clip)
        if one is None:
            out.append(
                (Chosen(row.clip, -1, "", (), ()), item_of(told, Chosen(row.clip, -1, "", (), ()), "source-missing"))
            )
            continue
        ours = clip_to_json(one.clip) | {name: told[name] for name in _RENAMED}
        kept_back = [name for name in LABELS if told[name] is None]
        is_same = all(ours[name] == told[name] for name in CLIP_COLUMNS if name not in kept_back)
        placed = one.into(str(row.clip.split))
        out.append((placed, item_of(ours, placed, "" if is_same else "source-changed")))
    return out


def _ordered(rows: Sequence[Row], header: Header | None, path: Path) -> Given:
    """Rows split by split, each in the order it came in; `val` is validation."""
    rows = [
        replace(row, clip=replace(row.clip, split="validation")) if row.clip.split == "val" else row for row in rows
    ]
    if odd := [row.clip.id for row in rows if row.clip.split not in SPLITS]:
        raise UsageError(f"{path}: row {odd[0]} has no split; one of {', '.join(SPLITS)} is needed")
    if odd := [row.clip.id for row in rows if not (is_key(row.clip.id) and is_key(row.clip.group))]:
        raise UsageError(f"{path}: row {odd[0][:64]!r} has a name that no sample has")
    if len({row.clip.id for row in rows}) != len(rows):
        raise UsageError(f"{path}: an id is in it twice")
    return Given(tuple(row for split in SPLITS for row in rows if row.clip.split == split), header)
