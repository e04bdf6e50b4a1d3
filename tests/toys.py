"""Small finished releases for tests of reading: several shards, real and synthetic clips, sounds of several lengths."""

from pathlib import Path

import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import CLASSES, Clip, Sample, Structure
from gerdata.manifest import FORMAT_VERSION, MANIFEST_SCHEMA, Counts, Header, Row, write_rows
from gerdata.media.audio import encode_wav
from gerdata.media.mp4 import encode_mp4
from gerdata.store import members
from gerdata.store.tar import TarWriter, finish

T, HEIGHT, WIDTH = 3, 24, 32
_COUNTS = Counts(
    sources=0, sources_accepted=0, sources_rejected=0, clips=0, written=0, rejected=0, reasons={}, labels={}, splits={}
)


def draw_sample(split: str, number: int) -> Sample:
    """Noise; class `number % 3`, every ninth without a label, every fifth without sound, every third synthetic."""
    rng = rng_for(0, "toys", split, number)
    has_audio = number % 5 != 4
    n = 8000 + 160 * (number % 4)
    audio = (rng.uniform(-0.5, 0.5, n) if has_audio else np.zeros(n)).astype(np.float32)
    clip = Clip(
        id=f"{split}-{number:03d}",
        group=f"g{number}",
        label=None if number % 9 == 8 else CLASSES[number % 3],
        split=split,
        duration_s=0.5,
        n_frames=T,
        height_px=HEIGHT,
        width_px=WIDTH,
        has_audio=has_audio,
        is_synthetic=number % 3 == 1,
    )
    return Sample(clip, rng.integers(0, 256, (T, HEIGHT, WIDTH, 3), dtype=np.uint8), audio, Structure.empty(T, 1))


def write_release(
    release: Path, sizes: dict[str, int], per_shard: int = 100, sound: str = "flac", mode: str = "frames"
) -> Path:
    """A finished release of the given number of clips a split."""
    (release / "manifest").mkdir(parents=True)
    suffixes = members.as_released(members.suffixes(T, has_structure=True), mode, sound)
    for split, size in sizes.items():
        (release / split).mkdir()
        rows = []
        for start in range(0, size, per_shard):
            shard = f"{split}/{split}-{start // per_shard:06d}.tar"
            with (release / shard).open("wb") as file:
                tar = TarWriter(file)
                for number in range(start, min(size, start + per_shard)):
                    sample = draw_sample(split, number)
                    encoded = members.encode(sample, 95)
                    if sound == "wav":
                        encoded["wav"] = encode_wav(sample.audio)
                    if mode == "video":
                        encoded["mp4"] = encode_mp4(sample.frames, sample.clip.duration_s)
                    placed = [tar.add(f"{sample.clip.id}.{name}", encoded[name]) for name in suffixes]
                    offsets, lengths = tuple(m.offset for m in placed), tuple(m.length for m in placed)
                    rows.append(Row(sample.clip, shard=shard, member_offset=offsets, member_length=lengths))
            finish(release / shard)
        write_rows(release / "manifest" / f"{split}.parquet", rows, MANIFEST_SCHEMA)
    header = Header(
        format_version=FORMAT_VERSION,
        stage="shard",
        classes=CLASSES,
        members=suffixes,
        n_frames=T,
        counts=_COUNTS,
        recipe={},
        seed=0,
        fingerprint={"recipe": "toys"},
        parents=[],
        parts=[],
        protection="none",
    )
    (release / "dataset.json").write_bytes(header.to_bytes())
    return release
