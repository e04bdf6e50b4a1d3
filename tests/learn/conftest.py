"""The toy release of `toy`, and a recipe that learns it in a second."""

from collections.abc import Callable
from pathlib import Path

import pytest
from toy import write_release

from gerdata.recipe import TrainRecipe


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("toy") / "release", {"train": 30, "validation": 12, "test": 10})


@pytest.fixture(scope="session")
def make_release() -> Callable[[Path, dict[str, int]], Path]:
    return write_release


@pytest.fixture(scope="session")
def recipe() -> TrainRecipe:
    """Small enough that four epochs on the toy release take about a second."""
    return TrainRecipe(
        epochs=4, batch=8, width=16, image_px=32, mels=32, segments=2, segment_s=0.5, modality_dropout=0.3
    )
