"""VE-MD: whole frames to a latent grid that is held to people's structure in training, and read for a group's feeling.

After VE-MD (arXiv 2604.02397) and its public code. A trainable encoder (and, if asked for, a vision transformer beside it)
makes a 7x7 latent grid of each frame; decoders make people or maps of limbs of it; the emotion head takes the frames' latents
in their order through one transformer layer and FAP. What departs, unless a recipe says otherwise:

- the bottleneck is variational (mean, log-variance, KL), as the name says; the published code has none of it, and an MMD
  that compares rows of maps (`gerdata.learn.bottleneck`);
- structure is a training target only (`route = "latent"`): the head's answer does not depend on the decoders, and the model is
  exported without them. `kept` and `projected` give the head what a decoder *estimated at inference*; the run says so;
- attention runs over time, not over the batch; losses of structure are masked by frame; geometry moves it with the picture;
- one decoder tells bodies and faces of a person together, where both are asked for;
- sound, and any vector a clip has (of its text, say), join as the figure shows and the code does not: before the last layers.
"""

import copy
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d

from gerdata.errors import GerdataError
from gerdata.learn.bottleneck import Bottleneck, Kind, Latent
from gerdata.learn.heatmap import Heatmap, Stages
from gerdata.learn.person_query import People, PersonQuery, QueryOptions
from gerdata.learn.picture_encoder import SCALES, Vision, VisionEncoder, load_transformers, tiny_maps
from gerdata.learn.pooling import FramesAttentionPooling, encode_present, positions
from gerdata.learn.sound_encoder import PAPER_WIDTH, PaperSoundEncoder, SoundEncoder
from gerdata.learn.target import Decoder, Parts, channels_of
from gerdata.people.limbs import SIDE

OPTIONS = QueryOptions(width=96, heads=4, dropout=0.1, no_person=True, adjacency=False)
STAGES = Stages(heads=2, depth=1, width=24)
GRID = 7  # cells a side of the latent: 224 px halved five times

Route = Literal["latent", "kept", "projected"]


class Output(NamedTuple):
    """What the network says about B clips. What is of frames is of those of the clips with a picture, N in all."""

    logits: Tensor  # [B, classes]
    pooling: Tensor  # [B, T]: FAP's weight of each frame; rows sum to 1
    fused: Tensor  # [B, d']: the clip's vector, before the last layers
    latent: Latent | None  # [N, latent, 7, 7]
    people: People | None  # of N frames
    heatmaps: Tensor | None  # logits [N, stages, channels, 56, 56]


@dataclass(frozen=True)
class Design:
    """What a VE-MD is made of."""

    width: int = 96
    latent: int = 16
    encoder: Literal["cnn", "resnet50"] = "cnn"
    scale: Literal["half", "imagenet", "clip"] = "half"
    vision: Vision | None = None  # a vision transformer beside the encoder
    bottleneck: Kind = "kl"
    decoder: Decoder = "none"
    parts: Parts = "body"
    route: Route = "latent"
    projection: int = 64
    queries: int = 12
    query_layers: int = 1
    query: QueryOptions = OPTIONS
    heatmap_width: int = 24
    stages: Stages = STAGES
    sound: Literal["none", "tiny", "paper"] = "tiny"
    mels: int = 64
    embedding: int = 0  # numbers of a clip's own vector; 0: none
    dropout: float = 0.1
    head_dropout: float = 0.1


class VeMd(nn.Module):
    """Pictures, log-mel segments and vectors of B clips to class logits, and what the decoders see of people."""

    def __init__(self, classes: int, design: Design) -> None:
        super().__init__()
        self.design = how = design
        cells = how.latent * GRID * GRID
        self.encoder = GridEncoder() if how.encoder == "cnn" else ResNetEncoder(how.scale)
        self.bottleneck = Bottleneck(self.encoder.channels, how.latent, how.bottleneck)
        self.picture = VisionEncoder(how.vision.width, how.vision) if how.vision else None
        self.to_grid = nn.Linear(how.vision.width, cells) if how.vision else None
        self.token = nn.Linear(cells * (2 if how.vision else 1), how.width)
        self.null_video = nn.Parameter(torch.randn(how.width + structure_width(how)) * 0.02)
        self.project = _projection(how)
        self.head = EmotionHead(classes, how)
        channels = len(channels_of(how.parts))
        self.person_query = self.heatmap = (
            None  # made last: whatever the decoder, the rest starts from the same weights
        )
        if how.decoder == "query":
            self.person_query = PersonQuery(how.latent, channels, how.queries, how.query_layers, how.query)
        if how.decoder == "heatmap":
            self.heatmap = Heatmap(how.latent, channels, how.heatmap_width, how.stages)

    def forward(
        self,
        video: Tensor,
        audio: Tensor,
        has_video: Tensor,
        has_audio: Tensor,
        tokens: Tensor | None = None,
        embedding: Tensor | None = None,
        has_embedding: Tensor | None = None,
    ) -> Output:
        """`video: uint8 [B, T, 3, h, w]`, `audio: float32 dB [B, S, 1, mels, columns]`, masks bool [B].

        `tokens: [B, T, d]`: what the vision transformer once made of the frames; `embedding: float32 [B, e]`. Where a mask is
        False, that of the clip is not read at all.
        """
        b, t = video.shape[:2]
        frames = self.null_video.expand(b, t, -1)  # [B, T, d]
        latent = people = heatmaps = None
        if has_video.any():
            seen = video[has_video]  # [b, T, 3, h, w]
            latent = self.bottleneck(self.encoder(seen.flatten(0, 1)))
            people = self.person_query(latent.sample) if self.person_query is not None else None
            heatmaps = self.heatmap(latent.sample) if self.heatmap is not None else None
            told = self.token(self._grids(latent, seen, None if tokens is None else tokens[has_video]))  # [N, width]
            told = torch.cat([told, *self._structure(people, heatmaps)], dim=1)  # [N, d]
            told = told.view(-1, t, told.shape[1])  # [b, T, d]
            frames = frames.to(told.dtype).clone().index_put((has_video.nonzero()[:, 0],), told)
        logits, pooling, fused = self.head(frames, audio, has_audio, embedding, has_embedding)
        return Output(logits, pooling, fused, latent, people, heatmaps)

    def without_decoders(self) -> "VeMd":
        """The same answers from a model that cannot estimate anybody's structure. `GerdataError` where it needs to."""
        if self.design.route != "latent":
            raise GerdataError(
                f'the head of this model reads structure that is estimated at inference (route = "{self.design.route}"): '
                "it has no form without its decoder"
            )
        out = copy.deepcopy(self)
        out.person_query = out.heatmap = None
        return out

    def _grids(self, latent: Latent, seen: Tensor, tokens: Tensor | None) -> Tensor:
        """All latents of N frames side by side, [N, cells or 2 cells]."""
        if self.picture is None or self.to_grid is None:
            return latent.sample.flatten(1)
        told = self.picture(seen) if tokens is None else tokens  # [b, T, d]
        return torch.cat([latent.sample.flatten(1), self.to_grid(told.flatten(0, 1))], dim=1)

    def _structure(self, people: People | None, heatmaps: Tensor | None) -> list[Tensor]:
        """What of the decoders' answers the head reads: nothing, or [N, numbers]."""
        if self.design.route == "latent":
            return []
        if people is not None:
            raw = people.limbs.flatten(1)  # [N, Q * L * 4]
        else:
            assert heatmaps is not None  # the recipe asks for a decoder
            raw = heatmaps[:, -1].sigmoid().sum(1).flatten(1)  # [N, 56 * 56], summed over channels as published
        return [self.project(raw)]


class EmotionHead(nn.Module):
    """Frame tokens to classes: positions, one transformer layer (one head) over time, FAP, late fusion, two layers."""

    def __init__(self, classes: int, design: Design) -> None:
        super().__init__()
        width = design.width + structure_width(design)
        self.layer = nn.TransformerEncoderLayer(width, 1, 2 * design.width, design.dropout, batch_first=True)
        self.pool = FramesAttentionPooling(width)
        self.sound: nn.Module | None = None
        fused = width
        if design.sound != "none":
            sounds = design.width if design.sound == "tiny" else PAPER_WIDTH
            self.sound = SoundEncoder(sounds, design.mels) if design.sound == "tiny" else PaperSoundEncoder()
            self.null_audio = nn.Parameter(torch.randn(sounds) * 0.02)
            self.pool_sound = FramesAttentionPooling(sounds)
            fused += sounds
        if design.embedding:
            self.null_embedding = nn.Parameter(torch.randn(design.embedding) * 0.02)
            fused += design.embedding
        self.takes_embedding = design.embedding > 0
        drop = nn.Dropout(design.head_dropout)
        self.classes = nn.Sequential(nn.Linear(fused, design.width), nn.ReLU(), drop, nn.Linear(design.width, classes))

    def forward(
        self, frames: Tensor, audio: Tensor, has_audio: Tensor, embedding: Tensor | None, has_embedding: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """[B, T, d] and what else a clip has to logits [B, classes], FAP's weights [B, T] and the clip's vector."""
        tokens = self.layer(frames + positions(frames.shape[1], frames.shape[2]).to(frames))  # [B, T, d]
        pooled, pooling = self.pool(tokens)  # [B, d], [B, T]
        parts = [pooled]
        if self.sound is not None:
            sounds = encode_present(self.sound, audio, has_audio, self.null_audio)  # [B, S, d]
            parts.append(self.pool_sound(sounds)[0])
        if self.takes_embedding:
            null = self.null_embedding.expand(len(frames), -1)
            if embedding is not None and has_embedding is not None:
                null = torch.where(has_embedding[:, None], embedding.to(null), null)
            parts.append(null)
        fused = torch.cat(parts, dim=1)
        return self.classes(fused), pooling, fused


class GridEncoder(nn.Module):
    """The CNN of the tiny models, its strongest and mean response kept in each cell of a 7x7 grid."""

    channels = 2 * 96

    def __init__(self) -> None:
        super().__init__()
        self.maps = tiny_maps(96)

    def forward(self, frames: Tensor) -> Tensor:
        """uint8 [N, 3, h, w] -> [N, 192, 7, 7]."""
        maps = self.maps(frames.to(memory_format=torch.channels_last).float() / 127.5 - 1)
        return torch.cat([adaptive_avg_pool2d(maps, GRID), adaptive_max_pool2d(maps, GRID)], dim=1)


class ResNetEncoder(nn.Module):
    """A ResNet-50 of `transformers`, without its pool: 224 px become 7x7."""

    channels = 2048

    def __init__(self, scale: Literal["half", "imagenet", "clip"]) -> None:
        super().__init__()
        library = load_transformers()
        self.resnet = library.ResNetModel(library.ResNetConfig())
        self.resnet.pooler = nn.Identity()
        self.register_buffer("scale", torch.tensor(SCALES[scale]) * 255, persistent=False)  # [2, 3]

    def forward(self, frames: Tensor) -> Tensor:
        """uint8 [N, 3, h, w] -> [N, 2048, 7, 7]. `ValueError` where h, w are not 224."""
        mean, deviation = self.scale[:, :, None, None]  # type: ignore[index]  # a buffer
        maps: Tensor = self.resnet(pixel_values=(frames.float() - mean) / deviation).last_hidden_state
        if maps.shape[2:] != (GRID, GRID):
            raise ValueError(f"expected frames of {GRID * 32} px, came {tuple(frames.shape[2:])}")
        return maps


def structure_width(design: Design) -> int:
    """How many numbers of structure a frame's token has: 0, or those of the decoder, or of their projection."""
    if design.route == "latent":
        return 0
    return design.projection if design.route == "projected" else _raw_width(design)


def _raw_width(design: Design) -> int:
    return design.queries * len(channels_of(design.parts)) * 4 if design.decoder == "query" else SIDE * SIDE


def _projection(design: Design) -> nn.Module:
    if design.route != "projected":
        return nn.Identity()
    raw = _raw_width(design)
    return nn.Sequential(nn.LayerNorm(raw), nn.Linear(raw, design.projection), nn.ReLU())
