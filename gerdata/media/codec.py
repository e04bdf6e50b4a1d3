"""A round trip through a lossy codec: what a telephone or a web player leaves of a sound."""

import io

import av
import numpy as np

from gerdata.clip import SAMPLE_RATE_HZ, Audio

CODECS = {"mp3": ("libmp3lame", "mp3", 32_000), "opus": ("libopus", "ogg", 16_000)}  # encoder, container, bits a second


def round_trip(audio: Audio, codec: str) -> Audio:
    """`float32 [N]` at 16 kHz mono, encoded at 32 kbit/s (mp3) or 16 kbit/s (opus) and decoded again, as long and in time.

    The delay of encoder and decoder is found by the best match within 0.2 s and taken out. `KeyError` for another codec.
    """
    encoder, container, bits_s = CODECS[codec]
    data = io.BytesIO()
    with av.open(data, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = bits_s
        frame = av.AudioFrame.from_ndarray(audio[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, 0
        for some in (frame, None):
            out.mux(stream.encode(some))
    data.seek(0)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(data, "r", format=container) as source:
        frames = [out for frame in source.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    back = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return _in_time(back, audio)


def _in_time(back: Audio, audio: Audio) -> Audio:
    """The decoded sound moved to where it was, as long as it was."""
    size = 1 << (len(back) + len(audio) - 1).bit_length()
    match = np.fft.irfft(np.fft.rfft(back, size) * np.conj(np.fft.rfft(audio, size)), size)
    lags = np.arange(-SAMPLE_RATE_HZ // 5, SAMPLE_RATE_HZ // 5)
    lag = int(lags[np.argmax(match[lags])])
    moved = back[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, np.float32), back])
    return np.asarray(np.pad(moved, (0, max(0, len(audio) - len(moved))))[: len(audio)], np.float32)
