"""The whole audit of one dataset: evidence gathered clip by clip, attacks on it, one document."""

import datetime
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq

from gerdata import __version__
from gerdata.audit.beside import beside
from gerdata.audit.canaries import canaries
from gerdata.audit.evidence import Evidence
from gerdata.audit.gather import Gathered, listened
from gerdata.audit.identify import Views, identify
from gerdata.audit.known import Person
from gerdata.audit.learned import MANIFEST, WEIGHT, name_of
from gerdata.audit.linkage import envelope_of, linkage, picture_of
from gerdata.audit.residual import residual, witness
from gerdata.audit.sentences import PART as SENTENCES
from gerdata.audit.sentences import sentences
from gerdata.audit.shortcuts import shortcuts
from gerdata.audit.speakers import embedder
from gerdata.audit.utility import Fate, Taught, fate_of, quarantine, utility
from gerdata.audit.voices import speakers
from gerdata.audit.words import FILES, words_left
from gerdata.audit.words import PART as WORDS
from gerdata.people.weights import WEIGHTS
from gerdata.privacy.heads import head_finder
from gerdata.store.audits import AuditDocument, Used, Verdict
from gerdata.store.dataset import HEADER, REJECTS, sha256_of_file

ATTACKERS = ("centerface", "face-full-range")


def inquire(
    evidence: Evidence, known: dict[str, Person], seed: int, other: Evidence | None = None
) -> tuple[AuditDocument, bool]:
    """All attacks, those with `other` beside it, too; and whether too many or too uneven a share was quarantined.

    `MissingError` where the third detector is not installed.
    """
    numbers, why_none = listened(len(evidence.rows), seed)
    gathered = Gathered(known, seed, numbers)
    for number, exhibit in enumerate(evidence.exhibits()):
        gathered.add(exhibit, number)
    sources = list(evidence.index.values())
    names = [name for row in evidence.rows for name in (row.clip.id, row.clip.group) if name]
    public = frozenset((*evidence.header.classes, "unlabelled", evidence.dataset.root.name))
    verdicts = [residual(gathered.left, [evidence.header.n_frames] * len(gathered.left))]
    verdicts += _faces(gathered, seed)
    verdicts += [_voices(gathered, seed), _sentences(gathered, seed)]
    verdicts.append(words_left(gathered.words, seed) if numbers else Verdict(WORDS, "skipped", why_none))
    verdicts += _sources(gathered)
    verdicts.append(canaries(evidence.dataset.root, sources, names, public))
    verdicts.append(_labels(gathered, evidence))
    fates = _fates(evidence)
    verdict, is_skewed = quarantine(fates)
    verdicts.append(verdict if fates else Verdict("quarantine", "skipped", "no private index of what was read"))
    verdicts += beside(evidence, other) if other else ()
    document = _document(evidence, verdicts, _weights(gathered))
    digest = sha256_of_file(other.dataset.root / HEADER) if other else None
    return document.model_copy(update={"beside": digest}), is_skewed


def inquire_shortcuts(evidence: Evidence, seed: int) -> AuditDocument:
    """Only whether labels are told by what must not tell them. Needs no weights and nothing private."""
    return _document(evidence, shortcuts(evidence.dataset, evidence.header, evidence.rows, seed), ())


def _faces(gathered: Gathered, seed: int) -> list[Verdict]:
    parts = {"inside": "faces inside the fill", "context": "faces by context", "whole": "faces on the person"}
    if not gathered.seen:
        return [Verdict(part, "skipped", "no identities known; pass --identities") for part in parts.values()]
    names = sorted({one.who for one in gathered.seen})
    out = []
    for region, part in parts.items():
        own = [one for one in gathered.seen if getattr(one.regions, region) is not None]
        if not own:
            why = "no head is large enough for a whole block of the picture inside it"
            out.append(Verdict(part, "underpowered", why))
            continue
        clear, released = (np.stack([getattr(one.regions, region)[k] for one in own]) for k in (0, 1))
        who, clip = np.array([names.index(one.who) for one in own]), np.array([one.clip for one in own])
        views = Views(clear, released, who, clip)
        if region != "inside":
            out.append(identify(part, views, seed, has_threshold=False))
        elif any(one.learned is None for one in own):
            verdict = identify(part, views, seed)
            out.append(
                replace(verdict, why=f"{verdict.why}; pixels alone, run: gerdata models pull {WEIGHT} {MANIFEST}")
            )
        else:
            told = [np.stack([one.learned[k] for one in own if one.learned]) for k in range(3)]
            learned = Views(told[0], told[1], who, clip, told[2])
            out.append(identify(part, views, seed, learned=learned, name=name_of()))
    return out


def _voices(gathered: Gathered, seed: int) -> Verdict:
    if not gathered.heard:
        return Verdict("voices", "skipped", "no speakers known; pass --identities with a column speaker")
    names = sorted({one.person.speaker for one in gathered.heard})
    genders = sorted({one.person.gender for one in gathered.heard})
    clear, released = (np.stack([one.voice[k] for one in gathered.heard]) for k in (0, 1))
    who = np.array([names.index(one.person.speaker) for one in gathered.heard])
    gender = np.array([genders.index(one.person.gender) for one in gathered.heard])
    return speakers(Views(clear, released, who, np.array([one.clip for one in gathered.heard])), gender, seed)


def _sentences(gathered: Gathered, seed: int) -> Verdict:
    own = [one for one in gathered.heard if one.shape is not None]
    if not own:
        return Verdict(SENTENCES, "skipped", "no sentences known; pass --identities with columns speaker and sentence")
    voices, said = (sorted({getattr(one.person, name) for one in own}) for name in ("speaker", "sentence"))
    clear, released = ([one.shape[k] for one in own if one.shape] for k in (0, 1))
    sentence = np.array([said.index(one.person.sentence) for one in own])
    return sentences(clear, released, sentence, np.array([voices.index(one.person.speaker) for one in own]), seed)


def _sources(gathered: Gathered) -> list[Verdict]:
    if not gathered.pairs:
        return [
            Verdict("source linkage", "skipped", "no clear originals; the private folder or its sources are not here")
        ]
    columns = [np.stack([one[k] for one in gathered.pairs]) for k in range(6)]
    return [linkage(what, columns[k], columns[k + 3]) for k, what in enumerate(("picture", "sound", "row"))]


def _labels(gathered: Gathered, evidence: Evidence) -> Verdict:
    classes = list(evidence.header.classes)
    own = [i for i, (label, split) in enumerate(gathered.labels) if label in classes and split]
    if not own:
        return Verdict("labels kept", "skipped", "no labelled clips with a split and their originals")
    label = np.array([classes.index(str(gathered.labels[i][0])) for i in own])
    is_test = np.array([gathered.labels[i][1] == "test" for i in own])
    released, clear = (np.stack([np.concatenate(gathered.pairs[i][k : k + 2]) for i in own]) for k in (0, 3))
    told = [(c, s) for c, s in evidence.refused() if c.label in classes and c.split]
    refused = None
    if told:
        x = np.stack([np.concatenate([picture_of(sample.frames), envelope_of(sample.audio)]) for _, sample in told])
        theirs = np.array([classes.index(str(clip.label)) for clip, _ in told])
        refused = Taught(x, theirs, np.array([clip.split == "test" for clip, _ in told]))
    return utility(Taught(clear, label, is_test), Taught(released, label, is_test), classes, refused)


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


def _weights(gathered: Gathered) -> tuple[Used, ...]:
    """Those that the attackers ran on."""
    names = [
        *ATTACKERS,
        *(("voice-embedder",) if gathered.heard and embedder() else ()),
        *((WEIGHT, MANIFEST) if any(one.learned for one in gathered.seen) else ()),
    ]
    names += FILES if gathered.listened else ()
    used = [WEIGHTS[name] for name in names]
    return tuple(Used(one.name, one.requirement, one.sha256) for one in used)


def _document(evidence: Evidence, verdicts: Sequence[Verdict], weights: tuple[Used, ...]) -> AuditDocument:
    return AuditDocument(
        dataset=sha256_of_file(evidence.dataset.root / HEADER),
        stage=evidence.header.stage,
        protection=evidence.header.protection,
        clips=len(evidence.rows),
        gerdata=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        weights=weights,
        verdicts=tuple(verdicts),
    )


def need_models() -> None:
    """`MissingError`, with the line to run, before the first clip."""
    witness()
    head_finder()
