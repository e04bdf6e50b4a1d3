"""Measures of one clip: brightness, black, frozen, sharp; loudness, clipping, silence; cuts. Pure functions of arrays.

Exact values stay in private rows: they would find the source. What may be published is `binned`.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames, Quality

Grey = npt.NDArray[np.uint8]

BLACK_LEVEL = 25  # a pixel up to a tenth of the range is black, as in libav's blackdetect (pixel_black_th 0.10)
BLACK_PIXELS = 0.98  # a picture of which this share is black is black (blackdetect: picture_black_ratio_th)
FROZEN_STEP = (
    0.255  # grey levels of mean absolute difference, -60 dB of the range, as in libav's freezedetect (noise 0.001)
)
SHARP_HEIGHT_PX = 360
FLAT_LOG2 = -4.0  # the sharpness of a picture without any edge; the variance is never taken for less than 2^-4
CLIPPED_LEVEL, CLIPPED_RUN = 0.999, 3  # three samples in a row at full scale: a single one may be a true peak
BLOCK_S = 0.1
SILENT_RMS = 10 ** (-60 / 20)  # -60 dBFS
LOUDNESS_BLOCK_S = 0.4  # gating block of ITU-R BS.1770-4; shorter sound has no integrated loudness
ABSOLUTE_GATE_LUFS = -70.0  # of BS.1770-4; what is all below it has no loudness
LOUDNESS_STEP_LU = 3
CUT_THRESHOLD = 10.0  # per cent of the range, scdet's default; its documentation calls 8 to 14 good
CUT_WIDTH_PX, CUT_HEIGHT_PX = 128, 72


@dataclass(frozen=True)
class PictureMeasures:
    """Of one clip's pictures; None where nothing was given. Shares and `brightness` in [0, 1]; `sharpness` is a logarithm
    to base 2, about 4 for soft and 11 for crisp pictures, -4 for none."""

    brightness: float | None = None
    black_share: float | None = None
    frozen_share: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True)
class SoundMeasures:
    """Of one clip's sound; None where there was none, and `loudness_lufs` also for silence and less than 0.4 s."""

    loudness_lufs: float | None = None
    clipped_share: float | None = None
    silent_share: float | None = None


def picture_measures(grey: Grey, sharp: Sequence[Frames]) -> PictureMeasures:
    """`grey: uint8 [K, 36, 48]`, glances at 8 per second; `sharp`: some whole frames, `uint8 [H, W, 3]` RGB.

    `brightness` is the mean of grey, full range. `black_share`: glances of which 98 % of the pixels are at most a tenth of
    the range. `frozen_share`: glances that equal the one before, of the K - 1 that have one; None for K < 2. `sharpness`:
    the median over frames of log2 of the variance of the Laplacian (Pech-Pacheco et al. 2000) of luma at 360 px of height.
    """
    sharpness = float(np.median([_sharpness(frame) for frame in sharp])) if len(sharp) else None
    if not len(grey):
        return PictureMeasures(sharpness=sharpness)
    black = np.mean(grey <= BLACK_LEVEL, axis=(1, 2)) >= BLACK_PIXELS
    steps = np.mean(np.abs(np.diff(grey.astype(np.int16), axis=0)), axis=(1, 2))
    return PictureMeasures(
        brightness=float(np.mean(grey) / 255),
        black_share=float(np.mean(black)),
        frozen_share=float(np.mean(steps < FROZEN_STEP)) if len(steps) else None,
        sharpness=sharpness,
    )


def _sharpness(frame: Frames) -> float:
    height, width = frame.shape[:2]
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    if height != SHARP_HEIGHT_PX:
        size = (max(1, round(width * SHARP_HEIGHT_PX / height)), SHARP_HEIGHT_PX)
        luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA if height > SHARP_HEIGHT_PX else cv2.INTER_LINEAR)
    return math.log2(max(float(cv2.Laplacian(luma, cv2.CV_32F).var()), 2**FLAT_LOG2))


def sound_measures(audio: Audio | None) -> SoundMeasures:
    """`float32 [N]`, 16 kHz mono in [-1, 1], or None. Values that are not finite count as silence.

    `loudness_lufs` is the integrated loudness of ITU-R BS.1770-4 (one channel, so a 997-Hz sine at full scale is -3.01);
    what lies above 8 kHz is not in it. `clipped_share`: samples of at least 0.999 in runs of three or more. `silent_share`:
    blocks of 0.1 s below -60 dBFS RMS; a last short block counts as one.
    """
    if audio is None or not len(audio):
        return SoundMeasures()
    audio = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
    return SoundMeasures(_loudness(audio), _clipped_share(audio), _silent_share(audio))


def _clipped_share(audio: Audio) -> float:
    full = np.abs(audio) >= CLIPPED_LEVEL
    turns = np.flatnonzero(np.diff(full, prepend=False, append=False))
    runs = turns[1::2] - turns[::2]
    return float(runs[runs >= CLIPPED_RUN].sum() / len(audio))


def _silent_share(audio: Audio) -> float:
    starts = np.arange(0, len(audio), round(BLOCK_S * SAMPLE_RATE_HZ))
    energy = np.add.reduceat(np.square(audio, dtype=np.float64), starts)
    sizes = np.diff(starts, append=len(audio))
    return float(np.mean(np.sqrt(energy / sizes) < SILENT_RMS))


def _loudness(audio: Audio) -> float | None:
    if len(audio) < LOUDNESS_BLOCK_S * SAMPLE_RATE_HZ:
        return None
    clock, block = Fraction(1, SAMPLE_RATE_HZ), round(BLOCK_S * SAMPLE_RATE_HZ)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE_HZ, format="flt", layout="mono", time_base=clock)
    graph.link_nodes(source, graph.add("ebur128", "metadata=1"), graph.add("abuffersink")).configure()
    told = None
    for at in range(0, len(audio) - block + 1, block):  # a last short block tells nothing new: the meter steps by 0.1 s
        frame = av.AudioFrame.from_ndarray(audio[None, at : at + block], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, at, clock
        source.push(frame)
        for out in _pulled(graph):
            told = out.metadata.get("lavfi.r128.I", told)
    lufs = float(told) if told is not None else -math.inf
    return lufs if math.isfinite(lufs) and lufs > ABSOLUTE_GATE_LUFS else None


class CutFinder:
    """Finds cuts in a stream of decoded pictures with libav's `scdet`, in constant memory.

    A cut is where the mean absolute difference of luma to the picture before is at least 10 % of the range, and differs by
    as much from the difference before it: so a fade, a pan or steady noise is none, and a flash is one. Pictures are made
    128x72 grey first, whatever their size and format, which may change along the way; the cut over such a change is found.
    """

    def __init__(self) -> None:
        self._graph: Any = None
        self._times: deque[float] = deque()
        self._n = 0
        self._reformatter = av.video.reformatter.VideoReformatter()

    def push(self, picture: Any, time_s: float) -> list[float]:
        """Feed an `av.VideoFrame` in order of presentation; times of the cuts known by now, each that of the first picture
        of a new scene. `time_s` need not grow: it only names the picture."""
        grey = self._reformatter.reformat(picture, width=CUT_WIDTH_PX, height=CUT_HEIGHT_PX, format="gray")
        if grey is picture:  # libav returns a picture that needs no change as it is, and its pts is the caller's
            grey = av.VideoFrame.from_ndarray(picture.to_ndarray(), format="gray")
        grey.pts, grey.time_base = self._n, Fraction(1, 1000)
        self._n += 1
        if self._graph is None:
            self._graph = av.filter.Graph()
            source = self._graph.add_buffer(
                width=CUT_WIDTH_PX, height=CUT_HEIGHT_PX, format=grey.format, time_base=grey.time_base
            )
            detector = self._graph.add("scdet", f"threshold={CUT_THRESHOLD}")
            self._graph.link_nodes(source, detector, self._graph.add("buffersink")).configure()
        self._times.append(time_s)
        self._graph.push(grey)
        return self._drained()

    def close(self) -> list[float]:
        """The cuts not yet told. The next picture pushed begins a new stream."""
        if self._graph is None:
            return []
        self._graph.push(None)
        cuts = self._drained()
        self._graph = None
        self._times.clear()
        return cuts

    def _drained(self) -> list[float]:
        cuts = []
        for out in _pulled(self._graph):  # one out for one in, in order
            time_s = self._times.popleft()
            if "lavfi.scd.time" in out.metadata:
                cuts.append(time_s)
        return cuts


def scene_cuts(pictures: Iterable[tuple[Any, float]]) -> list[float]:
    """The times of all cuts in a stream of (`av.VideoFrame`, seconds), as `CutFinder` finds them."""
    finder = CutFinder()
    cuts = [time_s for picture, at_s in pictures for time_s in finder.push(picture, at_s)]
    return cuts + finder.close()


def _pulled(graph: Any) -> Iterable[Any]:
    """What a filter graph has ready."""
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):  # wants more; has ended
            return


def binned(**measures: float | None) -> Quality:
    """Measures, named as in `Quality`, made coarse enough to publish, as it documents. What is not given is None.

    None, and what is not finite, stays None. Binning what is binned changes nothing. Steps are rounded to the nearest,
    halves to the even one; `smallest_head_px` goes down to a power of two, so it is a promise: no head is smaller. Below
    1 it is None. `TypeError` for a name that `Quality` does not have.
    """
    for name in measures:
        if name not in _BINS:
            raise TypeError(f"binned: expected names of {', '.join(_BINS)}, came {name}")
    bins: dict[str, Any] = {
        name: _BINS[name](max(-_LARGEST, min(_LARGEST, value)))
        for name, value in measures.items()
        if value is not None and math.isfinite(value)
    }
    return Quality(**bins)


BOUNDS = (  # key of a recipe, the measure it bounds
    ("min_brightness", "brightness"),
    ("max_brightness", "brightness"),
    ("min_sharpness", "sharpness"),
    ("max_black_share", "black_share"),
    ("max_frozen_share", "frozen_share"),
    ("max_silent_share", "silent_share"),
    ("max_clipped_share", "clipped_share"),
    ("min_speech_share", "speech_share"),
    ("max_speech_share", "speech_share"),
    ("min_loudness_lufs", "loudness_lufs"),
)

_LARGEST = 1_000_000  # no measure comes near it; above some 1e308 a rounded one no longer fits a float


def _tenth(value: float) -> float:
    return round(value, 1)


def _loudness_step(value: float) -> int:
    return LOUDNESS_STEP_LU * round(value / LOUDNESS_STEP_LU)


def _power_of_two(value: float) -> int | None:
    return 1 << int(value).bit_length() - 1 if value >= 1 else None


_BINS: dict[str, Callable[[float], float | None]] = {
    "brightness": _tenth,
    "sharpness": round,
    "black_share": _tenth,
    "frozen_share": _tenth,
    "n_cuts": round,
    "loudness_lufs": _loudness_step,
    "clipped_share": _tenth,
    "silent_share": _tenth,
    "speech_share": _tenth,
    "smallest_head_px": _power_of_two,
}
