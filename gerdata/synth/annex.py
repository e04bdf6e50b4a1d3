"""Folders beside a made dataset that hold what its plans also tell: a folder a sample, and a note of whose they are."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gerdata.errors import UsageError
from gerdata.manifest import Row
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.dataset import Dataset
from gerdata.synth.studio import Plan, plan_from_text

Made = Mapping[str, bytes]  # files of a sample by name


def check_annex(dataset: Dataset, fingerprint: dict[str, str], out: Path, what: str) -> None:
    """`UsageError` where `out` lies in the dataset, whose files are all accounted for, or holds anything but such files of the
    dataset with this fingerprint."""
    if out.resolve().is_relative_to(dataset.root.resolve()):
        raise UsageError(f"{out}: {what} go beside a dataset, not into it; choose another folder")
    note = out / f"{what}.json"
    if not note.is_file():
        if out.is_dir() and any(out.iterdir()):
            raise UsageError(f"{out}: this folder is not empty and has no {note.name}; choose another one")
        return
    try:
        told: dict[str, Any] = json.loads(note.read_bytes())
        earlier = told.get("fingerprint")
    except (ValueError, AttributeError):
        earlier = None
    if earlier != fingerprint:
        raise UsageError(f"{out}: holds those of another dataset, by its {note.name}; choose another folder")


def annex(dataset: Dataset, out: Path, what: str, last: Callable[[Row], str], make: Callable[[Plan, Row], Made]) -> int:
    """`out/ID/` with what `make` gives for each written sample, and `out/WHAT.json`. How many samples there are.

    The file named by `last` is written last, so its presence means that all of a sample is there; what is there stays. Errors
    as `check_annex`.
    """
    header, note = dataset.header(), out / f"{what}.json"
    check_annex(dataset, header.fingerprint, out, what)
    rows = [row for row in dataset.rows() if row.status == "written" and row.clip.plan is not None]
    told = {"protection": header.protection, "notice": header.notice, "fingerprint": header.fingerprint}
    make_folder(out)
    write_atomic(note, (json.dumps({"samples": len(rows), **told}, indent=1) + "\n").encode())
    for row in rows:
        folder, end = out / row.clip.id, last(row)
        if (folder / end).exists():
            continue
        files = make(plan_from_text(row.clip.plan or ""), row)
        make_folder(folder)
        for name in sorted(files, key=lambda name: name == end):
            write_atomic(folder / name, files[name])
    return len(rows)
