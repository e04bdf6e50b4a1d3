"""A toy release: a red, green or blue blob at a random place, and a low, middle or high tone, by class."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gerdata.chance import rng_for
from gerdata.clip import CLASSES, SAMPLE_RATE_HZ, Clip, Sample, Structure
from gerdata.manifest import FORMAT_VERSION, MANIFEST_SCHEMA, Counts, Header, Row, write_rows
from gerdata.recipe import TrainRecipe
from gerdata.store import members
from gerdata.store.tar import TarWriter, finish

N_FRAMES = 3
FRAME_PX = 40
BLOB_PX = 12
COUNTS = Counts(
    sources=0,
    sources_accepted=0,
    sources_rejected=0,
    clips=0,
    written=0,
    rejected=0,
    reasons={},
    labels={},
    splits={},
)


def draw_sample(split: str, index: int) -> Sample:
    """One toy clip: 2 s, class `index % 3`; every fifth has no sound, every ninth no label."""
    rng = rng_for(0, "toy", split, index)
    kind = index % 3
    has_audio = index % 5 != 4
    frames = rng.integers(90, 110, (N_FRAMES, FRAME_PX, FRAME_PX, 3)).astype(np.uint8)
    structure = Structure.empty(N_FRAMES, 1)
    for t in range(N_FRAMES):
        x, y = rng.integers(0, FRAME_PX - BLOB_PX, 2)
        frames[t, y : y + BLOB_PX, x : x + BLOB_PX] = np.eye(3, dtype=np.uint8)[kind] * 255
        structure.heads[t, 0] = (x - 2, y - 2, x + BLOB_PX + 2, y + BLOB_PX + 2)
        across = np.linspace(0, BLOB_PX, 17)
        structure.bodies[t, 0] = np.stack([x + across, y + across, np.full(17, 2.0)], axis=1)  # joints in a row
    times = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    audio = 0.1 * np.sin(2 * np.pi * (300, 1000, 3000)[kind] * times) + 0.01 * rng.standard_normal(len(times))
    clip = Clip(
        id=f"{split}-{index:03d}",
        group=f"g{index}",
        label=None if index % 9 == 8 else CLASSES[kind],
        split=split,
        duration_s=2.0,
        n_frames=N_FRAMES,
        height_px=FRAME_PX,
        width_px=FRAME_PX,
        has_audio=has_audio,
        is_synthetic=True,
    )
    return Sample(clip, frames, (audio if has_audio else np.zeros(len(times))).astype(np.float32), structure)


def write_release(release: Path, sizes: dict[str, int], names: tuple[str, ...] = ()) -> Path:
    """A finished release of toy clips with the given number of clips a split; `names` are those of the first of train."""
    (release / "manifest").mkdir(parents=True)
    for split, size in sizes.items():
        shard = f"{split}/{split}-000000.tar"
        (release / split).mkdir()
        rows = []
        with (release / shard).open("wb") as file:
            tar = TarWriter(file)
            for index in range(size):
                sample = draw_sample(split, index)
                if split == "train" and index < len(names):
                    sample = dataclasses.replace(sample, clip=dataclasses.replace(sample.clip, id=names[index]))
                placed = [
                    tar.add(f"{sample.clip.id}.{suffix}", data) for suffix, data in members.encode(sample, 95).items()
                ]
                offsets, lengths = tuple(m.offset for m in placed), tuple(m.length for m in placed)
                rows.append(Row(sample.clip, shard=shard, member_offset=offsets, member_length=lengths))
        finish(release / shard)
        write_rows(release / "manifest" / f"{split}.parquet", rows, MANIFEST_SCHEMA)
    header = Header(
        format_version=FORMAT_VERSION,
        stage="shard",
        classes=CLASSES,
        members=members.suffixes(N_FRAMES, has_structure=True),
        n_frames=N_FRAMES,
        counts=COUNTS,
        recipe={},
        seed=0,
        fingerprint={"recipe": "toy"},
        parents=[],
        parts=[],
        protection="none",
    )
    (release / "dataset.json").write_bytes(header.to_bytes())
    return release


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
