"""What all tests share: small clips that are made here, a key, and the place of the real data."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from making import KEY, babble, moment

from gerdata.media.encode import write_clip

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on real data skip, with the reason, where the data are not at hand."""
    if not os.environ.get("GERDATA_REAL_DATA"):
        skip = pytest.mark.skip(reason="needs real clips: set GERDATA_REAL_DATA to their folder")
        for item in items:
            if "real" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def real_data() -> Path:
    return Path(os.environ["GERDATA_REAL_DATA"])


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Gerdata = Callable[..., Ran]


@pytest.fixture(scope="session")
def gerdata() -> Gerdata:
    """The command line in a process of its own, as users meet it."""

    def run(*words: object, cwd: Path | None = None, timeout_s: float = 240) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "gerdata.cli", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout_s,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with nine short clips with sound."""
    root = tmp_path_factory.mktemp("clips")
    number = 0
    for label in ("positive", "neutral", "negative"):
        (root / label).mkdir()
        for _ in range(3):
            write_clip(root / label / f"clip{number}.mp4", moment(20, number), 20, babble(1.0, number))
            number += 1
    return root


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "earlier.key"
    path.write_text(KEY.hex())
    return path
