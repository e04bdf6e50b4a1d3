"""What an audit looks at: every released sample beside its clear original, and what is private about it.

The original is read anew from its source through the private index, by the same chain, with nothing changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gerdata.clip import Clip, Points, Sample
from gerdata.engine.work import Item
from gerdata.errors import DatasetError, GerdataError, UsageError
from gerdata.manifest import Header, Row, clip_from_json, clip_to_json
from gerdata.privacy.work import ProtectWorker
from gerdata.store.dataset import Dataset, rows_of
from gerdata.store.members import decode
from gerdata.store.private import Private

_COLUMNS = ["id", "name", "uri", "offset", "size", "sha256", "start_s", "duration_s", "origin_s", "n_people"]


@dataclass(frozen=True)
class Exhibit:
    """One released sample; its clear original (None where the source is gone); heads and filled boxes of every stored frame,
    `[P, 4]` in stored pixels (None where nothing private is known)."""

    row: Row
    released: Sample
    clear: Sample | None
    heads: tuple[Points, ...] | None
    masks: tuple[Points, ...] | None
    name: str  # of the source, relative to its root; "" where it is not known


@dataclass(frozen=True)
class Evidence:
    """A dataset or a release, and the private folder that belongs to it, if there is one."""

    dataset: Dataset
    header: Header
    rows: tuple[Row, ...]
    private: Private | None

    @classmethod
    def of(cls, dataset: Dataset, private: Private | None, limit: int | None = None) -> "Evidence":
        """The first `limit` rows of a finished dataset; `UsageError` for one that holds no media."""
        header = dataset.header()
        if header.stage == "ingest":
            raise UsageError(f"{dataset.root}: an ingested dataset holds no media; audit what protect made of it")
        return cls(dataset, header, tuple(rows_of(dataset, header)[:limit]), private)

    def exhibits(self) -> Iterator[Exhibit]:
        """One at a time; `DatasetError` where members are damaged."""
        for row in self.rows:
            members = dict(zip(self.header.members, self.dataset.members(row), strict=True))
            told = self.index.get(self.origins.get(row.clip.id, ""))
            boxes = self._boxes.get(row.clip.id)
            yield Exhibit(
                row=row,
                released=decode(members),
                clear=self._clear(row, told) if told else None,
                heads=_frames_of(boxes, "heads"),
                masks=_frames_of(boxes, "masks"),
                name=told["name"].partition("/")[2] if told else "",
            )

    def refused(self) -> Iterator[tuple[Clip, Sample]]:
        """Clips that protection quarantined, with their clear originals; those whose source is gone are left out."""
        for told in self._private_rows:
            if "clip" in told:  # of a written clip only boxes are kept
                clear = self._read(told)
                if clear is not None:
                    yield clip_from_json(told["clip"]), clear

    @cached_property
    def origins(self) -> dict[str, str]:
        """Which id of the private index each row is of: the same in a protected dataset; a release has names of its own,
        which the key gives again. Rows whose source is not known are left out."""
        if self.private is None:
            return {}
        if self.header.stage != "shard":
            return {row.clip.id: row.clip.id for row in self.rows if row.clip.id in self.index}
        own = {row.clip.id for row in self.rows}
        named = {self.private.pseudonym("clip", self.dataset.root.name, one): one for one in self.index}
        return {name: one for name, one in named.items() if name in own}

    @cached_property
    def index(self) -> dict[str, dict[str, Any]]:
        """The private index of sources by id; empty where there is none."""
        if self.private is None:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(self.private.root.glob("*/index.parquet")):
            for entry in pq.read_table(path, columns=_COLUMNS).to_pylist():
                if entry["id"]:
                    found[entry["id"]] = entry
        return found

    @cached_property
    def _private_rows(self) -> tuple[dict[str, Any], ...]:
        """What protection noted for itself alone, of every clip; nothing where any of it is gone."""
        if self.private is None or self.header.stage != "protect":
            return ()
        out: list[dict[str, Any]] = []
        for number in range(len(self.header.parts)):
            try:
                out += self.private.read_rows(self.dataset.root.name, number)
            except DatasetError:
                return ()
        return tuple(out)

    @cached_property
    def _boxes(self) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in self._private_rows if "heads" in one}

    @cached_property
    def _worker(self) -> ProtectWorker:
        px = {"frame_px": (self.rows[0].clip.height_px if self.rows else None) or 224, "n_frames": self.header.n_frames}
        recipe = {"frame_op": "raw_frame", "voice_op": "raw_voice", **px}
        return ProtectWorker({"recipe": recipe, "name": "clear"})

    def _clear(self, row: Row, told: dict[str, Any]) -> Sample | None:
        return self._read({**told, "clip": clip_to_json(row.clip)})

    def _read(self, told: dict[str, Any]) -> Sample | None:
        try:
            (made,) = self._worker.work(Item(told["clip"]["id"], {**told, "secret": ""}), lambda seconds: None)
        except (GerdataError, OSError):
            return None
        return decode(dict(made.members or {}))


def _frames_of(boxes: dict[str, Any] | None, name: str) -> tuple[Points, ...] | None:
    if boxes is None:
        return None
    return tuple(np.array(frame, np.float32).reshape(-1, 4) for frame in boxes[name])
