"""`ingest`: plan the sources, have them examined, settle names and splits, write the private index."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.engine.run import Job, Options, even_cuts, run
from gerdata.engine.work import Item, Limits
from gerdata.errors import UsageError
from gerdata.ingest.expected import Comparison, compare, read_expected
from gerdata.ingest.identity import Known, Leak, Settled, Ties, settle
from gerdata.ingest.labels import Labelled, read_labels, table_places
from gerdata.ingest.printed import Printed
from gerdata.ingest.sources import Source, find
from gerdata.manifest import FORMAT_VERSION, Header, Row
from gerdata.media.address import Address, filesystem_of
from gerdata.people.weights import find as find_weights
from gerdata.recipe import IngestRecipe
from gerdata.store.commit import commit, make_private, temporary_for, write_atomic
from gerdata.store.dataset import Dataset
from gerdata.store.private import Private

PART_SIZE = 16
INDEX_BATCH = 16_384
_TEXT = ("id", "status", "reason", "detail", "verdict", "flags", "uri", "name", "sha256", "label", "group", "split")
_WHOLE = ("offset", "size", "ordinal", "segment", "n_people", "n_cuts")
_REAL = ("start_s", "duration_s", "origin_s")
_MEASURES = ("brightness", "sharpness", "black_share", "frozen_share", "loudness_lufs", "clipped_share")
_MORE = ("silent_share", "speech_share", "smallest_head_px")
INDEX_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        *((name, pa.int64()) for name in _WHOLE),
        *((name, pa.float64()) for name in (*_REAL, *_MEASURES, *_MORE)),
    ]
)
_MODELS = {"people": "centerface", "speech": "silero-vad"}


@dataclass(frozen=True)
class Offer:
    """What the user offers: folders, files, globs or URLs, and perhaps a labels table."""

    roots: tuple[str, ...]
    labels: Path | None
    columns: tuple[str, ...] = ()
    allow_unlabelled: bool = False
    allow_missing: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Listing:
    """The offer, looked up: sources with what is told of them; rows of tables that name files elsewhere; groups that
    official splits tear apart; the published counts beside those found."""

    sources: tuple[tuple[Source, Labelled], ...]
    elsewhere: int
    leaks: tuple[str, ...]
    expected: Comparison | None


def check_use(recipe: IngestRecipe, name: str, accept_excluded_use: bool) -> None:
    """Refuse a recipe whose corpus is for a use that gerdata excludes, unless it is accepted in so many words."""
    if recipe.excluded_use and not accept_excluded_use:
        raise UsageError(
            f"recipe {name}: {recipe.excluded_use}; pass --accept-excluded-use if you may use it all the same"
        )


def look_up(offer: Offer, recipe: IngestRecipe, leave_out: tuple[Path, ...]) -> Listing:
    """List the sources and their labels. Opens tables and the headers of tars, no media."""
    for asked in recipe.measure:
        if asked in _MODELS:
            find_weights(_MODELS[asked])
    own = [*leave_out, *((offer.labels,) if offer.labels else ())]
    if offer.labels is None:
        tables = [place for place in table_places(offer.roots, recipe) if "://" not in place]
        own += [Path(place) for place in tables]
    sources = find(offer.roots, own, recipe.has_sequences)
    told = read_labels(sources, offer.roots, offer.labels, recipe, offer.allow_missing, offer.columns)
    pairs = list(zip(sources, told.by_source, strict=True))
    for name, labelled in zip(told.missing, told.missing_told, strict=True):
        absent = Source(len(offer.roots), name, Address(""), {}, ("source-missing", ""))
        pairs.append((absent, labelled))
    expected = compare(read_expected(recipe.expected), told.counts) if recipe.expected else None
    return Listing(tuple(pairs), told.elsewhere, told.leaks, expected)


def job_of(listing: Listing, offer: Offer, recipe: IngestRecipe, seed: int, out: Path, private: Private) -> Job:
    """The items of an ingest. Their fingerprint is over names, sizes and what the labels say, and is keyed."""
    items, told = [], []
    names: Counter[str] = Counter()
    for source, labelled in listing.sources[: offer.limit]:
        name = f"{source.root}/{quote(os.fsencode(source.name))}"
        names[name] += 1
        if names[name] > 1:  # two members of one tar may have one name
            name = f"{name}#{names[name]}"
        address = source.address
        payload = {
            "uri": address.uri,
            "offset": address.offset,
            "size": address.size,
            "name": name,
            "verdict": source.verdict,
            **asdict(labelled),
        }
        tar = private.pseudonym("source", "workspace", f"{source.root}/{source.tar}") if source.tar is not None else ""
        items.append(Item(private.pseudonym("source", "workspace", name), payload, tar))
        told.append([name, address.offset, _size(address), asdict(labelled)])
    inputs = json.dumps([told, offer.allow_unlabelled]).encode("ascii")
    return Job(
        dataset=Dataset(out),
        stage="ingest",
        worker="gerdata.ingest.work:IngestWorker",
        settings={"recipe": recipe.model_dump(mode="json"), "allow_unlabelled": offer.allow_unlabelled},
        items=items,
        cuts=even_cuts(len(items), PART_SIZE, has_media=False),
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
        notice=_notice(recipe),
        private=private.root / out.name,
        limits=Limits(longest_s=recipe.max_duration_s),
    )


def ingest(job: Job, recipe: IngestRecipe, private: Private, options: Options) -> Header | None:
    """Run the job; the private index and the list of leaks are written before the dataset is sealed."""
    folder = private.root / job.dataset.root.name

    def settle_rows(rows: list[Row]) -> list[Row]:
        known: dict[str, Known] = {}
        with Printed(folder) as printed:
            for number in range(len(job.cuts)):
                told = private.read_rows(job.dataset.root.name, number)
                printed.take(told)
                known |= {
                    one["id"]: Known(one.get("sha256"), one["name"], _text(one["group"]), one.get("segment"))
                    for one in told
                }
            ties = printed.ties(job.seed) if recipe.find_duplicates else Ties()
        settled = settle(rows, known, ties, recipe, job.seed, private)
        write_index(folder / "index.parquet", _entries(job, private, rows, settled))
        leaks = [asdict(leak) for leak in settled.leaks]
        write_atomic(folder / "leaks.json", json.dumps(leaks, indent=1).encode("ascii"), mode=0o600)
        return settled.rows

    return run(job, options, settle_rows)


def read_leaks(private: Private, out: Path) -> list[Leak]:
    """What the last ingest to `out` found torn apart by given splits."""
    path = private.root / out.name / "leaks.json"
    if not path.is_file():
        return []
    return [
        Leak(one["kind"], tuple(one["splits"]), one["n_clips"], tuple(one["names"]))
        for one in json.loads(path.read_text())
    ]


def stage_in(listing: Listing, private: Private, out: Path) -> Listing:
    """Bytes that only this process has (`memory://`), as files in the private folder, where workers can open them."""
    folder = private.root / out.name / "held"
    pairs = []
    for number, (source, labelled) in enumerate(listing.sources):
        if source.address.uri.startswith("memory://"):
            make_private(folder)
            system, path = filesystem_of(source.address.uri)
            write_atomic(folder / f"{number:06d}", bytes(system.cat_file(path)), mode=0o600)
            held = Address.of((folder / f"{number:06d}").resolve()).uri
            address = Address(held, source.address.offset, source.address.size)
            source = Source(source.root, source.name, address, source.told, source.verdict, source.tar)
        pairs.append((source, labelled))
    return Listing(tuple(pairs), listing.elsewhere, listing.leaks, listing.expected)


def _entries(job: Job, private: Private, rows: list[Row], settled: Settled) -> Iterator[dict[str, Any]]:
    """The private rows of all parts, read once more, under their final names: they are too large to be held."""
    final = {row.clip.id: now for row, now in zip(rows, settled.rows, strict=True)}
    for number in range(len(job.cuts)):
        for told in private.read_rows(job.dataset.root.name, number):
            row = final[told["id"]]
            verdict = {"id": row.clip.id, "status": row.status, "reason": row.reason, "detail": row.detail}
            yield {**told, **verdict, "ordinal": settled.ordinals.get(row.source)}


def write_index(path: Path, entries: Iterator[dict[str, Any]]) -> None:
    """The private index: which source, and which stretch of it, every id stands for; in the order of the sources."""
    temporary = temporary_for(path)
    try:
        with pq.ParquetWriter(temporary, INDEX_SCHEMA, compression="zstd") as writer:
            temporary.chmod(0o600)
            while batch := list(islice(entries, INDEX_BATCH)):
                told = {
                    name: [_text(entry.get(name)) if name in _TEXT else entry.get(name) for entry in batch]
                    for name in INDEX_SCHEMA.names
                }
                writer.write_table(pa.table(told, schema=INDEX_SCHEMA))
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _notice(recipe: IngestRecipe) -> str:
    told = "points to raw sources; not for passing on"
    return told + ("; a corpus of single persons, no group data" if recipe.is_individual else "")


def _size(address: Address) -> int:
    if address.size is not None:
        return address.size
    try:
        return address.path.lstat().st_size if address.is_local else -1
    except OSError:
        return -1
