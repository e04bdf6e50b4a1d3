"""How well near-duplicates are found: planted copies, hard negatives, and time from 1,000 to 100,000 clips.

    python benchmarks/duplicates.py --clips DIR --n 1000 [--half tune|report] [--sizes 1000,10000,100000] [--json FILE]

Copies are really re-encoded (x264, AAC) from real clips and from procedural rooms. Hard negatives are other moments of the
same video or of the same room with the same people. Sources are split in two by name: thresholds are set on `tune`.
"""

import argparse
import io
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
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
COPIES = {1: "in the static room", 19: "elsewhere"}  # numbers modulo 20 of the synthetic copies
MOST_FPS = 15.0  # for speed; the fingerprint looks 8 times a second


@dataclass(frozen=True)
class Film:
    """Pictures `uint8 [T, 240, 320, 3]` with their times, and sound or None, of one source."""

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


def film_of(path: Path) -> Film:
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
    return Film(at, np.stack(pictures), np.concatenate(blocks) if blocks else None)


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
        video = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "ultrafast"})
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
        yield Film(np.arange(n) / fps, frames, _babble(pitches, round(length_s * RATE), rng))


def _drawn(back: np.ndarray, seats: np.ndarray, colours: np.ndarray, path: np.ndarray, rng: Any) -> np.ndarray:
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


def share_of(k: int, n: int) -> dict[str, Any]:
    """A share of k in n and both ends of its 95 % interval (Clopper and Pearson 1934)."""
    low = 0.0 if k == 0 else float(beta.ppf(0.025, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(0.975, k + 1, n - k))
    return {"of": n, "count": k, "share": round(k / max(1, n), 5), "low": round(low, 6), "high": round(high, 6)}


def why_hard(one: Planted, other: Planted) -> str:
    """The reason two clips cannot be told apart, or not be told the same, by what is compared; empty where they can."""
    if min(one.length_s, other.length_s) < 2:
        return "shorter than 2 s"
    heard, seen_moving = one.print.sounds and other.print.sounds, one.print.moves and other.print.moves
    return "" if heard or seen_moving else "nothing moves, and one is mute"


def linked(clips: Sequence[Planted]) -> tuple[set[tuple[int, int]], list[int]]:
    """Pairs and clusters of a set."""
    all_prints = [p.print for p in clips]
    found = duplicates.pairs(*duplicates.stacked(all_prints), all_prints.__getitem__)
    return {(p.i, p.j) for p in found}, duplicates.clusters(len(clips), found)


def recalled(clips: list[Planted]) -> dict[str, Any]:
    """For each change, copies found in a set of originals and that one copy of each: no third clip can help or crowd."""
    originals = [p for p in clips if p.change == "none"]
    place = {(p.source, round(p.start_s, 3), p.length_s): n for n, p in enumerate(originals)}
    plain, hard, missed = Counter[str](), Counter[str](), Counter[str]()
    for change in CHANGES[1:]:
        copies = [p for p in clips if p.change == change.name]
        found, _ = linked(originals + copies)
        for n, copy in enumerate(copies, start=len(originals)):
            first = place[copy.source, round(copy.start_s - change.shift_s, 3), copy.length_s]
            reason = why_hard(originals[first], copy)
            here = hard if reason else plain
            here.update((change.name, "all of them"))
            if (first, n) not in found:
                here.update((f"missed {change.name}", "missed in all"))
                missed[f"{change.name}: {copy.source} ({reason})"] += 1
    return {
        "copies found": share_of(plain["all of them"] - plain["missed in all"], plain["all of them"]),
        "hard copies found": share_of(hard["all of them"] - hard["missed in all"], hard["all of them"]),
        "by change": {c.name: f"{plain[c.name] - plain[f'missed {c.name}']}/{plain[c.name]}" for c in CHANGES[1:]},
        "missed": dict(missed),
    }


def merged(clips: list[Planted]) -> dict[str, Any]:
    """Pairs of other moments of one source that are linked in the set of everything, or end in one cluster.

    Clusters are those of moments of one length: a clip of 5 s rightly joins the two halves that it shows. Pairs of clips
    of the same two moments are not independent, so the share of pairs of moments is the one whose bound holds.
    """
    begun = time.perf_counter()
    found, _ = linked(clips)
    out: dict[str, Any] = {"clips": len(clips), "seconds": round(time.perf_counter() - begun, 2)}
    joined = np.arange(len(clips))
    for length_s in {clip.length_s for clip in clips}:
        at = [n for n, clip in enumerate(clips) if clip.length_s == length_s]
        joined[at] = np.asarray(at)[linked([clips[n] for n in at])[1]]
    count, moments = Counter[str](), {}
    shifts = {change.name: change.shift_s for change in CHANGES}
    starts = [(clip.source, round(clip.start_s - shifts[clip.change], 3), clip.length_s) for clip in clips]
    for i, j in combinations(range(len(clips)), 2):
        if clips[i].shares(clips[j]) == 0:
            kind = "hard" if why_hard(clips[i], clips[j]) else "plain"
            count.update({kind: 1, f"{kind} linked": (i, j) in found, f"{kind} joined": bool(joined[i] == joined[j])})
            key = (kind, *sorted((starts[i], starts[j])))
            moments[key] = moments.get(key, False) or (i, j) in found
    for kind in ("plain", "hard"):
        out[f"{kind} other moments linked"] = share_of(count[f"{kind} linked"], count[kind])
        out[f"{kind} other moments in one cluster"] = share_of(count[f"{kind} joined"], count[kind])
        ever = [was for key, was in moments.items() if key[0] == kind]
        out[f"{kind} pairs of moments ever linked"] = share_of(sum(ever), len(ever))
    out["bytes of the largest print"] = max(len(p.print.to_bytes()) for p in clips)
    return out | {"other sources linked": sum(clips[i].source != clips[j].source for i, j in found)}


def plant(clips: Path, half: str, n: int) -> list[Planted]:
    """Copies of all real clips of the half, then of procedural rooms until there are n clips, half of n drawn."""
    out, drawn, number = [], 0, 0
    for path in sorted(p for p in clips.rglob("*") if p.is_file()):
        name = path.relative_to(clips).as_posix()
        if in_half(name, half):
            out += planted(film_of(path), name, 0.0, CHANGES)
    real = len(out)
    while drawn < n // 2 or real + drawn < n:
        name, number = f"room {number}", number + 1
        if in_half(name, half):
            for moment, film in enumerate(room(name, 4)):
                out += planted(film, name, 100.0 * moment, CHANGES)
        drawn = len(out) - real
    return out


def synthetic(n: int) -> Iterator[prints.Print]:
    """n prints at little cost: one in twenty another moment of one static room, each with a copy; as many copies elsewhere.

    Copies are shifted by 0.25 s, noisy and mute: motion alone can find them. Keys are chance, as many as sound would give.
    """
    rng, grey = rng_for(0, "benchmark prints", n), np.zeros((40, *prints.GREY_SHAPE), np.uint8)
    at_home = rng_for(0, "benchmark static room").normal(size=(1, *prints.GRID)) ** 2
    for number in range(n):
        if number % 20 in COPIES:
            grey = np.clip(np.roll(grey, -2, axis=0) + rng.integers(-1, 2, grey.shape), 0, 255).astype(np.uint8)
        else:
            place = at_home if number % 20 == 0 else rng.normal(size=(1, *prints.GRID)) ** 2
            paths = lfilter([0.3], [1, -0.7], rng.normal(size=(6, 40)), axis=1)
            grid = np.einsum("pt,pyx->tyx", paths, rng.normal(size=(6, *prints.GRID))) * np.sqrt(place) * 8
            grey = np.stack(
                [cv2.resize(np.clip(g, 0, 255).astype(np.uint8), (48, 36)) for g in grid + 120 + 30 * place]
            )
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
    found = {(p.i, p.j) for p in duplicates.verified(near, lambda i: prints.Print.from_bytes(packed[i]))}
    out: dict[str, Any] = {"n": n, "candidates": len(near), "search_s": round(searched - begun, 2)}
    out["check_s"] = round(time.perf_counter() - searched, 2)
    copies = {kind: {(i - 1, i) for i in range(kind, n, 20)} for kind in COPIES}
    for kind, name in COPIES.items():
        out[f"copies found {name}"] = share_of(len(copies[kind] & found), len(copies[kind]))
    return {**out, "others linked": len(found - set().union(*copies.values()))}


def main() -> None:
    words = argparse.ArgumentParser(description="near-duplicates: planted copies, hard negatives, and time")
    words.add_argument("--clips", type=Path, help="a folder of real clips; without it only times are told")
    words.add_argument("--n", type=int, default=1000, help="copies in all, at least")
    words.add_argument("--half", choices=("tune", "report"), default="report")
    words.add_argument("--sizes", default="1000,10000")
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    cv2.setNumThreads(1)
    answer: dict[str, Any] = {"times": []}
    if asked.clips:
        clips = plant(asked.clips, asked.half, asked.n)
        answer["planted"] = merged(clips) | recalled(clips)
        print(json.dumps(answer["planted"], indent=1), flush=True)
    for n in (int(size) for size in asked.sizes.split(",") if size):
        answer["times"].append(timed(n))
        print(json.dumps(answer["times"][-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
