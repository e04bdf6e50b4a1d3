"""The decoder of heads on maps made by hand; and with weights, what leaves on pictures without anybody."""

from itertools import pairwise

import numpy as np
import pytest

from gerdata.errors import MissingError
from gerdata.people.heads import MAX_OVERLAP, TILE_OVERLAP, TILE_SIDE, HeadFinder, _decoded, _is_part, _up
from gerdata.people.tiles import Tile, tiles, without_doubles


@pytest.fixture(scope="module")
def finder() -> HeadFinder:
    try:
        return HeadFinder()
    except MissingError as missing:
        pytest.skip(str(missing))


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 5)


class TestDecoder:
    def test_a_cell_becomes_a_box(self) -> None:
        score, size, offset = np.zeros((1, 1, 8, 10), np.float32), np.zeros((1, 2, 8, 10)), np.zeros((1, 2, 8, 10))
        score[0, 0, 3, 5] = 0.75
        size[0, :, 3, 5] = np.log(6), np.log(4)  # height, width in cells of four pixels
        offset[0, :, 3, 5] = 0.25, -0.5
        found = _decoded(score, size.astype(np.float32), offset.astype(np.float32), 0.5)
        assert found.dtype == np.float32
        assert found.tolist() == [[20 - 8, 15 - 12, 20 + 8, 15 + 12, 0.75]]
        assert _decoded(score, size, offset, 0.8).shape == (0, 5)

    def test_a_size_beyond_reason_stays_finite(self) -> None:
        score, size = np.ones((1, 1, 1, 1), np.float32), np.full((1, 2, 1, 1), 500, np.float32)
        assert np.isfinite(_decoded(score, size, np.zeros_like(size), 0.5)).all()

    def test_doubles_go_the_best_stays(self) -> None:
        found = without_doubles(boxes((0, 0, 10, 10, 0.6), (1, 0, 11, 10, 0.9), (30, 0, 40, 10, 0.7)), MAX_OVERLAP)
        assert found[:, 4].tolist() == pytest.approx([0.9, 0.7])
        assert len(without_doubles(boxes(), MAX_OVERLAP)) == 0
        beside = without_doubles(boxes((0, 0, 10, 10, 0.6), (6, 0, 16, 10, 0.9)), MAX_OVERLAP)
        assert len(beside) == 2  # a quarter in common: two heads


class TestTiles:
    @pytest.mark.parametrize("size", [1, 100, 480, 481, 864, 865, 1080, 1920, 3840])
    def test_tiles_cover_a_side_and_overlap_by_a_head(self, size: int) -> None:
        spans = [(tile.y0, tile.y1) for tile in tiles((size, 1), TILE_SIDE // 2, TILE_OVERLAP // 2)]
        assert spans[0][0] == 0
        assert spans[-1][1] == size
        for (_, end), (begin, _) in pairwise(spans):
            assert end - begin >= 96
        assert all(0 < end - begin <= TILE_SIDE / 2 for begin, end in spans)

    def test_what_a_tile_cuts_through_is_left_to_its_neighbour(self) -> None:
        cut, whole = (470.0, 10.0, 479.5, 20.0, 0.9), (400.0, 0.0, 410.0, 10.0, 0.9)
        tile = Tile(0, 0, 480, 480)
        assert tile.keeps(boxes(cut, whole), (480, 900)).tolist() == boxes(whole).tolist()
        assert tile.keeps(boxes(cut, whole), (480, 480)).tolist() == boxes(cut, whole).tolist()

    def test_an_eye_in_a_head_is_no_head(self) -> None:
        head = boxes((100, 100, 200, 220, 0.9))
        eye, other, same = (120, 130, 140, 145, 0.8), (10, 10, 30, 40, 0.8), (110, 110, 195, 200, 0.8)
        assert _is_part(boxes(eye, other, same), head).tolist() == [True, False, False]
        assert _is_part(boxes(eye), boxes()).tolist() == [False]


def test_sides_are_filled_up_to_a_multiple_of_32() -> None:
    assert [_up(n) for n in (1, 32, 33, 960)] == [32, 32, 64, 960]


class TestWithWeights:
    @pytest.mark.parametrize("shape", [(1, 1), (7, 400), (240, 320), (33, 2000)])
    @pytest.mark.parametrize("tiles", [False, True])
    def test_nobody_is_found_where_nobody_is(self, finder: HeadFinder, shape: tuple[int, int], tiles: bool) -> None:
        found = finder.find(np.full((*shape, 3), 90, np.uint8), tiles=tiles)
        assert found.shape == (0, 5)
        assert found.dtype == np.float32

    def test_boxes_are_in_the_frame_best_first_and_the_same_again(self, finder: HeadFinder) -> None:
        noise = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (200, 300, 3), dtype=np.uint8)
        found = finder.find(noise, min_score=0.01, tiles=True)
        assert len(found) > 0
        assert (found[:, :4] >= 0).all()
        assert (found[:, 2] <= 300).all()
        assert (found[:, 3] <= 200).all()
        assert (np.diff(found[:, 4]) <= 0).all()
        assert np.array_equal(found, HeadFinder().find(noise, min_score=0.01, tiles=True))

    def test_an_empty_frame_has_no_heads(self, finder: HeadFinder) -> None:
        assert finder.find(np.zeros((0, 10, 3), np.uint8)).shape == (0, 5)

    @pytest.mark.parametrize("frame", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
    def test_another_form_is_refused(self, finder: HeadFinder, frame: np.ndarray) -> None:
        with pytest.raises(ValueError, match="expected uint8"):
            finder.find(frame)

    @pytest.mark.parametrize("score", [0.0, 1.0, float("nan")])
    def test_a_score_without_sense_is_refused(self, finder: HeadFinder, score: float) -> None:
        with pytest.raises(ValueError, match="min_score"):
            finder.find(np.zeros((4, 4, 3), np.uint8), min_score=score)
