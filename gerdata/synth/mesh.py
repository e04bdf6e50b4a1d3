"""The mesh of the avatars: vertices, triangles, targets, bones, and what is worked out from them once a process.

Units are decimetres; y is up, z towards the camera, x to the person's left. *Canonical* is the average adult, with y counted
from the middle of the eyes: every painted mask is a function of the canonical position, so it follows any shape and any
expression of the same vertex.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gerdata.chance import rng_for
from gerdata.store.assets import load_asset
from gerdata.synth.asset import ANCESTRIES, AVATAR, JOINTS, SEXES, bone_names
from gerdata.synth.raster import rasterise

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Target = tuple[npt.NDArray[np.int64], Floats]  # which vertices move, and by how much

BODY, LEFT_EYE, RIGHT_EYE, TEETH, TONGUE, LASHES = range(6)
_PART_OF = np.array([BODY, LEFT_EYE, RIGHT_EYE, TEETH, TEETH, TONGUE, LASHES, LASHES], np.uint8)
VIEWS, VIEW_PX, VIEW_PX_PER_DM = 40, 220, 30.0  # directions that occlusion is averaged over, and their pictures
SHADOW_DM = 0.12  # what is nearer than this behind the surface is the surface
CHEST_Y = -2.7  # canonical; below it occlusion is not worked out
OPEN_SKY = 0.85  # the share of the sky seen from there


@dataclass(frozen=True, eq=False)
class Mesh:
    """`base` and `canonical: float32 [V, 3]`, `triangles: int32 [F, 3]` with `parts: uint8 [F]`, and tables by name.

    `openness: float32 [V]` is the share of the sky each vertex sees; `left` and `right` the vertices of the eyes.
    """

    base: Floats
    canonical: Floats
    eye_y: float
    triangles: Ints
    parts: npt.NDArray[np.uint8]
    targets: dict[str, Target]
    joints: dict[str, Ints]
    bones: dict[str, Floats]
    openness: Floats
    eyes: tuple[Ints, Ints]

    def joint(self, vertices: Floats, name: str) -> Floats:
        """The middle of a joint of a shaped body, `float32 [3]`."""
        return np.asarray(vertices[self.joints[name]].mean(0))


@lru_cache(maxsize=1)
def load_mesh() -> Mesh:
    """The mesh out of the cache of models; `MissingError`, with the line to run, where it is not there or another one."""
    arrays = load_asset(AVATAR)
    triangles = arrays["triangles"].astype(np.int32)
    parts = _PART_OF[arrays["parts"]]
    names, offsets = arrays["target_names"].tolist(), arrays["target_offsets"].tolist()
    index, moves = arrays["target_vertices"].astype(np.int64), arrays["target_moves"].astype(np.float32)
    targets = {name: (index[a:b], moves[a:b]) for name, a, b in zip(names, offsets, offsets[1:], strict=False)}
    joints = dict(zip(JOINTS, arrays["joints"].astype(np.int32), strict=True))
    average = _average(arrays["vertices"], targets)
    eyes = tuple(np.unique(triangles[parts == part]).astype(np.int32) for part in (LEFT_EYE, RIGHT_EYE))
    eye_y = float(np.mean([average[one].mean(0)[1] for one in eyes]))
    canonical = average - np.array([0, eye_y, 0], np.float32)
    return Mesh(
        base=arrays["vertices"],
        canonical=canonical,
        eye_y=eye_y,
        triangles=triangles,
        parts=parts,
        targets=targets,
        joints=joints,
        bones=_bones(dict(zip(bone_names(), arrays["bones"], strict=True)), canonical, triangles, parts),
        openness=_openness(canonical, triangles, parts),
        eyes=(eyes[0], eyes[1]),
    )


def normals(vertices: Floats, triangles: Ints) -> Floats:
    """Unit normals of the vertices, `float32 [V, 3]`: the mean of their triangles', by area; zero where there are none."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    p, q = (b - a).T, (c - a).T
    flat = np.stack([p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]], 1)
    out = np.zeros_like(vertices)
    corners = triangles.T.ravel()
    for axis in range(3):
        out[:, axis] = np.bincount(corners, np.tile(flat[:, axis], 3), len(vertices))
    return np.asarray(out / (np.sqrt(np.einsum("nk,nk->n", out, out))[:, None] + 1e-9), np.float32)


def smooth(low: float, high: float, x: npt.ArrayLike) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _average(base: Floats, targets: dict[str, Target]) -> Floats:
    out = base.copy()
    for sex in SEXES:
        move(out, targets[f"build/{sex}/young/averageweight"], 0.5)
        for ancestry in ANCESTRIES:
            move(out, targets[f"ancestry/{sex}/young/{ancestry}"], 0.5 / len(ANCESTRIES))
    return out


def move(vertices: Floats, target: Target, amount: float) -> None:
    """Add a target to vertices in place."""
    vertices[target[0]] += np.float32(amount) * target[1]


def _bones(
    bones: dict[str, Floats], canonical: Floats, triangles: Ints, parts: npt.NDArray[np.uint8]
) -> dict[str, Floats]:
    """The rig's weights; eyes, teeth, tongue and lashes, which it leaves to face bones, go with the head whole."""
    inside = np.unique(triangles[parts != BODY])
    out = {name: weights.copy() for name, weights in bones.items()}
    for name, weights in out.items():
        weights[inside] = 1.0 if name == "head" else 0.0
    return out


def _openness(canonical: Floats, triangles: Ints, parts: npt.NDArray[np.uint8]) -> Floats:
    """The share of the sky above the chest that each vertex sees, from pictures out of `VIEWS` directions."""
    rng = rng_for(0, "avatar", "openness")
    facing = normals(canonical, triangles[parts == BODY])
    near = canonical[:, 1] > CHEST_Y
    shown = triangles[near[triangles].all(1) & (parts != LASHES)]
    middle = canonical[near].mean(0)
    seen, looked = np.zeros(len(canonical), np.float32), np.zeros(len(canonical), np.float32)
    for _ in range(VIEWS):
        way = rng.normal(size=3)
        way = np.array([way[0], abs(way[1]) * 1.2 - 0.3, way[2] + 0.3])
        way /= np.linalg.norm(way)
        across = np.cross(way, (0, 1, 0.01))
        across /= np.linalg.norm(across)
        offset = canonical - middle
        flat = np.stack([offset @ across, offset @ np.cross(way, across)], 1) * VIEW_PX_PER_DM + VIEW_PX / 2
        depth = (offset @ way).astype(np.float32)
        pictured = rasterise(flat.astype(np.float32), depth, shown, (VIEW_PX, VIEW_PX), np.ones(len(shown), np.bool_))
        at = flat.astype(int).clip(0, VIEW_PX - 1)
        open_to = depth >= pictured.depth[at[:, 1], at[:, 0]] - SHADOW_DM
        weight = np.maximum(facing @ way, 0).astype(np.float32)
        seen += weight * open_to
        looked += weight
    return np.where(near & (looked > 0), seen / (looked + 1e-6), OPEN_SKY).astype(np.float32)
