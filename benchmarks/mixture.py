"""Mixtures of 5 s at 16 kHz a second on one core, beside peers and beside writing them as FLAC, in one run.

    OMP_NUM_THREADS=1 python benchmarks/mixture.py [--rounds 5] [--scaper PYTHON]

Rates are of CPU time, so that a busy machine changes them less. A mixture has 5 to 9 events, each through its room, over
babble and ambience, at a stated SNR and loudness. "bank held" has every sound it needs in memory (goal: 500/s), "bank on
disk" maps it from files, "first time" makes all of it. Peers: audiomentations (short noises, background noise, room
response, from the same takes as files; it measures no loudness), and Scaper (4 events and a background, with its JAMS
file) where an interpreter that has it is named. "sum alone" adds ready sounds: nothing that mixes can be faster.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

N = 80_000
RATE_HZ = 16_000


def rate(work: Callable[[], int]) -> float:
    began = time.process_time()
    made = work()
    return made / (time.process_time() - began)


def scaper_rate(folder: Path) -> float:
    """Run by an interpreter that has Scaper: mixtures a second from the sounds in a folder."""
    np.Inf = np.inf  # Scaper 1.6.5 uses the name that NumPy 2 dropped
    import logging

    import scaper

    logging.disable(logging.WARNING)

    def work() -> int:
        for seed in range(8):
            scene = scaper.Scaper(5.0, str(folder / "events"), str(folder / "beds"), random_state=seed)
            scene.sr, scene.ref_db = RATE_HZ, -30
            scene.add_background(label=("const", "bed"), source_file=("choose", []), source_time=("const", 0))
            for _ in range(4):
                scene.add_event(
                    label=("choose", []),
                    source_file=("choose", []),
                    source_time=("const", 0),
                    event_time=("uniform", 0, 3.5),
                    event_duration=("const", 0.9),
                    snr=("uniform", 0, 15),
                    pitch_shift=None,
                    time_stretch=None,
                )
            scene.generate(
                str(folder / "mix.wav"),
                str(folder / "mix.jams"),
                allow_repeated_label=True,
                allow_repeated_source=True,
                disable_sox_warnings=True,
                fix_clipping=True,
            )
        return 8

    work()
    return rate(work)


def write_sounds(folder: Path) -> None:
    """Takes, beds and a room response as WAV files for the peers."""
    from gerdata.media.audio import encode_wav
    from gerdata.recipe import SynthRecipe
    from gerdata.synth import plan_scene
    from gerdata.synth.acoustics import reflections
    from gerdata.synth.soundbank import default_bank
    from gerdata.synth.utterances import utter

    plan = plan_scene(SynthRecipe(casts=1), 1, 0)
    for kind in ("laugh", "phrase", "cry"):
        (folder / "events" / kind).mkdir(parents=True)
        for k, voice in enumerate(plan.voices):
            (folder / "events" / kind / f"{k}.wav").write_bytes(encode_wav(0.5 * utter(voice, kind, 0)))
    (folder / "beds" / "bed").mkdir(parents=True)
    loop = default_bank().babble(plan.voices, 8, plan.room).astype(np.float32) / 100_000
    (folder / "beds" / "bed" / "0.wav").write_bytes(encode_wav(loop))
    (folder / "rooms").mkdir()
    response = reflections(plan.room).copy()
    response[0] = 0.5
    (folder / "rooms" / "0.wav").write_bytes(encode_wav(response))


def audiomentations_case(folder: Path) -> Callable[[], int]:
    import audiomentations as am

    chain = am.Compose(
        [
            am.AddShortNoises(str(folder / "events"), min_snr_db=0, max_snr_db=15, p=1.0),
            am.AddBackgroundNoise(str(folder / "beds"), min_snr_db=0, max_snr_db=15, p=1.0),
            am.ApplyImpulseResponse(str(folder / "rooms"), p=1.0),
        ]
    )
    quiet = (0.01 * np.random.default_rng(0).standard_normal(N)).astype(np.float32)

    def work() -> int:
        random.seed(0)
        np.random.seed(0)
        for _ in range(20):
            chain(quiet, RATE_HZ)
        return 20

    return work


def own_cases(folder: Path) -> dict[str, Callable[[], int]]:
    from gerdata.media.audio import encode_flac
    from gerdata.recipe import SynthRecipe
    from gerdata.store.cache import Cache
    from gerdata.synth import plan_scene
    from gerdata.synth.mixture import render_audio
    from gerdata.synth.soundbank import SoundBank

    plans = [plan_scene(SynthRecipe(casts=4), 1, i) for i in range(40)]
    held, disk = SoundBank(), folder / "bank"
    mixtures = [render_audio(plan, held) for plan in plans]
    for plan in plans:
        render_audio(plan, SoundBank(Cache(disk)))
    ready = [np.random.default_rng(k).standard_normal(24_000).astype(np.float32) for k in range(7)]

    def mixed(bank: Callable[[], SoundBank], some: int) -> Callable[[], int]:
        def work() -> int:
            one = bank()
            for plan in plans[:some]:
                render_audio(plan, one)
            return some

        return work

    def flac() -> int:
        for mixture in mixtures[:20]:
            encode_flac(mixture)
        return 20

    def summed() -> int:
        for _ in range(100):
            out = np.zeros(N, np.float32)
            for k, sound in enumerate(ready):
                out[8000 * k : 8000 * k + 24_000] += sound
        return 100

    return {
        "gerdata, bank held": mixed(lambda: held, 40),
        "gerdata, bank on disk": mixed(lambda: SoundBank(Cache(disk)), 40),
        "gerdata, first time": mixed(SoundBank, 8),
        "FLAC alone": flac,
        "sum alone": summed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scaper", help="an interpreter that has Scaper")
    parser.add_argument("--as-scaper", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.as_scaper:
        print(scaper_rate(given.as_scaper))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sounds(folder)
        cases = {**own_cases(folder), "audiomentations": audiomentations_case(folder)}
        rates: dict[str, list[float]] = {case: [] for case in cases}
        for case in cases.values():
            case()
        for _ in range(given.rounds):  # interleaved, so that all meet the same machine
            for case, work in cases.items():
                rates[case].append(rate(work))
            if given.scaper:
                told = subprocess.run(
                    [given.scaper, __file__, "--as-scaper", name], capture_output=True, text=True, check=True
                )
                rates.setdefault("Scaper", []).append(float(told.stdout.split()[-1]))
    medians = {case: statistics.median(found) for case, found in rates.items()}
    best = medians["gerdata, bank held"]
    for case, value in medians.items():
        print(f"{case:24s} {value:8.0f} mixtures/s   bank held is {best / value:6.2f} times that", file=sys.stdout)


if __name__ == "__main__":
    main()
