"""Tokens over time become one: Frames Attention Pooling, a mean, or all of them side by side; and where in time each is."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Pooling = Literal["fap", "mean", "flatten"]


class FramesAttentionPooling(nn.Module):
    """FAP (arXiv 2604.02397): weights alpha = softmax over time of w.x, and the weighted sum.

    Without the published bias: a softmax does not change with it, so it would never be trained.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[B, S, d] -> [B, d] and alpha [B, S]."""
        alpha = self.score(tokens).squeeze(2).softmax(dim=1)  # [B, S]
        return torch.einsum("bs,bsd->bd", alpha, tokens), alpha


class MeanPooling(nn.Module):
    """Every token alike."""

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[B, S, d] -> [B, d] and 1/S, [B, S]."""
        return tokens.mean(dim=1), tokens.new_full(tokens.shape[:2], 1 / tokens.shape[1])


class Flatten(nn.Module):
    """All tokens side by side: their number is fixed from then on."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[B, S, d] -> [B, S * d] and 1/S, [B, S]. `ValueError` where S is another number."""
        if tokens.shape[1] != self.tokens:
            raise ValueError(f"expected {self.tokens} tokens to flatten, came {tokens.shape[1]}")
        return tokens.flatten(1), tokens.new_full(tokens.shape[:2], 1 / tokens.shape[1])


def make_pool(kind: Pooling, width: int, tokens: int) -> tuple[nn.Module, int]:
    """The module that takes `[B, tokens, width]` to one vector a clip, and how many numbers that has."""
    if kind == "fap":
        return FramesAttentionPooling(width), width
    return (MeanPooling(), width) if kind == "mean" else (Flatten(tokens), tokens * width)


def positions(length: int, width: int) -> Tensor:
    """Sinusoidal positions (Vaswani et al. 2017): float32 [length, width]."""
    rate = torch.exp(-math.log(10_000) * torch.arange(0, width, 2) / width)  # [width/2]
    angle = torch.arange(length)[:, None] * rate  # [length, width/2]
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]  # [length, width]


def encode_present(encoder: nn.Module, data: Tensor, present: Tensor, null: Tensor) -> Tensor:
    """Tokens [B, n, d]: encoded where the clip has the modality, `null` where not. Only what is present is read."""
    tokens = null.expand(*data.shape[:2], -1)  # [B, n, d]
    if present.any():
        told = encoder(data[present])  # [present, n, d]
        tokens = tokens.to(told.dtype).clone().index_put((present.nonzero()[:, 0],), told)  # [B, n, d]
    return tokens
