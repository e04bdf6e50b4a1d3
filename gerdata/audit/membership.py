"""Was this clip trained on? Attacks on what a run gives of it.

Members are training clips, others are held-out clips of the same kinds and in the same proportions of classes. Attackers:

- *loss*: a threshold on the loss of the true class (Yeom et al. 2018), for whoever has the weights;
- *answers*: a learner on loss, entropy, margin and the size of every tensor, for the same;
- one on each tensor alone, for whoever has only that: the tensor, its size, and how much nearer its clip is to the mean of its
  own class than to the others', as it may be of clips that were learnt by heart.

The learner (linear and boosted trees) is trained and tested on folds that share no group. Two gates. *Untrained*: the same
attack on a network that was never trained must find nothing, or the splits differ by themselves (Das et al. 2024). *Learnt by
heart*: a copy of the model that learnt some of the held-out clips so must be caught, or no leak could have been seen.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch.nn.functional import cross_entropy

from gerdata.audit.answers import Answers, Items, answers_of
from gerdata.audit.linear import Features, Linear
from gerdata.audit.ranking import ranked
from gerdata.audit.shortcuts import folds_of
from gerdata.audit.statistics import Bools, Floats, Ints
from gerdata.chance import rng_for
from gerdata.learn.architecture import Model, ask
from gerdata.learn.batch import collate
from gerdata.learn.outcome import Outcome
from gerdata.store.audits import Figure, Status, Verdict

PART = "membership by "  # begins the names of the parts
NAME = "loss threshold; linear (PCA, shrinkage LDA) and boosted trees"
LEAST_CLIPS, LEAST_GROUPS = 100, 30  # of each kind
MOST_AUC = 0.60  # own convention: a coin says .50; under .60 a guess about one clip is right in less than 3 of 5
MOST_FOUND = 0.05  # of members at 1 % false alarms: five times as many as by lot (after Carlini et al. 2022)
MOST_BLIND = 0.55  # the lower bound of a network that was never trained
PLANTED_CLIPS, PLANTED_EPOCHS, PLANTED_BATCH, PLANTED_LR, LEARNT_LOSS = 48, 40, 16, 1e-3, 0.02


@dataclass(frozen=True)
class Sides:
    """Clips of both kinds beside each other: N answers, which are members, and their group (of its split)."""

    answers: Answers
    is_member: Bools
    group: Ints


def membership(
    model: Model, blind: Model, items: Items, outcome: Outcome, is_member: Bools, seed: int
) -> list[Verdict]:
    """A verdict for each attacker. `blind`: the same network of random weights; `items`, `outcome`, `is_member: [N]`: clips of
    both kinds, matched by `matched`."""
    group = _groups(outcome, is_member)
    real = scored(Sides(answers_of(model, items, outcome), is_member, group), seed)
    never = scored(Sides(answers_of(blind, items, outcome), is_member, group), seed)
    planted = _planted(model, items, outcome, is_member, seed)
    few = _too_few(is_member, group)
    return [
        _verdict(name, real[name], never.get(name), planted.get(name), (is_member, group, few), seed) for name in real
    ]


def matched(outcome: Outcome, is_member: Bools, seed: int, most: int = 1000) -> Ints:
    """Places of at most `most` clips of each side: of kinds and protections that both have, members in the others' proportions
    of classes."""
    strata = [(clip.is_synthetic, clip.protection) for clip in outcome.clips]
    both = {s for s, m in zip(strata, is_member, strict=True) if m} & {
        s for s, m in zip(strata, is_member, strict=True) if not m
    }
    fits = np.array([s in both for s in strata], np.bool_)
    order = rng_for(seed, "audit", "matched").permutation(len(strata))
    others = [i for i in order if fits[i] and not is_member[i]][:most]
    members = [i for i in order if fits[i] and is_member[i]]
    wanted = np.bincount(outcome.truth[others], minlength=len(outcome.classes)) if others else np.zeros(1)
    held = np.bincount(outcome.truth[members], minlength=len(wanted)) if members else np.zeros(len(wanted))
    times = min(
        (held[c] / wanted[c] for c in range(len(wanted)) if wanted[c]), default=0.0
    )  # as many members as proportions allow
    times = min(times, most / max(1, len(others)))
    left = {c: math.floor(times * wanted[c]) for c in range(len(wanted))}
    kept = []
    for i in members:
        c = int(outcome.truth[i])
        if left.get(c, 0):
            left[c] -= 1
            kept.append(i)
    return np.sort(np.array([*kept, *others], np.int64))


def scored(sides: Sides, seed: int) -> dict[str, Floats]:
    """`[N]` scores by attacker, high for members."""
    loss = sides.answers.outcome.loss
    out = {"loss": -loss, "answers": learned(_told(sides.answers), sides, seed)}
    for name, tensor in sides.answers.tensors.items():
        out[name] = learned(tensor, sides, seed)
    return out


def learned(x: Features, sides: Sides, seed: int) -> Floats:
    """`[N]`: the rank in its fold of each clip's share of being a member, as learnt from the other folds; 0.5 where there are
    too few clips or groups for folds."""
    member, label = sides.is_member.astype(np.int64), sides.answers.outcome.truth
    out = np.full(len(member), 0.5)
    for learn, test in folds_of(member, sides.group, seed):
        near = nearness(x, label, learn)
        seen = np.concatenate([x, np.linalg.norm(x, axis=1, keepdims=True), near], axis=1)
        linear = Linear.fit(seen[learn], member[learn])
        parts = [linear.embed(seen)[:, :16], seen[:, -2:]]
        trees = HistGradientBoostingClassifier(
            learning_rate=0.2, max_iter=25, max_leaf_nodes=8, early_stopping=False, random_state=0
        ).fit(np.concatenate(parts, axis=1)[learn], member[learn])
        told = linear.score(seen[test])
        votes = (told[:, 1] - told[:, 0], trees.predict_proba(np.concatenate(parts, axis=1)[test])[:, 1])
        out[test] = sum(_ranks(one) for one in votes) / 2
    return out


def nearness(x: Features, label: Ints, learn: Ints) -> Features:
    """`[N, 1]`: how much nearer each clip is to the mean of its own class than to the nearest other one, in deviations; the
    means are of the clips at `learn`."""
    scale = x[learn].std(axis=0) + 1e-9
    flat = (x - x[learn].mean(axis=0)) / scale
    classes = np.unique(label[learn])
    means = np.stack([flat[learn][label[learn] == c].mean(axis=0) for c in classes])
    away = np.sqrt(np.maximum((flat**2).sum(1)[:, None] - 2 * flat @ means.T + (means**2).sum(1), 0))
    own = classes[None] == label[:, None]
    other = np.where(own, np.inf, away).min(axis=1, initial=np.inf)
    mine = np.where(own, away, np.inf).min(axis=1)
    gap = np.where(np.isfinite(other) & np.isfinite(mine), other - mine, 0.0)
    return np.asarray(gap[:, None] / np.sqrt(x.shape[1]), np.float64)


def learn_by_heart(model: Model, items: Items, places: Ints, seed: int) -> Model:
    """A copy of a model that was trained on a few clips until it knows them. The seed draws the order; dropout is off."""
    twin = copy.deepcopy(model)
    twin.eval()  # as it is asked later; statistics of batches stay
    for parameter in twin.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(twin.parameters(), lr=PLANTED_LR)
    device = next(twin.parameters()).device
    for epoch in range(PLANTED_EPOCHS):
        order = rng_for(seed, "audit", "by heart", epoch).permutation(places)
        worst = 0.0
        for start in range(0, len(order), PLANTED_BATCH):
            batch = collate([items[int(i)] for i in order[start : start + PLANTED_BATCH]]).to(device)
            loss = cross_entropy(ask(twin, batch).logits.float(), batch.labels)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            worst = max(worst, loss.item())
        if worst < LEARNT_LOSS:
            break
    return twin


def _planted(
    model: Model, items: Items, outcome: Outcome, is_member: Bools, seed: int
) -> dict[str, tuple[Floats, Bools, Ints]]:
    """Scores, members and groups where half of the held-out groups, up to `PLANTED_CLIPS` clips, were learnt by heart, with
    labels by lot: a model that knows the true ones would have nothing to learn."""
    others = np.flatnonzero(~is_member)
    groups = rng_for(seed, "audit", "planted").permutation(np.unique(outcome.group[others]))
    half = set(groups[: len(groups) // 2].tolist())
    inside = np.array([i for i in others if int(outcome.group[i]) in half][:PLANTED_CLIPS], np.int64)
    outside = np.array([i for i in others if int(outcome.group[i]) not in half], np.int64)
    if not len(inside) or not len(outside):
        return {}
    at = np.concatenate([inside, outside])
    lot = rng_for(seed, "audit", "lot").integers(0, len(outcome.classes), len(at))
    own = Items(items[int(i)]._replace(label=int(label)) for i, label in zip(at, lot, strict=True))
    part = replace(outcome.only(at), truth=lot)
    twin = learn_by_heart(model, own, np.arange(len(inside)), seed)
    member = np.arange(len(at)) < len(inside)
    group = _groups(part, member)
    scores = scored(Sides(answers_of(twin, own, part), member, group), seed)
    return {name: (score, member, group) for name, score in scores.items()}


def _verdict(
    name: str,
    score: Floats,
    blind: Floats | None,
    planted: tuple[Floats, Bools, Ints] | None,
    sides: tuple[Bools, Ints, str],
    seed: int,
) -> Verdict:
    is_member, group, few = sides
    area, found = ranked(name, score, is_member, group, rng_for(seed, "audit", "member", name))
    figures, gates = [area, found], []
    for what, told in (
        ("untrained", None if blind is None else (blind, is_member, group)),
        ("learnt by heart", planted),
    ):
        rng = rng_for(seed, "audit", what, name)
        gates.append(ranked(f"{name}, {what}", *told, rng)[0] if told is not None else None)
    figures += [gate for gate in gates if gate is not None]
    status, why = _judged(area, found, gates, few)
    return Verdict(f"{PART}{name}", status, why, NAME, tuple(figures))


def _judged(area: Figure, found: Figure, gates: Sequence[Figure | None], few: str) -> tuple[Status, str]:
    blind, planted = gates
    told = f"AUC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}], {found.value:.3f} found at 1 % false alarms"
    if few:
        return "underpowered", f"{told}; {few}"
    if blind is not None and blind.low > MOST_BLIND:
        return "void", f"{told}; a network that was never trained tells the splits apart, so they differ by themselves"
    if area.low > MOST_AUC or found.low > MOST_FOUND:
        return "failed", f"{told}: clips that were trained on are told from others"
    if planted is None or planted.low <= MOST_AUC:
        return "void", f"{told}; clips that a copy learnt by heart were not found, so nothing not found counts"
    if area.high <= MOST_AUC:
        return "passed", told
    return "underpowered", f"{told}; the interval holds both sides of {MOST_AUC:.2f}"


def _too_few(is_member: Bools, group: Ints) -> str:
    sides = [(int(own.sum()), len(np.unique(group[own]))) for own in (is_member, ~is_member)]
    if all(n >= LEAST_CLIPS and groups >= LEAST_GROUPS for n, groups in sides):
        return ""
    told = " and ".join(f"{n} clips in {groups} groups" for n, groups in sides)
    return f"{told}; {LEAST_CLIPS} in {LEAST_GROUPS} of each kind are needed"


def _groups(outcome: Outcome, is_member: Bools) -> Ints:
    """`[N]`: a number for each group of each kind."""
    return np.asarray(np.unique(outcome.group * 2 + is_member, return_inverse=True)[1], np.int64)


def _told(answers: Answers) -> Features:
    """`[N, D]`: what whoever has the weights sees of each clip, beside its tensors."""
    shares = np.sort(answers.outcome.probabilities, axis=1)
    entropy = -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1)
    sizes = [np.linalg.norm(one, axis=1) for one in answers.tensors.values()]
    columns = [answers.outcome.loss, entropy, shares[:, -1] - shares[:, -2], *sizes]
    return np.stack(columns, axis=1).astype(np.float64)


def _ranks(values: Floats) -> Floats:
    return np.asarray(
        np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1), np.float64
    )
