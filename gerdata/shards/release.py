"""`shard`: from finished datasets to a release, and what is written around its shards."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gerdata.clip import SPLITS
from gerdata.engine.run import Job, write_table
from gerdata.engine.work import Item
from gerdata.errors import UsageError
from gerdata.manifest import FORMAT_VERSION, MANIFEST_SCHEMA, Header, Pool, Row
from gerdata.recipe import ShardRecipe
from gerdata.shards.card import card
from gerdata.shards.choose import Chosen, order
from gerdata.shards.croissant import croissant
from gerdata.shards.cuts import cuts_of
from gerdata.shards.given import Given, matched
from gerdata.shards.measured import MEASURES, measures_digest, source_measures
from gerdata.shards.names import renamed
from gerdata.shards.parents import Parents, members_of
from gerdata.shards.recipes import recipes_of
from gerdata.shards.select import asks_quality, select
from gerdata.store.checksums import CHECKSUMS, checksums_of
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.dataset import Dataset, sha256_of_file
from gerdata.store.members import as_released
from gerdata.store.private import Private

RECIPES = "recipes"
MEDIA_FREE = "rows and plans alone, no media"


@dataclass(frozen=True)
class Target:
    """A release by name, where it goes, where audits of its parents are looked for, the date on its card, and whether its
    media stay behind."""

    name: str
    root: Path
    audits: Path
    date: str | None = None
    is_media_free: bool = False


def parents_of(named: Sequence[Path], workspace: Path) -> list[Dataset]:
    """The datasets to release: those named, else what the workspace holds complete of protected and synthetic ones."""
    if named:
        return [Dataset(path) for path in named]
    found = [Dataset(workspace / name) for name in ("protected", "synth") if (workspace / name).is_dir()]
    if not found:
        raise UsageError(f"{workspace}: holds neither protected nor synth; run gerdata protect or gerdata synth first")
    return found


def job_of(
    datasets: Sequence[Dataset],
    to: Target,
    recipe: ShardRecipe,
    seed: int,
    private: Private,
    given: Given | None = None,
) -> Job:
    """Choose, mix, order, and re-name under a release's name; or take what `given` rows name, in their order.

    `UsageError` where datasets do not fit together.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", to.name):
        raise UsageError(f"--release {to.name}: expected up to 64 letters, digits, dots, dashes and underscores")
    if recipe.mode == "video" and to.is_media_free:
        raise UsageError("--media-free has no media, so it has no mode; leave out mode = video")
    parents = Parents.open(datasets, recipe, needs_all=given is None)
    measures: dict[str, str] = {}
    if given is not None:
        planned, pool = matched(given, parents.pool(recipe.mode), private, to.name), given.pool
    else:
        planned, pool, measures = _planned(parents, to, recipe, seed, private)
    used = sorted({one.parent for one, _ in planned if one.parent >= 0})
    if not used:
        raise UsageError(f"{', '.join(str(one.root) for one in datasets)}: no samples to make a release of")
    told = {number: parents.told(number, to.audits) for number in used}
    headers = [parents.headers[number] for number in used]
    held = given.members(members_of(headers)) if given is not None else members_of(headers)
    members = () if to.is_media_free else as_released(held, recipe.mode, recipe.audio)
    notices = dict.fromkeys(header.notice for header in headers)
    return Job(
        dataset=Dataset(to.root),
        stage="shard",
        worker="gerdata.shards.work:ShardWorker",
        settings={
            "parents": [str(one.root.absolute()) for one in parents.datasets],
            "parent_members": [list(header.members) for header in parents.headers],
            "members": list(members),
        },
        items=[item for _, item in planned],
        cuts=cuts_of([one for one, _ in planned], recipe, has_media=not to.is_media_free),
        fingerprint=_fingerprint(parents.digest(told), to, recipe, seed, private)
        | (given.fingerprint() if given else measures),
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        classes=headers[0].classes,
        members=members,
        n_frames=headers[0].n_frames,
        protection=", ".join(sorted({header.protection for header in headers})),
        notice="; ".join([*notices, MEDIA_FREE] if to.is_media_free else notices),
        parents=tuple(told.values()),
        pool=pool,
    )


def _planned(
    parents: Parents, to: Target, recipe: ShardRecipe, seed: int, private: Private
) -> tuple[list[tuple[Chosen, Item]], Pool, dict[str, str]]:
    """What the recipe chooses, in its order and under its new names; and a fingerprint of what it chose by, where that is
    private."""
    pool = parents.pool(recipe.mode)
    measured = source_measures(private, [one.clip.id for one in pool]) if asks_quality(recipe) else {}
    selected = select(pool, recipe, parents.terms, seed, is_free=to.is_media_free, measured=measured)
    chosen = order(selected.chosen, lambda name: private.pseudonym("order", to.name, seed, name))
    planned = []
    for one in chosen:
        terms = parents.terms.get(one.parent)
        hides_labels = to.is_media_free and terms is not None and not terms.passes_labels
        item = renamed(one, to.name, private, drop_groups=recipe.drop_groups, hide_labels=hides_labels)
        planned.append((one, item))
    digest = {MEASURES: measures_digest(measured, private, to.name)} if measured else {}
    return planned, selected.pool(), digest


def _fingerprint(inputs: str, to: Target, recipe: ShardRecipe, seed: int, private: Private) -> dict[str, str]:
    return {
        "format": str(FORMAT_VERSION),
        "stage": "shard",
        "key": private.fingerprint("key", to.name.encode()),  # of each release another, as its names are
        "release": to.name,
        "seed": str(seed),
        "recipe": recipe.fingerprint(),
        "inputs": private.fingerprint("inputs", f"{to.name} {inputs}".encode()),
        **({"date": to.date} if to.date else {}),
        **({"form": "media-free"} if to.is_media_free else {}),
    }


def publish(dataset: Dataset, header: Header, rows: list[Row]) -> None:
    """The tables by split, the card, Croissant, the checksums; then the parts' own tables have done their work and go.

    A manifest keeps the order of the shards, so that reading it in order reads the tars in order.
    """
    written = [row for row in rows if row.status == "written"]
    make_folder(dataset.root / "manifest")
    sums = _sums_of_shards(dataset, header)
    for split in SPLITS:
        of_split = [row for row in written if row.clip.split == split]
        path = dataset.root / "manifest" / f"{split}.parquet"
        write_table(path, of_split, MANIFEST_SCHEMA, in_order=True)
        sums[path.relative_to(dataset.root).as_posix()] = sha256_of_file(path)
    sizes = {name: (dataset.root / name).stat().st_size for name in sums}
    clips = [row.clip for row in written]
    write_atomic(dataset.root / "README.md", card(header, clips).encode())
    write_atomic(dataset.root / "croissant.json", croissant(header, clips, sums, sizes).encode())
    if not header.members:
        make_folder(dataset.root / RECIPES)
        for name, text in recipes_of(header).items():
            write_atomic(dataset.root / RECIPES / name, text.encode())
    write_atomic(dataset.root / CHECKSUMS, checksums_of(dataset.root, header.to_bytes(), sums).encode())
    for path in sorted(dataset.parts.glob("*.parquet")):
        path.unlink()


def _sums_of_shards(dataset: Dataset, header: Header) -> dict[str, str]:
    """The sums of the shards, in the order of their parts, as they were taken when each was written."""
    found = [path for split in SPLITS for path in sorted(dataset.root.glob(f"*/{split}-*")) if path.suffix != ".json"]
    return {
        path.relative_to(dataset.root).as_posix(): str(part.tar_sha256)
        for path, part in zip(found, header.parts, strict=bool(header.members))
        if part.tar_sha256
    }
