"""The audit of a run: what its weights and what it gives of clips tell of who and what it was trained on."""

import datetime
from pathlib import Path

import numpy as np
import torch

from gerdata import __version__
from gerdata.audit.answers import Answers, Items, answers_of
from gerdata.audit.evidence import Evidence
from gerdata.audit.known import Person
from gerdata.audit.linear import Labels
from gerdata.audit.membership import PART as MEMBERSHIP
from gerdata.audit.membership import matched, membership
from gerdata.audit.relink import PART as PEOPLE
from gerdata.audit.relink import enough, relink
from gerdata.chance import digest_of
from gerdata.errors import DatasetError
from gerdata.learn.architecture import Model, build_model
from gerdata.learn.data import ReleaseSplit, read_header, release_fingerprint
from gerdata.learn.evaluate import Trained, load, open_split
from gerdata.learn.outcome import Outcome
from gerdata.learn.run import DONE, Run
from gerdata.manifest import Row
from gerdata.store.audits import AuditDocument, Verdict
from gerdata.store.dataset import Dataset, sha256_of_file
from gerdata.store.private import Private

STAGE = "run"
MOST_PEOPLE_CLIPS = 3000
HELD_OUT = "test"


def is_run(path: Path) -> bool:
    """Whether a folder holds a finished run."""
    return (path / DONE).is_file()


def inquire_run(
    run: Path, release: Path, known: dict[str, Person], private: Private | None, seed: int
) -> AuditDocument:
    """All attacks on a run. `DatasetError` where `release` is not the one that it was trained on, or has no test split."""
    read_header(release)
    trained = load(run)
    if release_fingerprint(release) != trained.run.identity.release:
        raise DatasetError(f"{release}: the run at {run} was trained on another release; name that one")
    splits = [open_split(trained, run, release, name) for name in ("train", HELD_OUT)]
    verdicts = [*_membership(trained, splits, seed), *_people(trained, release, splits, known, private, seed)]
    return AuditDocument(
        dataset=sha256_of_file(run / DONE),
        stage=STAGE,
        protection=trained.run.protection,
        clips=sum(len(one) for one in splits),
        gerdata=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        weights=(),
        verdicts=tuple(verdicts),
    )


def untrained(run: Run, seed: int) -> Model:
    """The network of a run with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(digest_of(seed, "audit", "untrained")[:8], "big") >> 1)
        model = build_model(run.identity.recipe, len(run.identity.classes))
    model.eval()
    return model


def _membership(trained: Trained, splits: list[ReleaseSplit], seed: int) -> list[Verdict]:
    places = [(split, i) for split in splits for i in range(len(split))]
    outcome = _rows(trained, [split.rows[i] for split, i in places], [split.labels[i] for split, i in places])
    is_member = np.array([split.split == "train" for split, _ in places], np.bool_)
    at = matched(outcome, is_member, seed)
    if is_member[at].all() or not is_member[at].any():
        why = "no held-out clips of the kinds and protections that were trained on, so a difference would not be training's"
        return [Verdict(f"{MEMBERSHIP}any attack", "skipped", why)]
    items = Items(places[i][0][places[i][1]] for i in at)
    return membership(trained.model, untrained(trained.run, seed), items, outcome.only(at), is_member[at], seed)


def _people(
    trained: Trained,
    release: Path,
    splits: list[ReleaseSplit],
    known: dict[str, Person],
    private: Private | None,
    seed: int,
) -> list[Verdict]:
    places = [(split, i) for split in splits for i in range(len(split))]
    rows = [split.rows[i] for split, i in places]
    who = _named_by(rows, known, release, private) if known else _casts(rows)
    at = enough(who)[:MOST_PEOPLE_CLIPS]
    if not len(at):
        why = "no people known of ten clips each: neither synthetic casts nor --identities"
        return [Verdict(f"{PEOPLE}any tensor", "skipped", why)]
    outcome = _rows(trained, [rows[i] for i in at], [0] * len(at))
    told: Answers = answers_of(trained.model, Items(places[i][0][places[i][1]] for i in at), outcome)
    return [relink(name, tensor, told.clear, who[at], seed) for name, tensor in told.tensors.items()]


def _casts(rows: list[Row]) -> Labels:
    """`[N]`: a number for each cast of synthetic people; -1 for real clips."""
    return _numbered([row.clip.group if row.clip.is_synthetic else "" for row in rows])


def _named_by(rows: list[Row], known: dict[str, Person], release: Path, private: Private | None) -> Labels:
    """`[N]`: a number for each person whom the table names in the source of a clip; -1 where it names nobody."""
    evidence = Evidence.of(Dataset(release), private)
    names = []
    for row in rows:
        told = evidence.index.get(evidence.origins.get(row.clip.id, ""))
        name = told["name"].partition("/")[2] if told else ""
        person = known.get(name) or known.get(Path(name).name)
        names.append(person.identity if person else "")
    return _numbered(names)


def _numbered(names: list[str]) -> Labels:
    order = {name: number for number, name in enumerate(sorted({one for one in names if one}))}
    return np.array([order.get(name, -1) for name in names], np.int64)


def _rows(trained: Trained, rows: list[Row], labels: list[int]) -> Outcome:
    """Rows and labels as an outcome that has said nothing yet."""
    classes = trained.run.identity.classes
    even = np.full((len(rows), len(classes)), 1 / len(classes))
    return Outcome(classes, tuple(row.clip for row in rows), np.array(labels, np.int64), even)
