"""A cache changes no result: what is missing or damaged is made again, and it holds no more than it may."""

from pathlib import Path

import pytest

from gerdata.store.cache import Cache, cache_folder

NAME = "ab" * 20


def counted(data: bytes) -> tuple[list[int], object]:
    calls: list[int] = []
    return calls, lambda: calls.append(1) or data


@pytest.mark.parametrize("data", [b"x", b"\0" * 70_000])
def test_a_block_is_made_once_by_all_who_share_a_folder(tmp_path: Path, data: bytes) -> None:
    calls, make = counted(data)
    one = Cache(tmp_path)
    assert bytes(one.get(NAME, make)) == bytes(one.get(NAME, make)) == bytes(Cache(tmp_path).get(NAME, make)) == data
    assert len(calls) == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [NAME]


@pytest.mark.parametrize("damage", [b"", b"short", b"y" * 108, None])
def test_a_damaged_block_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    Cache(tmp_path).get(NAME, lambda: b"x" * 100)
    path = tmp_path / NAME[:2] / NAME
    data = path.read_bytes()
    path.write_bytes(data[:50] + b"z" + data[51:] if damage is None else damage)
    calls, make = counted(b"x" * 100)
    assert bytes(Cache(tmp_path).get(NAME, make)) == b"x" * 100
    assert calls == [1]
    assert path.read_bytes() == data


def test_without_a_folder_or_with_one_that_cannot_be_written_blocks_are_still_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for cache in (Cache(), Cache(tmp_path / "file" / "below")):
        assert bytes(cache.get(NAME, lambda: b"data")) == b"data"


def test_no_more_is_held_than_may_be() -> None:
    cache = Cache(memory_bytes=250)
    made: list[str] = []
    for name in ("aa", "bb", "aa", "cc", "aa", "bb"):
        cache.get(name, lambda name=name: made.append(name) or b"x" * 100)
    assert made == ["aa", "bb", "cc", "bb"]  # "bb" was the longest unused when "cc" came


def test_blocks_are_read_only_once_mapped(tmp_path: Path) -> None:
    Cache(tmp_path).get(NAME, lambda: b"data")
    assert Cache(tmp_path).get(NAME, lambda: b"").readonly


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GERDATA_CACHE", str(tmp_path))
    assert cache_folder("sounds") == tmp_path / "sounds"
    monkeypatch.delenv("GERDATA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("sounds") == tmp_path / "gerdata" / "sounds"
