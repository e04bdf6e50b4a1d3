"""Two ways to report a model, and how far they are apart.

`published`, as much of the field does where test labels are withheld: the split that chose the epoch is reported as well, which
is optimistic. `clean`: a test split that chose nothing.
"""

from dataclasses import dataclass
from typing import Literal

from gerdata.learn.bootstrap import Estimate
from gerdata.learn.breakdown import Breakdown, break_down
from gerdata.learn.compare import FIGURES, gap_of, signed
from gerdata.learn.outcome import Outcome

Protocol = Literal["published", "clean"]
OPTIMISTIC = "optimistic: the split that chose the epoch is the one that is reported"


@dataclass(frozen=True)
class Protocols:
    """Figures under both protocols, and published less clean by figure; the splits share no group, so nothing is paired."""

    protocol: Protocol
    published: Breakdown
    clean: Breakdown
    gap: dict[str, Estimate]

    @property
    def reported(self) -> Breakdown:
        """The figures of the protocol that was asked for."""
        return self.published if self.protocol == "published" else self.clean

    def line(self) -> str:
        """One line for people."""
        told = " · ".join(f"{name} {signed(self.gap[name])}" for name in ("accuracy", "uar"))
        return f"gap, {self.published.split} (published) less {self.clean.split} (clean): {told}"


def both_protocols(
    protocol: Protocol, published: Outcome, clean: Outcome, splits: tuple[str, str], seed: int = 0
) -> Protocols:
    """`splits`: the names of the split that chose the epoch and of the one that chose nothing."""
    return Protocols(
        protocol,
        break_down(published, splits[0], seed),
        break_down(clean, splits[1], seed),
        {name: gap_of(published, clean, name, seed) for name in FIGURES},
    )
