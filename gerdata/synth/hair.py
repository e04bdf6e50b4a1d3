"""Hair of the avatars: where it grows, how far it stands off, and what hangs down.

Two kinds of geometry. The *shell* is the scalp pushed outwards by a field of thickness; the *curtain* is a sheet around the
head that begins inside the shell above the ears and falls down, so that no gap opens at the temples. Headwear is made the
same way. Everything is decided in canonical coordinates (decimetres, y from the eyes).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.synth.mesh import Floats, Ints, Mesh, smooth
from gerdata.synth.texture import noise
from gerdata.synth.traits import Traits

MIDDLE_Z = 0.48  # of the head
NO_HAIR = -9.0


@dataclass(frozen=True)
class Style:
    """How a style is built: thickness on top and at the sides, curl, how low the nape and the curtain go (None for none)."""

    top: float
    side: float
    curl: float = 0.0
    nape: float = -0.62
    curtain: float | None = None
    flow: str = "down"  # how strands run on top: down, aside, back, coil, cloth
    takes_fringe: bool = True
    edge: float = 0.07


STYLES = {
    "bald": Style(0.0, 0.0, takes_fringe=False),
    "buzz": Style(0.025, 0.015, edge=0.12, takes_fringe=False),
    "short": Style(0.14, 0.05, 0.3),
    "side": Style(0.19, 0.05, 0.25, flow="aside"),
    "swept": Style(0.22, 0.05, 0.25, flow="back", takes_fringe=False),
    "curly": Style(0.26, 0.14, 1.1, nape=-0.7, flow="coil"),
    "afro": Style(0.46, 0.42, 0.35, nape=-0.6, flow="coil", takes_fringe=False),
    "bob": Style(0.13, 0.13, 0.2, nape=-0.8, curtain=-1.05, flow="aside"),
    "long": Style(0.12, 0.12, 0.2, nape=-0.8, curtain=-2.5, flow="aside"),
    "tied": Style(0.06, 0.04, 0.15, nape=-0.7, flow="back", takes_fringe=False),
    "beanie": Style(0.14, 0.1, 0.0, nape=-0.1, flow="cloth", takes_fringe=False, edge=0.02),
    "headscarf": Style(0.08, 0.08, 0.0, nape=-0.8, curtain=-1.75, flow="cloth", takes_fringe=False, edge=0.02),
}
# Height of the hairline over the azimuth from the front (degrees): forehead, temple, sideburn, over and behind the ear, nape.
_AZIMUTHS = (0, 22, 38, 50, 60, 70, 80, 90, 100, 118, 130, 145, 160, 180)
_HEIGHTS = (0.70, 0.69, 0.60, 0.40, 0.11, -0.06, -0.18, -0.2, 0.05, 0.05, -0.22, -0.6, -0.85, -0.9)
_HAT = (0.47, 0.47, 0.45, 0.42, 0.37, 0.3, 0.2, 0.12, 0.08, 0.02, -0.04, -0.1, -0.15, -0.18)
_SCARF = (0.6, 0.59, 0.55, 0.4, 0.1, -0.3, -0.6, -0.8, -0.9, -0.9, -0.9, -0.9, -0.9, -0.9)
COLUMNS, ROWS = 56, 18


@dataclass(frozen=True, eq=False)
class Sheet:
    """Geometry of its own: `points` and `canonical: float32 [K, 3]` (the first in the person's shape, the second as painted),
    `margin: float32 [K]` (negative is cut away), `triangles: int32 [N, 3]`, and how far each point goes with the head."""

    points: Floats
    canonical: Floats
    margin: Floats
    with_head: Floats
    triangles: Ints


def azimuth(canonical: Floats) -> Floats:
    """Degrees from the front about the middle of the head, 0 to 180."""
    return np.asarray(np.degrees(np.arctan2(np.abs(canonical[:, 0]), canonical[:, 2] - MIDDLE_Z)), np.float32)


def growth(mesh: Mesh, traits: Traits) -> tuple[Floats, Floats]:
    """Margin (positive inside the hair) and thickness of the shell at every vertex, both `float32 [V]`."""
    c, style = mesh.canonical, STYLES[traits.style]
    if traits.style == "bald":
        return np.full(len(c), NO_HAIR, np.float32), np.zeros(len(c), np.float32)
    around = azimuth(c)
    line = _hairline(c, around, traits)
    margin = (c[:, 1] - line) / style.edge
    margin[(c[:, 1] < -1.2) | (mesh.bones["head"] < 0.5)] = NO_HAIR
    margin[_ear_vertices(mesh)] = NO_HAIR
    up = smooth(0.15, 0.75, c[:, 1])
    thick = (style.top * up + style.side * (1 - up)) * (traits.volume if style.flow != "cloth" else 1.0)
    if traits.style == "swept":
        thick *= 1 + 0.8 * smooth(0.2, 1.0, c[:, 2]) * up
    if traits.style == "side":  # high on the far side of the parting
        thick *= 1 + 0.5 * np.tanh(2.5 * (c[:, 0] - 0.35 * traits.parting) * -np.sign(traits.parting or 1))
    seed = traits.seed % 97
    wave = noise(c[:, 0] * 3.1 + seed, (c[:, 1] + 0.7 * c[:, 2]) * 3.1) + noise(c[:, 2] * 3.3, c[:, 1] * 2.7 + seed) - 1
    thick *= 1 + style.curl * wave
    if style.curtain is None:  # sideburns and what is above the ears lie flat
        flat = smooth(125, 108, around) * smooth(0.5, 0.05, c[:, 1])
        thick *= 1 - 0.9 * flat
    if style.flow != "cloth":
        margin += np.where(margin > NO_HAIR, 0.9 * (noise(c[:, 0] * 11 + seed, c[:, 2] * 11 + c[:, 1] * 3) - 0.5), 0)
    rise = smooth(0, 2.2, margin) if style.flow != "cloth" else smooth(-1, 1, margin)
    falls = style.takes_fringe and traits.fringe in ("straight", "aside", "parted")
    rise = np.maximum(rise, 0.45 * smooth(-0.5, 0.3, margin)) if falls else rise
    return margin.astype(np.float32), np.asarray(rise * thick, np.float32)


def _hairline(c: Floats, around: Floats, traits: Traits) -> Floats:
    """Height of the edge of the hair over each vertex."""
    table = {"beanie": _HAT, "headscarf": _SCARF}.get(traits.style, _HEIGHTS)
    line = np.interp(around, _AZIMUTHS, table)
    style = STYLES[traits.style]
    if style.flow == "cloth":
        return np.asarray(line, np.float32)
    recede = 0.09 * traits.hairline + 0.1 * max(traits.hairline, 0) * np.exp(-(((around - 38) / 14) ** 2)) * traits.sex
    line = line + recede * (around < 75)
    if style.curtain is None:
        line = np.maximum(line, style.nape)
    else:  # the scalp below the curtain is hair, too, so that nothing shows between them
        line = np.minimum(line, np.interp(around, (40, 54, 64, 90, 180), (0.7, 0.38, -0.4, -0.8, -1.0)))
    if not style.takes_fringe or traits.fringe == "none":
        return np.asarray(line, np.float32)
    x, side = c[:, 0], np.sign(traits.parting or 1)
    front = 1 - smooth(42, 62, around)
    depth = {
        "straight": 0.36 + 0.02 * np.abs(x),
        "aside": 0.54 - 0.3 * np.clip(0.5 - side * x, 0, 1) + 0.04,
        "parted": 0.62 - 0.42 * np.clip(np.abs(x - 0.2 * traits.parting) - 0.08, 0, 0.45),
        "thin": 0.5 + 0.16 * np.sin(x * 17 + traits.seed % 7),
    }[traits.fringe]
    return np.asarray(line + front * np.minimum(depth - line, 0), np.float32)


def _ear_vertices(mesh: Mesh) -> npt.NDArray[np.int64]:
    """What the ears' targets move and stands off the side of the head: the targets reach as far as temple and cheek."""
    index = np.concatenate([mesh.targets[f"shape/ears/{side}-ear-scale-incr"][0] for side in "lr"])
    x, y, z = mesh.canonical[index].T
    return np.asarray(index[(np.abs(x) > 0.68) & (y > -0.55) & (y < 0.09) & (z > 0) & (z < 0.6)])


def tuck_ears(mesh: Mesh, vertices: Floats, traits: Traits) -> None:
    """Under hair or cloth that covers them, press the ears to the head, in place."""
    if STYLES[traits.style].curtain is None:
        return
    ears = _ear_vertices(mesh)
    vertices[ears, 0] -= np.sign(vertices[ears, 0]) * 0.75 * np.maximum(np.abs(vertices[ears, 0]) - 0.7, 0)


def hanging(mesh: Mesh, rest: Floats, traits: Traits) -> Sheet | None:
    """What hangs down or sits on top, for a person's shape at rest; None where nothing does."""
    scale, shift = _head_map(mesh, rest)
    if traits.style == "tied":
        canonical, triangles = _ball((0.0, 1.02 - 0.5 * (traits.seed % 2), -0.3 - 0.3 * (traits.seed % 2)), 0.33)
        margin, with_head = np.ones(len(canonical), np.float32), np.ones(len(canonical), np.float32)
    elif STYLES[traits.style].curtain is not None:
        canonical, margin, triangles = _curtain(traits)
        with_head = smooth(-2.1, -1.0, canonical[:, 1])
    else:
        return None
    points = np.asarray(canonical * scale + shift, np.float32)
    return Sheet(points, canonical, margin, with_head, triangles)


def _head_map(mesh: Mesh, rest: Floats) -> tuple[Floats, Floats]:
    """Scale and shift by axis that carry the canonical head onto a person's."""
    head = (mesh.bones["head"] > 0.9) & (mesh.canonical[:, 1] > -0.3) & (mesh.canonical[:, 1] < 1.2)
    own, average = rest[head], mesh.canonical[head]
    scale = np.ptp(own, axis=0) / np.ptp(average, axis=0)
    return scale.astype(np.float32), (own.min(0) - average.min(0) * scale).astype(np.float32)


def _curtain(traits: Traits) -> tuple[Floats, Floats, Ints]:
    """The sheet around the head: columns by azimuth from one temple over the back to the other, rows downwards."""
    is_scarf = traits.style == "headscarf"
    lowest = STYLES[traits.style].curtain or 0.0
    lowest *= 1.0 if is_scarf else 0.8 + 0.35 * min(max(traits.volume - 0.75, 0) / 0.55, 1)
    u = np.linspace(-1, 1, COLUMNS)[None]
    t = np.linspace(0, 1, ROWS)[:, None]
    y = 0.62 + t * (lowest - 0.62)
    if is_scarf:
        begin = np.interp(y, (-1.75, -1.2, -0.9, -0.3, 0.5), (0, 0, 40, 58, 60))
        wide = np.interp(y, (-1.8, -1.35, -0.9, 0, 0.45, 0.8), (1.15, 0.8, 0.8, 0.88, 0.74, 0.6))
        front = np.interp(y, (-1.8, -1.35, -1.2, 0.8), (0.75, 0.62, 0.72, 0.72))
        back = np.interp(y, (-1.8, -0.9, 0, 0.8), (0.95, 0.9, 1.04, 0.95))
    else:
        begin = np.interp(y, (-2.5, -1.2, -0.4, 0.2, 0.62), (60, 57, 53, 50, 44)) + 5 * traits.hairline
        wide = np.interp(y, (-2.5, -1.2, -0.5, 0, 0.45, 0.7), (1.04, 0.92, 0.9, 0.88, 0.76, 0.6)) * (
            0.9 + 0.1 * traits.volume
        )
        front = 0.74 + 0.0 * y
        back = np.interp(y, (-2.5, -1.2, 0, 0.62), (0.8, 0.9, 1.06, 0.95))
    angle = np.radians(180 - np.abs(u) * (180 - begin)) * np.sign(u)
    ahead = np.cos(angle)
    x = np.sin(angle) * wide
    z = MIDDLE_Z + np.where(ahead > 0, front, back) * ahead
    low = smooth(-1.1, -1.9, y) if lowest < -1.3 and not is_scarf else 0.0 * y
    over = traits.seed % 3 == 0  # in front of the shoulders
    z = z + low * (0.55 if over else -0.45) * np.clip(ahead + 0.5, 0, 1)
    wave = 0.05 * np.sin(angle * 9 + y * 3 + traits.seed % 11) * (not is_scarf) * smooth(0.4, -0.6, y)
    x, z = x * (1 + wave), MIDDLE_Z + (z - MIDDLE_Z) * (1 + wave)
    points = np.stack([x, y + 0 * x, z], -1).reshape(-1, 3).astype(np.float32)
    ragged = 0.0 if is_scarf else 0.35 * (noise(u * 23 + traits.seed % 13, 0 * u) + noise(u * 61, 0 * u + 3) - 1)
    bottom = (y - lowest) / 0.3 - 0.15 + ragged
    sides = (1 - np.abs(u)) * 14 - 0.35 + (0 if is_scarf else 0.9 * (noise(y * 7 + 3 * np.sign(u), 0 * u) - 0.3))
    margin = np.minimum(bottom, np.where(is_scarf, 1.0, sides)) + 0 * x
    return points, margin.reshape(-1).astype(np.float32), _grid(ROWS, COLUMNS)


def _ball(middle: tuple[float, float, float], radius: float) -> tuple[Floats, Ints]:
    turn, fall = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0.001, np.pi - 0.001, 11))
    unit = np.stack([np.sin(fall) * np.sin(turn), np.cos(fall), np.sin(fall) * np.cos(turn)], -1).reshape(-1, 3)
    return (unit * radius + middle).astype(np.float32), _grid(11, 17)


def _grid(rows: int, columns: int) -> Ints:
    """Triangles of a sheet of points, row by row."""
    at = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
