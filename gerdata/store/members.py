"""A sample as members of a shard: `KEY.f00.jpg ... KEY.flac, KEY.json[, KEY.structure.npz][, KEY.limbs.npz]`, always in this
order. `structure.npz` is for synthetic people only; of real ones no more than `limbs.npz` leaves. A release may have the
frames as one `KEY.mp4`, and sound as `KEY.wav`."""

import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gerdata.clip import BodyMaps, Clip, Sample, Structure
from gerdata.errors import DatasetError
from gerdata.manifest import clip_from_json, clip_to_json
from gerdata.media.audio import decode_audio, encode_flac
from gerdata.media.images import decode_jpeg, encode_jpeg
from gerdata.media.mp4 import decode_mp4

STRUCTURE, LIMBS = "structure.npz", "limbs.npz"
VIDEO, FLAC, WAV, ROW = "mp4", "flac", "wav", "json"
POSE_RELEASED = "(pose released)"  # marks the protection of all that holds LIMBS of real people
STRUCTURE_LIMIT_BYTES = 64 << 20
_KEY = re.compile(r"[a-z0-9-]{1,64}")
_MEMBER = re.compile(r"[a-z0-9-]+\.(?:f[0-9]{2,3}\.jpg|mp4|flac|wav|json|structure\.npz|limbs\.npz)")
_OF_STRUCTURE = ("heads", "bodies", "faces")
_SEEN = "seen"  # of a structure, where it is known
_OF_LIMBS = ("maps", "has_people")


def suffixes(n_frames: int, has_structure: bool, has_limbs: bool = False) -> tuple[str, ...]:
    """The suffixes of one sample's members, in their order."""
    frames = tuple(f"f{i:02d}.jpg" for i in range(n_frames))
    more = ((STRUCTURE, has_structure), (LIMBS, has_limbs))
    return (*frames, FLAC, ROW, *(name for name, is_there in more if is_there))


def as_released(members: Sequence[str], mode: str, audio: str) -> tuple[str, ...]:
    """What the members of a dataset are called in a release of the given `mode` (frames, video) and `audio` (flac, wav)."""
    named = [VIDEO if mode == "video" and name.endswith(".jpg") else name for name in members]
    return tuple(dict.fromkeys(audio if name == FLAC else name for name in named))


def is_member(name: str) -> bool:
    """Whether anything of this name may be in a shard at all. Nothing that is unpickled, run or linked has one of them."""
    return bool(_MEMBER.fullmatch(name))


def is_key(name: str) -> bool:
    """Whether a sample may be called so: nothing in it leads anywhere, and it has no dot."""
    return bool(_KEY.fullmatch(name))


def encode(sample: Sample, jpeg_quality: int) -> dict[str, bytes]:
    """The members of a sample, suffix to bytes, in order."""
    mark = sample.clip.mark or ""
    named: list[bytes] = [encode_jpeg(frame, jpeg_quality, mark) for frame in sample.frames]
    named += [encode_flac(sample.audio, mark), encode_clip(sample.clip)]
    if sample.structure is not None:
        named.append(encode_structure(sample.structure))
    if sample.limbs is not None:
        named.append(encode_limbs(sample.limbs))
    names = suffixes(len(sample.frames), sample.structure is not None, sample.limbs is not None)
    return dict(zip(names, named, strict=True))


def decode(members: dict[str, bytes]) -> Sample:
    """Inverse of `encode`, up to the losses of JPEG and 16-bit sound."""
    stills = [decode_jpeg(data) for name, data in members.items() if name.endswith(".jpg")]
    frames = decode_mp4(members[VIDEO]) if VIDEO in members else np.stack(stills)
    structure, limbs = members.get(STRUCTURE), members.get(LIMBS)
    return Sample(
        clip=decode_clip(members[ROW]),
        frames=frames,
        audio=decode_audio(members[WAV] if WAV in members else members[FLAC]),
        structure=decode_structure(structure) if structure is not None else None,
        limbs=decode_limbs(limbs) if limbs is not None else None,
    )


def encode_clip(clip: Clip) -> bytes:
    """`KEY.json`: the row, and the plan as JSON rather than as text in JSON."""
    flat = clip_to_json(clip)
    flat["plan"] = json.loads(flat["plan"]) if flat["plan"] is not None else None
    return (json.dumps(flat, ensure_ascii=True, separators=(",", ":")) + "\n").encode("ascii")


def decode_clip(data: bytes) -> Clip:
    """Inverse of `encode_clip`; `DatasetError` where it is not a row of ours."""
    try:
        flat: dict[str, Any] = json.loads(data)
        if flat.get("plan") is not None:
            flat["plan"] = json.dumps(flat["plan"], ensure_ascii=True, separators=(",", ":"))
        return clip_from_json(flat)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(f"expected a sample's row as JSON, came {len(data)} bytes ({error})") from None


def encode_structure(structure: Structure) -> bytes:
    """`KEY.structure.npz`: heads, bodies, faces, and seen where it is known."""
    names = _OF_STRUCTURE if structure.seen is None else (*_OF_STRUCTURE, _SEEN)
    return _packed({name: getattr(structure, name) for name in names})


def decode_structure(data: bytes) -> Structure:
    """Inverse of `encode_structure`; `DatasetError` for what is none."""
    try:
        structure = Structure(*_unpacked(data, _OF_STRUCTURE, STRUCTURE, (_SEEN,)))
        visibility = structure.bodies[..., 2]
        if not (np.isin(visibility, (0, 1, 2)) | np.isnan(visibility)).all():
            raise ValueError("visibility is 0, 1 or 2")
        if any(np.isinf(getattr(structure, name)).any() for name in _OF_STRUCTURE):
            raise ValueError("a place is infinite")
        if structure.seen is not None and not ((structure.seen >= 0) & (structure.seen <= 1)).all():
            raise ValueError("a share is from 0 to 1")
        return structure
    except ValueError as error:
        raise DatasetError(f"expected heads, bodies and faces in {STRUCTURE} ({error})") from None


def encode_limbs(limbs: BodyMaps) -> bytes:
    """`KEY.limbs.npz`: maps, has_people."""
    return _packed({name: getattr(limbs, name) for name in _OF_LIMBS})


def decode_limbs(data: bytes) -> BodyMaps:
    """Inverse of `encode_limbs`; `DatasetError` for what is none."""
    try:
        return BodyMaps(*_unpacked(data, _OF_LIMBS, LIMBS))
    except ValueError as error:
        raise DatasetError(f"expected maps and has_people in {LIMBS} ({error})") from None


def _packed(arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """A deflated npz with fixed times, so that its bytes are stable."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # 6: 2 % smaller, 3 times as long
        for name, values in arrays.items():
            array = io.BytesIO()
            np.lib.format.write_array(array, values, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, array.getvalue(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _unpacked(data: bytes, names: tuple[str, ...], what: str, more: tuple[str, ...] = ()) -> list[Any]:
    """The named arrays, with or without `more` after them, and no others. Never unpickles; refuses archives that unpack to
    more than a sample can hold, and arrays that say they are larger than their bytes. `DatasetError`, or `ValueError` from
    numpy."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > STRUCTURE_LIMIT_BYTES:
                raise DatasetError(f"{what} unpacks to over {STRUCTURE_LIMIT_BYTES} bytes")
            if len(archive.namelist()) == len(names) + len(more):
                names = (*names, *more)
            if archive.namelist() != [f"{name}.npy" for name in names]:
                raise DatasetError(f"expected {' and '.join(names)} in {what}, came {len(archive.namelist())} members")
            return [_array(archive.read(f"{name}.npy"), f"{name} in {what}") for name in names]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, LookupError, OverflowError, OSError) as error:
        raise DatasetError(f"expected {' and '.join(names)} in {what} ({type(error).__name__})") from None


def _array(data: bytes, what: str) -> np.ndarray[Any, Any]:
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise DatasetError(f"expected npy 1.0 for {what}")
    shape, _, kind = np.lib.format.read_array_header_1_0(file)
    if kind.hasobject or math.prod(shape) * kind.itemsize != len(data) - file.tell():
        raise DatasetError(f"{what} is of {kind} {shape}, its bytes are not")
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
