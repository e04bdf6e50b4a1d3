"""Sound as bytes: FLAC and WAV, 16 kHz mono PCM16, through libsndfile. Stable bytes, no metadata."""

import contextlib
import io
from collections.abc import Iterator

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


def wav_of_flac(data: bytes, mark: str = "") -> bytes:
    """A FLAC sound as WAV, sample for sample, with its `mark` as comment; `DatasetError` where it is none."""
    with _translated(data), soundfile.SoundFile(io.BytesIO(data)) as file:
        samples, rate = file.read(dtype="int16"), file.samplerate
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", rate, 1, format="WAV", subtype="PCM_16") as file:
        file.write(samples)
        if mark:
            file.comment = (
                mark  # now, so that it lies behind the samples, which then begin at byte 44 as in any plain WAV
            )
    return out.getvalue()


def decode_audio(data: bytes) -> Audio:
    """FLAC or WAV bytes to `float32 [N]`; `DatasetError` where they are not 16 kHz mono."""
    with _translated(data):
        audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE_HZ or audio.shape[1] != 1:
        raise DatasetError(f"expected sound at {SAMPLE_RATE_HZ} Hz mono, came {rate} Hz with {audio.shape[1]} channels")
    return np.ascontiguousarray(audio[:, 0])


@contextlib.contextmanager
def _translated(data: bytes) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise DatasetError(f"expected FLAC or WAV sound, came {len(data)} bytes ({error.error_string})") from None
