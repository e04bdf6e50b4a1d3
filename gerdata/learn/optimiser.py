"""How weights move: which optimiser, how fast at each step, and the running average that may be kept in their place."""

import math

from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gerdata.recipe import TrainRecipe


def make_optimiser(model: nn.Module, recipe: TrainRecipe) -> Optimizer:
    """Over the parameters that are trained."""
    groups = decay_groups(model, recipe.weight_decay)
    if recipe.optimiser == "sgd":
        return SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    return (AdamW if recipe.optimiser == "adamw" else Adam)(groups, lr=recipe.lr)


def make_average(model: nn.Module, recipe: TrainRecipe) -> AveragedModel | None:
    """The exponential average of a model's weights and buffers; None where a recipe wants none."""
    if not recipe.ema:
        return None
    average = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def lr_of(step: int, steps: int, recipe: TrainRecipe) -> float:
    """Learning rate of a step counted from 0, as the recipe has it."""
    warmup = round(recipe.warmup_share * steps)
    if recipe.schedule == "none":
        return recipe.lr * min(1.0, (step + 1) / max(1, warmup))
    return lr_at(step, steps, recipe.lr, recipe.warmup_share)


def lr_at(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Learning rate of a step counted from 0: a linear rise over the first share of all steps, then a half cosine."""
    warmup = round(warmup_share * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels; none for norms, biases and null tokens. What is frozen is in neither."""
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices: list[Tensor] = [p for p in trained if p.ndim >= 2]
    vectors: list[Tensor] = [p for p in trained if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
