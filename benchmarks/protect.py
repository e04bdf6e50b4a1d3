"""Protection beside the `deface` program on the same clips, on two cores, in one run.

    python benchmarks/protect.py CLIPS --deface PROGRAM [--photo PICTURE] [--clips 8]

CLIPS: a folder of clips; some that have a picture are taken, evenly by name. `deface` 1.5.0 (PyPI) with its defaults, one
clip after the other, its threads as it likes. Ours: `gerdata protect`, recipe remove, two workers: every frame scanned,
five kept, tiles and turns, filled, checked by a second detector, encoded. Frames/s are those of the clips, start included.

With --photo, a picture of people, also coverage: a window travels over it, so where each face is is arithmetic; a face of a
frame is bare where under half of it is filled.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from gerdata.errors import RejectedInput
from gerdata.media.encode import write_clip
from gerdata.media.picture import StillFrame
from gerdata.people.faces import FaceGate
from gerdata.people.heads import HeadFinder
from gerdata.people.scan import HeadScan
from gerdata.people.tracks import Look
from gerdata.privacy import work
from gerdata.privacy.check import covered_share
from gerdata.privacy.heads import RemoveHeads, grown, head_finder
from gerdata.privacy.stage import job_of
from gerdata.recipe import ProtectRecipe
from gerdata.store.dataset import Dataset
from gerdata.store.private import look_private

RECIPES = Path(__file__).parent.parent / "recipes" / "protect"
HEIGHT, WIDTH, FPS = 360, 480, 25
PANS = {"still": (0, 60), "slow pan": (2, 60), "fast pan": (24, 20), "whip": (48, 10)}


def frames_of(path: Path) -> int:
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    except (av.FFmpegError, IndexError):
        return 0


def chosen(folder: Path, n: int) -> dict[Path, int]:
    """Clips with a picture, evenly among their names, and their frames."""
    counted = {path: frames_of(path) for path in sorted(folder.rglob("*.mp4"))}
    fit = [path for path, frames in counted.items() if 20 < frames < 500]
    return {path: counted[path] for path in fit[:: max(1, len(fit) // n)][:n]}


def gerdata(*arguments: object) -> None:
    ran = subprocess.run([sys.executable, "-m", "gerdata.cli", *map(str, arguments)], capture_output=True, text=True)
    if ran.returncode not in (0, 3):
        raise SystemExit(ran.stderr)


def side_by_side(clips: dict[Path, int], deface: Path, root: Path) -> None:
    """Frames a second of both; leaves the ingested workspace at `root/w`."""
    total = sum(clips.values())
    (root / "clips").mkdir()
    for number, path in enumerate(clips):
        (root / "clips" / f"{number}.mp4").write_bytes(path.read_bytes())
    gerdata("ingest", root / "clips", "--allow-unlabelled", "--workspace", root / "w", "--quiet")
    began = time.perf_counter()
    gerdata("protect", "--workspace", root / "w", "--workers", 2, "--quiet")
    ours = total / (time.perf_counter() - began)
    began = time.perf_counter()
    for number in range(len(clips)):
        subprocess.run([deface, root / f"clips/{number}.mp4", "-o", root / "o.mp4"], capture_output=True, check=True)
    theirs = total / (time.perf_counter() - began)
    print(
        f"{len(clips)} clips, {total} frames: ours {ours:.1f} frames/s, deface {theirs:.1f}, ratio {ours / theirs:.1f}"
    )


def shares(workspace: Path) -> None:
    """Where our time goes, in one process without its start."""
    spent: Counter[str] = Counter()

    def timed(owner: Any, name: str, what: str) -> None:
        plain = getattr(owner, name)

        def wrapper(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return plain(*arguments, **options)
            finally:
                spent[what] += time.perf_counter() - began

        setattr(owner, name, wrapper)

    timed(HeadFinder, "find", "detection")
    timed(FaceGate, "find", "check")
    timed(work, "encode", "encode")
    timed(RemoveHeads, "render", "fill")
    timed(work.ProtectWorker, "_fit", "make small")
    recipe = ProtectRecipe.model_validate(tomllib.loads((RECIPES / "remove.toml").read_text()))
    private = look_private(workspace / "private")
    job = job_of(Dataset(workspace / "ingested"), "remove", recipe, workspace / "again", private)
    worker = work.ProtectWorker(job.settings)
    began = time.perf_counter()
    for item in job.items:
        with contextlib.suppress(RejectedInput):
            list(worker.work(item, lambda seconds: None))
    whole = time.perf_counter() - began
    spent["decode and the rest"] = whole - sum(spent.values())
    print(", ".join(f"{what} {one / whole:.2f}" for what, one in spent.most_common()), f"of {whole:.1f} s")


def window(photo: np.ndarray, step: int, number: int) -> tuple[np.ndarray, int]:
    left = (photo.shape[1] - WIDTH) // 2 if step == 0 else step * number % (photo.shape[1] - WIDTH)
    top = (photo.shape[0] - HEIGHT) // 2
    return np.ascontiguousarray(photo[top : top + HEIGHT, left : left + WIDTH]), left


def bare(photo: np.ndarray, step: int, n: int, filled: Callable[[int, np.ndarray], float]) -> tuple[int, int]:
    """Faces of frames that are bare, and all that are shown; `filled(frame, box)` is the share that is covered."""
    truth = head_finder().find(photo, 0.6)[:, :4]
    top, lost, shown = (photo.shape[0] - HEIGHT) // 2, 0, 0
    for number in range(n):
        _, left = window(photo, step, number)
        for box in truth - np.array([left, top, left, top], np.float32):
            if box[0] >= 0 and box[1] >= 0 and box[2] <= WIDTH and box[3] <= HEIGHT:
                shown += 1
                lost += filled(number, box) < 0.5
    return lost, shown


def coverage(photo: np.ndarray, deface: Path) -> None:
    for name, (step, n) in PANS.items():
        frames = [window(photo, step, number)[0] for number in range(n)]
        kept = {int((i + 0.5) / 5 * n) for i in range(5)}
        looks = (Look(StillFrame(i / FPS, frame), i in kept) for i, frame in enumerate(frames))
        tracks = HeadScan().scan(looks, HeadFinder())

        def ours(number: int, box: np.ndarray) -> float:
            return covered_share(box, grown(tracks.heads_at(number), HEIGHT, WIDTH).astype(np.float32))  # noqa: B023

        with tempfile.TemporaryDirectory() as folder:
            path, out = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
            write_clip(path, frames, FPS, np.zeros(16000, np.float32))
            subprocess.run([deface, path, "-o", out, "--replacewith", "solid"], capture_output=True, check=True)
            black = [frame.max(axis=2) < 24 for frame in decoded(out)]

        def theirs(number: int, box: np.ndarray) -> float:
            x0, y0, x1, y1 = box.astype(int)
            return float(black[min(number, len(black) - 1)][y0:y1, x0:x1].mean())  # noqa: B023

        told = [bare(photo, step, n, one) for one in (ours, theirs)]
        print(f"{name}: bare faces of frames: ours {told[0][0]} of {told[0][1]}, deface {told[1][0]} of {told[1][1]}")


def decoded(path: Path) -> Iterator[np.ndarray]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--deface", type=Path, required=True)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--clips", type=int, default=8)
    arguments = parser.parse_args()
    if arguments.photo:
        picture = cv2.imread(str(arguments.photo))
        wide = cv2.resize(picture, (960, 720), interpolation=cv2.INTER_CUBIC)
        coverage(np.ascontiguousarray(wide[..., ::-1]), arguments.deface)
    with tempfile.TemporaryDirectory() as folder:
        side_by_side(chosen(arguments.folder, arguments.clips), arguments.deface, Path(folder))
        shares(Path(folder) / "w")


if __name__ == "__main__":
    main()
