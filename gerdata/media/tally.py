"""What one pass over all packets of a source counted, and what follows from it: a verdict and flags."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gerdata.errors import RejectedInput
from gerdata.media.boxes import PICTURE_BRANDS
from gerdata.media.container import Probe
from gerdata.media.picture import bits_of, has_alpha, is_hdr

AV_SYNC_S = 0.02  # sound that begins this much off the picture is told as late or early
LENIENT_S = 0.25  # what rounding of a declared duration, or a last packet without one, may take away
EDITED_PACKETS = 3  # of sound that an edit list may cut at either end (2 of 207 in a real clip)
# Formats whose header declares a duration; others declare a count of frames, or only estimate a duration.
_DECLARES = {"matroska", "webm", "flv", "asf", "wav", "w64", "flac", "aiff"}


@dataclass
class Tally:
    """Counts of one pass. Times are those of the container, in seconds."""

    packets: int = 0
    discarded: int = 0
    frames: int = 0
    corrupt: int = 0
    corrupt_packets: int = 0
    joins: int = 0  # where time goes back: two recordings, one after the other
    first_s: float = np.inf
    latest_s: float = -np.inf
    end_s: float = -np.inf
    audio_packets: int = 0
    audio_first_s: float = np.inf
    audio_end_s: float = -np.inf
    audio_samples: int = 0
    audio_peak: float = 0.0
    audio_broken: int = 0
    audio_nans: int = 0
    audio_gaps: int = 0
    cut_short: bool = False
    seen: set[str] = field(default_factory=set)
    size: tuple[int, int] = (0, 0)

    def see(self, picture: Any, step_s: float) -> None:
        """Count one decoded picture; `step_s` is how long its packet says that it is shown."""
        self.frames += 1
        self.corrupt += picture.is_corrupt
        size = (picture.width, picture.height)
        told = {
            "interlaced": picture.interlaced_frame,
            "rotated": bool(picture.rotation),
            "hdr": is_hdr(picture),
            "deep-colour": bits_of(picture) > 8,
            "alpha": has_alpha(picture),
            "size-change": self.size not in ((0, 0), size),
            "odd-size": bool(size[0] % 2 or size[1] % 2),
            "negative-time": picture.time is not None and picture.time < 0,
        }
        self.seen.update(name for name, is_so in told.items() if is_so)
        self.size = size
        shown_s, duration = picture.time, picture.duration
        time_s = shown_s if shown_s is not None else max(0.0, self.end_s)
        own_s = float(duration * picture.time_base) if duration else step_s
        if math.isfinite(self.end_s):
            if time_s < self.latest_s:
                self.seen.add("out-of-order-time")
                self.joins += 1
            elif abs(time_s - self.end_s) > max(0.001, 0.5 * own_s):
                self.seen.add("uneven-frame-rate")
        self.first_s = min(self.first_s, time_s)
        self.latest_s = max(self.latest_s, time_s)
        self.end_s = max(self.end_s, time_s + own_s)


def judge(probe: Probe, tally: Tally, is_fast: bool = False) -> float:
    """The duration of a source that is what it declares; raises the verdict of one that is not."""
    if is_fast:  # frames are missing because they were not asked for
        tally.seen.discard("uneven-frame-rate")
        tally.frames = max(tally.frames, tally.packets) if tally.frames else 0
    _judge_sound(probe, tally)
    if probe.video_index is None:
        duration_s = tally.audio_end_s - tally.audio_first_s
        if tally.audio_samples == 0 or not np.isfinite(duration_s) or duration_s <= 0:
            raise RejectedInput("too-short" if tally.audio_packets == 0 else "undecodable", "no sound decodes")
    else:
        _judge_picture(probe, tally)
        duration_s = tally.end_s - tally.first_s
        if tally.frames == 1 and probe.audio_index is None and probe.brand in PICTURE_BRANDS:
            return 0.0
        if not np.isfinite(duration_s) or duration_s <= 0:
            raise RejectedInput("too-short", f"{tally.frames} frames")
    if probe.declared_duration_s and set(probe.format.split(",")) & _DECLARES:
        first_s = min(0.0, tally.first_s, tally.audio_first_s)
        missing_s = probe.declared_duration_s - (max(tally.end_s, tally.audio_end_s) - first_s)
        if missing_s > max(LENIENT_S, 0.02 * probe.declared_duration_s):
            raise RejectedInput("truncated", f"{missing_s:.1f} of {probe.declared_duration_s:.1f} s missing")
    return float(duration_s)


def _judge_picture(probe: Probe, tally: Tally) -> None:
    counted = f"{tally.frames} of {max(probe.declared_frames, tally.packets)} frames"
    lacks_frames = probe.declared_frames > tally.packets + tally.discarded
    if (
        lacks_frames and probe.format == "avi" and probe.declared_duration_s
    ):  # it declares frames that were dropped, too
        lacks_frames = probe.declared_duration_s - tally.end_s > LENIENT_S
    if lacks_frames or tally.cut_short or probe.is_cut:
        raise RejectedInput("truncated", counted)
    damaged = tally.corrupt + max(0, tally.corrupt_packets - tally.joins)  # at a join, packets miss their counter
    if damaged:
        raise RejectedInput("undecodable", f"{damaged} damaged of {max(tally.frames, tally.packets)} frames")
    if tally.frames == 0:
        raise RejectedInput("undecodable", counted)
    fields = 2 if "interlaced" in tally.seen else 1  # a field may be a packet of its own
    if tally.frames * fields < 0.95 * tally.packets - 1:
        raise RejectedInput("undecodable", counted)


def _judge_sound(probe: Probe, tally: Tally) -> None:
    if probe.audio_index is None:
        return
    if probe.video_index is None and (tally.cut_short or probe.is_cut):
        raise RejectedInput("truncated", f"{tally.audio_packets} sound packets")
    lost = probe.declared_audio_packets - tally.audio_packets
    if lost > max(EDITED_PACKETS, 0.02 * probe.declared_audio_packets):
        raise RejectedInput("truncated", f"{tally.audio_packets} of {probe.declared_audio_packets} sound packets")
    if tally.audio_broken and (probe.video_index is None or tally.audio_broken > 0.05 * tally.audio_packets + 1):
        raise RejectedInput("undecodable", f"{tally.audio_broken} damaged of {tally.audio_packets} sound packets")


def flags_of(probe: Probe, tally: Tally, aspect: float, is_silent: bool) -> set[str]:
    """What is out of the ordinary in a source that is taken."""
    has_both = probe.video_index is not None and probe.audio_index is not None and np.isfinite(tally.audio_first_s)
    lag_s = tally.audio_first_s - tally.first_s if has_both else 0.0
    told = {
        "still-image": tally.frames == 1 and probe.audio_index is None and probe.brand in PICTURE_BRANDS,
        "animated-image": probe.format == "gif",
        "no-video": probe.video_index is None,
        "no-audio": probe.audio_index is None,
        "silent-audio": probe.audio_index is not None and is_silent,
        "damaged-audio": tally.audio_broken > 0,
        "nan-audio": tally.audio_nans > 0,
        "extra-video-streams": probe.n_video > 1,
        "extra-audio-streams": probe.n_audio > 1,
        "cover-art": probe.n_covers > 0,
        "other-streams": probe.n_other > 0,
        "non-square-pixels": aspect != 1.0,
        "late-start": probe.video_index is not None and tally.first_s > LENIENT_S,
        "edit-list": tally.discarded > 0,
        "late-audio": lag_s > AV_SYNC_S,
        "early-audio": lag_s < -AV_SYNC_S,
        "short-audio": has_both and tally.audio_end_s < tally.end_s - LENIENT_S,
        "audio-gaps": tally.audio_gaps > 0,
    }
    return {name for name, is_so in told.items() if is_so} | tally.seen
