"""Cross-attention between sound and picture: the wiring of the paper, at any size.

After Augusma, Vaufreydaz and Letué (ICMI 2023, arXiv 2312.05265), with the Frames Attention Pooling of the later work
(arXiv 2604.02397). What is kept: one video token a frame, one audio token a segment from a CNN on log-mel, one pre-norm
transformer block on the audio tokens, attention with query = audio and key = value = video, and the concatenation
[audio, cross, video]. What departs, unless a recipe says otherwise:

- time is reduced by FAP, as in the later work, where the published code of 2023 takes a mean or flattens;
- where frames and segments differ in number, each segment takes the frame nearest in time (published: 15-frame means,
  `alignment = "segments"`);
- a training clip shows `train_frames` of its kept frames, drawn anew each epoch, which count as evenly spread;
- a missing modality is a learned null token, so clips without sound, and each modality alone, use the same network;
- at the tiny size, the picture encoder is a small CNN from scratch in place of a CLIP ViT-L/14, tokens have `width`, not
  1024, numbers, those of frames are of one length, and the audio CNN has one padded convolution with batch norm a block, not
  three unpadded ones without.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gerdata.errors import RecipeError
from gerdata.learn.picture_encoder import Vision, make_picture_encoder
from gerdata.learn.pooling import Pooling, encode_present, make_pool, positions
from gerdata.learn.sound_encoder import MIN_TINY, PaperSoundEncoder, PreNormBlock, SoundEncoder

MIN_SEGMENT = MIN_TINY

Query = Literal["audio", "video", "both"]
Alignment = Literal["nearest", "segments"]


class Output(NamedTuple):
    """What the network says about B clips, and where it looked."""

    logits: Tensor  # [B, classes]
    attention: Tensor  # [B, queries, keys]: how much of each key a query takes; rows sum to 1
    pooling: Tensor  # [B, fused tokens]: the weight of each in the clip's vector; rows sum to 1
    fused: Tensor  # [B, d']: the clip's vector, before the classes


@dataclass(frozen=True)
class Wiring:
    """What of the paper's choices a network takes. None for a dropout: as `dropout`."""

    sound: Literal["tiny", "paper"] = "tiny"
    vision: Vision | None = None  # None: the CNN from scratch
    query: Query = "audio"
    alignment: Alignment = "nearest"
    pooling: Pooling = "fap"
    segments: int = 5  # how many audio tokens a clip has: `flatten` must know
    block_dropout: float | None = None
    forward_dropout: float | None = None
    head_dropout: float | None = None


class CrossAttention(nn.Module):
    """Pictures and log-mel segments of B clips to class logits."""

    def __init__(self, classes: int, width: int, mels: int, dropout: float, wiring: Wiring | None = None) -> None:
        super().__init__()
        self.wiring = how = wiring or Wiring()
        self.picture = make_picture_encoder(width, how.vision)
        self.sound = SoundEncoder(width, mels) if how.sound == "tiny" else PaperSoundEncoder()
        self.null_video = nn.Parameter(torch.randn(width) * 0.02)
        self.null_audio = nn.Parameter(torch.randn(width) * 0.02)
        self.block = PreNormBlock(width, _or(how.block_dropout, dropout), _or(how.forward_dropout, dropout))
        self.cross = nn.MultiheadAttention(width, num_heads=1, dropout=dropout, batch_first=True)
        two = how.query == "both"
        self.cross_back = nn.MultiheadAttention(width, num_heads=1, dropout=dropout, batch_first=True) if two else None
        self.pool, fused = make_pool(how.pooling, (4 if two else 3) * width, how.segments)
        self.dropout = nn.Dropout(_or(how.head_dropout, dropout))
        self.head = nn.Linear(fused, classes)

    def forward(
        self, video: Tensor, audio: Tensor, has_video: Tensor, has_audio: Tensor, tokens: Tensor | None = None
    ) -> Output:
        """`video: uint8 [B, T, 3, h, w]`, `audio: float32 dB [B, S, 1, mels, columns]`, masks bool [B].

        Where a mask is False the clip's picture or sound is not read at all. `tokens: [B, T, d]`, if given, are what the
        picture encoder once made of the frames, which are then not read.
        """
        told, encoder = (video, self.picture) if tokens is None else (tokens, nn.Identity())
        frames = encode_present(encoder, told, has_video, self.null_video)  # [B, T, d]
        sounds = encode_present(self.sound, audio, has_audio, self.null_audio)  # [B, S, d]
        sounds = self.block(sounds + positions(sounds.shape[1], sounds.shape[2]).to(sounds))  # [B, S, d]
        if self.wiring.alignment == "segments":
            frames = segment_means(frames, sounds.shape[1])  # [B, S, d]
        tokens, attention = self._fuse(sounds, frames)
        fused, pooling = self.pool(tokens)  # [B, 3d], [B, S]
        return Output(self.head(self.dropout(fused)), attention, pooling, fused)

    def _fuse(self, sounds: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """[B, S, d] and [B, T, d] to [audio, cross, video], [B, S or T, 3d or 4d], and the attention of the queries."""
        to_frames = nearest_in_time(sounds.shape[1], frames.shape[1]).to(sounds.device)  # [S]
        to_sounds = nearest_in_time(frames.shape[1], sounds.shape[1]).to(sounds.device)  # [T]
        if self.wiring.query == "video":
            cross, attention = self.cross(frames, sounds, sounds)  # [B, T, d], [B, T, S]
            return torch.cat([sounds[:, to_sounds], cross, frames], dim=2), attention
        cross, attention = self.cross(sounds, frames, frames)  # [B, S, d], [B, S, T]
        parts = [sounds, cross, frames[:, to_frames]]
        if self.cross_back is not None:
            parts.insert(2, self.cross_back(frames, sounds, sounds, need_weights=False)[0][:, to_frames])
        return torch.cat(parts, dim=2), attention


def nearest_in_time(segments: int, frames: int) -> Tensor:
    """For each segment the frame whose time (i + 1/2)/T is nearest to (s + 1/2)/S, the earlier of two: int64 [S].

    Whole numbers throughout, so that a tie is a tie.
    """
    doubled = (2 * torch.arange(segments)[:, None] + 1) * frames - (2 * torch.arange(frames) + 1) * segments  # [S, T]
    return doubled.abs().argmin(dim=1)


def segment_means(frames: Tensor, segments: int) -> Tensor:
    """Means of T/S consecutive frame tokens, [B, T, d] -> [B, S, d]: 75 frames are 5 means of 15, as published.

    `RecipeError` where the frames do not divide into segments.
    """
    t = frames.shape[1]
    if t % segments:
        raise RecipeError(
            f'alignment = "segments" needs a multiple of {segments} frames a clip, came {t}; set train_frames to one, '
            'or alignment = "nearest"'
        )
    return frames.view(len(frames), segments, t // segments, -1).mean(dim=2)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
