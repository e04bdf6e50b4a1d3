"""Cutting long sources into clips, while they are being decoded: what is cut depends on times alone."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Seconds from the first frame of the source."""

    start_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Knife:
    """How to cut: segments of `segment_s`, each beginning `stride_s` after the one before, none under `min_segment_s`.

    A rest that is too short for a segment of its own belongs to the segment before it, so that every second is in one.
    """

    segment_s: float
    stride_s: float
    min_segment_s: float


class Cutter:
    """Cuts one source as it runs: tell it the time and scene cuts as they come, take the segments that are certain.

    A scene cut begins a new run of segments once the scene is `min_segment_s` long; a shorter one belongs to the scene
    before it. Memory is constant.
    """

    def __init__(self, knife: Knife) -> None:
        self._knife = knife
        self._scene_s = 0.0
        self._number = 0  # of the next segment of this scene
        self._cut_s: float | None = None  # the scene cut that waits for its scene to be long enough

    def cut(self, at_s: float) -> None:
        """A new scene begins."""
        if self._cut_s is None and at_s - self._scene_s >= self._knife.min_segment_s:
            self._cut_s = at_s

    def push(self, now_s: float) -> Iterator[Segment]:
        """Everything up to `now_s` is known: the segments whose end is certain."""
        if self._cut_s is not None and now_s - self._cut_s >= self._knife.min_segment_s:
            cut_s = self._cut_s
            yield from self._certain(cut_s)
            yield from self._rest(cut_s)
            self._scene_s, self._number, self._cut_s = cut_s, 0, None
        if self._cut_s is None:
            yield from self._certain(now_s)

    def close(self, end_s: float) -> Iterator[Segment]:
        """The source ends."""
        yield from self.push(end_s)
        self._cut_s = None
        yield from self._certain(end_s)
        yield from self._rest(end_s)

    @property
    def oldest_s(self) -> float:
        """Nothing before this is needed any more."""
        return self._start_s(self._number)

    def _start_s(self, number: int) -> float:
        return self._scene_s + number * self._knife.stride_s

    def _certain(self, now_s: float) -> Iterator[Segment]:
        """A segment is certain once the one after it is long enough to stand for itself and has all it overlaps."""
        knife = self._knife
        while now_s >= max(
            self._start_s(self._number + 1) + knife.min_segment_s, self._start_s(self._number) + knife.segment_s
        ):
            yield Segment(self._start_s(self._number), knife.segment_s)
            self._number += 1

    def _rest(self, end_s: float) -> Iterator[Segment]:
        start_s = self._start_s(self._number)
        if end_s > start_s:
            yield Segment(start_s, end_s - start_s)


def cut(duration_s: float, knife: Knife, cuts_s: Iterable[float] = ()) -> list[Segment]:
    """All segments of a source at once. A still (no duration) is one segment. `ValueError` for a negative duration."""
    if duration_s < 0 or not math.isfinite(duration_s):
        raise ValueError(f"expected a duration, came {duration_s}")
    if duration_s == 0:
        return [Segment(0.0, 0.0)]
    cutter = Cutter(knife)
    out: list[Segment] = []
    for at_s in sorted(cuts_s):
        if at_s < duration_s:
            out += cutter.push(at_s)
            cutter.cut(at_s)
    return [*out, *cutter.close(duration_s)]
