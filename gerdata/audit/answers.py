"""What a model gives of each clip that could be released: its answer, and every tensor inside it that is named."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gerdata.audit.linear import Features
from gerdata.chance import digest_of
from gerdata.learn.architecture import Model, tensors_of
from gerdata.learn.batch import Batch, Item
from gerdata.learn.outcome import Outcome, answers, shares_of

BY_FRAME = ("latent", "queries", "heatmaps")  # of the frames of the clips with a picture, not of clips
MOST_NUMBERS = 4096  # of a tensor; of more, sums of numbers with signs by lot are kept
SIDE = 16  # of the picture that the clear view holds
BATCH = 32


@dataclass(frozen=True)
class Answers:
    """Of N clips: what a model says of them, `tensors: [N, D]` by name, and what they are without a model, `clear: [N, D]`."""

    outcome: Outcome
    tensors: dict[str, Features]
    clear: Features

    def only(self, keep: np.ndarray) -> "Answers":
        """The clips at some places."""
        return Answers(self.outcome.only(keep), {n: one[keep] for n, one in self.tensors.items()}, self.clear[keep])


class Items:
    """Clips of a model's form, kept in memory."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        return self.items[index]


def answers_of(model: Model, items: Items, outcome: Outcome) -> Answers:
    """Everything a model gives of the clips. `outcome`: their rows and labels; its probabilities are made anew."""
    told: dict[str, list[Features]] = {}
    shares, clear = [], []
    for batch, answer in answers(model, items, BATCH):
        shares.append(shares_of(answer))
        clear.append(clear_of(batch))
        for name, tensor in tensors_of(answer).items():
            told.setdefault(name, []).append(by_clip(name, tensor, batch))
    tensors = {name: np.concatenate(some) for name, some in told.items() if sum(map(len, some)) == len(items)}
    made = Outcome(outcome.classes, outcome.clips, outcome.truth, np.concatenate(shares))
    return Answers(
        made, {name: one for name, one in tensors.items() if np.ptp(one, axis=0).any()}, np.concatenate(clear)
    )


def by_clip(name: str, tensor: Tensor, batch: Batch) -> Features:
    """`[B, D]` of a tensor of clips, or of frames, of which each clip's mean is taken; zeros for clips without a picture. Of
    maps made in stages the last counts."""
    flat = tensor.float().cpu()
    if name == "heatmaps":
        flat = flat[:, -1].sigmoid()
    out = torch.zeros(len(batch.ids), flat[0].numel())
    if name in BY_FRAME:
        seen = batch.has_video.cpu()
        out[seen] = flat.flatten(1).view(int(seen.sum()), -1, flat[0].numel()).mean(dim=1)
    else:
        out = flat.flatten(1)
    return folded(name, out.double().numpy())


def folded(name: str, x: Features) -> Features:
    """`[N, MOST_NUMBERS]` of `[N, D]` where D is more: a count sketch (Charikar et al. 2002), which keeps inner products in the
    mean. By name, so that two models' tensors are folded alike."""
    n = x.shape[1]
    if n <= MOST_NUMBERS:
        return x
    lot = np.frombuffer(digest_of(0, "audit", "fold", name), np.uint64)
    number = np.arange(n, dtype=np.uint64)
    mixed = (number * np.uint64(0x9E3779B97F4A7C15) + lot[0]) ^ ((number + lot[1]) * np.uint64(0xC2B2AE3D27D4EB4F))
    place, sign = (
        (mixed >> np.uint64(33)) % np.uint64(MOST_NUMBERS),
        1.0 - 2.0 * ((mixed >> np.uint64(20)) & np.uint64(1)),
    )
    out = np.zeros((MOST_NUMBERS, len(x)))
    np.add.at(out, place.astype(np.int64), (x * sign).T)
    return np.ascontiguousarray(out.T)


def clear_of(batch: Batch) -> Features:
    """`[B, D]`: mean picture in colour and envelope of each segment: what a clip is to somebody without the model."""
    small = torch.nn.functional.adaptive_avg_pool2d(batch.video.float().mean(dim=1), SIDE).flatten(1)
    levels = batch.audio.float().mean(dim=(2, 4)).flatten(1)  # [B, S * mels]
    return torch.cat([small, levels], dim=1).double().cpu().numpy()


def in_blocks(places: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Places in runs of `size`."""
    for start in range(0, len(places), size):
        yield places[start : start + size]
