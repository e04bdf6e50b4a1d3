"""The whole audit of one dataset: evidence gathered clip by clip, attacks on it, one document."""

import csv
import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gerdata import __version__
from gerdata.audit.canaries import canaries
from gerdata.audit.evidence import Evidence, Exhibit
from gerdata.audit.identify import Views, identify
from gerdata.audit.linear import Features
from gerdata.audit.linkage import envelope_of, linkage, picture_of, row_of
from gerdata.audit.residual import faces_left, residual, witness
from gerdata.audit.sightings import Sighting, mask_of, sighting
from gerdata.audit.speakers import heard
from gerdata.audit.utility import Fate, fate_of, quarantine, utility
from gerdata.audit.voices import speakers
from gerdata.clip import Points
from gerdata.errors import LabelError
from gerdata.people.weights import WEIGHTS
from gerdata.privacy.heads import head_finder
from gerdata.store.audits import AuditDocument, Used, Verdict
from gerdata.store.dataset import HEADER, REJECTS, sha256_of_file

SEEN_SCORE = 0.5  # of a head in the clear frame, where the recipe tracked none
ATTACKERS = ("centerface", "face-full-range", "voice-embedder")
_COLUMNS = {"source", "identity", "speaker", "gender"}


@dataclass(frozen=True)
class Person:
    """Who is known to be in a source: the person seen, the person heard, and their gender; "" where not known."""

    identity: str
    speaker: str
    gender: str


@dataclass
class _Gathered:
    """Of every exhibit what the attacks need; lists run in step within a group."""

    left: list[int] = dataclasses.field(default_factory=list)
    pairs: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)  # with their clear originals
    labels: list[tuple[str | None, str | None]] = dataclasses.field(default_factory=list)  # of those, and the split
    seen: list[tuple[Sighting, str, int]] = dataclasses.field(default_factory=list)
    heard: list[tuple[Features, Features, Person, int]] = dataclasses.field(default_factory=list)


def read_identities(path: Path) -> dict[str, Person]:
    """Known people by source: a CSV with the columns source (path below its root, or file name) and identity, speaker or
    both, and gender. `LabelError` for other columns or a source named twice with different people."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = set(table.fieldnames or ())
            if "source" not in columns or not columns & {"identity", "speaker"} or columns - _COLUMNS:
                raise LabelError(
                    f"{path}: expected the columns source, identity, speaker, gender; came {sorted(columns)}"
                )
            out: dict[str, Person] = {}
            for row in table:
                person = Person(*((row.get(name) or "").strip() for name in ("identity", "speaker", "gender")))
                if out.setdefault(str(row["source"]), person) != person:
                    raise LabelError(f"{path}: {row['source']} is named twice, with different people")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: cannot be read as CSV ({type(error).__name__})") from None
    return out


def inquire(evidence: Evidence, known: dict[str, Person], seed: int) -> tuple[AuditDocument, bool]:
    """All attacks; and whether too many or too uneven a share was quarantined.

    `MissingError` where the third detector is not installed.
    """
    gathered = _Gathered()
    for number, exhibit in enumerate(evidence.exhibits()):
        _gather(gathered, exhibit, known, number)
    sources = list(evidence.index.values())
    ids = [row.clip.id for row in evidence.rows]
    public = frozenset((*evidence.header.classes, "unlabelled", evidence.dataset.root.name))
    verdicts = [residual(gathered.left, [evidence.header.n_frames] * len(gathered.left))]
    verdicts += _faces(gathered, seed)
    verdicts.append(_voices(gathered, seed))
    verdicts += _sources(gathered)
    verdicts.append(canaries(evidence.dataset.root, sources, ids, public))
    verdicts.append(_labels(gathered, evidence.header.classes))
    fates = _fates(evidence)
    verdict, is_skewed = quarantine(fates)
    verdicts.append(verdict if fates else Verdict("quarantine", "skipped", "no private index of what was read"))
    return _document(evidence, verdicts), is_skewed


def _gather(out: _Gathered, exhibit: Exhibit, known: dict[str, Person], number: int) -> None:
    out.left.append(faces_left(exhibit.released.frames, exhibit.masks))
    if exhibit.clear is None:
        return
    both = (exhibit.released, exhibit.clear)
    told = [(picture_of(one.frames), envelope_of(one.audio), row_of(exhibit.row.clip, one.audio)) for one in both]
    out.pairs.append((*told[0], *told[1]))
    out.labels.append((exhibit.row.clip.label, exhibit.row.clip.split))
    person = known.get(exhibit.name) or known.get(Path(exhibit.name).name)
    if person is None:
        return
    if person.identity:
        out.seen += [(one, person.identity, number) for one in _sightings(exhibit)]
    if person.speaker and np.abs(exhibit.clear.audio).max(initial=0) > 0:
        out.heard.append((heard(exhibit.clear.audio), heard(exhibit.released.audio), person, number))


def _sightings(exhibit: Exhibit) -> list[Sighting]:
    """The largest head of every stored frame."""
    out = []
    for i, (clear, released) in enumerate(zip(exhibit.clear.frames, exhibit.released.frames, strict=True)):  # type: ignore[union-attr]
        heads: Points = exhibit.heads[i] if exhibit.heads else np.zeros((0, 4), np.float32)
        is_tracked = len(heads) > 0
        if not is_tracked:
            heads = head_finder().find(clear, SEEN_SCORE)[:, :4]
        if not len(heads):
            continue
        at = int(np.prod(heads[:, 2:] - heads[:, :2], axis=1).argmax())
        mask = exhibit.masks[i][at] if is_tracked and exhibit.masks else mask_of(heads[at], *clear.shape[:2])
        out.append(sighting(clear, released, heads[at], mask))
    return out


def _faces(gathered: _Gathered, seed: int) -> list[Verdict]:
    parts = {"inside": "faces inside the fill", "context": "faces by context", "whole": "faces on the person"}
    if not gathered.seen:
        return [Verdict(part, "skipped", "no identities known; pass --identities") for part in parts.values()]
    names = sorted({identity for _, identity, _ in gathered.seen})
    out = []
    for region, part in parts.items():
        own = [(getattr(one, region), names.index(who), clip) for one, who, clip in gathered.seen]
        own = [one for one in own if one[0] is not None]
        if not own:
            out.append(
                Verdict(part, "underpowered", "no head is large enough for a whole block of the picture inside it")
            )
            continue
        clear, released = (np.stack([pair[k] for pair, _, _ in own]) for k in (0, 1))
        views = Views(clear, released, np.array([who for _, who, _ in own]), np.array([clip for _, _, clip in own]))
        out.append(identify(part, views, seed, has_threshold=region == "inside"))
    return out


def _voices(gathered: _Gathered, seed: int) -> Verdict:
    if not gathered.heard:
        return Verdict("voices", "skipped", "no speakers known; pass --identities with a column speaker")
    names = sorted({person.speaker for _, _, person, _ in gathered.heard})
    genders = sorted({person.gender for _, _, person, _ in gathered.heard})
    clear = np.stack([clear for clear, _, _, _ in gathered.heard])
    released = np.stack([released for _, released, _, _ in gathered.heard])
    who = np.array([names.index(person.speaker) for _, _, person, _ in gathered.heard])
    gender = np.array([genders.index(person.gender) for _, _, person, _ in gathered.heard])
    return speakers(Views(clear, released, who, np.array([clip for _, _, _, clip in gathered.heard])), gender, seed)


def _sources(gathered: _Gathered) -> list[Verdict]:
    if not gathered.pairs:
        return [
            Verdict("source linkage", "skipped", "no clear originals; the private folder or its sources are not here")
        ]
    columns = [np.stack([one[k] for one in gathered.pairs]) for k in range(6)]
    return [linkage(what, columns[k], columns[k + 3]) for k, what in enumerate(("picture", "sound", "row"))]


def _labels(gathered: _Gathered, classes: Sequence[str]) -> Verdict:
    own = [i for i, (label, split) in enumerate(gathered.labels) if label in classes and split]
    if not own:
        return Verdict("labels kept", "skipped", "no labelled clips with a split and their originals")
    label = np.array([list(classes).index(str(gathered.labels[i][0])) for i in own])
    is_test = np.array([gathered.labels[i][1] == "test" for i in own])
    released, clear = (np.stack([np.concatenate(gathered.pairs[i][k : k + 2]) for i in own]) for k in (0, 3))
    return utility(clear, released, label, is_test, classes)


def _fates(evidence: Evidence) -> list[Fate]:
    """Of every clip that was to be protected."""
    path = evidence.dataset.root / REJECTS
    if evidence.header.stage != "protect" or not path.is_file() or evidence.private is None:
        return []
    kept, refused = {row.clip.id for row in evidence.rows}, set(pq.read_table(path, columns=["id"])["id"].to_pylist())
    out = []
    for index in sorted(evidence.private.root.glob("*/index.parquet")):
        columns = ["id", "label", "n_people", "smallest_head_px"]
        for one in pq.read_table(index, columns=columns).to_pylist():
            if one["id"] in kept or one["id"] in refused:
                out.append(fate_of(one["id"] in kept, one["label"], one["n_people"], one["smallest_head_px"]))
    return out


def _document(evidence: Evidence, verdicts: Sequence[Verdict]) -> AuditDocument:
    used = [WEIGHTS[name] for name in ATTACKERS]
    return AuditDocument(
        dataset=sha256_of_file(evidence.dataset.root / HEADER),
        stage=evidence.header.stage,
        protection=evidence.header.protection,
        clips=len(evidence.rows),
        gerdata=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        weights=tuple(Used(one.name, one.requirement, one.sha256) for one in used),
        verdicts=tuple(verdicts),
    )


def need_models() -> None:
    """`MissingError`, with the line to run, before the first clip."""
    witness()
    head_finder()
