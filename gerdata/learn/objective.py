"""What a step minimises: the loss of the groups' classes, and of a VE-MD those of its latent and of people's structure.

Every part is a sum over clips divided by their number, so that a batch in pieces, or over ranks, is the batch at once. Two
parts are of a whole piece, by their nature: an MMD, and a KL with free bits.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gerdata.learn.architecture import Model, Output, decoder_of
from gerdata.learn.batch import Batch
from gerdata.learn.bottleneck import Latent, kl_loss, mmd_loss
from gerdata.learn.heatmap import heatmap_loss
from gerdata.learn.matching import LimbCost
from gerdata.learn.person_query import meeting_limbs, query_loss
from gerdata.learn.target import BODY, FACE, channels_of
from gerdata.learn.ve_md import Output as VeMdOutput
from gerdata.learn.ve_md import VeMd
from gerdata.recipe import TrainRecipe

GROUP, LATENT, STRUCTURE = "group", "latent", "structure"


def losses_of(
    model: Model, output: Output, batch: Batch, recipe: TrainRecipe, class_weights: Tensor | None
) -> dict[str, Tensor]:
    """The parts of the loss of a batch, already weighted, by name; what is minimised is their sum."""
    parts = {GROUP: group_loss(output.logits, batch, recipe, class_weights).mean()}
    if not isinstance(model, VeMd) or not isinstance(output, VeMdOutput) or output.latent is None:
        return parts
    sample, mean, log_variance = output.latent  # losses are never in half precision
    latent = Latent(sample.float(), mean.float(), None if log_variance is None else log_variance.float())
    seen = batch.has_video.float().mean()  # what is of frames is of these clips alone
    if recipe.bottleneck == "kl":
        parts[LATENT] = recipe.bottleneck_weight * seen * kl_loss(latent, recipe.free_bits)
    elif recipe.bottleneck != "none" and len(latent.mean) > 1:
        noise = torch.randn_like(latent.mean)
        parts[LATENT] = recipe.bottleneck_weight * seen * mmd_loss(latent, recipe.bottleneck, noise)
    if decoder_of(recipe) != "none" and batch.targets is not None:
        parts[STRUCTURE] = recipe.structure_weight * seen * structure_loss(output, batch, recipe).mean()
    return parts


def group_loss(logits: Tensor, batch: Batch, recipe: TrainRecipe, class_weights: Tensor | None) -> Tensor:
    """Of each clip, [B]: cross-entropy, or focal loss (Lin et al., arXiv 1708.02002), against labels or raters' shares.

    Class weights have mean 1 over the training clips, so they do not scale the loss; shares mix them.
    """
    classes = logits.shape[1]
    wanted = one_hot(batch.labels, classes).to(torch.float32)  # [B, classes]
    if recipe.soft_labels and batch.soft is not None:
        wanted = batch.soft
    wanted = wanted * (1 - recipe.label_smoothing) + recipe.label_smoothing / classes
    logs = logits.float().log_softmax(1)
    if recipe.loss == "focal":
        logs = logs * (1 - logs.exp()).clamp(min=1e-6) ** recipe.focal_gamma  # below gamma 1 the slope at 0 is infinite
    return -(wanted * logs * (1 if class_weights is None else class_weights)).sum(1)


def structure_loss(output: VeMdOutput, batch: Batch, recipe: TrainRecipe) -> Tensor:
    """Of each frame of the clips with a picture, [N]; 0 where nothing is known of anybody in it."""
    assert batch.targets is not None
    channels = channels_of(recipe.structure)
    device = batch.video.device
    people, is_known, maps, has_maps = (one[batch.has_video].flatten(0, 1) for one in batch.targets)
    if output.people is not None:
        meets = meeting_limbs(channels).to(device)
        how = LimbCost(recipe.query_limb_beta, recipe.query_limb_weight)
        return query_loss(output.people, people[:, :, channels], is_known[:, :, channels], meets, how)
    assert output.heatmaps is not None
    told = heatmap_loss(output.heatmaps, maps[:, channels], recipe.limb_weight)  # [N, channels]
    known = torch.cat(
        [has_maps[:, :1].expand(-1, BODY.stop), has_maps[:, 1:].expand(-1, FACE.stop - FACE.start)], dim=1
    )
    halves = [[i for i, channel in enumerate(channels) if part.start <= channel < part.stop] for part in (BODY, FACE)]
    told = told * known[:, channels]
    return torch.stack([told[:, half].mean(1) for half in halves if half]).sum(0)  # body and face weigh alike


def class_weights_of(labels: list[int], classes: int, recipe: TrainRecipe) -> Tensor | None:
    """float32 [classes] by which every class weighs the same over the training clips; None where all clips do."""
    if recipe.class_weights == "none":
        return None
    counts = torch.bincount(torch.tensor(labels), minlength=classes).float()
    return torch.where(counts > 0, len(labels) / (counts.clamp(min=1) * (counts > 0).sum()), 0.0)
