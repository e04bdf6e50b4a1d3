"""Voice ops: five-second clips a second on one core, and what is left of who speaks, in one run.

    python benchmarks/voices.py [--speech FOLDER [--words]] [--rounds 5]

Speed: each op on 5 s of noise with a moving level, one thread; the goal is 500 clips/s. Limit: writing the same clip as
FLAC. Attack: with --speech, a folder SPEAKER/.../*.flac at 16 kHz, cut into 5-s clips; under 20 speakers are too few for a
verdict, so only figures are printed. With --words a speech recogniser (extra `asr`) listens to 30 of the clips, too: the
first ones of each speaker, against what it understands of the clear clip.
"""

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from gerdata.audit.identify import Views
from gerdata.audit.speakers import heard
from gerdata.audit.voices import speakers
from gerdata.audit.words import Heard, words_in, words_left
from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.privacy.ops import Mute, RawVoice, VoiceOp
from gerdata.privacy.voices import Bed, BedDynamic, McAdamsVoice, Numbers, Steps, VocodeVoice

OPS: tuple[VoiceOp, ...] = (Mute(), Numbers(), Steps(), Bed(), BedDynamic(), VocodeVoice(), McAdamsVoice(), RawVoice())
N = 5 * SAMPLE_RATE_HZ
GOAL = 500.0


def clip(seed: int) -> Audio:
    """Noise whose level moves like speech."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0, 1, 50), N // 50)
    return (0.1 * rng.normal(size=N) * level).astype(np.float32)


def rate(op: VoiceOp, clips: list[Audio]) -> float:
    """Clips a second, levels included."""
    began = time.perf_counter()
    for number, audio in enumerate(clips):
        op.render(audio, rng_for(number, "noise"))
        op.levels(audio)
    return len(clips) / (time.perf_counter() - began)


def flac_rate(clips: list[Audio]) -> float:
    began = time.perf_counter()
    for audio in clips:
        soundfile.write(io.BytesIO(), audio, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return len(clips) / (time.perf_counter() - began)


def speed(rounds: int) -> None:
    clips = [clip(seed) for seed in range(20)]
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):  # interleaved, so that all meet the same machine
        rates.setdefault("FLAC alone", []).append(flac_rate(clips))
        for op in OPS:
            rates.setdefault(type(op).__name__, []).append(rate(op, clips))
    limit = statistics.median(rates["FLAC alone"])
    for name, seen in rates.items():
        middle = statistics.median(seen)
        print(f"{name:14} {middle:9.0f} clips/s  {middle / limit:6.2f} x FLAC  {middle / GOAL:6.2f} x the goal")


def clips_of(folder: Path) -> tuple[list[Audio], list[str]]:
    """Five-second clips, and whose they are."""
    sounds, who = [], []
    for path in sorted(folder.rglob("*.flac")):
        audio, hz = soundfile.read(path, dtype="float32")
        if hz != SAMPLE_RATE_HZ:
            raise SystemExit(f"{path}: expected 16 kHz, came {hz}")
        for start in range(0, len(audio) - 3 * SAMPLE_RATE_HZ, N):
            sounds.append(audio[start : start + N])
            who.append(path.relative_to(folder).parts[0])
    return sounds, who


def attack(sounds: list[Audio], who: list[str]) -> None:
    names = sorted(set(who))
    identity = np.array([names.index(one) for one in who])
    clear = np.stack([heard(audio) for audio in sounds])
    print(f"{len(names)} speakers, {len(sounds)} clips")
    for op in OPS[2:]:
        released = np.stack([heard(op.render(audio, rng_for(n, "noise"))) for n, audio in enumerate(sounds)])
        views = Views(clear, released, identity, np.arange(len(sounds)))
        verdict = speakers(views, np.zeros(len(sounds), np.int64), 0)
        told = "; ".join(f"{one.name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in verdict.figures)
        print(f"{type(op).__name__:14} {verdict.status}: {told}")


def listen(sounds: list[Audio], who: list[str], n: int = 30) -> None:
    """Words that are left of `n` clips, as many of each speaker."""
    each = n // len(set(who))
    chosen = [i for i, name in enumerate(who) if who[:i].count(name) < each]
    clear = [words_in(sounds[i]) for i in chosen]
    for op in (Steps(), Bed(), BedDynamic(), VocodeVoice(), McAdamsVoice(), RawVoice()):
        told = [words_in(op.render(sounds[i], rng_for(i, "noise"))) for i in chosen]
        heard = [Heard(a, b, who[i]) for a, b, i in zip(clear, told, chosen, strict=True)]
        verdict = words_left(heard, 0)
        print(f"{type(op).__name__:14} {len(chosen)} clips: {'; '.join(map(str, verdict.figures))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        speed(arguments.rounds)
    if arguments.speech:
        sounds, who = clips_of(arguments.speech)
        attack(sounds, who)
        if arguments.words:
            listen(sounds, who)


if __name__ == "__main__":
    main()
