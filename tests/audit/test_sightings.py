"""What counts as inside the fill holds nothing of the outside, whatever the encoder smears."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.audit.sightings import sighting
from gerdata.clip import Frames
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.privacy.heads import FILL

PX = 96


def released(seed: int, mask: np.ndarray) -> Frames:
    frame = np.random.RandomState(seed).randint(0, 256, (6, 6, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    x0, y0, x1, y1 = mask.astype(int)
    frame[y0:y1, x0:x1] = FILL
    return decode_jpeg(encode_jpeg(frame, 92))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(40, 60), st.integers(40, 60), st.integers(0, 99))
def test_inside_is_the_same_whatever_is_outside(left: int, top: int, wide: int, high: int, seed: int) -> None:
    mask = np.array([left, top, left + wide, top + high], np.float32)
    head = mask + np.array([8, 8, -8, -8], np.float32)
    clear = np.zeros((PX, PX, 3), np.uint8)
    one, other = (sighting(clear, released(s, mask), head, mask) for s in (seed, seed + 100))
    assert one.inside is None or other.inside is None or np.array_equal(one.inside[1], other.inside[1])
    assert not np.array_equal(one.context[1], other.context[1])


def test_a_large_fill_has_an_inside() -> None:
    mask = np.array([5, 5, 70, 70], np.float32)
    clear = np.zeros((PX, PX, 3), np.uint8)
    assert sighting(clear, released(0, mask), mask, mask).inside is not None
