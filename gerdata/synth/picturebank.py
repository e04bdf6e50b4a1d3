"""A finished bank of a user's own pictures, open: what is in it, and its sprites when they are asked for.

The folder is not trusted either: rows are checked against a closed form, files are named by number and never by a cell, and
every sprite is compared with its hash before it is decoded under a limit.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gerdata.clip import CLASSES, Frames
from gerdata.errors import DatasetError, RejectedInput, UsageError
from gerdata.media.address import Address, sha256_of
from gerdata.media.limits import MediaLimits
from gerdata.media.stills import still_with_alpha
from gerdata.synth.banktable import read_bank
from gerdata.synth.listing import BACKGROUND, FACE, KINDS, PERSON

FORM = 2
MANIFEST, REJECTS, SOUNDS = "manifest.parquet", "rejects.parquet", "sounds"
MANIFEST_LIMIT_BYTES = 256 << 20
LIMITS = MediaLimits(max_pixels=2_000_000)
OPEN_SPRITES = 2048
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("number", pa.int32()),
        ("label", pa.string()),
        ("valence", pa.float64()),
        ("person", pa.int32()),
        ("cast", pa.int32()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("head_box", pa.list_(pa.float64())),
        ("points", pa.list_(pa.float64())),
        ("cut", pa.string()),
        ("sha256", pa.string()),
        ("source_sha256", pa.string()),
    ]
)
Text = Field(max_length=200)
Digest = Field(pattern="^[0-9a-f]{64}$")


class Entry(BaseModel):
    """A picture of the bank: number `number` of its kind. `person` is a number, too: who it is is not kept. `head_box` is x0 y0
    x1 y1 in pixels of the sprite, None where no head was found; `points` the 68 of the face, x0 y0 x1 y1 ... there, None where
    they were not. `cut` says how it was cut out; of a background, whether heads
    were looked for in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str = Field(pattern=f"^({'|'.join(KINDS)})$")
    number: int = Field(ge=0)
    label: str | None = Field(pattern=f"^({'|'.join(CLASSES)})$")
    valence: float | None = Field(ge=-1, le=1)
    person: int = Field(ge=0)
    cast: int = Field(ge=0, lt=4096)
    source: str = Text
    licence: str = Text
    width_px: int = Field(ge=1, le=4096)
    height_px: int = Field(ge=1, le=4096)
    head_box: tuple[float, float, float, float] | None
    points: tuple[Annotated[float, Field(ge=-8192, le=8192, allow_inf_nan=False)], ...] | None = Field(
        min_length=136, max_length=136
    )
    cut: str = Field(pattern="^(alpha|model|ellipse|checked|unchecked)$")
    sha256: str = Digest
    source_sha256: str = Digest

    @property
    def file(self) -> str:
        """Where it lies below the bank."""
        return f"{self.kind}/{self.number:05d}.{'jpg' if self.kind == BACKGROUND else 'png'}"


@dataclass(frozen=True)
class Photo:
    """A background in a plan: the name of its bank and its number there, and whether heads were looked for and none found."""

    bank: str
    number: int
    is_checked: bool


_ENTRIES = TypeAdapter(tuple[Entry, ...])


@dataclass(frozen=True, eq=False)
class PictureBank:
    """An open bank. `name` is a fingerprint of all that is in it; entries are by kind and number."""

    folder: Path
    name: str
    n_casts: int
    header: dict[str, Any]
    entries: tuple[Entry, ...]

    def of(self, kind: str, cast: int | None = None, label: str | None = None) -> tuple[Entry, ...]:
        """The entries of a kind; of one cast, of one class."""
        return tuple(
            one
            for one in self.entries
            if one.kind == kind and cast in (None, one.cast) and (label is None or one.label == label)
        )

    @property
    def has_people(self) -> bool:
        """Whether there is anybody in it."""
        return any(one.kind != BACKGROUND for one in self.entries)

    @property
    def drawn_from(self) -> str:
        """The kind that collages are made of: faces, or where there are none people."""
        return FACE if any(one.kind == FACE for one in self.entries) else PERSON

    def sprite(self, kind: str, number: int) -> Frames:
        """`uint8 [h, w, 4]`, premultiplied, read-only. `DatasetError` where the file is not the one that was built."""
        return _sprite(self, kind, number)

    def photos(self, cast: int, n_casts: int) -> tuple[Photo, ...]:
        """The backgrounds that are a cast's, of n: those of the heaps h with h mod n = cast, so that none is seen with two."""
        return tuple(
            Photo(self.name, one.number, one.cut == "checked")
            for one in self.of(BACKGROUND)
            if one.cast % n_casts == cast
        )

    def background(self, photo: Photo) -> Frames:
        """`uint8 [h, w, 3]`, read-only. `UsageError` where the photo is of another bank."""
        if photo.bank != self.name:
            raise UsageError("the plan has a background of another bank than the one at hand; give its bank (--bank)")
        number = photo.number
        return _sprite(self, BACKGROUND, number)[..., :3]

    def entry(self, kind: str, number: int) -> Entry:
        """One entry; `DatasetError` for a number that is not there."""
        found = _index(self).get((kind, number))
        if found is None:
            raise DatasetError(f"{self.folder}: has no {kind} {number}; the plan is of another bank")
        return found


def open_pictures(folder: Path) -> PictureBank:
    """Open a finished bank; no sprite is read yet. `DatasetError` where there is none, or it is not one of ours."""
    try:
        header, digest, data = read_bank(folder, "pictures", FORM, MANIFEST, MANIFEST_LIMIT_BYTES)
        entries = _ENTRIES.validate_python(pq.read_table(pa.BufferReader(data), schema=SCHEMA).to_pylist())
        n_casts = int(header["n_casts"])
    except FileNotFoundError:
        raise DatasetError(f"{folder}: no finished bank is here; make one with 'gerdata bank build'") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException, RecursionError) as error:
        told = "a row is out of form" if isinstance(error, ValidationError) else str(error).splitlines()[0][:120]
        raise DatasetError(f"{folder}: expected a bank made by 'gerdata bank build' ({told})") from None
    return PictureBank(folder, digest[:32], n_casts, header, entries)


@lru_cache(maxsize=4)
def _index(bank: PictureBank) -> dict[tuple[str, int], Entry]:
    return {(one.kind, one.number): one for one in bank.entries}


@lru_cache(maxsize=OPEN_SPRITES)
def _sprite(bank: PictureBank, kind: str, number: int) -> Frames:
    entry = bank.entry(kind, number)
    address = Address.of(bank.folder.resolve() / entry.file)
    try:
        if sha256_of(address) != entry.sha256:
            raise DatasetError(f"{bank.folder / entry.file}: is not the file that was built; build the bank again")
        rgba = still_with_alpha(address, LIMITS)
    except RejectedInput as error:
        raise DatasetError(
            f"{bank.folder / entry.file}: cannot be read ({error.reason}); build the bank again"
        ) from None
    if rgba.shape[:2] != (entry.height_px, entry.width_px):
        raise DatasetError(f"{bank.folder / entry.file}: expected {entry.width_px}x{entry.height_px} pixels")
    out = premultiplied(rgba)
    out.setflags(write=False)
    return out


def premultiplied(rgba: Frames) -> npt.NDArray[np.uint8]:
    """Straight alpha to premultiplied, `uint8 [h, w, 4]`."""
    wide = rgba.astype(np.uint16)
    return np.dstack([((wide[..., :3] * wide[..., 3:] + 127) // 255).astype(np.uint8), rgba[..., 3]])
