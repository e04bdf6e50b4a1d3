"""The account: every planned input has become something, and the two sums hold.

sources = accepted + rejected; clips = written + rejected. A source is accepted when at least one clip of it is written.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from gerdata.errors import AccountError
from gerdata.manifest import Counts, Row


def count(rows: Sequence[Row], planned: Iterable[str]) -> Counts:
    """The counts of all rows against the keys that were planned. `AccountError` where a sum does not hold."""
    by_source: dict[str, int] = defaultdict(int)
    for row in rows:
        by_source[row.source] += row.status == "written"
    keys = list(planned)
    missing, unknown = set(keys) - set(by_source), set(by_source) - set(keys)
    if missing or unknown or len(keys) != len(set(keys)):
        raise AccountError(
            f"{len(keys)} inputs were planned: {len(missing)} left no row and {len(unknown)} rows came from nowhere"
        )
    written = [row.clip for row in rows if row.status == "written"]
    if len({clip.id for clip in written}) != len(written):
        raise AccountError(f"{len(written)} clips were written under {len({clip.id for clip in written})} names")
    accepted = sum(n > 0 for n in by_source.values())
    return Counts(
        sources=len(keys),
        sources_accepted=accepted,
        sources_rejected=len(keys) - accepted,
        clips=len(rows),
        written=len(written),
        rejected=len(rows) - len(written),
        reasons=_sorted(Counter(row.reason for row in rows if row.reason)),
        labels=_sorted(Counter(clip.label or "unlabelled" for clip in written)),
        splits=_sorted(Counter(clip.split or "none" for clip in written)),
        flags=_sorted(Counter(flag for clip in written for flag in clip.flags)),
    )


def _sorted(counter: "Counter[str]") -> dict[str, int]:
    return dict(sorted(counter.items()))
