"""A sample as members of a tar: `KEY.f00.jpg ... KEY.flac, KEY.json[, KEY.structure.npz]`, always in this order."""

import io
import json
import zipfile
from typing import Any

import numpy as np

from gerdata.clip import Clip, Sample, Structure
from gerdata.errors import DatasetError
from gerdata.manifest import clip_from_json, clip_to_json
from gerdata.media.audio import decode_audio, encode_flac
from gerdata.media.images import decode_jpeg, encode_jpeg

STRUCTURE_LIMIT_BYTES = 64 << 20


def suffixes(n_frames: int, has_structure: bool) -> tuple[str, ...]:
    """The suffixes of one sample's members, in their order."""
    frames = tuple(f"f{i:02d}.jpg" for i in range(n_frames))
    return (*frames, "flac", "json", *(("structure.npz",) if has_structure else ()))


def encode(sample: Sample, jpeg_quality: int) -> dict[str, bytes]:
    """The members of a sample, suffix to bytes, in order."""
    named: list[bytes] = [encode_jpeg(frame, jpeg_quality) for frame in sample.frames]
    named += [encode_flac(sample.audio), encode_clip(sample.clip)]
    if sample.structure is not None:
        named.append(encode_structure(sample.structure))
    return dict(zip(suffixes(len(sample.frames), sample.structure is not None), named, strict=True))


def decode(members: dict[str, bytes]) -> Sample:
    """Inverse of `encode`, up to the losses of JPEG and 16-bit sound."""
    frames = np.stack([decode_jpeg(data) for name, data in members.items() if name.endswith(".jpg")])
    structure = members.get("structure.npz")
    return Sample(
        clip=decode_clip(members["json"]),
        frames=frames,
        audio=decode_audio(members["flac"]),
        structure=decode_structure(structure) if structure is not None else None,
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
    """A deflated npz with fixed times, so that its bytes are stable."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("heads", "bodies", "faces"):
            array = io.BytesIO()
            np.lib.format.write_array(array, getattr(structure, name), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, array.getvalue(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def decode_structure(data: bytes) -> Structure:
    """Inverse of `encode_structure`; never unpickles, and refuses archives that unpack to more than a structure can."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > STRUCTURE_LIMIT_BYTES:
                raise DatasetError(f"structure.npz unpacks to over {STRUCTURE_LIMIT_BYTES} bytes")
            arrays = [
                np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
                for name in ("heads", "bodies", "faces")
            ]
        return Structure(*arrays)
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, NotImplementedError) as error:
        raise DatasetError(f"expected heads, bodies and faces in structure.npz ({error})") from None
