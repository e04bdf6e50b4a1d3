"""What one part of an audit says: a status, why, and its figures."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "failed", "underpowered", "void", "skipped", "reported"]


@dataclass(frozen=True)
class Figure:
    """A rate in [0, 1] with its 95 % interval: of `n` trials; `chance` is what guessing gives."""

    name: str
    value: float
    low: float
    high: float
    n: int
    chance: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One part of an audit.

    `passed` and `failed`: a bound is on one side of the stated threshold. `underpowered`: too few identities, speakers or
    trials to say. `void`: a gate failed, so the attack could not have seen a leak. `skipped`: what it needs is not there.
    `reported`: a figure without a threshold.
    """

    part: str
    status: Status
    why: str
    attacker: str = ""
    figures: tuple[Figure, ...] = ()
