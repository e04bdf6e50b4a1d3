"""A user's own pictures as a list: a folder whose sub-folders are classes, or a table. Nothing of it is trusted.

Names and cells come from elsewhere: a path stays below its folder, a text is short and plain, and what is not is listed with
the reason why, so that every file is accounted for.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gerdata.clip import CLASSES
from gerdata.errors import LabelError, UsageError
from gerdata.synth.rule import class_of

COLUMNS = ("file", "class", "valence", "person", "source", "licence")  # file, and class or valence, must be there
CSV_LIMIT_BYTES = 16 << 20
MAX_FILES = 200_000
MAX_TEXT = 200  # characters of a cell
FORMULA = tuple("=+-@\t\r＝＋－＠")  # how a cell that a spreadsheet would run begins (CWE-1236)
WORDS = {  # words of corpora for the three classes; surprise is none of them
    "positive": ("positive", "pos", "happiness", "happy", "joy", "amusement"),
    "neutral": ("neutral", "neu", "calm"),
    "negative": (
        "negative", "neg", "anger", "angry", "contempt", "disgust", "fear", "sadness", "sad",
    ),
}  # fmt: skip
CLASS_OF_WORD = {word: name for name, words in WORDS.items() for word in words}
FACE, PERSON, BACKGROUND = KINDS = ("face", "person", "background")


@dataclass(frozen=True)
class Picture:
    """One file of the user's. `file` names it below the given folder; `person` is who must stay in one cast (of a background,
    the place). `reason` is why it is not taken whatever it shows, "" where it may be."""

    path: Path
    file: str
    kind: str
    label: str | None
    valence: float | None
    person: str
    source: str
    licence: str
    reason: str = ""
    detail: str = ""


def listed(given: Path, kind: str) -> list[Picture]:
    """All pictures of a kind in a folder (CLASS/file or CLASS/PERSON/file; backgrounds anywhere) or a CSV, by name.

    `LabelError` for a table that cannot be read as it stands, `UsageError` where there is nothing.
    """
    found = list(_in_folder(given.resolve(), kind) if given.is_dir() else _in_table(given, kind))
    if not found:
        raise UsageError(f"{given}: expected pictures in folders named {', '.join(CLASSES)}, or a CSV of them")
    return sorted(found, key=lambda one: (one.file, one.label or ""))


def _in_folder(root: Path, kind: str) -> Iterator[Picture]:
    n = 0
    for folder, inner, files in os.walk(root):
        links = [name for name in inner if os.path.islink(os.path.join(folder, name))]
        for name in (*files, *links):
            n += 1
            if n > MAX_FILES:
                raise UsageError(f"{root}: over {MAX_FILES} files; build several banks")
            path = Path(folder, name)
            file = path.relative_to(root).as_posix()
            parts = file.split("/")
            person = "/".join(parts[1:-1]) if kind != BACKGROUND and len(parts) > 2 else file  # in any class the same
            word = parts[0] if len(parts) > 1 else ""
            yield _picture(path, kind, {"file": file, "class": word, "person": person})


def _in_table(given: Path, kind: str) -> Iterator[Picture]:
    root = given.resolve().parent
    try:
        with given.open("rb") as file:
            text = file.read(CSV_LIMIT_BYTES + 1)
        if len(text) > CSV_LIMIT_BYTES:
            raise LabelError(f"{given}: over {CSV_LIMIT_BYTES} bytes")
        reader = csv.DictReader(io.StringIO(text.decode("utf-8-sig")), strict=True)
        rows = [row for row, _ in zip(reader, range(MAX_FILES + 1), strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{given}: expected a CSV with columns {', '.join(COLUMNS)} ({error})") from None
    if len(rows) > MAX_FILES:
        raise LabelError(f"{given}: over {MAX_FILES} rows; build several banks")
    wanted = {"file"} if kind == BACKGROUND else {"file", "class" if rows and "class" in rows[0] else "valence"}
    for number, row in enumerate(rows, start=2):
        if any(not isinstance(row.get(name), str) for name in wanted) or None in row:
            raise LabelError(
                f"{given}: line {number}: expected the columns {', '.join(sorted(wanted))}, and no more cells"
            )
        yield _picture(root / (row["file"] if is_below(row["file"]) else "."), kind, row)


def _picture(path: Path, kind: str, cells: dict[str, str]) -> Picture:
    """A listed picture; the first thing that is wrong with its cells is its reason."""
    told = {name: (cells.get(name) or "").strip() for name in COLUMNS}
    label, valence, why = (None, None, "") if kind == BACKGROUND else _felt(told["class"], told["valence"])
    reason, detail = ("unknown-class", why) if why else ("", "")
    texts = [name for name in ("person", "source", "licence") if not is_plain(told[name])]
    if texts:
        reason, detail = "unsafe-text", texts[0]
    if not is_below(told["file"]):
        reason, detail = "unsafe-path", ""
    return Picture(
        path=path,
        file=shown(told["file"]),
        kind=kind,
        label=label,
        valence=valence,
        person=told["person"] or told["file"],
        source=told["source"],
        licence=told["licence"],
        reason=reason,
        detail=detail,
    )


def _felt(word: str, valence: str) -> tuple[str | None, float | None, str]:
    """Class and valence; a word of a class goes before a number. The third is what is not understood."""
    if word:
        label = CLASS_OF_WORD.get(word.lower())
        return label, None, "" if label else shown(word)[:40]
    try:
        number = float(valence)
    except ValueError:
        return None, None, shown(valence)[:40] or "none"
    return (CLASSES[class_of(number)], number, "") if -1 <= number <= 1 else (None, None, shown(valence)[:40])


def is_below(file: str) -> bool:
    """Whether a cell names a file below the table's folder: relative, with / between folders, no scheme."""
    parts = file.split("/")
    is_odd = any(not part or part in (".", "..") for part in parts) or any(c in file for c in "\\\0:")
    return not is_odd and len(file) <= 1000


def is_plain(text: str) -> bool:
    """Whether a text may be stored and shown: short, without control or direction marks, no spreadsheet's formula."""
    is_odd = any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in text)
    return len(text) <= MAX_TEXT and not is_odd and not text.startswith(FORMULA)


def shown(text: str) -> str:
    """A name or cell as it may be written to a table or a terminal: odd characters escaped, at most 300 of them."""
    plain = "".join(c if c.isprintable() and unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in text)
    return ("'" + plain if plain.startswith(FORMULA) else plain)[:300]
