"""Which words are left? A speech recogniser on released sounds, beside what it understands of the clear ones.

It has not adapted to the transform: that it fails does not show that words are gone, that it succeeds shows that they are
not. So this part fails or is reported, and never passes; the sentence attack is the one that has adapted.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gerdata.audit.linear import Labels
from gerdata.audit.statistics import clustered
from gerdata.chance import rng_for
from gerdata.clip import Audio
from gerdata.errors import MissingError
from gerdata.people.weights import WEIGHTS, load
from gerdata.store.audits import Verdict

PART, EXTRA = "words", "asr"
FILES = {"word-recogniser": "model.bin", "word-recogniser-config": "config.json",
         "word-recogniser-tokenizer": "tokenizer.json", "word-recogniser-vocabulary": "vocabulary.txt"}  # fmt: skip
MOST_CLIPS = 200  # to be listened to: about a second each
LEAST_CONTENT, LEAST_SPEAKERS = 50, 20
MOST_LEFT = 0.10  # of content words that reappear, as a lower bound: more is a failure
LEAST_LETTERS = 4
_FUNCTION_WORDS = frozenset(
    """
    about after again also been before being both came come could does down even ever every from have having here into just
    like made many more most much must never only other over said same should some such than that their them then there
    these they this those though through under upon very well were what when where which while will with would your
    """.split()  # noqa: SIM905 - a list is longer
)

Words = tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """What was understood of one clip, clear and released, and whose it is: a speaker, or else the clip's group."""

    clear: Words
    released: Words
    whose: str


@cache
def recogniser() -> Any:
    """The loaded Whisper tiny.en; `MissingError`, with the line to run, without weights or the extra `asr`."""
    try:
        from faster_whisper import WhisperModel
    except ImportError:
        line = f"python -m pip install 'gerdata[{EXTRA}]' && gerdata models pull {' '.join(FILES)}"
        raise MissingError(f"no speech recogniser is installed; run: {line}") from None
    files = {file: load(name) for name, file in FILES.items()}
    return WhisperModel("tiny.en", device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, files=files)


def words_in(audio: Audio) -> Words:
    """Lower-case words that are understood; none of silence, which a recogniser would fill with words of its own."""
    if not np.abs(audio).max(initial=0) > 0:
        return ()
    segments, _ = recogniser().transcribe(
        audio, language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False, vad_filter=False
    )
    return tuple(re.findall(r"[a-z0-9']+", " ".join(one.text for one in segments).lower()))


def errors_of(reference: Words, told: Words) -> int:
    """The least count of words replaced, left out or put in (Levenshtein 1966)."""
    row = list(range(len(told) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(told, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def content_of(words: Words) -> Counter[str]:
    """Words of four letters or more that are not function words."""
    return Counter(word for word in words if len(word) >= LEAST_LETTERS and word not in _FUNCTION_WORDS)


def words_left(heard: Sequence[Heard], seed: int) -> Verdict:
    """The verdict: word error rate and share of content words that reappear, bounds by speaker; `chance` is their share in
    what was understood of another clip."""
    weight = WEIGHTS["word-recogniser"]
    attacker = f"Whisper tiny.en, int8 ({weight.requirement}), not adapted"
    own = [one for one in heard if one.clear]
    content = [content_of(one.clear) for one in own]
    n, speakers = sum(sum(one.values()) for one in content), len({one.whose for one in own})
    if n < LEAST_CONTENT:
        return Verdict(
            PART, "skipped", f"{n} content words are understood in clear sounds, {LEAST_CONTENT} are needed", attacker
        )
    names = sorted({one.whose for one in own})
    whose: Labels = np.array([names.index(one.whose) for one in own])
    rng = rng_for(seed, "audit", PART)
    length = np.array([len(one.clear) for one in own], np.float64)
    wrong = np.array([errors_of(one.clear, one.released) for one in own], np.float64)
    told = [content_of(one.released) for one in own]
    size = np.array([sum(one.values()) for one in content], np.float64)
    back = np.array([(a & b).total() for a, b in zip(content, told, strict=True)], np.float64)
    other = sum((a & b).total() for a, b in zip(content, [*told[1:], *told[:1]], strict=True))
    figures = (
        clustered("word error rate", wrong, whose, rng, size=length),
        clustered("content words left", back, whose, rng, other / n, size=size),
    )
    left = figures[1]
    why = f"{left.value:.3f} [{left.low:.3f}, {left.high:.3f}] of {n} content words left, WER {figures[0].value:.2f}"
    if speakers < LEAST_SPEAKERS:
        return Verdict(
            PART, "underpowered", f"{why}; {speakers} speakers, {LEAST_SPEAKERS} are needed", attacker, figures
        )
    return Verdict(PART, "failed" if left.low > MOST_LEFT else "reported", why, attacker, figures)
