"""Where in the picture a sound comes from: two channels for clips that are watched. Samples stay mono.

An event of somebody seen goes to that person's side by the constant-power law (equal sums of squares at every place); somebody
unseen, and the bed, are in the middle.
"""

import numpy as np
import numpy.typing as npt

from gerdata.clip import Points
from gerdata.media.codec import round_trip
from gerdata.synth.hearing import Audible
from gerdata.synth.mixture import HEADROOM, Mixture
from gerdata.synth.vocal import Signal

WIDEST = 0.7  # of the way to one side: the picture is narrower than the room


def gains_of(place: float) -> tuple[float, float]:
    """Left and right of a place from 0 (the frame's left edge) to 1; both are 1 in the middle. Places outside are edges."""
    angle = (1 + WIDEST * (2 * min(1.0, max(0.0, place)) - 1)) * np.pi / 4
    return float(np.sqrt(2) * np.cos(angle)), float(np.sqrt(2) * np.sin(angle))


def places_of(heads: Points, frame_px: int) -> npt.NDArray[np.float64]:
    """Where everybody is on the average, `float64 [P]`, in shares of the frame's width, from `heads: float32 [T, P, 4]`; NaN
    for who is never in it."""
    middle = heads[..., [0, 2]].astype(np.float64).mean(2) / frame_px  # [T, P]
    there = np.isfinite(middle)
    count = there.sum(0)
    return np.where(count > 0, np.where(there, middle, 0).sum(0) / np.maximum(count, 1), np.nan)


def spread(plan: Audible, mixture: Mixture, places: npt.NDArray[np.float64]) -> Signal:
    """The mixture's parts in two channels, `float32 [2, N]`, within +-`HEADROOM`, through the plan's codec where it has one.

    `places: float64 [P]` as from `places_of`. Where everybody is in the middle both channels are the mono mixture.
    """
    out = np.stack([mixture.bed, mixture.bed])
    for event, stem in zip(plan.events, mixture.stems, strict=True):
        is_seen = 0 <= event.who < len(places) and np.isfinite(places[event.who])
        for channel, gain in enumerate(gains_of(places[event.who] if is_seen else 0.5)):
            out[channel] += np.float32(gain) * stem
    out *= np.float32(min(1.0, HEADROOM / max(float(np.abs(out).max(initial=0.0)), HEADROOM)))
    if plan.bed.codec:
        out = np.stack([round_trip(channel, plan.bed.codec) for channel in out])
    return np.clip(out, -HEADROOM, HEADROOM).astype(np.float32)
