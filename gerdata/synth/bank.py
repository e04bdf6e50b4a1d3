"""A bank of avatars: sprites rendered once into a folder, one file a person, and read when they are asked for.

A stance is drawn whole with a resting face; an expression is a patch over the face alone. So no pixel outside the patch
knows what somebody feels, and the file is a tenth of what whole sprites would be. Person files depend on the plan and the
person's number alone, whoever made them; `bank.json` is written last, with their hashes: its presence means complete.
"""

import hashlib
import io
import json
import multiprocessing
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.errors import DatasetError, FingerprintError
from gerdata.store.cache import cache_folder
from gerdata.store.commit import make_folder, remove_litter, write_atomic
from gerdata.synth import sprite as drawing
from gerdata.synth.figure import Figure, build_figure, express, stand
from gerdata.synth.light import Light
from gerdata.synth.mesh import load_mesh
from gerdata.synth.mip import mirrored, shrunk
from gerdata.synth.repertoire import (
    BankPlan,
    Shot,
    expression_of,
    nearest_shot,
    shots_of,
    stance_of,
    stances_of,
    traits_of,
)
from gerdata.synth.sprite import Sprite
from gerdata.synth.traits import Traits

FORMAT = 1
HEADER = "bank.json"
OPEN_PEOPLE = 48  # files that are held unpacked, 5 MB each
OPEN_SPRITES = 1024
MAX_PERSON_BYTES = 64 << 20
Arrays = dict[str, npt.NDArray[Any]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Bank:
    """An open bank. `people[i]` are the traits of avatar i."""

    folder: Path
    plan: BankPlan
    people: tuple[Traits, ...]
    digests: tuple[str, ...]

    @property
    def casts(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the people of each cast: the partition that no split may cut through."""
        return self.plan.casts()

    def light(self, person: int) -> Light:
        """The light an avatar was drawn under: that of its cast."""
        return self.plan.light(self.plan.cast_of(person))

    def shots(self) -> tuple[Shot, ...]:
        """All shots that every avatar has."""
        return shots_of(self.plan)

    def amounts(self, person: int, shot: Shot) -> dict[int, float]:
        """Action units and amounts (0 to 1.3) that a shot shows."""
        return expression_of(self.plan, person, shot.posture, shot.feeling).at(shot.intensity)

    def sprite(self, person: int, shot: Shot, mip: int = 0, mirror: bool = False) -> Sprite:
        """One sprite, `2 ** (-mip / 2)` times its drawn size. A shot that is not in the bank stands for the nearest one.

        `mirror` flips it and swaps left and right of its points; its light comes from the other side then, so mirror all of a
        scene or none. Arrays are read-only and shared. `UsageError` for an unknown word, `DatasetError` for a file that
        is not what the header says.
        """
        if not 0 <= person < len(self.people) or not 0 <= mip <= 8:
            raise ValueError(f"expected person 0 to {len(self.people) - 1} and mip 0 to 8, came {person} and {mip}")
        return _sprite(self, person, nearest_shot(self.plan, shot), mip, mirror)

    def sprite_at(self, person: int, shot: Shot, px_per_dm: float, mirror: bool = False) -> Sprite:
        """The smallest mip that is not smaller than wanted, so that what is left is to shrink by less than 1.42."""
        drawn = drawing.PX_PER_DM[shot.view]
        mip = int(np.clip(np.floor(2 * np.log2(drawn / px_per_dm) + 1e-6), 0, 8))
        return self.sprite(person, shot, mip, mirror)


def folder_of(plan: BankPlan) -> Path:
    """Where a bank lies unless told otherwise: in the cache, under its fingerprint."""
    return cache_folder("banks") / plan.fingerprint()[:16]


def build_bank(plan: BankPlan, folder: Path | None = None, workers: int = 1, progress: Progress | None = None) -> Bank:
    """Draw what is missing of a bank and open it. The same bytes for any number of workers; a killed build is gone on with.

    `progress(done, n)` is called with numbers of people. `MissingError` without the mesh, `FingerprintError` where the folder
    holds the bank of another plan.
    """
    folder = folder or folder_of(plan)
    load_mesh()
    make_folder(folder)
    remove_litter(folder)
    _claim(folder, plan)
    missing = [person for person in range(plan.n_people) if not _file(folder, person).is_file()]
    done = plan.n_people - len(missing)
    for _ in _drawn(plan, folder, missing, workers):
        done += 1
        if progress is not None:
            progress(done, plan.n_people)
    digests = [hashlib.sha256(_file(folder, person).read_bytes()).hexdigest() for person in range(plan.n_people)]
    header = {"format": FORMAT, "fingerprint": plan.fingerprint(), "plan": plan.to_json(), "sha256": digests}
    write_atomic(folder / HEADER, (json.dumps(header, indent=1) + "\n").encode("ascii"))
    return open_bank(folder)


def open_bank(folder: Path) -> Bank:
    """Open a finished bank; no sprite is read yet. `DatasetError` where there is none, or one of another version."""
    try:
        header = json.loads((folder / HEADER).read_bytes())
        plan = BankPlan.from_json(header["plan"])
        digests, fingerprint = tuple(map(str, header["sha256"])), header["fingerprint"]
    except FileNotFoundError:
        raise DatasetError(f"{folder}: no finished bank of avatars is here; build it first") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{folder / HEADER}: expected the header of a bank of avatars ({error})") from None
    if fingerprint != plan.fingerprint() or len(digests) != plan.n_people:
        raise DatasetError(f"{folder}: this bank was made by another version or mesh; build it anew in another folder")
    return Bank(folder, plan, tuple(traits_of(plan, person) for person in range(plan.n_people)), digests)


def _claim(folder: Path, plan: BankPlan) -> None:
    """Write down whose folder this is before anything else is, or refuse it."""
    claim = folder / "plan.json"
    told = (json.dumps({"fingerprint": plan.fingerprint(), "plan": plan.to_json()}) + "\n").encode("ascii")
    if claim.is_file() and claim.read_bytes() != told:
        raise FingerprintError(f"{folder}: holds the avatars of another plan; choose another folder or remove this one")
    if not claim.is_file():
        write_atomic(claim, told)


def _drawn(plan: BankPlan, folder: Path, missing: list[int], workers: int) -> Iterator[int]:
    if workers <= 1 or len(missing) <= 1:
        for person in missing:
            yield draw_person(plan, folder, person)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=context) as pool:
        for future in as_completed([pool.submit(draw_person, plan, folder, person) for person in missing]):
            yield future.result()


def draw_person(plan: BankPlan, folder: Path, person: int) -> int:
    """Draw all shots of one avatar and commit its file; its number."""
    cv2.setNumThreads(1)
    write_atomic(_file(folder, person), _packed(_person(plan, person)))
    return person


def _person(plan: BankPlan, person: int) -> Arrays:
    """Arrays of one avatar: pixels one after another, and per shot its size, its window, its points and boxes."""
    figure = build_figure(load_mesh(), traits_of(plan, person))
    light = plan.light(plan.cast_of(person))
    pixels: list[npt.NDArray[np.uint8]] = []
    windows, truths = [], []
    by_stance: dict[tuple[str, str, float], list[Shot]] = {}
    for shot in shots_of(plan):
        by_stance.setdefault((shot.view, shot.posture, shot.yaw), []).append(shot)
    for key in stances_of(plan):
        for rgba, window, made in _stance(plan, person, figure, by_stance[key], light):
            pixels.append(rgba.reshape(-1))
            windows.append(window)
            truths.append(
                np.concatenate([made.face.ravel(), made.body.ravel(), made.face_box, made.head_box, made.anchor])
            )
    return {
        "pixels": np.concatenate(pixels),
        "windows": np.array(windows, np.int32),
        "truths": np.stack(truths).astype(np.float32),
    }


def _stance(
    plan: BankPlan, person: int, figure: Figure, shots: list[Shot], light: Light
) -> Iterator[tuple[npt.NDArray[np.uint8], drawing.Box, Sprite]]:
    """The resting sprite of a stance, then a patch for each of its expressions, over one window."""
    first = shots[0]
    rest = stand(figure, stance_of(plan, person, first.posture, first.yaw))
    canvas = drawing.canvas_of(rest, first.view)
    whole: drawing.Box = (0, 0, canvas.width, canvas.height)
    rgba, picture = drawing.paint(rest, canvas, whole, light)
    base = drawing.describe(rest, canvas, rgba, picture, whole)
    yield rgba, whole, base
    for shot in shots[1:]:
        amounts = expression_of(plan, person, shot.posture, shot.feeling).at(shot.intensity)
        posed = express(rest, amounts)
        window = drawing.joined(drawing.window_of(rest, canvas), drawing.window_of(posed, canvas))
        patch, seen = drawing.paint(posed, canvas, window, light)
        yield patch, window, drawing.describe(posed, canvas, patch, drawing.pasted(picture, seen, window), whole)


@lru_cache(maxsize=OPEN_SPRITES)
def _sprite(bank: Bank, person: int, shot: Shot, mip: int, mirror: bool) -> Sprite:
    if mirror:
        return mirrored(_sprite(bank, person, shot, mip, False))
    if mip:
        return shrunk(_sprite(bank, person, shot, 0, False), 2 ** (-mip / 2))
    arrays, index = _read(bank, person), shots_of(bank.plan)
    number = index.index(shot)
    base = index.index(Shot(shot.view, shot.posture, shot.yaw, "neutral", 0.0))
    rgba = _pixels(arrays, base).copy()
    if number != base:
        x0, y0, x1, y1 = arrays["windows"][number]
        rgba[y0:y1, x0:x1] = _pixels(arrays, number)
    rgba.setflags(write=False)
    face, body, face_box, head_box, anchor = np.split(arrays["truths"][number], np.cumsum((68 * 3, 17 * 3, 4, 4)))
    scale = drawing.PX_PER_DM[shot.view]
    return Sprite(rgba, face.reshape(68, 3), body.reshape(17, 3), face_box, head_box, anchor, scale)


def _pixels(arrays: Arrays, number: int) -> npt.NDArray[np.uint8]:
    x0, y0, x1, y1 = arrays["windows"][number]
    start, end = arrays["ends"][number], arrays["ends"][number + 1]
    return np.asarray(arrays["pixels"][start:end].reshape(y1 - y0, x1 - x0, 4), np.uint8)


@lru_cache(maxsize=OPEN_PEOPLE)
def _read(bank: Bank, person: int) -> Arrays:
    path = _file(bank.folder, person)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); build the bank again") from None
    if hashlib.sha256(data).hexdigest() != bank.digests[person]:
        raise DatasetError(f"{path}: is not the file that was built; remove it and build the bank again")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(info.file_size for info in archive.infolist()) > MAX_PERSON_BYTES:
            raise DatasetError(f"{path}: unpacks to over {MAX_PERSON_BYTES} bytes")
    with np.load(io.BytesIO(data), allow_pickle=False) as members:
        arrays = {name: members[name] for name in ("pixels", "windows", "truths")}
    x0, y0, x1, y1 = arrays["windows"].T.astype(np.int64)
    arrays["ends"] = np.concatenate([[0], np.cumsum((x1 - x0) * (y1 - y0) * 4)])
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _packed(arrays: Arrays) -> bytes:
    """A deflated npz with fixed times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


def _file(folder: Path, person: int) -> Path:
    return folder / f"person-{person:04d}.npz"
