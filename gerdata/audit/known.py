"""Who is known to be seen and heard in a source, and what is said there: a table that an auditor brings."""

import csv
from dataclasses import dataclass
from pathlib import Path

from gerdata.errors import LabelError

_COLUMNS = {"source", "identity", "speaker", "gender", "sentence"}


@dataclass(frozen=True)
class Person:
    """Of one source: the person seen, the person heard, their gender, and which sentence is spoken (the same word for the
    same sentence of several speakers); "" where not known."""

    identity: str
    speaker: str
    gender: str
    sentence: str = ""


def read_identities(path: Path) -> dict[str, Person]:
    """Known people by source: a CSV with the columns source (path below its root, or file name) and identity, speaker or
    both, and gender and sentence. `LabelError` for other columns or a source named twice with different people."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = set(table.fieldnames or ())
            if "source" not in columns or not columns & {"identity", "speaker"} or columns - _COLUMNS:
                raise LabelError(
                    f"{path}: expected the columns source, identity, speaker, gender, sentence; came {sorted(columns)}"
                )
            out: dict[str, Person] = {}
            for row in table:
                names = ("identity", "speaker", "gender", "sentence")
                person = Person(*((row.get(name) or "").strip() for name in names))
                if out.setdefault(str(row["source"]), person) != person:
                    raise LabelError(f"{path}: {row['source']} is named twice, with different people")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: cannot be read as CSV ({type(error).__name__})") from None
    return out
