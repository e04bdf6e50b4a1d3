"""Train a model on a release, top to bottom.

    gerdata train RELEASE --recipe cross-attention-tiny --set modality=video

A run is exact: on CPU, the same release, recipe, seed and threads give the same bytes, interrupted or not.
The chance of each epoch comes from its own name, so no generator's state needs to be kept.
"""

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW

from gerdata.chance import digest_of
from gerdata.errors import DatasetError, GerdataError, InterruptedRun
from gerdata.learn.batch import batches, collate
from gerdata.learn.change import Ranges, apply_change, draw_change, needs_waveform
from gerdata.learn.cross_attention import MIN_SEGMENT, CrossAttention
from gerdata.learn.data import Hide, ReleaseSplit, release_fingerprint
from gerdata.learn.evaluate import form_of, measure_split
from gerdata.learn.features import check_segment
from gerdata.learn.run import DONE, Identity, Run, load_weights, resume, save_epoch
from gerdata.recipe import TrainRecipe
from gerdata.store.commit import locked, make_folder

SELECTION = "validation"  # the split whose macro-F1 chooses the epoch that is kept
MAX_GRADIENT_NORM = 1.0


class Splits(NamedTuple):
    """What a run reads of a release; `test` is None where the release has none."""

    train: ReleaseSplit
    validation: ReleaseSplit
    test: ReleaseSplit | None

    def used(self) -> tuple[ReleaseSplit, ...]:
        return tuple(split for split in self if split is not None)


def train(
    recipe: TrainRecipe,
    release: Path,
    out: Path,
    seed: int,
    tell: Callable[[str], None] = lambda line: None,
    threads: int = 2,
) -> Run:
    """Train, keep the epoch of the best validation macro-F1 (the earliest of equals), and measure it on test.

    Goes on from the last finished epoch at `out`; a finished run is read, not trained again. `FingerprintError` where
    the run at `out` is another one, `InterruptedRun` on Ctrl-C or SIGTERM, `GerdataError` on a loss that is not finite.
    """
    check_segment(recipe.mels, recipe.segment_s, MIN_SEGMENT)
    splits = read_splits(recipe, release, seed)
    classes = splits.train.header.classes
    identity = Identity(
        recipe=recipe, classes=classes, seed=seed, release=release_fingerprint(release), threads=threads
    )
    make_folder(out)
    with stoppable(out), alone(out), exact(threads):
        if (out / DONE).is_file():
            run = Run.read(out)
            identity.refuse_other(run.identity, out)
            return run
        torch.manual_seed(torch_seed(seed, "weights"))
        model = CrossAttention(len(classes), recipe.width, recipe.mels, recipe.dropout)
        optimiser = AdamW(decay_groups(model, recipe.weight_decay), lr=recipe.lr)
        progress = resume(out, identity, model, optimiser)
        tell(f"{len(splits.train)} training clips; {progress.epochs} of {recipe.epochs} epochs done")
        for epoch in range(progress.epochs + 1, recipe.epochs + 1):
            loss, lr = train_epoch(model, optimiser, splits.train, recipe, (seed, epoch))
            figures = measure_split(model, splits.validation)
            progress = progress.after(figures, train_loss=loss, lr=lr)
            save_epoch(out, identity, progress, model, optimiser)
            tell(f"epoch {epoch}/{recipe.epochs}: loss {loss:.4f}, {SELECTION} accuracy {figures.accuracy:.4f}")
        last = measure_split(model, splits.validation)
        load_weights(out, model)
        best = measure_split(model, splits.validation)
        run = Run(
            identity=identity,
            synthetic=all(split.data_kind == "synthetic" for split in splits.used()),
            protection=splits.train.header.protection,
            clips={split.split: len(split) for split in splits.used()},
            unlabelled={split.split: split.unlabelled for split in splits.used()},
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            selection=SELECTION,
            best_epoch=progress.best_epoch,
            best=best,
            last=last,
            test=measure_split(model, splits.test) if splits.test else None,
        )
        run.write(out)
        return run


def read_splits(recipe: TrainRecipe, release: Path, seed: int) -> Splits:
    """The splits of a release as the recipe wants them; its control, if any, is applied to all of them."""
    hide: Hide = "heads-and-sound" if recipe.control == "heads-and-sound" else "none"
    form = form_of(recipe)
    training = ReleaseSplit(release, "train", form, hide, keep_sound=needs_waveform(recipe.augment))
    validation = ReleaseSplit(release, SELECTION, form, hide)
    for split in (training, validation):
        if not len(split):
            raise DatasetError(f"{release}: split {split.split!r} has no labelled clips; shard with a larger share")
    has_test = (release / "manifest" / "test.parquet").is_file()
    test = ReleaseSplit(release, "test", form, hide) if has_test else None
    if recipe.control == "shuffled-labels":
        training.shuffle_labels(seed)
    return Splits(training, validation, test if test else None)


def train_epoch(
    model: CrossAttention, optimiser: AdamW, data: ReleaseSplit, recipe: TrainRecipe, chance: tuple[int, int]
) -> tuple[float, float]:
    """One pass over the training clips: the mean loss of a clip, and the learning rate of the last step.

    `chance` is (seed, epoch), counted from 1: the order, each clip's change and the dropout are drawn from it.
    """
    seed, epoch = chance
    order = data.order(seed, epoch)
    torch.manual_seed(torch_seed(seed, "dropout", epoch))  # the only chance inside the network
    ranges = Ranges(recipe.train_frames, recipe.augment, recipe.modality_dropout)
    steps = math.ceil(len(data) / recipe.batch)
    total, lr = 0.0, 0.0
    model.train()
    for step, some in enumerate(batches(order, recipe.batch), start=(epoch - 1) * steps):
        items = [data[i] for i in some]
        batch = collate([apply_change(item, draw_change(seed, epoch, item, ranges), data.form) for item in items])
        lr = lr_at(step, recipe.epochs * steps, recipe.lr, recipe.warmup_share)
        for group in optimiser.param_groups:
            group["lr"] = lr
        logits = model(batch.video, batch.audio, batch.has_video, batch.has_audio).logits  # [B, classes]
        loss = cross_entropy(logits, batch.labels, label_smoothing=recipe.label_smoothing)
        if not torch.isfinite(loss):
            raise GerdataError(
                f"epoch {epoch}: the loss is {loss.item()} on clips {', '.join(batch.ids)}; lower lr, or look at them"
            )
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimiser.step()
        total += loss.item() * len(some)
    return total / len(data), lr


def lr_at(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Learning rate of a step counted from 0: a linear rise over the first share of all steps, then a half cosine."""
    warmup = round(warmup_share * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels; none for norms, biases and null tokens."""
    matrices: list[Tensor] = [p for p in model.parameters() if p.ndim >= 2]
    vectors: list[Tensor] = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def torch_seed(seed: int, *names: str | int) -> int:
    """A seed for torch's generator, named like all chance."""
    return int.from_bytes(digest_of(seed, *names)[:8], "big") >> 1  # torch takes 63 bits


@contextlib.contextmanager
def exact(threads: int) -> Iterator[None]:
    """Deterministic algorithms on a fixed number of threads; torch's own settings and chance are put back."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold the run's folder; `DatasetError` where another process trains there."""
    with locked(out / DONE) as other:
        if other is not None:
            raise DatasetError(f"{out}: process {other.pid} on {other.host} trains here; wait, or choose another")
        yield


@contextlib.contextmanager
def stoppable(out: Path) -> Iterator[None]:
    """Ctrl-C and SIGTERM become `InterruptedRun`: what is on disk is the last finished epoch."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if in_main else None
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRun(f"{out}: interrupted; the same command goes on from the last finished epoch") from None
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)
