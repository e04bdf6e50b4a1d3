"""TensorFlow Lite models through ai-edge-litert: one thread, one picture in, all tensors out."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gerdata.errors import MissingError
from gerdata.people.graphs import LITE_RUNTIME

Tensor = npt.NDArray[np.float32]


class LiteModel:
    """A loaded model of one float input; the same input gives the same bytes. Only bytes that were checked belong here: the
    format's reader is not made for hostile files. `MissingError` without ai-edge-litert."""

    def __init__(self, data: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise MissingError(
                f"ai-edge-litert is not installed; run: python -m pip install '{LITE_RUNTIME}'"
            ) from None
        with _hushed():
            self._interpreter: Any = Interpreter(model_content=data, num_threads=1)
            self._interpreter.allocate_tensors()
        (entry,) = self._interpreter.get_input_details()
        self._input, self.shape = entry["index"], tuple(int(n) for n in entry["shape"])
        self._outputs = {one["name"]: one["index"] for one in self._interpreter.get_output_details()}

    def run(self, x: Tensor) -> dict[str, Tensor]:
        """Output tensors by name, copies, for `float32` of `shape`; `ValueError` for another."""
        if x.shape != self.shape or x.dtype != np.float32:
            raise ValueError(f"expected float32 {self.shape}, came {x.dtype} {x.shape}")
        self._interpreter.set_tensor(self._input, x)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Without the line about its delegate that the runtime prints on stderr and has no setting for; errors are exceptions."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
