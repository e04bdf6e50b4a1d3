"""What is offered: every regular file of the named folders, and every named file, each exactly once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gerdata.errors import UsageError


@dataclass(frozen=True)
class Source:
    """One offered file. `name` is its path below the root it was found in; both are private."""

    root: int
    name: str
    path: Path

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders between the root and the file, nearest first; the root itself comes last."""
        parents = Path(self.name).parts[:-1]
        return (*reversed(parents), self.path.parents[len(parents)].name)


def find(roots: Sequence[Path], leave_out: Sequence[Path]) -> list[Source]:
    """All files below the roots, sorted by root and name. Nothing is dropped: links, devices and files that are no media
    are listed too, and end with a reason.

    `leave_out` names files and folders that are gerdata's own (the labels table, the workspace). Raises `UsageError` for
    a root that is absent or holds nothing.
    """
    own = {path.resolve() for path in leave_out}
    found: list[Source] = []
    seen: set[Path] = set()
    for number, root in enumerate(roots):
        if not os.path.lexists(root):
            raise UsageError(f"{root}: expected a folder or file of clips, found nothing there")
        listed = _below(root, own) if root.is_dir() else [root]
        if not listed:
            raise UsageError(f"{root}: expected clips in this folder, it holds no files")
        for path in listed:
            absolute = path.absolute()
            if absolute not in seen:
                seen.add(absolute)
                name = path.relative_to(root).as_posix() if root.is_dir() else path.name
                found.append(Source(number, name, absolute))
    return sorted(found, key=lambda source: (source.root, source.name.encode("utf-8", "surrogateescape")))


def _below(root: Path, own: set[Path]) -> list[Path]:
    listed = []
    for folder, folders, files in os.walk(root, followlinks=False):
        here = Path(folder)
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in linked and (here / name).resolve() not in own)
        listed += [here / name for name in [*files, *linked] if (here / name).resolve() not in own]
    return listed
