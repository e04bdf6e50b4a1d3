"""Processes that train one model together, started by torchrun; one, where there is no torchrun.

Each takes its share of the clips of every global batch, so that the batches are those of one process, and gradients are
summed. Batch norm sees the clips of its own rank; its running figures are averaged after each epoch.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, distributed, nn

T = TypeVar("T")


class Ranks(NamedTuple):
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1

    def share(self, batch: list[T]) -> list[T]:
        """This rank's clips of a global batch; may be none of them."""
        return batch[self.rank :: self.world]

    def sum(self, tensor: Tensor) -> Tensor:
        """Over all ranks, in place."""
        if self.world > 1:
            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, model: nn.Module) -> None:
        """Every trained parameter's gradient over all ranks; a rank that had no clips adds nothing."""
        if self.world == 1:
            return
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                distributed.all_reduce(parameter.grad)

    def average_buffers(self, model: nn.Module) -> None:
        """Running figures of batch norm become the mean over ranks: all ranks then measure the same model."""
        if self.world == 1:
            return
        for buffer in model.buffers():
            if buffer.is_floating_point():
                distributed.all_reduce(buffer)
                buffer /= self.world

    def wait(self) -> None:
        """For all ranks to come this far."""
        if self.world > 1:
            distributed.barrier()


@contextlib.contextmanager
def joined(device: str = "cpu") -> Iterator[Ranks]:
    """The ranks that torchrun's environment names; alone without it. A group that is already there is used and left."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    ours = not distributed.is_initialized()
    if ours and device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # "cuda" is then this rank's own
        distributed.init_process_group("cpu:gloo,cuda:nccl")  # sums of an epoch's losses are on the CPU
    elif ours:
        distributed.init_process_group("gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        if ours:
            distributed.destroy_process_group()
