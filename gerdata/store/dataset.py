"""A dataset on disk: a folder of parts with a header that is written last.

`parts/00042.tar` and `parts/00042.parquet`; the Parquet is written after its tar, so its presence means the part is
complete. `parts/plan.json` says what is being made while it is not yet whole. `dataset.json` means complete.
"""

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from gerdata.clip import SPLITS
from gerdata.errors import DatasetError, FingerprintError
from gerdata.manifest import Header, Row, read_rows
from gerdata.store.commit import is_temporary, make_folder, sync_folder, write_atomic
from gerdata.store.tar import read_at

HEADER = "dataset.json"
MANIFEST = "manifest.parquet"
REJECTS = "rejects.parquet"
COVERAGE = "coverage.json"


@dataclass(frozen=True)
class Dataset:
    """The paths of one dataset."""

    root: Path

    @property
    def parts(self) -> Path:
        return self.root / "parts"

    @property
    def plan(self) -> Path:
        return self.parts / "plan.json"

    def part_rows(self, number: int) -> Path:
        return self.parts / f"{number:05d}.parquet"

    def part_tar(self, number: int) -> Path:
        return self.parts / f"{number:05d}.tar"

    def is_complete(self) -> bool:
        return (self.root / HEADER).is_file()

    def header(self) -> Header:
        """The header of a complete dataset; `DatasetError` says what is missing and what to run."""
        path = self.root / HEADER
        if not path.is_file():
            if self.plan.is_file():
                raise DatasetError(f"{self.root}: this dataset is not finished; run its command again to go on")
            raise DatasetError(f"{self.root}: expected a dataset (a folder with {HEADER}), found none")
        return Header.read(path.read_bytes(), str(path))

    def rows(self) -> list[Row]:
        """All written rows of a complete dataset, sorted by id."""
        return read_rows(self.root / MANIFEST)

    def members(self, row: Row) -> list[bytes]:
        """The bytes of one sample's members, in the header's order."""
        if row.shard is None:
            raise DatasetError(f"{self.root}: row {row.clip.id} has no media; this dataset points to raw sources")
        path = self.root / row.shard
        if Path(row.shard).is_absolute() or ".." in Path(row.shard).parts or path.is_symlink():
            raise DatasetError(f"{self.root}: row {row.clip.id} points outside the dataset ({row.shard})")
        places = zip(row.member_offset, row.member_length, strict=True)
        try:
            with path.open("rb") as file:
                return [read_at(file, offset, length, row.shard) for offset, length in places]
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror}); the dataset is damaged") from None


def rows_of(dataset: Dataset, header: Header) -> list[Row]:
    """The written rows of a dataset or a release."""
    if header.stage != "shard":
        return dataset.rows()
    return [row for split in SPLITS for row in read_rows(dataset.root / "manifest" / f"{split}.parquet")]


def sha256_of_file(path: Path) -> str:
    """SHA-256 of one of our own files, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def begin(dataset: Dataset, fingerprint: dict[str, str], n_items: int, overwrite: bool, reopen: bool = False) -> None:
    """Start or resume making a dataset.

    Resume is the default. Where something else stands at the target, `FingerprintError` names the first field that
    differs; `overwrite` removes it first, but never a folder that is not a dataset. A complete dataset of the same items
    is left as it is, unless it is to be reopened.
    """
    before = _earlier(dataset)
    if before is None:
        _refuse_foreign(dataset)
    elif overwrite:
        remove(dataset)
    else:
        earlier, earlier_items = before
        for name in fingerprint:
            if earlier.get(name) != fingerprint[name]:
                raise FingerprintError(
                    f"{dataset.root}: made from another {name} ({_short(earlier.get(name))}, now "
                    f"{_short(fingerprint[name])}); choose another --out, or --overwrite to start anew"
                )
        if earlier_items > n_items:
            raise FingerprintError(
                f"{dataset.root}: holds {earlier_items} items, only {n_items} are asked for now; ask for at least as "
                "many, choose another --out, or --overwrite to start anew"
            )
        if dataset.is_complete() and earlier_items == n_items and not reopen:
            _tidy(dataset)
            return
    make_folder(dataset.parts)
    write_atomic(dataset.plan, (json.dumps({"fingerprint": fingerprint, "items": n_items}) + "\n").encode())
    (dataset.root / HEADER).unlink(missing_ok=True)


def _refuse_foreign(dataset: Dataset) -> None:
    """Nobody's files are mixed with ours: the folder is absent, empty, or holds only what a killed start left."""
    if dataset.root.is_dir() and any(path.is_file() and not is_temporary(path) for path in dataset.root.rglob("*")):
        raise DatasetError(f"{dataset.root}: this folder is not empty and not a dataset; choose another --out")


def _earlier(dataset: Dataset) -> tuple[dict[str, str], int] | None:
    """The fingerprint and number of items of what stands at the target: the header speaks where there is one."""
    if dataset.is_complete():
        header = dataset.header()
        return header.fingerprint, header.counts.sources
    if dataset.plan.is_file():
        try:
            plan = json.loads(dataset.plan.read_bytes())
            return dict(plan["fingerprint"]), int(plan["items"])
        except (ValueError, KeyError, TypeError):
            raise DatasetError(f"{dataset.plan}: not a plan of gerdata; choose another --out") from None
    return None


def _short(value: str | None) -> str:
    return "none" if value is None else value[:12]


def seal(dataset: Dataset, header: Header) -> None:
    """Write the header: from now on the dataset is complete."""
    write_atomic(dataset.root / HEADER, header.to_bytes())
    _tidy(dataset)
    sync_folder(dataset.root)


def _tidy(dataset: Dataset) -> None:
    dataset.plan.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a release keeps its tars elsewhere, so its folder of parts is empty now
        dataset.parts.rmdir()


def remove(dataset: Dataset) -> None:
    """Remove a dataset's own files, the header first; other files in the folder stay."""
    (dataset.root / HEADER).unlink(missing_ok=True)
    own = ("parts/*.tar", "parts/*.parquet", "parts/plan.json", MANIFEST, REJECTS, COVERAGE)
    release = ("*/*-??????.tar", "data/*-?????-of-?????.parquet", "manifest/*.parquet", "recipes/*.toml")
    told = ("README.md", "croissant.json", "checksums.sha256")
    for pattern in own + release + told:
        for path in dataset.root.glob(pattern):
            path.unlink()


def the_release(workspace: Path) -> Path:
    """The release of a workspace, where there is exactly one; `DatasetError` says what to name otherwise."""
    found = sorted(path.parent for path in (workspace / "shards").glob(f"*/{HEADER}"))
    if not found:
        raise DatasetError(f"{workspace / 'shards'}: holds no finished release; run gerdata shard first")
    if len(found) > 1:
        raise DatasetError(f"{workspace / 'shards'}: holds {', '.join(p.name for p in found)}; name the release to use")
    return found[0]
