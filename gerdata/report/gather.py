"""What a workspace holds, as plain values for a page. Reads headers, manifests and runs; no raw media."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gerdata.clip import SPLITS, Sample
from gerdata.errors import DatasetError
from gerdata.manifest import Header, Row
from gerdata.store.audits import AuditDocument, audit_of, audit_of_header
from gerdata.store.coverage import Coverage, coverage_of
from gerdata.store.dataset import HEADER, Dataset, rows_of
from gerdata.store.members import decode


@dataclass(frozen=True)
class Stage:
    """One dataset of the workspace: its header, labels by split (unlabelled last), what an audit of it found, and what it
    covers, where it is synthetic."""

    name: str
    header: Header
    balance: tuple[tuple[str, tuple[int, ...]], ...]
    audit: AuditDocument | None
    coverage: Coverage | None


@dataclass(frozen=True)
class Shown:
    """A sample that may be shown: protected by a recipe that obfuscates, or synthetic."""

    name: str
    sample: Sample


@dataclass(frozen=True)
class Training:
    """A finished run: its `run.json`, its figures by epoch, and what an audit of it found."""

    name: str
    run: dict[str, object]
    curve: tuple[dict[str, float], ...]
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    where: str
    audit: AuditDocument | None


def stages(workspace: Path) -> list[Stage]:
    """The finished datasets of a workspace, in the order of the stages."""
    roots = [workspace / name for name in ("ingested", "protected", "synth")]
    roots += sorted((workspace / "shards").glob("*"))
    return [_stage(root, workspace / "audits") for root in roots if (root / HEADER).is_file()]


def _stage(root: Path, audits: Path) -> Stage:
    header = Dataset(root).header()
    counts = Counter(
        (row.clip.split or "none", row.clip.label or "unlabelled") for row in rows_of(Dataset(root), header)
    )
    labels = (*header.classes, "unlabelled")
    splits = [split for split in (*SPLITS, "none") if any(counts[split, label] for label in labels)]
    name = f"shards/{root.name}" if header.stage == "shard" else root.name
    balance = tuple((split, tuple(counts[split, label] for label in labels)) for split in splits)
    return Stage(name, header, balance, audit_of(Dataset(root), audits), coverage_of(Dataset(root)))


def shown(workspace: Path, each: int) -> tuple[list[Shown], list[str]]:
    """Up to `each` samples of the protected and of the synthetic dataset, spread over labels, and why any set is left out.

    Data that are not obfuscated are never shown.
    """
    out: list[Shown] = []
    left_out: list[str] = []
    for name in ("protected", "synth"):
        dataset = Dataset(workspace / name)
        if not dataset.is_complete():
            continue
        header = dataset.header()
        if "not obfuscated" in header.protection:
            left_out.append(f"{name}: not shown, as it is not obfuscated")
            continue
        for row in _spread(dataset.rows(), each):
            members = dict(zip(header.members, dataset.members(row), strict=True))
            out.append(Shown(name, decode(members)))
    return out, left_out


def _spread(rows: list[Row], n: int) -> list[Row]:
    """`n` rows taken from the labels in turn; the rows are sorted by id, which is as good as by lot."""
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        by_label.setdefault(row.clip.label or "unlabelled", []).append(row)
    turns = [row for turn in zip(*(held[:n] for held in by_label.values()), strict=False) for row in turn]
    return (turns or rows)[:n]


def trainings(workspace: Path) -> list[Training]:
    """The finished runs of a workspace; an unreadable one is a `DatasetError`."""
    out = []
    for path in sorted((workspace / "runs").glob("*/run.json")):
        try:
            run = json.loads(path.read_bytes())
            lines = (path.parent / "metrics.jsonl").read_text().splitlines()
            curve = tuple(json.loads(line) for line in lines)
            figures = run["test"] or run["best"]
            confusion = tuple(tuple(int(n) for n in line) for line in figures["confusion"])
            classes, where = tuple(run["identity"]["classes"]), str(figures["split"])
            audit = audit_of_header(path, workspace / "audits")
            out.append(Training(path.parent.name, run, curve, confusion, classes, where, audit))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{path}: not a run that can be shown ({type(error).__name__})") from None
    return out
