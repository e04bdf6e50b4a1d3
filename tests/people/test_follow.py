"""Boxes become tracks: nobody is bare between two sightings, nor just before the first and after the last."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.people.follow import Motion, follow, motion_of

SIZE = (240, 320)


def still(n: int) -> Motion:
    return Motion(np.zeros((n, 2)), np.zeros(n))


def walk(n: int, start: tuple[float, float], step: tuple[float, float], side: float = 30) -> np.ndarray:
    """True boxes [n, 4] of one head that walks."""
    corner = np.array(start) + np.arange(n)[:, None] * np.array(step)
    return np.concatenate([corner, corner + side], axis=1).astype(np.float32)


def seen(truths: list[np.ndarray], dropped: set[tuple[int, int]], score: float = 0.8) -> dict[int, np.ndarray]:
    return {
        f: np.array(
            [[*truth[f], score] for p, truth in enumerate(truths) if (p, f) not in dropped], np.float32
        ).reshape(-1, 5)
        for f in range(len(truths[0]))
    }


def bare(heads: np.ndarray, truth: np.ndarray, least: float = 0.5) -> list[int]:
    """Frames in which no track covers half of the true box."""
    out = []
    for f, box in enumerate(truth):
        shares = [0.0]
        for other in heads[f]:
            if np.isfinite(other).all():
                w = min(box[2], other[2]) - max(box[0], other[0])
                h = min(box[3], other[3]) - max(box[1], other[1])
                shares.append(max(0, w) * max(0, h) / ((box[2] - box[0]) * (box[3] - box[1])))
        if max(shares) < least:
            out.append(f)
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_tenth_of_all_detections_may_be_lost(seed: int) -> None:
    rng = np.random.RandomState(seed)
    truths = [
        walk(125, (20 + 60 * p, 40 + 30 * (p % 3)), (rng.uniform(-0.4, 0.4), rng.uniform(-0.3, 0.3))) for p in range(4)
    ]
    lost = {(p, f) for p in range(4) for f in range(125) if rng.rand() < 0.1}
    tracks = follow(seen(truths, lost), still(125), hold=12)
    assert [bare(tracks.heads, truth) for truth in truths] == [[], [], [], []]
    assert tracks.is_closed.all()


def test_a_gap_of_a_second_is_bridged_and_both_ends_are_held() -> None:
    truth = walk(100, (50, 50), (1.0, 0.2))
    lost = {(0, f) for f in (*range(8), *range(40, 60), *range(92, 100))}
    tracks = follow(seen([truth], lost), still(100), hold=12)
    assert tracks.heads.shape == (100, 1, 4)
    assert bare(tracks.heads, truth) == []


def test_two_heads_that_cross_stay_covered() -> None:
    truths = [walk(80, (20, 60), (3, 0)), walk(80, (260, 66), (-3, 0))]
    lost = {(1, f) for f in range(36, 44)}  # one hides the other
    tracks = follow(seen(truths, lost), still(80), hold=12)
    assert [bare(tracks.heads, truth) for truth in truths] == [[], []]


def test_nobody_is_held_over_a_cut_for_more_than_two_frames() -> None:
    truth = walk(60, (50, 50), (0, 0))
    change = np.zeros(60)
    change[30] = 80
    tracks = follow(seen([truth], {(0, f) for f in range(30, 60)}), Motion(np.zeros((60, 2)), change), hold=12)
    there = np.isfinite(tracks.heads[:, 0, 0])
    assert there[:30].all()
    assert there[30:].sum() == 2


def test_a_held_head_moves_with_the_camera() -> None:
    shift = np.tile([4.0, 0.0], (30, 1))
    shift[0] = 0
    truth = walk(30, (50, 50), (4, 0))
    tracks = follow(seen([truth], {(0, f) for f in range(15, 30)}), Motion(shift, np.full(30, 3.0)), hold=12)
    assert bare(tracks.heads[:27], truth[:27], least=0.9) == []
    assert tracks.is_closed.all()


def test_a_place_that_is_a_guess_leaves_the_track_open() -> None:
    truth = walk(40, (50, 50), (0, 0))
    motion = Motion(np.zeros((40, 2)), np.where(np.arange(40) >= 20, 20.0, 0.0))
    tracks = follow(seen([truth], {(0, f) for f in range(20, 40)}), motion, hold=12)
    assert not tracks.is_closed.any()


def test_a_lone_faint_sighting_is_covered_where_it_is_and_not_held() -> None:
    found = {f: np.zeros((0, 5), np.float32) for f in range(20)}
    found[10] = np.array([[5, 5, 25, 25, 0.3]], np.float32)
    assert np.isfinite(follow(found, still(20), hold=12).heads[:, 0, 0]).sum() == 1


@pytest.mark.parametrize(("dx", "dy"), [(8, 0), (0, 5), (-6, 3)])
def test_motion_of_a_pan_is_measured_in_pixels_of_the_frame(dx: int, dy: int) -> None:
    import cv2

    rng = np.random.RandomState(1)
    scene = cv2.GaussianBlur(rng.randint(0, 255, (400, 500)).astype(np.uint8), (0, 0), 12)
    scene = cv2.normalize(scene, None, 0, 255, cv2.NORM_MINMAX)
    frames = [scene[60 - i * dy :, 80 - i * dx :][: SIZE[0], : SIZE[1]] for i in range(5)]
    glances = [cv2.resize(frame, (48, 36), interpolation=cv2.INTER_AREA) for frame in frames]
    motion = motion_of(glances, SIZE)
    assert np.abs(motion.shift[1:] - [dx, dy]).max() < 2.5


def test_nobody_and_no_frames() -> None:
    assert follow({}, still(0), 12).heads.shape == (0, 0, 4)
    assert follow({0: np.zeros((0, 5), np.float32)}, still(3), 12).heads.shape == (3, 0, 4)
