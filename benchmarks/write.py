"""Writing samples that are already encoded: shards with offsets and checksums, beside what others write, in one run.

    PEERS/bin/python benchmarks/write.py [--n 1000] [--rounds 5]

Run it with a Python that has gerdata's dependencies and the peers: docs/performance.md says how to make one. The limit is the
same bytes without any header. `gerdata` is the writer that stages use, one write a sample, and the SHA-256 of every shard
that their header lists: after its shard, or in a second thread while the next shard is written, as the engine's parts
overlap. `gerdata, no sums` is without, as the peers are.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from peers import (
    PER_SHARD,
    Samples,
    interleaved,
    make_samples,
    tell,
    write_folder,
    write_gerdata,
    write_hf,
    write_litdata,
    write_mds,
    write_raw,
    write_tarfile,
    write_webdataset,
)

from gerdata.store.dataset import sha256_of_file

LIMIT = "limit: the bytes alone"
WAYS = {
    LIMIT: write_raw,
    "gerdata, no sums": write_gerdata,
    "webdataset ShardWriter": write_webdataset,
    "tarfile": write_tarfile,
    "mosaicml MDSWriter": write_mds,
    "litdata optimize": write_litdata,
    "HF datasets to_parquet": write_hf,
    "a file a member": write_folder,
}


def sums_after(samples: Samples, folder: Path) -> None:
    """Each shard, then its sum."""
    for start in range(0, len(samples), PER_SHARD):
        write_gerdata(samples[start : start + PER_SHARD], folder / str(start))
        sha256_of_file(folder / str(start) / "train/train-000000.tar")


def sums_beside(samples: Samples, folder: Path) -> None:
    """Each shard's sum in a second thread."""
    with ThreadPoolExecutor(1) as second:
        for start in range(0, len(samples), PER_SHARD):
            write_gerdata(samples[start : start + PER_SHARD], folder / str(start))
            second.submit(sha256_of_file, folder / str(start) / "train/train-000000.tar")


def main() -> None:
    """Print samples a second of each way to write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    samples = make_samples(given.n)
    size = sum(len(data) for _, members in samples for data in members.values()) / given.n
    with tempfile.TemporaryDirectory() as folder:
        ways = {**WAYS, "gerdata, sums after": sums_after, "gerdata, sums beside": sums_beside}
        cases = {
            name: lambda way=way, place=Path(folder) / str(number): (way(samples, place), given.n)[1]
            for number, (name, way) in enumerate(ways.items())
        }
        tell(f"write: {given.n} samples of {size / 1000:.0f} kB", interleaved(cases, given.rounds), LIMIT)


if __name__ == "__main__":
    main()
