"""Pictures that a bank may be made of."""

from pathlib import Path

import cv2
import numpy as np

from gerdata.media.images import encode_png


def look(seed: int, high: int = 120, wide: int = 90, mean: float = 120, colour: bool = False) -> np.ndarray:
    """Something with structure of its own, `uint8 [high, wide, 3]`."""
    rng = np.random.default_rng(seed)
    small = rng.normal(0, 30, (9, 7, 1 + 2 * colour)).astype(np.float32)
    large = cv2.resize(small, (wide, high), interpolation=cv2.INTER_CUBIC).reshape(high, wide, -1)
    return np.clip(mean + np.repeat(large, 3 - 2 * colour, axis=2), 0, 255).astype(np.uint8)


def put(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(picture))
