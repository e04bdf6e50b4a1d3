"""Sound as bytes: FLAC and WAV, 16 kHz mono PCM16, through libsndfile. Stable bytes, no metadata."""

import io
import struct

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


def decode_audio(data: bytes) -> Audio:
    """FLAC or WAV bytes to `float32 [N]`; `DatasetError` where they are not 16 kHz mono."""
    try:
        audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DatasetError(f"expected FLAC or WAV sound, came {len(data)} bytes ({error})") from None
    if rate != SAMPLE_RATE_HZ or audio.shape[1] != 1:
        raise DatasetError(f"expected sound at {SAMPLE_RATE_HZ} Hz mono, came {rate} Hz with {audio.shape[1]} channels")
    return np.ascontiguousarray(audio[:, 0])


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
    """The samples of a WAV in its simplest form (one `fmt ` of 16 bytes, then `data` to the end), as they lie; else None.

    Three times as fast as libsndfile, whose reads go through Python.
    """
    if len(data) < 44 or data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt " or data[36:40] != b"data":
        return None
    size, kind, channels, rate, _, _, bits = struct.unpack("<IHHIIHH", data[16:36])
    (length,) = struct.unpack("<I", data[40:44])
    if (size, kind, channels, rate, bits) != (16, 1, 1, SAMPLE_RATE_HZ, 16) or length % 2:
        return None
    if length > len(data) - 44:  # libsndfile would take what is there
        raise DatasetError(f"expected {length} bytes of sound, came {len(data) - 44}; the sound is cut short")
    if length < len(data) - 44:
        return None
    return np.frombuffer(data, "<i2", offset=44)
