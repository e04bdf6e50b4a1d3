"""What loader.py and write.py share: the material, the ways others write it, and interleaved rounds.

A sample is five JPEG frames of 224 x 224 (moving crops of smooth pictures with sensor noise, quality 90), 5 s of sound
(FLAC, 16 kHz) and a row of JSON, encoded beforehand. Peers are optional: one that is not installed is a line that says so.
"""

import contextlib
import importlib.machinery
import io
import os
import shutil
import statistics
import sys
import tarfile
import time
import types
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from gerdata.clip import CLASSES, Clip
from gerdata.manifest import FORMAT_VERSION, MANIFEST_SCHEMA, Counts, Header, Row, write_rows
from gerdata.media.audio import encode_flac
from gerdata.media.images import encode_jpeg
from gerdata.store.members import encode_clip
from gerdata.store.tar import TarWriter, finish

PX, N_AUDIO, T = 224, 80_000, 5
SUFFIXES = (*(f"f{i:02d}.jpg" for i in range(T)), "flac", "json")
PER_SHARD = 250
Sample = dict[str, bytes]  # suffix to bytes, and "key"
Samples = list[tuple[Clip, Sample]]
Timed = tuple[int, float, float | None]  # samples, seconds, and seconds of CPU where that is known
Case = Callable[[], int | Timed]
Rates = dict[str, list[tuple[float, float | None]] | str]  # a second, and a second of CPU, by round; or what went wrong


def make_samples(n: int, seed: int = 0) -> Samples:
    """`n` clips and their members."""
    rng = np.random.default_rng(seed)
    scenes = [_scene(rng) for _ in range(12)]
    noise = [rng.normal(0, 4, (PX, PX, 3)).astype(np.int16) for _ in range(16)]
    out = []
    for number in range(n):
        scene = scenes[int(rng.integers(len(scenes)))]
        y, x = rng.integers(0, scene.shape[0] - PX - 24), rng.integers(0, scene.shape[1] - PX - 32)
        members: Sample = {}
        for k in range(T):
            crop = scene[y + 4 * k :, x + 6 * k :][:PX, :PX].astype(np.int16) + noise[(number + k) % 16]
            members[f"f{k:02d}.jpg"] = encode_jpeg(np.clip(crop, 0, 255).astype(np.uint8), 90)
        members["flac"] = encode_flac(_sound(rng))
        clip = Clip(f"{number:026d}", f"g{number // 3}", CLASSES[number % 3], "train", 5.0, T, PX, PX, True)
        members["json"] = encode_clip(clip)
        out.append((clip, members))
    return out


def _scene(rng: np.random.Generator) -> np.ndarray:
    fine = cv2.resize(rng.normal(0, 1, (60, 80, 3)), (640, 480), interpolation=cv2.INTER_CUBIC)
    rough = cv2.resize(rng.normal(0, 1, (8, 10, 3)), (640, 480), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 45 * rough + 14 * fine, 0, 255).astype(np.uint8)


def _sound(rng: np.random.Generator) -> np.ndarray:
    times = np.arange(N_AUDIO) / 16000
    voice = sum(np.sin(2 * np.pi * k * rng.uniform(95, 240) * times) / k for k in range(1, 12))
    return (0.1 * voice * (np.sin(2 * np.pi * 3 * times) > -0.3) + 0.02 * rng.standard_normal(N_AUDIO)).astype(
        np.float32
    )


# ---- ways to write them; each takes the samples and a folder that it makes


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_gerdata(samples: Samples, folder: Path) -> list[Row]:
    """Shards as gerdata writes them, and a row for each sample."""
    fresh(folder / "train")
    rows = []
    for start in range(0, len(samples), PER_SHARD):
        shard = f"train/train-{start // PER_SHARD:06d}.tar"
        with (folder / shard).open("wb", buffering=0) as file:
            tar = TarWriter(file)
            for clip, members in samples[start : start + PER_SHARD]:
                placed = tar.add_all({f"{clip.id}.{suffix}": members[suffix] for suffix in SUFFIXES})
                offsets, lengths = tuple(m.offset for m in placed), tuple(m.length for m in placed)
                rows.append(Row(clip, shard=shard, member_offset=offsets, member_length=lengths))
        finish(folder / shard)
    return rows


def write_release(samples: Samples, folder: Path) -> None:
    """A finished release."""
    rows = write_gerdata(samples, folder)
    (folder / "manifest").mkdir()
    write_rows(folder / "manifest/train.parquet", rows, MANIFEST_SCHEMA)
    zeros = dict.fromkeys(("sources", "sources_accepted", "sources_rejected", "clips", "written", "rejected"), 0)
    counts = Counts(**zeros, reasons={}, labels={}, splits={})
    header = Header(
        format_version=FORMAT_VERSION, stage="shard", classes=CLASSES, members=SUFFIXES, n_frames=T, counts=counts, recipe={},
        seed=0, fingerprint={}, parents=[], parts=[], protection="none",
    )  # fmt: skip
    (folder / "dataset.json").write_bytes(header.to_bytes())


def write_webdataset(samples: Samples, folder: Path) -> None:
    """webdataset's ShardWriter."""
    import webdataset

    pattern = str(fresh(folder) / "s-%05d.tar")
    with webdataset.ShardWriter(pattern, maxcount=PER_SHARD, maxsize=1e12, verbose=0) as writer:
        for clip, members in samples:
            writer.write({"__key__": clip.id, **members})


def write_tarfile(samples: Samples, folder: Path) -> None:
    """The standard library's tarfile."""
    fresh(folder)
    for start in range(0, len(samples), PER_SHARD):
        with tarfile.open(folder / f"s-{start // PER_SHARD:05d}.tar", "w") as tar:
            for clip, members in samples[start : start + PER_SHARD]:
                for suffix in SUFFIXES:
                    info = tarfile.TarInfo(f"{clip.id}.{suffix}")
                    info.size = len(members[suffix])
                    tar.addfile(info, io.BytesIO(members[suffix]))


def columns_of(members: Sample) -> Sample:
    """Members under names that columns may have."""
    return {suffix.replace(".", "_"): members[suffix] for suffix in SUFFIXES}


def write_mds(samples: Samples, folder: Path) -> None:
    """mosaicml-streaming's MDSWriter."""
    stub_torchvision()
    from streaming import MDSWriter

    shutil.rmtree(folder, ignore_errors=True)
    kinds = dict.fromkeys(columns_of(samples[0][1]), "bytes")
    with MDSWriter(out=str(folder), columns=kinds, size_limit=1 << 26) as writer:
        for _, members in samples:
            writer.write(columns_of(members))


_FOR_LITDATA: Samples = []


def _litdata_sample(number: int) -> Sample:
    return columns_of(_FOR_LITDATA[number][1])


def write_litdata(samples: Samples, folder: Path) -> None:
    """litdata's optimize, with one worker."""
    import litdata

    _FOR_LITDATA[:] = samples
    shutil.rmtree(folder, ignore_errors=True)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        numbers = list(range(len(samples)))
        litdata.optimize(
            _litdata_sample, numbers, str(folder), chunk_bytes="64MB", num_workers=1, start_method="fork", verbose=False
        )


def write_hf(samples: Samples, folder: Path) -> None:
    """Hugging Face datasets, Parquet."""
    import datasets

    datasets.disable_progress_bars()
    fresh(folder)
    for start in range(0, len(samples), PER_SHARD):
        some = [columns_of(members) for _, members in samples[start : start + PER_SHARD]]
        table = {name: [one[name] for one in some] for name in some[0]}
        datasets.Dataset.from_dict(table).to_parquet(str(folder / f"s-{start // PER_SHARD:05d}.parquet"))


def write_folder(samples: Samples, folder: Path) -> None:
    """A file a member."""
    fresh(folder)
    for clip, members in samples:
        for suffix in SUFFIXES:
            (folder / f"{clip.id}.{suffix}").write_bytes(members[suffix])


def write_raw(samples: Samples, folder: Path) -> None:
    """The bytes and nothing else, 10 samples a write: the limit."""
    fresh(folder)
    for start in range(0, len(samples), PER_SHARD):
        with (folder / f"s-{start // PER_SHARD:05d}.bin").open("wb", buffering=0) as file:
            for at in range(start, min(start + PER_SHARD, len(samples)), 10):
                file.write(b"".join([m[suffix] for _, m in samples[at : at + 10] for suffix in SUFFIXES]))


def stub_torchvision() -> None:
    """mosaicml-streaming imports torchvision; where none fits the torch at hand, it gets the names that it asks for."""
    try:
        import torchvision  # noqa: F401
    except Exception:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        stubs = {}
        for name in (
            "torchvision",
            "torchvision.datasets",
            "torchvision.transforms",
            "torchvision.transforms.functional",
        ):
            stub = types.ModuleType(name)
            stub.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
            stub.__path__ = []
            stubs[name] = sys.modules[name] = stub
        stubs["torchvision.datasets"].VisionDataset = object  # type: ignore[attr-defined]
        stubs["torchvision.transforms.functional"].to_tensor = lambda picture: picture  # type: ignore[attr-defined]
        stubs["torchvision"].transforms = stubs["torchvision.transforms"]  # type: ignore[attr-defined]
        stubs["torchvision"].datasets = stubs["torchvision.datasets"]  # type: ignore[attr-defined]


# ---- rounds


def interleaved(cases: Mapping[str, Case], rounds: int) -> Rates:
    """Samples a second of every case in every round, the cases in a new order each; the first round only warms up."""
    rng = np.random.default_rng(0)
    rates: Rates = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name in rng.permutation(list(cases)):
            held = rates[name]
            if isinstance(held, str):
                continue
            began, cpu = time.perf_counter(), time.process_time()
            try:
                told = cases[name]()
            except Exception as error:  # a peer that does not work here is a line of the table, no end of it
                rates[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ''}"
                continue
            took = time.perf_counter() - began, time.process_time() - cpu
            n, seconds, cpu_s = told if isinstance(told, tuple) else (told, *took)
            if turn:
                held.append((n / seconds, n / cpu_s if cpu_s else None))
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
    return rates


def tell(title: str, rates: Rates, limit: str) -> None:
    """A table: the median rate, and medians over rounds of the ratio to the limit in the same round: by the clock, and by
    the CPU time of this process, which a busy machine disturbs less."""
    bound = rates[limit]
    assert not isinstance(bound, str), bound
    print(f"\n{title}\n{'case':44} {'samples/s':>10} {'of limit':>9} {'by CPU':>7}")
    known = {name: each for name, each in rates.items() if not isinstance(each, str)}
    for name, each in sorted(known.items(), key=lambda pair: -statistics.median(rate for rate, _ in pair[1])):
        clock = statistics.median(a / b for (a, _), (b, _) in zip(each, bound, strict=True))
        by_cpu = [a / b for (_, a), (_, b) in zip(each, bound, strict=True) if a and b]
        told = f"{statistics.median(by_cpu):7.2f}" if by_cpu else f"{'':7}"
        print(f"{name:44} {statistics.median(rate for rate, _ in each):10.0f} {clock:9.2f} {told}")
    for name, error in rates.items():
        if isinstance(error, str):
            print(f"{name:44} {error}")
