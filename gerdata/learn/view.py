"""A release seen in part: fewer frames, fewer real clips, more, fewer or mislabelled synthetic ones.

A view is a release of its own, with the same tars (linked, not copied) and other manifests, so whatever trains on a release
trains on a view and its fingerprint says that it is another one. Only the training split is changed; frames are taken away from
all splits. It is for training on this machine, not for others.
"""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import SPLITS
from gerdata.errors import DatasetError
from gerdata.learn.corrupt import spread_evenly
from gerdata.learn.data import read_header
from gerdata.manifest import MANIFEST_SCHEMA, Header, Row, read_rows, write_rows
from gerdata.recipe import ViewRecipe
from gerdata.store.commit import commit, make_folder, temporary_for, write_atomic
from gerdata.store.dataset import HEADER
from gerdata.store.members import LIMBS, STRUCTURE


def make_view(release: Path, how: ViewRecipe, out: Path, seed: int) -> Path:
    """The view at `out`, made where it is not there yet; the release itself where nothing is changed.

    `DatasetError` where the release has not what is asked for, or a class is left without clips.
    """
    if how == ViewRecipe():
        return release
    header = read_header(release)
    members, kept = kept_members(header, how.frames)
    frames = how.frames or header.n_frames
    folder = release / "manifest"
    rows = {
        split: read_rows(folder / f"{split}.parquet") for split in SPLITS if (folder / f"{split}.parquet").is_file()
    }
    rows["train"] = chosen(rows.get("train", []), how, seed, release)
    missing = set(header.classes) - {row.clip.label for row in rows["train"]}
    if missing:
        raise DatasetError(f"{release}: a view of it ({how}) has no training clips of {', '.join(sorted(missing))}")
    make_folder(out / "manifest")
    for split, own in rows.items():
        for shard in sorted({row.shard for row in own if row.shard}):
            _link(release / shard, out / shard)
        temporary = temporary_for(out / "manifest" / f"{split}.parquet")
        write_rows(temporary, [_cut(row, kept, frames) for row in own], MANIFEST_SCHEMA)
        commit(temporary, out / "manifest" / f"{split}.parquet")
    fingerprint = {**header.fingerprint, "view": how.fingerprint(), "view_seed": str(seed)}
    told = header.model_copy(update={"members": members, "n_frames": frames, "fingerprint": fingerprint})
    write_atomic(out / HEADER, told.to_bytes())
    return out


def chosen(rows: Sequence[Row], how: ViewRecipe, seed: int, release: Path) -> list[Row]:
    """The training rows of a view, in their order."""
    real = [row for row in rows if not row.clip.is_synthetic]
    made = [row for row in rows if row.clip.is_synthetic]
    real = [] if how.synthetic == "only" else share_of_groups(real, how.real_share, seed)
    made = [] if how.synthetic == "none" else made
    if how.synthetic_rate is not None:
        wanted = round(len(real) * how.synthetic_rate / (1 - how.synthetic_rate))
        if wanted > len(made):
            raise DatasetError(
                f"{release}: synthetic_rate {how.synthetic_rate} beside {len(real)} real clips needs {wanted} synthetic ones, "
                f"it holds {len(made)}; shard with a larger --synthetic-rate"
            )
        order = rng_for(seed, "view", "synthetic").permutation(len(made))
        made = [made[i] for i in sorted(order[:wanted].tolist())]
    if how.synthetic == "shuffled":
        made = dealt_anew(made, seed)
    keep = {row.clip.id: row for row in (*real, *made)}
    return [keep[row.clip.id] for row in rows if row.clip.id in keep]


def share_of_groups(rows: Sequence[Row], share: float, seed: int) -> list[Row]:
    """The rows of as many whole groups, by lot, as make `share` of the clips; a smaller share is part of a larger one."""
    if share >= 1:
        return list(rows)
    if share <= 0:
        return []
    groups = sorted({row.clip.group for row in rows})
    order = [groups[i] for i in rng_for(seed, "view", "real").permutation(len(groups))]
    size = {group: sum(row.clip.group == group for row in rows) for group in groups}
    upto = np.cumsum([size[group] for group in order])
    taken = set(order[: int(np.searchsorted(upto, share * len(rows) - 1e-9)) + 1])
    return [row for row in rows if row.clip.group in taken]


def dealt_anew(rows: Sequence[Row], seed: int) -> list[Row]:
    """The same clips with their labels dealt out by lot."""
    order = rng_for(seed, "view", "labels").permutation(len(rows))
    clips = [row.clip for row in rows]
    return [
        dataclasses.replace(
            row, clip=dataclasses.replace(row.clip, label=clips[i].label, label_soft=clips[i].label_soft)
        )
        for row, i in zip(rows, order, strict=True)
    ]


def kept_members(header: Header, frames: int | None) -> tuple[tuple[str, ...], list[int]]:
    """The members of a view's samples, and their places among those of the release. With fewer frames structure is left out,
    since it is of all of them. `DatasetError` where there are fewer frames than asked for."""
    if frames is None or frames == header.n_frames:
        return header.members, list(range(len(header.members)))
    if frames > header.n_frames:
        raise DatasetError(
            f"view.frames = {frames}: the release keeps {header.n_frames}; protect and shard with more n_frames"
        )
    pictures = [i for i, name in enumerate(header.members) if name.endswith(".jpg")]
    if not pictures:
        raise DatasetError(
            f"view.frames = {frames}: samples hold {', '.join(header.members)}; shard it again as frames"
        )
    wanted = {pictures[i] for i in spread_evenly(frames, len(pictures))}
    kept = [
        i
        for i, name in enumerate(header.members)
        if (i in wanted or i not in pictures) and name not in (STRUCTURE, LIMBS)
    ]
    return tuple(header.members[i] for i in kept), kept


def _cut(row: Row, kept: list[int], frames: int) -> Row:
    clip = dataclasses.replace(row.clip, n_frames=frames)
    return dataclasses.replace(
        row,
        clip=clip,
        member_offset=tuple(row.member_offset[i] for i in kept),
        member_length=tuple(row.member_length[i] for i in kept),
    )


def _link(source: Path, target: Path) -> None:
    """A second name for a tar; a copy where the disk has no second names."""
    make_folder(target.parent)
    if target.is_file():
        return
    try:
        os.link(source, target)
    except OSError:
        temporary = temporary_for(target)
        shutil.copyfile(source, temporary)
        commit(temporary, target)
