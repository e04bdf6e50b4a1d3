"""How fast the tiny recipes train, how long they wait for data, and losses of structure beside loops over pairs.

    python benchmarks/train.py [RELEASE]        one epoch of each tiny recipe on at most 256 clips, then the losses
    python benchmarks/train.py --paper          two steps of each recipe of the papers at its full size, with random weights

Without RELEASE flat synthetic groups are made. The network computes on one thread, and another reads the next batch: leave
it a core. "waiting" is the share of an epoch in which the first waits for the second, once clips are in memory.
"Loops": each query with each person, as published; each limb of each person over the whole map; each stage of the heatmap
decoder, as published (there is no double loop in that loss, so little can be won). All in torch, with gradients, on the same
numbers; their values must agree to 1e-4.
"""

import argparse
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, mse_loss, smooth_l1_loss

from gerdata.chance import rng_for
from gerdata.learn import train as training
from gerdata.learn.architecture import build_model
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.heatmap import heatmap_loss
from gerdata.learn.limb_maps import draw_limbs
from gerdata.learn.optimiser import make_optimiser
from gerdata.learn.person_query import People, meeting_limbs, query_loss
from gerdata.learn.run import Learner
from gerdata.learn.target import channels_of
from gerdata.people.limbs import SIDE
from gerdata.recipe import TrainRecipe, load

TINY = ("cross-attention-tiny", "ve-md-heatmap-tiny", "ve-md-query-tiny")
PAPER = ("cross-attention-paper", "ve-md-heatmap-paper", "ve-md-query-paper")
CLIPS, FRAMES, QUERIES, PEOPLE, LIMBS = 256, 8, 100, 15, 18


def make_release(folder: Path, samples: int) -> Path:
    """Flat synthetic groups as a release."""
    words = [sys.executable, "-m", "gerdata.cli"]
    shared = ["--workspace", str(folder), "--quiet"]
    subprocess.run(
        [*words, "synth", "--n", str(samples), "--set", "style=flat", *shared], check=True, stdout=sys.stderr
    )
    subprocess.run([*words, "shard", *shared], check=True, stdout=sys.stderr)
    return folder / "shards" / "release"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class FewClips(ReleaseSplit):
    """The first so many clips of a split."""

    def __init__(self, split: ReleaseSplit, clips: int) -> None:
        self.__dict__.update(split.__dict__)
        self.clips = min(clips, len(split))
        self.labels = split.labels[: self.clips]

    def __len__(self) -> int:
        return self.clips

    def order(self, seed: int, epoch: int) -> list[int]:
        """As the trainer draws it."""
        return [int(i) for i in rng_for(seed, "epoch", epoch).permutation(self.clips)]


class Waiting:
    """How long `train_epoch` waited for its next batch, within `watched`: `seconds` of the clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        turn = training.in_turn

        @contextlib.contextmanager
        def timed(read: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Iterator[Any]]:
            with turn(read, tasks) as coming:
                yield self._each(coming)

        training.in_turn = timed  # type: ignore[assignment]
        try:
            yield
        finally:
            training.in_turn = turn

    def _each(self, coming: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            one = next(coming, None)
            self.seconds += time.perf_counter() - start
            if one is None:
                return
            yield one


def epoch(name: str, release: Path, words: tuple[str, ...], warm: bool, clips: int = CLIPS) -> str:
    """One epoch of a recipe."""
    recipe = load(TrainRecipe, "train", name, words)
    data = FewClips(training.read_splits(recipe, release, 0).train, clips)
    waiting = Waiting()
    with training.exact(threads=1):
        torch.manual_seed(0)
        model = build_model(recipe, len(data.header.classes))
        learner = Learner(model, make_optimiser(model, recipe))
        if warm:
            training.train_epoch(learner, data, recipe, (0, 1))
        start, busy = time.perf_counter(), time.process_time()
        with waiting.watched():
            training.train_epoch(learner, data, recipe, (0, 2))
        took, cost = time.perf_counter() - start, time.process_time() - busy
    weights = sum(p.numel() for p in model.parameters()) / 1e6
    return (
        f"{name}: {weights:.1f} M weights, {len(data)} clips in {took:.1f} s, {len(data) / took:.2f} clips/s ({cost:.1f} s of "
        f"CPU), waiting {waiting.seconds / took:.1%}, peak {peak_mb():.0f} MB"
    )


def in_its_own_process(name: str, release: Path, words: tuple[str, ...], warm: bool) -> None:
    """So that one recipe's peak memory is not another's."""
    given = [sys.executable, __file__, str(release), "--one", name, *(["--warm"] if warm else [])]
    subprocess.run([*given, *(word for one in words for word in ("--set", one))], check=True)


def looped_match(said: People, people: Tensor, is_known: Tensor, meets: Tensor) -> Tensor:
    """The published loss: pair by pair."""
    assert said.adjacency is not None
    out = []
    for n in range(len(people)):
        table = torch.zeros(QUERIES, PEOPLE)
        for q in range(QUERIES):
            for p in range(PEOPLE):
                known = is_known[n, p]
                wanted = (known[:, None] & known[None, :] & meets).float()
                table[q, p] = smooth_l1_loss(said.limbs[n, q][known], people[n, p][known])
                table[q, p] += 0.5 * binary_cross_entropy(said.adjacency[n, q], wanted)
        rows, columns = linear_sum_assignment(table.detach().numpy())
        out.append(table[rows, columns].mean())
    return torch.stack(out)


def looped_maps(ends: Tensor) -> Tensor:
    """Limb by limb over the whole map: `ends [M, P, 4]` -> [M, 56, 56]."""
    y, x = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    out = torch.zeros(len(ends), SIDE, SIDE)
    for m in range(len(ends)):
        for line in ends[m] * SIDE:
            along = line[2:] - line[:2]
            share = (((x - line[0]) * along[0] + (y - line[1]) * along[1]) / along.square().sum()).clamp(0, 1)
            squared = (x - line[0] - share * along[0]).square() + (y - line[1] - share * along[1]).square()
            out[m] += (-squared / 2).exp()
    return out.clamp(max=1)


def looped_heatmaps(logits: Tensor, maps: Tensor) -> Tensor:
    """Stage by stage, as published."""
    stages = [mse_loss(logits[:, s].sigmoid(), maps, reduction="none").mean((2, 3)) for s in range(logits.shape[1])]
    return torch.stack(stages).sum(0)


def beside(name: str, ours: Callable[[], Tensor], loops: Callable[[], Tensor], rounds: int = 5) -> None:
    """Medians of rounds in turn, both with their gradients where they have any."""

    def once(what: Callable[[], Tensor]) -> tuple[float, Tensor]:
        start = time.perf_counter()
        out = what()
        if out.requires_grad:
            out.sum().backward()
        return time.perf_counter() - start, out.detach()

    once(ours)
    runs = [(once(ours), once(loops)) for _ in range(rounds)]
    fast, slow = (float(np.median([run[i][0] for run in runs])) for i in range(2))
    apart = (runs[0][0][1] - runs[0][1][1]).abs().max().item()
    print(
        f"{name}: {1000 * fast:.1f} ms, loops {1000 * slow:.0f} ms: {slow / fast:.0f}x; largest difference {apart:.1e}"
    )
    assert apart < 2e-3 if "maps drawn" in name else apart < 1e-4


def losses() -> None:
    """Losses at the published sizes."""
    torch.manual_seed(0)
    meets = meeting_limbs(channels_of("body"))
    limbs = torch.rand(FRAMES, QUERIES, LIMBS, 4, requires_grad=True)
    adjacency = torch.rand(FRAMES, QUERIES, LIMBS, LIMBS, requires_grad=True)
    is_known = torch.rand(FRAMES, PEOPLE, LIMBS) < 0.8
    people = torch.rand(FRAMES, PEOPLE, LIMBS, 4).where(is_known[..., None], 0.0)
    said = People(limbs, None, adjacency)
    beside(
        f"matching loss, {FRAMES} frames of {QUERIES} queries x {PEOPLE} people",
        lambda: query_loss(said, people, is_known, meets),
        lambda: looped_match(said, people, is_known, meets),
        rounds=3,
    )
    ends = torch.rand(FRAMES * 38, PEOPLE, 2)
    ends = torch.cat([ends, ends + 0.06 * torch.randn_like(ends)], dim=2)
    beside(
        f"maps drawn, {FRAMES} frames of {PEOPLE} people, 38 limbs", lambda: draw_limbs(ends), lambda: looped_maps(ends)
    )
    logits, maps = torch.randn(FRAMES, 6, 38, SIDE, SIDE, requires_grad=True), torch.rand(FRAMES, 38, SIDE, SIDE)
    beside(
        f"heatmap loss, {FRAMES} frames, 6 stages x 38 limbs, by stage",
        lambda: heatmap_loss(logits, maps),
        lambda: looped_heatmaps(logits, maps),
    )


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("release", nargs="?", type=Path)
    told.add_argument("--paper", action="store_true")
    told.add_argument("--one", help="of one recipe alone, in this process")
    told.add_argument("--warm", action="store_true", help="with an epoch before")
    told.add_argument("--clips", type=int, default=CLIPS)
    told.add_argument("--set", action="append", default=[])
    asked = told.parse_args()
    torch.set_num_threads(1)
    if asked.one:
        print(epoch(asked.one, asked.release, tuple(asked.set), asked.warm, asked.clips), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        release = asked.release or make_release(Path(folder), 24 if asked.paper else 320)
        if asked.paper:
            # A batch of one clip and one frame, and the transformer in the place it has after the first stage, or in it.
            words = ('picture_weights=""', "batch=1", "train_frames=1", "segments=1")
            for name in PAPER:
                in_its_own_process(name, release, (*words, "video_epochs=0", "picture_released=0"), warm=False)
            stage = ('architecture="video"', "video_epochs=0", "picture_released=24")
            in_its_own_process(PAPER[0], release, (*words, *stage), warm=False)
            return
        for name in TINY:
            in_its_own_process(name, release, (), warm=True)
        losses()


if __name__ == "__main__":
    main()
