"""Decoding: the right frames, upright, with square pixels; sound where its timestamps say."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import bars, tone

from gerdata.clip import kept_times_s
from gerdata.errors import RejectedInput
from gerdata.media.address import Address
from gerdata.media.decode import Stretch, frames, kept_frames, sound
from gerdata.media.encode import write_clip
from gerdata.media.examine import examine
from gerdata.media.limits import MediaLimits
from gerdata.media.picture import TimedFrame

LIMITS = MediaLimits()
FPS = 20


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s at 20 frames/s; grey tells the number of the frame modulo 54; a burst of sound at 7.50 s."""
    path = tmp_path_factory.mktemp("media") / "long.mp4"
    audio = np.zeros(12 * 16000, np.float32)
    audio[round(7.5 * 16000) : round(7.7 * 16000)] = tone(0.2, 1000)
    levels = [np.full((64, 96, 3), 20 + 4 * (i % 54), np.uint8) for i in range(12 * FPS)]
    write_clip(path, levels, FPS, audio)
    return path


def number_of(frame: np.ndarray) -> int:
    return round((float(np.median(frame)) - 20) / 4)


@pytest.mark.parametrize(("start_s", "duration_s", "n"), [(0, 12, 5), (0, 2, 10), (5, 5, 5), (7.35, 3, 4), (11, 1, 3)])
def test_kept_frames_are_those_on_screen_at_their_times(
    long_clip: Path, start_s: float, duration_s: float, n: int
) -> None:
    stretch = Stretch(start_s, duration_s, 0.0)
    kept = kept_frames(frames(Address.of(long_clip), LIMITS, stretch), list(kept_times_s(n, duration_s)))
    shown = [number_of(frame.rgb(LIMITS.max_pixels)) for _, frame in kept]
    wanted = [int((start_s + t) * FPS + 1e-6) % 54 for t in kept_times_s(n, duration_s)]
    assert shown == wanted


@pytest.mark.parametrize("start_s", [0.0, 5.0, 7.0])
def test_all_frames_of_a_stretch_come_once_and_in_order(long_clip: Path, start_s: float) -> None:
    stretch = Stretch(start_s, 2.0, 0.0)
    times = [frame.time_s for frame in frames(Address.of(long_clip), LIMITS, stretch)]
    assert len(times) == 2 * FPS
    assert times == sorted(times)
    assert -1 / FPS < times[0] <= 1e-6
    assert times[-1] < 2.0


@dataclass(frozen=True)
class Still:
    """A frame that is nothing but its number."""

    number: int


@given(
    st.lists(st.floats(0.001, 3, allow_nan=False), min_size=1, max_size=30),
    st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=20),
)
def test_kept_frames_is_the_last_shown_at_or_before(gaps: list[float], times: list[float]) -> None:
    shown = np.cumsum(gaps) - gaps[0]
    times.sort()

    def stream() -> Iterator[TimedFrame]:
        return (TimedFrame(float(t), Still(i), 1.0) for i, t in enumerate(shown))

    wanted = [max(0, int(np.searchsorted(shown, t + 1e-6, side="right")) - 1) for t in times]
    assert [frame.picture.number for _, frame in kept_frames(stream(), times)] == wanted


def test_a_stretch_of_no_length_shows_the_frame_on_screen(long_clip: Path) -> None:
    """A picture that only the video decoder reads has one frame and no duration."""
    for start_s in (0.0, 3.0):
        shown = list(frames(Address.of(long_clip), LIMITS, Stretch(start_s, 0.0, 0.0)))
        assert [number_of(frame.rgb(LIMITS.max_pixels)) for frame in shown] == [round(start_s * FPS) % 54]


@pytest.mark.parametrize("height_px", [36, 64, 100])
def test_a_smaller_frame_is_the_same_frame(tmp_path: Path, height_px: int) -> None:
    """Scaled by the decoder or by OpenCV: 1.5 grey levels apart on average, only chroma at edges by more than 5."""
    picture = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 255, (64, 96, 3), dtype=np.uint8), (0, 0), 4)
    write_clip(tmp_path / "a.mp4", [picture] * 4, FPS, tone(0.2, 440))
    shown = next(frames(Address.of(tmp_path / "a.mp4"), LIMITS, Stretch(0, 1, 0)))
    whole, small = shown.rgb(LIMITS.max_pixels), shown.rgb_at(height_px, LIMITS.max_pixels)
    assert small.shape == ((height_px, round(96 * height_px / 64), 3) if height_px < 64 else (64, 96, 3))
    wanted = cv2.resize(whole, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - wanted).mean() < 1.5
    assert (np.abs(small.astype(int) - wanted) <= 5).mean() > 0.99


def test_an_empty_stretch_is_a_verdict() -> None:
    with pytest.raises(RejectedInput, match="no frame"):
        list(kept_frames(iter(()), [0.0]))


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.0, 12.0), (5.0, 5.0), (7.0, 2.0)])
def test_sound_lies_beside_its_picture_within_20_ms(long_clip: Path, start_s: float, duration_s: float) -> None:
    audio = sound(Address.of(long_clip), LIMITS, Stretch(start_s, duration_s, 0.0))
    assert audio is not None
    assert len(audio) == round(duration_s * 16000)
    onset_s = int(np.argmax(np.abs(audio) > 0.1)) / 16000
    assert abs(start_s + onset_s - 7.5) < 0.020


def test_sound_level_and_pitch_survive(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", bars(40), 20, tone(2.0, 440))
    audio = sound(Address.of(tmp_path / "a.mp4"), LIMITS, Stretch(0, 2.0, 0.0))
    assert audio is not None
    spectrum = np.abs(np.fft.rfft(audio[8000:24000]))
    assert abs(int(np.argmax(spectrum)) - 440) <= 1
    assert abs(np.sqrt(np.mean(audio[8000:24000] ** 2)) - 0.3 / np.sqrt(2)) < 0.01


def test_a_frame_over_the_pixel_limit_is_refused_before_decoding(long_clip: Path) -> None:
    with pytest.raises(RejectedInput, match="too-large: 96x64"):
        next(frames(Address.of(long_clip), MediaLimits(max_pixels=6143), Stretch(0, 1, 0)))
    with pytest.raises(RejectedInput, match="too-long"):
        examine(Address.of(long_clip), MediaLimits(max_duration_s=11), lambda seconds: None)


def test_a_link_a_folder_and_a_pipe_are_no_media(tmp_path: Path, long_clip: Path) -> None:
    import os

    (tmp_path / "link.mp4").symlink_to(long_clip)
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("link.mp4", "pipe.mp4"):
        with pytest.raises(RejectedInput, match="unsafe-path"):
            examine(Address.of(tmp_path / name), LIMITS, lambda seconds: None)
    with pytest.raises(RejectedInput, match="source-missing"):
        examine(Address.of(tmp_path / "absent.mp4"), LIMITS, lambda seconds: None)


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(slice(0, 0), "empty"), (slice(0, -4000), "truncated"), (slice(600, None), "format-not-allowed")],
)
def test_damage_is_named(tmp_path: Path, long_clip: Path, cut: slice, reason: str) -> None:
    (tmp_path / "damaged.mp4").write_bytes(long_clip.read_bytes()[cut])
    with pytest.raises(RejectedInput) as verdict:
        examine(Address.of(tmp_path / "damaged.mp4"), LIMITS, lambda seconds: None)
    assert verdict.value.reason == reason


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\nother.mp4\n", "ffconcat version 1.0\nfile other.mp4\n", "<svg/>"]
)
def test_files_that_name_other_files_are_refused(tmp_path: Path, long_clip: Path, text: str) -> None:
    (tmp_path / "other.mp4").write_bytes(long_clip.read_bytes())
    for name in ("list.m3u8", "list.mp4"):
        (tmp_path / name).write_text(text)
        with pytest.raises(RejectedInput, match="format-not-allowed"):
            examine(Address.of(tmp_path / name), LIMITS, lambda seconds: None)


@pytest.mark.real
@pytest.mark.parametrize("name", ["rot90.mp4", "rot180.mp4", "rot270.mp4", "full_range.mp4", "gray16.mkv"])
def test_frames_are_upright_like_ffmpegs(real_data: Path, name: str) -> None:
    """The first frame equals what the ffmpeg program of imageio-ffmpeg shows, which turns frames by itself."""
    import imageio_ffmpeg

    path = real_data / "odd" / "synthesised" / name
    ours = next(frames(Address.of(path), LIMITS, Stretch(0, 10, 0))).rgb(LIMITS.max_pixels)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-frames:v", "1"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    theirs = np.frombuffer(raw, np.uint8).reshape(ours.shape)
    assert np.abs(theirs.astype(int) - ours).max() <= 1


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "shape"),
    [("sar_4_3.mp4", (120, 213, 3)), ("interlaced.mpg", (576, 768, 3)), ("odd_161x121.webm", (121, 161, 3))],
)
def test_pixels_are_square(real_data: Path, name: str, shape: tuple[int, ...]) -> None:
    path = real_data / "odd" / "synthesised" / name
    assert next(frames(Address.of(path), LIMITS, Stretch(0, 10, 0))).rgb(LIMITS.max_pixels).shape == shape
