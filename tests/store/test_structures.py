"""Structure of real people in private rows: there and back, and nothing else is taken for it."""

import json
from pathlib import Path

import numpy as np
import pytest
from making import KEY

from gerdata.clip import Structure
from gerdata.errors import DatasetError
from gerdata.store.private import Private
from gerdata.store.structures import as_text, structures_of


def written(root: Path, *rows: object) -> Private:
    (root / "protected").mkdir()
    (root / "protected" / "00000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Private(root, KEY)


def test_it_comes_back_by_clip(tmp_path: Path) -> None:
    structure = Structure.empty(5, 3)
    structure.heads[:] = np.random.RandomState(0).uniform(0, 224, structure.heads.shape)
    rows = {"id": "a", "heads": [], "structure": as_text(structure)}, {"id": "refused", "uri": "x"}
    found = structures_of(written(tmp_path, *rows), "protected", 0)
    assert list(found) == ["a"]
    for name in ("heads", "bodies", "faces"):
        np.testing.assert_array_equal(getattr(found["a"], name), getattr(structure, name))
    assert as_text(structure) == as_text(structure)


@pytest.mark.parametrize("wrong", ["", "!!", "AAAA", 3, None, as_text(Structure.empty(1, 1))[:-8], ["x"]])
def test_what_is_none_is_told(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(DatasetError, match=r"00000\.jsonl: a: "):
        structures_of(written(tmp_path, {"id": "a", "structure": wrong}), "protected", 0)


@pytest.mark.parametrize("row", [[], 3, {"id": 4}, {}])
def test_rows_that_are_none_are_told(tmp_path: Path, row: object) -> None:
    with pytest.raises(DatasetError, match="expected rows with an id"):
        structures_of(written(tmp_path, row), "protected", 0)


def test_missing_rows_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="are gone"):
        structures_of(Private(tmp_path, KEY), "protected", 0)
