"""What an audit found, as it is written and as other stages read it: `WORKSPACE/audits/DIGEST.json`."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from gerdata.errors import DatasetError
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file

MOST_BYTES = 4_000_000
SHORTCUT = "shortcut by "  # begins the parts that look for labels where none should be, and attack nobody

Status = Literal["passed", "failed", "underpowered", "void", "skipped", "reported"]
Number = Annotated[float, BeforeValidator(lambda told: math.nan if told is None else told)]  # JSON has no NaN


@dataclass(frozen=True)
class Figure:
    """A rate (of word errors, also over 1) with its 95 % interval: of `n` trials; NaN where not known; `chance` is what
    guessing gives."""

    name: str
    value: Number
    low: Number
    high: Number
    n: int
    chance: float | None = None

    def __str__(self) -> str:
        told = [f"{one:.3f}" if math.isfinite(one) else "not known" for one in (self.value, self.low, self.high)]
        chance = f", chance {self.chance:.3f}" if self.chance is not None else ""
        return f"{self.name} {told[0]} [{told[1]}, {told[2]}] of {self.n}{chance}"


@dataclass(frozen=True)
class Verdict:
    """One part of an audit. `why` may name what was found; it stays in the workspace.

    `passed` and `failed`: a bound is on one side of the stated threshold. `underpowered`: too few identities, speakers or
    trials to say. `void`: a gate failed, so the attack could not have seen a leak. `skipped`: what it needs is not there.
    `reported`: a figure without a threshold, or of a shortcut with a bound under it. `made`: when and how, where the document
    speaks of another time.
    """

    part: str
    status: Status
    why: str
    attacker: str = ""
    figures: tuple[Figure, ...] = ()
    made: str = ""

    @property
    def is_shortcut(self) -> bool:
        return self.part.startswith(SHORTCUT)

    def line(self) -> str:
        """What may be published of it."""
        figures = "; ".join(map(str, self.figures))
        told = f"{self.part}: {self.status}" + (f" by {self.attacker}" if self.attacker else "")
        told += f" ({self.made})" if self.made else ""
        return f"{told}: {figures}" if figures else told


@dataclass(frozen=True)
class Used:
    """Weights that an attacker ran on: their name, package and version, and SHA-256."""

    name: str
    package: str
    sha256: str


class AuditDocument(BaseModel):
    """A whole audit of the dataset, or run, whose header has the digest `dataset`; `beside`: of that it was compared with."""

    model_config = ConfigDict(frozen=True)
    format_version: Literal[1] = 1
    dataset: str
    beside: str | None = None
    stage: str
    protection: str
    clips: int
    gerdata: str
    date: str
    weights: tuple[Used, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def has_failed(self) -> bool:
        return any(one.status == "failed" for one in self.verdicts)

    @property
    def has_attacks(self) -> bool:
        """Whether anything but shortcuts was looked for."""
        return any(not one.is_shortcut for one in self.verdicts)

    @property
    def made(self) -> str:
        """When, by what, on how much."""
        return f"on {self.date} with gerdata {self.gerdata}, {self.clips} clips"

    def lines(self) -> tuple[str, ...]:
        """What may be published of it: date and size, then one line an attack that was made."""
        made = [part.line() for part in self.verdicts if part.status != "skipped"]
        left = [part.part for part in self.verdicts if part.status == "skipped"]
        head = f"{'attacked' if self.has_attacks else 'not attacked, searched for shortcuts'} {self.made}"
        return (head, *made, *((f"not tried: {', '.join(left)}",) if left else ()))

    def to_json(self) -> dict[str, Any]:
        """JSON values; None for what is no number."""
        return dict(json.loads(self.model_dump_json()))


def audit_path(folder: Path, digest: str) -> Path:
    """Where the audit of a dataset lies, there or not; `digest`: SHA-256 of its header."""
    return folder / f"{digest[:16]}.json"


def joined(ours: AuditDocument, earlier: AuditDocument | None) -> AuditDocument:
    """One document of what was found now, and of what an earlier one found that was not looked for now: attacks, or shortcuts.

    It speaks of the attacks where there are any; shortcuts of another time say so.
    """
    if earlier is None:
        return ours
    attacks = ours if ours.has_attacks or not earlier.has_attacks else earlier
    probes = ours if any(one.is_shortcut for one in ours.verdicts) else earlier
    made = "" if probes.made == attacks.made else probes.made
    found = tuple(replace(one, made=one.made or made) for one in probes.verdicts if one.is_shortcut)
    return attacks.model_copy(update={"verdicts": (*(one for one in attacks.verdicts if not one.is_shortcut), *found)})


def write_audit(document: AuditDocument, folder: Path) -> Path:
    """The document, named for the dataset it is of."""
    make_folder(folder)
    path = audit_path(folder, document.dataset)
    write_atomic(path, (json.dumps(document.to_json(), indent=1, ensure_ascii=True) + "\n").encode())
    return path


def audit_of(dataset: Dataset, folder: Path) -> AuditDocument | None:
    """The audit of exactly this state of a dataset; None where there is none. `DatasetError` for a document that is none."""
    return audit_of_header(dataset.root / HEADER, folder)


def audit_of_header(header: Path, folder: Path) -> AuditDocument | None:
    """The same of whatever has this header: a dataset its `dataset.json`, a run its `run.json`."""
    digest = sha256_of_file(header)
    path = audit_path(folder, digest)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            document = AuditDocument.model_validate_json(file.read(MOST_BYTES))
    except (OSError, ValidationError) as error:
        raise DatasetError(
            f"{path}: not an audit that can be read ({type(error).__name__}); run gerdata audit"
        ) from None
    return document if document.dataset == digest else None
