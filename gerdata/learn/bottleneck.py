"""What a latent grid is held to: a variational information bottleneck, or a maximum mean discrepancy to a normal.

KL: of N(mean, exp(log_variance)) from N(0, 1), in nats; summed over the grid's cells, averaged over frames; "free bits"
after Kingma et al. (arXiv 1606.04934) by channel; active units after Burda et al. (arXiv 1509.00519).

MMD: the published code of VE-MD compares the seven rows of each 7x7 map, as seven samples of seven numbers, with a kernel
of width 1. That is no comparison of clips: it cannot tell a latent that ignores its input from one that does not, and at a
wrong scale it has no gradient (`mmd_rows`). Taken for whole latents, such a kernel is 0 at d = 25,088. Ours compare the
latents of a batch, with kernels whose width grows with d (Tolstikhin et al., arXiv 1711.01558; Gretton et al. 2012).
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Kind = Literal["none", "kl", "mmd-imq", "mmd-median", "mmd-rows"]

IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of 2d, the mean squared distance of two normal draws
ACTIVE_VARIANCE = 0.01  # Burda et al.: a unit is active whose mean varies by more over inputs
LOG_VARIANCE_LIMIT = 10.0


class Latent(NamedTuple):
    """A latent grid of N frames. Without a variational bottleneck `log_variance` is None and `sample` is `mean`."""

    sample: Tensor  # [N, c, h, w]: what goes on; drawn in training, the mean otherwise
    mean: Tensor  # [N, c, h, w]
    log_variance: Tensor | None  # [N, c, h, w]


class Bottleneck(nn.Module):
    """Maps to a latent grid by a 1x1 convolution; two of them, and a draw, where it is variational."""

    def __init__(self, channels: int, latent: int, kind: Kind) -> None:
        super().__init__()
        self.mean = nn.Conv2d(channels, latent, 1)
        self.log_variance = nn.Conv2d(channels, latent, 1) if kind == "kl" else None

    def forward(self, maps: Tensor) -> Latent:
        """[N, channels, h, w] -> a `Latent`. The draw comes from torch's own generator, which the trainer seeds."""
        mean: Tensor = self.mean(maps)
        if self.log_variance is None:
            return Latent(mean, mean, None)
        log_variance = self.log_variance(maps).clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)
        if not self.training:
            return Latent(mean, mean, log_variance)
        return Latent(mean + torch.randn_like(mean) * (log_variance / 2).exp(), mean, log_variance)


def kl_from_normal(latent: Latent) -> Tensor:
    """Nats of each cell: [N, c, h, w]. `ValueError` where the latent has no variance."""
    if latent.log_variance is None:
        raise ValueError("expected a variational latent: it has no log-variance")
    mean, log_variance = latent.mean, latent.log_variance
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def kl_loss(latent: Latent, free_bits: float = 0.0) -> Tensor:
    """One number: nats summed over the grid, averaged over frames, each channel's share never under `free_bits` bits."""
    by_channel = kl_from_normal(latent).sum((2, 3)).mean(0)  # [c]
    return by_channel.clamp(min=free_bits * math.log(2)).sum()


class Spread:
    """How the means of d units vary over the frames of an epoch, without keeping them."""

    def __init__(self) -> None:
        self.frames, self.total, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, means: Tensor) -> None:
        """`[N, ...]`, one entry a frame."""
        told = means.detach().flatten(1).double().cpu()
        self.frames, self.total, self.squares = (
            self.frames + len(told),
            self.total + told.sum(0),
            self.squares + told.square().sum(0),
        )

    def summed(self, add: Callable[[Tensor], Tensor]) -> "Spread":
        """That of all ranks, of which one may have seen no frame; `add` sums a tensor over them."""
        has = self.frames > 0
        frames, ranks, units = add(torch.tensor([self.frames, has, has * self.total.numel()])).tolist()
        if not frames:
            return self
        none = torch.zeros(units // ranks, dtype=torch.float64)
        out = Spread()
        out.frames = frames
        out.total, out.squares = (add((one if has else none).clone()) for one in (self.total, self.squares))
        return out

    def active_units(self) -> int | None:
        """How many units have a variance over 0.01; None where nothing was added."""
        if not self.frames:
            return None
        variance = self.squares / self.frames - (self.total / self.frames).square()
        return int((variance > ACTIVE_VARIANCE).sum())


def mmd_loss(latent: Latent, kind: Kind, noise: Tensor) -> Tensor:
    """The discrepancy of a batch's latents from `noise`, a normal draw of the same shape [N, c, h, w]."""
    if kind == "mmd-rows":
        return mmd_rows(latent.sample, noise)
    draws, wanted = latent.sample.flatten(1), noise.flatten(1)  # [N, d]
    return mmd_imq(draws, wanted) if kind == "mmd-imq" else mmd_median(draws, wanted)


def mmd_imq(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased squared MMD of `x, y: [N, d]`, N at least 2, under a sum of inverse multiquadratics C / (C + |x - y|^2)."""
    squared = _squared_distances(x, y)
    scales = [2 * x.shape[1] * scale for scale in IMQ_SCALES]
    return torch.stack([_unbiased(*(c / (c + one) for one in squared)) for c in scales]).mean()


def mmd_median(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased squared MMD under a Gaussian as wide as the median distance of all pairs, through which no gradient goes."""
    xx, xy, yy = _squared_distances(x, y)
    off = ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    width = torch.cat([xx[off], xy.flatten(), yy[off]]).detach().median().clamp(min=1e-12)
    return _unbiased(*((-one / width).exp() for one in (xx, xy, yy)))


def mmd_rows(x: Tensor, y: Tensor) -> Tensor:
    """The published form: biased squared MMD of the rows of each map of `x, y: [N, c, h, w]`, Gaussian of width 1; a mean
    over maps. For comparison: see the head of this file."""
    xx, xy, yy = ((-torch.cdist(a, b).square() / 2).exp() for a, b in ((x, x), (x, y), (y, y)))  # [N, c, h, h]
    return xx.mean() + yy.mean() - 2 * xy.mean()


def _squared_distances(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if len(x) < 2 or x.shape != y.shape:
        raise ValueError(
            f"expected two batches of one shape, of two or more, came {tuple(x.shape)} and {tuple(y.shape)}"
        )

    def between(a: Tensor, b: Tensor) -> Tensor:
        return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)

    return between(x, x), between(x, y), between(y, y)


def _unbiased(xx: Tensor, xy: Tensor, yy: Tensor) -> Tensor:
    """Of three kernel matrices [N, N]; a pair of the same draw does not count."""
    n = len(xx)
    within = (xx.sum() - xx.diagonal().sum() + yy.sum() - yy.diagonal().sum()) / (n * (n - 1))
    return within - 2 * xy.mean()
