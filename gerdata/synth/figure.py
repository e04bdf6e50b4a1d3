"""Figure: one avatar's geometry, built once a person, then posed: skin, clothes and hair in one list of triangles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.synth import cloth, hair
from gerdata.synth.asset import AGES, ANCESTRIES, SEXES
from gerdata.synth.expression import expressive, move_face
from gerdata.synth.eyewear import frames_of
from gerdata.synth.mesh import BODY, LASHES, TEETH, Floats, Ints, Mesh, move, normals
from gerdata.synth.posture import Rig, Stance, rig_of
from gerdata.synth.traits import Traits

SHELL, HANGING, CLOTH, EYEWEAR = 6, 7, 8, 9  # layers beyond the parts of the mesh
ALWAYS = 9.0  # a margin that is never cut
SHEET_OPENNESS = 0.8  # to the sky, of what hangs
LIFT = 0.012  # of the shell over the scalp, decimetres
TEETH_SCALE, TEETH_BACK = (0.86, 0.95, 0.95), 0.05
SHELL_FALL = 0.25  # how much of its thickness the shell also rises: hair stands up on the crown


@dataclass(frozen=True, eq=False)
class Figure:
    """A person at rest.

    Points are the mesh's vertices as skin, as shell, as cloth, then those of sheets of their own. Per point: `surface`
    (canonical position, openness to the sky, margin of the hair, margin of the layer) and `margin` alone (negative is cut
    away); per triangle: `layer`, `two_sided`.
    """

    traits: Traits
    mesh: Mesh
    rest: Floats  # [V, 3]
    shell: Floats  # thickness [V]
    cloth: Floats  # thickness [V]
    extra: Floats  # [K, 3]
    bones: dict[str, Floats]  # of the extra points
    surface: Floats  # [N, 6]
    margin: Floats
    triangles: Ints
    layer: npt.NDArray[np.uint8]
    two_sided: npt.NDArray[np.bool_]
    face: tuple[Ints, Ints, Ints]  # vertices whose normals an expression turns, all triangles around them, and theirs


@dataclass(frozen=True, eq=False)
class Posed:
    """A figure in a stance with an expression: `points: float32 [N, 3]`, unit `normals`, the rig, the gaze from the head, and
    the amounts of action units."""

    figure: Figure
    points: Floats
    normals: Floats
    rig: Rig
    gaze: tuple[float, float]
    amounts: dict[int, float]


def build_figure(mesh: Mesh, traits: Traits) -> Figure:
    """The geometry of a person at rest."""
    rest = shape_of(mesh, traits)
    hair.tuck_ears(mesh, rest, traits)
    growth, shell = hair.growth(mesh, traits)
    worn, thickness = cloth.coverage(mesh, traits)
    v = len(mesh.base)
    buried = (mesh.parts == BODY) & (worn[mesh.triangles] > cloth.BURIED).all(1)
    skin, skin_parts = mesh.triangles[~buried], mesh.parts[~buried]
    body = mesh.triangles[mesh.parts == BODY]
    scalp = body[growth[body].max(1) > 0] + v if traits.style not in ("bald",) else body[:0]
    clothes = body[worn[body].max(1) > 0] + 2 * v
    groups = [(skin, skin_parts, skin_parts == LASHES), (scalp, SHELL, True), (clothes, CLOTH, False)]
    extra = [
        (s, layer)
        for s, layer in ((hair.hanging(mesh, rest, traits), HANGING), (frames_of(mesh, rest, traits), EYEWEAR))
        if s
    ]
    start = 3 * v
    for sheet, layer in extra:
        groups.append((sheet.triangles + start, layer, True))
        start += len(sheet.points)
    own = [sheet for sheet, _ in extra]
    with_head = np.concatenate([np.zeros(0, np.float32), *(sheet.with_head for sheet in own)])
    bones = {name: np.zeros(len(with_head), np.float32) for name in mesh.bones}
    bones["head"], bones["neck"] = with_head, np.asarray((1 - with_head) * 0.5, np.float32)
    margin = np.concatenate([np.full(v, ALWAYS, np.float32), growth, worn, *(sheet.margin for sheet in own)])
    return Figure(
        traits=traits,
        mesh=mesh,
        rest=rest,
        shell=shell,
        cloth=thickness,
        extra=np.concatenate([np.zeros((0, 3), np.float32), *(sheet.points for sheet in own)]),
        bones=bones,
        surface=_surface(mesh, own, growth, margin),
        margin=margin,
        triangles=np.concatenate([group for group, _, _ in groups]).astype(np.int32),
        layer=np.concatenate([np.broadcast_to(np.asarray(layer, np.uint8), len(group)) for group, layer, _ in groups]),
        two_sided=np.concatenate([np.broadcast_to(np.asarray(both), len(group)) for group, _, both in groups]),
        face=_face(mesh, skin),
    )


def _surface(mesh: Mesh, sheets: list[hair.Sheet], growth: Floats, margin: Floats) -> Floats:
    """What is interpolated over triangles: canonical position, openness, margin of the hair and of the layer."""
    k = sum(len(sheet.points) for sheet in sheets)
    canonical = np.concatenate([*[mesh.canonical] * 3, *(sheet.canonical for sheet in sheets)])
    open_to = np.concatenate([*[mesh.openness] * 3, np.full(k, SHEET_OPENNESS, np.float32)])
    grown = np.concatenate([*[growth] * 3, np.ones(k, np.float32)])
    return np.concatenate([canonical, np.stack([open_to, grown, margin], 1)], 1).astype(np.float32)


def _face(mesh: Mesh, skin: Ints) -> tuple[Ints, Ints, Ints]:
    moved, near = np.zeros(len(mesh.base), np.bool_), np.zeros(len(mesh.base), np.bool_)
    moved[expressive(mesh)] = True
    near[skin[moved[skin].any(1)]] = True
    ring = skin[near[skin].any(1)].astype(np.int32)
    return np.nonzero(near)[0].astype(np.int32), ring, np.unique(ring)


def shape_of(mesh: Mesh, traits: Traits) -> Floats:
    """A person's vertices at rest, `float32 [V, 3]`: mixed targets of sex, age, weight and ancestry, then local ones."""
    out = mesh.base.copy()
    ages = dict(
        zip(AGES, ((1 - traits.old) * (1 - traits.child), traits.old * (1 - traits.child), traits.child), strict=True)
    )
    weights = {
        "minweight": max(-traits.weight, 0.0),
        "averageweight": 1 - abs(traits.weight),
        "maxweight": max(traits.weight, 0.0),
    }
    for sex, share in zip(SEXES, (traits.sex, 1 - traits.sex), strict=True):
        for age, amount in ages.items():
            for weight, part in weights.items():
                if share * amount * part > 1e-3:
                    move(out, mesh.targets[f"build/{sex}/{age}/{weight}"], share * amount * part)
            for ancestry, part in zip(ANCESTRIES, traits.ancestry, strict=True):
                if share * amount * part > 1e-3:
                    move(out, mesh.targets[f"ancestry/{sex}/{age}/{ancestry}"], share * amount * part)
    for name, amount in traits.shape:
        move(out, mesh.targets[name], amount)
    teeth = np.unique(
        mesh.triangles[mesh.parts == TEETH]
    )  # they do not follow all of a face's shape, so they keep a distance
    middle = out[teeth].mean(0)
    out[teeth] = (
        (out[teeth] - middle) * np.array(TEETH_SCALE, np.float32) + middle - np.array((0, 0, TEETH_BACK), np.float32)
    )
    return out


def stand(figure: Figure, stance: Stance) -> Posed:
    """The figure in a stance with a resting face."""
    mesh, rest = figure.mesh, figure.rest
    outwards = normals(rest, mesh.triangles[mesh.parts == BODY])
    shell = rest + outwards * (figure.shell + LIFT)[:, None]
    shell[:, 1] += figure.shell * SHELL_FALL
    worn = rest + outwards * figure.cloth[:, None]
    rig = rig_of(mesh, rest, stance)
    layers = [rig.carry(layer, mesh.bones) for layer in (rest, shell, worn)]
    points = np.concatenate([*layers, rig.carry(figure.extra, figure.bones)])
    return Posed(figure, points, normals(points, figure.triangles), rig, (stance.gaze_yaw, stance.gaze_pitch), {})


def express(rest: Posed, amounts: dict[int, float]) -> Posed:
    """The same with an expression: only vertices that some face unit moves differ, and normals next to them."""
    figure = rest.figure
    if not amounts:
        return rest
    face = figure.rest.copy()
    move_face(face, figure.mesh, amounts, figure.traits.lean)
    moved = expressive(figure.mesh)
    points, facing = rest.points.copy(), rest.normals.copy()
    points[moved] = rest.rig.carry(face[moved], {name: weights[moved] for name, weights in figure.mesh.bones.items()})
    near, ring, _ = figure.face
    facing[near] = normals(points[: len(figure.rest)], ring)[near]
    return Posed(figure, points, facing, rest.rig, rest.gaze, amounts)
