"""Joints and landmarks of people in photos beside what people set by hand, for several rules of where to look.

    python benchmarks/structure.py DATA

DATA holds mmpose's test files of COCO (14 people in four pictures, `annotations/.../test_coco_wholebody.json`). Judged are the
people with joints whose face the head finder finds; how many those are is told. OKS: object keypoint similarity with COCO's
sigmas; PCK: share of labelled joints within a tenth of the longer side of the person's box. NME: mean distance of the 68
landmarks in distances of the outer eye corners. A missing point counts as infinitely far.

Groups: no joints are known in the other photos, but faces are. Of every face of 24 px and more with all its landmarks, nose and
eyes of the body beside those of the face mesh: near is a mean distance under a quarter of the face box's height.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames
from gerdata.media.picture import StillFrame
from gerdata.people import joints
from gerdata.people.bodies import PersonMask
from gerdata.people.heads import HeadFinder
from gerdata.people.joints import JointFinder, first_square
from gerdata.people.landmarks import LandmarkFinder
from gerdata.people.scan import HeadScan
from gerdata.people.squares import Square
from gerdata.people.tracks import Look, Mask

Plane = npt.NDArray[np.float64]
PHOTOS, TRUTH = "photos/mmpose/tests/data/coco", "annotations/mmpose/tests/data/coco/test_coco_wholebody.json"
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000  # of COCO's evaluation
OUTER_EYES = (36, 45)


class Known(NamedTuple):
    """One person of the truth, and the face box that was found of it (None: not found)."""

    frame: Frames
    joints: Plane  # [17, 3]
    landmarks: Plane | None  # [68, 2]
    area: float
    box: Plane  # x, y, width, height
    face: Plane | None
    faces: Plane  # all of the frame, [P, 4]


def known(data: Path) -> Iterator[Known]:
    """Everybody with labelled joints; the face box whose middle is nearest to the labelled nose, eyes and ears is theirs."""
    told, finder = json.loads((data / TRUTH).read_text()), HeadFinder()
    for picture in told["images"]:
        frame = np.ascontiguousarray(cv2.imread(str(data / PHOTOS / picture["file_name"]))[..., ::-1])
        faces = HeadScan().scan([Look(StillFrame(0.0, frame), True)], finder).heads_at(0).astype(np.float64)
        for one in told["annotations"]:
            points = np.array(one["keypoints"], np.float64).reshape(17, 3)
            if one["image_id"] == picture["id"] and points[:, 2].any():
                marks = np.array(one["face_kpts"], np.float64).reshape(68, 3)[:, :2] if one["face_valid"] else None
                face = _face_of(points[:5], faces)
                box = np.array(one["bbox"], np.float64)
                yield Known(frame, points, marks, float(one["area"]), box, face, faces)


def _face_of(points: Plane, faces: Plane) -> Plane | None:
    head = points[points[:, 2] > 0, :2]
    if not len(head) or not len(faces):
        return None
    away = np.hypot(*((faces[:, :2] + faces[:, 2:]) / 2 - head.mean(axis=0)).T) / (faces[:, 2] - faces[:, 0])
    return faces[away.argmin()] if away.min() < 0.6 else None


def oks(found: Plane, one: Known) -> float:
    """Object keypoint similarity of joints `[17, >=2]`."""
    labelled = one.joints[:, 2] > 0
    squared = ((found[:, :2] - one.joints[:, :2]) ** 2).sum(axis=1) / (2 * one.area * (2 * SIGMAS) ** 2)
    return float(np.exp(-np.nan_to_num(squared, nan=np.inf))[labelled].mean())


def pck(found: Plane, one: Known) -> Plane:
    """Of every labelled joint, whether it is near."""
    labelled = one.joints[:, 2] > 0
    away = np.hypot(*(found[:, :2] - one.joints[:, :2]).T)
    return np.asarray(np.nan_to_num(away, nan=np.inf) <= 0.1 * one.box[2:].max())[labelled]


def nme(found: Plane, marks: Plane) -> float:
    """Normalised mean error of landmarks `[68, 2]`."""
    eyes = float(np.hypot(*(marks[OUTER_EYES[0]] - marks[OUTER_EYES[1]])))
    return float(np.nan_to_num(np.hypot(*(found - marks).T), nan=np.inf).mean() / eyes)


def after(looks: int, start: Square, frame: Frames, finder: JointFinder) -> Plane:
    """Joints after some looks, none of them refused."""
    for _ in range(looks):
        seen = finder.look(frame, start)
        start = seen.around
    return seen.joints


def by_mask(one: Known, mask: Mask) -> Square:
    """The square around the part of the person mask that is joined to the face, five faces wide at most."""
    x0, y0, x1, y1 = one.face
    left, top = max(0, int(x0 - 2 * (x1 - x0))), max(0, int(y0 - 0.6 * (y1 - y0)))
    _, parts = cv2.connectedComponents(mask[top:, left : int(x1 + 2 * (x1 - x0))].astype(np.uint8))
    own = parts[int((y0 + y1) / 2) - top, int((x0 + x1) / 2) - left]
    if own == 0:
        return first_square(one.face)
    rows, columns = np.nonzero(parts == own)
    middle = np.array([columns.min() + columns.max(), rows.min() + rows.max()]) / 2 + (left, top)
    return Square.at(middle, 1.25 * float(max(np.ptp(rows), np.ptp(columns))))


def rules(masks: PersonMask, finder: JointFinder) -> dict[str, Callable[[Known], Plane]]:
    def of_box(one: Known) -> Square:
        return Square.at(one.box[:2] + one.box[2:] / 2, 1.25 * float(one.box[2:].max()))

    def of_face(one: Known, high: float) -> Square:
        x0, y0, x1, y1 = one.face
        side = high * (y1 - y0)
        return Square((x0 + x1) / 2, y0 - 0.6 * (y1 - y0) + 0.475 * side, side)

    starts: dict[str, Callable[[Known], Square]] = {
        "true box": of_box,
        "person mask": lambda one: by_mask(one, masks.find(one.frame)),
        "7 faces": lambda one: of_face(one, 7),
        "8 faces": lambda one: of_face(one, 8),
        "9 faces": lambda one: of_face(one, 9),
        "10 faces": lambda one: of_face(one, 10),
        "12 faces": lambda one: of_face(one, 12),
    }
    out: dict[str, Callable[[Known], Plane]] = {}
    for name, start in starts.items():
        for looks in (1, 2, 3, 4):
            out[f"{name}, {looks}"] = lambda one, start=start, n=looks: after(n, start(one), one.frame, finder)
    out["as used, alone"] = lambda one: finder.find(one.frame, one.face[None].astype(np.float32))[0].astype(np.float64)
    out["as used"] = lambda one: joints_of(one, finder)
    return out


def joints_of(one: Known, finder: JointFinder) -> Plane:
    """`[17, 3]`, with all other faces of the frame hidden."""
    at = int((one.faces == one.face).all(axis=1).argmax())
    return finder.find(one.frame, one.faces.astype(np.float32))[at].astype(np.float64)


def groups(data: Path, finder: JointFinder, landmarks: LandmarkFinder) -> tuple[list[float], list[float]]:
    """Distances of nose and eyes of body and face, in face heights: alone in `faces`, and with all others in it."""
    heads, alone, together = HeadFinder(), [], []
    for path in sorted((data / "photos").rglob("*.jp*g")):
        picture = cv2.imread(str(path))
        if "mmpose" in path.parts or picture is None or max(picture.shape) > 6000:
            continue
        scale = min(1.0, 1280 / max(picture.shape))
        frame = np.ascontiguousarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1]
        )
        faces = heads.find(frame, 0.6)[:, :4]
        marks = landmarks.find(frame, faces)
        if not 1 < len(faces) <= 40:
            continue
        both = finder.find(frame, faces)
        for p, (face, mark) in enumerate(zip(faces, marks, strict=True)):
            high = float(face[3] - face[1])
            if high >= 24 and np.isfinite(mark).all():
                told = np.stack(
                    [mark[30], mark[42:48].mean(axis=0), mark[36:42].mean(axis=0)]
                )  # nose, left and right eye
                for out, found in ((alone, finder.find(frame, faces[p : p + 1])[0]), (together, both[p])):
                    out.append(float(np.hypot(*(found[:3, :2] - told).T).mean()) / high)
    return alone, together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    everybody = list(known(data))
    found = [one for one in everybody if one.face is not None]
    finder, landmarks = JointFinder(), LandmarkFinder()
    n_joints = sum(int((one.joints[:, 2] > 0).sum()) for one in found)
    print(f"{len(found)} of {len(everybody)} people have a found face; {n_joints} labelled joints")
    print("| first square, looks | OKS mean | lowest | PCK |\n|---|---|---|---|")
    for name, rule in rules(PersonMask(), finder).items():
        places = [rule(one) for one in found]
        scores = [oks(place, one) for place, one in zip(places, found, strict=True)]
        near = np.concatenate([pck(place, one) for place, one in zip(places, found, strict=True)])
        print(f"| {name} | {np.mean(scores):.3f} | {min(scores):.2f} | {near.mean():.3f} |")
    levels = [(joints_of(one, finder)[:, 2], one.joints[:, 2]) for one in found]
    ours, theirs = (np.concatenate(side) for side in zip(*levels, strict=True))
    for level, told in ((2, "seen"), (1, "hidden"), (0, "not labelled")):
        print(f"visibility 2 of {told} joints: {np.mean(ours[theirs == level] == 2):.2f} of {(theirs == level).sum()}")
    errors = []
    for one in found:
        if one.landmarks is not None:
            errors.append(nme(landmarks.find(one.frame, one.face[None].astype(np.float32))[0], one.landmarks))
    print(f"landmarks: NME {np.mean(errors):.3f} of {len(errors)} faces: " + " ".join(f"{e:.3f}" for e in errors))
    for name, away in zip(("others shown", "others hidden"), groups(data, finder, landmarks), strict=True):
        near = np.array(away) < 0.25
        print(f"groups, {name}: found {np.mean(np.isfinite(away)):.2f}, near {near.mean():.2f} of {len(away)}")
    one = found[0]
    began = time.perf_counter()
    finder.find(one.frame, one.face[None].astype(np.float32))
    middle = time.perf_counter()
    landmarks.find(one.frame, one.face[None].astype(np.float32))
    print(f"a person: joints {1e3 * (middle - began):.0f} ms ({joints.LOOKS} looks), landmarks", end=" ")
    print(f"{1e3 * (time.perf_counter() - middle):.0f} ms")


if __name__ == "__main__":
    main()
