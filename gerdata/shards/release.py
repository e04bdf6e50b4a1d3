"""`shard`: from finished datasets to a release, and what is written around its shards."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gerdata.clip import SPLITS
from gerdata.engine.run import Cut, Job, write_table
from gerdata.engine.work import Item
from gerdata.errors import UsageError
from gerdata.manifest import FORMAT_VERSION, MANIFEST_SCHEMA, Header, Row, clip_to_json
from gerdata.recipe import ShardRecipe
from gerdata.shards.card import card
from gerdata.shards.choose import Chosen, mix, order, split_synthetic
from gerdata.store.audits import audit_of
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.coverage import coverage_of
from gerdata.store.dataset import HEADER, Dataset, sha256_of_file
from gerdata.store.members import LIMBS, STRUCTURE
from gerdata.store.private import Private

CHECKSUMS = "checksums.sha256"


@dataclass(frozen=True)
class Target:
    """A release by name, where it goes, and where audits of its parents are looked for."""

    name: str
    root: Path
    audits: Path


def parents_of(named: Sequence[Path], workspace: Path) -> list[Dataset]:
    """The datasets to release: those named, else what the workspace holds complete of protected and synthetic ones."""
    if named:
        return [Dataset(path) for path in named]
    found = [Dataset(workspace / name) for name in ("protected", "synth") if (workspace / name).is_dir()]
    if not found:
        raise UsageError(f"{workspace}: holds neither protected nor synth; run gerdata protect or gerdata synth first")
    return found


def job_of(parents: Sequence[Dataset], to: Target, recipe: ShardRecipe, seed: int, private: Private) -> Job:
    """Choose, mix, order, and re-name under a release's name. `UsageError` where datasets do not fit together."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", to.name):
        raise UsageError(f"--release {to.name}: expected up to 64 letters, digits, dots, dashes and underscores")
    headers = [parent.header() for parent in parents]
    _check_alike(parents, headers)
    pool = [
        Chosen(row.clip, number, str(row.shard), row.member_offset, row.member_length)
        for number, parent in enumerate(parents)
        for row in parent.rows()
    ]
    real = [one for one in pool if not one.clip.is_synthetic]
    synthetic = [one for one in pool if one.clip.is_synthetic]
    chosen = mix(real, synthetic, recipe.synthetic_rate, seed) if real else split_synthetic(synthetic, recipe, seed)
    if not chosen:
        raise UsageError(f"{', '.join(str(parent.root) for parent in parents)}: no samples to make a release of")
    chosen = order(chosen, lambda one: private.pseudonym("order", to.name, seed, one))
    used = sorted({one.parent for one in chosen})
    told = {n: _told_of(parents[n], to.audits) for n in used}
    members = members_of([headers[n] for n in used])
    return Job(
        dataset=Dataset(to.root),
        stage="shard",
        worker="gerdata.shards.work:ShardWorker",
        settings={
            "parents": [str(parent.root.absolute()) for parent in parents],
            "parent_members": [list(header.members) for header in headers],
            "members": list(members),
        },
        items=[_item(one, to.name, private) for one in chosen],
        cuts=_cuts(chosen, recipe.samples_per_shard),
        fingerprint={
            "format": str(FORMAT_VERSION),
            "stage": "shard",
            "key": private.fingerprint("key", to.name.encode()),  # of each release another, as its names are
            "release": to.name,
            "seed": str(seed),
            "recipe": recipe.fingerprint(),
            "inputs": private.fingerprint("inputs", f"{to.name} {_inputs(parents, told)}".encode()),
        },
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        classes=headers[0].classes,
        members=members,
        n_frames=headers[0].n_frames,
        protection=", ".join(sorted({headers[n].protection for n in used})),
        notice="; ".join(dict.fromkeys(headers[n].notice for n in used)),
        parents=tuple({"stage": headers[n].stage, "protection": headers[n].protection, **told[n]} for n in used),
    )


def members_of(headers: Sequence[Header]) -> tuple[str, ...]:
    """The members that every sample of a release can have. Limb maps are drawn for synthetic parents, which hold all of the
    structure; structure itself leaves only where all parents are synthetic."""

    def can(header: Header, member: str) -> bool:
        return member in header.members or (member == LIMBS and STRUCTURE in header.members)

    named = dict.fromkeys(member for header in headers for member in header.members)
    return tuple(member for member in named if all(can(header, member) for header in headers))


def _inputs(parents: Sequence[Dataset], told: dict[int, dict[str, str]]) -> str:
    return "".join(sha256_of_file(p.root / HEADER) + "".join(told.get(n, {}).values()) for n, p in enumerate(parents))


def _told_of(parent: Dataset, audits: Path) -> dict[str, str]:
    """What a release passes on of a parent: lines of its audit, "" where there is none, and of what it covers."""
    audit, coverage = audit_of(parent, audits), coverage_of(parent)
    told = {"audit": "\n".join(audit.lines()) if audit else ""}
    return {**told, "coverage": "\n".join(coverage.lines())} if coverage else told


def _check_alike(parents: Sequence[Dataset], headers: Sequence[Header]) -> None:
    first = headers[0]
    for parent, header in zip(parents, headers, strict=True):
        if header.stage not in ("protect", "synth"):
            raise UsageError(
                f"{parent.root}: a release is made of protected or synthetic samples, this is '{header.stage}'"
            )
        for field in ("classes", "n_frames"):
            ours, theirs = getattr(first, field), getattr(header, field)
            if ours != theirs:
                raise UsageError(
                    f"{parent.root}: {field} {theirs} do not fit {field} {ours} of {parents[0].root}; one release has one "
                    "form, make both with the same"
                )
    sizes = {(row.clip.height_px, row.clip.width_px) for parent in parents for row in parent.rows()}
    if len(sizes) > 1:
        raise UsageError(
            f"frames of sizes {sorted(sizes)} do not fit into one release; make all with the same frame_px"
        )


def _item(one: Chosen, release: str, private: Private) -> Item:
    """The sample under its new name; with the key it can be followed back, without it it cannot."""
    new = clip_to_json(one.clip)
    new["id"] = private.pseudonym("clip", release, one.clip.id)
    new["group"] = private.pseudonym("group", release, one.clip.group)
    return Item(
        new["id"],
        {
            "clip": new,
            "parent": one.parent,
            "shard": one.shard,
            "member_offset": list(one.member_offset),
            "member_length": list(one.member_length),
        },
    )


def _cuts(chosen: Sequence[Chosen], samples_per_shard: int) -> tuple[Cut, ...]:
    """Shards of one split each, numbered from 0 in each."""
    counts = Counter(str(one.clip.split) for one in chosen)
    cuts = []
    for split in SPLITS:
        for number, start in enumerate(range(0, counts[split], samples_per_shard)):
            size = min(samples_per_shard, counts[split] - start)
            cuts.append(Cut(f"{split}/{split}-{number:06d}.tar", size))
    return tuple(cuts)


def publish(dataset: Dataset, header: Header, rows: list[Row]) -> None:
    """The tables by split, the card, the checksums; then the parts' own tables have done their work and go.

    A manifest keeps the order of the shards, so that reading it in order reads the tars in order.
    """
    make_folder(dataset.root / "manifest")
    for split in SPLITS:
        of_split = [row for row in rows if row.clip.split == split]
        write_table(dataset.root / "manifest" / f"{split}.parquet", of_split, MANIFEST_SCHEMA, in_order=True)
    write_atomic(dataset.root / "README.md", card(header, [row.clip for row in rows]).encode())
    files = [path for path in sorted(dataset.root.rglob("*")) if path.is_file() and _is_published(path, dataset)]
    lines = [f"{sha256_of_file(path)}  {path.relative_to(dataset.root).as_posix()}\n" for path in files]
    write_atomic(dataset.root / CHECKSUMS, "".join(lines).encode())
    for path in sorted(dataset.parts.glob("*.parquet")):
        path.unlink()


def _is_published(path: Path, dataset: Dataset) -> bool:
    return dataset.parts not in path.parents and path.name not in (CHECKSUMS, HEADER) and not path.name.startswith(".")
