"""The header of a finished bank and its table, read under limits: the folder is not trusted."""

import hashlib
import json
from pathlib import Path
from typing import Any

from gerdata.errors import DatasetError

HEADER = "bank.json"
HEADER_LIMIT_BYTES = 1 << 20
PICTURES = ("manifest.parquet", "rejects.parquet", "face/*.png", "person/*.png", "background/*.jpg")
SOUNDS = ("sounds.jsonl", "rejects.jsonl", "sounds/*.flac")


def read_bank(folder: Path, kind: str, form: int, table: str, limit_bytes: int) -> tuple[dict[str, Any], str, bytes]:
    """The header, the table's digest and its bytes, which are those the header names. `DatasetError` for a bank of another
    kind or form, or another table; what cannot be read at all is the error that it is."""
    header = json.loads(_read(folder / HEADER, HEADER_LIMIT_BYTES))
    if header["form"] != form or header["kind"] != kind:
        raise DatasetError(f"{folder}: expected a bank of {kind} of form {form}; build it anew")
    data = _read(folder / table, limit_bytes)
    digest = hashlib.sha256(data).hexdigest()
    if digest != header[f"{Path(table).stem}_sha256"]:
        raise DatasetError(f"{folder / table}: is not the file that was built; build the bank again")
    return header, digest, data


def _read(path: Path, limit_bytes: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise DatasetError(f"{path}: over {limit_bytes} bytes; a bank has less")
    return data


def remove_bank(folder: Path) -> None:
    """Remove a bank's own files, of its sounds as well, the headers first; other files in the folder stay, and what it only
    links to."""
    for place in (folder, folder / "sounds"):
        if (place / HEADER).is_file() and not (place != folder and place.is_symlink()):
            (place / HEADER).unlink()
            for pattern in (*PICTURES, *SOUNDS):
                for path in place.glob(pattern):
                    path.unlink()
