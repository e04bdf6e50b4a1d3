"""Near-duplicates: found when planted, kept apart when they are other moments, the same in any order, in bounded work."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.ingest import duplicates
from gerdata.ingest.duplicates import LEAF, TREES, Pair, candidates, clusters, pairs, stacked
from gerdata.ingest.prints import Print, print_of

Moment = tuple[np.ndarray, np.ndarray]


@cache
def moment(room: int, when: int) -> Moment:
    """Six seconds of a static room: `uint8 [48, 72, 96]` and sound. The same people, at another time."""
    rng = np.random.default_rng(room)
    back = cv2.resize(rng.integers(50, 200, (9, 12)).astype(np.float32), (96, 72), interpolation=cv2.INTER_CUBIC)
    seats, pitch = rng.uniform((20, 15), (55, 80), (4, 2)), rng.uniform(150, 600, 4)
    rng = np.random.default_rng((room, when))
    steps = rng.normal(0, 1.6, (48, 4, 2))
    path = np.zeros_like(steps)
    for i in range(1, len(steps)):
        path[i] = 0.85 * path[i - 1] + steps[i]
    y, x = np.mgrid[:72, :96]
    grey = np.tile(back, (48, 1, 1))
    for person in range(4):
        at = seats[person] + 2 * path[:, person]
        grey += 70 * np.exp(-((y - at[:, 0, None, None]) ** 2 + (x - at[:, 1, None, None]) ** 2) / 90)
    slot = np.arange(96_000) // rng.integers(1500, 2500)
    tone = (pitch[:, None] * rng.uniform(0.7, 4, (4, slot[-1] + 1)))[:, slot]
    loud = rng.uniform(0, 1, (4, slot[-1] + 1))[:, slot] ** 2
    sound = 0.1 * (loud * np.sin(2 * np.pi * np.cumsum(tone, axis=1) / 16_000)).sum(axis=0) + rng.normal(
        0, 1e-3, 96_000
    )
    return grey, sound.astype(np.float32)


def taken(source: Moment, shift: int = 0, crop: float = 1.0, gain: float = 1.0, light: float = 0.0) -> Print:
    """Five seconds, from `shift` eighths of a second on."""
    grey, sound = source
    y, x = (round(side * (1 - crop) / 2) for side in grey.shape[1:])
    part = grey[shift : shift + 40, y : 72 - y, x : 96 - x] + light
    noise = np.random.default_rng(shift).normal(0, 2, part.shape)
    small = [cv2.resize(f, (48, 36), interpolation=cv2.INTER_AREA) for f in (part + noise).astype(np.float32)]
    heard = gain * sound[shift * 2000 : shift * 2000 + 80_000]
    return print_of(np.clip(np.stack(small), 0, 255).astype(np.uint8), heard if gain else None)


def found_in(prints: Sequence[Print]) -> list[Pair]:
    return pairs(*stacked(prints), prints.__getitem__)


CHANGES: dict[str, Callable[[Moment], Print]] = {
    "shift": lambda m: taken(m, shift=4),
    "crop": lambda m: taken(m, crop=0.95),
    "crop of each side": lambda m: taken(m, crop=0.9),
    "louder": lambda m: taken(m, gain=1.41),
    "mute": lambda m: taken(m, gain=0),
    "all": lambda m: taken(m, shift=4, crop=0.95, gain=0.71, light=10),
    "all, mute": lambda m: taken(m, shift=2, crop=0.95, gain=0, light=-10),
}


@pytest.mark.parametrize("change", CHANGES)
def test_planted_copies_are_found_and_other_moments_kept_apart(change: str) -> None:
    moments = [moment(room, when) for room in range(6) for when in range(4)]
    prints = [taken(m) for m in moments] + [CHANGES[change](m) for m in moments]
    n = len(moments)
    assert [(p.i, p.j) for p in found_in(prints)] == [(i, i + n) for i in range(n)]


def test_without_a_picture_sound_is_enough_and_is_told() -> None:
    blind = print_of(np.zeros((0, 36, 48), np.uint8), moment(0, 0)[1][3_000:83_000])
    assert found_in([taken(moment(0, 0)), blind, taken(moment(0, 1))]) == [Pair(0, 1, "sound")]


def test_prints_of_other_clips_confirm_nothing() -> None:
    """The planted fault: descriptors are right and propose the copies, but each print is that of another moment."""
    moments = [moment(room, 0) for room in range(20)]
    prints = [taken(m) for m in moments] + [taken(m, shift=4) for m in moments]
    wrong = [taken(moment(room, 1)) for room in range(40)]
    assert len(found_in(prints)) == 20
    assert pairs(*stacked(prints), wrong.__getitem__) == []


def test_any_order_and_any_run_give_the_same() -> None:
    moments = [moment(room, when) for room in range(5) for when in range(3)]
    prints = [taken(m) for m in moments] + [CHANGES["all"](m) for m in moments]
    found = found_in(prints)
    assert found == found_in(prints)
    order = np.random.default_rng(0).permutation(len(prints))
    place = np.argsort(order)
    moved = found_in([prints[i] for i in order])
    assert moved == sorted(Pair(*sorted((int(place[p.i]), int(place[p.j]))), p.kind) for p in found)


def test_silent_black_clips_are_one_and_other_pictures_are_not() -> None:
    black = print_of(np.zeros((40, 36, 48), np.uint8), None)
    pictures = [print_of(moment(room, 0)[0][:1, ::2, ::2].astype(np.uint8), None) for room in range(4)]
    brighter = print_of((moment(0, 0)[0][:1, ::2, ::2] * 0.9 + 20).astype(np.uint8), None)
    assert clusters(7, found_in([black, *pictures, black, brighter])) == [0, 1, 2, 3, 4, 0, 1]


def test_nothing_and_one_clip_have_no_pairs() -> None:
    assert found_in([]) == []
    assert found_in([taken(moment(0, 0))]) == []
    assert clusters(0, []) == []


def noisy(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors and keys of n clips that are nearly the same: a camera that never moves."""
    rng, one = np.random.default_rng(seed), taken(moment(0, 0))
    noise = rng.integers(-3, 4, (n, len(one.descriptor)))
    return np.clip(one.descriptor + noise, -127, 127).astype(np.int8), stacked([one] * n)[1]


def test_nearly_the_same_clips_cannot_blow_up_the_work() -> None:
    assert len(candidates(*noisy(2000))) <= 61 * 2000


def test_exactly_the_same_clips_are_all_joined() -> None:
    one = replace(taken(moment(0, 0)), keys=np.zeros(0, np.uint32))
    found = candidates(*stacked([one] * 700))
    assert len(found) <= 61 * 700
    assert set(clusters(700, [(int(i), int(j)) for i, j in found])) == {0}


def test_work_grows_as_the_number_of_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    real = duplicates._leaf_codes
    monkeypatch.setattr(
        duplicates,
        "_leaf_codes",
        lambda words, leaves, *rest: done.append(leaves.size * leaves.shape[1]) or real(words, leaves, *rest),
    )

    def work(n: int) -> tuple[int, int]:
        done.clear()
        found = candidates(*noisy(n))
        return sum(done), len(found)

    (few, few_pairs), (many, many_pairs) = work(1000), work(8000)
    assert many <= 1.3 * 8 * few
    assert many_pairs <= 1.3 * 8 * few_pairs
    assert many <= 8000 * 3 * TREES * 2 * LEAF


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_clusters_are_the_finest_that_join_all_pairs(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    n, joined = drawn
    out = clusters(n, joined)
    reach = np.eye(n, dtype=bool)
    for i, j in joined:
        reach[i, j] = reach[j, i] = True
    for _ in range(n):
        reach = reach @ reach
    assert out == [int(np.flatnonzero(row)[0]) for row in reach]
    assert out == clusters(n, list(reversed(joined)))
