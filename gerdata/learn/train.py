"""Train a model on a release, top to bottom.

    gerdata train RELEASE --recipe cross-attention-tiny --set modality=video
    torchrun --nproc-per-node 2 -m gerdata.cli train RELEASE --recipe cross-attention-paper --device cuda

A run is exact: on CPU, the same release, recipe, seed and threads give the same bytes, interrupted or not.
The chance of each epoch comes from its own name, so no generator's state needs to be kept.
"""

import contextlib
import dataclasses
import itertools
import json
import math
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gerdata.chance import digest_of
from gerdata.errors import DatasetError, GerdataError, InterruptedRun
from gerdata.learn.ahead import in_turn
from gerdata.learn.architecture import (
    Model,
    ask,
    build_model,
    check_frames,
    check_recipe,
    check_structure,
    decoder_of,
    form_of,
    load_pretrained,
    structure_use,
)
from gerdata.learn.batch import Batch, batches, collate
from gerdata.learn.beside import Beside, Watch
from gerdata.learn.bottleneck import Spread
from gerdata.learn.change import Ranges, apply_change, draw_change, needs_waveform
from gerdata.learn.data import ReleaseSplit, give_vectors, hidden_by, release_fingerprint
from gerdata.learn.evaluate import load, measure_split
from gerdata.learn.frozen import FrozenSplit, freeze_picture, take_picture
from gerdata.learn.metrics import Metrics
from gerdata.learn.objective import GROUP, LATENT, STRUCTURE, class_weights_of, losses_of
from gerdata.learn.optimiser import lr_at, lr_of, make_average, make_optimiser
from gerdata.learn.picture_encoder import PictureEncoder, VisionEncoder
from gerdata.learn.private_structure import refuse_strangers
from gerdata.learn.ranks import Ranks, joined
from gerdata.learn.run import DONE, VIDEO, Identity, Learner, Progress, Run, held, load_weights, resume, save_epoch
from gerdata.learn.ve_md import Output as VeMdOutput
from gerdata.recipe import TrainRecipe
from gerdata.store.commit import make_folder

__all__ = ["Beside", "exact", "lr_at", "read_splits", "train", "train_epoch"]

PARTS = (GROUP, LATENT, STRUCTURE)
SELECTION = "validation"  # the split whose macro-F1 chooses the epoch that is kept

Tell = Callable[[str], None]


class Onlookers(NamedTuple):
    """Who is told of a run, and the processes it runs in."""

    tell: Tell
    watch: Watch
    ranks: Ranks


class Splits(NamedTuple):
    """What a run reads of a release; `test` is None where the release has none."""

    train: ReleaseSplit
    validation: ReleaseSplit
    test: ReleaseSplit | None

    def used(self) -> tuple[ReleaseSplit, ...]:
        return tuple(split for split in self if split is not None)

    def through(self, encoder: PictureEncoder | VisionEncoder, with_frames: bool) -> "Splits":
        """The same, with the tokens that a frozen encoder makes of the frames."""
        train, validation = (FrozenSplit(one, encoder, with_frames) for one in self[:2])
        return Splits(train, validation, FrozenSplit(self.test, encoder, with_frames) if self.test else None)


def train(
    recipe: TrainRecipe,
    release: Path,
    out: Path,
    seed: int,
    tell: Tell = lambda line: None,
    threads: int = 2,
    beside: Beside = Beside(),  # noqa: B008 - a frozen value
) -> Run:
    """Train, keep the epoch of the best validation macro-F1 (the earliest of equals), and measure it on test.

    Goes on from the last finished epoch at `out`; a finished run is read, not trained again. `FingerprintError` where
    the run at `out` is another one, `InterruptedRun` on Ctrl-C or SIGTERM, `GerdataError` on a loss that is not finite.
    With `video_epochs` the picture branch is trained alone before, as a run of its own in `out/video`, and then frozen, unless
    `video_frozen` says otherwise.
    """
    splits = checked_splits(recipe, release, seed, beside)
    make_folder(out)
    with contextlib.ExitStack() as within:
        ranks = within.enter_context(joined(beside.device))  # around both stages: torchrun's store names a group once
        if recipe.first_epochs and not (out / DONE).is_file():
            tell(f"first stage: pictures alone, {recipe.first_epochs} epochs")
            first = first_stage(recipe)
            train(first, release, out / VIDEO, seed, tell, threads, beside.of_first_stage(decoder_of(first) != "none"))
        for one in (stoppable(out), alone(out, ranks), exact(threads, beside.device)):
            within.enter_context(one)
        torch.manual_seed(torch_seed(seed, "weights"))
        model = build_model(recipe, len(splits.train.header.classes))
        identity = Identity(
            recipe=recipe,
            classes=splits.train.header.classes,
            seed=seed,
            release=release_fingerprint(release),
            threads=threads,
            device=beside.device,
            pretrained="" if recipe.first_epochs else load_pretrained(model, recipe),
            private_structure=beside.structures_print,
            embeddings=beside.embeddings_print,
        )
        if (out / DONE).is_file():
            run = Run.read(out)
            identity.refuse_other(run.identity, out)
            return run
        if recipe.first_epochs:
            splits = after_first_stage(model, load(out / VIDEO).model.to(beside.device), recipe, splits)
        return fit(model.to(beside.device), splits, identity, out, Onlookers(tell, beside.watch, ranks))


def checked_splits(recipe: TrainRecipe, release: Path, seed: int, beside: Beside = Beside()) -> Splits:  # noqa: B008
    """What a run would read; `RecipeError`, `DatasetError` or `UsageError` where it could not begin."""
    check_recipe(recipe)
    splits = read_splits(recipe, release, seed, beside)
    check_frames(recipe, splits.train.header.n_frames)
    return splits


def after_first_stage(model: Model, learned: Model, recipe: TrainRecipe, splits: Splits) -> Splits:
    """A model with the pictures of its first stage, and the splits as it then sees them: through a frozen encoder, or as they
    are."""
    if not recipe.video_frozen:
        take_picture(model, learned)
        return splits
    return splits.through(freeze_picture(model, learned), with_frames=recipe.architecture == "ve-md")


def fit(model: Model, splits: Splits, identity: Identity, out: Path, onlookers: Onlookers) -> Run:
    """All epochs that are still to do, and then the run's figures, at `out`."""
    recipe, (tell, watch, ranks) = identity.recipe, onlookers
    learner = Learner(model, make_optimiser(model, recipe), make_average(model, recipe))
    progress = resume(out, identity, learner)
    tell(f"{len(splits.train)} training clips; {progress.epochs} of {recipe.epochs} epochs done")
    watch(progress.epochs, {})
    while progress.epochs < recipe.epochs and not progress.is_stale(recipe.patience):
        epoch = progress.epochs + 1
        told = train_epoch(learner, splits.train, recipe, (identity.seed, epoch), ranks)
        figures = measure(learner.kept, splits.validation, ranks)
        progress = progress.after(figures, told)
        if ranks.rank == 0:
            save_epoch(out, identity, progress, learner)
            watch(epoch, {**told, f"{SELECTION}_accuracy": figures.accuracy, f"{SELECTION}_macro_f1": figures.macro_f1})
        ranks.wait()
        tell(
            f"epoch {epoch}/{recipe.epochs}: loss {told['train_loss']:.4f}, {SELECTION} accuracy {figures.accuracy:.4f}"
        )
    last = measure(learner.kept, splits.validation, ranks)
    load_weights(out, learner.kept)
    run = Run(
        identity=identity,
        synthetic=all(split.data_kind == "synthetic" for split in splits.used()),
        protection=splits.train.header.protection,
        clips={split.split: len(split) for split in splits.used()},
        unlabelled={split.split: split.unlabelled for split in splits.used()},
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        structure=structure_use(recipe),
        structure_source="none"
        if decoder_of(recipe) == "none"
        else "private"
        if identity.private_structure
        else "release",
        active_units=active_units_of(progress),
        selection=SELECTION,
        best_epoch=progress.best_epoch,
        best=measure(learner.kept, splits.validation, ranks),
        last=last,
        test=measure(learner.kept, splits.test, ranks) if splits.test else None,
    )
    if ranks.rank == 0:
        run.write(out)
    ranks.wait()
    return run


def read_splits(recipe: TrainRecipe, release: Path, seed: int, beside: Beside = Beside()) -> Splits:  # noqa: B008
    """The splits of a release as the recipe wants them; its control is applied to all, but the labels of a test stay true."""
    hide, form = hidden_by(recipe), form_of(recipe)
    learning = dataclasses.replace(form, structure=decoder_of(recipe) != "none")
    training = ReleaseSplit(release, "train", learning, hide, keep_sound=needs_waveform(recipe.augment))
    validation = ReleaseSplit(release, SELECTION, form, hide)
    for split in (training, validation):
        if not len(split):
            raise DatasetError(f"{release}: split {split.split!r} has no labelled clips; shard with a larger share")
    has_test = beside.looks_at_test and (release / "manifest" / "test.parquet").is_file()
    test = ReleaseSplit(release, "test", form, hide) if has_test else None
    if recipe.control == "shuffled-labels":
        # the split that chooses the epoch, too: true labels there would choose by truth
        training.shuffle_labels(seed)
        validation.shuffle_labels(seed)
    splits = Splits(training, validation, test if test else None)
    for split in splits.used():
        split.workers = beside.workers
        give_vectors(split, beside.embeddings)
    training.structures = beside.structures
    if beside.structures:
        refuse_strangers(release, (row.clip.id for row in training.rows), beside.structures)
    else:
        check_structure(recipe, training.header.members, release)
    return splits


def first_stage(recipe: TrainRecipe) -> TrainRecipe:
    """The picture branch alone, as a classifier of what is seen; of a VE-MD from scratch that is all of it, without sound."""
    told: dict[str, object] = {"modality": "video", "modality_dropout": 0.0, "embedding": 0}
    if recipe.architecture != "ve-md" or recipe.picture != "cnn":
        width = recipe.picture_width if recipe.architecture == "ve-md" else recipe.width
        told |= {"architecture": "video", "width": width}
    once = {"epochs": recipe.first_epochs, "lr": recipe.video_lr, "video_epochs": 0, "video_frozen": True}
    shown = {"train_frames": recipe.video_train_frames or recipe.train_frames, "video_train_frames": 0}
    return recipe.model_copy(update=told | once | shown)


def train_epoch(
    learner: Learner,
    data: ReleaseSplit,
    recipe: TrainRecipe,
    chance: tuple[int, int],
    ranks: Ranks = Ranks(),  # noqa: B008
) -> dict[str, float]:
    """One pass over the training clips: the mean loss of a clip and its parts, the learning rate of the last step, and how
    many units of a latent are active.

    `chance` is (seed, epoch), counted from 1: the order, each clip's change and the dropout are drawn from it.
    """
    seed, epoch = chance
    order = data.order(seed, epoch)
    torch.manual_seed(
        torch_seed(seed, "dropout", epoch, *([ranks.rank] if ranks.rank else []))
    )  # the network's own chance
    weights = class_weights_of(data.labels, len(data.header.classes), recipe)
    steps = list(batches(order, recipe.batch))
    pieces = [pieces_of(ranks.share(some), recipe.accumulate) for some in steps]
    mine = list(itertools.chain(*pieces))
    total, spread, lr = torch.zeros(len(PARTS), dtype=torch.float64), Spread(), 0.0
    learner.model.train()
    with (
        data.ahead(list(itertools.chain(*mine))),
        in_turn(lambda piece: read_batch(data, piece, recipe, chance), mine) as reading,
    ):
        for step, some in enumerate(steps):
            lr = lr_of((epoch - 1) * len(steps) + step, recipe.epochs * len(steps), recipe)
            learner.optimiser.zero_grad()
            for batch in itertools.islice(reading, len(pieces[step])):
                n = len(batch.ids)
                parts = piece_losses(learner.model, batch, recipe, weights, spread)
                refuse_not_finite(parts, epoch, batch)
                torch.autograd.backward(torch.stack(list(parts.values())).sum() * (n / len(some)))
                total += torch.tensor([parts[name].item() * n if name in parts else 0.0 for name in PARTS])
            step_weights(learner, recipe, lr, ranks)
    ranks.average_buffers(learner.model)
    if learner.average is not None:
        ranks.average_buffers(learner.average)
    means = dict(zip(PARTS, (ranks.sum(total) / len(data)).tolist(), strict=True))
    told = {"train_loss": sum(means.values()), "lr": lr}
    if recipe.architecture == "ve-md":
        told |= {f"{name}_loss": value for name, value in means.items()}
    units = spread.summed(ranks.sum).active_units()
    return told if units is None else {**told, "active_units": units}


def measure(model: Model, data: ReleaseSplit, ranks: Ranks) -> Metrics:
    """Figures on a split, its clips decoded ahead; of all ranks together."""
    with data.ahead(ranks.share(list(range(len(data))))):
        return measure_split(model, data, ranks)


def read_batch(data: ReleaseSplit, indices: list[int], recipe: TrainRecipe, chance: tuple[int, int]) -> Batch:
    """Training clips after what chance does to each in this epoch."""
    ranges = Ranges(recipe.train_frames, recipe.augment, recipe.modality_dropout)
    items = [data[i] for i in indices]
    changed = [apply_change(item, draw_change(*chance, item, ranges), data.form) for item in items]
    return collate(changed, decoder_of(recipe))


def pieces_of(mine: list[int], accumulate: int) -> list[list[int]]:
    """A rank's clips of a step in the pieces over which gradients are summed."""
    return list(batches(mine, math.ceil(max(1, len(mine)) / accumulate)))


def device_of(model: Model) -> torch.device:
    return next(model.parameters()).device


def piece_losses(
    model: Model, batch: Batch, recipe: TrainRecipe, weights: Tensor | None, spread: Spread
) -> dict[str, Tensor]:
    """The parts of a piece's loss; the means of its latents go into `spread`."""
    device = device_of(model)
    batch = batch.to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        output = ask(model, batch)
    if isinstance(output, VeMdOutput) and output.latent is not None:
        spread.add(output.latent.mean)
    return losses_of(model, output, batch, recipe, None if weights is None else weights.to(device))


def step_weights(learner: Learner, recipe: TrainRecipe, lr: float, ranks: Ranks) -> None:
    """One step along the gradients of all ranks."""
    ranks.sum_gradients(learner.model)
    if recipe.max_gradient_norm:
        nn.utils.clip_grad_norm_(learner.model.parameters(), recipe.max_gradient_norm)
    for group in learner.optimiser.param_groups:
        group["lr"] = lr
    learner.optimiser.step()
    if learner.average is not None:
        learner.average.update_parameters(learner.model)


def refuse_not_finite(parts: dict[str, Tensor], epoch: int, batch: Batch) -> None:
    """`GerdataError` naming the part and the clips."""
    for name, part in parts.items():
        if not torch.isfinite(part):
            raise GerdataError(
                f"epoch {epoch}: the {name} loss is {part.item()} on clips {', '.join(batch.ids)}; lower lr, or look at them"
            )


def active_units_of(progress: Progress) -> int | None:
    """Of the last epoch, as its line of figures has them."""
    units: int | None = json.loads(progress.curve[-1]).get("active_units")
    return units


def torch_seed(seed: int, *names: str | int) -> int:
    """A seed for torch's generator, named like all chance."""
    return int.from_bytes(digest_of(seed, *names)[:8], "big") >> 1  # torch takes 63 bits


@contextlib.contextmanager
def exact(threads: int, device: str = "cpu") -> Iterator[None]:
    """Deterministic algorithms on a fixed number of threads; torch's own settings and chance are put back.

    Not on a GPU: not all algorithms have a deterministic form there, and those that have take 10 to 17 % of the speed.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(device == "cpu")
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])


def alone(out: Path, ranks: Ranks) -> contextlib.AbstractContextManager[None]:
    """Hold the run's folder; the first of several ranks holds it for all."""
    return contextlib.nullcontext() if ranks.rank else held(out)


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
