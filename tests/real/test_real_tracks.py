"""Heads of real people through motion, turns, edges and lost detections: no frame of a known track is bare.

Known tracks are made: a window travels over a photo whose faces are known, so where each face is in each frame is
arithmetic. Truth is what the finder sees in the photo at a score of .6 (dlib's authors boxed the same faces by hand).
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from gerdata.chance import rng_for
from gerdata.clip import Points
from gerdata.errors import MissingError
from gerdata.media.picture import StillFrame
from gerdata.people.heads import HeadFinder
from gerdata.people.scan import HeadScan
from gerdata.people.tiles import Boxes
from gerdata.people.tracks import Look, Tracks
from gerdata.privacy.check import covered_share
from gerdata.privacy.heads import RemoveHeads, grown, head_finder

pytestmark = [pytest.mark.real, pytest.mark.slow]
FPS, HEIGHT, WIDTH = 25, 360, 480
SCAN = HeadScan()
Window = Callable[[int], tuple[int, int]]  # left and top of the frame of that number, in the photo


@pytest.fixture(scope="module")
def photo(real_data: Path) -> np.ndarray:
    """A group with six faces, twice its size."""
    try:
        head_finder()
    except MissingError as missing:
        pytest.skip(str(missing))
    picture = cv2.imread(str(real_data / "photos/dlib/examples/faces/2008_002470.jpg"))
    return np.ascontiguousarray(cv2.resize(picture, (960, 720), interpolation=cv2.INTER_CUBIC)[..., ::-1])


class Forgetful:
    """A finder that loses a share of what it finds, by lot."""

    def __init__(self, share: float) -> None:
        self.share, self.rng, self.lost = share, rng_for(0, "forgetful"), 0

    def find(self, *arguments: object, **options: object) -> Boxes:
        boxes = head_finder().find(*arguments, **options)  # type: ignore[arg-type]
        keep = self.rng.random(len(boxes)) >= self.share
        self.lost += int((~keep).sum())
        return np.ascontiguousarray(boxes[keep])


def clip(photo: np.ndarray, window: Window, n: int) -> list[np.ndarray]:
    """Frames of a window over the photo, mirrored beyond its edges; noise as of a camera."""
    wide = cv2.copyMakeBorder(photo, HEIGHT, HEIGHT, WIDTH, WIDTH, cv2.BORDER_REFLECT_101)
    rng = rng_for(0, "grain")
    grain = rng.normal(0, 3, (HEIGHT, WIDTH, 3)).astype(np.float32)
    out = []
    for number in range(n):
        x, y = window(number)
        part = wide[HEIGHT + y : 2 * HEIGHT + y, WIDTH + x : 2 * WIDTH + x]
        out.append((part + np.roll(grain, number * 7, axis=(0, 1))).clip(0, 255).astype(np.uint8))
    return out


def bare(photo: np.ndarray, window: Window, tracks: Tracks, n: int) -> list[tuple[int, int]]:
    """Frames and faces, of those that lie in the frame by more than half, where under half of what shows is filled."""
    truth = head_finder().find(photo, 0.6)[:, :4]
    assert len(truth) >= 3
    out = []
    for number in range(n):
        x, y = window(number)
        filled = grown(tracks.heads_at(number), HEIGHT, WIDTH).astype(np.float32)
        for p, box in enumerate(truth - np.array([x, y, x, y], np.float32)):
            shown = np.concatenate([box[:2].clip(0), np.minimum(box[2:], (WIDTH, HEIGHT))])
            area = np.prod((shown[2:] - shown[:2]).clip(0)) / np.prod(box[2:] - box[:2])
            if area > 0.5 and covered_share(shown, filled) < 0.5:
                out.append((number, p))
    return out


def scanned(frames: list[np.ndarray], finder: HeadFinder | Forgetful = None) -> Tracks:  # type: ignore[assignment]
    n = len(frames)
    kept = {int((i + 0.5) / 5 * n) for i in range(5)}
    looks = (Look(StillFrame(number / FPS, frame), number in kept) for number, frame in enumerate(frames))
    return SCAN.scan(looks, finder or head_finder())  # type: ignore[arg-type]


WINDOWS: dict[str, tuple[Window, int]] = {
    "still": (lambda i: (240, 180), 50),
    "slow pan": (lambda i: (2 * i + 100, 180), 100),
    "fast pan": (lambda i: (24 * i, 180), 20),
    "whip": (lambda i: (48 * i, 200), 10),
    "entry at the edge": (lambda i: (-440 + 8 * i, 180), 60),
    "shake": (lambda i: (240 + (17 if i % 2 else -17), 180 + (11 if i % 3 else -11)), 40),
    "stop and go": (lambda i: (100 + 20 * min(max(0, i - 15), 10), 180), 40),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_no_frame_of_a_known_track_is_bare(photo: np.ndarray, name: str) -> None:
    window, n = WINDOWS[name]
    assert bare(photo, window, scanned(clip(photo, window, n)), n) == []


@pytest.mark.parametrize("name", ["still", "slow pan", "stop and go"])
def test_a_tenth_of_real_detections_may_be_lost(photo: np.ndarray, name: str) -> None:
    window, n = WINDOWS[name]
    finder = Forgetful(0.1)
    assert bare(photo, window, scanned(clip(photo, window, n), finder), n) == []
    assert finder.lost > 5


def test_the_check_sees_what_is_bare(photo: np.ndarray) -> None:
    window, n = WINDOWS["still"]
    nobody = Tracks(np.full((n, 1, 4), np.nan, np.float32), np.ones(1, np.bool_))
    assert len(bare(photo, window, nobody, n)) >= 3 * n


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_lying_pictures_hide_nobody(photo: np.ndarray, quarters: int) -> None:
    """A clip turned by quarters that says nothing of it."""
    truth = head_finder().find(photo, 0.6)[:, :4]
    height, width = photo.shape[:2]
    turned = np.ascontiguousarray(np.rot90(photo, quarters))
    tracks = scanned([turned] * 10)
    for box in truth:
        filled = grown(tracks.heads_at(5), *turned.shape[:2]).astype(np.float32)
        assert covered_share(_turned(box, width, height, quarters), filled) >= 0.5


def _turned(box: Points, width: int, height: int, quarters: int) -> Points:
    for _ in range(quarters):
        box = np.array([box[1], width - box[2], box[3], width - box[0]], np.float32)
        width, height = height, width
    return box


def test_little_more_than_heads_is_filled_and_the_rest_is_untouched(photo: np.ndarray) -> None:
    """Filled is at most three times the heads: a head is a face box with a third more above and a tenth at each side."""
    frames = [photo] * 6
    tracks = scanned(frames)
    op = RemoveHeads(SCAN)
    mask = op.covered(photo, tracks, 3)
    truth = np.zeros(photo.shape[:2], np.bool_)
    for x0, y0, x1, y1 in head_finder().find(photo, 0.6)[:, :4]:
        wide, high = x1 - x0, y1 - y0
        top, left = max(0, int(y0 - 0.33 * high)), max(0, int(x0 - 0.1 * wide))
        truth[top : int(y1), left : int(x1 + 0.1 * wide)] = True
    assert mask.sum() <= 3 * truth.sum()
    assert mask[truth].mean() > 0.9
    out = op.render(photo, tracks, 3)
    assert (out == photo).all(axis=2)[~mask].all()
