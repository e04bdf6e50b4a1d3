"""How the samples of a release are cut into shards: one split each, numbered without gaps, of nearly one size."""

import math
from collections.abc import Sequence

from gerdata.clip import SPLITS
from gerdata.engine.run import Cut
from gerdata.errors import UsageError
from gerdata.recipe import ShardRecipe
from gerdata.shards.choose import Chosen
from gerdata.store.tar import BLOCK

MB = 1_000_000
_ROW_BYTES = BLOCK  # that a row may grow by when it gets its new names
_END_BYTES = 2 * BLOCK  # of a tar
_WAV_BYTES_S = 32_000


def cuts_of(chosen: Sequence[Chosen], recipe: ShardRecipe, has_media: bool = True) -> tuple[Cut, ...]:
    """The shards of samples that are in the order of their splits.

    Each split is cut into as many shards as `samples_per_shard` and `max_shard_mb` ask for, and into `min_shards` at least;
    their numbers of samples differ by one at most, unless bytes decide. `UsageError` where train has fewer samples than
    `min_shards`; other splits then have a shard a sample.
    """
    cuts: list[Cut] = []
    for split in SPLITS:
        sizes = [_bytes_of(one, recipe) for one in chosen if one.clip.split == split]
        if split == "train" and 0 < len(sizes) < recipe.min_shards:
            raise UsageError(
                f"--min-shards {recipe.min_shards}: train has {len(sizes)} samples, and a shard without one would leave a "
                "rank waiting; ask for fewer shards, or make more samples"
            )
        runs = runs_of(sizes, recipe)
        names = (name_of(split, number, len(runs), recipe.format) for number in range(len(runs)))
        cuts += [Cut(name if has_media else None, size) for name, size in zip(names, runs, strict=True)]
    return tuple(cuts)


def name_of(split: str, number: int, n: int, kind: str) -> str:
    """Where a shard lies below its release."""
    if kind == "parquet":
        return f"data/{split}-{number:05d}-of-{n:05d}.parquet"
    return f"{split}/{split}-{number:06d}.tar"


def runs_of(sizes: Sequence[int], recipe: ShardRecipe) -> list[int]:
    """How many samples each shard holds, for samples of `sizes` bytes in their order."""
    if not sizes:
        return []
    most = max(1, recipe.max_shard_mb * MB - _END_BYTES) if recipe.max_shard_mb is not None else math.inf
    n = max(math.ceil(len(sizes) / recipe.samples_per_shard), min(recipe.min_shards, len(sizes)))
    n = max(n, min(len(sizes), math.ceil(sum(sizes) / most)))
    while n < len(sizes):
        runs = [len(sizes) // n + (number < len(sizes) % n) for number in range(n)]
        start, largest = 0, 0
        for run in runs:
            largest = max(largest, sum(sizes[start : start + run]))
            start += run
        if largest <= most:
            return runs
        n += max(1, math.ceil(n * (largest / most - 1) / 2))
    return [1] * len(sizes)


def _bytes_of(one: Chosen, recipe: ShardRecipe) -> int:
    """What a sample takes in a shard, at most, reckoned from what it takes in its dataset. Frames as a video take less."""
    size = sum(BLOCK + length + (-length % BLOCK) for length in one.member_length) + _ROW_BYTES
    return size + (math.ceil((one.clip.duration_s + 0.1) * _WAV_BYTES_S) if recipe.audio == "wav" else 0)
