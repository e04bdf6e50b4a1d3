"""`ingest`: plan the sources, have them examined, settle names and splits, write the private index."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.engine.run import Job, Options, even_cuts, run
from gerdata.engine.work import Item, Limits
from gerdata.ingest.identity import settle
from gerdata.ingest.labels import Labelled, from_folders, from_table
from gerdata.ingest.sources import Source, find
from gerdata.manifest import FORMAT_VERSION, Header, Row
from gerdata.recipe import IngestRecipe
from gerdata.store.commit import commit, temporary_for
from gerdata.store.dataset import Dataset
from gerdata.store.private import Private, uri_of

PART_SIZE = 16
_TEXT = ("id", "status", "reason", "detail", "uri", "name", "sha256", "label", "group", "split")
_WHOLE = ("size", "ordinal", "segment")
_SECONDS = ("start_s", "duration_s", "origin_s")
INDEX_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        *((name, pa.int64()) for name in _WHOLE),
        *((name, pa.float64()) for name in _SECONDS),
    ]
)


@dataclass(frozen=True)
class Offer:
    """What the user offers: folders or files, and perhaps a labels table."""

    roots: tuple[Path, ...]
    labels: Path | None
    allow_unlabelled: bool = False
    allow_missing: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Listing:
    """The offer, looked up: sources with what is told of them, and rows of the table that name files elsewhere."""

    sources: tuple[tuple[Source, Labelled], ...]
    elsewhere: int


def look_up(offer: Offer, recipe: IngestRecipe, leave_out: tuple[Path, ...]) -> Listing:
    """List the sources and their labels. Opens the labels table, no media."""
    own = (*leave_out, *((offer.labels,) if offer.labels else ()))
    sources = find(offer.roots, own)
    elsewhere = 0
    if offer.labels is not None:
        told, missing, elsewhere = from_table(offer.labels, sources, offer.roots, recipe.classes, offer.allow_missing)
        sources += [Source(len(offer.roots), path.name, path) for path in missing]
    else:
        told = from_folders(sources, recipe.classes)
    return Listing(tuple((source, told.get(source.path, Labelled())) for source in sources), elsewhere)


def job_of(listing: Listing, offer: Offer, recipe: IngestRecipe, seed: int, out: Path, private: Private) -> Job:
    """The items of an ingest. Their fingerprint is over names, sizes and what the labels say, and is keyed."""
    items, told = [], []
    for source, labelled in listing.sources:
        name = f"{source.root}/{quote(os.fsencode(source.name))}"
        payload = {"uri": uri_of(source.path), "name": name, **asdict(labelled)}
        items.append(Item(private.pseudonym("source", "workspace", name), payload))
        told.append([name, _size(source.path), labelled.label, labelled.group, labelled.split])
    inputs = json.dumps([told, offer.allow_unlabelled]).encode("ascii")
    return Job(
        dataset=Dataset(out),
        stage="ingest",
        worker="gerdata.ingest.work:IngestWorker",
        settings={"recipe": recipe.model_dump(mode="json"), "allow_unlabelled": offer.allow_unlabelled},
        items=items[: offer.limit],
        cuts=even_cuts(len(items[: offer.limit]), PART_SIZE, has_media=False),
        fingerprint={
            "format": str(FORMAT_VERSION),
            "stage": "ingest",
            "key": private.fingerprint("key", b""),
            "seed": str(seed),
            "recipe": recipe.fingerprint(),
            "inputs": private.fingerprint("inputs", inputs),
        },
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        classes=recipe.classes,
        notice="points to raw sources; not for passing on",
        private=private.root / out.name,
        limits=Limits(longest_s=recipe.max_duration_s),
    )


def ingest(job: Job, recipe: IngestRecipe, private: Private, options: Options) -> Header | None:
    """Run the job; the private index is written before the dataset is sealed."""

    def settle_rows(rows: list[Row]) -> list[Row]:
        told: dict[str, dict[str, Any]] = {}
        for number in range(len(job.cuts)):
            told.update({entry["id"]: entry for entry in private.read_rows(job.dataset.root.name, number)})
        rows, index = settle(rows, told, recipe, job.seed, private)
        write_index(private.root / job.dataset.root.name / "index.parquet", index)
        return rows

    return run(job, options, settle_rows)


def write_index(path: Path, entries: list[dict[str, Any]]) -> None:
    """The private index: which source, and which stretch of it, every id stands for."""
    entries = sorted(entries, key=lambda entry: (entry["name"], entry.get("segment") or 0))
    columns = {name: [entry.get(name) for entry in entries] for name in INDEX_SCHEMA.names}
    temporary = temporary_for(path)
    try:
        pq.write_table(pa.table(columns, schema=INDEX_SCHEMA), temporary, compression="zstd")
        temporary.chmod(0o600)
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return -1
