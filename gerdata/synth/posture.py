"""Postures of the avatars: two directions an arm, two a leg, the pitch of the trunk, the turn of head and body.

Each limb gets the smallest rotation that carries its direction at rest onto the wanted one; vertices follow by linear blend
skinning with the rig's weights.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.synth.mesh import Floats, Mesh

Vector = tuple[float, float, float]
SIDES = (("l", 1.0), ("r", -1.0))  # of the person; x runs to their left


@dataclass(frozen=True)
class Posture:
    """Directions for the left arm (upper, forearm), the right arm, and the legs; x outwards, y up, z to the camera."""

    left: tuple[Vector, Vector]
    right: tuple[Vector, Vector]
    pitch: float = 0.0  # of the trunk, radians forwards
    head_pitch: float = 0.0
    legs: tuple[Vector, Vector] = ((0.05, -1.0, 0.03), (0.03, -1.0, -0.06))


def _both(upper: Vector, fore: Vector, pitch: float = 0.0) -> Posture:
    return Posture((upper, fore), (upper, fore), pitch)


_DOWN = ((0.2, -1.0, 0.05), (0.1, -1.0, 0.28))
POSTURES = {
    "stand": _both((0.17, -1.0, 0.0), (0.08, -1.0, 0.2)),
    "cheer": _both((0.75, 0.65, 0.15), (-0.05, 1.0, 0.1), -0.05),
    "wave": Posture(((0.6, 0.7, 0.2), (0.0, 1.0, 0.1)), _DOWN, -0.03),
    "clap": _both((0.3, -0.9, 0.35), (-0.62, 0.45, 0.75)),
    "slump": Posture(((0.15, -1, 0.15), (-0.1, -0.9, 0.4)), ((0.15, -1, 0.15), (-0.1, -0.9, 0.4)), 0.3, 0.22),
    "argue": Posture(((0.45, -0.35, 0.75), (0.1, 0.3, 1.0)), ((0.3, -1.0, 0.1), (-0.1, -0.3, 0.9)), 0.1),
    "crossed": Posture(((0.3, -0.95, 0.3), (-0.95, 0.14, 0.42)), ((0.3, -0.95, 0.25), (-0.95, 0.02, 0.62)), 0.0),
    "hand-to-face": Posture(
        ((0.1, -0.62, 0.74), (-0.5, 0.95, -0.08)), ((0.15, -1, 0.1), (-0.5, -0.45, 0.8)), 0.12, 0.12
    ),
    "sit": Posture(
        ((0.2, -1.0, 0.15), (-0.15, -0.35, 0.95)),
        ((0.2, -1.0, 0.15), (-0.15, -0.35, 0.95)),
        0.03,
        0.0,
        ((0.15, -0.1, 1.0), (0.05, -1.0, 0.05)),
    ),
}
POSTURES_OF = {
    "positive": ("cheer", "wave", "clap", "stand", "sit", "crossed"),
    "neutral": ("stand", "sit", "crossed"),
    "negative": ("slump", "argue", "hand-to-face", "stand", "sit", "crossed"),
}


@dataclass(frozen=True)
class Stance:
    """A posture, held by somebody: radians. `yaw` is the turn of the face, half of which is the body's; positive looks to
    the right of the picture. Gaze is counted from the head. `mirrored` swaps the arms. Plain data."""

    posture: str
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_yaw: float = 0.0
    gaze_pitch: float = 0.0
    mirrored: bool = False


def draw_stance(rng: np.random.Generator, posture: str, yaw: float) -> Stance:
    """A stance that knows nothing of what is felt, apart from the posture asked for."""
    return Stance(
        posture=posture,
        yaw=round(yaw, 3),
        pitch=round(float(np.clip(rng.normal(0, 0.08), -0.18, 0.18)), 3),
        roll=round(float(np.clip(rng.normal(0, 0.06), -0.15, 0.15)), 3),
        gaze_yaw=round(float(np.clip(rng.normal(-0.4 * yaw, 0.12), -0.35, 0.35)), 3),
        gaze_pitch=round(float(np.clip(rng.normal(0, 0.05), -0.12, 0.12)), 3),
        mirrored=bool(rng.random() < 0.5),
    )


@dataclass(frozen=True, eq=False)
class Rig:
    """Rotations about joints: `limbs` by bone (rotation, joint at rest, joint where it goes), then trunk, then the turn."""

    limbs: dict[str, tuple[Floats, Floats, Floats]]
    head: Floats
    neck: Floats
    nape: Floats
    trunk: Floats
    pelvis: Floats
    turn: Floats
    joints: dict[str, Floats]

    @property
    def head_turn(self) -> Floats:
        """The rotation of the head in all."""
        return np.asarray(self.turn @ self.trunk @ self.head, np.float32)

    def carry(self, points: Floats, bones: dict[str, Floats]) -> Floats:
        """Points `[N, 3]` at rest, carried along with weights `[N]` by bone."""
        out = points.copy()
        turns = {"head": (self.head, self.nape, self.nape), "neck": (self.neck, self.nape, self.nape), **self.limbs}
        for name, (rotation, joint, goal) in turns.items():
            (moved,) = np.nonzero(bones[name] > 0)
            held = points[moved]
            out[moved] += bones[name][moved, None] * ((held - joint) @ rotation.T + goal - held)
        above = 1 - np.clip(sum(bones[f"{kind} {side}"] for kind in ("thigh", "shin") for side in "lr"), 0, 1)
        out += above[:, None] * ((out - self.pelvis) @ self.trunk.T + self.pelvis - out)
        return ((out - self.pelvis) @ self.turn.T + self.pelvis).astype(np.float32)


def rig_of(mesh: Mesh, vertices: Floats, stance: Stance) -> Rig:
    """The rig of a shaped body `[V, 3]` in a stance."""
    posture = POSTURES[stance.posture]
    arms = dict(zip("rl" if stance.mirrored else "lr", (posture.left, posture.right), strict=True))
    limbs: dict[str, tuple[Floats, Floats, Floats]] = {}
    joints: dict[str, Floats] = {}
    for side, sign in SIDES:
        names = [f"{side}-{name}" for name in ("shoulder", "elbow", "hand")]
        limbs |= _limb(mesh, vertices, names, arms[side], sign, ("upper arm", "forearm", "hand"), joints)
        names = [f"{side}-{name}" for name in ("upper-leg", "knee", "ankle")]
        limbs |= _limb(mesh, vertices, names, posture.legs, sign, ("thigh", "shin"), joints)
    nape = (mesh.joint(vertices, "neck") + mesh.joint(vertices, "head")) / 2
    own_yaw = stance.yaw / 2
    facing = (own_yaw, stance.pitch + posture.head_pitch, stance.roll)
    trunk, pelvis = _about_x(posture.pitch), mesh.joint(vertices, "pelvis")
    turn = _turned((stance.yaw / 2, 0, 0))
    for name, at in joints.items():
        pitched = at if name.endswith(("upper-leg", "knee", "ankle")) else (at - pelvis) @ trunk.T + pelvis
        joints[name] = ((pitched - pelvis) @ turn.T + pelvis).astype(np.float32)
    neck = tuple(0.45 * angle for angle in facing)
    return Rig(
        limbs,
        _turned(facing),
        _turned((neck[0], neck[1], neck[2])),
        np.asarray(nape, np.float32),
        trunk,
        pelvis,
        turn,
        joints,
    )


def _limb(
    mesh: Mesh,
    vertices: Floats,
    names: list[str],
    wanted: tuple[Vector, Vector],
    sign: float,
    bones: tuple[str, ...],
    joints: dict[str, Floats],
) -> dict[str, tuple[Floats, Floats, Floats]]:
    """The two or three rotations of a limb, whose joints are entered where they go."""
    first, middle, last = (mesh.joint(vertices, name) for name in names)
    side = names[0][0]
    flip = np.array([sign, 1, 1])
    upper = _rotation(middle - first, np.array(wanted[0]) * flip)
    lower = _rotation(last - middle, np.array(wanted[1]) * flip)
    bent = upper @ (middle - first) + first
    end = lower @ (last - middle) + bent
    joints.update(zip(names, (first, bent, end), strict=True))
    out = {f"{bones[0]} {side}": (upper, first, first), f"{bones[1]} {side}": (lower, middle, bent)}
    if len(bones) == 3:
        out[f"{bones[2]} {side}"] = (lower, last, end)
    return out


def _rotation(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> Floats:
    """The smallest rotation from one direction to another."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    return _rodrigues(axis / (sine + 1e-9) * np.arctan2(sine, float(a @ b)))


def _turned(angles: tuple[float, float, float]) -> Floats:
    """Yaw about y, pitch about x (positive looks down) and roll about z, as one rotation."""
    yaw, pitch, roll = angles
    parts = ((0.0, yaw, 0.0), (pitch, 0.0, 0.0), (0.0, 0.0, roll))
    return np.asarray(_rodrigues(parts[0]) @ _rodrigues(parts[1]) @ _rodrigues(parts[2]), np.float32)


def _about_x(angle: float) -> Floats:
    return _rodrigues((angle, 0.0, 0.0))


def _rodrigues(vector: npt.ArrayLike) -> Floats:
    return np.asarray(cv2.Rodrigues(np.asarray(vector, np.float64))[0], np.float32)
