"""Joints and landmarks of known heads: order, missing, whose they are, and none of the published code's defects."""

from collections.abc import Callable

import numpy as np
import pytest

from gerdata.clip import Structure
from gerdata.errors import MissingError
from gerdata.people import joints, landmarks
from gerdata.people.joints import JOINTS, JointFinder, first_square, is_of
from gerdata.people.landmarks import LandmarkFinder
from gerdata.people.squares import Square
from gerdata.people.structures import STEP_PX, StructureFinder, in_a_row

FACE = np.array([[100, 40, 130, 80]], np.float32)
FRAME = np.zeros((480, 640, 3), np.uint8)


class Model:
    """In place of both models: told what to answer for each square that is shown."""

    def __init__(self, *answers: dict[str, np.ndarray]) -> None:
        self.answers, self.shown = list(answers), 0

    def run(self, x: np.ndarray) -> dict[str, np.ndarray]:
        self.shown += 1
        return self.answers[min(self.shown, len(self.answers)) - 1]


def body(square: Square, places: dict[int, tuple[float, float]], flag: float = 0.9, **logits: float) -> dict:
    """What the pose model says if its points lie at these places of the frame; the others at the middle of the face."""
    marks = np.zeros((39, 5), np.float32)
    points = np.tile(np.array([115.0, 60.0]), (39, 1))
    for mark, place in {33: (115, 190), 34: (115, 60), **places}.items():
        points[mark] = place
    marks[:, :2] = square.into(points, joints.SIDE)
    marks[:, 3], marks[:, 4] = logits.get("visible", 5.0), logits.get("present", 5.0)
    return {"Identity": marks.reshape(1, 195), "Identity_1": np.array([[flag]], np.float32)}


@pytest.fixture
def joint_finder(monkeypatch: pytest.MonkeyPatch) -> Callable[..., JointFinder]:
    def made(*answers: dict) -> JointFinder:
        monkeypatch.setattr(joints, "load", lambda name: b"")
        monkeypatch.setattr(joints, "LiteModel", lambda data: Model(*answers))
        monkeypatch.setattr(joints, "LOOKS", 1)
        return JointFinder()

    return made


START = first_square(FACE[0].astype(np.float64))


def test_places_are_x_before_y_in_pixels_of_the_frame(joint_finder: Callable[..., JointFinder]) -> None:
    """The published code reads (y, x) in one place and (x, y) in another."""
    finder = joint_finder(body(START, {11: (140, 120), 28: (90, 350)}))
    found = finder.find(FRAME, FACE)
    assert found.dtype == np.float32
    assert found.shape == (1, 17, 3)
    assert found[0, 5] == pytest.approx((140, 120, 2), abs=1e-3)  # left shoulder is 11 of 33, and 5 of COCO-17
    assert found[0, 16] == pytest.approx((90, 350, 2), abs=1e-3)  # right ankle


def test_joints_of_coco_are_each_another_point_left_before_right() -> None:
    order = joints._COCO
    assert len(set(order.tolist())) == JOINTS == 17
    assert (
        order[1::2] + np.where(order[1::2] == 2, 3, 1) == order[2::2]
    ).all()  # BlazePose: left n, right n + 1; eyes 2, 5


def test_outside_the_frame_is_missing_and_doubtful_is_hidden(joint_finder: Callable[..., JointFinder]) -> None:
    found = joint_finder(body(START, {27: (100, 700), 13: (-5, 100)})).find(FRAME, FACE)
    assert np.isnan(found[0, [15, 7], :2]).all()
    assert (found[0, [15, 7], 2] == 0).all()
    assert np.isfinite(found[0, 0]).all()
    hidden = joint_finder(body(START, {}, visible=-5.0)).find(FRAME, FACE)
    assert (hidden[..., 2] == 1).all()
    absent = joint_finder(body(START, {}, present=-5.0)).find(FRAME, FACE)
    assert (absent[..., 2] == 0).all()
    assert np.isnan(absent[..., :2]).all()


@pytest.mark.parametrize(
    "answer",
    [
        body(START, {}, flag=0.2),
        body(START, {mark: (300, 60) for mark in (0, 2, 5, 7, 8)}),  # somebody else's face
        body(START, {0: (np.nan, np.nan)}),
    ],
)
def test_nobody_and_somebody_else_are_missing(joint_finder: Callable[..., JointFinder], answer: dict) -> None:
    found = joint_finder(answer).find(FRAME, FACE)
    assert np.isnan(found[..., :2]).all()
    assert (found[..., 2] == 0).all()


@pytest.mark.parametrize("box", [[np.nan] * 4, [10, 10, 10, 20], [30, 10, 20, 20]])
def test_a_person_who_is_not_in_the_frame_costs_no_look(
    joint_finder: Callable[..., JointFinder], box: list[float]
) -> None:
    finder = joint_finder(body(START, {}))
    found = finder.find(FRAME, np.array([box, FACE[0]], np.float32))
    assert (found[0, :, 2] == 0).all()
    assert (found[1, :, 2] == 2).all()
    assert finder._model.shown == 1  # type: ignore[attr-defined]
    assert finder.find(FRAME, np.zeros((0, 4), np.float32)).shape == (0, 17, 3)


def test_a_later_look_that_loses_the_person_does_not_undo_an_earlier_one(
    joint_finder: Callable[..., JointFinder], monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = joint_finder(body(START, {11: (140, 120)}), body(START, {}, flag=0.0))
    monkeypatch.setattr(joints, "LOOKS", 3)
    assert finder.find(FRAME, FACE)[0, 5] == pytest.approx((140, 120, 2), abs=1e-3)


def test_whose_joints_they_are() -> None:
    box = FACE[0].astype(np.float64)
    at = np.tile(np.array([[115.0, 60.0]]), (17, 1))
    assert is_of(at, box)
    assert is_of(at + (0, 19), box)
    assert not is_of(at + (0, 21), box)  # half of a face that is 40 px high


def test_each_person_is_looked_at_with_all_others_hidden(joint_finder: Callable[..., JointFinder]) -> None:
    """In a group the model follows whom it likes; and what one look hid is there again in the next."""
    faces = np.array([[100, 40, 130, 80], [200, 40, 230, 80], [105, 45, 135, 85]], np.float32)
    frame = np.full((480, 640, 3), 90, np.uint8)
    shown = []

    def look(seen: np.ndarray, square: Square) -> joints.Seen:
        shown.append(seen.copy())
        return joints.Seen(np.zeros((17, 3)), 0.0, square)

    finder = joint_finder(body(START, {}))
    finder.look = look  # type: ignore[method-assign]
    finder.find(frame, faces)
    for person, seen in enumerate(shown):
        middles = [seen[int(box[1] + box[3]) // 2, int(box[0] + box[2]) // 2, 0] for box in faces]
        assert middles[person] == 90  # its own face, even where another's box is on it
        assert middles[1] == (90 if person == 1 else 0)
        assert middles[0] == (0 if person == 1 else 90)
        assert seen[300, 300, 0] == 90
    assert len(shown) == 3
    assert (frame == 90).all()


def test_landmarks_need_the_flag_and_the_right_face(monkeypatch: pytest.MonkeyPatch) -> None:
    square = Square(115, 60, 1.5 * 40)

    def answer(x: float, y: float, logit: float) -> dict[str, np.ndarray]:
        mesh = np.zeros((468, 3), np.float32)
        mesh[:, :2] = square.into(np.array([x, y]), landmarks.SIDE)
        return {"conv2d_21": mesh.reshape(1, 1, 1, 1404), "conv2d_31": np.full((1, 1, 1, 1), logit, np.float32)}

    monkeypatch.setattr(landmarks, "load", lambda name: b"")
    monkeypatch.setattr(landmarks, "LOOKS", 1)
    for told, is_found in (((120, 66, 3.0), True), ((120, 66, -0.1), False), ((150, 66, 3.0), False)):
        monkeypatch.setattr(landmarks, "LiteModel", lambda data, told=told: Model(answer(*told)))
        found = LandmarkFinder().find(FRAME, FACE)
        assert found.shape == (1, 68, 2)
        assert np.isfinite(found).all() == is_found
        assert np.isnan(found).all() != is_found
        if is_found:
            assert found[0, 30] == pytest.approx((120, 66), abs=1e-3)


def test_the_68_are_each_another_point_of_the_mesh() -> None:
    assert len(set(landmarks._MESH.tolist())) == landmarks.LANDMARKS == 68
    assert landmarks._MESH.min() >= 0
    assert landmarks._MESH.max() < 468


def test_frames_in_a_row_keep_people_in_their_places_and_drop_who_never_shows() -> None:
    """A person who is gone in a frame is missing there: nothing of the frame before is left standing."""
    one, other = Structure.empty(1, 3), Structure.empty(1, 3)
    one.heads[0, 0], one.bodies[0, 0] = 1, 1
    one.heads[0, 2], other.heads[0, 2] = 2, 3
    row = in_a_row([one, other])
    assert row.heads.shape == (2, 2, 4)
    assert np.isnan(row.heads[1, 0]).all()
    assert np.isnan(row.bodies[1, 0]).all()
    assert (row.heads[:, 1, 0] == (2, 3)).all()
    assert in_a_row([Structure.empty(1), Structure.empty(1)]).heads.shape == (2, 0, 4)


@pytest.fixture(scope="module")
def finder() -> StructureFinder:
    try:
        return StructureFinder()
    except MissingError as missing:
        pytest.skip(str(missing))


def test_nobody_is_found_in_noise_and_the_same_frame_gives_the_same_bytes(finder: StructureFinder) -> None:
    frame = np.random.RandomState(0).randint(0, 256, (300, 400, 3)).astype(np.uint8)
    faces = np.array([[100, 40, 130, 80], [300, 200, 320, 230], [np.nan] * 4], np.float32)
    first, second = finder.find(frame, faces, 224), finder.find(frame, faces, 224)
    assert np.isnan(first.bodies[..., :2]).all()
    assert np.isnan(first.faces).all()
    for name in ("heads", "bodies", "faces"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert first.heads[0, 0] == pytest.approx(
        np.array([100 * 224 / 400, 40 * 224 / 300, 130 * 224 / 400, 80 * 224 / 300]), abs=STEP_PX
    )
    assert finder.find(frame, np.zeros((0, 4), np.float32), 224).heads.shape == (1, 0, 4)
