"""Odd but valid sources: what is repaired is told, and picture and sound stay together."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from making import bars, tone

from gerdata.clip import kept_times_s
from gerdata.errors import RejectedInput
from gerdata.media.address import Address
from gerdata.media.decode import Stretch, frames, kept_frames, sound
from gerdata.media.examine import Examined, examine, is_misnamed
from gerdata.media.limits import MediaLimits
from gerdata.media.tone import HLG, PQ, to_standard

LIMITS = MediaLimits()
FPS = 25
RATE = 48_000


def make(
    path: Path,
    codecs: tuple[str, str] = ("libx264", "aac"),
    times_s: Callable[[int], float] = lambda i: i / FPS,
    sound_from_s: float = 0.0,
    flash_s: float = 1.0,
    **settings: object,
) -> Path:
    """Two seconds that are dark but for a flash of 0.2 s, silent but for a tone during the flash."""
    n, size = 2 * FPS, settings.pop("size", (64, 96))
    audio = np.zeros(2 * RATE, np.float32)
    begin = round(flash_s * RATE)
    heard_n = len(audio[begin : begin + RATE // 5])
    audio[begin : begin + RATE // 5] = 0.5 * np.sin(np.arange(heard_n) * 2 * np.pi * 1000 / RATE)
    audio = audio[round(sound_from_s * RATE) :]
    with av.open(str(path), "w") as container:
        video = container.add_stream(codecs[0], rate=FPS)
        video.height, video.width = size
        video.pix_fmt = settings.get("pix_fmt", "yuv420p")
        video.codec_context.time_base = Fraction(1, 1000)
        video.time_base = Fraction(1, 1000)
        if "aspect" in settings:
            video.codec_context.sample_aspect_ratio = settings["aspect"]
        heard = container.add_stream(codecs[1], rate=RATE, layout="mono") if codecs[1] else None
        for i in range(n):
            bright = flash_s <= i / FPS + 1e-9 < flash_s + 0.2
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 230 if bright else 20, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(1000 * times_s(i)), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if heard is not None:
            for at in range(0, len(audio), 960):
                block = av.AudioFrame.from_ndarray(audio[None, at : at + 960], format="fltp", layout="mono")
                block.sample_rate, block.time_base = RATE, Fraction(1, RATE)
                block.pts = at + round(sound_from_s * RATE)
                container.mux(heard.encode(block))
            container.mux(heard.encode(None))
    return path


def look(path: Path) -> Examined:
    return examine(Address.of(path), LIMITS, lambda seconds: None)


def offset_s(path: Path) -> float:
    """How much later the tone is heard than the flash is seen."""
    told = look(path)
    stretch = Stretch(0.0, told.duration_s, told.origin_s)
    seen = [f.time_s for f in frames(Address.of(path), LIMITS, stretch) if f.rgb(LIMITS.max_pixels).mean() > 120]
    audio = sound(Address.of(path), LIMITS, stretch)
    assert audio is not None
    heard = np.flatnonzero(np.abs(audio) > 0.15)
    return float(heard[0] / 16_000 - seen[0])


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("a.mp4", ("libx264", "aac")),
        ("a.mkv", ("libx264", "aac")),
        ("a.mkv", ("libx264", "libopus")),
        ("a.webm", ("libvpx", "libopus")),
        ("a.avi", ("mpeg4", "libmp3lame")),
        ("a.ts", ("libx264", "aac")),
        ("a.flv", ("libx264", "aac")),
        ("a.mov", ("libx264", "pcm_s16le")),
    ],
)
def test_picture_and_sound_are_within_20_ms(tmp_path: Path, name: str, codecs: tuple[str, str]) -> None:
    assert abs(offset_s(make(tmp_path / name, codecs))) <= 0.02


@pytest.mark.parametrize("late_s", [0.1, 0.5, 0.9])
def test_late_sound_stays_late(tmp_path: Path, late_s: float) -> None:
    path = make(tmp_path / "a.mkv", sound_from_s=late_s)
    assert abs(offset_s(path)) <= 0.02
    assert "late-audio" in look(path).flags


def test_a_start_offset_moves_both(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", times_s=lambda i: 0.4 + i / FPS, sound_from_s=0.0)
    told = look(path)
    assert {"late-start", "early-audio"} <= set(told.flags)
    assert told.origin_s == pytest.approx(0.4, abs=0.002)
    assert offset_s(path) == pytest.approx(-0.4, abs=0.02)  # as recorded: the sound really is 0.4 s early


def test_variable_frame_rate_is_read_by_timestamps(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", times_s=lambda i: i / FPS if i < 25 else 1.0 + (i - 25) * 0.1)
    told = look(path)
    assert "uneven-frame-rate" in told.flags
    assert told.duration_s == pytest.approx(3.5, abs=0.11)
    kept = kept_frames(
        frames(Address.of(path), LIMITS, Stretch(0, told.duration_s, told.origin_s)),
        list(kept_times_s(7, told.duration_s)),
    )
    levels = [frame.rgb(LIMITS.max_pixels).mean() > 120 for _, frame in kept]
    assert levels == [False, False, True, False, False, False, False]  # 1.25 s is within the flash, now 0.5 s long


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"codecs": ("libvpx", ""), "size": (65, 97)}, "odd-size"),
        ({"aspect": Fraction(4, 3)}, "non-square-pixels"),
        ({"pix_fmt": "yuv420p10le", "codecs": ("libx265", "")}, "deep-colour"),
        ({"codecs": ("libx264", "")}, "no-audio"),
        ({"flash_s": 5.0}, "silent-audio"),
    ],
)
def test_what_is_odd_is_told(tmp_path: Path, settings: dict[str, object], flag: str) -> None:
    name = "a.webm" if "size" in settings else "a.mkv"
    assert flag in look(make(tmp_path / name, **settings)).flags
    assert flag not in look(make(tmp_path / "plain.mp4")).flags


def test_frames_of_several_sizes_are_read_each_in_its_own(tmp_path: Path) -> None:
    small, large = make(tmp_path / "s.ts", size=(64, 96)), make(tmp_path / "l.ts", size=(128, 128))
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    told = look(both)
    assert "size-change" in told.flags
    shapes = {f.rgb(LIMITS.max_pixels).shape for f in frames(Address.of(both), LIMITS, Stretch(0, 9, told.origin_s))}
    assert shapes == {(64, 96, 3), (128, 128, 3)}


def test_an_interlaced_frame_loses_its_comb(tmp_path: Path) -> None:
    path = tmp_path / "i.mpg"
    comb = np.zeros((96, 128, 3), np.uint8)
    comb[1::2] = 200  # the fields were 1/50 s apart and saw different things
    with av.open(str(path), "w", format="mpeg") as container:
        video = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "q:v": "2"})
        video.height, video.width, video.pix_fmt = 96, 128, "yuv420p"
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(comb, format="rgb24")
            frame.pts = i
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    told = look(path)
    if "interlaced" not in told.flags:
        pytest.skip("this build's encoder does not mark its frames as interlaced")
    shown = next(frames(Address.of(path), LIMITS, Stretch(0, 0.2, told.origin_s))).rgb(LIMITS.max_pixels)
    assert np.abs(np.diff(shown[8:-8, 8:-8, 0].astype(int), axis=0)).max() < 30


def test_high_dynamic_range_is_toned_down() -> None:
    """Grey of 203 cd/m2 is code 0.58 in PQ and 0.75 in HLG (ITU-R BT.2408): bright, not clipped; black stays black."""
    for transfer, code in ((PQ, 0.58), (HLG, 0.75)):
        ramp = np.repeat(np.linspace(0, 1, 256)[None, :, None] * 65535, 3, axis=2).astype(np.uint16)
        shown = to_standard(ramp, transfer)[0, :, 1].astype(int)
        assert shown[0] == 0
        assert (np.diff(shown) >= 0).all()
        white = shown[round(255 * code)]
        assert 170 < white < 225
        assert shown[-1] == 255
        assert np.ptp(to_standard(ramp, transfer)[0, round(255 * code)]) <= 2  # grey stays grey


def test_damage_is_no_oddity(tmp_path: Path) -> None:
    data = make(tmp_path / "a.ts").read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // 2 + 77])
    with pytest.raises(RejectedInput, match="truncated"):
        look(tmp_path / "cut.ts")
    ogg = make(tmp_path / "a.ogg", ("libtheora", "libvorbis")) if "libtheora" in av.codecs_available else None
    if ogg is not None:
        (tmp_path / "cut.ogg").write_bytes(ogg.read_bytes()[:-400])
        with pytest.raises(RejectedInput, match="truncated"):
            look(tmp_path / "cut.ogg")


@pytest.mark.parametrize(
    ("name", "format_", "is_wrong"),
    [
        ("a.mp4", "mov,mp4,m4a,3gp,3g2,mj2", False),
        ("a.MKV", "matroska,webm", False),
        ("a.wav", "mov,mp4,m4a,3gp,3g2,mj2", True),
        ("a.jpg", "pictures", False),
        ("a.mp4", "pictures", True),
        ("a.clip", "avi", False),
    ],
)
def test_a_name_that_lies_is_told(name: str, format_: str, is_wrong: bool) -> None:
    assert is_misnamed(name, format_) == is_wrong


def test_fast_checks_keep_duration_and_sound(tmp_path: Path) -> None:
    from gerdata.media.encode import write_clip

    path = tmp_path / "a.mp4"
    write_clip(path, bars(50), FPS, tone(2.0))
    full = look(path)
    fast = examine(Address.of(path), LIMITS, lambda seconds: None, is_fast=True)
    assert (fast.duration_s, fast.has_audio, fast.n_frames) == (full.duration_s, full.has_audio, full.n_frames)
