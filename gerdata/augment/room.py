"""The echo of a box-shaped room, by the image source method (Allen and Berkley, J. Acoust. Soc. Am. 65, 1979)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from gerdata.clip import SAMPLE_RATE_HZ

SOUND_M_S = 343.0  # in air of 20 degrees
MAX_S = 0.5  # of echo that is rendered; by then the rooms that are drawn have lost over 20 dB
_REACH = (
    10  # images in each direction along each axis, doubled rooms apart: 2 * 10 * 3 m is 0.17 s of the smallest room
)

Metres = Annotated[float, Field(ge=0.5, le=30)]
Share = Annotated[float, Field(ge=0.02, le=0.98)]


@dataclass(frozen=True)
class BoxRoom:
    """Sides in metres, source and microphone as shares of the sides, and the share of energy a wall takes."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    size_m: tuple[Metres, Metres, Metres]
    source: tuple[Share, Share, Share]
    microphone: tuple[Share, Share, Share]
    absorption: Annotated[float, Field(ge=0.05, le=1)]


def impulse_response(room: BoxRoom) -> npt.NDArray[np.float64]:
    """What the microphone hears of one click: `float64 [n]` at 16 kHz, the direct sound 1 at sample 0.

    Every wall returns sqrt(1 - absorption) of the pressure at all frequencies. Delays are whole samples.
    """
    size, microphone = np.array(room.size_m), np.array(room.microphone) * room.size_m
    source = np.array(room.source) * room.size_m
    turns = np.arange(-_REACH, _REACH + 1)
    # Along one axis the images stand at 2 k size + source after |2 k| walls, and at 2 k size - source after |2 k - 1|
    places = 2 * turns[:, None] * size + np.stack([source, -source])[:, None]  # [2, turns, 3]
    walls = np.abs(2 * turns[None] - np.array([0, 1])[:, None]).ravel()  # [2 * turns]
    offsets = (places - microphone).reshape(-1, 3)
    squared = [offsets[:, axis] ** 2 for axis in range(3)]
    distance = np.sqrt(squared[0][:, None, None] + squared[1][:, None] + squared[2])
    bounces = walls[:, None, None] + walls[:, None] + walls
    direct = max(float(np.linalg.norm(source - microphone)), 0.1)  # metres; nearer than that is no room any more
    delay = np.rint((distance - direct) / SOUND_M_S * SAMPLE_RATE_HZ).astype(np.int64).clip(0)
    heard = delay < round(MAX_S * SAMPLE_RATE_HZ)
    strength = np.sqrt(1 - room.absorption) ** bounces[heard] * direct / np.maximum(distance[heard], 0.1)
    return np.bincount(delay[heard], weights=strength).astype(np.float64)
