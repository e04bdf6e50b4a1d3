"""Clips as tensors: the form a model takes them in, one of them, and B of them side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from gerdata.clip import Audio, Frames
from gerdata.learn.features import cut_segments, log_mel

Modality = Literal["both", "video", "audio"]


@dataclass(frozen=True)
class Form:
    """In what form a model takes a clip."""

    image_px: int
    mels: int
    segments: int
    segment_s: float
    modality: Modality


class Item(NamedTuple):
    """One clip for the model."""

    id: str
    video: Tensor  # uint8 [T, 3, h, w]
    audio: Tensor  # float32 dB [S, 1, mels, columns]
    label: int
    has_video: bool
    has_audio: bool
    sound: Audio | None = None  # the waveform [N], where the split keeps it


class Batch(NamedTuple):
    """B clips for the model."""

    ids: tuple[str, ...]
    video: Tensor  # uint8 [B, T, 3, h, w]
    audio: Tensor  # float32 dB [B, S, 1, mels, columns]
    labels: Tensor  # int64 [B]
    has_video: Tensor  # bool [B]
    has_audio: Tensor  # bool [B]


def video_tensor(frames: list[Frames], form: Form) -> Tensor:
    """Frames [H, W, 3] to uint8 [T, 3, h, w], resized to a square by area; the aspect is not kept, as in the papers."""
    size = (form.image_px, form.image_px)
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])  # [T, h, w, 3]
    return torch.from_numpy(small).permute(0, 3, 1, 2)  # [T, 3, h, w], in memory still h, w, 3


def audio_tensor(sound: Audio, form: Form) -> Tensor:
    """A waveform [N] at 16 kHz to log-mel segments, float32 dB [S, 1, mels, columns]."""
    return log_mel(cut_segments(torch.from_numpy(sound), form.segments, form.segment_s), form.mels).unsqueeze(1)


def collate(items: list[Item]) -> Batch:
    """Items side by side; all of one release have the same shapes."""
    ids, video, audio, labels, has_video, has_audio, _ = zip(*items, strict=True)
    return Batch(
        ids,
        torch.stack(video),  # [B, T, 3, h, w]
        torch.stack(audio),  # [B, S, 1, mels, columns]
        torch.tensor(labels),
        torch.tensor(has_video),
        torch.tensor(has_audio),
    )


def batches(order: list[int], size: int) -> Iterator[list[int]]:
    """`order` in runs of `size`; the last may be shorter."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
