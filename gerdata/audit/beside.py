"""Two datasets of the same sources, made with one key: can rows of one be matched to rows of the other?

What is public of both is compared: any name or keyed fingerprint that occurs in both, the place in the order, any combination
of columns, the bytes, the pictures, the sounds. Who is who is known from the private index, which the attacker lacks. Names,
fingerprints and order need not be alike, so that they are is a failure; the rest is what was released, and is reported.
"""

import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from gerdata.audit.evidence import Evidence
from gerdata.audit.linkage import Floats, envelope_of, linkage, picture_of
from gerdata.audit.statistics import rate
from gerdata.manifest import Row, clip_to_json
from gerdata.store.audits import Verdict
from gerdata.store.members import decode

LEAST_PAIRS = 20
MOST_OF_CHANCE = 2.0
KEYED = ("key", "inputs")  # fingerprints of a header that are made with the key
_NOT_COMPARED = ("id", "group", "is_synthetic", "plan")  # names are a part of their own; synthetic rows are left out
TO, ATTACKER = "linkage to another release", "equality and nearest neighbour"


@dataclass(frozen=True)
class _Side:
    """The real rows of one dataset, in its order, and the sources they are of ("" where not known)."""

    evidence: Evidence
    rows: tuple[Row, ...]
    origins: tuple[str, ...]

    @classmethod
    def of(cls, evidence: Evidence) -> "_Side":
        rows = tuple(row for row in evidence.rows if not row.clip.is_synthetic)
        return cls(evidence, rows, tuple(evidence.origins.get(row.clip.id, "") for row in rows))

    def names(self) -> set[str]:
        """Ids, groups and keyed fingerprints."""
        header = self.evidence.header
        keyed = {value for name in KEYED if (value := header.fingerprint.get(name))}
        return keyed | {name for row in self.rows for name in (row.clip.id, row.clip.group) if name}


def beside(one: Evidence, other: Evidence) -> list[Verdict]:
    """The verdicts on `one`, with `other` beside it. `DatasetError` where members are damaged."""
    a, b = _Side.of(one), _Side.of(other)
    out = [_names(a, b)]
    place = {origin: j for j, origin in enumerate(b.origins) if origin}
    pairs = [(i, place[origin]) for i, origin in enumerate(a.origins) if origin in place]
    parts = [f"{TO} by {what}" for what in ("order", "columns", "bytes", "picture", "sound")]
    if len(pairs) < 2:
        why = (
            f"{len(pairs)} rows of both are known to be of one source; both need the private folder they were made with"
        )
        return out + [Verdict(part, "skipped", why, ATTACKER) for part in parts]
    ours, theirs = [a.rows[i] for i, _ in pairs], [b.rows[j] for _, j in pairs]
    out.append(_order(parts[0], pairs))
    out.append(_columns(parts[1], ours, theirs))
    (bytes_a, pictures_a, sounds_a), (bytes_b, pictures_b, sounds_b) = _looked(one, ours), _looked(other, theirs)
    out.append(_bytes(parts[2], bytes_a, bytes_b))
    out.append(linkage("picture", pictures_a, pictures_b, TO))
    out.append(linkage("sound", sounds_a, sounds_b, TO))
    return out


def _names(a: _Side, b: _Side) -> Verdict:
    part = f"{TO} by names"
    shared = a.names() & b.names()
    n = len(a.names())
    if shared:
        return Verdict(part, "failed", f"{len(shared)} of {n} ids, groups and fingerprints are in both", ATTACKER)
    return Verdict(part, "passed" if n else "skipped", f"none of {n} ids, groups and fingerprints is in both", ATTACKER)


def _order(part: str, pairs: Sequence[tuple[int, int]]) -> Verdict:
    """The row at the same rank, from the front or from the back."""
    n = len(pairs)
    ranks = np.argsort(np.argsort([j for _, j in pairs]))
    hits = max(int((ranks == np.arange(n)).sum()), int((ranks[::-1] == np.arange(n)).sum()))
    figure = rate("top-1", hits, n, 1 / n)
    told = f"{figure.value:.3f} of {n} are at the same place, chance {1 / n:.3f}"
    if n < LEAST_PAIRS:
        return Verdict(part, "underpowered", f"{told}; {LEAST_PAIRS} are needed", ATTACKER, (figure,))
    return Verdict(part, "failed" if figure.low > MOST_OF_CHANCE / n else "passed", told, ATTACKER, (figure,))


def _columns(part: str, ours: Sequence[Row], theirs: Sequence[Row]) -> Verdict:
    """The best combination of columns, put together one by one as long as another one tells more."""
    flat = [[clip_to_json(row.clip) for row in rows] for rows in (ours, theirs)]
    left = [name for name in flat[0][0] if name not in _NOT_COMPARED]
    chosen: list[str] = []
    best = 1.0  # hits of guessing
    while left:
        scores = {name: _hits(*([_key(one, [*chosen, name]) for one in rows] for rows in flat)) for name in left}
        name = max(scores, key=lambda one: scores[one])
        if scores[name] <= best:
            break
        best = scores[name]
        chosen.append(name)
        left.remove(name)
    figure = rate("top-1", round(best), len(ours), 1 / len(ours))
    told = f"{figure.value:.3f} of {len(ours)} by {', '.join(chosen) or 'no column'}, chance {1 / len(ours):.3f}"
    return Verdict(part, "reported", told, ATTACKER, (figure,))


def _key(flat: dict[str, object], names: Sequence[str]) -> Hashable:
    return repr([flat[name] for name in names])


def _hits(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> float:
    """How many rows a guesser gets right who picks, for each, one of those that are equal to it."""
    count = Counter(theirs)
    return sum(1 / count[a] for a, b in zip(ours, theirs, strict=True) if a == b)


def _looked(evidence: Evidence, rows: Sequence[Row]) -> tuple[list[Hashable], Floats, Floats]:
    """Digest of the pictures as they are stored, small pictures, envelopes."""
    digests: list[Hashable] = []
    pictures, envelopes = [], []
    for row in rows:
        members = dict(zip(evidence.header.members, evidence.dataset.members(row), strict=True))
        sample = decode(members)
        stored = b"".join(data for name, data in members.items() if name.endswith((".jpg", "mp4")))
        digests.append(hashlib.sha256(stored).hexdigest())
        pictures.append(picture_of(sample.frames))
        envelopes.append(envelope_of(sample.audio))
    return digests, np.stack(pictures), np.stack(envelopes)


def _bytes(part: str, ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Verdict:
    figure = rate("top-1", round(_hits(ours, theirs)), len(ours), 1 / len(ours))
    told = f"{figure.value:.3f} of {len(ours)} have the same bytes of pictures"
    return Verdict(part, "reported", told, ATTACKER, (figure,))
