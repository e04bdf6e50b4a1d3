"""Things that tests make: frames, tones; and how they look at folders."""

from pathlib import Path

import numpy as np


def bars(n: int, height: int = 48, width: int = 64, shift: int = 0) -> list[np.ndarray]:
    """Frames whose grey level tells their number: frame i has level 20 + 4 * (i + shift) everywhere but in a corner."""
    out = []
    for i in range(n):
        frame = np.full((height, width, 3), (20 + 4 * (i + shift)) % 236, np.uint8)
        frame[: height // 4, : width // 4] = (250, 10, 10)  # red, top left: shows turns
        out.append(frame)
    return out


def tone(seconds: float, hz: float = 440.0) -> np.ndarray:
    t = np.arange(round(seconds * 16000)) / 16000
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative name."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


KEY = bytes(range(32))
