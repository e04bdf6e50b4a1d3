"""What a stage gives the engine, and what the engine gives a worker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gerdata.manifest import Row

Expect = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Item:
    """One input of a stage. `key` names it in the account (a pseudonym or an ordinal, never a file name); `payload` is
    JSON: ids, paths and numbers, never media. `of` is the key of the source it is a piece of, where it is not one itself."""

    key: str
    payload: dict[str, Any]
    of: str = ""


@dataclass(frozen=True)
class Made:
    """One row made from an item, its members (suffix to bytes, in order; None without media), and what stays private."""

    row: Row
    members: dict[str, bytes] | None = None
    private: dict[str, Any] | None = None


class Worker(Protocol):
    """The work itself: a pure function of the item and the settings it was built with."""

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        """Make the rows of one item. `RejectedInput` is a verdict; `expect` is told how many seconds of media there are."""
        ...


@dataclass(frozen=True)
class Limits:
    """What one item may use. Times grow with the seconds of media the worker expects."""

    wall_s: float = 60.0
    wall_per_s: float = 20.0
    cpu_s: float = 60.0
    cpu_per_s: float = 10.0
    memory_bytes: int = 3 << 30
    longest_s: float = 12 * 3600.0


@dataclass(frozen=True)
class PartSpec:
    """All that a worker anywhere needs to make one part. Small and picklable."""

    root: Path
    number: int
    rows: str  # paths below root
    tar: str | None
    worker: str  # "package.module:Class", built with `settings`
    settings: dict[str, Any]
    items: tuple[Item, ...]
    logs: Path
    members: tuple[str, ...] = ()  # suffixes of a sample's members, in their order
    private: Path | None = None  # folder for private rows of this part
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class PartReport:
    """What became of one part."""

    number: int
    written: int
    rejected: int
