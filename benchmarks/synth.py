"""Synthetic samples a second on one core, beside their encoding alone and the published way to make the picture half.

    python benchmarks/synth.py [--n 60] [--rounds 3] [--set KEY=VALUE ...]

One process, one thread, CPU time, interleaved rounds, banks warm. A sample: 5 frames of 224 x 224 and 5 s of sound with their
truth, planned, rendered, encoded. Limit: the JPEGs and the FLAC of the same samples alone. As published (arXiv 2312.05265 and
its code): 3 to 15 cut-outs pasted by Pillow, resized from 350 px for every frame, up to 80 tries for a place without overlap;
picture alone, not encoded.
"""

import argparse
import statistics
import time
from collections import Counter

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from gerdata.chance import rng_for
from gerdata.clip import Sample, kept_times_s
from gerdata.media.audio import encode_flac
from gerdata.media.images import encode_jpeg
from gerdata.recipe import SynthRecipe, load
from gerdata.store.cache import Cache, cache_folder
from gerdata.store.members import encode
from gerdata.synth.bank import folder_of
from gerdata.synth.repertoire import Shot
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.stage import ready, resolved
from gerdata.synth.studio import Studio, bank_plan_of, open_studio
from gerdata.synth.work import sample_of

CANVAS, FACE_PX, TRIES = 326, 350, 80


def made(studio: Studio, recipe: SynthRecipe, start: int, n: int) -> tuple[float, list[Sample]]:
    """Seconds for n whole samples, and the samples."""
    samples = []
    began = time.process_time()
    for index in range(start, start + n):
        samples.append(sample_of(studio.plan(recipe, 0, index), studio, "a", recipe, 0))
        encode(samples[-1], recipe.jpeg_quality)
    return time.process_time() - began, samples


def encoded(samples: list[Sample], quality: int) -> float:
    began = time.process_time()
    for sample in samples:
        for frame in sample.frames:
            encode_jpeg(frame, quality)
        encode_flac(sample.audio)
    return time.process_time() - began


def published(faces: list[Image.Image], n: int) -> float:
    """Seconds for the pictures of n samples made as published."""
    began = time.process_time()
    for index in range(n):
        rng = rng_for(0, "published", index)
        chosen = [faces[int(i)] for i in rng.integers(0, len(faces), int(rng.integers(3, 16)))]
        for _ in range(5):
            canvas, taken = Image.new("RGB", (CANVAS, CANVAS), (120, 130, 140)), np.zeros((CANVAS, CANVAS), bool)
            for face in chosen:
                side = round(FACE_PX * rng.uniform(0.10, 0.15))
                own = face.resize((FACE_PX, FACE_PX)).resize((side, side))
                own = own.rotate(float(rng.uniform(-45, 45)), expand=True) if rng.random() < 0.5 else own
                alpha = np.asarray(own)[..., 3] > 0
                for _ in range(TRIES):
                    x, y = (int(v) for v in rng.integers(30, CANVAS - 30 - max(own.size), 2))
                    spot = taken[y : y + own.height, x : x + own.width]
                    if (spot & alpha).sum() <= 0.001 * alpha.sum():
                        spot |= alpha
                        canvas.paste(own, (x, y), own)
                        break
    return time.process_time() - began


def shares(studio: Studio, recipe: SynthRecipe, start: int, n: int) -> str:
    """Where the time of a sample goes."""
    spent: Counter[str] = Counter()

    def timed(name: str, work: object) -> object:
        began = time.process_time()
        out = work()  # type: ignore[operator]
        spent[name] += time.process_time() - began
        return out

    times_s = kept_times_s(recipe.n_frames, recipe.duration_s)
    for index in range(start, start + n):
        plan = timed("plan", lambda index=index: studio.plan(recipe, 0, index))
        timed("picture", lambda plan=plan: studio.film(plan, times_s))
        timed("sound", lambda plan=plan: studio.record(plan))
        sample = sample_of(plan, studio, "a", recipe, 0)  # type: ignore[arg-type]
        timed("encode", lambda sample=sample: encode(sample, recipe.jpeg_quality))
    return ", ".join(f"{name} {1e3 * one / n:.1f} ms" for name, one in spent.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    recipe = resolved(load(SynthRecipe, "synth", "crowd", tuple(arguments.set)))
    ready(recipe, 1)
    avatars = folder_of(bank_plan_of(recipe)) if recipe.style == "avatar" else None
    studio = open_studio(SoundBank(Cache(cache_folder("sounds"))), avatars)
    faces = []
    if studio.avatars is not None:
        shot = Shot("bust", "stand", 0.0, "neutral", 0.0)
        faces = [Image.fromarray(studio.avatars.sprite(k, shot).rgba) for k in range(24)]
    seconds: dict[str, list[float]] = {}
    with threadpool_limits(1):
        made(studio, recipe, 0, arguments.n)
        for number in range(arguments.rounds):
            whole, samples = made(studio, recipe, arguments.n * (1 + number), arguments.n)
            seconds.setdefault("samples", []).append(whole)
            seconds.setdefault("encoding alone", []).append(encoded(samples, recipe.jpeg_quality))
            if faces:
                seconds.setdefault("pictures as published", []).append(published(faces, arguments.n))
        told = shares(studio, recipe, arguments.n, arguments.n)
    limit = statistics.median(seconds["encoding alone"])
    for name, rounds in seconds.items():
        middle = statistics.median(rounds)
        print(f"{name:22} {arguments.n / middle:7.1f}/s  {limit / middle:5.2f} of the limit")
    print(f"style {recipe.style}: {told}")


if __name__ == "__main__":
    main()
