"""Bars over a spectrogram: SpecAugment (Park et al., arXiv 1904.08779) without its time warp, which gained them little."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

CLOSED = ConfigDict(extra="forbid")
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class TimeMask:
    """All bands, from `start` for `width`, both shares of the clip's columns."""

    __pydantic_config__ = CLOSED
    start: Share
    width: Share
    op: Literal["time_mask"] = "time_mask"


@dataclass(frozen=True)
class BandMask:
    """All columns, from band `start` for `width`, both shares of the mel bands, the lowest first."""

    __pydantic_config__ = CLOSED
    start: Share
    width: Share
    op: Literal["band_mask"] = "band_mask"


MASK_OPS = (TimeMask, BandMask)
MaskOp = Annotated[TimeMask | BandMask, Field(discriminator="op")]


def mask_features(features: npt.NDArray[np.float32], masks: tuple[TimeMask | BandMask, ...]) -> npt.NDArray[np.float32]:
    """A copy of `float32 [S, mels, columns]`, S segments one after the other, with the masks filled.

    The fill is the mean of what was there: the paper sets zero in features of mean zero.
    """
    masked, fill = features.copy(), features.mean() if features.size else np.float32(0)
    segments, mels, columns = features.shape
    in_a_row = masked.transpose(0, 2, 1).reshape(segments * columns, mels)  # a copy
    for mask in masks:
        length = mels if isinstance(mask, BandMask) else segments * columns
        start, stop = round(mask.start * length), round((mask.start + mask.width) * length)
        if isinstance(mask, BandMask):
            in_a_row[:, start:stop] = fill
        else:
            in_a_row[start:stop] = fill
    return np.ascontiguousarray(in_a_row.reshape(segments, columns, mels).transpose(0, 2, 1))
