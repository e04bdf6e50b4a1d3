"""Measures of pictures and sound, cuts, and the bins they are published in."""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.clip import Quality
from gerdata.media.quality import (
    CutFinder,
    PictureMeasures,
    SoundMeasures,
    binned,
    picture_measures,
    scene_cuts,
    sound_measures,
)

RATE = 16_000


def sine(seconds: float, hz: float = 997.0, level_db: float = 0.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def texture(seed: int, height: int = 180, width: int = 320, mean: int = 120) -> np.ndarray:
    """A picture with large and small shapes, `uint8 [H, W, 3]`."""
    rng = np.random.Generator(np.random.PCG64(seed))
    coarse = cv2.resize(rng.normal(0, 60, (6, 10)), (width, height), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(mean + coarse + rng.normal(0, 8, (height, width)), 0, 255).astype(np.uint8)
    return np.repeat(picture[..., None], 3, axis=2)


class TestPicture:
    def test_black_and_brightness(self) -> None:
        grey = np.zeros((4, 36, 48), np.uint8)
        grey[:3] = 255
        measures = picture_measures(grey, [])
        assert (measures.brightness, measures.black_share, measures.sharpness) == (0.75, 0.25, None)

    def test_a_dark_picture_with_a_lamp_is_not_black(self) -> None:
        grey = np.zeros((1, 36, 48), np.uint8)
        grey[0, :6, :8] = 200
        assert picture_measures(grey, []).black_share == 0.0

    def test_frozen_counts_glances_that_have_one_before(self) -> None:
        moving = np.stack([np.full((36, 48), 10 * i, np.uint8) for i in range(5)])
        assert picture_measures(moving, []).frozen_share == 0.0
        assert picture_measures(np.concatenate([moving, moving[-1:], moving[-1:]]), []).frozen_share == 2 / 6
        assert picture_measures(moving[:1], []).frozen_share is None

    def test_nothing_gives_nothing(self) -> None:
        assert picture_measures(np.zeros((0, 36, 48), np.uint8), []) == PictureMeasures()

    def test_sharpness_falls_with_blur_and_hardly_with_size(self) -> None:
        crisp = texture(0, 720, 1280)
        for size in range(0, 1280, 40):
            cv2.line(crisp, (size, 0), (1280 - size, 719), (255, 255, 255), 4)
        half = cv2.resize(crisp, (640, 360), interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(half, (0, 0), 3)
        nothing = np.zeros((0, 36, 48), np.uint8)
        of_crisp, of_half, of_blurred = (picture_measures(nothing, [f]).sharpness for f in (crisp, half, blurred))
        assert of_crisp is not None
        assert of_half is not None
        assert of_blurred is not None
        assert abs(of_crisp - of_half) < 0.1
        assert of_half - of_blurred > 3
        assert picture_measures(nothing, [np.full((90, 120, 3), 77, np.uint8)]).sharpness == -4.0


class TestSound:
    @pytest.mark.parametrize(("level_db", "lufs"), [(0, -3.01), (-20, -23.01), (-40, -43.01)])
    def test_loudness_of_a_sine_is_that_of_the_standard(self, level_db: float, lufs: float) -> None:
        """ITU-R BS.1770-4: a 997-Hz sine at 0 dBFS in one channel reads -3.01 LKFS."""
        assert sound_measures(sine(3.05, level_db=level_db)).loudness_lufs == pytest.approx(lufs, abs=0.1)

    def test_silence_beside_sound_is_gated(self) -> None:
        mixed = np.concatenate([sine(5, level_db=-20), np.zeros(5 * RATE, np.float32)])
        measures = sound_measures(mixed)
        assert measures.loudness_lufs == pytest.approx(-23.01, abs=0.3)  # blocks at the border are half full
        assert measures.silent_share == pytest.approx(0.5)

    @pytest.mark.parametrize("seconds", [0.01, 0.25, 1.0])
    def test_silence_has_no_loudness(self, seconds: float) -> None:
        assert sound_measures(np.zeros(round(seconds * RATE), np.float32)) == SoundMeasures(None, 0.0, 1.0)

    def test_short_sound_has_no_loudness(self) -> None:
        assert sound_measures(sine(0.399)).loudness_lufs is None
        assert sound_measures(sine(0.4)).loudness_lufs == pytest.approx(-3.01, abs=0.1)

    def test_no_sound_gives_nothing(self) -> None:
        assert sound_measures(None) == sound_measures(np.zeros(0, np.float32)) == SoundMeasures()

    def test_clipping_is_three_in_a_row(self) -> None:
        audio = np.zeros(100, np.float32)
        audio[[3, 10, 11, 20, 21, 22, 97, 98, 99]] = 1.0
        audio[21] = -1.0
        assert sound_measures(audio).clipped_share == pytest.approx(6 / 100)
        assert sound_measures(np.clip(2 * sine(1), -1, 1)).clipped_share == pytest.approx(2 / 3, abs=0.02)

    @given(st.lists(st.floats(width=32), max_size=60), st.integers(1, 400))
    def test_whatever_comes_no_nan_leaves(self, values: list[float], times: int) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            measures = sound_measures(np.tile(np.array(values, np.float32), times))
        for value in (measures.loudness_lufs, measures.clipped_share, measures.silent_share):
            assert value is None or math.isfinite(value)
        assert measures.silent_share is None or 0 <= measures.silent_share <= 1


def pictures(frames: Sequence[np.ndarray], formats: Sequence[str] = ("yuv420p",)) -> list[tuple[av.VideoFrame, float]]:
    out = []
    for i, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=formats[i % len(formats)])
        picture.pts = 1000 - i  # nonsense: only the time that is told counts
        out.append((picture, i / 25))
    return out


def scenes(lengths: Sequence[int], sizes: Sequence[tuple[int, int]] = ((180, 320),)) -> list[np.ndarray]:
    """Scenes with noise and motion in them."""
    rng, out = np.random.Generator(np.random.PCG64(7)), []
    for number, length in enumerate(lengths):
        height, width = sizes[number % len(sizes)]
        still = texture(number, height, width).astype(np.int16)
        for i in range(length):
            moved = np.roll(still, 2 * i, axis=1) + rng.integers(-6, 7, still.shape)
            out.append(np.clip(moved, 0, 255).astype(np.uint8))
    return out


class TestCuts:
    def test_planted_cuts_are_found_and_no_others(self) -> None:
        lengths = [20, 13, 30, 2, 25, 40]
        assert scene_cuts(pictures(scenes(lengths))) == [n / 25 for n in np.cumsum(lengths)[:-1]]

    def test_size_and_format_may_change_with_the_scene_and_within(self) -> None:
        frames = scenes([15, 15, 15], [(180, 320), (240, 320), (96, 128)])
        formats = ("yuv420p", "rgb24", "gray", "yuv444p")
        assert scene_cuts(pictures(frames, formats)) == [15 / 25, 30 / 25]
        same = [cv2.resize(frame, (640, 360) if i > 7 else (320, 180)) for i, frame in enumerate(scenes([16]))]
        assert scene_cuts(pictures(same)) == []

    def test_a_slow_fade_is_no_cut(self) -> None:
        one, two = texture(1).astype(float), texture(2).astype(float)
        fade = [((1 - k) * one + k * two).astype(np.uint8) for k in np.linspace(0, 1, 50)]
        black = [(k * one).astype(np.uint8) for k in np.linspace(1, 0, 40)]
        assert scene_cuts(pictures(fade)) == scene_cuts(pictures(black)) == []

    def test_the_callers_picture_stays_as_it_is(self) -> None:
        picture = av.VideoFrame.from_ndarray(texture(3, 72, 128)[..., 0], format="gray")
        picture.pts = 41
        finder = CutFinder()
        assert finder.push(picture, 0.0) == finder.close() == []
        assert picture.pts == 41

    def test_nothing_has_no_cuts_and_a_finder_can_begin_again(self) -> None:
        finder = CutFinder()
        assert finder.close() == []
        for _ in range(2):
            cuts = [t for picture, at_s in pictures(scenes([5, 5])) for t in finder.push(picture, at_s)]
            assert cuts + finder.close() == [5 / 25]


NAMES = [field.name for field in fields(Quality)]


class TestBins:
    def test_what_no_float_holds_after_rounding_still_bins(self) -> None:
        most = sys.float_info.max  # rounding its third and taking it times 3 leaves the floats
        for name in NAMES:
            once = asdict(binned(**{name: most}))
            assert binned(**once) == Quality(**once)

    @given(st.dictionaries(st.sampled_from(NAMES), st.none() | st.floats() | st.floats(0, 1) | st.integers(0, 5000)))
    def test_bins_keep_none_let_no_nan_out_and_are_idempotent(self, exact: dict[str, float | None]) -> None:
        once = asdict(binned(**exact))
        assert binned(**once) == Quality(**once)
        for name, coarse in once.items():
            value = exact.get(name)
            assert coarse is None or math.isfinite(coarse)
            if name != "smallest_head_px":
                assert (coarse is None) == (value is None or not math.isfinite(value))

    @given(st.floats(-1e3, 1e5))
    def test_bins_are_as_near_as_they_say(self, value: float) -> None:
        quality = binned(**dict.fromkeys(NAMES, value))
        assert abs((quality.brightness or 0) - value) <= 0.05 + 1e-9
        assert abs((quality.sharpness or 0) - value) <= 0.5
        assert abs((quality.loudness_lufs or 0) - value) <= 1.5
        head = quality.smallest_head_px
        assert head is None if value < 1 else head is not None and head <= value < 2 * head

    def test_bins_are_those_that_are_documented(self) -> None:
        exact = (0.449, 7.6, 0.04, 0.951, 3, -22.4, 0.3, 0.26, 0.77, 15.9)
        binned_ = Quality(0.4, 8, 0.0, 1.0, 3, -21, 0.3, 0.3, 0.8, 8)
        assert binned(**dict(zip(NAMES, exact, strict=True))) == binned_

    def test_another_name_is_refused(self) -> None:
        with pytest.raises(TypeError, match="n_people"):
            binned(n_people=3)
