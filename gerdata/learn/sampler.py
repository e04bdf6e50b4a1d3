"""In which order clips are seen, and who sees which: pure functions of (seed, epoch), whatever reads them.

The order of an epoch is one list of clips. A step takes the next `batch x world` of them, and rank r of `world` the r-th
`batch` of those. So ranks see different clips and equally many batches, and a run that goes on from a position in the list
sees the same clips in the same order whatever its world size, batch and workers are then.

Chance is drawn for clips by blocks, which suits tars: shards are dealt into an order, and clips are shuffled within a
window of some shards, so that a reader has few shards open at once. A window of all shards is a full shuffle.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from gerdata.chance import rng_for
from gerdata.errors import UsageError

Ints = npt.NDArray[np.int64]
Chance = tuple[int, int] | tuple[int, int, *tuple[str | int, ...]]  # seed, epoch, and names of what is drawn
Tail = Literal["pad", "drop"]
WINDOW_SHARDS = 16


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What an order is made of, one entry a clip: `shards: int [N]`, `labels: int [N]` (-1: none), `synthetic: bool [N]`."""

    shards: npt.NDArray[np.integer]
    labels: npt.NDArray[np.integer]
    synthetic: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not len(self.shards) == len(self.labels) == len(self.synthetic):
            sizes = len(self.shards), len(self.labels), len(self.synthetic)
            raise ValueError(f"expected as many shards as labels and origins, came {sizes}")


@dataclass(frozen=True, slots=True)
class Mixing:
    """How an epoch is made. The default is a block shuffle of all labelled clips, each once.

    `shuffle=False` keeps the order of the split. `balanced` repeats clips of the rarer classes, all equally often to within
    one, until each class is there as often as the most frequent one, and deals them out so that of C classes the first C
    clips have each once, and so on. `synthetic_share` is that of any run of clips, to within one clip: real clips are there as
    they would be without it, and as many synthetic ones, repeated or left out as need be, as give that share; with `balanced`
    each kind is balanced for itself. `unlabelled` takes clips without a label too.
    """

    shuffle: bool = True
    window_shards: int = WINDOW_SHARDS
    balanced: bool = False
    synthetic_share: float | None = None
    unlabelled: bool = False

    def __post_init__(self) -> None:
        if self.window_shards < 1:
            raise UsageError(f"window_shards: expected at least 1, came {self.window_shards}")
        if self.synthetic_share is not None and not 0 <= self.synthetic_share < 1:
            raise UsageError(f"synthetic_share: expected a share in [0, 1), came {self.synthetic_share}")
        if self.balanced and self.unlabelled:
            raise UsageError("balanced and unlabelled: clips without a label are of no class to balance")


def epoch_order(clips: Catalogue, how: Mixing, seed: int, epoch: int) -> Ints:
    """The clips of one epoch in their order, int64 [L]: the same for any number of ranks and workers."""
    kept = np.flatnonzero((clips.labels >= 0) | how.unlabelled)
    if how.synthetic_share is None:
        return _stream(clips, kept, how, (seed, epoch))
    real, synthetic = kept[~clips.synthetic[kept]], kept[clips.synthetic[kept]]
    if not len(real) or (how.synthetic_share > 0 and not len(synthetic)):
        raise UsageError(
            f"synthetic_share = {how.synthetic_share}: expected clips of both kinds, came {len(real)} real and "
            f"{len(synthetic)} synthetic; leave it out"
        )
    share = Fraction(how.synthetic_share).limit_denominator(10_000)
    first = _stream(clips, real, how, (seed, epoch, "real"))
    wanted = round(len(first) * share / (1 - share))
    second = _stream(clips, synthetic, how, (seed, epoch, "synthetic"), wanted)
    return _interleaved(first, second)


def steps_of(length: int, batch: int, world: int = 1, start: int = 0, tail: Tail = "pad") -> int:
    """How many batches every rank has from position `start` of an order of `length` clips on."""
    whole, rest = divmod(max(0, length - start), batch * world)
    return whole + (tail == "pad" and rest > 0)


def share_of(order: Ints, batch: int, rank: int = 0, world: int = 1, start: int = 0, tail: Tail = "pad") -> Ints:
    """The clips of one rank, int64 [steps, batch]; every rank has the same number of steps.

    `start` is how many clips all ranks together have seen of this epoch (`position_after`). What is left over at the end and
    does not fill a batch on every rank is filled up from the beginning of the order (`pad`: some clips are seen twice) or
    left out (`drop`: up to `batch x world - 1` clips are not seen).
    """
    if not (batch >= 1 and 0 <= rank < world and 0 <= start <= len(order)):
        came = f"batch {batch}, rank {rank} of {world}, start {start} of {len(order)}"
        raise UsageError(f"expected batch >= 1, 0 <= rank < world and a start within the epoch, came {came}")
    steps = steps_of(len(order), batch, world, start, tail)
    wanted = steps * batch * world
    rest = order[start : start + wanted]
    if len(rest) < wanted:
        rest = np.concatenate([rest, np.resize(order, wanted - len(rest))])
    return rest.reshape(steps, world, batch)[:, rank]


def position_after(start: int, steps: int, batch: int, world: int, length: int) -> int:
    """Where in its epoch a run is that began at `start` and took `steps` steps; the epoch's length where it is over."""
    return min(length, start + steps * batch * world)


def _stream(clips: Catalogue, kept: Ints, how: Mixing, chance: Chance, wanted: int | None = None) -> Ints:
    """`wanted` of some clips in order; by default each once, or, balanced, each class as often as the most frequent one."""
    if not how.balanced:
        return _shuffled(clips, _times(kept, len(kept) if wanted is None else wanted, chance), how, chance)
    classes = [kept[clips.labels[kept] == label] for label in np.unique(clips.labels[kept])]
    if wanted is None:
        wanted = len(classes) * max(map(len, classes), default=0)
    if not wanted:
        return np.empty(0, np.int64)
    each = -(-wanted // len(classes))
    columns = [
        _shuffled(clips, _times(some, each, (*chance, number)), how, (*chance, number))
        for number, some in enumerate(classes)
    ]
    rows = np.stack(columns, axis=1)  # [each, classes]
    if how.shuffle:  # which class comes first is chance, in every run of one of each
        rows = rng_for(chance[0], "classes", *chance[1:]).permuted(rows, axis=1)
    return rows.reshape(-1)[:wanted]


def _times(kept: Ints, wanted: int, chance: Chance) -> Ints:
    """`wanted` clips of some, all equally often to within one; chance decides which are there once more."""
    whole, rest = divmod(wanted, max(1, len(kept)))
    if not rest:
        return np.repeat(kept, whole)
    more = rng_for(chance[0], "repeats", *chance[1:]).permutation(kept)[:rest]
    return np.sort(np.concatenate([np.repeat(kept, whole), more]))


def _shuffled(clips: Catalogue, kept: Ints, how: Mixing, chance: Chance) -> Ints:
    """Clips by window of shards, the same windows for all of an epoch, and by chance within each."""
    if not how.shuffle:
        return kept
    n_shards = int(clips.shards.max(initial=-1)) + 1
    window = rng_for(chance[0], "shards", chance[1]).permutation(n_shards) // how.window_shards  # of every shard
    draw = rng_for(chance[0], "order", *chance[1:]).random(len(kept))
    return kept[np.lexsort((draw, window[clips.shards[kept]]))]


def _interleaved(first: Ints, second: Ints) -> Ints:
    """Both in their order, spread so that any run of n has n times the share of each, to within one."""
    length = len(first) + len(second)
    if not length:
        return first
    count = np.arange(1, length + 1) * len(second) // length  # of `second` among the first k, in whole numbers
    is_second = np.diff(count, prepend=0) > 0
    out = np.empty(length, np.int64)
    out[is_second], out[~is_second] = second, first
    return out
