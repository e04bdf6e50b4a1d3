"""Labels: a table with `file,label[,group][,split]`, or the names of class folders."""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gerdata.clip import SPLITS
from gerdata.errors import LabelError
from gerdata.ingest.sources import Source

TABLE_LIMIT_BYTES = 256 << 20
_COLUMNS = ("file", "label", "group", "split")
_SPLIT_WORDS = {**{name: name for name in SPLITS}, "val": "validation", "valid": "validation"}


@dataclass(frozen=True)
class Labelled:
    """What is known of one source before it is opened. None: not told."""

    label: str | None = None
    group: str | None = None
    split: str | None = None


def from_folders(sources: Sequence[Source], classes: Sequence[str]) -> dict[Path, Labelled]:
    """The label of a file is the nearest folder above it, up to the root, that is named like a class."""
    known = {name.casefold(): name for name in classes}
    found = {}
    for source in sources:
        label = next((known[folder.casefold()] for folder in source.folders if folder.casefold() in known), None)
        found[source.path] = Labelled(label)
    return found


def from_table(
    table: Path, sources: Sequence[Source], roots: Sequence[Path], classes: Sequence[str], allow_missing: bool
) -> tuple[dict[Path, Labelled], list[Path], int]:
    """Labels by path, the files that the table names but that are not there, and how many rows name files elsewhere.

    `file` is looked up beside the table, then below each root. Raises `LabelError` with the line for an unknown label, a
    repeated file, a row without a file, a file that is nowhere (unless missing ones are allowed), or a group in two splits.
    """
    offered = {source.path for source in sources}
    found: dict[Path, Labelled] = {}
    lines: dict[Path, int] = {}
    missing: list[tuple[int, str, Path]] = []
    splits: dict[str, str] = {}
    elsewhere = 0
    for line, row in _rows(table):
        told = _labelled(table, line, row, classes)
        if told.group and told.split and splits.setdefault(told.group, told.split) != told.split:
            raise LabelError(f"{table} line {line}: group {told.group!r} is in two splits; a group stays in one")
        path = _locate(row["file"], table, roots)
        if path in lines:
            raise LabelError(f"{table} line {line}: repeats {row['file']!r} of line {lines[path]}; keep one of them")
        lines[path] = line
        if path in offered:
            found[path] = told
        elif os.path.lexists(path):
            elsewhere += 1
        else:
            missing.append((line, row["file"], path))
            found[path] = told
    if missing and not allow_missing:
        line, name, _ = missing[0]
        raise LabelError(
            f"{table} line {line}: names {name!r}, which is neither beside the table nor below the sources"
            + (f" ({len(missing)} such rows)" if len(missing) > 1 else "")
            + "; correct the table, or pass --allow-missing to count them as rejected"
        )
    return found, [path for _, _, path in missing], elsewhere


def _locate(name: str, table: Path, roots: Sequence[Path]) -> Path:
    """Where a row's file is; beside the table when it is nowhere."""
    candidates = [Path(os.path.abspath(base / name)) for base in (table.parent, *roots)]
    return next((path for path in candidates if os.path.lexists(path)), candidates[0])


def _labelled(table: Path, line: int, row: dict[str, str], classes: Sequence[str]) -> Labelled:
    known = {name.casefold(): name for name in classes}
    word = row["label"].casefold()
    if word and word not in known:
        raise LabelError(
            f"{table} line {line}: label {row['label']!r} is unknown; the classes are {', '.join(classes)}"
        )
    split = row.get("split", "").casefold()
    if split and split not in _SPLIT_WORDS:
        raise LabelError(f"{table} line {line}: split {split!r} is unknown; the splits are {', '.join(SPLITS)}")
    return Labelled(known.get(word), row.get("group") or None, _SPLIT_WORDS.get(split))


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Lines and their cells, stripped. Other columns than ours are ignored."""
    reader = csv.reader(io.StringIO(_text(table)), delimiter="\t" if table.suffix == ".tsv" else ",")
    rows: list[tuple[int, dict[str, str]]] = []
    names: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [cell.strip().casefold() for cell in cells]
                if not {"file", "label"} <= set(names):
                    raise LabelError(
                        f"{table} line 1: expected columns file,label[,group][,split], came {','.join(names)}"[:400]
                    )
                continue
            row = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name in _COLUMNS}
            if len(cells) != len(names) or not row["file"]:
                raise LabelError(
                    f"{table} line {reader.line_num}: expected {len(names)} cells and a file, came {len(cells)}"
                )
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise LabelError(f"{table} line {reader.line_num}: {error}") from None
    if not rows:
        raise LabelError(f"{table}: expected rows of file,label[,group][,split], found none")
    return rows


def _text(table: Path) -> str:
    try:
        with table.open("rb") as file:
            data = file.read(TABLE_LIMIT_BYTES + 1)
    except OSError as error:
        raise LabelError(f"{table}: the labels cannot be read ({error.strerror})") from None
    if len(data) > TABLE_LIMIT_BYTES:
        raise LabelError(f"{table}: over {TABLE_LIMIT_BYTES} bytes; split the table")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LabelError(f"{table} line {line}: not UTF-8; save the table as UTF-8") from None
    if "\0" in text:
        raise LabelError(f"{table} line {text[: text.index(chr(0))].count(chr(10)) + 1}: holds a NUL; not a text table")
    return text
