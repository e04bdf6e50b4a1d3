"""What is offered is listed once, links are not followed, tars are walked and never extracted, URLs are opened in place."""

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gerdata.errors import RejectedInput, UsageError
from gerdata.ingest.sources import Source, find
from gerdata.media.address import Address, open_bytes, sha256_of, stamp_of


def read(source: Source) -> bytes:
    with open_bytes(source.address) as file:
        return file.read()


def tar_of(path: Path, members: list[tuple[str | tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            if info.isreg():
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("clips/a.mp4", "clips/b/c.mp4", "clips/b/d.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "clips"


def test_a_root_is_a_folder_a_file_or_a_glob(root: Path) -> None:
    assert [s.name for s in find([str(root)], [])] == ["a.mp4", "b/c.mp4", "b/d.txt"]
    assert [s.name for s in find([str(root / "b/c.mp4")], [])] == ["c.mp4"]
    assert [s.name for s in find([f"{root}/**/*.mp4"], [])] == ["a.mp4", "b/c.mp4"]
    assert [s.name for s in find([str(root), f"{root}/*.mp4"], [])] == ["a.mp4", "b/c.mp4", "b/d.txt"]  # each once
    for absent in ("absent", "*.absent"):
        with pytest.raises(UsageError, match=r"found nothing there|holds no files"):
            find([str(root / absent)], [])


def test_links_below_a_root_are_listed_and_not_followed(root: Path) -> None:
    (root / "loop").symlink_to(root)
    (root / "out.mp4").symlink_to("/etc/passwd")
    found = {s.name: s for s in find([str(root)], [])}
    assert set(found) == {"a.mp4", "b/c.mp4", "b/d.txt", "loop", "out.mp4"}
    for name in ("loop", "out.mp4"):
        with pytest.raises(RejectedInput, match="unsafe-path"):
            read(found[name])
    outside = root.parent / "corpus"
    outside.symlink_to(root)
    assert "a.mp4" in {s.name for s in find([str(outside)], [])}  # a link that the user names is followed


def test_a_folder_that_becomes_a_link_after_listing_is_refused(root: Path) -> None:
    source = next(s for s in find([str(root)], []) if s.name == "b/c.mp4")
    (root / "b").rename(root.parent / "elsewhere")
    (root / "b").symlink_to(root.parent / "elsewhere")
    with pytest.raises(RejectedInput, match="unsafe-path"):
        read(source)


def test_a_fifo_does_not_block(root: Path) -> None:
    os.mkfifo(root / "pipe.mp4")
    source = next(s for s in find([str(root)], []) if s.name == "pipe.mp4")
    with pytest.raises(RejectedInput, match="unsafe-path"):
        read(source)


def test_a_folder_of_numbered_pictures_is_one_source_when_asked(root: Path) -> None:
    for i in (1, 2, 10):
        path = root / f"seq/00001/00001_{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]))
    names = [s.name for s in find([str(root)], [], has_sequences=True)]
    assert names == ["a.mp4", "b/c.mp4", "b/d.txt", "seq/00001"]
    assert len(find([str(root)], [])) == 6
    before = sha256_of(find([str(root / "seq")], [], has_sequences=True)[0].address)
    (root / "seq/00001/00001_2.jpg").write_bytes(b"other")
    assert sha256_of(find([str(root / "seq")], [], has_sequences=True)[0].address) != before


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_a_tar_are_clips_with_their_sidecars(tmp_path: Path, form: int) -> None:
    long = "x" * 90 + "/" + "y" * 60 + ".mp4"
    path = tar_of(
        tmp_path / "s.tar",
        [
            ("000.mp4", b"zero"),
            ("000.json", b'{"label": "positive", "group": 7, "split": "train", "more": []}'),
            ("001.mp4", b"one"),
            ("001.cls", b" 2\n"),
            ("002.jpg", b"two"),
            ("002.json", b"[" * 60_000),
            (long, b"long"),
        ],
        form,
    )
    found = {s.name: s for s in find([str(path)], [])}
    assert set(found) == {f"s.tar/{name}" for name in ("000.mp4", "001.mp4", "002.jpg", long)}
    assert read(found["s.tar/000.mp4"]) == b"zero"
    assert read(found[f"s.tar/{long}"]) == b"long"
    assert found["s.tar/000.mp4"].told == {"label": "positive", "group": "7", "split": "train"}
    assert found["s.tar/001.mp4"].told == {"label": "2"}
    assert found["s.tar/002.jpg"].told == {}
    assert {s.tar for s in found.values()} == {"s.tar"}


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_hostile_members_are_refused_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    path = tar_of(
        tmp_path / "s.tar",
        [
            ("../../escape.mp4", b"x"),
            ("/tmp/absolute.mp4", b"x"),
            (special("link.mp4", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (special("hard.mp4", tarfile.LNKTYPE, "good.mp4"), b""),
            (special("fifo.mp4", tarfile.FIFOTYPE), b""),
            (special("device.mp4", tarfile.CHRTYPE), b""),
            (special("folder", tarfile.DIRTYPE), b""),
            ("good.mp4", b"good"),
            ("good.mp4", b"again"),
        ],
    )
    before = sorted(tmp_path.rglob("*"))
    found = find([str(path)], [])
    verdicts = [(s.name, s.verdict[0] if s.verdict else None) for s in found]
    assert ("s.tar/good.mp4", None) in verdicts
    assert ("s.tar/good.mp4", "duplicate-name") in verdicts
    refused = {name for name, reason in verdicts if reason == "unsafe-path"}
    assert {name.rsplit("/", 1)[-1] for name in refused} == {
        "escape.mp4",
        "absolute.mp4",
        "link.mp4",
        "hard.mp4",
        "fifo.mp4",
        "device.mp4",
    }
    assert len(found) == 8
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("keep", [600, 700, 1100, 1536, 2048])
def test_a_tar_that_is_cut_is_told(tmp_path: Path, keep: int) -> None:
    path = tar_of(tmp_path / "s.tar", [("a.mp4", b"x" * 600), ("b.mp4", b"y" * 600)])
    path.write_bytes(path.read_bytes()[:keep])
    found = find([str(path)], [])
    assert ("s.tar", "truncated") in [(s.name, s.verdict[0]) for s in found if s.verdict]


def test_a_header_that_claims_gigabytes_costs_nothing(tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        info = special("pax", kind)
        info.size = 7 << 30
        path = tmp_path / "s.tar"
        path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
        assert [s.verdict[0] for s in find([str(path)], []) if s.verdict] == ["truncated"]


def test_a_memory_url_is_listed_and_read() -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/corpus/x/a.mp4", b"in memory")
    store.pipe("/corpus/b.mp4", b"too")
    found = find(["memory://corpus"], [])
    assert [s.name for s in found] == ["b.mp4", "x/a.mp4"]
    assert read(found[1]) == b"in memory"
    assert sha256_of(found[1].address) == hashlib.sha256(b"in memory").hexdigest()
    before = stamp_of(found[1].address)
    store.pipe("/corpus/x/a.mp4", b"changed since")
    assert stamp_of(found[1].address) != before
    with pytest.raises(RejectedInput, match="source-missing"):
        open_bytes(Address("memory://corpus/absent.mp4"))
    with pytest.raises(UsageError, match="chained"):
        find(["zip://x::memory://corpus/a.zip"], [])


@pytest.fixture
def server(root: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_loopback_http_url_is_listed_and_read(server: str) -> None:
    pytest.importorskip("aiohttp")
    one = find([f"{server}/a.mp4"], [])
    assert [s.name for s in one] == ["a.mp4"]
    assert read(one[0]) == b"clips/a.mp4"
    assert {s.name for s in find([server + "/"], [])} == {"a.mp4", "b/c.mp4", "b/d.txt"}


def test_a_store_whose_driver_is_absent_says_what_to_install() -> None:
    from gerdata.errors import MissingError

    with pytest.raises(MissingError, match="pip install"):
        find(["gs://bucket/clips"], [])
