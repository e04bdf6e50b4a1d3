"""Heads replaced by avatars: is a turn found, is a face read back, who else is left, and what is the picture still good for?

    python benchmarks/replace.py --faces DIR [--protected DIR --private DIR]

`turned`: heads of the bank drawn at seven yaws, the yaw found again by the face mesh. `read`: what the net that chose a face
reads in the avatar's; it is the same net, so this says that drawing loses little, not that people would read it so. `left`:
faces that the third detector finds in a protected dataset, in fills and beside them. `told`: small groups of three faces with
known labels (`DIR/MANIFEST.csv` and `DIR/faces/`, `polarity=` in the notes; grey photographs of 350x350 only, so that size and
colour tell nothing), one large and two small; the label is that of the large one, so that it matters who shows what. A plain
learner (HOG of each head, principal components, logistic regression; five folds, no person in two) on clear pictures, on
filled, on avatars, on avatars with resting faces, on avatars that show another's face (by lot within the group), on the
estimates alone; `read again`: on what the same net reads in the avatars, as the stored frame shows them.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gerdata.audit.residual import faces_left
from gerdata.chance import rng_for
from gerdata.people.heads import HeadFinder
from gerdata.people.tracks import Tracks
from gerdata.privacy.avatars import (
    HEADS,
    INTENSITIES,
    YAW_STEPS,
    AvatarHead,
    AvatarPlan,
    HeadReader,
    Protected,
    draw_heads,
    head_bank,
    plan_heads,
    put,
    quantised,
)
from gerdata.privacy.heads import FILL, RemoveHeads, grown
from gerdata.store.dataset import Dataset
from gerdata.store.members import decode
from gerdata.store.private import look_private

POLARITIES = ("negative", "neutral", "positive")
NATIVE, STORED = 448, 224
PLACES = (
    (224, 270, 120),
    (90, 110, 60),
    (358, 110, 60),
)  # x, y and height of the large and two small faces, at native size
DRAWS = 3  # groups a face is the large one of; the first is what is measured on
WAYS = ("clear", "filled", "resting", "shuffled", "avatars", "read again", "estimates")


def turned_and_read(reader: HeadReader) -> list[str]:
    """One line of each: every avatar at every yaw with a face of 80 px."""
    off, steps, lines = [], [], []
    hits: dict[int, list[bool]] = {-1: [], 0: [], 1: []}
    for person in range(HEADS.n_people):
        for yaw in range(-YAW_STEPS, YAW_STEPS + 1):
            valence = (person + yaw) % 3 - 1
            head = AvatarHead((0, 0, 224, 224), (28, 28), 20, person, 3, valence, 1 if valence == 0 else 3, yaw)
            plan = AvatarPlan(4.0, 1.0, ((head,),))
            frame = put(np.full((STORED, STORED, 3), FILL, np.uint8), plan, 0, head_bank())
            read = reader.read(frame, plan.faces(0))[0]
            if np.isfinite(read[3]):
                off.append(abs(np.degrees(read[3]) - 15 * yaw))
                steps.append(int(quantised(read[None, None])[0, 0, 2]) == yaw)
            hits[valence].append(int(quantised(read[None, None])[0, 0, 0]) == valence)
    lines.append(
        f"turned  median {np.median(off):.1f} degrees off, same step {np.mean(steps):.2f}, face found in"
        f" {len(off)} of {HEADS.n_people * len(HEADS.yaws)}"
    )
    told = ", ".join(
        f"{name} {np.mean(hits[v]):.2f} (n = {len(hits[v])})" for v, name in zip((-1, 0, 1), POLARITIES, strict=True)
    )
    return [*lines, f"read    at intensity {INTENSITIES[-1]}: {told}"]


def left(root: Path, private: Path) -> str:
    """In how many stored frames the third detector finds a face of 16 px."""
    dataset, keeper = Dataset(root), look_private(private)
    header = dataset.header()
    rows = [one for n in range(len(header.parts)) for one in keeper.read_rows(root.name, n)]
    masks = {
        one["id"]: [np.array(f, np.float32).reshape(-1, 4) for f in one["masks"]] for one in rows if "masks" in one
    }
    all_, outside, clips, frames = 0, 0, 0, 0
    for row in dataset.rows():
        if row.status != "written":
            continue
        shown = decode(dict(zip(header.members, dataset.members(row), strict=True))).frames
        beside = faces_left(shown, masks[row.clip.id])
        all_ += faces_left(shown, None)
        outside += beside
        clips += beside > 0
        frames += len(shown)
    n = len(masks)
    return f"left    {n} clips, {frames} frames: faces found in {all_} frames, beside the fills in {outside}, of {clips} clips"


class Photos:
    """Labelled faces: cut to twice their box, which CenterFace finds."""

    def __init__(self, root: Path) -> None:
        finder = HeadFinder()
        self.cuts, self.labels, self.people = [], [], []
        for row in csv.DictReader((root / "MANIFEST.csv").open()):
            told = dict(part.strip().split("=", 1) for part in row["notes"].split(";") if "=" in part)
            if row["kind"] != "face" or row["media"] != "350x350" or told.get("polarity") not in POLARITIES:
                continue
            frame = np.ascontiguousarray(cv2.imread(str(root / row["file"]))[..., ::-1])
            boxes = finder.find(frame, 0.5)
            if not len(boxes):
                continue
            box = boxes[np.argmin(np.abs((boxes[:, :2] + boxes[:, 2:4]) / 2 - 175).sum(1))]
            self.cuts.append((frame, box[:4]))
            self.labels.append(POLARITIES.index(told["polarity"]))
            self.people.append(Path(row["file"]).stem.rsplit("_", 1)[0])

    def group(self, faces: list[int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A native frame of three faces, and their boxes `[3, 4]`."""
        frame = np.full((NATIVE, NATIVE, 3), 150, np.uint8)
        heads = np.zeros((3, 4), np.float32)
        for i, (x, y, high) in enumerate(PLACES):
            photo, box = self.cuts[faces[i]]
            x, y = x + int(rng.integers(-6, 7)), y + int(rng.integers(-6, 7))
            k = high / (box[3] - box[1])
            middle = (box[:2] + box[2:]) / 2
            side = int(1.7 * high)
            matrix = np.array([[k, 0, side / 2 - k * middle[0]], [0, k, side / 2 - k * middle[1]]])
            cut = cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
            x0, y0 = x - side // 2, y - side // 2
            frame[y0 : y0 + side, x0 : x0 + side] = cut
            half = k * (box[2:] - box[:2]) / 2
            heads[i] = (
                x0 + side / 2 - half[0],
                y0 + side / 2 - half[1],
                x0 + side / 2 + half[0],
                y0 + side / 2 + half[1],
            )
        return frame, heads


def fitted(frame: np.ndarray) -> np.ndarray:
    return cv2.resize(frame, (STORED, STORED), interpolation=cv2.INTER_AREA)


def seen(frame: np.ndarray, heads: np.ndarray, reader: HeadReader, number: int) -> dict[str, np.ndarray]:
    """The features of each way to see one group."""
    tracks = Tracks(heads[None], np.ones(3, np.bool_))
    filled = fitted(RemoveHeads().render(frame, tracks, 0))
    fills = grown(heads, NATIVE, NATIVE).astype(np.float32) / 2
    clip = Protected([filled], heads[None] / 2, fills[None], [fills], 1.0)
    readings = reader.read(frame, heads)[None]
    pictures = {"clear": fitted(frame), "filled": filled}
    for name, how in (("resting", "none"), ("shuffled", "shuffled"), ("avatars", "estimated")):
        pictures[name] = put(filled, plan_heads(clip, readings, rng_for(number, "replace"), how), 0, head_bank())
    out = {name: np.concatenate([hog(cut(picture, box)) for box in heads / 2]) for name, picture in pictures.items()}
    for name, read in (("estimates", readings), ("read again", reader.read(pictures["avatars"], heads / 2)[None])):
        out[name] = np.concatenate([np.eye(7)[3 + v * i] for v, i in quantised(read)[0, :, :2]]).astype(np.float32)
    return out


def cut(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A head, half as large again as its box, in the middle of a square of 64 px: where it is, the fill shows to all."""
    k = 64 / (1.5 * (box[3] - box[1]))
    matrix = np.array([[k, 0, 32 - k * (box[0] + box[2]) / 2], [0, k, 32 - k * (box[1] + box[3]) / 2]])
    return cv2.warpAffine(frame, matrix, (64, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def hog(frame: np.ndarray) -> np.ndarray:
    """Histograms of 9 orientations in cells of 8 px, each over the length of what is in 3x3 cells around it."""
    gray = np.float32(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
    dx, dy = cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(gray, cv2.CV_32F, 0, 1, ksize=1)
    way = ((np.arctan2(dy, dx) % np.pi) * (9 / np.pi)).astype(int).clip(0, 8)
    cells = np.stack([np.hypot(dx, dy) * (way == k) for k in range(9)], -1)
    cells = cells.reshape(8, 8, 8, 8, 9).sum((1, 3))
    around = cv2.blur((cells**2).sum(-1), (3, 3))
    return (cells / np.sqrt(around + 100.0)[..., None]).ravel()


def told(photos: Photos, reader: HeadReader) -> list[str]:
    """Balanced accuracy of each way, with an interval of 95 %, persons drawn again (1,000 times)."""
    labels, people = np.array(photos.labels), np.array(photos.people)
    folds = list(GroupKFold(5).split(labels, groups=people))
    fold_of = np.zeros(len(labels), int)
    for number, (_, test) in enumerate(folds):
        fold_of[test] = number
    features: dict[str, list[np.ndarray]] = {name: [] for name in WAYS}
    owners = []
    for face in range(len(labels)):
        for draw in range(DRAWS):
            rng = rng_for(face, "group", draw)
            others = rng.choice(np.flatnonzero((fold_of == fold_of[face]) & (people != people[face])), 2, replace=False)
            frame, heads = photos.group([face, *others], rng)
            for name, one in seen(frame, heads, reader, 1000 * draw + face).items():
                features[name].append(one)
            owners.append((face, draw))
    face_of, is_first = np.array([f for f, _ in owners]), np.array([d == 0 for _, d in owners])
    counts = ", ".join(f"{name} {(labels == i).sum()}" for i, name in enumerate(POLARITIES))
    lines = [f"told    {len(labels)} groups of 3 ({counts}), {len(set(people))} persons; chance .333"]
    guesses: dict[str, np.ndarray] = {}
    for name in WAYS:
        x, guess = np.stack(features[name]), np.zeros(len(labels), int)
        for number in range(len(folds)):
            train, test = fold_of[face_of] != number, (fold_of[face_of] == number) & is_first
            has_pixels = name not in ("estimates", "read again")
            parts = [StandardScaler(with_std=False), PCA(100, random_state=0)] if has_pixels else []
            model = make_pipeline(*parts, LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"))
            guess[face_of[test]] = model.fit(x[train], labels[face_of[train]]).predict(x[test])
        guesses[name] = guess
        lines.append(f"told    {name:10} {interval(guess, labels, people)}")
    for name in ("filled", "resting", "shuffled"):
        more = interval(guesses["avatars"], labels, people, guesses[name])
        lines.append(f"told    avatars over {name}: {more}")
    return lines


def interval(guess: np.ndarray, labels: np.ndarray, people: np.ndarray, other: np.ndarray | None = None) -> str:
    """Balanced accuracy, or how much more it is than that of another guess on the same groups, with its interval."""

    def balanced(index: np.ndarray) -> float:
        more = (guess == labels).astype(int) - (0 if other is None else (other == labels).astype(int))
        return float(np.mean([more[index][labels[index] == c].mean() for c in range(3)]))

    rng, names = rng_for(0, "persons"), np.unique(people)
    of = {name: np.flatnonzero(people == name) for name in names}
    drawn = [balanced(np.concatenate([of[n] for n in rng.choice(names, len(names))])) for _ in range(1000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{balanced(np.arange(len(labels))):.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, help="a folder with MANIFEST.csv and labelled faces")
    parser.add_argument("--protected", type=Path, help="a dataset made with the recipe replace")
    parser.add_argument("--private", type=Path, help="its private folder")
    args = parser.parse_args()
    draw_heads(1)
    reader = HeadReader()
    for line in turned_and_read(reader):
        print(line, flush=True)
    if args.protected:
        print(left(args.protected, args.private), flush=True)
    if args.faces:
        for line in told(Photos(args.faces), reader):
            print(line, flush=True)


if __name__ == "__main__":
    main()
