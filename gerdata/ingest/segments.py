"""Cutting long sources into clips of a fixed length; every second of a source is in exactly one clip."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Seconds from the first frame of the source."""

    start_s: float
    duration_s: float


def cut(duration_s: float, segment_s: float, min_segment_s: float) -> list[Segment]:
    """Consecutive segments of `segment_s`; a rest shorter than `min_segment_s` joins the segment before it.

    A source shorter than that is one segment. Raises `ValueError` for a duration that is not positive.
    """
    if duration_s <= 0:
        raise ValueError(f"expected a positive duration, came {duration_s}")
    whole = int(duration_s // segment_s)
    n = whole + (duration_s - whole * segment_s >= min_segment_s)
    starts = [i * segment_s for i in range(max(1, n))]
    ends = [*starts[1:], duration_s]
    return [Segment(start, end - start) for start, end in zip(starts, ends, strict=True)]
