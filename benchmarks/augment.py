"""Augmentation: training clips a second on one core, by recipe and by op, in one run.

    python benchmarks/augment.py [--rounds 5]

A clip is what the trainer keeps of one: five frames of 160 x 160, of which two are shown, 5 s of sound, its log-mel
segments. Time from kept tensors to a batch of 16, decoding apart. The limit is the recipe `none`: what is drawn and stacked
with nothing changed.
"""

import argparse
import statistics
import time

import numpy as np
import torch

from gerdata.augment.draw import PICTURE, SOUND
from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.learn.batch import Form, Item, audio_tensor, collate
from gerdata.learn.change import Ranges, apply_change, draw_change
from gerdata.recipe import AugmentRecipe, load, recipe_names

FORM = Form(image_px=160, mels=64, segments=5, segment_s=1.0, modality="both")
BATCH, CLIPS = 16, 64


def make_item(number: int) -> Item:
    """Noise in the form of a clip."""
    rng = rng_for(number, "benchmark")
    video = torch.from_numpy(rng.integers(0, 256, (5, 160, 160, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    sound = (0.1 * rng.standard_normal(5 * SAMPLE_RATE_HZ)).astype(np.float32)
    return Item(f"clip{number}", video, audio_tensor(sound, FORM), 0, True, True, sound)


def rate(items: list[Item], ranges: Ranges, epoch: int) -> float:
    """Clips a second."""
    began = time.perf_counter()
    for start in range(0, len(items), BATCH):
        some = items[start : start + BATCH]
        collate([apply_change(item, draw_change(0, epoch, item, ranges), FORM) for item in some])
    return len(items) / (time.perf_counter() - began)


def main() -> None:
    """Print clips a second of each recipe, and milliseconds of each op alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    items = [make_item(number) for number in range(CLIPS)]
    recipes = {name: load(AugmentRecipe, "augment", name) for name in recipe_names("augment")}
    rates: dict[str, list[float]] = {}
    for turn in range(rounds + 1):  # interleaved, so that all meet the same machine; the first only warms up
        for name, recipe in recipes.items():
            rates.setdefault(name, []).append(rate(items, Ranges(2, recipe, 0.4), turn))
    middle = {name: statistics.median(each[1:]) for name, each in rates.items()}
    print(f"{'recipe':14} {'clips/s':>8} {'of none':>8}")
    for name, each in sorted(middle.items(), key=lambda pair: -pair[1]):
        print(f"{name:14} {each:8.0f} {each / middle['none']:8.2f}")
    print(f"\n{'op':14} {'ms a clip':>9}")
    for op in [name for name, _ in (*PICTURE, *SOUND)]:
        always = Ranges(2, AugmentRecipe.model_validate({f"{op}_share": 1.0}), 0.0)
        each = [1000 / rate(items[:BATCH], always, turn) for turn in range(rounds + 1)]
        print(f"{op:14} {statistics.median(each[1:]) - 1000 / middle['none']:9.2f}")


if __name__ == "__main__":
    main()
