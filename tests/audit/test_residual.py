"""The third detector's word: a face is seen, a filled one is not, and what is no face is not called one."""

import numpy as np
import pytest

from gerdata.audit import residual
from gerdata.audit.residual import faces_left
from gerdata.clip import Frames
from gerdata.people.tiles import Boxes


class Seeing:
    """A detector that sees what it is told to, where a pixel of that colour is."""

    def __init__(self, is_steady: bool) -> None:
        self.is_steady, self.calls = is_steady, 0

    def find(self, frame: Frames, min_score: float) -> Boxes:
        self.calls += 1
        y, x = np.nonzero(frame[..., 0] == 200)
        if not len(y) or (not self.is_steady and self.calls % 2 == 0):
            return np.zeros((0, 5), np.float32)
        return np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1, 0.9]], np.float32)


def frame(x0: int = 20, side: int = 30) -> Frames:
    out = np.zeros((100, 120, 3), np.uint8)
    out[10 : 10 + side, x0 : x0 + side] = 200
    return out


@pytest.mark.parametrize(("is_steady", "n"), [(True, 1), (False, 0)])
def test_a_face_counts_when_its_mirror_image_is_one(monkeypatch: pytest.MonkeyPatch, is_steady: bool, n: int) -> None:
    detector = Seeing(is_steady)
    monkeypatch.setattr(residual, "witness", lambda: detector)
    assert faces_left(frame()[None], None) == n
    assert faces_left(frame(side=12)[None], None) == 0
    assert faces_left(frame()[None], [np.array([[0, 0, 60, 60]], np.float32)]) == 0
    far = np.array([[60, 50, 120, 100]], np.float32)
    assert faces_left(np.stack([frame(), frame(70)]), [far, far]) == 2 * n
