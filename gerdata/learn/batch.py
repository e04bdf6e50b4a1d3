"""Clips as tensors: the form a model takes them in, one of them, and B of them side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from gerdata.clip import Audio, BodyMaps, Frames, Structure
from gerdata.learn.features import HOP, cut_segments, log_mel
from gerdata.learn.target import Decoder, Known, Targets, make_targets

Modality = Literal["both", "video", "audio"]


@dataclass(frozen=True)
class Form:
    """In what form a model takes a clip."""

    image_px: int
    mels: int
    segments: int
    segment_s: float
    modality: Modality
    hop: int = HOP
    structure: bool = False  # what is known of people comes along, to be learnt


class Item(NamedTuple):
    """One clip for the model."""

    id: str
    video: Tensor  # uint8 [T, 3, h, w]
    audio: Tensor  # float32 dB [S, 1, mels, columns]
    label: int
    has_video: bool
    has_audio: bool
    sound: Audio | None = None  # the waveform [N], where the split keeps it
    structure: Structure | None = None  # of T frames, in pixels of `video`
    limbs: BodyMaps | None = None  # where no more than maps of bodies may be known
    soft: tuple[float, ...] | None = None  # shares of the classes
    tokens: Tensor | None = None  # float32 [T, d]: what a frozen picture encoder made of the frames
    embedding: Tensor | None = None  # float32 [e]


class Batch(NamedTuple):
    """B clips for the model."""

    ids: tuple[str, ...]
    video: Tensor  # uint8 [B, T, 3, h, w]
    audio: Tensor  # float32 dB [B, S, 1, mels, columns]
    labels: Tensor  # int64 [B]
    has_video: Tensor  # bool [B]
    has_audio: Tensor  # bool [B]
    soft: Tensor | None = None  # float32 [B, classes], rows sum to 1; None where no clip has shares
    tokens: Tensor | None = None  # float32 [B, T, d]
    embedding: Tensor | None = None  # float32 [B, e], zeros where a clip has none; None where no clip has one
    has_embedding: Tensor | None = None  # bool [B]
    targets: Targets | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        moved = {name: one.to(device) for name, one in self._asdict().items() if isinstance(one, Tensor)}
        targets = self.targets and Targets(*(one.to(device) for one in self.targets))
        return self._replace(**moved, targets=targets)  # type: ignore[arg-type]  # ids are no tensor


def video_tensor(frames: Iterable[Frames], form: Form) -> Tensor:
    """Frames [H, W, 3] to uint8 [T, 3, h, w], resized to a square by area; the aspect is not kept, as in the papers."""
    size = (form.image_px, form.image_px)
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])  # [T, h, w, 3]
    return torch.from_numpy(small).permute(0, 3, 1, 2)  # [T, 3, h, w], in memory still h, w, 3


def audio_tensor(sound: Audio, form: Form) -> Tensor:
    """A waveform [N] at 16 kHz to log-mel segments, float32 dB [S, 1, mels, columns]."""
    return log_mel(cut_segments(torch.from_numpy(sound), form.segments, form.segment_s), form.mels, form.hop).unsqueeze(
        1
    )


def collate(items: list[Item], decoder: Decoder = "none") -> Batch:
    """Items side by side; all of one release have the same shapes. With a decoder, what it is to learn comes along."""
    batch = Batch(
        tuple(item.id for item in items),
        torch.stack([item.video for item in items]),  # [B, T, 3, h, w]
        torch.stack([item.audio for item in items]),  # [B, S, 1, mels, columns]
        torch.tensor([item.label for item in items]),
        torch.tensor([item.has_video for item in items]),
        torch.tensor([item.has_audio for item in items]),
        soft=_soft(items),
        tokens=_stacked([item.tokens for item in items]),
        embedding=_stacked([item.embedding for item in items]),
        has_embedding=torch.tensor([item.embedding is not None for item in items]),
    )
    if decoder == "none":
        return batch
    known = [Known(item.video.shape[3], len(item.video), item.structure, item.limbs) for item in items]
    return batch._replace(targets=make_targets(known, with_maps=decoder == "heatmap"))


def _soft(items: list[Item]) -> Tensor | None:
    """[B, classes]: shares where a clip has them, its label otherwise; None where none has."""
    classes = next((len(item.soft) for item in items if item.soft is not None), 0)
    if not classes:
        return None
    rows = [item.soft or tuple(float(c == item.label) for c in range(classes)) for item in items]
    shares = torch.tensor(rows, dtype=torch.float32)
    return shares / shares.sum(1, keepdim=True)


def _stacked(tensors: list[Tensor | None]) -> Tensor | None:
    """Zeros where there is none; None where there is none at all."""
    first = next((one for one in tensors if one is not None), None)
    return None if first is None else torch.stack([torch.zeros_like(first) if one is None else one for one in tensors])


def batches(order: list[int], size: int) -> Iterator[list[int]]:
    """`order` in runs of `size`; the last may be shorter."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
