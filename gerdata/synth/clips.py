"""Scenes as video files with sound, for looking at and for pipelines that need files, and a table of what is in them."""

import csv
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gerdata.errors import FingerprintError, UsageError
from gerdata.media.encode import write_clip
from gerdata.media.mark import mark_of
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.store.commit import make_folder, write_atomic
from gerdata.synth.bank import folder_of
from gerdata.synth.picturebank import PictureBank
from gerdata.synth.recordingbank import RecordingBank
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.stage import needs_avatars, said_of
from gerdata.synth.studio import bank_plan_of, open_studio
from gerdata.synth.work import group_of

FPS = 25
LABELS = "labels.csv"
SCENE = re.compile(r"scene-[0-9]{5,}\.mp4")
COLUMNS = ("file", "label", "group", "protection", "mark", "plan")


class Given(NamedTuple):
    """A user's own pictures and sounds, if any."""

    pictures: PictureBank | None = None
    recordings: RecordingBank | None = None


NOTHING = Given()


def write_clips(
    folder: Path, n: int, recipe: SynthRecipe, seed: int, given: Given = NOTHING, overwrite: bool = False
) -> Path:
    """Scenes 0 to n - 1 of a resolved recipe as MP4 of 25 frames a second, each with its mark as the file's comment. The path
    of `labels.csv`: file, label, group (what is of one cast), what it is said to be, mark and plan.

    A file that is there already stays, and a larger n adds scenes. The bank of avatars that the recipe asks for must have been
    built. `FingerprintError` where other clips are there, or more; `overwrite` removes them. `UsageError` for frames of odd
    size, which MP4 cannot hold, or a folder that holds anything else.
    """
    check_clips(folder, recipe)
    avatars = folder_of(bank_plan_of(recipe)) if needs_avatars(recipe, given.pictures) else None
    pictures = given.pictures.folder if given.pictures else None
    studio = open_studio(SoundBank(Cache(), given.recordings), avatars, pictures)
    plans = {f"scene-{index:05d}.mp4": studio.plan(recipe, seed, index) for index in range(n)}
    texts = {name: json.dumps(plan.to_json(), separators=(",", ":")) for name, plan in plans.items()}
    marks = {name: mark_of(text) for name, text in texts.items()}
    _begin(folder, marks, overwrite)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    protection, _ = said_of(recipe, *given)
    for name, plan in plans.items():
        rows.writerow([name, plan.label, group_of(plan, seed), protection, marks[name], texts[name]])
    write_atomic(folder / LABELS, table.getvalue().encode())
    times_s = film_times_s(recipe.duration_s)
    for name, plan in plans.items():
        if not (folder / name).exists():
            temporary = (folder / name).with_suffix(".part")
            shown, sound = studio.clip(plan, times_s)
            write_clip(temporary, shown.frames, FPS, sound, marks[name])
            temporary.replace(folder / name)
    return folder / LABELS


def film_times_s(duration_s: float) -> npt.NDArray[np.float64]:
    """When the frames of a film are taken, seconds from the start."""
    return (np.arange(round(duration_s * FPS)) + 0.5) / FPS


def check_clips(folder: Path, recipe: SynthRecipe) -> None:
    """What can be refused before anything is planned. `UsageError` as `write_clips`."""
    if recipe.frame_px % 2:
        raise UsageError(f"frame_px = {recipe.frame_px}: videos need an even number of pixels")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LABELS).is_file():
        raise UsageError(f"{folder}: this folder is not empty and holds no clips of gerdata; choose another --out")
    if (folder / LABELS).is_file():
        _marks(folder / LABELS)  # nobody else's table is overwritten either


def _begin(folder: Path, marks: dict[str, str], overwrite: bool) -> None:
    """The folder is new, or holds these scenes or some of them: a scene's mark names its plan."""
    labels = folder / LABELS
    if overwrite:
        for path in (*folder.glob("scene-?????.mp4"), labels):  # the table last: without it the folder is nobody's
            path.unlink(missing_ok=True)
    elif labels.is_file():
        before = _marks(labels)
        if not before.items() <= marks.items():
            raise FingerprintError(
                f"{folder}: holds {len(before)} clips, not all of them among the {len(marks)} asked for; choose another "
                "--out, or --overwrite to start anew"
            )
    make_folder(folder)


def _marks(labels: Path) -> dict[str, str]:
    """The mark of each clip that a table names. `UsageError` where it names others than scenes."""
    try:
        with labels.open(newline="", encoding="utf-8") as file:
            marks = {row["file"]: row.get("mark") or "" for row in csv.DictReader(file)}
    except (csv.Error, KeyError, ValueError):
        marks = {"": ""}
    if not all(SCENE.fullmatch(name or "") for name in marks):
        raise UsageError(f"{labels}: not a table of gerdata's clips; choose another --out")
    return marks
