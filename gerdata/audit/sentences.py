"""Which sentence was it? One of a closed set, told by time warping of smoothed mel, with templates of other voices.

The templates are released sounds, protected the same way, so the attacker has adapted to the transform. The length of a
sound alone, which every transform keeps, is an attack of its own; the stronger of both is the answer. Dynamic time warping:
Sakoe and Chiba 1978.
"""

import librosa
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist

from gerdata.audit.linear import Features, Labels
from gerdata.audit.statistics import named_right
from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.store.audits import Figure, Status, Verdict

PART, ATTACKER = "sentences", "nearest neighbour by time warping of smoothed mel, templates of other voices"
BANDS, HOP, SMOOTH = 20, 640, 1.0  # 25 frames a second; smoothed by 40 ms
LEAST_SENTENCES, LEAST_VOICES = 10, 20
MOST_OF_CHANCE = 2.0  # the upper bound of a pass, in multiples of chance
LEAST_CLEAR = 0.5  # the lower bound on clear sounds, below which the attacker hears too little to be believed


def shape_of(audio: Audio) -> Features:
    """`[T, 20]`: log mel at 25 frames a second, smoothed, each band of mean 0; zeros of silence."""
    mel = librosa.feature.melspectrogram(
        y=np.pad(audio, (0, max(0, 2 * HOP - len(audio)))),
        sr=SAMPLE_RATE_HZ,
        n_fft=2 * HOP,
        hop_length=HOP,
        n_mels=BANDS,
    )
    smooth = gaussian_filter1d(np.log10(mel.T + 1e-6), SMOOTH, axis=0)
    return np.asarray(smooth - smooth.mean(axis=0), np.float64)


def sentences(clear: list[Features], released: list[Features], sentence: Labels, voice: Labels, seed: int) -> Verdict:
    """The verdict on `N` sounds given by their shapes; `sentence, voice: [N]`. Sounds whose sentence nobody else says are left
    out; bounds by voices."""
    use = np.array(
        [bool(((sentence == s) & (voice != v)).any()) for s, v in zip(sentence, voice, strict=True)], np.bool_
    )
    at = np.flatnonzero(use)
    sentence, voice = sentence[use], voice[use]
    n, voices = len(np.unique(sentence)), len(np.unique(voice))
    if n < 2:
        return Verdict(PART, "skipped", f"{n} sentences that two voices say", ATTACKER)
    rng = rng_for(seed, "audit", PART)
    lengths = np.array([[len(released[i])] for i in at], np.float64)
    away = {
        "clear": _warped([clear[i] for i in at]),
        "released": _warped([released[i] for i in at]),
        "length alone": np.abs(lengths - lengths.T),
    }
    figures = []
    for name, matrix in away.items():
        told = _told(matrix + rng.uniform(0, 1e-9, matrix.shape), sentence, voice)  # ties are drawn by lot
        figures.append(named_right(name, told, sentence, rng, voice))
    status, why = _judged({one.name: one for one in figures}, n, voices)
    return Verdict(PART, status, why, ATTACKER, tuple(figures))


def _warped(shapes: list[Features]) -> npt.NDArray[np.float64]:
    """`[N, N]` distances a step of the best warping of each pair."""
    from librosa.sequence import dtw  # compiles at import, a second

    out = np.zeros((len(shapes), len(shapes)))
    for i, one in enumerate(shapes):
        for j in range(i):
            cost = cdist(one, shapes[j])
            out[i, j] = out[j, i] = float(dtw(C=cost, backtrack=False)[-1, -1]) / sum(cost.shape)
    return out


def _told(away: npt.NDArray[np.float64], sentence: Labels, voice: Labels) -> Labels:
    """`[N]`: the sentence of the nearest sound of another voice."""
    other = np.where(voice[:, None] != voice[None], away, np.inf)
    return np.asarray(sentence[other.argmin(axis=1)], np.int64)


def _judged(figures: dict[str, Figure], n: int, voices: int) -> tuple[Status, str]:
    one, chance = max(figures["released"], figures["length alone"], key=lambda told: told.high), 1 / n
    told = f"{one.name}: {one.value:.3f} [{one.low:.3f}, {one.high:.3f}] of {n} sentences, chance {chance:.3f}"
    if n < LEAST_SENTENCES or voices < LEAST_VOICES:
        needed = f"{LEAST_SENTENCES} sentences of {LEAST_VOICES} voices are needed"
        return "underpowered", f"{told}; {n} of {voices} voices, {needed}"
    if figures["clear"].low < LEAST_CLEAR:
        return "void", "the attacker does not tell sentences apart in clear sounds"
    if one.low > MOST_OF_CHANCE * chance:
        return "failed", told
    if one.high <= MOST_OF_CHANCE * chance:
        return "passed", told
    return "underpowered", f"{told}; the interval holds both sides of {MOST_OF_CHANCE:.0f} x chance"
