"""A user's own pictures as a bank: faces, people and backgrounds, opened under limits, cut out, evened out, dealt to casts.

A person is in one cast and a cast never crosses a split; what looks the same is in the bank once. Every file is accounted
for: it is in the bank, or rejected with a reason and a number.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gerdata.chance import digest_of
from gerdata.clip import Frames
from gerdata.errors import AccountError, MissingError, RejectedInput, UsageError
from gerdata.media.address import Address, sha256_of
from gerdata.media.images import encode_jpeg, encode_png
from gerdata.media.limits import MediaLimits
from gerdata.media.stills import still_with_alpha
from gerdata.splits import Group, deal
from gerdata.store.commit import make_folder, write_atomic
from gerdata.synth.banktable import HEADER
from gerdata.synth.cutting import Cut, Piece, Tools, background_of, cut_out, tools
from gerdata.synth.listing import BACKGROUND, KINDS, Picture, listed
from gerdata.synth.picturebank import FORM, MANIFEST, REJECTS, SCHEMA, Entry

# Why a picture is not in a bank. Closed: adding one is a change of form.
REASONS = {
    "unknown-class": "the folder, the word or the valence names none of the three classes",
    "unsafe-text": "a cell is over 200 characters, holds control or direction marks, or begins like a formula",
    "unsafe-path": "a link, a device, or a name that is not of a file below the table's folder",
    "source-missing": "the table names a file that is not there",
    "unreadable": "the file cannot be opened for reading",
    "empty": "the file has no bytes",
    "format-not-allowed": "not a still picture, or a format that is not opened",
    "too-large": "more pixels than allowed",
    "truncated": "the file ends before the picture does",
    "undecodable": "the decoder failed or reported damage",
    "no-alpha": "cutting by a given alpha was asked for, and there is none",
    "alpha-empty": "hardly a pixel is left of it when cut out",
    "odd-shape": "far too long or too wide for what it should be",
    "too-small": "smaller than all sprites are: it would have to be enlarged",
    "too-flat": "luma hardly differs within it: there is nothing to see",
    "has-people": "somebody's head was found in a background",
    "no-colour": "a grey picture, and colour is kept",
    "duplicate": "the same bytes as another file",
    "near-duplicate": "looks like one that is in the bank, mirrored or not",
    "over-cap": "more pictures of this person than asked for",
}
REJECTS_SCHEMA = pa.schema([(name, pa.string()) for name in ("kind", "file", "reason", "detail")])
LIMITS = MediaLimits()
LOOKED_AT_PX = 1024  # long side to which a larger picture is reduced before it is cut out
PRINT_PX = 16
# Cosine of two prints from which two pictures are one. Measured on 416 faces: any two 0.931 at most; the same at JPEG quality
# 40 0.998 at least, cropped by 2 % a side 0.960 at least. A crop by 5 % goes unseen.
ALIKE = 0.95
BACKGROUND_QUALITY = 92
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Making:
    """How a bank is made. `casts` are the heaps that people are dealt to."""

    seed: int = 0
    casts: int = 8
    max_per_person: int = 10
    cut: Cut = "auto"
    colour: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.casts <= 4096 or self.max_per_person < 1:
            raise UsageError(
                f"expected 1 to 4096 casts and 1 or more a person, came {self.casts}, {self.max_per_person}"
            )


@dataclass(frozen=True)
class Reject:
    """A file that is not in the bank, and why."""

    kind: str
    file: str
    reason: str
    detail: str


@dataclass(frozen=True)
class PicturesBuilt:
    """What became of the pictures. `listed` counts files by kind."""

    folder: Path
    entries: tuple[Entry, ...]
    rejects: tuple[Reject, ...]
    listed: dict[str, int]
    measures: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class _Taken:
    picture: Picture
    piece: Piece
    source_sha256: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def build_pictures(
    given: Mapping[str, Path],
    out: Path,
    how: Making,
    with_: Tools | None = None,
    progress: Progress | None = None,
) -> PicturesBuilt:
    """A bank in `out` of folders or tables by kind (`face`, `person`, `background`).

    Writes `KIND/NUMBER.png` (backgrounds .jpg), `manifest.parquet`, `rejects.parquet` and, last, `bank.json`. The same files
    and making give the same bytes, in whatever order the disk lists them. `with_` are the models to cut by; those that are
    installed unless told otherwise. `LabelError` for a table that cannot be read, `UsageError` where a folder is empty or
    `out` already holds a bank.
    """
    if (out / HEADER).exists():
        raise UsageError(f"{out}: already holds a bank; choose another folder")
    if set(given) - set(KINDS):
        raise UsageError(f"expected pictures of {', '.join(KINDS)}, came {', '.join(given)}")
    with_ = with_ or tools_for(how)
    taken: list[_Taken] = []
    rejects: list[Reject] = []
    counts: dict[str, int] = {}
    for kind in (one for one in KINDS if one in given):
        pictures = listed(given[kind], kind)
        counts[kind] = len(pictures)
        kept, refused = _of_kind(pictures, how, with_, progress)
        if len(kept) + len(refused) != len(pictures):
            raise AccountError(f"{len(pictures)} {kind} files gave {len(kept)} sprites and {len(refused)} rejects")
        taken += kept
        rejects += refused
    entries = _entries(taken, how)
    make_folder(out)
    for one, entry in zip(sorted(taken, key=_order), entries, strict=True):
        make_folder(out / entry.kind)
        write_atomic(out / entry.file, one.data)
    built = PicturesBuilt(out, entries, tuple(rejects), counts, measures_of(taken))
    _write(built, how)
    return built


def tools_for(how: Making) -> Tools:
    """The models that are installed. `MissingError` where the one to cut by is not."""
    with_ = tools()
    if how.cut == "model" and with_.mask is None:
        raise MissingError("cutting by the model needs it; run: gerdata models pull selfie")
    return with_


def _of_kind(
    pictures: Sequence[Picture], how: Making, with_: Tools, progress: Progress | None
) -> tuple[list[_Taken], list[Reject]]:
    """Sprites and rejects of one kind, which together are all pictures."""
    kept: list[_Taken] = []
    rejects: list[Reject] = []
    seen: set[str] = set()
    prints = np.zeros((len(pictures), PRINT_PX * PRINT_PX), np.float32)
    for n, picture in enumerate(pictures):
        try:
            one = _take(picture, how, with_, seen)
            look = _print(one.piece.rgba)
            near = float(
                max((prints[: len(kept)] @ side).max(initial=0.0) for side in (look, _print(one.piece.rgba[:, ::-1])))
            )
            if near > ALIKE:
                raise RejectedInput("near-duplicate", f"{near:.3f}")
            prints[len(kept)] = look
            kept.append(one)
        except RejectedInput as refused:
            rejects.append(Reject(picture.kind, picture.file, _known(refused.reason), refused.detail))
        if progress is not None:
            progress(picture.kind, n + 1, len(pictures))
    return _capped(kept, how, rejects), rejects


def _known(reason: str) -> str:
    if reason not in REASONS:
        raise AccountError(f"reason {reason!r} is not in the closed list of a bank")
    return reason


def _take(picture: Picture, how: Making, with_: Tools, seen: set[str]) -> _Taken:
    if picture.reason:
        raise RejectedInput(picture.reason, picture.detail)
    address = Address.of(picture.path)
    digest = sha256_of(address)
    if digest in seen:
        raise RejectedInput("duplicate")
    rgba = _lowered(still_with_alpha(address, LIMITS))
    seen.add(digest)
    if picture.kind == BACKGROUND:
        plain, is_checked = background_of(rgba, with_)
        opaque = np.full((*plain.shape[:2], 1), 255, np.uint8)
        return _Taken(
            picture,
            Piece(np.dstack([plain, opaque]), None, "checked" if is_checked else "unchecked"),
            digest,
            encode_jpeg(plain, BACKGROUND_QUALITY),
        )
    piece = cut_out(rgba, picture.kind, how.cut, how.colour, with_)
    return _Taken(picture, piece, digest, encode_png(piece.rgba))


def _lowered(rgba: Frames) -> Frames:
    scale = LOOKED_AT_PX / max(rgba.shape[:2])
    if scale >= 1:
        return rgba
    size = (max(1, round(rgba.shape[1] * scale)), max(1, round(rgba.shape[0] * scale)))
    return np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.uint8)


def _print(rgba: Frames) -> npt.NDArray[np.float32]:
    """16 x 16 means of luma over grey where nothing is, of mean 0 and length 1: blind to light, size and codec."""
    weight = rgba[..., 3:].astype(np.float32) / 255
    luma = cv2.cvtColor(np.ascontiguousarray(rgba[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(
        (luma - luma.mean()) * weight[..., 0], (PRINT_PX, PRINT_PX), interpolation=cv2.INTER_AREA
    ).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-9), np.float32)


def _capped(kept: list[_Taken], how: Making, rejects: list[Reject]) -> list[_Taken]:
    """At most so many a person, drawn by lot from the pictures' own bytes."""
    out: list[_Taken] = []
    held: Counter[str] = Counter()
    for one in sorted(kept, key=lambda one: digest_of(how.seed, "cap", one.source_sha256)):
        held[one.picture.person] += 1
        if one.picture.kind != BACKGROUND and held[one.picture.person] > how.max_per_person:
            rejects.append(Reject(one.picture.kind, one.picture.file, "over-cap", str(how.max_per_person)))
        else:
            out.append(one)
    rejects.sort(key=lambda one: (one.file, one.reason, one.detail))
    return out


def _order(one: _Taken) -> tuple[int, str, str]:
    return KINDS.index(one.picture.kind), one.sha256, one.source_sha256


def _entries(taken: Sequence[_Taken], how: Making) -> tuple[Entry, ...]:
    """Rows by kind and hash; casts are dealt by person, classes in proportion."""
    who = {one: _identity(one) for one in taken}
    labels: dict[str, Counter[str]] = {}
    for one, identity in who.items():
        labels.setdefault(identity, Counter())[f"{one.picture.kind} {one.picture.label}"] += 1
    shares = {str(cast): 1 / how.casts for cast in range(how.casts)}
    casts = deal((Group(name, held) for name, held in labels.items()), shares, how.seed, "cast")
    numbers: Counter[str] = Counter()
    people: dict[str, int] = {}
    out = []
    for one in sorted(taken, key=_order):
        kind, (height, width) = one.picture.kind, one.piece.rgba.shape[:2]
        out.append(
            Entry(
                kind=kind,
                number=numbers[kind],
                label=one.picture.label,
                valence=one.picture.valence,
                person=people.setdefault(who[one], len(people)),
                cast=int(casts[who[one]]),
                source=one.picture.source,
                licence=one.picture.licence,
                width_px=width,
                height_px=height,
                head_box=one.piece.head_box,
                points=one.piece.points,
                cut=one.piece.cut,
                sha256=one.sha256,
                source_sha256=one.source_sha256,
            )
        )
        numbers[kind] += 1
    return tuple(out)


def _identity(one: _Taken) -> str:
    """Places and people are different things, even of one name; a face and a body of one name are one person."""
    return f"{'place' if one.picture.kind == BACKGROUND else 'person'} {one.picture.person}"


def measures_of(taken: Sequence[_Taken]) -> dict[str, dict[str, float]]:
    """Of every kind and class: how many, of how many people, and what could tell the class: the means over sprites of luma,
    its deviation, width over height, the opaque share, and the share that was cut by the model."""
    heaps: dict[str, list[_Taken]] = {}
    for one in sorted(taken, key=_order):
        heaps.setdefault(f"{one.picture.kind} {one.picture.label or ''}".strip(), []).append(one)
    out = {}
    for name, heap in sorted(heaps.items()):
        rows = []
        for one in heap:
            rgba = one.piece.rgba
            luma = cv2.cvtColor(np.ascontiguousarray(rgba[..., :3]), cv2.COLOR_RGB2GRAY)[rgba[..., 3] >= 128]
            shape = rgba.shape[1] / rgba.shape[0]
            rows.append((luma.mean(), luma.std(), shape, (rgba[..., 3] >= 128).mean(), one.piece.cut == "model"))
        names = ("luma_mean", "luma_sd", "aspect", "cover", "cut_by_model")
        means = dict(zip(names, (round(float(v), 4) for v in np.mean(rows, axis=0)), strict=True))
        out[name] = {"n": len(heap), "people": len({_identity(one) for one in heap}), **means}
    return out


def _write(built: PicturesBuilt, how: Making) -> None:
    manifest = _parquet(SCHEMA, [one.model_dump() for one in built.entries])
    write_atomic(built.folder / MANIFEST, manifest)
    write_atomic(built.folder / REJECTS, _parquet(REJECTS_SCHEMA, [vars(one) for one in built.rejects]))
    reasons = {
        kind: dict(sorted(Counter(one.reason for one in built.rejects if one.kind == kind).items()))
        for kind in built.listed
    }
    header = {
        "form": FORM,
        "kind": "pictures",
        "n_casts": how.casts,
        "making": vars(how),
        "listed": built.listed,
        "kept": dict(sorted(Counter(one.kind for one in built.entries).items())),
        "rejected": reasons,
        "measures": built.measures,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }
    write_atomic(built.folder / HEADER, (json.dumps(header, indent=1, ensure_ascii=True) + "\n").encode("ascii"))


def _parquet(schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
