"""Sound as bytes: FLAC and WAV, 16 kHz mono PCM16, through libsndfile. Stable bytes, no metadata."""

import io

import numpy as np
import soundfile

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import DatasetError


def encode_flac(audio: Audio, mark: str = "") -> bytes:
    """`float32 [N]` in [-1, 1] to FLAC; N is at least 1, as FLAC has no form for nothing. A `mark` becomes its comment."""
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", SAMPLE_RATE_HZ, 1, format="FLAC", subtype="PCM_16") as file:
        if mark:
            file.comment = mark
        file.write(np.clip(audio, -1, 1))
    return out.getvalue()


def encode_wav(audio: Audio) -> bytes:
    """`float32 [N]` in [-1, 1] to WAV, for pages."""
    out = io.BytesIO()
    soundfile.write(out, np.clip(audio, -1, 1), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return out.getvalue()


def decode_audio(data: bytes, most: int | None = None) -> Audio:
    """FLAC or WAV bytes to `float32 [N]`; `DatasetError` where they are not 16 kHz mono, or hold over `most` samples."""
    try:
        wanted = -1 if most is None else most + 1
        audio, rate = soundfile.read(io.BytesIO(data), frames=wanted, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DatasetError(f"expected FLAC or WAV sound, came {len(data)} bytes ({error})") from None
    if rate != SAMPLE_RATE_HZ or audio.shape[1] != 1:
        raise DatasetError(f"expected sound at {SAMPLE_RATE_HZ} Hz mono, came {rate} Hz with {audio.shape[1]} channels")
    if most is not None and len(audio) > most:
        raise DatasetError(f"expected {most} samples of sound at most, came more")
    return np.ascontiguousarray(audio[:, 0])
