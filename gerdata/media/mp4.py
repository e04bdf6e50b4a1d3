"""Kept frames as one silent MP4 and back: every frame a key frame, so that each stands alone and bytes are stable.

As x264 comes, its bytes differ from run to run (7 files of 16 runs: its macroblock tree looks ahead over frames). With key
frames alone, one thread and `no-mbtree` 80 encodings of 75 frames in two processes were one file; another build of FFmpeg or
another family of CPUs may give another.
"""

import io
from fractions import Fraction

import av
import av.error
import numpy as np

from gerdata.clip import Frames
from gerdata.errors import DatasetError

X264 = {"crf": "18", "preset": "medium", "x264-params": "keyint=1:bframes=0:no-mbtree=1:threads=1:lookahead-threads=1"}
MOST_FRAMES = 256
MOST_PIXELS = 1 << 20  # of a stored frame
_READ = {"format_whitelist": "mov", "protocol_whitelist": "none", "enable_drefs": "0", "use_absolute_path": "0"}


def encode_mp4(frames: Frames, duration_s: float, mark: str = "") -> bytes:
    """`uint8 [T, H, W, 3]` (even H and W) to H.264 in MP4 of T frames over `duration_s`; a picture's one second is a frame's.

    A `mark` becomes its comment; nothing else is told, no time of making and no sound.
    """
    n, height, width = frames.shape[:3]
    if height % 2 or width % 2:
        raise ValueError(f"a video has even sizes, these frames are {height} x {width}")
    rate = Fraction(n) / Fraction(round(duration_s * 10) or 10, 10)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        if mark:
            container.metadata["comment"] = mark
        stream = container.add_stream("libx264", rate=rate, options=X264)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / rate
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts, picture.time_base = number, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return out.getvalue()


def decode_mp4(data: bytes, most: int = MOST_FRAMES) -> Frames:
    """Inverse of `encode_mp4`, up to the losses of H.264: `uint8 [T, H, W, 3]`. `DatasetError` for what is no such file, or
    has over `most` frames.

    A decoder of video is a large thing to show a stranger's bytes: do it in a process that may die (`verify` does).
    """
    frames: list[Frames] = []
    most = min(most, MOST_FRAMES)
    try:
        with av.open(io.BytesIO(data), "r", options=_READ) as container:
            if len(container.streams) != 1 or len(container.streams.video) != 1:
                raise DatasetError(f"expected one silent video, came {len(container.streams)} streams")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
                raise DatasetError(f"expected frames of at most {MOST_PIXELS} pixels")
            for frame in container.decode(stream):
                if len(frames) == most or frame.width * frame.height > MOST_PIXELS:
                    raise DatasetError(f"expected at most {most} frames of {MOST_PIXELS} pixels")
                frames.append(frame.to_ndarray(format="rgb24"))
        return np.stack(frames)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise DatasetError(f"expected an MP4, came {len(data)} bytes ({type(error).__name__})") from None
