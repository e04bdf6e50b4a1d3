"""Which original is it? Every released sample looks for its source among the clear originals, by picture, sound or row.

Expected to be high wherever the scene is kept; it is reported, not judged, so that nobody can overlook it.
"""

import itertools

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.audit.statistics import rate
from gerdata.clip import SAMPLE_RATE_HZ, Audio, Clip, Frames
from gerdata.store.audits import Verdict

Floats = npt.NDArray[np.float64]
SIDE, SECONDS = 16, 16  # of a picture, in pixels; of an envelope, in parts of the clip
ATTACKER = "nearest neighbour"


def picture_of(frames: Frames) -> Floats:
    """`[256]`: the mean of the kept frames, grey, 16x16, of mean 0 and length 1."""
    small = (
        np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames])
        .mean(axis=(0, 3))
        .ravel()
    )
    return _unit(small)


def envelope_of(audio: Audio) -> Floats:
    """`[16]`: the logarithm of the energy of sixteenths of the sound, of mean 0 and length 1; zeros for silence."""
    edges = np.linspace(0, len(audio), SECONDS + 1).astype(int)
    power = np.array([float(np.mean(audio[a:b] ** 2)) if b > a else 0.0 for a, b in itertools.pairwise(edges)])
    return _unit(np.log(power + 1e-8))


def row_of(clip: Clip, audio: Audio) -> Floats:
    """`[3]`: what the row tells: duration, whether there is sound, and the count of samples."""
    return np.array([clip.duration_s, float(clip.has_audio), len(audio) / SAMPLE_RATE_HZ])


def _unit(x: Floats) -> Floats:
    flat = np.asarray(x, np.float64) - x.mean()
    length = float(np.linalg.norm(flat))
    return flat / length if length > 1e-9 else np.zeros_like(flat)


def linkage(what: str, released: Floats, clear: Floats, to: str = "source linkage") -> Verdict:
    """How often sample i of `released: [N, D]` is nearest to original i of `clear: [N, D]`; ties are drawn by lot on average.

    Originals that look the same (segments of a still) count as one only by chance, so the figure is a lower one.
    """
    part = f"{to} by {what}"
    if len(released) < 2:
        return Verdict(part, "skipped", "fewer than two clips with their originals", ATTACKER)
    away = ((released[:, None] - clear[None]) ** 2).sum(axis=2)
    best = away.min(axis=1, keepdims=True)
    tied = away <= best + 1e-12
    hits = tied[np.arange(len(tied)), np.arange(len(tied))] / tied.sum(axis=1)
    n = len(released)
    figure = rate("top-1", round(float(hits.sum())), n, 1 / n)
    return Verdict(part, "reported", f"{figure.value:.3f} of {n}, chance {1 / n:.3f}", ATTACKER, (figure,))
