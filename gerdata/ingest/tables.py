"""Tables of labels as rows: CSV, TSV, space-separated text, id lists, JSON Lines and Parquet.

A table is data from elsewhere: it is read within a size limit, as plain text cells, and refused with the line where it
is not what it should be. Nothing in it is ever run, and no cell is opened.
"""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.errors import LabelError, RejectedInput
from gerdata.media.address import Address, filesystem_of, open_bytes
from gerdata.recipe.dialect import FOLD, SEPARATORS, LabelTable

TABLE_LIMIT_BYTES = 256 << 20
PARQUET_ROWS_LIMIT = 10_000_000
_BATCH_ROWS = 1024
_GUESSES = {".tsv": ("tab",), ".csv": ("comma", "semicolon", "tab")}
Row = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class FoundTable:
    """A table below a root: number of the root, its path or URL, and the fold that its name tells."""

    root: int
    where: str
    fold: int | None = None


def find_tables(roots: Sequence[str], table: LabelTable) -> list[FoundTable]:
    """All regular files below the roots that the table's path names, sorted by root and name."""
    pattern = table.path.replace(FOLD, "[0-9]*")
    found = []
    for number, root in enumerate(roots):
        if is_url(root):
            system, path = filesystem_of(root)
            try:
                listed = [str(name) for name in system.glob(f"{path.rstrip('/')}/{pattern}") if system.isfile(name)]
            except Exception as error:  # each store raises errors of its own
                raise LabelError(f"{root}: tables cannot be looked for ({type(error).__name__})") from None
            names = [(name[len(path.rstrip("/")) + 1 :], str(system.unstrip_protocol(name))) for name in listed]
        else:
            paths = [path for path in Path(root).glob(pattern) if path.is_file()] if Path(root).is_dir() else []
            names = [(path.relative_to(root).as_posix(), str(path)) for path in paths]
        for below, where in sorted(names):
            fold = _fold_in(table.path, below)
            if fold is not None or FOLD not in table.path:
                found.append(FoundTable(number, where, fold))
    return found


def rows_of(where: str, table: LabelTable) -> Iterator[Row]:
    """Numbers of lines (Parquet: rows), from 1, and the stripped cells of the columns that `table` reads.

    `where` is a local path or the URL of a table that was found below a root. Raises `LabelError` with the line.
    """
    data = _bytes_of(where)
    suffix = Path(where).suffix.casefold()
    if suffix in (".parquet", ".pq"):
        rows = _parquet(where, data, table)
    elif suffix in (".jsonl", ".ndjson"):
        rows = _json_lines(where, _text(where, data), table)
    else:
        rows = _separated(where, _text(where, data), table, suffix)
    empty = True
    for line, row in rows:
        if not row.get(table.file):
            raise LabelError(f"{place(where, line)}: the column {table.file!r} names no file; fill it or drop the row")
        _check_cells(where, line, row)
        yield line, row
        empty = False
    if empty:
        raise LabelError(f"{where}: expected rows with the columns {_columns_wanted(table)}, found none")


def place(where: str, line: int) -> str:
    """How a row is named in a message."""
    return f"{where} {'row' if where.casefold().endswith(('.parquet', '.pq')) else 'line'} {line}"


def shown(cell: str) -> str:
    """A cell in a message: escaped, and cut where it is long."""
    return repr(cell) if len(cell) <= 80 else repr(cell[:80]) + "..."


def is_url(name: str) -> bool:
    """Whether a name begins with a scheme, as in `s3://` or `pipe:`."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name) is not None


def _fold_in(pattern: str, below: str) -> int | None:
    if FOLD not in pattern:
        return None
    wild = {"*": "[^/]*", "?": "[^/]"}
    before, after = ("".join(wild.get(c, re.escape(c)) for c in half) for half in pattern.split(FOLD))
    match = re.fullmatch(f"{before}([0-9]{{1,4}}){after}", below)
    return int(match[1]) if match else None


def _bytes_of(where: str) -> bytes:
    try:
        with open_bytes(Address(where)) if "://" in where else open(where, "rb") as file:
            data = file.read(TABLE_LIMIT_BYTES + 1)
    except RejectedInput as error:
        raise LabelError(f"{where}: the labels cannot be read ({error})") from None
    except OSError as error:
        raise LabelError(f"{where}: the labels cannot be read ({error.strerror})") from None
    if len(data) > TABLE_LIMIT_BYTES:
        raise LabelError(f"{where}: over {TABLE_LIMIT_BYTES} bytes; split the table")
    return data


def _text(where: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LabelError(f"{where} line {line}: not UTF-8; save the table as UTF-8") from None
    if "\0" in text:
        raise LabelError(f"{where} line {text[: text.index(chr(0))].count(chr(10)) + 1}: holds a NUL; not a text table")
    return text


def _separator(text: str, table: LabelTable, suffix: str) -> str:
    if table.separator != "auto":
        return SEPARATORS[table.separator]
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    guesses = _GUESSES.get(suffix, ("tab", "comma", "semicolon", "space"))
    return SEPARATORS[next((name for name in guesses if SEPARATORS[name] in first.strip()), guesses[0])]


def _separated(where: str, text: str, table: LabelTable, suffix: str) -> Iterator[Row]:
    separator = _separator(text, table, suffix)
    lines: Iterator[str] = io.StringIO(text)
    if separator == " ":
        lines = (line.strip() + "\n" for line in lines)  # runs of blanks and blanks at the ends separate nothing
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")
    names: list[str] = []
    wanted: dict[str, int] = {}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [cell.strip() for cell in cells] if table.has_header else numbered(len(cells))
                wanted = _find_columns(where, reader.line_num, names, table)
                if table.has_header:
                    continue
            if len(cells) != len(names):
                came = f"expected {len(names)} cells, came {len(cells)}"
                raise LabelError(f"{where} line {reader.line_num}: {came}; quote cells that hold the separator")
            yield reader.line_num, {name: cells[at].strip() for name, at in wanted.items()}
    except csv.Error as error:
        raise LabelError(f"{where} line {reader.line_num}: {error}") from None


def numbered(n: int) -> list[str]:
    """The names of n columns without a header: `1`, `2`, ..."""
    return [str(number + 1) for number in range(n)]


def _find_columns(where: str, line: int, names: Sequence[str], table: LabelTable) -> dict[str, int]:
    """Which cell each wanted column is; names are taken in any case."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        places.setdefault(name.casefold(), []).append(at)
    lacking = [name for name in table.columns if name.casefold() not in places and name not in table.optional]
    if lacking:
        came = ",".join(names)
        raise LabelError(
            f"{where} line {line}: expected columns {_columns_wanted(table)}, came {shown(came)}; "
            "name yours with --column, as in --column file=NAME"
        )
    twice = [name for name in table.columns if len(places.get(name.casefold(), ())) > 1]
    if twice:
        raise LabelError(f"{where} line {line}: the column {shown(twice[0])} is there twice; keep one")
    return {name: places[name.casefold()][0] for name in table.columns if name.casefold() in places}


def _columns_wanted(table: LabelTable) -> str:
    needed = [name for name in table.columns if name not in table.optional]
    return ",".join(needed) + "".join(f"[,{name}]" for name in table.columns if name in table.optional)


def _json_lines(where: str, text: str, table: LabelTable) -> Iterator[Row]:
    for line, words in enumerate(text.split("\n"), 1):
        if not words.strip():
            continue
        try:
            value = json.loads(words, parse_constant=_no_constant)
        except RecursionError:
            raise LabelError(f"{where} line {line}: nested too deeply; expected one flat JSON object a line") from None
        except ValueError as error:
            raise LabelError(f"{where} line {line}: not JSON ({str(error)[:100]})") from None
        if not isinstance(value, dict):
            raise LabelError(f"{where} line {line}: expected a JSON object, came {type(value).__name__}")
        names = list(value)
        found = _find_columns(where, line, names, table)
        yield line, {name: _cell(where, line, name, value[names[at]]) for name, at in found.items()}


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _parquet(where: str, data: bytes, table: LabelTable) -> Iterator[Row]:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = list(file.schema_arrow.names)
        if file.metadata.num_rows > PARQUET_ROWS_LIMIT:
            raise LabelError(f"{where}: {file.metadata.num_rows} rows, at most {PARQUET_ROWS_LIMIT} are read; split it")
        found = _find_columns(where, 1, names, table)
        line = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=[names[at] for at in found.values()]):
            cells = {
                name: batch.column(batch.schema.get_field_index(names[at])).to_pylist() for name, at in found.items()
            }
            for number in range(batch.num_rows):
                line += 1
                yield line, {name: _cell(where, line, name, values[number]) for name, values in cells.items()}
    except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
        raise LabelError(f"{where}: not a readable Parquet table ({str(error).splitlines()[0][:100]})") from None


def _cell(where: str, line: int, name: str, value: Any) -> str:
    """A typed value as the text that a CSV would hold; whole floats are whole numbers, and NaN is nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).casefold()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int, float)):
        return str(value).strip()
    raise LabelError(
        f"{place(where, line)}: the column {shown(name)} holds a {type(value).__name__}; expected text or a number"
    )


def _check_cells(where: str, line: int, row: dict[str, str]) -> None:
    for name, cell in row.items():
        try:
            usable = "\0" not in cell and len(os.fsencode(cell)) <= 1 << 16
        except UnicodeEncodeError:
            usable = False
        if not usable:
            raise LabelError(
                f"{place(where, line)}: the column {shown(name)} holds {shown(cell)}, which is not usable text"
            )
