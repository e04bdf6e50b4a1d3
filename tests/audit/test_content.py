"""What is said: closed sets of sentences are told where the envelope is kept, words are counted right, absent means skipped."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from gerdata.audit.gather import listened
from gerdata.audit.sentences import sentences, shape_of
from gerdata.audit.words import Heard, content_of, errors_of, recogniser, words_in, words_left
from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.privacy.voices import Steps, VocodeVoice

SENTENCES, VOICES = 10, 20
SENTENCE, VOICE = np.repeat(np.arange(SENTENCES), VOICES), np.tile(np.arange(VOICES), SENTENCES)


def spoken(sentence: int, voice: int) -> Audio:
    """Twelve syllables of a sentence's own pitch bands and rests, at a voice's own pace and level; 1.2 to 1.6 s for all."""
    own, other = rng_for(0, "sentence", sentence), rng_for(0, "voice", voice, sentence)
    hz, loud = own.choice([300, 700, 1500, 3000], 12), own.choice([0.05, 0.4, 1.0], 12)
    length = other.uniform(0.1, 0.13, 12) * SAMPLE_RATE_HZ
    parts = [
        a * np.sin(2 * np.pi * h * other.uniform(0.9, 1.1) * np.arange(int(n)) / SAMPLE_RATE_HZ) * np.hanning(int(n))
        for h, a, n in zip(hz, loud, length, strict=True)
    ]
    sound = np.concatenate(parts)
    return (other.uniform(0.1, 0.3) * sound + other.normal(0, 1e-3, len(sound))).astype(np.float32)


@pytest.fixture(scope="module")
def clear() -> list[Audio]:
    return [spoken(int(s), int(v)) for s, v in zip(SENTENCE, VOICE, strict=True)]


@pytest.mark.parametrize(
    ("op", "status"),
    [
        (lambda audio, n: VocodeVoice().render(audio, rng_for(n, "noise")), "failed"),
        (lambda audio, n: np.zeros(SAMPLE_RATE_HZ, np.float32), "passed"),
    ],
    ids=["vocoder", "nothing"],
)
def test_a_closed_set_is_told_by_what_keeps_the_envelope(
    clear: list[Audio], op: Callable[[Audio, int], Audio], status: str
) -> None:
    shapes = [shape_of(audio) for audio in clear]
    released = [shape_of(op(audio, n)) for n, audio in enumerate(clear)]
    verdict = sentences(shapes, released, SENTENCE, VOICE, 0)
    assert verdict.status == status, verdict
    value = {one.name: one.value for one in verdict.figures}
    assert value["clear"] > 0.8
    assert value["length alone"] < 0.3


def test_few_voices_are_too_few_and_deafness_is_void(clear: list[Audio]) -> None:
    few = [i for i in range(len(clear)) if VOICE[i] < 4]
    shapes = [shape_of(Steps().render(clear[i], rng_for(i, "noise"))) for i in few]
    assert sentences(shapes, shapes, SENTENCE[few], VOICE[few], 0).status == "underpowered"
    assert sentences(shapes, shapes, np.arange(len(few)), VOICE[few], 0).status == "skipped"
    blank = [np.zeros((25, 20))] * len(SENTENCE)
    assert sentences(blank, blank, SENTENCE, VOICE, 0).status == "void"


def test_words_are_counted() -> None:
    assert errors_of(("a", "b", "c"), ("a", "x", "c")) == 1
    assert errors_of(("a", "b", "c"), ()) == 3
    assert errors_of((), ("a", "b")) == 2
    assert errors_of(("a", "b", "c", "d"), ("b", "c", "d", "e")) == 2
    assert content_of(("the", "river", "which", "River", "river")) == {"river": 2, "River": 1}


def test_words_that_come_back_fail_and_noise_is_reported() -> None:
    clear = [tuple(f"river{rng_for(i, 'w', k).integers(9999)}" for k in range(5)) for i in range(60)]
    whose = [f"s{i % 20}" for i in range(60)]
    kept = words_left([Heard(c, c[:2], w) for c, w in zip(clear, whose, strict=True)], 0)
    assert kept.status == "failed", kept
    assert kept.figures[0].value == pytest.approx(0.6)
    assert kept.figures[1].value == pytest.approx(0.4)
    gone = words_left([Heard(c, ("thank", "you"), w) for c, w in zip(clear, whose, strict=True)], 0)
    assert gone.status == "reported"
    assert gone.figures[1].value == 0
    assert words_left([Heard(c, c, "s") for c in clear], 0).status == "underpowered"
    assert words_left([Heard((), (), "s")], 0).status == "skipped"


def test_without_a_recogniser_there_is_a_line_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    recogniser.cache_clear()
    numbers, why = listened(10, 0)
    assert not numbers
    assert "python -m pip install 'gerdata[asr]' && gerdata models pull word-recogniser " in why


def test_silence_has_no_words_and_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gerdata.audit.words.recogniser", lambda: pytest.fail("was asked"))
    assert words_in(np.zeros(SAMPLE_RATE_HZ, np.float32)) == ()
