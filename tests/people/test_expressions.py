"""What a face shows: shares that sum to one, of known faces alone, of the pixels in their square alone."""

import numpy as np
import pytest

from gerdata.errors import MissingError
from gerdata.people.expressions import LARGER, ExpressionReader


@pytest.fixture(scope="module")
def reader() -> ExpressionReader:
    try:
        return ExpressionReader()
    except MissingError as missing:
        pytest.skip(str(missing))


def face(mouth: int) -> np.ndarray:
    """A drawn face whose mouth bends up (1) or down (-1)."""
    import cv2

    frame = np.full((120, 160, 3), 190, np.uint8)
    cv2.ellipse(frame, (80, 60), (32, 42), 0, 0, 360, (225, 190, 170), -1, cv2.LINE_AA)
    for x in (68, 92):
        cv2.ellipse(frame, (x, 50), (6, 3), 0, 0, 360, (40, 30, 30), -1, cv2.LINE_AA)
        cv2.line(frame, (x - 8, 42), (x + 8, 42), (60, 40, 30), 2, cv2.LINE_AA)
    start = (0, 180) if mouth > 0 else (180, 360)
    cv2.ellipse(frame, (80, 78 if mouth > 0 else 88), (14, 8), 0, *start, (130, 50, 50), 3, cv2.LINE_AA)
    return frame


BOX = np.array([[50, 22, 110, 100]], np.float32)


def test_shares_sum_to_one_and_say_more_of_a_smile_than_of_a_frown(reader: ExpressionReader) -> None:
    smile, frown = reader.read(face(1), BOX)[0], reader.read(face(-1), BOX)[0]
    assert smile.sum() == pytest.approx(1, abs=1e-3)
    assert (smile >= 0).all()
    assert smile[0] > frown[0]
    np.testing.assert_array_equal(smile, reader.read(face(1), BOX)[0])


def test_what_is_no_face_box_is_not_read(reader: ExpressionReader) -> None:
    boxes = np.array([[np.nan] * 4, [50, 50, 50, 60], [400, 400, 440, 440], BOX[0]], np.float32)
    read = reader.read(face(1), boxes)
    assert np.isnan(read[:3]).all()
    assert np.isfinite(read[3]).all()
    assert reader.read(face(1), boxes[:0]).shape == (0, 3)


def test_pixels_outside_the_square_do_not_matter(reader: ExpressionReader) -> None:
    half = LARGER * 78 / 2 + 2
    other = face(1)
    other[:, : int(80 - half)] = 0
    np.testing.assert_array_equal(reader.read(face(1), BOX), reader.read(other, BOX))
