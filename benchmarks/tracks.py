"""Bare faces on tracks whose truth is known: windows that travel over photos of groups, by kind of motion, in one run.

    python benchmarks/tracks.py PHOTOS [--frames 20] [--photos 30]

Truth is a face of 16 px or more that the second and the third detector both find in the photo (neither finds what is filled
first), carried along with the window by arithmetic. A track is one such face in one clip that lies in the frame by more than
half in one frame at least. Bare: under half of what shows of it is filled; a track is bare by its worst frame. Bounds are of
95 % (Clopper-Pearson), of frames as if they were independent, which they are not: read the bound of tracks. Two frames of
each clip are kept ones (searched enlarged and turned), the others are looked at as motion asks. `lost`: a tenth of all
detections is deleted by lot before anything is followed.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from gerdata.audit.statistics import clopper_pearson
from gerdata.chance import rng_for
from gerdata.clip import Frames, Points
from gerdata.media.picture import StillFrame
from gerdata.people.faces import FaceGate
from gerdata.people.heads import HeadFinder
from gerdata.people.scan import HeadScan
from gerdata.people.tiles import Boxes, overlaps
from gerdata.people.tracks import Look, Tracks
from gerdata.people.witness import Witness
from gerdata.privacy.check import covered_share
from gerdata.privacy.heads import grown

FPS, HEIGHT, WIDTH, LONG_PX = 25, 360, 480, 960
MOST_PX, LEAST_PX, LEAST_FACES = 3_000_000, 16, 2
Place = Callable[
    [int, int], tuple[float, float, float]
]  # shift in x and y from the faces' middle, and a turn in degrees

KINDS: dict[str, Place] = {
    "still": lambda i, n: (0, 0, 0),
    "slow pan": lambda i, n: (4 * (i - n / 2), 0, 0),
    "fast pan": lambda i, n: (24 * (i - n / 2), 0, 0),
    "whip": lambda i, n: (48 * (i - n / 2), 0, 0),
    "entry at the edge": lambda i, n: (-WIDTH + 16 * i, 0, 0),
    "shake": lambda i, n: (17 if i % 2 else -17, 11 if i % 3 else -11, 0),
    "stop and go": lambda i, n: (20 * min(max(0, i - n // 3), n // 3), 0, 0),
    "turn": lambda i, n: (0, 0, 60 * (i / max(1, n - 1) - 0.5)),
    "slow pan, lost": lambda i, n: (4 * (i - n / 2), 0, 0),
    "shake, lost": lambda i, n: (17 if i % 2 else -17, 11 if i % 3 else -11, 0),
}


class Forgetful:
    """A finder that loses a tenth of what it finds, by lot."""

    def __init__(self, finder: HeadFinder) -> None:
        self.finder, self.rng = finder, rng_for(0, "forgetful")

    def find(self, *arguments: object, **options: object) -> Boxes:
        boxes = self.finder.find(*arguments, **options)  # type: ignore[arg-type]
        return np.ascontiguousarray(boxes[self.rng.random(len(boxes)) >= 0.1])


@dataclass
class Count:
    """Of one kind of motion."""

    clips: int = 0
    frames: list[float] = field(default_factory=list)  # share that is filled, of each face in each frame
    worst: list[float] = field(default_factory=list)  # the least of each track

    def row(self, name: str) -> str:
        def told(shares: list[float], least: float) -> str:
            bad = sum(one < least for one in shares)
            low, high = clopper_pearson(bad, len(shares))
            return f"{bad} ({bad / max(1, len(shares)):.4f} [{low:.4f}, {high:.4f}])"

        cells = [
            self.clips,
            len(self.frames),
            told(self.frames, 0.5),
            len(self.worst),
            told(self.worst, 0.5),
            told(self.worst, 0.95),
        ]
        return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def photos(folder: Path) -> Iterator[tuple[Frames, Points]]:
    """Groups, to a long side of 960, and their faces."""
    gate, witness = FaceGate(), Witness()
    for path in sorted(folder.rglob("*")):
        picture = cv2.imread(str(path)) if path.suffix.lower() in (".jpg", ".png", ".jpeg") else None
        if picture is None or picture.shape[0] * picture.shape[1] > MOST_PX:
            continue
        scale = min(2.0, LONG_PX / max(picture.shape[:2]))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        frame = np.ascontiguousarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way)[..., ::-1])
        one, other = gate.find(frame, 0.5)[:, :4], witness.find(frame, 0.5)[:, :4]
        faces = one[(overlaps(one, other) > 0.4).any(axis=1)] if len(one) and len(other) else one[:0]
        faces = faces[(faces[:, 2:] - faces[:, :2]).min(axis=1) >= LEAST_PX] if len(faces) else faces
        if len(faces) >= LEAST_FACES:
            yield frame, faces


def clip(photo: Frames, faces: Points, place: Place, n: int) -> Iterator[tuple[Frames, Points]]:
    """Frames of a window over a photo, mirrored beyond its edges, with grain; and the faces in pixels of each."""
    grain = rng_for(0, "grain").normal(0, 3, (HEIGHT, WIDTH, 3)).astype(np.float32)
    middles, half = (faces[:, :2] + faces[:, 2:]) / 2, (faces[:, 2:] - faces[:, :2]) / 2
    middle = np.median(middles, axis=0)
    for i in range(n):
        x, y, degrees = place(i, n)
        way = cv2.getRotationMatrix2D((float(middle[0] + x), float(middle[1] + y)), degrees, 1.0)
        way[:, 2] += np.array([WIDTH / 2, HEIGHT / 2]) - (middle + (x, y))
        part = cv2.warpAffine(photo, way, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
        frame = (part + np.roll(grain, i * 7, axis=(0, 1))).clip(0, 255).astype(np.uint8)
        now = middles @ way[:, :2].T + way[:, 2]
        yield frame, np.concatenate([now - half, now + half], axis=1).astype(np.float32)


def measure(shown: list[tuple[Frames, Points]], tracks: Tracks, count: Count) -> None:
    """Add what is filled of every face in every frame that shows more than half of it."""
    shares: dict[int, list[float]] = {}
    for number, (_, faces) in enumerate(shown):
        filled = grown(tracks.heads_at(number), HEIGHT, WIDTH).astype(np.float32)
        for face, box in enumerate(faces):
            seen = np.concatenate([box[:2].clip(0), np.minimum(box[2:], (WIDTH, HEIGHT))])
            if np.prod((seen[2:] - seen[:2]).clip(0)) > 0.5 * np.prod(box[2:] - box[:2]):
                shares.setdefault(face, []).append(covered_share(seen, filled))
    count.clips += 1
    count.frames += [one for own in shares.values() for one in own]
    count.worst += [min(own) for own in shares.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--photos", type=int, default=30)
    arguments = parser.parse_args()
    n, finder, scan = arguments.frames, HeadFinder(), HeadScan()
    forgetful = Forgetful(finder)
    counts = {name: Count() for name in KINDS}
    kept = {n // 4, 3 * n // 4}
    used = 0
    for photo, faces in photos(arguments.folder):
        if used == arguments.photos:
            break
        used += 1
        for name, place in KINDS.items():
            shown = list(clip(photo, faces, place, n))
            looks = (Look(StillFrame(i / FPS, frame), i in kept) for i, (frame, _) in enumerate(shown))
            measure(shown, scan.scan(looks, forgetful if name.endswith("lost") else finder), counts[name])  # type: ignore[arg-type]
    print(f"{used} photos, clips of {n} frames\n")
    print("| motion | clips | faces in frames | bare | tracks | bare in any frame | under .95 filled in any frame |")
    print("|---" * 7 + "|")
    whole = Count()
    for name, count in counts.items():
        print(count.row(name))
        whole.clips, whole.frames, whole.worst = (
            whole.clips + count.clips,
            whole.frames + count.frames,
            whole.worst + count.worst,
        )
    print(whole.row("all"))


if __name__ == "__main__":
    main()
