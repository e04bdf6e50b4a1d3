"""The last look: what may not leave is refused with its own reason, and a filled head is no face that was left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerdata.errors import MissingError, RejectedInput
from gerdata.people.tracks import Tracks
from gerdata.privacy import check
from gerdata.privacy.check import FaceCheck, check_sound, check_tracks, covered_share, failing_closed
from gerdata.privacy.heads import FILL


class Finder:
    """A detector that finds what it is told; unless it is stubborn, only where the frame is not filled."""

    def __init__(self, *boxes: list[float], is_stubborn: bool = False) -> None:
        self.boxes, self.is_stubborn = np.array(boxes, np.float32).reshape(-1, 5), is_stubborn

    def find(self, frame: np.ndarray, min_score: float) -> np.ndarray:
        shown = [self.is_stubborn or frame[int(b[1] + b[3]) // 2, int(b[0] + b[2]) // 2, 0] != FILL for b in self.boxes]
        return self.boxes[(self.boxes[:, 4] >= min_score) & np.array(shown, np.bool_)]


FRAME = np.zeros((224, 224, 3), np.uint8)
NONE = np.zeros((0, 4), np.float32)


@pytest.mark.parametrize(
    ("box", "filled", "is_left"),
    [
        ([10, 10, 40, 40, 0.9], NONE, True),
        ([10, 10, 40, 40, 0.4], NONE, False),  # below the score
        ([10, 10, 25, 40, 0.9], NONE, False),  # under 16 px
        ([10, 10, 40, 40, 0.9], np.array([[0, 0, 50, 50]], np.float32), False),  # a head that was filled
        ([10, 10, 40, 40, 0.9], np.array([[0, 0, 22, 50]], np.float32), True),  # more than half of it shows
    ],
)
def test_a_face_that_was_left_is_refused(
    monkeypatch: pytest.MonkeyPatch, box: list[float], filled: np.ndarray, is_left: bool
) -> None:
    monkeypatch.setattr(check, "face_gate", lambda: Finder(box))
    look = FaceCheck(min_score=0.5, sure_score=0.8, min_px=16)
    if is_left:
        with pytest.raises(RejectedInput, match="residual-face: 1 in frame 0"):
            look([FRAME], [filled])
    else:
        assert (look([FRAME], [filled])[0][0] == FRAME).all()


def test_a_doubtful_face_is_filled_and_searched_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    look = FaceCheck(min_score=0.5, sure_score=0.8, min_px=16)
    doubtful = [60, 60, 100, 100, 0.7]
    monkeypatch.setattr(check, "face_gate", lambda: Finder(doubtful))
    (frame,), (masks,) = look([FRAME], [NONE])
    assert (frame[60:100, 60:100] == FILL).all()
    assert not FRAME.any()
    assert (frame[:20] == 0).all()
    assert covered_share(np.array(doubtful[:4], np.float32), masks) == 1
    kept = FaceCheck(min_score=0.5, sure_score=0.8, min_px=16)
    monkeypatch.setattr(check, "face_gate", lambda: Finder(doubtful, is_stubborn=True))
    monkeypatch.setattr(check, "COVERED_SHARE", 1.0)  # as if the search found it in what was filled
    with pytest.raises(RejectedInput, match="residual-face"):
        kept([FRAME], [NONE])


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 60), st.integers(1, 60)), max_size=4))
def test_the_covered_share_is_that_of_the_union(filled: list[tuple[int, int, int, int]]) -> None:
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in filled], np.float32).reshape(-1, 4)
    mask = np.zeros((200, 200), np.bool_)
    for x, y, w, h in filled:
        mask[y : y + h, x : x + w] = True
    assert abs(covered_share(np.array([20, 30, 80, 70], np.float32), boxes) - mask[30:70, 20:80].mean()) < 0.08


def test_a_head_in_a_stored_frame_whose_place_is_a_guess_is_refused() -> None:
    heads = np.full((10, 1, 4), np.nan, np.float32)
    heads[4:6] = [0, 0, 9, 9]
    tracks = Tracks(heads, np.zeros(1, np.bool_))
    check_tracks(tracks, [0, 9])
    with pytest.raises(RejectedInput, match="open-track"):
        check_tracks(tracks, [0, 5, 9])


def test_a_voice_that_is_still_there_is_refused_and_noise_is_not() -> None:
    rng = np.random.RandomState(1)
    voice = rng.normal(size=16_000).astype(np.float32)
    noise = rng.normal(size=16_000).astype(np.float32)
    check_sound(voice, noise)
    check_sound(voice, np.zeros_like(voice))
    check_sound(np.zeros_like(voice), noise)
    with pytest.raises(RejectedInput, match="voice-left"):
        check_sound(voice, 0.3 * voice + noise)


def test_a_detector_that_fails_refuses_the_clip_and_one_that_is_missing_stops_the_stage() -> None:
    with pytest.raises(RejectedInput, match="detector-failed: ZeroDivisionError"), failing_closed():
        _ = 1 / 0
    with pytest.raises(MissingError), failing_closed():
        raise MissingError("the weights are not there")
    with pytest.raises(RejectedInput, match="too-large"), failing_closed():
        raise RejectedInput("too-large", "x")
