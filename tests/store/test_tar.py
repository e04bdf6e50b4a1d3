"""Tars: readable by the standard library, stable in every byte, and not believed when they lie."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerdata.errors import DatasetError
from gerdata.store.tar import TarWriter, finish, header_of, walk


def write(path: Path, members: list[tuple[str, bytes]]) -> None:
    with path.open("wb") as file:
        writer = TarWriter(file)
        for name, data in members:
            writer.add(name, data)
    finish(path)


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_the_standard_library_reads_what_we_write(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    members = [(f"key{i}.f00.jpg", data) for i, data in enumerate(payloads)]
    write(path, members)
    with tarfile.open(path) as tar:
        found = [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
        headers = {(i.mtime, i.uid, i.gid, i.uname, i.gname, i.mode) for i in tar.getmembers()}
    assert found == members
    assert headers <= {(0, 0, 0, "", "", 0o444)}
    data = path.read_bytes()
    assert [(m.name, data[m.offset : m.offset + m.length]) for m in walk(path)] == members


def test_a_cut_tar_is_an_error_not_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write(path, [("a.json", b"x" * 700), ("b.json", b"y" * 700)])
    whole = path.read_bytes()
    for length in (len(whole) - 1024, len(whole) - 1500, 700, 512, 0):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError):
            list(walk(path))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_members_that_are_no_plain_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("a.json")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(DatasetError, match="not a plain file"):
        list(walk(path))


def test_a_resumed_tar_continues_where_it_was_cut(tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole.tar", tmp_path / "resumed.tar"
    write(whole, [("a.x", b"1" * 600), ("b.x", b"2")])
    with resumed.open("wb") as file:
        end = TarWriter(file).add("a.x", b"1" * 600)
        file.write(b"half of something")
    size = end.offset + 1024
    with resumed.open("r+b") as file:
        file.truncate(size)
        TarWriter(file, size).add("b.x", b"2")
    finish(resumed)
    assert resumed.read_bytes() == whole.read_bytes()
    assert io.BytesIO(whole.read_bytes()).getbuffer().nbytes % 512 == 0


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=99).filter(lambda n: "/" not in n),
    st.integers(0, 8**11 - 1),
)
def test_headers_are_those_of_the_standard_library(name: str, length: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = length, 0o444, 0
    assert header_of(name, length) == info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    assert len(header_of("a/" + name[:97], length)) == 512


def test_a_sample_in_one_write_is_the_same_tar(tmp_path: Path) -> None:
    members = {f"k.f{i}.jpg": bytes([i]) * (i * 300) for i in range(6)}
    with (tmp_path / "a.tar").open("wb") as one, (tmp_path / "b.tar").open("wb") as all_:
        writer = TarWriter(one)
        singly = [writer.add(name, data) for name, data in members.items()]
        assert TarWriter(all_).add_all(members) == singly
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
