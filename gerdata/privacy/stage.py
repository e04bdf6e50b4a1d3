"""`protect`: every written clip of an ingested dataset, through the ops of a recipe, into a dataset of samples."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from gerdata.engine.run import Job, even_cuts
from gerdata.engine.work import Item
from gerdata.errors import DatasetError, UsageError
from gerdata.manifest import FORMAT_VERSION, clip_to_json
from gerdata.recipe import ProtectRecipe
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file
from gerdata.store.members import suffixes
from gerdata.store.private import Private

PART_SIZE = 16
_INDEX_COLUMNS = ["id", "uri", "offset", "size", "sha256", "start_s", "duration_s", "origin_s"]


def job_of(
    ingested: Dataset,
    name: str,
    recipe: ProtectRecipe,
    out: Path,
    private: Private,
    accept_raw: bool = False,
    limit: int | None = None,
) -> Job:
    """The items of a protect run: clips in order of their pseudonyms, so that the order of files is not the order of
    sources. `UsageError` for a recipe that does not obfuscate, unless that is accepted in so many words."""
    header = ingested.header()
    if header.stage != "ingest":
        raise UsageError(f"{ingested.root}: expected an ingested dataset, this is one of '{header.stage}'")
    if not recipe.is_obfuscated and not accept_raw:
        raise UsageError(
            f"recipe {name} leaves faces or voices as they are; pass --accept-raw if the data may be used so, "
            "or choose the recipe whole-frame"
        )
    index = _index(private.root / ingested.root.name / "index.parquet")
    items: list[Item] = []
    for row in ingested.rows()[:limit]:
        entry = index.get(row.clip.id)
        if entry is None:
            raise DatasetError(
                f"{ingested.root}: the private index at {private.root} is of another ingest; run it again"
            )
        items.append(Item(row.clip.id, {**entry, "clip": clip_to_json(row.clip)}))
    return Job(
        dataset=Dataset(out),
        stage="protect",
        worker="gerdata.privacy.work:ProtectWorker",
        settings={"recipe": recipe.model_dump(mode="json"), "name": protection_of(name, recipe)},
        items=items,
        cuts=even_cuts(len(items), PART_SIZE, has_media=True),
        fingerprint={
            "format": str(FORMAT_VERSION),
            "stage": "protect",
            "key": private.fingerprint("key", b""),
            "recipe": recipe.fingerprint(),
            "inputs": private.fingerprint("inputs", sha256_of_file(ingested.root / HEADER).encode()),
        },
        recipe=recipe.model_dump(mode="json"),
        seed=header.seed,
        classes=header.classes,
        members=suffixes(recipe.n_frames, has_structure=False),
        n_frames=recipe.n_frames,
        protection=protection_of(name, recipe),
        notice=notice_of(recipe),
        parents=({"stage": "ingest", "inputs": header.fingerprint["inputs"]},),
    )


def protection_of(name: str, recipe: ProtectRecipe) -> str:
    """What the rows, the card and the report call it."""
    return name if recipe.is_obfuscated else f"{name} (not obfuscated)"


def notice_of(recipe: ProtectRecipe) -> str:
    """One sentence for everyone who meets the data."""
    if not recipe.is_obfuscated:
        return "NOT OBFUSCATED: faces or voices of real people are in these data"
    return (
        f"frames reduced to {recipe.shrink_px}x{recipe.shrink_px} pixels, sound muted; large faces may still be recognised; "
        "not audited; who can find the public original can identify its people"
    )


def _index(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        raise DatasetError(f"{path}: the private index of sources is not there; run ingest, or pass --private DIR")
    return {entry.pop("id"): entry for entry in pq.read_table(path, columns=_INDEX_COLUMNS).to_pylist()}
