"""`gerdata.open_release`: what the public API promises."""

import io
import json
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from toys import write_release

import gerdata
from gerdata.clip import SAMPLE_RATE_HZ
from gerdata.errors import DatasetError, UsageError
from gerdata.manifest import MANIFEST_SCHEMA, read_rows, write_rows
from gerdata.media.audio import decode_audio, decode_audio_into, encode_flac, encode_wav
from gerdata.media.images import decode_jpeg, decode_jpeg_into, encode_jpeg
from gerdata.media.mp4 import decode_mp4
from gerdata.release import ReleaseDataset, open_release
from gerdata.store.dataset import Dataset, sha256_of_file
from gerdata.store.home import Remote
from gerdata.store.members import decode


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("api") / "release", {"train": 12, "validation": 3, "test": 0})


def test_a_sample_is_what_was_written(release: Path) -> None:
    data = gerdata.open_release(release, "train")
    dataset = Dataset(release)
    rows = read_rows(release / "manifest/train.parquet")
    assert len(data) == len(rows) == 12
    for number, row in enumerate(rows):
        wanted = decode(dict(zip(data.members, dataset.members(row), strict=True)))
        sample = data[number]
        assert sample.clip == row.clip == wanted.clip
        assert np.array_equal(sample.frames, wanted.frames)
        assert np.array_equal(sample.audio, wanted.audio)
        assert sample.structure is not None
        assert wanted.structure is not None
        assert np.array_equal(sample.structure.heads, wanted.structure.heads, equal_nan=True)
        assert data.labels[number] == (-1 if row.clip.label is None else data.classes.index(row.clip.label))
    assert data[-1].clip.id == data.ids[11] == data.by_id(data.ids[11]).clip.id
    assert [s.clip.id for s in data] == data.ids[:] == [s.clip.id for s in data[:]]
    with pytest.raises(IndexError):
        data[12]
    with pytest.raises(KeyError):
        data.by_id("nobody")


def test_a_video_release_is_read_as_the_frames_that_it_holds(tmp_path: Path) -> None:
    made = write_release(tmp_path / "r", {"train": 4}, sound="wav", mode="video")
    stills = gerdata.open_release(write_release(tmp_path / "stills", {"train": 4}, sound="wav"), "train")
    data, dataset = gerdata.open_release(made, "train"), Dataset(made)
    assert data.members[:2] == ("mp4", "wav")
    assert data.frame_shape == stills.frame_shape
    for sample, still, row in zip(data, stills, read_rows(made / "manifest/train.parquet"), strict=True):
        assert np.array_equal(sample.frames, decode_mp4(dataset.members(row)[0]))
        assert sample.frames.shape == still.frames.shape
        assert np.array_equal(sample.audio, still.audio)
        assert sample.clip == still.clip
        assert sample.structure is not None
    frames, audio = np.empty(data.frame_shape, np.uint8), np.empty(9000, np.float32)
    assert data.read_into(1, frames, audio) == len(data[1].audio)
    assert np.array_equal(frames, data[1].frames)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"n_frames": 2}, "at most 2 frames"),
        ({"n_frames": 4}, "video of 4 frames, came 3"),
        ({"n_frames": 0}, "frames"),
    ],
)
def test_a_video_of_other_frames_than_the_header_says_is_damaged(tmp_path: Path, said: dict, complaint: str) -> None:
    made = write_release(tmp_path / "r", {"train": 1}, mode="video")
    header = json.loads((made / "dataset.json").read_text())
    (made / "dataset.json").write_text(json.dumps({**header, **said}))
    data = open_release(made)
    with pytest.raises(DatasetError, match=f"clip train-000: expected.*{complaint}"):
        data[0]
    with pytest.raises(DatasetError, match="clip train-000: expected"):
        data.read_into(0, np.empty((3, 10, 10, 3), np.uint8), np.empty(100, np.float32))


def test_bytes_that_are_no_video_are_damage(tmp_path: Path) -> None:
    made = write_release(tmp_path / "r", {"train": 2}, mode="video")
    name = damage(made, 1, 0, 0)
    data = open_release(made)
    assert data[0].frames.shape == (3, 24, 32, 3)
    with pytest.raises(DatasetError, match=f"clip {name}: expected an MP4.*; run verify"):
        data[1]


def test_val_is_validation_and_other_words_are_refused(release: Path, tmp_path: Path) -> None:
    assert open_release(release, "val").ids[:] == open_release(str(release), "validation").ids[:]
    assert len(open_release(release, "test")) == 0
    with pytest.raises(UsageError, match="'dev'"):
        open_release(release, "dev")
    with pytest.raises(DatasetError, match="shard first"):
        open_release(tmp_path, "train")


def test_importing_gerdata_is_light_and_the_api_needs_no_torch(release: Path) -> None:
    code = (
        "import sys, gerdata; assert 'numpy' not in sys.modules; "
        f"gerdata.open_release({str(release)!r})[0]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError):
        gerdata.nothing  # noqa: B018 - the access is the test


def first_pixel(data: ReleaseDataset, number: int) -> int:
    return int(data[number].frames.sum())


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_it_travels_to_workers(release: Path, method: str) -> None:
    data = open_release(release)
    wanted = [first_pixel(data, i) for i in range(4)]  # files are open now
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(partial(first_pixel, data), range(4)) == wanted
    assert len(pickle.dumps(data)) < 20_000


def damage(release: Path, number: int, member: int, at: int = 30, length: int = 60) -> str:
    row = read_rows(release / "manifest/train.parquet")[number]
    with (release / str(row.shard)).open("r+b") as file:
        file.seek(row.member_offset[member] + at)
        file.write(b"\0" * length)
    return row.clip.id


@pytest.mark.parametrize("member", [0, 3, 4, 5])
def test_a_damaged_sample_is_an_error_that_names_it(tmp_path: Path, member: int) -> None:
    made = write_release(tmp_path / "r", {"train": 3})
    name = damage(made, 1, member, 0)
    data = open_release(made)
    assert data[0].clip.id != name
    with pytest.raises(DatasetError, match=f"clip {name}: .*; run verify"):
        data[1]


@pytest.mark.parametrize(
    "shard", ["/etc/passwd", "../r2/x.tar", "pipe:cat /etc/passwd", "http://127.0.0.1/a.tar", "none.tar"]
)
def test_shards_elsewhere_are_not_followed(tmp_path: Path, shard: str) -> None:
    made = write_release(tmp_path / "r", {"train": 2})
    rows = [r.__class__(r.clip, shard=shard, member_offset=r.member_offset, member_length=r.member_length)
            for r in read_rows(made / "manifest/train.parquet")]  # fmt: skip
    write_rows(made / "manifest/train.parquet", rows, MANIFEST_SCHEMA)
    with pytest.raises(DatasetError, match="not in the release"):
        open_release(made)[0]


def test_a_tar_cut_short_while_it_is_open_is_an_error(tmp_path: Path) -> None:
    made = write_release(tmp_path / "r", {"train": 3})
    data = open_release(made)
    assert len(data[0].frames)
    shard = made / "train/train-000000.tar"
    with shard.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(DatasetError, match="cut short"):
        data[2]
    shard.unlink()
    with pytest.raises(DatasetError, match="not in the release"):
        open_release(made)[0]


def test_a_link_out_of_the_release_is_not_followed(tmp_path: Path) -> None:
    made = write_release(tmp_path / "r", {"train": 2})
    shard = made / "train/train-000000.tar"
    shard.rename(tmp_path / "away.tar")
    shard.symlink_to(tmp_path / "away.tar")
    with pytest.raises(DatasetError, match="link that leads out"):
        open_release(made)[0]


# ---- decoding into memory that is already there


@pytest.mark.parametrize("size", [(40, 64), (37, 51), (1, 1)])
def test_pixels_are_those_of_the_other_decoder(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    data = encode_jpeg(rng.integers(0, 256, (*size, 3), dtype=np.uint8), 90)
    frame = np.empty((*size, 3), np.uint8)
    decode_jpeg_into(memoryview(data), frame)
    assert np.array_equal(frame, decode_jpeg(data))


def test_another_size_or_half_a_jpeg_is_an_error() -> None:
    data = encode_jpeg(np.zeros((40, 64, 3), np.uint8) + 7, 90)
    for shape in ((64, 40, 3), (40, 65, 3), (80, 64, 3), (8, 8, 3)):
        with pytest.raises(DatasetError, match="expected a JPEG"):
            decode_jpeg_into(data, np.empty(shape, np.uint8))
    for cut in (data[:-20], data[:50], b"", b"GIF89a"):
        with pytest.raises(DatasetError, match="expected a JPEG"):
            decode_jpeg_into(cut, np.empty((40, 64, 3), np.uint8))


@pytest.mark.parametrize("encode", [encode_flac, encode_wav])
@pytest.mark.parametrize("room", [10, 4000, 5000])
def test_sound_is_cut_or_padded_and_equals_the_other_decoder(encode: Callable[..., bytes], room: int) -> None:
    sound = np.random.default_rng(2).uniform(-1, 1, 4000).astype(np.float32)
    data = encode(sound)
    out = np.full(room, 9, np.float32)
    assert decode_audio_into(memoryview(data), out) == 4000
    whole = decode_audio(data)
    assert np.array_equal(out[:4000], whole[:room])
    assert not out[4000:].any()


def test_a_wav_with_a_comment_before_or_after_its_sound_is_read_alike() -> None:
    import soundfile

    sound = np.random.default_rng(4).uniform(-1, 1, 500).astype(np.float32)
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", SAMPLE_RATE_HZ, 1, format="WAV", subtype="PCM_16") as file:
        file.comment = "odd"
        file.write(sound)
    marked, plain = out.getvalue(), encode_wav(sound)
    after = plain + b"LIST\x04\0\0\0abcd"
    for data in (marked, plain, after, plain[:36] + b"junk\x03\0\0\0abc\0" + plain[36:]):
        room = np.full(600, 9, np.float32)
        assert decode_audio_into(data, room) == 500
        assert np.array_equal(room[:500], decode_audio(plain))


def wav(rate: int, channels: int) -> bytes:
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.zeros((100, channels)), rate, format="WAV", subtype="PCM_16")
    return out.getvalue()


def test_other_sound_is_refused() -> None:
    flac = encode_flac(np.random.default_rng(3).uniform(-1, 1, SAMPLE_RATE_HZ).astype(np.float32))
    bad = (wav(8000, 1), wav(SAMPLE_RATE_HZ, 2), flac[: len(flac) // 2], b"fLaC", b"", encode_wav(np.zeros(100))[:100])
    for data in bad:
        with pytest.raises(DatasetError):
            decode_audio_into(data, np.empty(SAMPLE_RATE_HZ, np.float32))


# ---- remote


class Counting(SimpleHTTPRequestHandler):
    """Serves a folder and notes what was asked for."""

    asked: list[str] = []  # noqa: RUF012 - one list for all requests of the test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A release of two shards behind HTTP on this machine, and its URL."""
    monkeypatch.setenv("GERDATA_CACHE", str(tmp_path / "cache"))
    made = write_release(tmp_path / "r", {"train": 6, "validation": 3})
    files = [path for path in sorted(made.rglob("*")) if path.is_file() and path.name != "dataset.json"]
    lines = [f"{sha256_of_file(path)}  {path.relative_to(made).as_posix()}\n" for path in files]
    (made / "checksums.sha256").write_text("".join(lines))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=str(made)))
    Counting.asked = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_remote_release_is_fetched_once_and_read_as_a_local_one(served: tuple[Path, str]) -> None:
    made, url = served
    local = open_release(made)
    for _ in range(2):
        remote = open_release(url)
        assert remote.ids[:] == local.ids[:]
        assert all(np.array_equal(a.frames, b.frames) for a, b in zip(remote, local, strict=True))
    assert Counting.asked.count("/train/train-000000.tar") == 1
    assert Counting.asked.count("/manifest/train.parquet") == 1


def test_remote_bytes_that_are_not_those_of_the_checksums_are_not_used(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    made, url = served
    data = open_release(url)
    damage(made, 0, 0)
    with pytest.raises(DatasetError, match="other bytes than"):
        data[0]
    assert not list((tmp_path / "cache").rglob("*.tar"))
    (made / "train/train-000000.tar").unlink()
    with pytest.raises(DatasetError, match="cannot be fetched"):
        data[0]
    with (made / "checksums.sha256").open("a") as file:
        file.write(f"{'0' * 64}  dataset.json\n")
    with pytest.raises(DatasetError, match=r"dataset\.json has other bytes than"):
        Remote(url).read("dataset.json")


def test_the_cache_is_bounded_by_bytes_and_the_longest_unused_goes(served: tuple[Path, str], tmp_path: Path) -> None:
    made, url = served
    size = (made / "train/train-000000.tar").stat().st_size
    train, validation = open_release(url, "train", size + 10), open_release(url, "val", size + 10)
    assert len(train[0].frames) == len(validation[0].frames) == 3
    held = [path.stat().st_size for path in (tmp_path / "cache").rglob("*.tar")]
    assert len(held) == 1
    assert sum(held) <= size + 10
    assert len(train[1].frames) == 3  # still open, so still there for this process


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(DatasetError, match="shard first"):
        open_release("http://127.0.0.1:9/release")
    with pytest.raises(DatasetError, match=r"not listed"):
        Remote("http://127.0.0.1:9/release", _sums={}).file("train/train-000000.tar")
