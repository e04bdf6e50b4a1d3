"""Where the files are that tables name: among the sources, elsewhere, or missing. No file is opened."""

import glob
import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gerdata.errors import LabelError
from gerdata.ingest.sources import Source
from gerdata.ingest.tables import is_url, shown

ANYWHERE = "**/"
Kind = Literal["here", "elsewhere", "missing"]


class Names:
    """The sources by full name, built once; every look-up is O(number of bases).

    A base is the real path, or the URL, that names are relative to: `bases` has one for each root.
    """

    def __init__(self, sources: Sequence[Source], roots: Sequence[str]) -> None:
        self.bases = [_base_of(root) for root in roots]
        self._full: dict[str, int] = {}
        self._stems: dict[str, list[int]] = defaultdict(list)
        self._last: dict[str, list[int]] = defaultdict(list)
        self._last_stems: dict[str, list[int]] = defaultdict(list)
        self._names = [source.name for source in sources]
        for number, source in enumerate(sources):
            base = self.bases[source.root]
            full = posixpath.join(posixpath.dirname(base) if _is_file(base, source.name) else base, source.name)
            stem = posixpath.splitext(full)[0]
            self._full[full] = number
            self._last[posixpath.basename(full)].append(number)
            if stem != full:
                self._stems[stem].append(number)
                self._last_stems[posixpath.basename(stem)].append(number)

    def beside(self, table: Path) -> str:
        """The base of names that are looked for beside a table."""
        return os.path.realpath(table.parent)

    def find(self, name: str, bases: Sequence[str], at: str) -> tuple[Kind, int | str]:
        """What a name of a table stands for: the number of a source, a path elsewhere, or a path where nothing is.

        A name without suffix may stand for the one source that has it with a suffix. Raises `LabelError`, beginning
        with `at`, for a URL, for a path that leads out of the bases, and for a name that several sources have.
        """
        if name.startswith(ANYWHERE):
            return self._anywhere(name.removeprefix(ANYWHERE), at)
        places = [place for place in (_place(name, base) for base in bases) if place is not None]
        for place in places:
            if place in self._full:
                return "here", self._full[place]
            if not is_url(name) and not is_url(place) and os.path.lexists(place):
                return "elsewhere", place
        if not places or (is_url(name) and name not in places):
            what = "a URL" if is_url(name) else "a path"
            raise LabelError(
                f"{at}: names {shown(name)}, {what} outside the sources; a table names files below the folders offered"
            )
        for place in places:
            if place in self._stems:
                return "here", self._one(self._stems[place], name, at)
        return "missing", places[0]

    def _anywhere(self, name: str, at: str) -> tuple[Kind, int | str]:
        if "/" in name or is_url(name):
            raise LabelError(f"{at}: names {shown(name)}; this recipe expects the name of a file, without folders")
        numbers = self._last.get(name) or self._last_stems.get(name)
        return ("here", self._one(numbers, name, at)) if numbers else ("missing", ANYWHERE + name)

    def _one(self, numbers: Sequence[int], name: str, at: str) -> int:
        if len(numbers) > 1:
            first, second = (shown(self._names[number]) for number in numbers[:2])
            raise LabelError(f"{at}: {shown(name)} may be {first} or {second}; write it in full, or offer one of them")
        return numbers[0]


def _base_of(root: str) -> str:
    if is_url(root):
        return root.rstrip("/")
    if os.path.isdir(root):
        return os.path.realpath(root)
    if os.path.lexists(root) or not glob.has_magic(root):
        return os.path.realpath(os.path.dirname(root) or ".")
    parts = Path(root).parts  # names of a glob are relative to the folder before its first wildcard
    plain = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return os.path.realpath(Path(*parts[:plain]))


def _is_file(base: str, name: str) -> bool:
    """Whether a URL that was offered is itself the file, or the tar, that a source is or lies in."""
    last = posixpath.basename(base)
    return is_url(base) and name.partition("/")[0] == last and bool(posixpath.splitext(last)[1])


def _place(name: str, base: str) -> str | None:
    """A name below a base, normalised; None where it leads out of it."""
    below = base.rstrip("/") + "/"
    if is_url(base):
        full = name if name.startswith(below) else below + posixpath.normpath(name)
        is_out = ".." in full[len(below) :].split("/") or (name.startswith("/") and full != name)
        return None if is_out else full
    full = posixpath.normpath(posixpath.join(base, name))
    return full if full.startswith(below) else None
