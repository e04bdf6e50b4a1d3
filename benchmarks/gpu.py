"""The recipes of the papers on one GPU: clips a second, memory, use of the card's arithmetic, and waiting for data.

    python benchmarks/gpu.py [RELEASE] [--batch 16] [--steps 10] [--workers 8] [--case CASE ...] [--way WAY ...] [--data]

Five frames of 224 px a clip, bf16, random weights (speed does not depend on them); without RELEASE flat synthetic groups are
made. Steps are whole ones (losses, gradients, optimiser) on one batch that is on the card already, as `train` takes them and in
other ways (`--way`). Operations are those that torch counts of matrix products, convolutions and attention in a step; the
ceiling is a product of two 8192 x 8192 matrices in bf16, measured in the same run. "waiting" (`--data`) is the share of an
epoch of `train` in which it waits for its next batch, once with every clip decoded anew and twice with all in memory.
"""

import argparse
import gc
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode
from train import FewClips, Waiting, make_release

from gerdata.learn import train as training
from gerdata.learn.architecture import Model, build_model
from gerdata.learn.batch import Batch
from gerdata.learn.bottleneck import Spread
from gerdata.learn.optimiser import make_optimiser
from gerdata.learn.run import Learner
from gerdata.recipe import TrainRecipe, load

FROZEN = ("video_epochs=0", "picture_released=0")
CASES = {  # the first stage of all three; what comes after it, with the frozen transformer computed in every step
    "vit-l": ("cross-attention-paper", ('architecture="video"', "video_epochs=0", "picture_released=24")),
    "cross-attention": ("cross-attention-paper", FROZEN),
    "ve-md-heatmap": ("ve-md-heatmap-paper", FROZEN),
    "ve-md-query": ("ve-md-query-paper", FROZEN),
}
WAYS = ("as it is", "deterministic", "channels last", "compiled")
SIDE = 8192
CUDA = torch.device("cuda")


def ceiling() -> float:
    """Operations a second of a large product in bf16."""
    a, b = (torch.randn(SIDE, SIDE, device=CUDA, dtype=torch.bfloat16) for _ in range(2))
    return 2 * SIDE**3 / median(timed(lambda: a @ b, 20))


def timed(step: Callable[[], object], steps: int) -> list[float]:
    """Seconds of each of so many steps, after three that are not counted."""
    out = []
    for _ in range(steps + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        out.append(time.perf_counter() - start)
    return out[3:]


def recipe_of(case: str, batch: int) -> TrainRecipe:
    name, keys = CASES[case]
    shared = ('picture_weights=""', f"batch={batch}", "train_frames=5", 'precision="bf16"')
    return load(TrainRecipe, "train", name, (*keys, *shared))


def step_of(learner: Learner, batch: Batch, recipe: TrainRecipe) -> Callable[[], None]:
    """A whole step on one batch."""

    def step() -> None:
        learner.optimiser.zero_grad()
        parts = training.piece_losses(learner.model, batch, recipe, None, Spread())
        torch.stack(list(parts.values())).sum().backward()
        learner.optimiser.step()

    return step


def way(name: str, case: str, batch: Batch, peak: float, steps: int) -> str:
    """One line: a case in one way of computing it."""
    recipe = recipe_of(case, len(batch.ids))
    with training.exact(threads=4, device="cuda"):
        torch.use_deterministic_algorithms(name == "deterministic", warn_only=True)
        with CUDA:
            model: Model = build_model(recipe, 3).to(CUDA).train()
        if name == "channels last":
            model.to(memory_format=torch.channels_last)
        learner = Learner(model, make_optimiser(model, recipe))
        step = step_of(learner, batch, recipe)
        counter = FlopCounterMode(display=False)
        with counter:
            step()
        if name == "compiled":
            model.compile()
        torch.cuda.reset_peak_memory_stats()
        took = timed(step, steps)
    rate = counter.get_total_flops() / median(took)
    memory = torch.cuda.max_memory_allocated() / 2**30
    return (
        f"{case}, {name}: {len(batch.ids) / median(took):.1f} clips/s ({1000 * median(took):.1f} ms a step, "
        f"{1000 * min(took):.1f} to {1000 * max(took):.1f}), {rate / 1e12:.1f} TFLOP/s, {rate / peak:.1%} of the ceiling, "
        f"{memory:.1f} GiB"
    )


def waits(case: str, release: Path, batch: int, workers: int) -> str:
    """How long an epoch of `train` waits for batches: decoded ahead by workers, and from memory."""
    recipe = recipe_of(case, batch)
    data = FewClips(training.read_splits(recipe, release, 0).train, 100 * batch)
    data.workers = workers
    told = []
    with training.exact(threads=4, device="cuda"):
        with CUDA:
            model = build_model(recipe, 3).to(CUDA)
        learner = Learner(model, make_optimiser(model, recipe))
        for epoch in range(1, 4):
            waiting, start = Waiting(), time.perf_counter()
            with waiting.watched():
                training.train_epoch(learner, data, recipe, (0, epoch))
            took = time.perf_counter() - start
            told.append(f"{waiting.seconds / took:.1%} of {took:.1f} s ({len(data) / took:.0f} clips/s)")
    return (
        f"{case}, {len(data)} clips: waiting {told[0]} when clips are decoded, then {', '.join(told[1:])} from memory"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", nargs="?", type=Path)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--data", action="store_true", help="only how long training waits")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*deterministic.*")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        release = asked.release or make_release(Path(folder), 320)
        peak = ceiling()
        print(
            f"{torch.cuda.get_device_name()}, torch {torch.__version__}: ceiling {peak / 1e12:.0f} TFLOP/s", flush=True
        )
        for case in asked.case or CASES:
            if asked.data:
                print(waits(case, release, asked.batch, asked.workers), flush=True)
                continue
            recipe = recipe_of(case, asked.batch)
            data = training.read_splits(recipe, release, 0).train
            batch = training.read_batch(data, list(range(asked.batch)), recipe, (0, 1)).to(CUDA)
            for name in asked.way or WAYS:
                gc.collect()
                torch.cuda.empty_cache()
                print(way(name, case, batch, peak, asked.steps), flush=True)


if __name__ == "__main__":
    main()
