"""Log-mel spectrograms of audio segments, in torch.

The same numbers as librosa's `melspectrogram` (power 2, Slaney scale and norm, centred, zero padded) and `power_to_db`
(reference 1, floor 1e-10, no top), to within 1e-3 dB on noise; librosa is only the oracle of the tests.
"""

import functools
import math

import torch
from torch import Tensor

from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import RecipeError

WINDOW = 1024  # samples of one Hann window: 64 ms, resolves the lowest of 128 mel bands
HOP = 320  # samples: 20 ms, several columns for each burst of laughter (about 5 a second)
SILENCE_DB = -100.0  # the floor of the spectrogram


@functools.cache
def mel_filterbank(mels: int) -> Tensor:
    """Triangles of equal area on Slaney's mel scale, 0 to 8 kHz: float32 [mels, WINDOW // 2 + 1].

    Slaney, Auditory Toolbox (1998): linear below 1 kHz (15 mel), logarithmic above (27 mel per factor 6.4).
    """
    nyquist_hz = SAMPLE_RATE_HZ / 2
    top_mel = 15 + 27 * math.log(nyquist_hz / 1000) / math.log(6.4)
    mel = torch.linspace(0, top_mel, mels + 2, dtype=torch.float64)
    edges_hz = torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))  # [mels + 2]
    bins_hz = torch.linspace(0, nyquist_hz, WINDOW // 2 + 1, dtype=torch.float64)  # [bins]
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    bank = torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)  # [mels, bins]
    return bank.to(torch.float32)


def log_mel(audio: Tensor, mels: int, hop: int = HOP) -> Tensor:
    """Mel power in dB of `audio: float32 [S, N]` at 16 kHz: float32 [S, mels, 1 + N // hop]. Silence is `SILENCE_DB`."""
    spectrum = torch.stft(
        audio, WINDOW, hop, window=torch.hann_window(WINDOW), center=True, pad_mode="constant", return_complex=True
    )  # [S, bins, columns]
    power = mel_filterbank(mels) @ spectrum.abs().square()  # [S, mels, columns]
    return 10 * torch.log10(power.clamp(min=10 ** (SILENCE_DB / 10)))


def cut_segments(audio: Tensor, segments: int, segment_s: float) -> Tensor:
    """One window of `segment_s` in the middle of each of `segments` equal stretches: [N] -> [segments, samples].

    A 5 s clip in 5 segments of 1 s is cut without gap or overlap, as in the papers; a longer clip is sampled evenly, a
    shorter one overlaps. What lies outside the clip is silence.
    """
    samples = round(segment_s * SAMPLE_RATE_HZ)
    centres = (torch.arange(segments, dtype=torch.float64) + 0.5) / segments * len(audio)
    starts = torch.round(centres - samples / 2).to(torch.int64)  # [S]
    index = starts[:, None] + torch.arange(samples)  # [S, samples]
    inside = (index >= 0) & (index < len(audio))
    padded = torch.cat([audio, audio.new_zeros(1)])  # the last entry stands for everything outside
    return padded[torch.where(inside, index, len(audio))]


def segment_columns(segment_s: float, hop: int = HOP) -> int:
    """How many columns the spectrogram of one segment has."""
    return 1 + round(segment_s * SAMPLE_RATE_HZ) // hop


def check_segment(mels: int, segment_s: float, least: int, hop: int = HOP) -> None:
    """`RecipeError` where a segment's spectrogram is smaller than `least` x `least`, what a CNN can still pool.

    The papers' CNN (four blocks of three unpadded 3x3 convolutions and a pooling) needs 106 x 106.
    """
    columns = segment_columns(segment_s, hop)
    if min(mels, columns) < least:
        raise RecipeError(
            f"an audio segment of {segment_s} s has {mels} mels x {columns} columns, the audio network needs at least "
            f"{least} x {least}; raise mels or segment_s, or lower hop (now {hop} samples)"
        )
