"""Glasses: two rings, a bridge and two temples as ribbons before the eyes."""

import numpy as np
import numpy.typing as npt

from gerdata.synth.hair import Sheet
from gerdata.synth.mesh import Floats, Mesh
from gerdata.synth.traits import Traits

Doubles = npt.NDArray[np.float64]
RING = 28  # points around a lens
HALF_WIDTH, HALF_HEIGHT, BAR = 0.27, 0.215, 0.026  # of a lens; half the width of its rim (decimetres)
AHEAD = 0.32  # of the middle of the eye
ROUND, SQUARE = 2.2, 3.6  # exponents of the superellipse


def frames_of(mesh: Mesh, rest: Floats, traits: Traits) -> Sheet | None:
    """The frame of a person's glasses at rest, None for nobody who wears any."""
    if traits.glasses == "none":
        return None
    left, right = (rest[one].mean(0) for one in mesh.eyes)
    middle = (left + right) / 2
    ahead = max(AHEAD, float(rest[_bridge(mesh)][:, 2].max() - middle[2] + 0.03))
    ears = rest[(np.abs(mesh.canonical[:, 1] + 0.02) < 0.05) & (mesh.bones["head"] > 0.9)]
    points: list[Doubles] = []
    triangles: list[tuple[int, int, int]] = []

    def ribbon(inner: Doubles, outer: Doubles) -> None:
        start = sum(len(rows) for rows in points)
        points.append(np.stack([inner, outer], 1).reshape(-1, 3))
        for i in range(len(inner) - 1):
            a, b, c, d = (start + 2 * i + k for k in range(4))
            triangles.extend([(a, c, b), (b, c, d)])

    angle = np.linspace(0, 2 * np.pi, RING)
    power = 2 / (ROUND if traits.glasses == "round" else SQUARE)
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power
    for eye, sign in ((left, 1.0), (right, -1.0)):
        lens = []
        for grow in (-BAR, BAR):
            across, high = x * (HALF_WIDTH + grow), y * (HALF_HEIGHT + grow)
            lens.append(
                np.stack(
                    [eye[0] + across, eye[1] - 0.03 + high, middle[2] + ahead - 0.45 * (across * sign).clip(0) ** 1.5],
                    1,
                )
            )
        ribbon(lens[0], lens[1])
        hinge = np.array([eye[0] + sign * HALF_WIDTH, eye[1] + 0.05, middle[2] + ahead - 0.06])
        end = np.array([sign * np.abs(ears[:, 0]).max() * 0.93, eye[1] + 0.02, middle[2] - 0.85])
        arm = np.stack([hinge, end])
        ribbon(arm - (0, BAR, 0), arm + (0, BAR, 0))
    bridge = np.stack(
        [[right[0] + HALF_WIDTH, 0, 0], [(left + right)[0] / 2, 0.03, 0.05], [left[0] - HALF_WIDTH, 0, 0]]
    )
    bridge = bridge + np.array([0, middle[1] + 0.01, middle[2] + ahead])
    ribbon(bridge - (0, BAR, 0), bridge + (0, BAR, 0))
    placed = np.concatenate(points).astype(np.float32)
    canonical = placed - np.array([0, middle[1], 0], np.float32)
    ones = np.ones(len(placed), np.float32)
    return Sheet(placed, canonical, ones, ones, np.array(triangles, np.int32))


def _bridge(mesh: Mesh) -> npt.NDArray[np.int64]:
    """Vertices of the bridge of the nose."""
    c = mesh.canonical
    return np.nonzero((np.abs(c[:, 0]) < 0.1) & (np.abs(c[:, 1]) < 0.08) & (mesh.bones["head"] > 0.5))[0]
