"""`run_part`, the only executor: one part, made by one child process at a time, under limits.

The parent feeds items, notes each start, watches time and memory, and on a crash, hang or bomb records the culprit, cuts
the temporary tar back to the last acknowledged sample, and goes on with a new child. The part appears whole or not at all.
"""

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gerdata.clip import Clip
from gerdata.engine.supervise import Child, Crew, Died
from gerdata.engine.work import Item, PartReport, PartSpec
from gerdata.errors import DatasetError, InterruptedRun
from gerdata.manifest import PART_SCHEMA, Row, write_rows
from gerdata.store import tar as tars
from gerdata.store.commit import commit, locked, make_folder, make_private, temporary_for, write_atomic
from gerdata.store.dataset import sha256_of_file
from gerdata.store.parquet import PARQUET, shard_from_tar

Tick = Callable[[int, int], None]  # written, rejected


def run_part(
    spec: PartSpec, tick: Tick | None = None, stop: threading.Event | None = None, crew: Crew | None = None
) -> PartReport:
    """Make one part, or find that it is made. Any number of callers, threads, processes or hosts may try.

    With a `crew`, children go on to the caller's next part.

    Raises `DatasetError` where another living run holds the part or the disk fails, `InterruptedRun` once `stop` is set.
    """
    rows_path = spec.root / spec.rows
    make_folder(rows_path.parent)
    make_folder(spec.logs)
    with locked(rows_path) as other:
        if other is not None:
            raise DatasetError(
                f"{rows_path.parent}: part {spec.number} is being made by process {other.pid} on {other.host}; wait for "
                f"it, or if it is gone remove {rows_path.parent}/.{rows_path.name}.lock"
            )
        part = _Part(spec, tick or (lambda written, rejected: None), stop or threading.Event())
        if crew is not None:
            return part.make(crew)
        with Crew() as own:
            return part.make(own)


class _Part:
    """The state of one part while it is being made."""

    def __init__(self, spec: PartSpec, tick: Tick, stop: threading.Event) -> None:
        self.spec, self.tick, self.stop = spec, tick, stop
        self.rows: list[Row] = []
        self.private: list[dict[str, Any]] = []
        self.size = 0  # of the temporary tar, up to the last acknowledged sample
        self.temporary = temporary_for(spec.root / spec.tar) if spec.tar else None

    def make(self, crew: Crew) -> PartReport:
        if self.temporary is not None:
            make_folder(self.temporary.parent)
        try:
            if self.temporary is not None:
                self.temporary.write_bytes(b"")
            self._work_through(crew)
            self._commit()
        finally:
            if self.temporary is not None:
                self.temporary.unlink(missing_ok=True)
        written = sum(row.status == "written" for row in self.rows)
        return PartReport(self.spec.number, written, len(self.rows) - written)

    def _work_through(self, crew: Crew) -> None:
        waiting = list(self.spec.items)
        while waiting:
            item = waiting[0]
            try:
                with crew.lent(self.spec, self.temporary, self.size) as child:
                    while waiting:
                        item = waiting.pop(0)
                        self._note("start", item.key)
                        self._take(item, child)
            except Died as death:
                self._note(death.reason, item.key)
                self._reject(item, death.reason, death.detail)
        if self.temporary is not None:
            os.truncate(self.temporary, self.size)

    def _take(self, item: Item, child: Child) -> None:
        """Everything one item makes, acknowledged together."""
        rows: list[Row] = []
        private: list[dict[str, Any]] = []
        for message in child.ask(item, self.stop):
            if "row" in message:
                rows.append(dataclasses.replace(Row.from_json(message["row"]), source=item.key))
                private.append({"id": rows[-1].clip.id, **(message["private"] or {})})
            elif "verdict" in message:
                self._reject(item, message["verdict"], message["detail"])
            elif "done" in message:
                self.size = message["size"]
        self.rows += rows
        self.private += private
        self.tick(1, 0)
        self._note("done", item.key)

    def _reject(self, item: Item, reason: str, detail: str) -> None:
        clip = Clip(id=item.key, group=item.key, label=None, split=None, duration_s=0.0)
        self.rows.append(Row(clip, "rejected", reason, detail or None, source=item.key))
        self.private.append({"id": item.key, **item.payload})
        self.tick(0, 1)

    def _commit(self) -> None:
        if self.stop.is_set():
            raise InterruptedRun("stopped; run the same command again to go on")
        spec = self.spec
        digest = self._commit_shard(spec.root / spec.tar) if spec.tar is not None else ""
        if spec.private is not None:
            make_private(spec.private)
            text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in self.private)
            write_atomic(spec.private / f"{spec.number:05d}.jsonl", text.encode("ascii"), mode=0o600)
        rows_path = spec.root / spec.rows
        temporary = temporary_for(rows_path)
        try:
            schema = PART_SCHEMA.with_metadata({"gerdata_tar_sha256": digest})
            write_rows(temporary, self.rows, schema)
            commit(temporary, rows_path)
        finally:
            temporary.unlink(missing_ok=True)

    def _commit_shard(self, path: Path) -> str:
        """The finished tar under its final name, or the Parquet file made of it; its SHA-256."""
        temporary = self.temporary
        assert temporary is not None
        tars.finish(temporary)
        if path.suffix == PARQUET:
            whole = temporary_for(path.with_suffix(".whole"))
            try:
                self.rows = shard_from_tar(temporary, self.rows, self.spec.members, whole)
                digest = sha256_of_file(whole)
                commit(whole, path)
            finally:
                whole.unlink(missing_ok=True)
            return digest
        digest = sha256_of_file(temporary)
        commit(temporary, path)
        return digest

    def _note(self, event: str, key: str) -> None:
        """One line in the journal of this part; times belong to logs alone."""
        line = {"t": round(time.time(), 3), "event": event, "item": key}
        with (self.spec.logs / f"{self.spec.number:05d}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
