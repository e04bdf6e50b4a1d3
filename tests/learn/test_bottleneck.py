import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from gerdata.learn.bottleneck import (
    Bottleneck,
    Latent,
    Spread,
    kl_from_normal,
    kl_loss,
    mmd_imq,
    mmd_median,
    mmd_rows,
)

D = 25_088  # 512 maps of 7x7: the published size


def latent(n: int = 3, c: int = 4) -> Latent:
    chance = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, n, c, 7, 7, generator=chance)
    return Latent(mean, mean, log_variance)


def normal(n: int, seed: int) -> Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed))


def test_kl_is_that_of_two_normals() -> None:
    one = latent()
    assert one.log_variance is not None
    there = Normal(one.mean, (one.log_variance / 2).exp())
    wanted = kl_divergence(there, Normal(torch.zeros_like(one.mean), 1.0))
    assert torch.allclose(kl_from_normal(one), wanted, atol=1e-5)
    assert kl_loss(one).item() == pytest.approx(wanted.sum((1, 2, 3)).mean().item(), rel=1e-5)
    nothing = Latent(torch.zeros(2, 1, 7, 7), torch.zeros(2, 1, 7, 7), torch.zeros(2, 1, 7, 7))
    assert kl_loss(nothing).item() == 0


def test_free_bits_are_a_floor_of_each_map_through_which_no_gradient_goes() -> None:
    mean = torch.zeros(2, 3, 7, 7)
    mean[:, 0] = 1.0  # 24.5 nats
    mean.requires_grad_()
    loss = kl_loss(Latent(mean, mean, torch.zeros_like(mean)), free_bits=2.0)
    assert loss.item() == pytest.approx(24.5 + 2 * 2 * math.log(2))
    loss.backward()
    assert mean.grad is not None
    assert (mean.grad[:, 0] != 0).all()
    assert not mean.grad[:, 1:].any()


def test_a_latent_is_drawn_in_training_and_its_mean_afterwards() -> None:
    torch.manual_seed(0)
    layer, maps = Bottleneck(8, 4, "kl"), torch.randn(500, 8, 7, 7)
    drawn = layer(maps)
    assert drawn.log_variance is not None
    noise = (drawn.sample - drawn.mean) / (drawn.log_variance / 2).exp()
    assert (noise.mean().item(), noise.std().item()) == pytest.approx((0, 1), abs=0.01)  # 98,000 draws
    told = layer.eval()(maps)
    assert torch.equal(told.sample, told.mean)
    plain = Bottleneck(8, 4, "mmd-imq")(maps)
    assert plain.log_variance is None
    assert torch.equal(plain.sample, plain.mean)
    with pytest.raises(ValueError, match="no log-variance"):
        kl_loss(plain)


def test_active_units_are_those_that_change_with_the_input() -> None:
    spread = Spread()
    assert spread.active_units() is None
    means = torch.randn(400, 10, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0] * 3 + [0.05] * 7) + 9
    for part in means.split(150):
        spread.add(part)
    assert spread.active_units() == 3 == int((means.var(0) > 0.01).sum())


def test_active_units_are_of_all_ranks() -> None:
    """Two of three ranks see clips that are alike, and one sees none; between them two of four units differ."""
    ranks = [Spread() for _ in range(3)]
    ranks[0].add(torch.zeros(3, 4))
    ranks[1].add(torch.tensor([[1.0, 1.0, 0.0, 0.0]] * 5))
    assert [rank.active_units() for rank in ranks] == [0, 0, None]
    meeting, brought = threading.Barrier(3, timeout=20), [torch.zeros(())] * 3

    def summed(number: int) -> int | None:
        def add(tensor: torch.Tensor) -> torch.Tensor:
            brought[number] = tensor
            meeting.wait()
            total = torch.stack(brought).sum(0)
            meeting.wait()
            return total

        return ranks[number].summed(add).active_units()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(summed, range(3))) == [2, 2, 2]


def loops(x: Tensor, y: Tensor, kernel: str) -> float:
    """Unbiased squared MMD, pair by pair, in double precision."""
    x, y = x.double(), y.double()
    n, both = len(x), [(x, x), (y, y), (x, y)]
    apart = [[float((a - b).square().sum()) for i, a in enumerate(p) for j, b in enumerate(q) if p is not q or i != j]
             for p, q in both]  # fmt: skip
    if kernel == "median":
        width = sorted(apart[0] + apart[1] + apart[2])[(2 * n * (n - 1) + n * n - 1) // 2]
        values = [sum(math.exp(-one / width) for one in part) / len(part) for part in apart]
    else:
        scales = [2 * x.shape[1] * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
        values = [sum(c / (c + one) for one in part for c in scales) / len(part) / len(scales) for part in apart]
    return values[0] + values[1] - 2 * values[2]


def test_discrepancies_are_those_of_plain_loops() -> None:
    x, y = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(3))
    assert mmd_imq(x + 1, y).item() == pytest.approx(loops(x + 1, y, "imq"), abs=1e-5)
    assert mmd_median(x + 1, y).item() == pytest.approx(loops(x + 1, y, "median"), abs=1e-5)


def pull(mmd: Callable[[Tensor, Tensor], Tensor], shift: float, deviation: float = 1.0) -> float:
    """How much a discrepancy falls for a step of 1 from `shift + deviation * normal` straight back to the normal."""
    x = (normal(16, 0) * deviation + shift).requires_grad_()
    (gradient,) = torch.autograd.grad(mmd(x, normal(16, 1)), x)
    back = normal(16, 0) - x.detach()
    return -float((gradient * back / back.norm()).sum())


def by_rows(x: Tensor, y: Tensor) -> Tensor:
    return mmd_rows(x.view(-1, 512, 7, 7), y.view(-1, 512, 7, 7))


@pytest.mark.parametrize(("shift", "deviation"), [(0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (0.0, 3.0), (0.0, 0.1)])
@pytest.mark.parametrize("mmd", [mmd_imq, mmd_median])
def test_at_the_published_size_ours_pull_a_batch_back_to_the_normal(
    mmd: Callable[[Tensor, Tensor], Tensor], shift: float, deviation: float
) -> None:
    assert pull(mmd, shift, deviation) > 1e-4


def test_a_kernel_of_width_one_over_whole_latents_is_nothing() -> None:
    x = normal(16, 0).requires_grad_()
    kernel = torch.cdist(x, normal(16, 1)).square().mul(-0.5).exp()  # exp(-25,088)
    assert not torch.autograd.grad(kernel.sum(), x)[0].any()


def test_the_published_form_loses_its_pull_with_distance() -> None:
    """Rows of seven numbers and a kernel of width 1: 1 off it pulls at a seventh of ours, 3 off not at all."""
    assert pull(by_rows, 1.0) < pull(mmd_imq, 1.0) / 5
    assert pull(by_rows, 3.0) < pull(mmd_imq, 3.0) / 1000
    assert pull(by_rows, 0.0, 10.0) < pull(mmd_imq, 0.0, 10.0) / 1000
    assert pull(by_rows, 0.0, 0.1) > 1e-3  # where all is too narrow it does pull: it is not everywhere without use


def test_the_published_form_cannot_tell_a_latent_that_ignores_its_input() -> None:
    """It compares rows of one map: what frames have to do with each other does not enter."""
    noise = normal(16, 1).view(16, 512, 7, 7)
    told = normal(16, 0).view(16, 512, 7, 7)
    collapsed = told[:1].expand(16, -1, -1, -1)  # the same latent whatever the frame
    assert abs(mmd_rows(told, noise) - mmd_rows(collapsed, noise)).item() < 1e-3
    assert mmd_imq(collapsed.flatten(1), noise.flatten(1)) > 100 * abs(mmd_imq(told.flatten(1), noise.flatten(1)))


def test_a_batch_of_one_has_no_discrepancy() -> None:
    with pytest.raises(ValueError, match="two or more"):
        mmd_imq(torch.zeros(1, 3), torch.zeros(1, 3))
