"""Two films side by side with their sound, for looking at: moviepy puts them together and writes them."""

import tempfile
from pathlib import Path

import numpy as np

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Frames


def write_side_by_side(path: Path, films: tuple[Frames, Frames], sound: Audio, fps: int, comment: str) -> None:
    """An MP4 of two `uint8 [T, H, W, 3]` of one shape (H even) and `float32 [2, N]` at 16 kHz; a comment is the file's. A
    preview: its bytes are those of moviepy's own ffmpeg."""
    from moviepy import AudioArrayClip, ImageSequenceClip, clips_array

    left, right = (ImageSequenceClip(list(film), fps=fps) for film in films)
    both = clips_array([[left, right]]).with_audio(AudioArrayClip(np.ascontiguousarray(sound.T), fps=SAMPLE_RATE_HZ))
    # moviepy keeps the sound in a file of its own meanwhile
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / "preview.mp4"
        both.write_videofile(
            str(made), codec="libx264", audio_fps=SAMPLE_RATE_HZ, audio_codec="aac", temp_audiofile_path=folder, logger=None,
            ffmpeg_params=["-metadata", f"comment={comment}"],
        )  # fmt: skip
        made.replace(path)
