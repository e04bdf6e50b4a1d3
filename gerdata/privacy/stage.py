"""`protect`: every written clip of an ingested dataset, through the ops of a recipe, into a dataset of samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from gerdata.engine.run import Job, even_cuts
from gerdata.engine.work import Item
from gerdata.errors import DatasetError, UsageError
from gerdata.manifest import FORMAT_VERSION, clip_to_json
from gerdata.people.bodies import PersonMask
from gerdata.people.faces import FaceGate
from gerdata.people.heads import HeadFinder
from gerdata.people.structures import StructureFinder
from gerdata.privacy.avatars import HEADS, HeadReader, draw_heads, need_mesh
from gerdata.recipe import ProtectRecipe
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file
from gerdata.store.members import POSE_RELEASED, suffixes
from gerdata.store.private import Private

MOST_PER_PART, LEAST_PARTS = 16, 32  # a clip takes seconds: few clips are many parts, so that all cores have work
_SAID = {"cosmetic": "allow-cosmetic", "raw": "accept-raw"}
_FRAMES = {
    "remove_heads": "heads filled, bodies and places kept",
    "replace_heads": "heads filled and given the heads of avatars, bodies and places kept",
    "remove_people": "people filled, places kept",
    "blur_heads": "heads blurred",
    "pixelate_heads": "heads pixelated",
    "shrink_frame": "frames reduced to a few pixels, large faces may still be recognised",
    "features_only": "frames as 784 coarse numbers each",
    "raw_frame": "frames as they are",
}
_SOUNDS = {
    "mute": "sound muted",
    "steps": "sound turned to coarse level steps",
    "bed": "sound turned to noise with a slow envelope",
    "bed_dynamic": "sound turned to noise with a 4-Hz envelope",
    "numbers": "no sound, coarse numbers of its energy",
    "vocode_voice": "voices vocoded",
    "mcadams_voice": "voices shifted by McAdams' coefficient",
    "raw_voice": "sound as it is",
}
EXPRESSIONS = "(expressions estimated)"  # marks what single faces were read for
_ESTIMATED = (
    ", expressions of persons were estimated to choose the avatars' faces, in 3 x 3 steps; they are kept nowhere else"
)
_INDEX_COLUMNS = ["id", "uri", "offset", "size", "sha256", "start_s", "duration_s", "origin_s"]


def job_of(
    ingested: Dataset,
    name: str,
    recipe: ProtectRecipe,
    out: Path,
    private: Private,
    accepts: frozenset[str] = frozenset(),
    limit: int | None = None,
) -> Job:
    """The items of a protect run: clips in order of their pseudonyms, so that the order of files is not the order of
    sources. `accepts`: "cosmetic" or "raw"; `UsageError` for a recipe that is so, unless it is accepted in so many words."""
    header = ingested.header()
    if header.stage != "ingest":
        raise UsageError(f"{ingested.root}: expected an ingested dataset, this is one of '{header.stage}'")
    if recipe.strength != "removing" and recipe.strength not in accepts:
        left = (
            "leaves faces or voices, or what people may be recognised by"
            if recipe.strength == "raw"
            else "only makes faces or voices less plain"
        )
        raise UsageError(
            f"recipe {name} {left}; pass --{_SAID[recipe.strength]} if the data may be used so, or choose the recipe remove"
        )
    need_models(recipe)
    index = _index(private.root / ingested.root.name / "index.parquet")
    items: list[Item] = []
    for row in ingested.rows()[:limit]:
        entry = index.get(row.clip.id)
        if entry is None:
            raise DatasetError(
                f"{ingested.root}: the private index at {private.root} is of another ingest; run it again"
            )
        secret = private.pseudonym("noise", name, row.clip.id)
        items.append(Item(row.clip.id, {**entry, "secret": secret, "clip": clip_to_json(row.clip)}))
    return Job(
        dataset=Dataset(out),
        stage="protect",
        worker="gerdata.privacy.work:ProtectWorker",
        settings={"recipe": recipe.model_dump(mode="json"), "name": protection_of(name, recipe)},
        items=items,
        cuts=even_cuts(len(items), part_size(len(items)), has_media=True),
        fingerprint={
            "format": str(FORMAT_VERSION),
            "stage": "protect",
            "key": private.fingerprint("key", b""),
            "recipe": recipe.fingerprint(),
            "inputs": private.fingerprint("inputs", sha256_of_file(ingested.root / HEADER).encode()),
            **({"avatars": HEADS.fingerprint()} if recipe.frame_op == "replace_heads" else {}),
        },
        recipe=recipe.model_dump(mode="json"),
        seed=header.seed,
        classes=header.classes,
        members=suffixes(recipe.n_frames, has_structure=False, has_limbs=recipe.structure == "heatmaps"),
        n_frames=recipe.n_frames,
        protection=protection_of(name, recipe),
        notice=notice_of(recipe),
        parents=({"stage": "ingest", "inputs": header.fingerprint["inputs"]},),
        private=private.root / out.name,
    )


def part_size(n_clips: int) -> int:
    """How many clips a part holds; it does not depend on the workers."""
    return min(MOST_PER_PART, max(1, n_clips // LEAST_PARTS))


def need_models(recipe: ProtectRecipe) -> None:
    """Raises `MissingError`, with the line to run, before the first clip rather than at each."""
    if recipe.structure != "none":
        StructureFinder()
    elif not recipe.follows_heads:
        return
    HeadFinder()
    if recipe.looks_for_heads:
        FaceGate()
    if recipe.frame_op == "remove_people":
        PersonMask()
    if recipe.frame_op == "replace_heads":
        HeadReader(recipe.reads_expressions)
        need_mesh()


def ready(recipe: ProtectRecipe, workers: int, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw the avatars that a recipe needs, on first use."""
    if recipe.frame_op == "replace_heads":
        draw_heads(workers, progress)


def protection_of(name: str, recipe: ProtectRecipe) -> str:
    """What the rows, the card and the report call it."""
    marks = {"removing": "", "cosmetic": " (cosmetic)", "raw": " (not obfuscated)"}
    read = f" {EXPRESSIONS}" if recipe.reads_expressions else ""
    return name + marks[recipe.strength] + read + (f" {POSE_RELEASED}" if recipe.structure == "heatmaps" else "")


def notice_of(recipe: ProtectRecipe) -> str:
    """One sentence for everyone who meets the data."""
    pose = ", maps of all people's limbs (pose released)" if recipe.structure == "heatmaps" else ""
    if recipe.strength == "raw" and recipe.frame_op == "features_only" and recipe.voice_op != "raw_voice":
        return (
            f"NOT OBFUSCATED until an audit says otherwise: {_FRAMES['features_only']}, {_SOUNDS[recipe.voice_op]}{pose}; "
            "people may be recognised by such numbers"
        )
    if recipe.strength == "raw":
        return f"NOT OBFUSCATED: faces or voices of real people are in these data{pose}"
    read = _ESTIMATED if recipe.reads_expressions else ""
    told = f"{_FRAMES[recipe.frame_op]}, {_SOUNDS[recipe.voice_op]}{pose}{read}"
    if recipe.strength == "cosmetic":
        return f"COSMETIC: {told}; a trained attacker recognises people in these data"
    return f"{told}; who can find the public original can identify its people"


def _index(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        raise DatasetError(f"{path}: the private index of sources is not there; run ingest, or pass --private DIR")
    return {entry.pop("id"): entry for entry in pq.read_table(path, columns=_INDEX_COLUMNS).to_pylist()}
