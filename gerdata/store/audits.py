"""What an audit found, as other stages read it: the document that `gerdata audit` leaves in `WORKSPACE/audits/`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gerdata.errors import DatasetError
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file

MOST_BYTES = 4_000_000


class AuditFigure(BaseModel):
    """A rate of `n` trials with its 95 % interval; None where it could not be told."""

    model_config = ConfigDict(frozen=True)
    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    chance: float | None = None

    def __str__(self) -> str:
        told = [f"{one:.3f}" if one is not None else "not known" for one in (self.value, self.low, self.high)]
        chance = f", chance {self.chance:.3f}" if self.chance is not None else ""
        return f"{self.name} {told[0]} [{told[1]}, {told[2]}] of {self.n}{chance}"


class AuditPart(BaseModel):
    """One attack: its verdict, and the figures that it rests on. `why` may name what was found; it stays in the workspace."""

    model_config = ConfigDict(frozen=True)
    part: str
    status: Literal["passed", "failed", "underpowered", "void", "skipped", "reported"]
    why: str
    attacker: str = ""
    figures: tuple[AuditFigure, ...] = ()

    def line(self) -> str:
        """What may be published of it."""
        figures = "; ".join(map(str, self.figures))
        told = f"{self.part}: {self.status}" + (f" by {self.attacker}" if self.attacker else "")
        return f"{told}: {figures}" if figures else told


class AuditDocument(BaseModel):
    """A whole audit of the dataset whose header has the digest `dataset`."""

    model_config = ConfigDict(frozen=True)
    dataset: str
    clips: int
    gerdata: str
    date: str
    verdicts: tuple[AuditPart, ...]

    def lines(self) -> tuple[str, ...]:
        """What may be published of it: date and size, then one line an attack that was made."""
        made = [part.line() for part in self.verdicts if part.status != "skipped"]
        left = [part.part for part in self.verdicts if part.status == "skipped"]
        head = f"attacked on {self.date} with gerdata {self.gerdata}, {self.clips} clips"
        return (head, *made, *((f"not tried: {', '.join(left)}",) if left else ()))


def audit_path(folder: Path, digest: str) -> Path:
    """Where the audit of a dataset lies, there or not; `digest`: SHA-256 of its header."""
    return folder / f"{digest[:16]}.json"


def audit_of(dataset: Dataset, folder: Path) -> AuditDocument | None:
    """The audit of exactly this state of a dataset; None where there is none. `DatasetError` for a document that is none."""
    digest = sha256_of_file(dataset.root / HEADER)
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
