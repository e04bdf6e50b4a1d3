"""Who has all that is published, the code and the recipe, but no key, cannot draw the noise of a voice op again."""

import io
import itertools
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from conftest import Gerdata

from gerdata.chance import rng_for
from gerdata.clip import SAMPLE_RATE_HZ, Audio
from gerdata.privacy.voices import Bed, Steps
from gerdata.store.private import Private, read_key

RECIPE = {"steps": Steps(), "bed": Bed()}


@pytest.fixture(scope="module", params=sorted(RECIPE))
def protected(request: pytest.FixtureRequest, gerdata: Gerdata, clips: Path, tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("reseeding")
    how = ("--recipe", "whole-frame", "--set", f'voice_op="{request.param}"')
    for words in (("ingest", clips), ("protect", *how)):
        assert gerdata(*words, "--workspace", root, "--quiet").code == 0
    return root, RECIPE[request.param]


def published(dataset: Path) -> Iterator[tuple[str, Audio]]:
    """Public names and sounds, as a stranger reads them."""
    for part in sorted((dataset / "parts").glob("*.tar")):
        with tarfile.open(part) as tar:
            for member in tar:
                if member.name.endswith(".flac"):
                    audio, _ = soundfile.read(io.BytesIO(tar.extractfile(member).read()), dtype="float32")
                    yield member.name.split(".")[0], audio


def guesses(dataset: Path, name: str) -> Iterator[np.random.Generator]:
    """Generators from all that is published, and from what is easily guessed."""
    header = json.loads((dataset / "dataset.json").read_text())
    (row,) = [one for one in pq.read_table(dataset / "manifest.parquet").to_pylist() if one["id"] == name]
    told = [str(one) for one in _leaves(header)] + [str(one) for one in row.values()]
    keys = [b"", bytes(32), b"gerdata", *(one.encode() for one in told)]
    secrets = [Private(Path(), key).pseudonym("noise", "whole-frame", name) for key in keys]
    for text in (*told, *secrets, name):
        yield rng_for(int.from_bytes(text.encode()), "voice")
    for seed, names in itertools.product(range(25), (("voice",), ("noise",), ("noise", name), ("voice", name))):
        yield rng_for(seed, *names)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def likeness(op: Steps | Bed, audio: Audio, rng: np.random.Generator) -> float:
    """Correlation with the released sound of the same op on it: what the op reads of its own output it has left in it."""
    drawn = op.render(audio, rng)
    return abs(float(np.corrcoef(drawn, audio)[0, 1]))


def test_noise_is_not_drawn_again_without_the_key_and_is_with_it(protected: tuple[Path, Steps | Bed]) -> None:
    root, op = protected
    key, tried = read_key(root / "private/key"), 0
    for name, audio in published(root / "protected"):
        assert len(audio) == SAMPLE_RATE_HZ
        for rng in guesses(root / "protected", name):
            assert likeness(op, audio, rng) < 0.2
            tried += 1
        secret = Private(Path(), key).pseudonym("noise", "whole-frame", name)
        assert likeness(op, audio, rng_for(int.from_bytes(secret.encode()), "voice")) > 0.9  # so the attack can succeed
    assert tried > 9 * 140
