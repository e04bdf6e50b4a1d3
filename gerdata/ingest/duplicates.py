"""Near-duplicates: clips of the same recorded moment, found in near-linear time, the same to the bit on every run.

Candidates come from forests of random-projection trees over the int8 descriptors (Dasgupta and Freund 2008; +-1
hyperplanes, Achlioptas 2003), whole numbers throughout, and from an index of sound keys. Each clip has at most a fixed
number of candidates, so a camera that never moves costs no more than any other. Candidates are then checked on the prints.
Two clips are one when their motion agrees, or their sound does, or when both neither move nor sound and look alike: two
silent black clips are therefore the same. Mirrored copies are not looked for.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.ingest import prints
from gerdata.ingest.prints import FLAT, GRID, LOOK, MOTION, N_KEYS, SOUND, STILL, Array, Bytes, Keys, Print

Whole = npt.NDArray[np.int64]

TREES = 16
LEAF = 48
NEAREST = {"motion": 16, "sound": 8, "appearance": 8}  # candidates from each forest; motion twice, whole and cropped
VIEWS = {"motion": MOTION, "sound": SOUND, "appearance": LOOK}
BUCKET = 16  # clips that may share a sound key before it tells nothing
VOTES = 2  # keys two clips must share
SHARED = 12  # candidates a clip takes from the index of sound keys
REACH_S = 2.5
HALF = 0.5  # of the shorter clip must overlap

# Thresholds were set on the `tune` half of benchmarks/duplicates.py (21 real videos, 4 rooms; 16,664 pairs of other moments).
MOTION_AGREES = 0.70  # other moments: 0.49 at most in real videos, 0.69 in rooms of two people; copies: half above 0.88
MOTION_DOUBTED = 0.80  # where both sound and their sound differs; a copy with other sound still passes
SOUND_AGREES = 0.73  # other moments 0.68 at most, copies 0.78 at least
SOUND_DIFFERS = 0.5  # half of other moments are below 0.32
# Stills were measured on both halves: other videos 0.989 at most, central crops 0.9946 at least; one in twenty pictures of
# the same place 2.5 s later is as near, and is then taken for the same.
LOOK_AGREES = 0.994
SAME_LEVEL = 16.0  # grey levels between two pictures that show nothing
ACTIVE = 1.0  # energy that both must have where they overlap: two steps of usual strength


class Pair(NamedTuple):
    """Clips `i < j` that are near-duplicates, and by what: `motion`, `sound` or `appearance`."""

    i: int
    j: int
    kind: str


@dataclass(frozen=True)
class Ready:
    """A print as floats. `motion` and `narrow`: [K, 80], the latter as if cropped; `mel`: [M, 16]."""

    motion: Array
    narrow: Array
    mel: Array
    still: Array
    moves: bool
    sounds: bool


def pairs(descriptors: Bytes, keys: Keys, print_at: Callable[[int], Print], seed: int = 0) -> list[Pair]:
    """All near-duplicates among n clips, ascending; another order of clips gives the same pairs under their new numbers.

    `descriptors: int8 [n, 160]` and `keys: uint32 [n, 48]`, filled up with zeros, are those of the prints (see `stacked`);
    `print_at(i)` reads one print, so that memory holds only a few. Takes n log n time.
    """
    order = _canonical(descriptors, print_at)
    found = candidates(descriptors[order], keys[order], seed)
    named = np.sort(order[found], axis=1)
    named = named[np.lexsort((named[:, 1], named[:, 0]))]
    return list(verified(named, print_at))


def stacked(all_prints: Sequence[Print]) -> tuple[Bytes, Keys]:
    """Descriptors `int8 [n, 160]` and keys `uint32 [n, 48]` of prints in memory."""
    keys = np.zeros((len(all_prints), N_KEYS), np.uint32)
    for row, one in zip(keys, all_prints, strict=True):
        row[: len(one.keys)] = one.keys
    return np.array([one.descriptor for one in all_prints], np.int8).reshape(-1, prints.DIMS), keys


def clusters(n: int, found: Iterable[tuple[int, int] | Pair]) -> list[int]:
    """For each of n clips the least index among all clips joined with it, directly or through others."""
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for pair in found:
        a, b = root(pair[0]), root(pair[1])
        parent[max(a, b)] = min(a, b)
    return [root(i) for i in range(n)]


def _canonical(descriptors: Bytes, print_at: Callable[[int], Print]) -> Whole:
    """An order of clips that their content decides; clips of equal content are interchangeable."""
    order = np.lexsort(descriptors.T[::-1]).astype(np.int64)
    ranked = descriptors[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    starts = np.flatnonzero(np.append(fresh, True))
    for a, b in pairwise(starts.tolist()):
        if b - a > 1:
            order[a:b] = sorted(order[a:b], key=lambda i: hashlib.sha256(print_at(int(i)).to_bytes()).digest())
    return order


def candidates(descriptors: Bytes, keys: Keys, seed: int = 0) -> Whole:
    """Pairs [m, 2] of rows that may be duplicates, i < j, ascending, each once; at most 60 a clip and one more."""
    n = len(descriptors)
    still = ~(descriptors[:, MOTION].any(axis=1) | descriptors[:, SOUND].any(axis=1))
    found = [_by_keys(keys), _equal_neighbours(descriptors)]
    for view, part in VIEWS.items():
        words = descriptors[:, part]
        rows = np.flatnonzero(words.any(axis=1) & (still if view == "appearance" else True))
        halves = np.concatenate(np.hsplit(words[rows], 2)) if view == "motion" else words[rows]  # whole, then cropped
        found.append(np.tile(rows, 2)[_nearest(halves, NEAREST[view], view, seed)])
    every = np.concatenate(found) if n else np.zeros((0, 2), np.int64)
    every = every[every[:, 0] != every[:, 1]]
    codes = np.unique(every.min(axis=1) * n + every.max(axis=1)) if len(every) else np.zeros(0, np.int64)
    return np.column_stack([codes // max(1, n), codes % max(1, n)])


def _equal_neighbours(descriptors: Bytes) -> Whole:
    """Each row and the next where both are equal: no hyperplane parts them, only the size of a leaf does."""
    first = np.flatnonzero((descriptors[1:] == descriptors[:-1]).all(axis=1))
    return np.column_stack([first, first + 1])


def _nearest(words: Bytes, k: int, view: str, seed: int) -> Whole:
    """Each row with its k nearest among those it shares a leaf with in any tree: [m, 2]."""
    n, none = len(words), np.iinfo(np.int64).max
    if n < 2:
        return np.zeros((0, 2), np.int64)
    best = np.full((n, k), none)
    for tree in range(TREES):
        leaves = _leaves(words, rng_for(seed, "duplicates", view, tree))
        codes = _leaf_codes(words, leaves, k, none)
        at = leaves.ravel()
        rows = at >= 0
        merged = np.sort(np.concatenate([best[at[rows]], codes.reshape(-1, codes.shape[2])[rows]], axis=1), axis=1)
        merged[:, 1:][merged[:, 1:] == merged[:, :-1]] = none
        best[at[rows]] = np.sort(merged, axis=1)[:, :k]
    row, _ = np.nonzero(best < none)
    return np.column_stack([row, best[best < none] % 2**32])


def _leaves(words: Bytes, rng: np.random.Generator) -> Whole:
    """A tree's leaves as rows of indices [leaves, at most 48], filled up with -1: median cuts along random directions.

    All nodes of one depth share a direction, so the whole tree costs one product of matrices. Sums of at most 56 int8
    values are exact in float32 whatever the order of summation.
    """
    n, depth = len(words), 0
    while n > LEAF << depth:
        depth += 1
    planes = (rng.integers(0, 2, (words.shape[1], depth)) * 2 - 1).astype(np.float32)
    heights = words.astype(np.float32) @ planes
    order, ends = np.arange(n), np.array([0, n])
    for level in range(depth):
        node = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        order = order[np.lexsort((order, heights[order, level], node))]
        ends = np.sort(np.append(ends, (ends[:-1] + ends[1:]) // 2))
    sizes = np.diff(ends)
    out = np.full((len(sizes), int(sizes.max())), -1)
    out[np.arange(out.shape[1]) < sizes[:, None]] = order
    return out


def _leaf_codes(words: Bytes, leaves: Whole, k: int, none: int) -> Whole:
    """For each place of each leaf the k nearest of the leaf, as distance * 2^32 + index: [leaves, places, k]."""
    out = np.full((*leaves.shape, min(k, leaves.shape[1])), none)
    for low in range(0, len(leaves), 256):  # 256 leaves at a time: 20 MB
        part = leaves[low : low + 256]
        values = words[part].astype(np.float32)  # squares of 56 int8 values sum to less than 2^24: exact
        length = np.einsum("lpd,lpd->lp", values, values)
        gap = length[:, :, None] + length[:, None, :] - 2 * (values @ values.transpose(0, 2, 1))
        codes = (gap.astype(np.int64) << 32) + part[:, None, :]
        codes[np.broadcast_to((part < 0)[:, None, :], codes.shape)] = none
        codes[:, np.arange(part.shape[1]), np.arange(part.shape[1])] = none
        out[low : low + 256] = np.sort(np.partition(codes, out.shape[2] - 1, axis=2)[:, :, : out.shape[2]], axis=2)
    return out


def _by_keys(keys: Keys) -> Whole:
    """Pairs that share sound keys, the strongest dozen of each clip; keys that too many clips have are passed over."""
    row, column = np.nonzero(keys)
    values = keys[row, column]
    order = np.lexsort((row, values))
    values, row = values[order], row[order].astype(np.int64)
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])) if len(values) else np.zeros(0, np.int64)
    size = np.repeat(np.diff(np.append(starts, len(values))), np.diff(np.append(starts, len(values))))
    values, row = values[size <= BUCKET], row[size <= BUCKET]
    n, codes = max(1, len(keys)), [np.zeros(0, np.int64)]
    for ahead in range(1, BUCKET):
        same = values[ahead:] == values[:-ahead]
        codes.append(row[:-ahead][same] * n + row[ahead:][same])
    code, votes = np.unique(np.concatenate(codes), return_counts=True)
    code, votes = code[votes >= VOTES], votes[votes >= VOTES]
    one, other = np.concatenate([code // n, code % n]), np.concatenate([code % n, code // n])
    order = np.lexsort((other, -np.tile(votes, 2), one))
    one, other = one[order], other[order]
    place = np.arange(len(one)) - np.searchsorted(one, one)
    return np.column_stack([one, other])[place < SHARED]


def verified(named: Whole, print_at: Callable[[int], Print], held: int = 512) -> Iterable[Pair]:
    """Those of the candidate pairs [m, 2], ascending, that the prints confirm; `held` prints are kept in memory."""

    @lru_cache(maxsize=held)
    def at(i: int) -> Ready:
        return ready(print_at(i))

    starts = np.flatnonzero(np.append(True, named[1:, 0] != named[:-1, 0])).tolist() if len(named) else []
    for low, high in pairwise([*starts, len(named)]):
        i = int(named[low, 0])
        others = [int(j) for j in named[low:high, 1]]
        for j, kind in zip(others, kinds(at(i), [at(j) for j in others]), strict=True):
            if kind:
                yield Pair(i, j, kind)


def kinds(one: Ready, others: Sequence[Ready]) -> list[str]:
    """By what each of the others is a near-duplicate of the one; empty where it is not."""
    out = [""] * len(others)
    heard = np.full(len(others), np.nan)
    sounding = [n for n, other in enumerate(others) if one.sounds and other.sounds]
    heard[sounding] = sound_scores(one, [others[n] for n in sounding])
    moving = [n for n, other in enumerate(others) if one.moves and other.moves]
    for n, score in zip(moving, motion_scores(one, [others[n] for n in moving]), strict=True):
        doubted = heard[n] < SOUND_DIFFERS
        out[n] = "motion" if score >= (MOTION_DOUBTED if doubted else MOTION_AGREES) else ""
    for n, other in enumerate(others):
        quiet = not (one.moves or one.sounds or other.moves or other.sounds)
        if not out[n] and heard[n] >= SOUND_AGREES:
            out[n] = "sound"
        elif quiet and one.still.size and other.still.size and look_alike(one.still, other.still):
            out[n] = "appearance"
    return out


def ready(one: Print) -> Ready:
    """The print as `kinds` takes it."""
    motion = one.motion.reshape(2, -1, GRID[0] * GRID[1]).astype(np.float32) / prints.COARSE
    mel = one.mel.astype(np.float32) / prints.STEP
    return Ready(motion[0], motion[1], mel, one.still.astype(np.float32), one.moves, one.sounds)


def motion_scores(one: Ready, others: Sequence[Ready]) -> Array:
    """The best agreement of motion over lags, with neither or either cropped."""
    if not others:
        return np.zeros(0, np.float32)
    plain, narrow = _padded([o.motion for o in others]), _padded([o.narrow for o in others])
    counts = np.array([len(o.motion) for o in others])
    reach = round(REACH_S * prints.PICTURES_PER_S)
    tries = ((one.motion, plain), (one.narrow, plain), (one.motion, narrow))
    return np.asarray(
        np.max([best_lag(a, b, counts, reach, overlap_counts=True) for a, b in tries], axis=0), np.float32
    )


def sound_scores(one: Ready, others: Sequence[Ready]) -> Array:
    """The best agreement of sound over lags."""
    if not others:
        return np.zeros(0, np.float32)
    counts = np.array([len(o.mel) for o in others])
    return best_lag(one.mel, _padded([o.mel for o in others]), counts, round(REACH_S * SAMPLE_RATE_HZ / prints.HOP))


def _padded(parts: Sequence[Array]) -> Array:
    out = np.zeros((len(parts), max(map(len, parts)), parts[0].shape[1]), np.float32)
    for row, part in zip(out, parts, strict=True):
        row[: len(part)] = part
    return out


def best_lag(a: Array, b: Array, counts: Whole, reach: int, overlap_counts: bool = False) -> Array:
    """The greatest correlation of a [K, D] with each of b [m, Q, D], which have `counts` steps, over lags in half steps.

    Only lags up to `reach` steps count at which half of the shorter overlaps and both are active for some steps. With
    `overlap_counts` the correlation is weighed by the root of the share that overlaps: short overlaps agree by chance.
    """
    if len(a) < 2 or b.shape[1] < 2:
        return np.full(len(b), -1, np.float32)
    fine = np.zeros((2 * len(a) - 1, a.shape[1]), np.float32)
    fine[::2], fine[1::2] = a, (a[:-1] + a[1:]) / 2
    m, q, _ = b.shape
    left, width = 2 * reach, 4 * reach + 1
    long = max(len(fine) + left, 2 * (q - 1)) + width

    def slid(x: Array) -> Array:
        """[..., q, p] to [..., q, lag], where p = 2 q + lag."""
        wide = np.zeros((*x.shape[:-1], long), np.float32)
        wide[..., left : left + x.shape[-1]] = x
        step = wide.strides
        return np.lib.stride_tricks.as_strided(
            wide, (*x.shape[:-1], width), (*step[:-2], step[-2] + 2 * step[-1], step[-1])
        )

    product = slid((b.reshape(m * q, -1) @ fine.T).reshape(m, q, -1)).sum(axis=1)
    ones = np.ones((q, len(fine)), np.float32)
    inside = (np.arange(q) < counts[:, None]).astype(np.float32)
    there = slid(ones)
    overlap = inside @ there
    energy_a = inside @ slid(ones * np.square(fine).mean(axis=1))
    energy_b = np.square(b).mean(axis=2) @ there
    share = overlap / np.maximum(1, np.minimum(len(a), counts))[:, None]
    fits = (share >= HALF) & (overlap >= 2) & (np.minimum(energy_a, energy_b) >= ACTIVE)
    score = product / a.shape[1] / np.sqrt(np.maximum(energy_a * energy_b, 1e-9))
    if overlap_counts:
        score = score * np.sqrt(np.minimum(1, share))
    return np.asarray(np.where(fits, score, -1).max(axis=1), np.float32)


def look_alike(one: Array, other: Array) -> bool:
    """Whether two thumbnails show the same, with neither or either cropped; two that show nothing need like brightness."""
    if min(one.std(), other.std()) < FLAT:
        return bool(max(one.std(), other.std()) < FLAT and abs(one.mean() - other.mean()) <= SAME_LEVEL)
    a, b = _blurred(one), _blurred(other)
    best = _alike(a, b)
    for keep in (0.95, 0.9):
        best = max(best, _alike(_blurred(_cropped(one, keep)), b), _alike(a, _blurred(_cropped(other, keep))))
    return best >= LOOK_AGREES


def _blurred(still: Array) -> Array:
    """Without what is finer than a cell, which a crop moves from cell to cell."""
    return np.asarray(cv2.GaussianBlur(still, (0, 0), 1.0), np.float32)


def _cropped(still: Array, keep: float) -> Array:
    shift = (1 - keep) / 2 * (STILL[0] - 1)
    matrix = np.array([[keep, 0, shift], [0, keep, shift]], np.float32)
    return np.asarray(
        cv2.warpAffine(still, matrix, STILL[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.float32
    )


def _alike(one: Array, other: Array) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
