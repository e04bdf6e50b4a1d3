"""The account: every planned input has become something, and the two sums hold.

sources = accepted + rejected; clips = written + rejected. A source is accepted when at least one clip of it is written.
Several inputs may be pieces of one source, as the members of a tar are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from gerdata.clip import SPLITS, Clip
from gerdata.engine.work import Item
from gerdata.errors import AccountError
from gerdata.manifest import REPAIRED, Counts, Row


def count(rows: Sequence[Row], planned: Iterable[Item]) -> Counts:
    """The counts of all rows against the items that were planned. `AccountError` where a sum does not hold."""
    by_source: dict[str, int] = defaultdict(int)
    for row in rows:
        by_source[row.source] += row.status == "written"
    items = list(planned)
    source_of = {item.key: item.of or item.key for item in items}
    keys = [item.key for item in items]
    missing, unknown = set(keys) - set(by_source), set(by_source) - set(keys)
    if missing or unknown or len(keys) != len(set(keys)):
        raise AccountError(
            f"{len(keys)} inputs were planned: {len(missing)} left no row and {len(unknown)} rows came from nowhere"
        )
    written = [row.clip for row in rows if row.status == "written"]
    if len({clip.id for clip in written}) != len(written):
        raise AccountError(f"{len(written)} clips were written under {len({clip.id for clip in written})} names")
    sources = set(source_of.values())
    accepted = {source_of[key] for key, n in by_source.items() if n > 0}
    return Counts(
        sources=len(sources),
        sources_accepted=len(accepted),
        sources_rejected=len(sources - accepted),
        clips=len(rows),
        written=len(written),
        rejected=len(rows) - len(written),
        reasons=_sorted(Counter(row.reason for row in rows if row.reason)),
        labels=_sorted(Counter(clip.label or "unlabelled" for clip in written)),
        splits=_sorted(Counter(clip.split or "none" for clip in written)),
        flags=_sorted(Counter(flag for clip in written for flag in clip.flags)),
        verdicts=_sorted(Counter("repaired" if REPAIRED & set(clip.flags) else "ok" for clip in written)),
        balance=_balance(written),
    )


def _balance(written: Sequence[Clip]) -> dict[str, dict[str, int]]:
    """Clips by split, in the order of splits, and label."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in written:
        held[clip.split or "none"][clip.label or "unlabelled"] += 1
    return {split: _sorted(held[split]) for split in (*SPLITS, "none") if split in held}


def _sorted(counter: "Counter[str]") -> dict[str, int]:
    return dict(sorted(counter.items()))
