"""What must not leave is found wherever it is planted, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gerdata.audit.canaries import Needles, canaries, contents, guessed, has_metadata, words_of
from gerdata.media.audio import encode_flac, wav_of_flac
from gerdata.media.mark import mark_of
from gerdata.media.mp4 import encode_mp4
from gerdata.store.parquet import MEDIUM
from gerdata.store.tar import TarWriter, finish

SOURCE = {
    "name": "0/parties/Anna_wedding.mp4",
    "uri": "file:///home/anna/clips/parties/Anna_wedding.mp4",
    "sha256": "ab" * 32,
}


def planted(root: Path, where: str, data: bytes) -> None:
    root.mkdir()
    (root / "dataset.json").write_text(json.dumps({"stage": "protect"}))
    if where == "tar":
        with (root / "part.tar").open("wb") as file:
            TarWriter(file).add("k.json", data)
        finish(root / "part.tar")
    elif where == "table":
        pq.write_table(pa.table({"x": [data.decode("latin-1")]}), root / "rows.parquet")
    else:
        (root / "README.md").write_bytes(data)


@pytest.mark.parametrize("where", ["tar", "table", "text"])
@pytest.mark.parametrize(
    ("data", "is_found"),
    [
        (b"x" * 2_000_000 + b"ANNA_wedding" + b"y" * 99, True),  # any case, any place
        (b"of " + b"ab" * 32, True),
        (b"nothing of note", False),
        (b"parties", False),  # a folder alone is no name of a source
    ],
)
def test_a_planted_name_is_found(tmp_path: Path, where: str, data: bytes, is_found: bool) -> None:
    planted(tmp_path / "d", where, data)
    verdict = canaries(tmp_path / "d", [SOURCE], ["k"], frozenset())
    assert verdict.status == ("failed" if is_found else "passed"), verdict


def test_words_are_found_across_chunks_and_short_ones_are_not_searched() -> None:
    needles = Needles([b"secret-name", b"abc"])
    for at in ((1 << 20) - 3, (1 << 20) - 6, 0, 5):
        assert needles.found(b"." * at + b"Secret-Name" + b"abc") == {b"secret-name"}
    assert needles.found(b"") == set()


def test_a_name_that_is_a_plain_digest_is_guessed() -> None:
    import base64
    import hashlib

    digest = hashlib.sha256(b"Anna_wedding").digest()
    assert guessed([base64.b32encode(digest[:16]).decode().rstrip("=").lower()], [SOURCE])[0] == 1
    assert guessed(["3h6hteyhkquczc4jqh5fxw7klu"], [SOURCE])[0] == 0


def test_metadata_of_pictures_is_seen() -> None:
    plain = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xda\x00\x02"
    exif = b"\xff\xd8\xff\xe1\x00\x04ab\xff\xda\x00\x02"
    assert not has_metadata("a.jpg", plain)
    assert has_metadata("a.jpg", exif)


def test_a_source_that_was_named_and_never_found_has_only_its_name() -> None:
    gone = {"name": "clips/gone_away.mp4", "uri": None, "sha256": None}
    assert b"gone_away.mp4" in words_of([gone], frozenset())
    assert guessed(["abcdefgh"], [gone])[0] == 0


@pytest.mark.parametrize("kind", ["flac", "wav", "mp4"])
def test_a_medium_carries_the_mark_and_nothing_else(kind: str) -> None:
    mark = mark_of("{}")
    frames, flac = np.zeros((2, 32, 32, 3), np.uint8), encode_flac(np.zeros(100, np.float32))

    def made(comment: str) -> bytes:
        if kind == "flac":
            return encode_flac(np.zeros(100, np.float32), comment)
        return wav_of_flac(flac, comment) if kind == "wav" else encode_mp4(frames, 1.0, comment)

    assert not has_metadata(f"a.{kind}", made(""))
    assert not has_metadata(f"a.{kind}", made(mark))
    for comment in ("recorded by somebody", f"{mark} and more"):
        assert has_metadata(f"a.{kind}", made(comment)), comment
    assert kind == "flac" or has_metadata(f"a.{kind}", made("") + b"\0\0\0\x10uuid12345678")


def test_media_in_tables_are_searched_as_they_are_in_tars(tmp_path: Path) -> None:
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    media = pa.array([{"bytes": b"\xff\xd8\0SECRET\0", "path": "a.f00.jpg"}], MEDIUM)
    pq.write_table(pa.table({"id": ["a"], "f00": media, "structure": pa.array([b"\xfe\xdc"], pa.binary())}), path)
    held = dict(contents(tmp_path))
    assert held["data/train-00000-of-00001.parquet:a.f00.jpg"] == b"\xff\xd8\0SECRET\0"
    assert held["data/train-00000-of-00001.parquet:a.structure"] == b"\xfe\xdc"
