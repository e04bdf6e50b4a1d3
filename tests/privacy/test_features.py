"""Features are all that leaves: they come back out of a stored frame, and alike features are alike bytes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.people.tracks import Tracks
from gerdata.privacy.features import (
    CELL_PX,
    CELLS,
    LEVELS,
    ORIENTATIONS,
    SIDE,
    TILES,
    FeaturesOnly,
    describe,
    draw_features,
    read_features,
)


def photo(seed: int, height: int = 240, width: int = 320) -> np.ndarray:
    rng = np.random.RandomState(seed)
    frame = rng.randint(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(frame, (0, 0), float(rng.uniform(0.5, 9)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.integers(112, 700), st.integers(112, 700), st.sampled_from([85, 92, 100]))
def test_a_stored_picture_gives_every_level_back(seed: int, height: int, width: int, quality: int) -> None:
    levels = np.random.RandomState(seed).randint(0, LEVELS, (SIDE, SIDE)).astype(np.uint8)
    native = draw_features(levels, height, width)
    method = cv2.INTER_AREA if max(height, width) > 224 else cv2.INTER_LINEAR
    stored = decode_jpeg(encode_jpeg(cv2.resize(native, (224, 224), interpolation=method), quality))
    np.testing.assert_array_equal(read_features(stored), levels)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9999), st.integers(28, 500), st.integers(28, 500))
def test_nothing_but_the_features_is_in_the_output(seed: int, height: int, width: int) -> None:
    """The output is a function of 784 numbers of 16 levels: those of another frame with the same ones give the same bytes."""
    frame = photo(seed, height, width)
    before = frame.copy()
    out = FeaturesOnly().render(frame, Tracks.empty(), 0)
    np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(out, draw_features(describe(frame), height, width))
    assert len(np.unique(out)) <= LEVELS
    assert (out[..., 0] == out[..., 1]).all()
    assert (out[..., 0] == out[..., 2]).all()


def test_what_differs_inside_cells_only_leaves_no_trace() -> None:
    """A speck that lies elsewhere in its cell."""
    frame = np.repeat(
        np.repeat(np.random.RandomState(3).randint(0, 255, (CELLS, CELLS, 3)), CELL_PX, 0), CELL_PX, 1
    ).astype(np.uint8)
    other = frame.copy()
    for row in range(CELLS):
        for column in range(CELLS):
            y, x = row * CELL_PX + 8, column * CELL_PX + 8
            other[y : y + 4, x : x + 4], frame[y + 9 : y + 13, x + 9 : x + 13] = 255, 255
    assert (frame != other).any()
    np.testing.assert_array_equal(describe(frame), describe(other))


def test_levels_are_those_of_plain_loops() -> None:
    frame = photo(5, CELLS * CELL_PX, CELLS * CELL_PX)
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float64)
    padded = np.pad(lab[..., 0], 1, mode="reflect")
    levels = describe(frame)
    for row, column in ((0, 0), (3, 5), (6, 6)):
        histogram, total = np.zeros(ORIENTATIONS), 0.0
        for y in range(row * CELL_PX, (row + 1) * CELL_PX):
            for x in range(column * CELL_PX, (column + 1) * CELL_PX):
                near = padded[y : y + 3, x : x + 3]
                across = (near[:, 2] - near[:, 0]) @ [1, 2, 1] / 4
                down = (near[2] - near[0]) @ [1, 2, 1] / 4
                size = np.hypot(across, down)
                histogram[round(np.degrees(np.arctan2(down, across)) / 15) % ORIENTATIONS] += size
                total += size
        mean = lab[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX].mean((0, 1))
        told = [
            *np.sqrt(histogram / total),
            np.sqrt(total / CELL_PX**2 / 64),
            mean[0] / 255,
            *((mean[1:] - 128) / 80 + 0.5),
        ]
        tile = levels[row * TILES : (row + 1) * TILES, column * TILES : (column + 1) * TILES].ravel()
        np.testing.assert_allclose(tile, np.clip(told, 0, 1) * (LEVELS - 1), atol=0.51)


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_a_frame_of_one_colour_has_no_orientation(grey: int) -> None:
    light = int(cv2.cvtColor(np.full((1, 1, 3), grey, np.uint8), cv2.COLOR_RGB2LAB)[0, 0, 0])
    levels = describe(np.full((90, 160, 3), grey, np.uint8)).reshape(CELLS, TILES, CELLS, TILES).transpose(0, 2, 1, 3)
    assert (levels.reshape(-1, 16)[:, : ORIENTATIONS + 1] == 0).all()
    assert (levels.reshape(-1, 16)[:, ORIENTATIONS + 1] == round(light / 255 * 15)).all()
