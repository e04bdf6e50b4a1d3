"""The structure of real people, for local training: in the private rows of a part, and nowhere else.

Each written clip's row in `private/protected/00042.jsonl` holds it under `structure`, as base64 of the same npz that a
synthetic sample carries. Nothing copies it into a dataset.
"""

import base64
import binascii

from gerdata.clip import Structure
from gerdata.errors import DatasetError
from gerdata.store.members import decode_structure, encode_structure
from gerdata.store.private import Private

COLUMN = "structure"


def as_text(structure: Structure) -> str:
    """What a private row holds of it."""
    return base64.b64encode(encode_structure(structure)).decode("ascii")


def structures_of(private: Private, stage: str, number: int) -> dict[str, Structure]:
    """By clip, those of one part of a dataset called `stage`; clips whose structure was not asked for are not in it.

    `DatasetError` where the private rows are gone or hold something else.
    """
    out = {}
    for row in private.read_rows(stage, number):
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise DatasetError(f"{private.rows_path(stage, number)}: expected rows with an id; it is damaged")
        if COLUMN in row:
            try:
                out[row["id"]] = decode_structure(base64.b64decode(row[COLUMN], validate=True))
            except (binascii.Error, TypeError, ValueError, DatasetError) as error:
                raise DatasetError(f"{private.rows_path(stage, number)}: {row['id'][:64]}: {error}") from None
    return out
