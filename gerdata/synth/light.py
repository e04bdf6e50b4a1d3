"""Light of the avatars: one key light and the sky for everybody in a scene, in linear light, then a soft shoulder."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.synth import cloth, skin
from gerdata.synth.figure import CLOTH, EYEWEAR, HANGING, SHELL, Posed
from gerdata.synth.hair import STYLES
from gerdata.synth.mesh import BODY, LASHES, LEFT_EYE, RIGHT_EYE, TEETH, TONGUE, Floats, Ints, smooth
from gerdata.synth.texture import GAMMA, linear

Parts = npt.NDArray[np.uint8]
WRAP = 0.25  # how far light creeps round an edge
SHADOW_MIN = 0.16
SHOULDER = 0.28  # how strongly bright values are held back, so that pale skins do not clip
BOUNCE = 0.05  # red light that skin passes on into its own shadow


@dataclass(frozen=True)
class Light:
    """Direction to the key light (x to the right, y up, z to the camera), its strength, that of the sky, and warmth."""

    x: float = 0.35
    y: float = 0.6
    z: float = 1.0
    key: float = 0.85
    sky: float = 0.42
    warmth: float = 0.03

    def direction(self) -> Floats:
        """As a unit vector."""
        way = np.array((self.x, self.y, self.z))
        return np.asarray(way / np.linalg.norm(way), np.float32)


def draw_light(rng: np.random.Generator) -> Light:
    """A light from in front and mostly above."""
    values = (
        np.clip(rng.normal(0, 0.5), -0.9, 0.9),
        rng.uniform(0.25, 1.1),
        1.0,
        rng.uniform(0.75, 0.95),
        rng.uniform(0.36, 0.5),
        np.clip(rng.normal(0, 0.04), -0.08, 0.08),
    )
    return Light(*(round(float(value), 3) for value in values))


def shade(posed: Posed, triangle: Ints, weights: Floats, light: Light) -> Floats:
    """Display colours `float32 [N, 3]`, 0 to 1, of surface points given by triangle and `[N, 3]` weights of its corners."""
    figure = posed.figure
    corners = figure.triangles[triangle]
    at = _blended(figure.surface, corners, weights)
    facing = _blended(posed.normals, corners, weights)
    facing /= np.sqrt(np.einsum("nk,nk->n", facing, facing))[:, None] + 1e-6
    layer = figure.layer[triangle]
    back = figure.two_sided[triangle] & (facing[:, 2] < 0)
    facing[back] *= -1
    albedo, shine, open_to = _surface(posed, corners, weights, at, layer)
    return _lit(albedo, shine, np.clip(open_to, SHADOW_MIN, 1), facing, layer, light)


def _blended(values: Floats, corners: Ints, weights: Floats) -> Floats:
    """Rows per vertex, interpolated within triangles."""
    out = values[corners[:, 0]] * weights[:, :1]
    for k in (1, 2):
        out += values[corners[:, k]] * weights[:, k : k + 1]
    return np.asarray(out, np.float32)


def _surface(
    posed: Posed,
    corners: Ints,
    weights: Floats,
    at: Floats,
    layer: Parts,
) -> tuple[Floats, Floats, Floats]:
    """Albedo, shine and openness by layer. What has light of its own (glints) is brighter than white."""
    figure, traits = posed.figure, posed.figure.traits
    c, open_to = at[:, :3], np.clip(at[:, 3], 0, 1) ** 0.8
    albedo, shine = np.full((len(c), 3), 0.02, np.float32), np.zeros(len(c), np.float32)
    y, x = c[:, 1], np.abs(c[:, 0])
    is_skin = layer == BODY
    albedo[is_skin], shine[is_skin] = skin.paint(c[is_skin], at[is_skin, 4], traits, posed.amounts)
    inner = is_skin & (open_to < 0.2) & (y < -0.5) & (c[:, 2] > 0.4)  # the lining of the mouth
    albedo[inner] *= np.array((0.4, 0.15, 0.15), np.float32)
    for part, vertices in ((LEFT_EYE, figure.mesh.eyes[0]), (RIGHT_EYE, figure.mesh.eyes[1])):
        is_eye = layer == part
        if is_eye.any():
            ways = (posed.points[corners[is_eye]] * weights[is_eye, :, None]).sum(1) - posed.points[vertices].mean(0)
            ways /= np.linalg.norm(ways, axis=1, keepdims=True)
            albedo[is_eye], glint = skin.paint_eye(ways, _gaze(posed), traits.iris)
            albedo[is_eye] += 1.2 * glint[:, None]
            upper = 0.6 + 0.4 * smooth(0.5, 0.1, ways[:, 1])
            open_to[is_eye] = upper * np.clip(open_to[is_eye] * 1.5 + 0.35, 0, 1)
    for part, colour, level in (
        (TEETH, skin.TEETH_WHITE, 0.9),
        (TONGUE, skin.TONGUE_RED, 0.5),
        (LASHES, (skin.LASH,) * 3, 1.0),
    ):
        chosen = layer == part
        albedo[chosen] = colour
        open_to[chosen] = level * (np.clip(1.3 - x[chosen] / 0.42, 0.3, 1) if part == TEETH else 1)
    flow = STYLES[traits.style].flow
    hair = (layer == SHELL) | (layer == HANGING)
    if hair.any():
        dye = traits.cloth2 if flow == "cloth" else traits.hair
        albedo[hair], shine[hair] = skin.strands(c[hair], flow, linear(dye), traits.seed)
        deep = np.where(layer == SHELL, 0.62 + 0.38 * smooth(-0.5, 0.7, y), 0.5 + 0.5 * smooth(-1.7, 0.6, y))
        open_to[hair] = deep[hair]
    worn = layer == CLOTH
    albedo[worn] = cloth.paint(c[worn], at[worn, 5], traits)
    open_to[worn] = np.clip(open_to[worn], 0.5, 1)
    albedo[layer == EYEWEAR] = linear(traits.frame)
    return albedo, shine, open_to


def _gaze(posed: Posed) -> Floats:
    yaw, pitch = posed.gaze
    own = np.array((np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)), np.float32)
    return np.asarray(posed.rig.head_turn @ own, np.float32)


def _lit(
    albedo: Floats,
    shine: Floats,
    open_to: Floats,
    facing: Floats,
    layer: Parts,
    light: Light,
) -> Floats:
    way = light.direction()
    key = light.key * np.clip((facing @ way + WRAP) / (1 + WRAP), 0, 1) ** 1.3 * (0.35 + 0.65 * open_to)
    sky = light.sky * (0.55 + 0.45 * (0.5 + 0.5 * facing[:, 1])) * open_to
    warm = np.array((1 + light.warmth, 1, 1 - light.warmth), np.float32)
    out = albedo * (sky[:, None] * np.array((0.95, 1, 1.06), np.float32) + key[:, None] * warm)
    out[:, 0] += albedo[:, 0] * BOUNCE * (layer == BODY)
    half = way + np.array((0, 0, 1), np.float32)
    half /= np.linalg.norm(half)
    is_hair = (layer == SHELL) | (layer == HANGING)
    gloss = np.clip(facing @ half, 0, 1) ** np.where(is_hair, 12, 22) * shine * open_to * light.key
    out += gloss[:, None] * np.where(is_hair[:, None], np.clip(albedo * 4 + 0.12, 0, 1), 0.8)
    out = out.clip(0)
    return np.asarray(((1 + SHOULDER) * out / (1 + SHOULDER * out)).clip(0, 1) ** (1 / GAMMA), np.float32)
