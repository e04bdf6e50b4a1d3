"""Scenes of a user's own faces: what does a small model learn that holds for people it has never seen?

    python benchmarks/collage.py FACES.csv [--backgrounds DIR] [--splits 10] [--first 0] [--n 1500] [--set KEY=VALUE ...]

For each split people are dealt to casts anew (`bank build --seed`), collages are made (`synth --recipe paper`), released by
cast, and a model is trained on pictures alone and tested on casts that it has not seen; probes that must not tell the class
look at the same release. The interval is Student's over the splits: scenes of one split share people, so they are no
independent samples, and a thousand of them say no more about new people than the people in them do. Heads of `paper` are 24 to
36 px of 224, too few for a network from scratch; `--set min_scale=0.25 --set max_scale=0.35 --set max_people=6` brings them
closer.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scipy.stats import t as student

KEYS = ("architecture=video", "video_epochs=0", "train_frames=1", "epochs=12", 'precision="bf16"')
TRAIN = ("--threads", "1", *(word for key in KEYS for word in ("--set", key)))


def run(*words: str) -> dict[str, Any]:
    """What a command says; a command that found something (exit 3 or 4) has said so."""
    command = [sys.executable, "-m", "gerdata.cli", *words, "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def split(number: int, arguments: argparse.Namespace, folder: Path) -> tuple[float, int, dict[str, float]]:
    """Accuracy on people not seen, the scenes it was measured on, and the UAR of every probe."""
    seed, place = ("--seed", str(number)), ("--workspace", str(folder))
    ground = ("--backgrounds", str(arguments.backgrounds)) if arguments.backgrounds else ()
    casts = ("--casts", str(arguments.casts))
    run("bank", "build", str(folder / "bank"), "--faces", str(arguments.faces), *ground, *casts, *seed, *place)
    keys = [word for pair in arguments.set for word in ("--set", pair)]
    paper = ("--recipe", "paper", "--bank", str(folder / "bank"), "--set", "frame_px=224")
    run("synth", "--n", str(arguments.n), *paper, *keys, *seed, *place)
    run("shard", "--set", "train_share=0.6", "--set", "validation_share=0.2", *seed, *place)
    test = run("train", *TRAIN, *seed, *place)["test"]
    found = run("audit", str(folder / "synth"), "--shortcuts", *seed, *place)["verdicts"]
    probes = {one["part"]: figure["value"] for one in found for figure in one["figures"] if figure["name"] == "UAR"}
    return test["accuracy"], test["clips"], probes


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval by Student's t; from one value no interval follows."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first split: the rest of an earlier run")
    parser.add_argument("--casts", type=int, default=10)
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    accuracies, all_probes = [], []
    for number in range(arguments.first, arguments.first + arguments.splits):
        with tempfile.TemporaryDirectory() as folder:
            accuracy, clips, probes = split(number, arguments, Path(folder))
        accuracies.append(accuracy)
        all_probes.append(probes)
        print(f"split {number}: {accuracy:.3f} of {clips} scenes of others; probes {probes}", flush=True)
    print("\n| what | mean over splits | interval |\n|---|---|---|")
    for name, values in [
        ("model, pictures of others", accuracies),
        *((probe, [one[probe] for one in all_probes if probe in one]) for probe in all_probes[0]),
    ]:
        mean, low, high = interval(values)
        print(f"| {name} | {mean:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
