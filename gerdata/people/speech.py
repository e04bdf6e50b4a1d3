"""Speech in sound: silero VAD (Silero Team 2021, version 6) through onnxruntime, one probability for each 32 ms."""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.people.graphs import session
from gerdata.people.weights import load

BLOCK, CONTEXT = 512, 64  # samples looked at in one step, and how many of those before it are seen again
THRESHOLD = 0.5  # probability from which a block is speech; the model's own default


def speech_probability(audio: Audio) -> npt.NDArray[np.float32]:
    """`float32 [N]` at 16 kHz in [-1, 1] to `float32 [ceil(N / 512)]` in [0, 1]; a last short block is filled with silence.

    Values that are not finite count as silence. No sound gives an empty array. Raises `MissingError` where the weights or
    onnxruntime are not installed, `ValueError` for another shape or type.
    """
    if audio.ndim != 1 or audio.dtype != np.float32:
        raise ValueError(f"expected float32 [N], came {audio.dtype} {audio.shape}")
    model, n = _model(), -(-len(audio) // BLOCK)
    padded = np.zeros(CONTEXT + n * BLOCK, np.float32)
    padded[CONTEXT : CONTEXT + len(audio)] = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(SAMPLE_RATE_HZ, np.int64)
    out = np.zeros(n, np.float32)
    for i in range(n):
        seen = padded[None, i * BLOCK : (i + 1) * BLOCK + CONTEXT]
        probability, state = model.run(("output", "stateN"), {"input": seen, "state": state, "sr": rate})
        out[i] = probability[0, 0]
    return out


def speech_share(audio: Audio) -> float:
    """The share of 32-ms blocks of `float32 [N]` that are speech, in [0, 1]; 0 for no sound. Errors as above."""
    probability = speech_probability(audio)
    return float(np.mean(probability >= THRESHOLD)) if len(probability) else 0.0


@functools.cache
def _model() -> Any:
    """The loaded model, once a process: loading takes as long as minutes of sound. It keeps no state between runs."""
    return session(load("silero-vad"))
