"""Log-mel segments to tokens, one a segment: a small CNN, and the papers' one; and the transformer block that follows."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from gerdata.learn.blocks import convolution

MIN_TINY, MIN_PAPER = 16, 106  # cells a side that are left with one: four halvings; the papers' CNN
PAPER_WIDTH = 1024  # numbers of a token: 512 maps of two cells


class SoundEncoder(nn.Module):
    """CNN blocks on the log-mel of each segment: one token a segment. Time is pooled, pitch keeps its place."""

    def __init__(self, width: int, mels: int) -> None:
        super().__init__()
        blocks = [layer for a, b in pairwise((1, 16, 32, 64, 96)) for layer in (convolution(a, b), nn.MaxPool2d(2))]
        self.maps = nn.Sequential(*blocks)
        self.token = nn.Linear(2 * 96 * (mels // 16), width)

    def forward(self, audio: Tensor) -> Tensor:
        """float32 dB [B, S, 1, mels, columns] -> [B, S, d]."""
        maps = self.maps(_scaled(audio))  # [B*S, c, mels/16, columns/16]
        told = torch.cat([maps.mean(3), maps.amax(3)], dim=1).flatten(1)  # [B*S, 2c * mels/16]
        tokens: Tensor = self.token(told)  # [B*S, d]
        return tokens.view(*audio.shape[:2], -1)  # [B, S, d]


class PaperSoundEncoder(nn.Module):
    """Four blocks of three unpadded 3x3 convolutions with ReLU and a maximum over 2x2, no batch norm; then two cells of 512
    maps are a token of 1024 numbers (the published code of arXiv 2312.05265). Needs 106 x 106 cells."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for block in ((1, 32, 64, 64), (64, 128, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512)):
            for a, b in pairwise(block):
                layers += [nn.Conv2d(a, b, 3), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.maps = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 2)))

    def forward(self, audio: Tensor) -> Tensor:
        """float32 dB [B, S, 1, mels, columns] -> [B, S, 1024]."""
        maps: Tensor = self.maps(_scaled(audio))  # [B*S, 512, 1, 2]
        return maps.flatten(1).view(*audio.shape[:2], -1)  # [B, S, 1024]


class PreNormBlock(nn.Module):
    """One pre-norm transformer block: attention (one head), then a two-layer perceptron, each with a residual."""

    def __init__(self, width: int, dropout: float, forward_dropout: float | None = None) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, num_heads=1, dropout=dropout, batch_first=True)
        self.norm_forward = nn.LayerNorm(width)
        inside = nn.Dropout(dropout if forward_dropout is None else forward_dropout)
        self.forward_layers = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), inside, nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, S, d] -> [B, S, d]."""
        normed = self.norm_attention(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        out: Tensor = tokens + self.forward_layers(self.norm_forward(tokens))
        return out


def _scaled(audio: Tensor) -> Tensor:
    """dB [B, S, 1, mels, columns] to about unit size, [B*S, 1, mels, columns]; -30 +- 17 dB on synthetic groups."""
    return (audio.flatten(0, 1).to(memory_format=torch.channels_last) + 30) / 20
