"""Tars of others: indexed by their headers alone, and refused, by the member's name, where they are hostile."""

import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import webdataset

from gerdata.errors import DatasetError
from gerdata.store.foreign import reindex
from gerdata.store.home import Folder
from gerdata.store.index import Index
from gerdata.store.samples import Samples
from gerdata.store.tar import walk

UNPICKLED: list[str] = []
sys.addaudithook(lambda event, args: UNPICKLED.append(str(args)) if event == "pickle.find_class" else None)

Named = list[tuple[str, bytes]]
GOOD: Named = [
    ("a/one.jpg", b"j1"),
    ("a/one.cls", b"1"),
    ("a/one.json", b"{}"),
    ("a/two.jpg", b"j2"),
    ("a/two.cls", b"0"),
]


def write(path: Path, members: Named, kind: bytes = tarfile.REGTYPE, form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(data), kind, "/etc/passwd" if kind != tarfile.REGTYPE else ""
            tar.addfile(info, io.BytesIO(data))
    return path


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_every_sample_is_read_at_random_with_its_own_members(tmp_path: Path) -> None:
    write(tmp_path / "x-0.tar", [("./a/one.jpg", b"j1"), *GOOD[1:]])
    write(tmp_path / "x-1.tar", [("three.seg.png", b"p" * 3000), ("three.txt", b"t")], form=tarfile.GNU_FORMAT)
    index = reindex(["x-0.tar", tmp_path / "x-1.tar"], tmp_path)
    samples = Samples(Folder(tmp_path), Index(tmp_path / "index.parquet"))
    assert index.ids[:] == ["a/one", "a/two", "three"]
    assert [list(samples[i]) for i in range(3)] == [["jpg", "cls", "json"], ["jpg", "cls"], ["seg.png", "txt"]]
    assert bytes(samples.by_id("three")["seg.png"]) == b"p" * 3000
    assert bytes(samples.by_id("a/one")["cls"]) == b"1"


def test_it_finds_what_webdataset_wrote_and_reads(tmp_path: Path) -> None:
    with webdataset.TarWriter(str(tmp_path / "w.tar")) as writer:
        for i in range(20):
            writer.write({"__key__": f"s{i:03d}", "jpg": b"j%d" % i, "cls": str(i), "json": {"i": i}})
    reindex(["w.tar"], tmp_path)
    samples = Samples(Folder(tmp_path), Index(tmp_path / "index.parquet"))
    theirs = list(webdataset.WebDataset(str(tmp_path / "w.tar"), shardshuffle=False))
    assert [one["__key__"] for one in theirs] == samples.index.ids[:]
    for number, one in enumerate(theirs):
        assert {k: bytes(v) for k, v in samples[number].items()} == {k: v for k, v in one.items() if k[0] != "_"}


def test_folders_in_a_tar_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.jpg").write_bytes(b"j")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "a", "a")
    assert reindex(["x.tar"], tmp_path).ids[:] == ["a/one"]


def object_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}], object), allow_pickle=True)
    return out.getvalue()


def object_archive() -> bytes:
    out = io.BytesIO()
    np.savez(out, good=np.zeros(3), bad=np.array([{"a": 1}], object), allow_pickle=True)
    return out.getvalue()


HOSTILE: dict[str, tuple[Named, bytes, str]] = {
    "traversal": ([*GOOD, ("../../evil.jpg", b"x")], tarfile.REGTYPE, r"\.\./\.\./evil\.jpg"),
    "absolute": ([("/etc/evil.jpg", b"x")], tarfile.REGTYPE, "evil.jpg"),
    "inner traversal": ([("a/../../evil.jpg", b"x")], tarfile.REGTYPE, "evil.jpg"),
    "backslash": ([("a\\..\\evil.jpg", b"x")], tarfile.REGTYPE, "evil.jpg"),
    "control sign": ([("a\x1bevil.jpg", b"x")], tarfile.REGTYPE, "evil.jpg"),
    "symlink": ([("link.jpg", b"")], tarfile.SYMTYPE, "link.jpg"),
    "hard link": ([("link.jpg", b"")], tarfile.LNKTYPE, "link.jpg"),
    "device": ([("dev.jpg", b"")], tarfile.CHRTYPE, "dev.jpg"),
    "fifo": ([("pipe.jpg", b"")], tarfile.FIFOTYPE, "pipe.jpg"),
    "twice": ([("a.jpg", b"1"), ("a.jpg", b"2")], tarfile.REGTYPE, r"'a\.jpg' is there twice"),
    "key again": ([("a.jpg", b"1"), ("b.jpg", b"2"), ("a.cls", b"3")], tarfile.REGTYPE, r"'a\.cls'.*keys repeat"),
    "pyd": ([*GOOD, ("b.pyd", b"x")], tarfile.REGTYPE, r"b\.pyd"),
    "pickle in capitals": ([("b.PKL", b"x")], tarfile.REGTYPE, r"b\.PKL"),
    "pth": ([("b.pth", b"x")], tarfile.REGTYPE, r"b\.pth"),
    "packed pickle": ([("b.pickle.gz", b"x")], tarfile.REGTYPE, r"b\.pickle\.gz"),
    "object array": ([("b.npy", object_array())], tarfile.REGTYPE, r"b\.npy' holds objects"),
    "object in npz": ([("b.npz", object_archive())], tarfile.REGTYPE, r"b\.npz' holds objects"),
    "no suffix": ([("README", b"x")], tarfile.REGTYPE, "README"),
    "hidden": ([(".hidden.jpg", b"x")], tarfile.REGTYPE, "hidden"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members_are_refused_by_name_and_nothing_happens(tmp_path: Path, name: str) -> None:
    members, kind, told = HOSTILE[name]
    inside = tmp_path / "root"
    inside.mkdir()
    write(inside / "x.tar", members, kind)
    before = listing(tmp_path)
    UNPICKLED.clear()
    with pytest.raises(DatasetError, match=told):
        reindex(["x.tar"], inside)
    assert listing(tmp_path) == before
    assert not UNPICKLED


def test_the_hook_would_have_seen_an_unpickling() -> None:
    UNPICKLED.clear()
    np.load(io.BytesIO(object_array()), allow_pickle=True)
    assert UNPICKLED


def lie_about_size(data: bytes, size: int) -> bytes:
    """The first header says `size`; its sum is made right again."""
    header = bytearray(data[:512])
    header[124:136] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut in a member": lambda data: data[:1300],
    "cut at the end mark": lambda data: data[: len(data.rstrip(b"\0")) // 512 * 512 + 512],
    "larger than the tar": lambda data: lie_about_size(data, 1 << 30),
    "too small": lambda data: lie_about_size(data, 100),
    "too large": lambda data: lie_about_size(data, 2000),
    "a later header is damaged": lambda data: data[:2048] + b"\xff" * 100 + data[2148:],
    "negative": lambda data: data[:124] + b"-0000000007\0" + data[136:],
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_tars_are_never_taken_for_shorter_ones(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "x.tar", [("a.jpg", b"1" * 1200), ("b.jpg", b"2" * 600), ("c.jpg", b"3")])
    assert len(list(walk(path))) == 3
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    with pytest.raises(DatasetError, match=r"x\.tar"):
        reindex(["x.tar"], tmp_path)
    assert listing(tmp_path) == {"x.tar"}


@pytest.mark.parametrize(
    "name", ["pipe:cat /etc/passwd", "http://127.0.0.1/x.tar", "file:///x.tar", "../x.tar", "gs://b/x.tar"]
)
def test_commands_and_urls_in_a_list_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "root").mkdir()
    write(tmp_path / "x.tar", GOOD)
    with pytest.raises(DatasetError):
        reindex([name], tmp_path / "root")


def test_a_linked_tar_and_a_key_in_two_tars_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.tar", GOOD)
    write(tmp_path / "y.tar", GOOD[:1])
    (tmp_path / "l.tar").symlink_to(tmp_path / "x.tar")
    with pytest.raises(DatasetError, match="regular file"):
        reindex(["l.tar"], tmp_path)
    with pytest.raises(DatasetError, match="'a/one' is in an earlier tar"):
        reindex(["x.tar", "y.tar"], tmp_path)
