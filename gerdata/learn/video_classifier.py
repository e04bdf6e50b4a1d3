"""The picture branch alone as a classifier: the first of the authors' two stages, after which it is frozen."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gerdata.learn.picture_encoder import Vision, make_picture_encoder
from gerdata.learn.pooling import FramesAttentionPooling, encode_present


class Output(NamedTuple):
    """What the network says about B clips."""

    logits: Tensor  # [B, classes]
    pooling: Tensor  # [B, T]: FAP's weight of each frame; rows sum to 1
    fused: Tensor  # [B, d]: the clip's vector, before the classes


class VideoClassifier(nn.Module):
    """Frames to tokens, FAP, a linear layer (arXiv 2604.02397's code fine-tunes its ViT so)."""

    def __init__(self, classes: int, width: int, dropout: float, vision: Vision | None = None) -> None:
        super().__init__()
        self.picture = make_picture_encoder(width, vision)
        self.null_video = nn.Parameter(torch.randn(width) * 0.02)
        self.pool = FramesAttentionPooling(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, video: Tensor, has_video: Tensor) -> Output:
        """`video: uint8 [B, T, 3, h, w]`, `has_video: bool [B]`."""
        frames = encode_present(self.picture, video, has_video, self.null_video)  # [B, T, d]
        fused, pooling = self.pool(frames)  # [B, d], [B, T]
        return Output(self.head(self.dropout(fused)), pooling, fused)
