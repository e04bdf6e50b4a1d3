"""How well near-duplicates are found: planted copies, hard negatives, and time from 1,000 to 100,000 clips.

    python benchmarks/duplicates.py --clips DIR --n 1000 [--half tune|report] [--sizes 1000,10000,100000] [--json FILE]

Copies are really re-encoded (x264, AAC) from real clips and from procedural rooms. Hard negatives are other moments of the
same video or of the same room with the same people. Sources are split in two halves by name: thresholds are set on
`tune`, numbers are told for `report`. Nothing is written but the answer.
"""

import argparse
import io
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from scipy.signal import lfilter
from scipy.stats import beta

from gerdata.chance import digest_of, rng_for
from gerdata.ingest import duplicates, prints

RATE = 16_000
SIZE = (320, 240)
MARGIN_S = 0.5
MOST_FPS = 15.0  # for speed; the fingerprint looks 8 times a second


@dataclass(frozen=True)
class Film:
    """Pictures `uint8 [T, 240, 320, 3]` with their times, and sound or None, of one source."""

    name: str
    times_s: np.ndarray
    pictures: np.ndarray
    sound: np.ndarray | None

    @property
    def length_s(self) -> float:
        return float(self.times_s[-1] + self.times_s[1] - self.times_s[0])


@dataclass(frozen=True)
class Change:
    """What is done to a copy. `keep` is the share of width and height kept, `at` where (0.5 is the middle)."""

    name: str
    crf: int = 23
    keep: float = 1.0
    at: float = 0.5
    gain_db: float = 0.0
    shift_s: float = 0.0
    half: bool = False
    brighter: float = 0.0
    mute: bool = False


CHANGES = (
    Change("none"),
    Change("crf 35", crf=35),
    Change("crop 5 %", keep=0.95),
    Change("crop 5 % each side", keep=0.9),
    Change("crop 5 % of one corner", keep=0.95, at=1.0),
    Change("+3 dB", gain_db=3),
    Change("-3 dB", gain_db=-3),
    Change("shift 0.5 s", shift_s=0.5),
    Change("shift 0.25 s", shift_s=0.25),
    Change("shift 0.3 s", shift_s=0.3),
    Change("half size", half=True),
    Change("brighter", brighter=15),
    Change("muted", mute=True),
    Change("all", crf=35, keep=0.95, gain_db=-3, shift_s=0.5, half=True, brighter=15),
    Change("all, 0.3 s", crf=35, keep=0.95, gain_db=3, shift_s=0.3, half=True, brighter=-15),
    Change("all, muted", crf=35, keep=0.95, shift_s=0.3, half=True, brighter=15, mute=True),
)


@dataclass(frozen=True)
class Planted:
    """One clip of the set: which source and moment it shows, and how it was changed."""

    source: str
    start_s: float
    length_s: float
    change: str
    print: prints.Print

    def shares(self, other: "Planted") -> float:
        """Seconds both show; -1 for another source."""
        if self.source != other.source:
            return -1.0
        low, high = max(self.start_s, other.start_s), min(self.start_s + self.length_s, other.start_s + other.length_s)
        return max(0.0, high - low)


def film_of(path: Path, name: str) -> Film:
    """A real clip, at most 24 s of it."""
    times, pictures, blocks = [], [], []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            times.append(picture.time)
            pictures.append(cv2.resize(picture.to_ndarray(format="rgb24"), SIZE, interpolation=cv2.INTER_AREA))
            if picture.time > 24:
                break
    with av.open(str(path)) as container:
        if container.streams.audio:
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
            for block in container.decode(audio=0):
                blocks += [b.to_ndarray()[0] for b in resampler.resample(block)]
    at = np.asarray(times) - times[0]
    return Film(name, at, np.stack(pictures), np.concatenate(blocks) if blocks else None)


def cut(film: Film, start_s: float, length_s: float, change: Change) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Frames, sound and frame rate of a changed copy, before encoding."""
    start_s += change.shift_s
    inside = np.flatnonzero((film.times_s >= start_s - 1e-6) & (film.times_s < start_s + length_s - 1e-6))
    fps = min(MOST_FPS, len(inside) / length_s)
    shown = start_s + np.arange(round(length_s * fps)) / fps
    frames = film.pictures[np.clip(np.searchsorted(film.times_s, shown + 1e-6) - 1, 0, None)]
    high, wide = (round(side * change.keep) for side in frames.shape[1:3])
    y, x = (round((side - kept) * change.at) for side, kept in zip(frames.shape[1:3], (high, wide), strict=True))
    size = (160, 120) if change.half else SIZE
    out = [cv2.resize(f[y : y + high, x : x + wide], size, interpolation=cv2.INTER_AREA) for f in frames]
    pixels = np.clip(np.stack(out).astype(np.int16) + round(change.brighter), 0, 255).astype(np.uint8)
    if film.sound is None or change.mute:
        return pixels, None, fps
    at = round(start_s * RATE)
    sound = film.sound[at : at + round(length_s * RATE)]
    return pixels, np.clip(sound * 10 ** (change.gain_db / 20), -1, 1), fps


def encoded(frames: np.ndarray, sound: np.ndarray | None, fps: float, crf: int) -> bytes:
    """An MP4 in memory."""
    out = io.BytesIO()
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(out, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "ultrafast"}
        video = container.add_stream("libx264", rate=rate, options=options)
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], "yuv420p"
        video.codec_context.thread_count = 1
        heard = container.add_stream("aac", rate=RATE, layout="mono") if sound is not None else None
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, 1 / rate
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if heard is not None and sound is not None:
            block = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(heard.encode(block))
            container.mux(heard.encode(None))
    return out.getvalue()


def seen(data: bytes, length_s: float) -> tuple[np.ndarray, np.ndarray | None]:
    """What `print_of` takes: grey [K, 36, 48] at 8 a second, and sound."""
    times, small, blocks = [], [], []
    with av.open(io.BytesIO(data)) as container:
        for picture in container.decode(video=0):
            times.append(picture.time)
            small.append(cv2.resize(picture.to_ndarray(format="gray"), (48, 36), interpolation=cv2.INTER_AREA))
    with av.open(io.BytesIO(data)) as container:
        if container.streams.audio:
            blocks = [b.to_ndarray()[0] for b in container.decode(audio=0)]
    wanted = (np.arange(int(length_s * 8)) + 0.5) / 8
    at = np.clip(np.searchsorted(times, wanted + 1e-6) - 1, 0, len(small) - 1)
    return np.stack(small)[at], np.concatenate(blocks).astype(np.float32) if blocks else None


def room(name: str, moments: int, length_s: float = 5.5, fps: int = 12) -> Iterator[Film]:
    """One static room with the same people and voices, at several moments that share nothing but these."""
    rng = rng_for(0, "benchmark room", name)
    coarse = rng.integers(60, 190, (12, 16, 3)).astype(np.uint8)
    back = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    for _ in range(8):
        x, y, w, h = (int(v) for v in rng.integers((0, 0, 15, 15), (300, 220, 90, 80)))
        cv2.rectangle(back, (x, y), (x + w, y + h), rng.integers(20, 235, 3).tolist(), -1)
    people = int(rng.integers(2, 7))
    seats = np.column_stack([np.linspace(40, 280, people), rng.integers(130, 190, people)])
    colours = rng.integers(20, 235, (people, 2, 3))
    sway, pitches = rng.uniform(2, 12, people), rng.uniform(90, 260, people)
    for moment in range(moments):
        rng = rng_for(0, "benchmark moment", name, moment)
        n = round(length_s * fps)
        paths = lfilter([0.02], [1, -1.85, 0.87], rng.normal(size=(people, 4, n + 60)), axis=2)[:, :, 60:]
        paths *= sway[:, None, None] / np.maximum(paths.std(axis=2, keepdims=True), 1e-6)
        frames = np.stack([_drawn(back, seats, colours, paths[:, :, i], rng) for i in range(n)])
        yield Film(f"{name}@{moment}", np.arange(n) / fps, frames, _babble(pitches, round(length_s * RATE), rng))


def _drawn(
    back: np.ndarray, seats: np.ndarray, colours: np.ndarray, path: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    frame = back.copy()
    for seat, (shirt, skin), (dx, dy, hx, hy) in zip(seats, colours.tolist(), path, strict=True):
        x, y = int(seat[0] + dx), int(seat[1] + dy / 3)
        cv2.ellipse(frame, (x, y + 40), (22, 45), 0, 0, 360, shirt, -1)
        cv2.circle(frame, (x + int(hx / 3), y - 18), 15, skin, -1)
        cv2.circle(frame, (x + 20 + int(hx), y + 20 + int(hy)), 7, skin, -1)
    return np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)


def _babble(pitches: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    t, out = np.arange(n) / RATE, rng.normal(0, 0.003, n) + 0.004 * np.sin(2 * np.pi * 50 * np.arange(n) / RATE)
    for pitch in pitches:
        ends = np.cumsum(rng.uniform(0.08, 0.35, n // 800))
        syllable = np.searchsorted(ends, t)
        tone = pitch * (1 + 0.15 * rng.normal(size=len(ends) + 1))[syllable]
        loud = np.clip(rng.normal(0.2, 0.5, len(ends) + 1), 0, 1)[syllable]
        phase = 2 * np.pi * np.cumsum(tone) / RATE
        formant = rng.uniform(300, 2600, (2, len(ends) + 1))[:, syllable]
        for h in range(1, 16):
            shape = np.exp(-(((h * tone - formant) / 350) ** 2)).sum(axis=0)
            out += 0.05 * np.convolve(loud * shape, np.ones(200) / 200, "same") * np.sin(h * phase)
    return (0.5 * out / max(1e-6, np.abs(out).max())).astype(np.float32)


def windows_of(film: Film) -> list[tuple[float, float]]:
    """(start, length) of the moments taken from a film: 5 s, and 2.5 s in between, as far as it goes."""
    room_s = film.length_s - MARGIN_S
    out = [(s, 5.0) for s in np.arange(0, room_s - 5 + 1e-6, 5.0)]
    out += [(s, 2.5) for s in np.arange(0, room_s - 2.5 + 1e-6, 2.5)]
    return [(float(s), w) for s, w in out] or ([(0.0, round(room_s - 0.01, 2))] if room_s >= 1.0 else [])


def in_half(name: str, half: str) -> bool:
    return (digest_of(0, "benchmark half", name)[0] % 2 == 0) == (half == "tune")


def planted(film: Film, source: str, offset_s: float, changes: Sequence[Change]) -> Iterator[Planted]:
    for start_s, length_s in windows_of(film):
        for change in changes:
            frames, sound, fps = cut(film, start_s, length_s, change)
            grey, heard = seen(encoded(frames, sound, fps, change.crf), length_s)
            at_s = offset_s + start_s + change.shift_s
            yield Planted(source, at_s, length_s, change.name, prints.print_of(grey, heard))


def bound(k: int, n: int, upper: bool) -> float:
    """Clopper-Pearson: one end of the 95 % interval of a share of k in n."""
    if n == 0:
        return float("nan")
    if upper:
        return 1.0 if k == n else float(beta.ppf(0.975, k + 1, n - k))
    return 0.0 if k == 0 else float(beta.ppf(0.025, k, n - k + 1))


def share_of(k: int, n: int) -> dict[str, Any]:
    return {"of": n, "count": k, "share": round(k / max(1, n), 5), "low": bound(k, n, False), "high": bound(k, n, True)}


def why_hard(base: Planted, copy: Planted) -> str:
    """The reason a copy cannot be told from other moments by what is compared; empty where it can."""
    if base.length_s < 2:
        return "shorter than 2 s"
    mute = not (base.print.sounds and copy.print.sounds)
    return "nothing moves, and one is mute or cropped" if mute and not (base.print.moves and copy.print.moves) else ""


def told(planted_clips: list[Planted]) -> dict[str, Any]:
    """Recall of copies by cluster and by pair, false merges of other moments by pair, with bounds."""
    all_prints = [p.print for p in planted_clips]
    begun = time.perf_counter()
    found = duplicates.pairs(*duplicates.stacked(all_prints), all_prints.__getitem__)
    took = time.perf_counter() - begun
    joined = duplicates.clusters(len(all_prints), found)
    by_source: dict[str, list[int]] = defaultdict(list)
    for n, clip in enumerate(planted_clips):
        by_source[clip.source].append(n)
    linked, counts, reasons, missed = {(p.i, p.j) for p in found}, defaultdict(int), defaultdict(int), defaultdict(int)
    for group in by_source.values():
        for i in group:
            for j in (j for j in group if j != i and planted_clips[i].change == "none"):
                one, other = planted_clips[i], planted_clips[j]
                if one.length_s != other.length_s or abs(one.start_s - other.start_s) > 0.51:
                    continue
                reason = why_hard(one, other)
                counts["hard" if reason else "plain"] += 1
                counts["plain pair" if not reason else "hard pair"] += (min(i, j), max(i, j)) in linked
                counts["hard found" if reason else "plain found"] += joined[i] == joined[j]
                if joined[i] != joined[j]:
                    (reasons if reason else missed)[reason or f"{other.change}: {one.source}"] += 1
        for a, i in enumerate(group):
            for j in group[a + 1 :]:
                if planted_clips[i].shares(planted_clips[j]) == 0:
                    counts["other moment"] += 1
                    counts["other moment linked"] += (i, j) in linked
                    counts["other moment joined"] += joined[i] == joined[j]
    return {
        "clips": len(all_prints),
        "seconds": round(took, 2),
        "bytes of a 5-s print": max(len(p.to_bytes()) for p in all_prints),
        "copies in one cluster": share_of(counts["plain found"], counts["plain"]),
        "copies linked directly": share_of(counts["plain pair"], counts["plain"]),
        "hard copies in one cluster": share_of(counts["hard found"], counts["hard"]),
        "other moments linked": share_of(counts["other moment linked"], counts["other moment"]),
        "other moments in one cluster": share_of(counts["other moment joined"], counts["other moment"]),
        "unlike sources linked": sum(planted_clips[p.i].source != planted_clips[p.j].source for p in found),
        "missed": dict(missed),
        "hard missed": dict(reasons),
    }


def plant(clips: Path, half: str, n: int) -> list[Planted]:
    """Copies of all real clips of the half, then of rooms until at least n copies are real and n are drawn."""
    out, drawn = [], 0
    for path in sorted(p for p in clips.rglob("*") if p.is_file()):
        name = path.relative_to(clips).as_posix()
        if in_half(name, half):
            out += planted(film_of(path, name), name, 0.0, CHANGES)
    number, real = 0, len(out)
    while drawn < n or real + drawn < n:
        name, number = f"room {number}", number + 1
        if not in_half(name, half):
            continue
        for moment, film in enumerate(room(name, 4)):
            out += planted(film, name, 100.0 * moment, CHANGES)
        drawn = len(out) - real
    return out


def synthetic(n: int) -> Iterator[prints.Print]:
    """n prints at little cost: one in ten from one static room, one in twenty a shifted, noisy copy of the one before."""
    rng, grey, keys = rng_for(0, "benchmark prints", n), np.zeros((40, 36, 48), np.uint8), np.zeros(0, np.uint32)
    at_home = rng_for(0, "benchmark static room").normal(size=(1, *prints.GRID)) ** 2
    for number in range(n):
        if number % 20 == 19:
            grey = np.clip(np.roll(grey, -2, axis=0) + rng.integers(-1, 2, grey.shape), 0, 255).astype(np.uint8)
        else:
            place = at_home if number % 10 == 0 else rng.normal(size=(1, *prints.GRID)) ** 2
            paths = lfilter([0.3], [1, -0.7], rng.normal(size=(6, 40)), axis=1)
            spots = rng.normal(size=(6, *prints.GRID))
            grid = np.einsum("pt,pyx->tyx", paths, spots) * np.sqrt(place) * 8 + 120 + 30 * place
            grey = np.stack([cv2.resize(np.clip(g, 0, 255).astype(np.uint8), (48, 36)) for g in grid])
            keys = np.unique(rng.integers(1, 2**22, prints.N_KEYS)).astype(np.uint32)
        yield replace(prints.print_of(grey, None), keys=keys)


def timed(n: int) -> dict[str, Any]:
    """Seconds of the search and of the check for n clips."""
    packed, parts = [], []
    for one in synthetic(n):
        packed.append(one.to_bytes())
        parts.append(duplicates.stacked([one]))
    descriptors, keys = (np.concatenate(part) for part in zip(*parts, strict=True))
    begun = time.perf_counter()
    near = duplicates.candidates(descriptors, keys)
    searched = time.perf_counter()
    found = list(duplicates.verified(near, lambda i: prints.Print.from_bytes(packed[i])))
    done = time.perf_counter()
    copies = {(i - 1, i) for i in range(19, n, 20)}
    hit = len(copies & {(p.i, p.j) for p in found})
    return {
        "n": n,
        "candidates": len(near),
        "search_s": round(searched - begun, 2),
        "check_s": round(done - searched, 2),
        "copies found": share_of(hit, len(copies)),
        "others linked": len(found) - hit,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--clips", type=Path, help="a folder of real clips; without it only times are told")
    words.add_argument("--n", type=int, default=1000, help="copies in all, at least")
    words.add_argument("--half", choices=("tune", "report"), default="report")
    words.add_argument("--sizes", default="1000,10000")
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    cv2.setNumThreads(1)
    answer: dict[str, Any] = {}
    if asked.clips:
        answer["planted"] = told(plant(asked.clips, asked.half, asked.n))
        print(json.dumps(answer["planted"], indent=1), flush=True)
    answer["times"] = []
    for n in (int(size) for size in asked.sizes.split(",") if size):
        answer["times"].append(timed(n))
        print(json.dumps(answer["times"][-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
