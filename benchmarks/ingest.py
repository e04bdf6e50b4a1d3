"""Ingest beside its limit and the usual script, interleaved, in one run.

    python benchmarks/ingest.py [--photo PICTURE] [--clips 8] [--rounds 5]

Material: 5-s clips of a still picture panned at 1280x720, 25 frames/s, H.264 and AAC, GOP 250. Ours: sha256, full decode
check, five frames at 224 px, sound at 16 kHz, measures of picture and sound, fingerprints. Limit: bare decode of the
picture on one core. Script: the ffmpeg program once a clip for `fps,scale` frames and a WAV. Ratios are of clips a second.
Processes have one thread each, as the engine's workers have.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np

from gerdata.ingest.prints import print_of
from gerdata.ingest.reel import Look, Piece, Reel
from gerdata.ingest.segments import Cutter, Knife
from gerdata.media.address import Address, sha256_of
from gerdata.media.encode import write_clip
from gerdata.media.examine import examine
from gerdata.media.limits import MediaLimits
from gerdata.media.quality import SHARP_HEIGHT_PX, picture_measures, sound_measures

LIMITS = MediaLimits()
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SECONDS, FPS, SIZE = 5, 25, (720, 1280)


def make(path: Path, seed: int, photo: Path | None) -> None:
    """One clip: a window of 720p that travels over a larger picture, with noise and tones as sound."""
    rng = np.random.default_rng(seed)
    if photo is not None:
        picture = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB)
    else:
        picture = cv2.GaussianBlur(rng.integers(0, 255, (300, 500, 3), dtype=np.uint8), (0, 0), 2)
        picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    picture = cv2.resize(picture, (1280 + 200, 720 + 120), interpolation=cv2.INTER_CUBIC)
    n = SECONDS * FPS
    frames = (picture[(k * 120) // n :][:720, (k * 200) // n :][:, :1280] for k in range(n))
    audio = (0.1 * rng.normal(size=SECONDS * 16000) * np.repeat(rng.uniform(0, 1, SECONDS * 10), 1600)).astype(
        np.float32
    )
    write_clip(path, (np.ascontiguousarray(frame) for frame in frames), FPS, audio)


def ours(path: str, is_fast: bool = False) -> int:
    """Everything ingest does with a clip, and the five frames that protect would keep."""
    address = Address.of(Path(path))
    sha256_of(address)
    kept = []

    def take(piece: Piece) -> None:
        kept.extend(cv2.resize(frame, (224, 224), interpolation=cv2.INTER_AREA) for frame in piece.stills)
        picture_measures(piece.grey, piece.stills[:2])
        sound_measures(piece.audio)
        print_of(piece.grey, piece.audio).to_bytes()

    reel = Reel(
        Cutter(Knife(5.0, 5.0, 2.5)), Look(LIMITS.max_pixels, still_every_s=1.0, still_height_px=SHARP_HEIGHT_PX), take
    )
    told = examine(address, LIMITS, lambda seconds: None, reel, is_fast)
    reel.close(told.duration_s, told.has_video)
    return len(kept)


def fast(path: str) -> int:
    """The same with `--check fast`."""
    return ours(path, is_fast=True)


def decode(path: str) -> int:
    """The limit: every frame decoded, nothing else."""
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def script(path: str) -> int:
    """The usual script: two calls of the ffmpeg program."""
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        call = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-threads", "1", "-i", path]
        subprocess.run([*call, "-vf", "fps=1,scale=224:224", f"{folder}/%d.jpg"], check=True)
        subprocess.run([*call, "-vn", "-ac", "1", "-ar", "16000", f"{folder}/a.wav"], check=True)
        return len(list(Path(folder).glob("*.jpg")))


def main() -> None:
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # read once, when NumPy is imported
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **dict.fromkeys(THREADS, "1")})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(2, get_context("spawn"), cv2.setNumThreads, (1,)) as pool,
    ):
        paths = [f"{folder}/{i}.mp4" for i in range(asked.clips)]
        for i, path in enumerate(paths):
            make(Path(path), i, asked.photo)
        assert list(pool.map(ours, paths[:2])) == [5, 5] == list(pool.map(fast, paths[:2]))
        cases = {
            "limit: bare decode, one core": lambda: [decode(path) for path in paths],
            "ours, one core": lambda: [ours(path) for path in paths],
            "ours, two cores": lambda: list(pool.map(ours, paths)),
            "ours --check fast, one core": lambda: [fast(path) for path in paths],
            "ours --check fast, two cores": lambda: list(pool.map(fast, paths)),
            "script, one core": lambda: [script(path) for path in paths],
            "script, two cores": lambda: list(pool.map(script, paths)),
        }
        rates: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(asked.rounds):
            for name, case in cases.items():
                began_s = time.perf_counter()
                case()
                rates[name].append(len(paths) / (time.perf_counter() - began_s))
    median = {name: statistics.median(values) for name, values in rates.items()}
    limit, peer = median["limit: bare decode, one core"], median["script, one core"]
    for name, rate in median.items():
        print(f"{name:32} {rate:6.2f} clips/s   {rate / limit:5.2f} x limit   {rate / peer:5.2f} x script")
    print(f"{sys.platform}, Python {sys.version.split()[0]}, PyAV {av.__version__}")


if __name__ == "__main__":
    main()
