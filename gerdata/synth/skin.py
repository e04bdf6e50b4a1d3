"""What skin, eyes and mouth look like: colour painted over canonical positions, creases by the action units that make them."""

import numpy as np

from gerdata.synth.hair import MIDDLE_Z
from gerdata.synth.mesh import Floats, smooth
from gerdata.synth.texture import linear, mixed, noise
from gerdata.synth.traits import Traits

LID_SHADE, CHEEK_RED = 0.22, 0.2
TEETH_WHITE, TONGUE_RED, LASH = (0.8, 0.74, 0.64), (0.36, 0.1, 0.09), 0.012
IRIS_DEG, PUPIL_DEG, LIMBUS_DEG = 26.0, 11.0, 20.0


def paint(c: Floats, growth: Floats, traits: Traits, amounts: dict[int, float]) -> tuple[Floats, Floats]:
    """Albedo `[N, 3]` and shine `[N]` at canonical positions, with the hair's margin there."""
    x, y, z = np.abs(c[:, 0]), c[:, 1], c[:, 2]
    skin, strands = linear(traits.skin), linear(traits.hair)
    fine = noise(c[:, 0] * 9 + 40, y * 9 + z * 4) - 0.5
    coarse = noise(c[:, 0] * 2.3 + traits.seed % 53, y * 2.3 + z) - 0.5
    out = np.asarray(skin * (1 + 0.12 * fine + 0.14 * coarse)[:, None], np.float32)
    front = smooth(0.7, 1.0, z)
    out *= 1 - np.outer(_red(x, y, z), (0.1, 1.0, 0.9)).astype(np.float32) * (CHEEK_RED - 0.08 * traits.tone)
    lids = np.exp(-(((x - 0.29) / 0.2) ** 2 + ((y + 0.1) / 0.11) ** 2)) * front * LID_SHADE
    out *= (1 - lids * (0.7 + 0.7 * traits.old))[:, None]
    lip = lips(c)
    own = skin * np.array((0.84, 0.5 + 0.08 * traits.tone, 0.5 + 0.08 * traits.tone), np.float32)
    rouge = own * (1 - traits.lip_amount) + linear(traits.lip) * traits.lip_amount
    out = mixed(out, rouge.astype(np.float32), lip * 0.85)
    hairs = strands * (0.5 if strands.mean() < 0.25 else 0.35)
    out = mixed(out, hairs, _brows(c, traits))
    out = mixed(out, strands * 0.8 + 0.01, _beard(c, lip, traits))
    if traits.style not in ("bald", "beanie", "headscarf"):
        out = mixed(out, strands * 0.7, smooth(-0.6, 1.2, growth) * (0.62 if traits.style == "buzz" else 0.85))
    out = out * (1 - creases(x, y, z, amounts, traits.old))[:, None]
    return np.asarray(out, np.float32), np.asarray(0.09 + 0.1 * lip, np.float32)


def _red(x: Floats, y: Floats, z: Floats) -> Floats:
    cheeks = np.exp(-(((x - 0.5) / 0.22) ** 2 + ((y + 0.5) / 0.22) ** 2)) * 0.55 * (z > 0)
    nose = np.exp(-((x / 0.16) ** 2 + ((y + 0.4) / 0.16) ** 2)) * 0.35 * smooth(1.2, 1.5, z)
    ears = smooth(0.7, 0.76, x) * (np.abs(y + 0.15) < 0.45) * 0.35 * (z < 0.65)
    return np.asarray(cheeks + nose + ears, np.float32)


def lips(c: Floats) -> Floats:
    """0 to 1: on the red of the lips."""
    x, y = np.abs(c[:, 0]), c[:, 1]
    t = np.clip(x / 0.245, 0, 1.2)
    top = -0.585 - 0.085 * t**2 + 0.02 * np.exp(-(((x - 0.07) / 0.05) ** 2)) - 0.012 * np.exp(-((x / 0.03) ** 2))
    bottom = -0.815 + 0.13 * t**2.4
    inside = np.minimum(top - y, y - bottom)
    return np.asarray(smooth(-0.012, 0.02, inside) * smooth(0.26, 0.235, x) * smooth(1.0, 1.15, c[:, 2]), np.float32)


def _brows(c: Floats, traits: Traits) -> Floats:
    """Two brows that stay apart: their inner ends fade out well before the middle."""
    x, y = np.abs(c[:, 0]), c[:, 1]
    u = np.clip((x - 0.12) / 0.45, -0.5, 1.5)
    middle = 0.2 + 0.1 * np.sin(np.clip(u, 0, 1) * 2.2) - 0.03 * u
    half = 0.045 * traits.brow_height * np.clip(1.15 - 0.75 * u, 0.3, 1)
    band = np.exp(-(((y - middle) / half) ** 4)) * smooth(-0.06, 0.12, u) * smooth(1.05, 0.8, u) * (c[:, 2] > 0.55)
    strokes = 0.7 + 0.6 * noise(c[:, 0] * 38 + y * 20, y * 9)
    return np.asarray(np.clip(band * strokes * 0.85 * traits.brow_weight, 0, 0.88), np.float32)


def _beard(c: Floats, lip: Floats, traits: Traits) -> Floats:
    if traits.beard == "none":
        return np.zeros(len(c), np.float32)
    x, y, z = np.abs(c[:, 0]), c[:, 1], c[:, 2]
    rim = 0.05 * (noise(c[:, 0] * 12, y * 12) - 0.5)
    upper = np.interp(x, (0, 0.2, 0.3, 0.5, 0.62, 0.75), (-0.8, -0.7, -0.6, -0.52, -0.3, -0.05)) + rim
    jaw = smooth(-0.05, 0.07, upper - y) * smooth(-1.28, -1.08, y) * smooth(0.35, 0.5, z)
    over = np.exp(-(((y + 0.54 + 0.22 * x**2 + rim) / 0.06) ** 4)) * smooth(0.33, 0.24, x) * (z > 1.0)
    chin = jaw * smooth(0.34, 0.24, x)
    share = {"stubble": 0.38, "full": 0.9, "goatee": 0.85, "moustache": 0.85}[traits.beard] * traits.beard_amount
    where = {
        "stubble": np.maximum(jaw, over),
        "full": np.maximum(jaw, over),
        "goatee": np.maximum(chin, over),
        "moustache": over,
    }
    spots = 0.65 + 0.7 * noise(c[:, 0] * 26, y * 26)
    return np.asarray(np.clip(where[traits.beard] * share * spots * (1 - lip), 0, 0.93), np.float32)


def creases(x: Floats, y: Floats, z: Floats, amounts: dict[int, float], old: float) -> Floats:
    """0 to 0.5: how much folds of the skin darken it. Painted, since at 30 to 60 px they carry much of the look."""

    def unit(number: int) -> float:
        return amounts.get(number, 0.0)

    face = smooth(0.7, 0.9, z)
    down = np.clip((-0.42 - y) / 0.45, 0, 1)
    cheek_line = (
        np.exp(-(((x - (0.19 + 0.2 * down)) / (0.028 + 0.012 * down)) ** 2))
        * smooth(-0.36, -0.5, y)
        * smooth(-0.92, -0.72, y)
    )
    nasolabial = min(0.42 * unit(12) + 0.25 * unit(10) + 0.14 * old, 0.5)
    out = nasolabial * cheek_line * face
    lines = sum(np.exp(-(((y - at - 0.04 * x) / 0.016) ** 2)) for at in (0.41, 0.51, 0.61))
    raised = min(unit(1), 1) * smooth(0.45, 0.2, x) + min(unit(2), 1) * smooth(0.6, 0.3, x)
    out = out + (0.22 * raised + 0.12 * old * smooth(0.5, 0.3, x)) * lines * face
    frown = np.exp(-(((x - 0.062) / 0.02) ** 2)) * np.exp(-(((y - 0.2) / 0.1) ** 2))
    out = out + min(0.4 * unit(4), 0.45) * frown * face
    out = out + 0.25 * unit(9) * np.exp(-(((y + 0.03) / 0.03) ** 2)) * smooth(0.16, 0.1, x) * face
    fan = sum(np.exp(-(((y - 0.0 - slope * (x - 0.48)) / 0.014) ** 2)) for slope in (-0.5, 0.05, 0.6))
    out = out + (0.2 * unit(6) + 0.1 * old) * fan * smooth(0.46, 0.5, x) * smooth(0.66, 0.58, x)
    mouth = (
        np.exp(-(((x - 0.26 - 0.05 * (-0.72 - y).clip(0, 0.3)) / 0.02) ** 2))
        * smooth(-0.68, -0.74, y)
        * smooth(-0.98, -0.85, y)
    )
    out = out + min(0.3 * unit(15) + 0.12 * old, 0.35) * mouth * face
    chin = np.exp(-(((y + 0.87) / 0.025) ** 2)) * smooth(0.2, 0.1, x)
    return np.asarray(np.clip(out + 0.2 * min(unit(17), 1) * chin * face, 0, 0.5), np.float32)


def paint_eye(ways: Floats, forwards: Floats, iris: str) -> tuple[Floats, Floats]:
    """Albedo and the light that a wet eye throws back, at unit directions `[N, 3]` from its middle; `forwards` is the gaze."""
    angle = np.degrees(np.arccos(np.clip(ways @ forwards, -1, 1)))
    white = np.array((0.72, 0.68, 0.65), np.float32) * (1 - 0.3 * smooth(28, 62, angle))[:, None]
    coloured = linear(iris) * (0.75 + 0.5 * noise(ways[:, 0] * 18, ways[:, 1] * 18))[:, None]
    coloured = coloured * (1 - 0.75 * smooth(LIMBUS_DEG, IRIS_DEG, angle))[:, None]
    out = np.where((angle < IRIS_DEG)[:, None], coloured, white)
    out = np.where((angle < PUPIL_DEG)[:, None], 0.006, out)
    glint = np.exp(-((ways - (forwards * 0.9 + np.array((-0.24, 0.3, 0.0)))) ** 2).sum(1) / 0.016)
    return np.asarray(out, np.float32), np.asarray(glint, np.float32)


def strands(c: Floats, flow: str, colour: Floats, phase: int) -> tuple[Floats, Floats]:
    """Albedo and shine of hair (or cloth on the head) at canonical positions: strands follow the flow of the style."""
    x, y, z = c[:, 0], c[:, 1], c[:, 2]
    if flow == "cloth":
        weave = 0.8 + 0.3 * noise(np.arctan2(x, z - MIDDLE_Z) * 9, y * 6 + phase % 7)
        return np.asarray(colour * weave[:, None], np.float32), np.full(len(c), 0.02, np.float32)
    if flow == "coil":
        value = 0.5 * noise(x * 10 + z * 6, y * 10) + 0.5 * noise(x * 23, y * 23 + z * 17)
        return np.asarray(colour * (0.4 + 1.0 * value)[:, None], np.float32), np.asarray(0.05 * value, np.float32)
    turned = np.arctan2(x, z - 0.1)
    sides = 0.6 * noise(turned * 26, y * 1.2 + phase % 5) + 0.4 * noise(turned * 55 + 3, y * 2)
    along = z * 16 if flow == "aside" else x * 16
    crown = 0.6 * noise(along * 1.6, (x if flow == "aside" else z) * 1.2) + 0.4 * noise(along * 3.4, x + z)
    up = smooth(0.45, 0.8, y)
    value = crown * up + sides * (1 - up)
    return np.asarray(colour * (0.5 + 0.95 * value)[:, None], np.float32), np.asarray(0.12 * value, np.float32)
