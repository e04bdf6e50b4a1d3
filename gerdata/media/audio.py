"""Sound as bytes: FLAC and WAV, 16 kHz mono PCM16, through libsndfile. Stable bytes, no metadata."""

import contextlib
import io
import struct
from collections.abc import Iterator

import numpy as np
import soundfile

from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.errors import DatasetError

CHUNKS = 16  # of a WAV, up to its sound


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


def decode_audio(data: bytes, most: int | None = None) -> Audio:
    """FLAC or WAV bytes to `float32 [N]`; `DatasetError` where they are not 16 kHz mono, or hold over `most` samples."""
    with _translated(data):
        wanted = -1 if most is None else most + 1
        audio, rate = soundfile.read(io.BytesIO(data), frames=wanted, dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE_HZ or audio.shape[1] != 1:
        raise DatasetError(f"expected sound at {SAMPLE_RATE_HZ} Hz mono, came {rate} Hz with {audio.shape[1]} channels")
    if most is not None and len(audio) > most:
        raise DatasetError(f"expected {most} samples of sound at most, came more")
    return np.ascontiguousarray(audio[:, 0])


@contextlib.contextmanager
def _translated(data: bytes) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise DatasetError(f"expected FLAC or WAV sound, came {len(data)} bytes ({error.error_string})") from None


def decode_audio_into(data: bytes | memoryview, audio: Audio) -> int:
    """FLAC or WAV bytes into `audio: float32 [N]`: cut at N, zeros after the end. Returns how many samples the sound has.

    `DatasetError` for what is not 16 kHz mono, or has fewer samples than it says.
    """
    whole = _plain_pcm16(data)
    if whole is not None:
        n = min(len(whole), len(audio))
        np.multiply(whole[:n], np.float32(1 / 32768), out=audio[:n], casting="unsafe")
        audio[n:] = 0
        return len(whole)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.samplerate != SAMPLE_RATE_HZ or file.channels != 1:
                came = f"{file.samplerate} Hz with {file.channels} channels"
                raise DatasetError(f"expected sound at {SAMPLE_RATE_HZ} Hz mono, came {came}")
            n, length = min(file.frames, len(audio)), int(file.frames)
            read = len(file.read(n, "float32", out=audio[:n])) if n else 0
    except soundfile.LibsndfileError as error:
        raise DatasetError(f"expected FLAC or WAV sound, came {len(data)} bytes ({error})") from None
    if read != n:
        raise DatasetError(f"expected {n} samples of sound, came {read}; the sound is cut short")
    audio[n:] = 0
    return length


def _plain_pcm16(data: bytes | memoryview) -> np.ndarray[tuple[int], np.dtype[np.int16]] | None:
    """The samples of a 16 kHz mono PCM16 WAV as they lie; None for all else.

    Three times as fast as libsndfile, whose reads go through Python.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    at, is_ours = 12, False
    for _ in range(CHUNKS):
        if at + 8 > len(data):
            return None
        name, length = struct.unpack("<4sI", data[at : at + 8])
        at += 8
        if name == b"data":
            break
        if name == b"fmt " and at + 16 <= len(data):
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", data[at : at + 16])
            is_ours = (kind, channels, rate, bits) == (1, 1, SAMPLE_RATE_HZ, 16)
        at += length + length % 2
    else:
        return None
    if not is_ours or length % 2:
        return None
    if length > len(data) - at:  # libsndfile would take what is there
        raise DatasetError(f"expected {length} bytes of sound, came {len(data) - at}; the sound is cut short")
    return np.frombuffer(data, "<i2", length // 2, at)
