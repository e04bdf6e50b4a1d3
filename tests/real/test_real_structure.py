"""Joints and landmarks beside what people set by hand. Few: 9 bodies, 3 faces; floors are what was measured, with a little
room, and the rule of where to look was chosen on the same pictures."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gerdata.errors import MissingError
from gerdata.people.structures import StructureFinder

pytestmark = [pytest.mark.real, pytest.mark.slow]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "structure.py"


@pytest.fixture(scope="module")
def finder() -> StructureFinder:
    try:
        return StructureFinder()
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARK))


@pytest.fixture(scope="module")
def found(bench: dict[str, Any], real_data: Path) -> list[Any]:
    everybody = list(bench["known"](real_data))
    with_face = [one for one in everybody if one.face is not None]
    assert (len(with_face), len(everybody)) == (9, 12)
    return with_face


def test_joints_lie_where_people_set_them(finder: StructureFinder, bench: dict[str, Any], found: list[Any]) -> None:
    scores, near = [], []
    for one in found:
        joints = bench["joints_of"](one, finder._joints)
        scores.append(bench["oks"](joints, one))
        near.append(bench["pck"](joints, one))
    assert np.mean(scores) >= 0.75
    assert np.median(scores) >= 0.8
    assert np.concatenate(near).mean() >= 0.88
    swapped = bench["joints_of"](found[0], finder._joints)[:, [1, 0, 2]]
    assert bench["oks"](swapped, found[0]) < 0.1  # the measure sees y before x


def test_landmarks_lie_where_people_set_them(finder: StructureFinder, bench: dict[str, Any], found: list[Any]) -> None:
    marked = [one for one in found if one.landmarks is not None]
    errors = [
        bench["nme"](finder._landmarks.find(one.frame, one.face[None].astype(np.float32))[0], one.landmarks)
        for one in marked
    ]
    assert len(errors) == 3
    assert np.mean(errors) <= 0.11


def test_in_a_group_bodies_are_those_of_their_faces(
    finder: StructureFinder, bench: dict[str, Any], real_data: Path
) -> None:
    alone, together = bench["groups"](real_data, finder._joints, finder._landmarks)
    near = [np.mean(np.array(away) < 0.25) for away in (alone, together)]
    assert len(together) >= 80
    assert near[1] >= 0.9
    assert near[1] > near[0] + 0.3  # the faces of others hidden, and shown


def test_a_mirrored_picture_has_mirrored_joints(
    finder: StructureFinder, bench: dict[str, Any], found: list[Any]
) -> None:
    """Left and right change places, and places stay: a person's left arm is on the right of a picture that shows the face."""
    other = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
    scores = []
    for one in found:
        width = one.frame.shape[1]
        face = one.face.copy()
        face[[0, 2]] = width - one.face[[2, 0]]
        mirrored = np.ascontiguousarray(one.frame[:, ::-1])
        joints = finder._joints.find(mirrored, face[None].astype(np.float32))[0].astype(np.float64)[other]
        joints[:, 0] = width - joints[:, 0]
        scores.append(bench["oks"](joints, one))
    assert np.mean(scores) >= 0.72
