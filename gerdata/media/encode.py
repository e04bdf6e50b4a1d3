"""Writing a video file: used to make clips that never lived, for a first try of the whole chain."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames

X264 = {"crf": "20", "preset": "veryfast", "x264-params": "no-mbtree=1"}  # with mbtree, bytes differ from run to run


def write_clip(path: Path, frames: Iterable[Frames], fps: int, audio: Audio, comment: str = "") -> None:
    """An MP4 of `uint8 [H, W, 3]` frames (even sizes) at `fps` with 16-kHz sound: `float32 [N]`, or left and right `[2, N]`; a
    comment, if any, is the file's."""
    layout, channels = ("mono", audio[None]) if audio.ndim == 1 else ("stereo", audio)
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        if comment:
            container.metadata["comment"] = comment
        video = None
        sound = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout=layout)
        for number, frame in enumerate(frames):
            if video is None:
                video = container.add_stream("libx264", rate=fps, options=X264)
                video.height, video.width = frame.shape[:2]
                video.pix_fmt = "yuv420p"
                video.codec_context.thread_count = 1
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(video.encode(picture))
        if video is not None:
            container.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE_HZ, 0, Fraction(1, SAMPLE_RATE_HZ)
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
