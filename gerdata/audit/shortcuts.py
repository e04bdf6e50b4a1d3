"""Shortcuts: is the label told by what must not tell it? A small learner for each cue, on folds that share no group.

The figure that decides is the unweighted average recall (UAR), which one class that is more frequent does not lift: its
95 % interval, groups drawn again, beside chance, 1/C. A class is found by a shortcut where the lower bound is over chance
by more than `MOST_GAIN`. Marks are planted in a copy of the same samples: where they are not found, nothing not found counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from gerdata.audit.cues import (
    BACKGROUND,
    COLOUR,
    FIRST,
    HEADS,
    LOUDNESS,
    PICTURE_CUES,
    SOUND,
    SOUND_CUES,
    TEXTURE,
    Floats,
    background_of,
    cues_of,
    loudness_of,
)
from gerdata.audit.linear import Labels, Linear
from gerdata.audit.statistics import DRAWS, clopper_pearson, clustered
from gerdata.chance import rng_for
from gerdata.clip import Frames, Sample
from gerdata.manifest import Header, Row
from gerdata.store.audits import SHORTCUT, Figure, Status, Verdict
from gerdata.store.dataset import Dataset
from gerdata.store.members import STRUCTURE, decode

NAME = "linear (PCA, shrinkage LDA) and boosted trees"
MOST_GAIN = 0.10  # own convention: models of group emotion differ by a few points; a cue that earns ten without people
# explains more than what such comparisons are made for, and noise does not reach it (LEAST_CLIPS give about 0.05 a side)
FOLDS = 5
LEAST_CLIPS, LEAST_GROUPS = 300, 30
MARKED_SHARE = 0.6  # of the clips have the planted corner pixel
STEP_DB = 6.0  # between the planted loudness of one class and the next: twice as loud
MARKS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)], np.uint8)
MOST_RAW = 128  # features that trees see as they are; of more they see principal components
COMPONENTS = 24
FILLING = ("remove_heads", "remove_people")  # ops of protection after which no cue holds a face that was found
PLANTED = {BACKGROUND: "planted corner pixel", LOUDNESS: "planted loudness"}

Fold = tuple[Labels, Labels]


@dataclass
class Gathered:
    """Cues of N labelled samples by name, `label`, `group: [N]` as numbers, and cues of the same samples with marks."""

    classes: tuple[str, ...]
    seed: int
    label: list[int] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    hides_heads: bool = True  # in every cue: by structure, or since they are filled in what is stored
    has_sound: bool = False
    has_structure: bool = False
    cues: dict[str, list[Floats]] = field(default_factory=dict)
    planted: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, row: Row, sample: Sample, members: Sequence[str]) -> None:
        """Take in one labelled sample."""
        label = self.classes.index(str(row.clip.label))
        self.label.append(label)
        self.group.append(row.clip.group)
        self.has_sound |= bool(sample.audio.any())
        self.has_structure |= sample.structure is not None
        for name, told in cues_of(row, sample, members).items():
            self.cues.setdefault(name, []).append(told)
        is_marked = rng_for(self.seed, "audit", "corner", row.clip.id).random() < MARKED_SHARE
        frames = marked(sample.frames, label) if is_marked else sample.frames
        gain = 10 ** (STEP_DB * (label - (len(self.classes) - 1) / 2) / 20)
        louder = np.clip(sample.audio * np.float32(gain), -1, 1)
        self.planted.setdefault(BACKGROUND, []).append(background_of(frames, sample.structure))
        self.planted.setdefault(LOUDNESS, []).append(loudness_of(louder))


def marked(frames: Frames, label: int) -> Frames:
    """A copy with the pixel of the top left corner in the colour of a class."""
    out = frames.copy()
    out[:, 0, 0] = MARKS[label % len(MARKS)]
    return out


def shortcuts(dataset: Dataset, header: Header, rows: Sequence[Row], seed: int) -> list[Verdict]:
    """A verdict for each cue, learnt and tested on the labelled `rows`. One thread; `DatasetError` for damaged members."""
    own = [row for row in rows if row.clip.label in header.classes]
    hides = STRUCTURE in header.members or header.recipe.get("frame_op") in FILLING
    gathered = Gathered(header.classes, seed, hides_heads=hides)
    with threadpool_limits(1):
        for row in own:
            members = dict(zip(header.members, dataset.members(row), strict=True))
            gathered.add(row, decode(members), header.members)
        return list(probed(gathered))


def probed(gathered: Gathered) -> Iterator[Verdict]:
    """The verdicts; those of gates that did not hold make what was not found void."""
    if not gathered.label:
        yield Verdict(f"{SHORTCUT}any cue", "skipped", "no labelled clips", NAME)
        return
    label, group = np.array(gathered.label, np.int64), np.unique(gathered.group, return_inverse=True)[1]
    folds = folds_of(label, group, gathered.seed)
    why = _too_few(label, group, folds)
    gates = {
        name: _uar(PLANTED[name], _stacked(gathered.planted[name]), label, group, folds, gathered.seed)
        for name in PLANTED
        if folds and (name in PICTURE_CUES or gathered.has_sound)
    }
    for name, told in gathered.cues.items():
        if name in SOUND_CUES and not gathered.has_sound and name != SOUND:
            yield Verdict(f"{SHORTCUT}{name}", "skipped", "no sample has any sound", NAME)
        elif not folds:
            yield Verdict(f"{SHORTCUT}{name}", "underpowered", why, NAME)
        else:
            yield _verdict(name, _figures(name, told, label, group, folds, gathered.seed), gates, why, gathered)
    if HEADS not in gathered.cues:
        yield Verdict(f"{SHORTCUT}{HEADS}", "skipped", "no structure in the samples", NAME)


def _verdict(name: str, figures: tuple[Figure, ...], gates: dict[str, Figure], why: str, seen: Gathered) -> Verdict:
    uar, most = figures[0], (figures[0].chance or 0) + MOST_GAIN
    told = f"UAR {uar.value:.3f} [{uar.low:.3f}, {uar.high:.3f}], chance {uar.chance:.3f}"
    if name == BACKGROUND and not seen.has_structure:
        told += "; no structure: the frame's border alone"
    missed = [gate.name for gate in gates.values() if gate.low <= most]
    status: Status = "reported"
    if why:
        status, told = "underpowered", f"{told}; {why}"
    elif name in (FIRST, COLOUR, TEXTURE) and not seen.hides_heads:
        told += "; no threshold, since heads are not hidden in it: faces may tell the label"
    elif uar.low > most:
        status, told = "failed", f"{told}: a shortcut, by more than {MOST_GAIN:.2f}"
    elif missed:
        status, told = "void", f"{told}; not found either: {', '.join(missed)}"
    elif uar.high > most:
        status, told = "underpowered", f"{told}; the interval holds both sides of chance + {MOST_GAIN:.2f}"
    gate = (gates[name],) if name in gates else ()
    return Verdict(f"{SHORTCUT}{name}", status, told, NAME, (*figures, *gate))


def folds_of(label: Labels, group: Labels, seed: int) -> list[Fold]:
    """Positions to learn from and to test on, five times: no group is in both, and classes are spread as evenly as groups
    allow. None where there are fewer than two classes, or fewer than five clips of one or groups in all."""
    counts = np.unique(label, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < FOLDS or len(np.unique(group)) < FOLDS:
        return []
    number = int(rng_for(seed, "audit", "shortcut-folds").integers(1 << 31))
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=number)
    folds = list(splitter.split(label[:, None], label, group))
    return folds if all(len(np.unique(label[learn])) == len(counts) and len(test) for learn, test in folds) else []


def _too_few(label: Labels, group: Labels, folds: Sequence[Fold]) -> str:
    n, groups = len(label), len(np.unique(group))
    if folds and n >= LEAST_CLIPS and groups >= LEAST_GROUPS:
        return ""
    return f"{n} labelled clips in {groups} groups; {LEAST_CLIPS} in {LEAST_GROUPS}, and two classes, are needed"


def _figures(
    name: str, told: Sequence[Floats], label: Labels, group: Labels, folds: Sequence[Fold], seed: int
) -> tuple[Figure, ...]:
    called = called_by(_stacked(told), label, folds)
    rng = rng_for(seed, "audit", "shortcut", name)
    uar = uar_of_groups("UAR", label, called, group, rng)
    majority = float(np.bincount(label).max() / len(label))
    accuracy = clustered("accuracy", called == label, group, rng, majority)
    null = permuted_uar(label, called, group, rng)
    return uar, accuracy, Figure("UAR of permuted labels, 97.5 %", null, null, null, len(label), uar.chance)


def _uar(name: str, x: Floats, label: Labels, group: Labels, folds: Sequence[Fold], seed: int) -> Figure:
    return uar_of_groups(name, label, called_by(x, label, folds), group, rng_for(seed, "audit", "shortcut", name))


def called_by(x: Floats, label: Labels, folds: Sequence[Fold]) -> Labels:
    """`[N]`: the class of each of `x: [N, D]` as learnt from the other folds: the mean vote of a linear learner and of trees,
    all classes weighing the same. NaN counts as the mean of what is learnt from, so that it tells nothing itself."""
    out = np.zeros(len(label), np.int64)
    for learn, test in folds:
        known = np.isfinite(x[learn])
        mean = np.where(known, x[learn], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        seen, asked = (np.where(np.isfinite(x[some]), x[some], mean) for some in (learn, test))
        linear = Linear.fit(seen, label[learn])
        share = np.bincount(np.searchsorted(linear.classes, label[learn])) / len(learn)
        votes = np.exp(linear.score(asked)) / share
        if x.shape[1] > MOST_RAW:
            seen, asked = linear.embed(seen)[:, :COMPONENTS], linear.embed(asked)[:, :COMPONENTS]
        trees = HistGradientBoostingClassifier(
            learning_rate=0.2,
            max_iter=25,
            max_leaf_nodes=8,
            early_stopping=False,
            class_weight="balanced",
            random_state=0,
        ).fit(seen, label[learn])
        votes = votes / votes.sum(axis=1, keepdims=True) + trees.predict_proba(asked)
        out[test] = linear.classes[votes.argmax(axis=1)]
    return out


def uar_of_groups(name: str, label: Labels, called: Labels, group: Labels, rng: np.random.Generator) -> Figure:
    """Mean recall of the classes that occur, groups drawn again 1000 times. Where all is right, or nothing, drawing again
    shows no spread; then the exact interval of as many trials as there are groups holds."""
    classes, true = np.unique(label, return_inverse=True)
    _, place = np.unique(group, return_inverse=True)
    n, groups = len(classes), int(place.max()) + 1
    hits, all_ = (np.zeros((groups, n)) for _ in range(2))
    np.add.at(hits, (place, true), called == label)
    np.add.at(all_, (place, true), 1)
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), DRAWS).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a class that was not drawn has no recall
        recalls = (drawn @ hits) / (drawn @ all_)
    low, high = np.percentile(np.nanmean(recalls, axis=1), [2.5, 97.5])
    right = int((called == label).sum())
    if right in (0, len(label)):
        low, high = clopper_pearson(groups if right else 0, groups)
    value = float((hits.sum(axis=0) / all_.sum(axis=0)).mean())
    return Figure(name, value, float(low), float(high), len(label), 1 / n)


def permuted_uar(label: Labels, called: Labels, group: Labels, rng: np.random.Generator, times: int = 200) -> float:
    """The UAR that 97.5 % of `times` permutations of the true labels stay under. Groups change places as wholes, since
    labels within one hang together."""
    order = np.argsort(group, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    classes, found = np.unique(label), []
    for _ in range(times):
        dealt = label[np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])]
        found.append(np.mean([np.mean(called[order][dealt == one] == one) for one in classes]))
    return float(np.percentile(found, 97.5))


def _stacked(told: Sequence[Floats]) -> npt.NDArray[np.float64]:
    return np.stack(told).astype(np.float64)
