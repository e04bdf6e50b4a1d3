"""`checksums.sha256` of a release, in the form of `sha256sum`: every file but itself, the header with them.

The header is written last, so that its presence means complete; its bytes are known before, so its sum is in the list. The
list has one form for given files, so that every changed bit of it shows: a digit, a name, or the space between.
"""

import hashlib
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from gerdata.store.dataset import HEADER, sha256_of_file

CHECKSUMS = "checksums.sha256"
LIMIT_BYTES = 256 << 20


def checksums_of(root: Path, header: bytes, known: Mapping[str, str] | None = None) -> str:
    """The list for the files of `root` as they are, and a header of the given bytes. `known` sums are not taken again."""
    sums = {HEADER: hashlib.sha256(header).hexdigest()}
    for name in files_of(root):
        if name not in (HEADER, CHECKSUMS) and not _is_ours_alone(name):
            sums[name] = (known or {}).get(name) or sha256_of_file(root / name)
    return text_of(sums)


def text_of(sums: Mapping[str, str]) -> str:
    """The one form of a list."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def files_of(root: Path) -> list[str]:
    """Every file below a folder, by its path there, sorted. What is no plain file is not followed and not among them."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if stat.S_ISREG(path.lstat().st_mode))


def strange_files(root: Path) -> list[str]:
    """What is neither a plain file nor a folder below `root`: links, devices, sockets."""
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not (stat.S_ISREG(path.lstat().st_mode) or stat.S_ISDIR(path.lstat().st_mode))
    )


def check(root: Path) -> Iterator[tuple[str, str]]:
    """What is not as the list says, in both directions: where, and what."""
    for name in strange_files(root):
        yield name, "is a link or no plain file"
    path = root / CHECKSUMS
    if CHECKSUMS not in (there := files_of(root)):
        yield CHECKSUMS, "missing"
        return
    with path.open("rb") as file:
        text = file.read(LIMIT_BYTES).decode("utf-8", "replace")
    sums = {name: sha256_of_file(root / name) for name in there if name != CHECKSUMS}
    if text == text_of(sums):
        return
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in text.split("\n") if line)}
    odd = list(_differences(listed, sums))
    yield from odd or [(CHECKSUMS, "is not in the form that gerdata writes; a bit of it is changed")]


def _differences(listed: Mapping[str, str], sums: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(sums.keys() - listed.keys()):
        yield name, f"not listed in {CHECKSUMS}"
    for name, digest in sorted(listed.items()):
        if name not in sums:
            yield name, f"listed in {CHECKSUMS} but missing"
        elif sums[name] != digest:
            yield name, f"bytes are not those of {CHECKSUMS}"


def _is_ours_alone(name: str) -> bool:
    """Files of the making, which go when it is done."""
    return name.startswith("parts/") or name.rsplit("/", 1)[-1].startswith(".")
