"""Average precision by object keypoint similarity, beside COCO's own code and cases computed by hand."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.chance import rng_for
from gerdata.learn.bootstrap import Floats
from gerdata.learn.mean_pose import mean_poses
from gerdata.learn.oks import SIGMAS, THRESHOLDS, Hits, average_precision, found, is_spread, joined, similarities

Frame = tuple[Floats, Floats, Floats]  # joints said [Q, 17, 2], scores [Q], people [P, 17, 2]
# Means over recalls at .50, .55, ... .95 by pycocotools 2.0.10 (areas as ours, all sizes, 1000 queries a frame).
BY_COCO = {
    (1, False): [
        0.2565815487,
        0.2309030839,
        0.1817932469,
        0.1619753209,
        0.1301211027,
        0.0853368068,
        0.0757750446,
        0.0497545484,
        0.0198019802,
        0.0069306931,
    ],
    (2, True): [
        0.2828567410,
        0.2244865527,
        0.1997981042,
        0.1796865746,
        0.1574837727,
        0.1269135115,
        0.0980831872,
        0.0594705270,
        0.0231511322,
        0.0076370349,
    ],
}


def frames_of(seed: int, has_ties: bool, n: int = 25, queries: int = 12) -> list[Frame]:
    """People of whom some joints are not known, queries near them, and queries anywhere."""
    rng, out = rng_for(seed, "oks"), []
    for _ in range(n):
        count = int(rng.integers(1, 7))
        people = rng.random((count, 1, 2)) * 200 + rng.random((count, 17, 2)) * rng.uniform(30, 90, (count, 1, 1))
        is_known = rng.random((count, 17)) < 0.7
        is_known[:, :4] = True
        people[~is_known] = np.nan
        said = rng.random((queries, 17, 2)) * 250
        for q in range(count + 1):
            near = people[q % count]
            said[q] = np.where(np.isfinite(near), near, 0) + rng.normal(0, rng.uniform(0.5, 6), (17, 2))
        score = rng.random(queries)
        out.append((said, np.round(score, 1) if has_ties else score, people))
    return out


def hits_of(frames: list[Frame]) -> Hits:
    """Every frame a group of its own."""
    hits = []
    for number, (said, score, people) in enumerate(frames):
        n = np.zeros(len(frames))
        n[number] = len(people)
        hits.append(Hits(score, found(similarities(said, people), score), np.full(len(score), number), n))
    return joined(hits)


@pytest.mark.parametrize(("seed", "has_ties"), BY_COCO)
def test_average_precision_is_what_cocos_own_code_says(seed: int, has_ties: bool) -> None:
    told = average_precision(hits_of(frames_of(seed, has_ties)), np.ones((1, 25)))[0]
    assert told == pytest.approx(BY_COCO[seed, has_ties], abs=1e-9)


@pytest.mark.parametrize("has_ties", [False, True])
def test_and_of_other_sets_where_that_code_is_at_hand(has_ties: bool) -> None:
    pytest.importorskip("pycocotools")
    for seed in range(3, 9):
        frames = frames_of(seed, has_ties)
        told = average_precision(hits_of(frames), np.ones((1, 25)))[0]
        assert told == pytest.approx(by_coco(frames), abs=1e-12)


def by_coco(frames: list[Frame]) -> Floats:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    known, said = [], []
    for number, (joints, score, people) in enumerate(frames):
        for person in people:
            there = np.isfinite(person).all(axis=1)
            low, high = np.nanmin(person, axis=0), np.nanmax(person, axis=0)
            points = (
                np.concatenate([np.where(there[:, None], person, 0), 2.0 * there[:, None]], axis=1).ravel().tolist()
            )
            known.append(
                {
                    "id": len(known) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "keypoints": points,
                    "num_keypoints": int(there.sum()),
                    "area": float((high - low).prod()),
                    "bbox": [*low, *(high - low)],
                    "iscrowd": 0,
                }
            )
        for own, sure in zip(joints, score, strict=True):
            points = np.concatenate([own, np.ones((17, 1))], axis=1).ravel().tolist()
            said.append({"image_id": number, "category_id": 1, "keypoints": points, "score": float(sure)})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        images, kinds = [{"id": number} for number in range(len(frames))], [{"id": 1, "name": "person"}]
        truth.dataset = {"images": images, "annotations": known, "categories": kinds, "info": {}}
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(said), "keypoints")
        judge.params.maxDets, judge.params.areaRng, judge.params.areaRngLbl = [1000], [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    return np.asarray(judge.eval["precision"][:, :, 0, 0, 0].mean(axis=1), np.float64)


def person(at: float = 0.0) -> Floats:
    """Seventeen joints on the diagonal of a box of 16 x 32."""
    return np.stack([at + np.arange(17.0), 2 * np.arange(17.0)], axis=1)


def test_similarity_by_hand() -> None:
    said = person()
    said[0, 0] += 3
    squared = 9 / (2 * 16 * 32 * (2 * SIGMAS[0]) ** 2)
    assert similarities(said[None], person()[None])[0, 0] == pytest.approx((16 + np.exp(-squared)) / 17)
    half = person()
    half[1:9] = np.nan  # the box stays as it is
    assert similarities(said[None], half[None])[0, 0] == pytest.approx((8 + np.exp(-squared)) / 9)


def test_precision_by_hand_and_a_person_is_found_once() -> None:
    """Two people; the surest query finds one, the next finds the same one again, the last the other."""
    said, people = np.stack([person(), person(), person(100)]), np.stack([person(), person(100)])
    score = np.array([0.9, 0.8, 0.7])
    right = found(similarities(said, people), score)
    assert right.tolist() == [[True, False, True]] * 10
    hits = Hits(score, right, np.zeros(3, np.int64), np.array([2.0]))
    assert average_precision(hits, np.ones((1, 1)))[0] == pytest.approx([(51 + 50 * 2 / 3) / 101] * 10)
    assert np.isnan(average_precision(hits, np.zeros((1, 1)))).all()


def test_who_spans_no_box_is_nobodys_to_find() -> None:
    two, line = person(), person()
    two[2:], line[:, 1] = np.nan, 5
    assert is_spread(np.stack([person(), two, line])).tolist() == [True, False, False]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3), min_size=25, max_size=25).filter(any))
def test_a_frame_that_is_drawn_thrice_counts_as_three_frames(times: list[int]) -> None:
    frames = frames_of(1, False)
    told = average_precision(hits_of(frames), np.array([times], np.float64))
    copies = [frame for frame, n in zip(frames, times, strict=True) for _ in range(n)]
    again = average_precision(hits_of(copies), np.ones((1, len(copies))))
    assert told == pytest.approx(again, abs=1e-12)
    assert told.shape == (1, len(THRESHOLDS))


def test_mean_poses_are_the_means_of_those_near_each_other() -> None:
    rng = rng_for(0, "poses")
    left, right = person() + rng.normal(0, 0.1, (20, 17, 2)), person(100) + rng.normal(0, 0.1, (5, 17, 2))
    left[3, 4] = np.nan
    frame = np.array([*range(20), *range(5)])
    poses = mean_poses(np.concatenate([left, right]), frame, 2)
    assert poses.joints[0] == pytest.approx(np.nanmean(left, axis=0))
    assert poses.joints[1] == pytest.approx(right.mean(axis=0))
    assert poses.score.tolist() == [1.0, 0.25]  # of twenty frames
    assert len(mean_poses(left[:3], frame[:3], 8).score) == 3


def test_a_joint_that_nobody_has_lies_in_the_middle_of_the_others() -> None:
    people = np.repeat(person()[None], 4, axis=0)
    people[:, 16] = np.nan
    assert mean_poses(people, np.arange(4), 1).joints[0, 16] == pytest.approx(people[0, :16].mean(axis=0))
