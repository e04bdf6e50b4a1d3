"""Sources as labels see them, without media: what tests of labels and dialects share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Lying:
    """A source as labels see it: a name below a root, and what lay beside it."""

    root: int
    name: str
    base: Path = Path("/")
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def folders(self) -> tuple[str, ...]:
        return (*reversed(PurePosixPath(self.name).parts[:-1]), self.base.name)


def lying(*roots: Path) -> list[Lying]:
    """All files below the roots, in order."""
    return [
        Lying(number, path.relative_to(root).as_posix(), root)
        for number, root in enumerate(roots)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    ]
