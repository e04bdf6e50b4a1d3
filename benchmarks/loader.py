"""Loading samples to batches, and reading them at random, beside what others do and beside the limit, in one run.

    PEERS/bin/python benchmarks/loader.py [--n 1000] [--rounds 5] [--parts 0,2,access,index]

Run it with a Python that has gerdata's dependencies and the peers: docs/performance.md says how to make one. Batches are
uint8 [32, 5, 3, 224, 224] and float32 [32, 80000], shuffled, nothing consumes them, and everything is in the page cache.
Peers use the same decoders (simplejpeg and soundfile) in the usual function of a sample. The limit is the same decoding
into one batch that is kept, from bytes in memory: in one process, or in two at once.
"""

import argparse
import gc
import io
import mmap
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import peers
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import simplejpeg
import soundfile
import torch
from peers import N_AUDIO, PX, SUFFIXES, Samples, T, interleaved, make_samples, tell
from torch.utils.data import DataLoader, Dataset

import gerdata
from gerdata.learn.loader import Loader, Loading
from gerdata.manifest import MANIFEST_SCHEMA
from gerdata.store.index import Index

BATCH = 32
ARROW = [suffix.replace(".", "_") for suffix in SUFFIXES]
Make = Callable[[int], Any]  # workers to an iterable of batches


def decode(members: dict[str, bytes], names: list[str] = ARROW) -> tuple[torch.Tensor, torch.Tensor]:
    """The usual function of a sample: frames [T, 3, H, W], sound [N]."""
    frames = np.stack([simplejpeg.decode_jpeg(members[name], "RGB") for name in names[:T]])
    sound = soundfile.read(io.BytesIO(members[names[T]]), dtype="float32")[0][:N_AUDIO]
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))), torch.from_numpy(sound)


def decode_suffixes(members: dict[str, bytes]) -> tuple[torch.Tensor, torch.Tensor]:
    """The same, of members under their suffixes."""
    return decode(members, list(SUFFIXES))


def collate(samples: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples side by side."""
    return torch.stack([frames for frames, _ in samples]), torch.stack([sound for _, sound in samples])


def collate_arrow(samples: list[dict[str, bytes]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples of columns side by side."""
    return collate([decode(sample) for sample in samples])


# ---- the limit


def limit(samples: Samples) -> int:
    """Decode all into one batch that is kept; how many."""
    frames, sound = np.zeros((BATCH, T, PX, PX, 3), np.uint8), np.zeros((BATCH, N_AUDIO), np.float32)
    for number, (_, members) in enumerate(samples):
        for k in range(T):
            simplejpeg.decode_jpeg(members[SUFFIXES[k]], "RGB", buffer=frames[number % BATCH, k])
        with soundfile.SoundFile(io.BytesIO(members["flac"])) as file:
            file.read(N_AUDIO, "float32", out=sound[number % BATCH])
    return len(samples)


def _half(samples: Samples, gate: Any) -> None:
    gate.wait()
    limit(samples)
    gate.wait()


def limit_of_two(samples: Samples) -> tuple[int, float, None]:
    """The same in two processes at once; only the decoding is timed."""
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(3)
    halves = [context.Process(target=_half, args=(samples[k::2], gate)) for k in range(2)]
    for half in halves:
        half.start()
    gate.wait()
    began = time.perf_counter()
    gate.wait()
    took = time.perf_counter() - began
    for half in halves:
        half.join()
    return len(samples), took, None


# ---- loaders


class Files(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A file a member."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, sorted(path.stem for path in folder.glob("*.json"))

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return decode_suffixes({s: (self.folder / f"{self.keys[index]}.{s}").read_bytes() for s in SUFFIXES[: T + 1]})


class Rows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Rows of Hugging Face datasets."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return decode(self.rows[index])


def torch_loader(data: Any, workers: int, **more: Any) -> Any:
    """PyTorch's own loader."""
    return DataLoader(data, BATCH, num_workers=workers, collate_fn=collate, drop_last=True, **more)


def ours(release: Path, reuse: bool) -> Make:
    """gerdata's loader, with batches reused or copied."""
    data, held = gerdata.open_release(release), {}

    def make(workers: int) -> Iterator[Any]:
        if workers not in held:  # workers stay from epoch to epoch, as a trainer keeps them
            how = Loading(BATCH, workers=workers, reuse_buffers=reuse, audio_s=N_AUDIO / 16000, tail="drop")
            held[workers] = Loader(data, how)
        for batch in held[workers].epoch(0):
            yield batch.video, batch.audio

    return make


def webdataset_of(folder: Path) -> Make:
    """webdataset, shards and then 200 samples shuffled."""

    def make(workers: int) -> Any:
        import webdataset as wds

        tars = sorted(map(str, folder.glob("*.tar")))
        data = wds.WebDataset(
            tars, shardshuffle=4, nodesplitter=wds.split_by_node, workersplitter=wds.split_by_worker, seed=0
        )
        return torch_loader(data.shuffle(200).map(decode_suffixes), workers)

    return make


def litdata_of(folder: Path) -> Make:
    """litdata's StreamingDataset."""

    def make(workers: int) -> Any:
        import litdata

        class Decoded(litdata.StreamingDataset):  # type: ignore[misc]
            def __getitem__(self, index: int) -> Any:
                return decode(super().__getitem__(index))

        data = Decoded(str(folder), shuffle=True, drop_last=True)
        return litdata.StreamingDataLoader(
            data, batch_size=BATCH, num_workers=workers, collate_fn=collate, drop_last=True
        )

    return make


def mds_of(folder: Path) -> Make:
    """mosaicml-streaming's StreamingDataset."""

    def make(workers: int) -> Any:
        peers.stub_torchvision()
        import streaming

        streaming.base.util.clean_stale_shared_memory()

        class Decoded(streaming.StreamingDataset):  # type: ignore[misc]
            def __getitem__(self, index: int) -> Any:
                return decode(super().__getitem__(index))

        return torch_loader(Decoded(local=str(folder), batch_size=BATCH, shuffle=True, shuffle_seed=0), workers)

    return make


def hf_rows(folder: Path, streaming: bool = False) -> Any:
    """Rows of the Parquet files of a folder."""
    import datasets

    datasets.disable_progress_bars()
    files, cache = str(folder / "*.parquet"), str(folder / "cache")
    return datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache, streaming=streaming)


def hf_stream(folder: Path) -> Make:
    """Hugging Face datasets, streaming, 200 samples shuffled."""

    def make(workers: int) -> Any:
        rows = hf_rows(folder, streaming=True).shuffle(seed=0, buffer_size=200)
        return DataLoader(rows, BATCH, num_workers=workers, collate_fn=collate_arrow, drop_last=True)

    return make


def loaders(root: Path) -> dict[str, Make]:
    """Every loader by name."""
    return {
        "gerdata, reused batches": ours(root / "gerdata", True),
        "gerdata, copied batches": ours(root / "gerdata", False),
        "litdata": litdata_of(root / "litdata"),
        "webdataset": webdataset_of(root / "webdataset"),
        "mosaicml-streaming": mds_of(root / "mds"),
        "HF datasets, map-style": lambda workers: torch_loader(Rows(hf_rows(root / "hf")), workers, shuffle=True),
        "HF datasets, streaming": hf_stream(root / "hf"),
        "folder": lambda workers: torch_loader(Files(root / "folder"), workers, shuffle=True),
    }


def timed(make: Make, workers: int, batches: int) -> tuple[int, float, float | None]:
    """Samples and seconds of `batches` batches after the first; and seconds of CPU, where this process does it all."""
    gc.collect()
    running = iter(make(workers))
    frames, sound = next(running)
    assert frames.shape == (BATCH, T, 3, PX, PX), frames.shape
    assert frames.dtype == torch.uint8
    assert sound.shape == (BATCH, N_AUDIO), sound.shape
    began, cpu, n = time.perf_counter(), time.process_time(), 0
    for _ in running:
        n += 1
        if n == batches:
            break
    took, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    del running
    return n * BATCH, took, None if workers else cpu_s


def load(root: Path, samples: Samples, workers: int, rounds: int) -> None:
    """The table of one number of workers."""
    batches = min(14, len(samples) // BATCH - 3)
    cases = {name: lambda make=make: timed(make, workers, batches) for name, make in loaders(root).items()}
    some = samples[: batches * BATCH]
    name = "limit: decoding alone" + (", 2 processes" if workers == 2 else "")
    rates = interleaved({**cases, name: lambda: limit_of_two(some) if workers == 2 else limit(some)}, rounds)
    tell(f"loader, {workers} workers", rates, name)


# ---- random access


def access(root: Path, n: int, rounds: int) -> None:
    """Bytes of whole samples, not decoded, in an order of chance; the limit reads the shards from end to end."""
    data = gerdata.open_release(root / "gerdata")
    order = np.random.default_rng(1).permutation(n).tolist()
    names = [data.ids[row] for row in order]
    tars = sorted((root / "gerdata").glob("train/*.tar"))
    room = mmap.mmap(
        -1, 1 << 20
    )  # whole pages: memory that begins off a multiple of 32 takes 1.6 times as long to fill

    def raw() -> int:
        for tar in tars:
            with tar.open("rb", buffering=0) as file:
                while file.readinto(room):
                    pass
        return n

    def by(take: Callable[[Any], Any], these: list[Any]) -> Callable[[], int]:
        return lambda: sum(1 for one in these if take(one) is not None)

    def mds() -> tuple[int, float, None]:
        peers.stub_torchvision()
        import streaming

        streaming.base.util.clean_stale_shared_memory()
        held = streaming.StreamingDataset(local=str(root / "mds"), batch_size=1, shuffle=False)
        began = time.perf_counter()
        return by(held.__getitem__, order)(), time.perf_counter() - began, None

    def hf() -> tuple[int, float, None]:
        rows = hf_rows(root / "hf")
        began = time.perf_counter()
        return by(rows.__getitem__, order)(), time.perf_counter() - began, None

    def files(name: str) -> list[bytes]:
        return [(root / "folder" / f"{name}.{suffix}").read_bytes() for suffix in SUFFIXES]

    name = "limit: shards from end to end"
    cases = {
        name: raw,
        "gerdata, by number": by(data.samples.__getitem__, order),
        "gerdata, by id": by(data.samples.by_id, names),
        "gerdata, by id, decoded": by(data.by_id, names[:200]),
        "mosaicml MDS": mds,
        "HF datasets, map-style": hf,
        "folder": by(files, names),
    }
    tell("random access", interleaved(cases, rounds), name)


def million(root: Path) -> None:
    """A manifest of a million rows: how long it takes to open, to find, and in how much memory."""
    path, n, m = root / "million.parquet", 1_000_000, len(SUFFIXES)
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(path, MANIFEST_SCHEMA, compression="zstd") as writer:
        for start in range(0, n, 4096):
            k = min(4096, n - start)
            lengths = rng.integers(20_000, 30_000, (k, m))
            steps = 512 + -(-lengths // 512) * 512
            places = np.cumsum(steps).reshape(k, m) - steps + 512
            ends = pa.array(np.arange(0, k * m + 1, m), pa.int32())
            told = {
                "id": pa.array([row.tobytes().hex()[:26] for row in rng.integers(0, 256, (k, 16), np.uint8)]),
                "label": pa.array(np.array(["positive", "neutral", "negative"])[rng.integers(0, 3, k)]),
                "shard": pa.array([f"train/train-{(start + row) // 500:06d}.tar" for row in range(k)]),
                "is_synthetic": pa.array(rng.random(k) < 0.3),
                "member_offset": pa.ListArray.from_arrays(ends, pa.array(places.reshape(-1))),
                "member_length": pa.ListArray.from_arrays(ends, pa.array(lengths.reshape(-1))),
            }
            columns = [told[f.name].cast(f.type) if f.name in told else pa.nulls(k, f.type) for f in MANIFEST_SCHEMA]
            writer.write_table(pa.Table.from_arrays(columns, schema=MANIFEST_SCHEMA))
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        print(f"\na million rows, {path.stat().st_size >> 20} MiB of Parquet")
        for what, seconds, cpu_s, mib in pool.apply(_opened, (path, n)):
            print(f"{what:44} {seconds:8.3f} s {cpu_s:8.3f} s of CPU {mib:+5d} MiB")


def _opened(path: Path, n: int) -> list[tuple[str, float, float, int]]:
    out = []

    def note(what: str, do: Callable[[], Any]) -> Any:
        before, began, cpu = psutil.Process().memory_info().rss, time.perf_counter(), time.process_time()
        result = do()
        took = time.perf_counter() - began, time.process_time() - cpu
        out.append((what, *took, (psutil.Process().memory_info().rss - before) >> 20))
        return result

    note("imports", lambda: pc.sort_indices(pa.array([2, 1])))
    index = note("open", lambda: Index(path, SUFFIXES))
    note("one sample's place", lambda: index.place(n // 2))
    note(
        "shards, labels, origins of all",
        lambda: (index.shard_of, index.codes("label", ("neutral",)), index.flags("is_synthetic")),
    )
    rows = np.random.default_rng(0).integers(0, n, 1000).tolist()
    names = note("1,000 ids (reads the column)", lambda: [index.ids[row] for row in rows])
    note("the first by id (sorts the column)", lambda: index.ids.find(names[0]))
    note("1,000 places by id", lambda: [index.place(index.ids.find(name)) for name in names])
    note("1,000 places by id again", lambda: [index.place(index.ids.find(name)) for name in names])
    return out


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default="0,2,access,index")
    given = parser.parse_args()
    parts = given.parts.split(",")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ.update(HF_HOME=str(root / "home"), HF_HUB_OFFLINE="1")
        if parts != ["index"]:
            samples = make_samples(given.n)
            peers.write_release(samples, root / "gerdata")
            for name in ("litdata", "webdataset", "mds", "hf", "folder"):
                try:
                    getattr(peers, f"write_{name}")(samples, root / name)
                except ImportError as error:
                    print(f"{name}: {error}")
            for workers in (0, 2):
                if str(workers) in parts:
                    load(root, samples, workers, given.rounds)
            if "access" in parts:
                access(root, given.n, given.rounds)
        if "index" in parts:
            million(root)


if __name__ == "__main__":
    main()
