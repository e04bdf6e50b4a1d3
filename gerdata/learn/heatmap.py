"""The heatmap decoder: a latent grid to maps of limbs, 56 x 56, for any number of people (arXiv 2604.02397).

As published, all stages see the same features and each is held to the target ("deep supervision"); there is no cascade.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gerdata.learn.blocks import convolution
from gerdata.people.limbs import SIDE

RARE = -4.0  # where logits start: a cell is on a limb about once in fifty


class Stages(NamedTuple):
    """`heads` of them, each of `depth` convolutions of `width` maps."""

    heads: int
    depth: int
    width: int


class Heatmap(nn.Module):
    """7x7 -> 14 -> 28 -> 56 by doubling, then `stages` heads of `depth` convolutions of `stage_width` maps each."""

    def __init__(self, latent: int, channels: int, width: int, stages: Stages) -> None:
        super().__init__()
        inside, (count, depth, stage_width) = (8 * width, 4 * width, 2 * width, width), stages
        self.enter = nn.Conv2d(latent, inside[0], 1)
        self.ups = nn.ModuleList(convolution(a, b) for a, b in pairwise(inside))
        self.widen = nn.Identity() if stage_width == width else convolution(width, stage_width)
        layers = [convolution(stage_width, stage_width) for _ in range(count * depth)]
        self.stages = nn.ModuleList(
            nn.Sequential(*layers[i * depth : (i + 1) * depth], nn.Conv2d(stage_width, channels, 1))
            for i in range(count)
        )
        for stage in self.stages:
            nn.init.constant_(stage[-1].bias, RARE)  # type: ignore[index]  # the last layer of a Sequential

    def forward(self, latent: Tensor) -> Tensor:
        """[N, latent, 7, 7] -> logits [N, stages, channels, 56, 56]."""
        maps = self.enter(latent)
        for up in self.ups:
            maps = up(interpolate(maps, scale_factor=2.0, mode="nearest"))
        if maps.shape[-1] != SIDE:
            raise ValueError(f"expected a latent grid of {SIDE // 8} x {SIDE // 8}, came {tuple(latent.shape[2:])}")
        maps = self.widen(maps)
        return torch.stack([stage(maps) for stage in self.stages], dim=1)


def heatmap_loss(logits: Tensor, maps: Tensor, limb_weight: float = 1.0) -> Tensor:
    """Loss of each frame and channel, [N, channels]: the mean over cells of (sigmoid - target)^2, summed over stages.

    `logits: [N, stages, channels, h, w]`, `maps: [N, channels, h, w]`. A cell weighs 1 + (`limb_weight` - 1) * target, so
    that a map that is empty nearly everywhere is not learnt as empty; at 1 it is the published loss.
    """
    squared = (logits.float().sigmoid() - maps[:, None]).square()  # [N, stages, channels, h, w]
    if limb_weight != 1:
        squared = squared * (1 + (limb_weight - 1) * maps[:, None])
    return squared.mean((3, 4)).sum(1)
