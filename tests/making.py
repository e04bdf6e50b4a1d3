"""Things that tests make: frames, tones, rooms; and how they look at folders."""

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


def moment(n: int, seed: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Frames of bright spots that wander at random: each seed is another recorded moment."""
    rng = np.random.default_rng(seed)
    place = np.cumsum(rng.normal(0, 8, (n, 3, 2)), axis=0) + rng.uniform(0, 60, (1, 3, 2))
    base = rng.integers(40, 120, (6, 8, 3), dtype=np.uint8).repeat(height // 6, 0).repeat(width // 8, 1)
    out = []
    for spots in place:
        frame = base.copy()
        for y, x in spots:
            top, left = int(abs(y) % (height - 10)), int(abs(x) % (width - 10))
            frame[top : top + 10, left : left + 10] = 230
        out.append(frame)
    return out


def babble(seconds: float, seed: int) -> np.ndarray:
    """Sound whose loudness and pitch jump 16 times a second, other ones for each seed."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 16)
    pitch = np.cumsum(np.repeat(rng.uniform(0.05, 0.8, n), 1000))
    return (0.3 * np.repeat(rng.uniform(0, 1, n), 1000) * np.sin(pitch)).astype(np.float32)


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative name."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


KEY = bytes(range(32))


def answer_of_room(
    rt60_s: float, noise_db: float = -80.0, lead: int = 700, seconds: float = 2.0, seed: int = 0
) -> np.ndarray:
    """A direct sound, then noise that falls by 60 dB in `rt60_s`, over noise; its decay is what it was made with."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 16000)
    t = np.arange(n) / 16000
    out = 0.03 * rng.standard_normal(n) * 10 ** (-3 * t / rt60_s)
    out[0] = 1.0
    made = np.concatenate([np.zeros(lead), out])
    return np.float32(0.5 * made + 0.05 * 10 ** (noise_db / 20) * rng.standard_normal(len(made)))
