"""Clothes of the avatars: the body pushed outwards, cut at neck and wrists, and painted. Canonical coordinates throughout."""

import numpy as np

from gerdata.synth.mesh import Floats, Mesh, smooth
from gerdata.synth.texture import linear, mixed, noise
from gerdata.synth.traits import Traits

SHIRT, TROUSERS = 0.085, 0.05  # thickness, decimetres
WAIST_Y, SHOES_Y = -6.3, -15.0
BURIED = 0.12  # margin from which nobody sees the skin below
NECK_Z = 0.12  # of the neck's axis
SLEEVES = (0.62, 1.45, 1.93)  # where sleeves end: 1 the elbow, 2 the wrist
SHOULDER, ELBOW, WRIST = (1.7, -2.34, 0.19), (3.31, -4.14, 0.2), (4.53, -5.38, 1.83)


def coverage(mesh: Mesh, traits: Traits) -> tuple[Floats, Floats]:
    """Margin in decimetres (positive where clothes are, negative where skin shows) and thickness, both `float32 [V]`."""
    c = mesh.canonical
    sleeves = (
        2.5 if traits.garment in ("shirt", "jacket", "hoodie", "jumper", "polo-neck") and traits.sleeve > 0 else 0.0
    )
    end = max(SLEEVES[round(traits.sleeve * 2)], min(sleeves, SLEEVES[2]))
    margin = np.minimum(_below_neck(c, traits), (end - along_arm(c)) * 1.9)
    hands = np.clip(mesh.bones["hand l"] + mesh.bones["hand r"], 0, 1)
    margin = np.where(hands > 0.6, -1.0, margin)
    margin[mesh.bones["head"] > 0.6] = -1.0
    above = smooth(WAIST_Y - 0.1, WAIST_Y + 0.1, c[:, 1])
    loose = SHIRT + (0.05 if traits.garment in ("hoodie", "jacket", "jumper") else 0.0)
    thick = TROUSERS + (loose - TROUSERS) * above
    thick = thick + 0.03 * (noise(c[:, 0] * 1.9 + traits.seed % 31, c[:, 1] * 1.3) - 0.5)
    return margin.astype(np.float32), np.asarray(thick, np.float32)


def along_arm(c: Floats) -> Floats:
    """0 at the shoulder, 1 at the elbow, 2 at the wrist; negative on the trunk."""
    out = np.full(len(c), -1.0, np.float32)
    p = np.stack([np.abs(c[:, 0]), c[:, 1], c[:, 2]], 1)
    for start, a, b in ((0, SHOULDER, ELBOW), (1, ELBOW, WRIST)):
        way = np.subtract(b, a)
        t = ((p - a) @ way) / (way @ way)
        near = np.linalg.norm(p - a - t[:, None] * way, axis=1) < 1.1
        out = np.where(near & (t > 0) & (c[:, 1] > -7.5) & (p[:, 0] > 1.55), start + t, out)
    return np.asarray(out, np.float32)


def _below_neck(c: Floats, traits: Traits) -> Floats:
    x, y = np.abs(c[:, 0]), c[:, 1]
    front = np.degrees(np.arctan2(x, c[:, 2] - NECK_Z))
    wide = 0.05 * (traits.seed % 5)
    deep, side, back = {
        "tee": (-1.95 - wide, -1.44, -1.32),
        "jumper": (-1.9 - wide / 2, -1.4, -1.28),
        "shirt": (-1.95, -1.26, -1.16),
        "vneck": (-2.6, -1.46, -1.34),
        "jacket": (-2.0, -1.26, -1.16),
        "polo-neck": (-1.32, -1.2, -1.12),
        "hoodie": (-1.85, -1.3, -1.08),
    }[traits.garment]
    line = np.interp(front, (0, 30, 70, 110, 180), (deep, deep + 0.3 * (side - deep), side, side, back))
    if traits.garment in ("vneck", "shirt", "jacket"):
        line = np.where(c[:, 2] > 0.2, np.maximum(deep + x * (side - deep) / 0.62, deep), line)
        line = np.minimum(line, side)
    return np.asarray(np.where(x > 1.3, 9.0, line - y), np.float32)


def paint(c: Floats, margin: Floats, traits: Traits) -> Floats:
    """Albedo of cloth, `float32 [N, 3]`, at canonical positions `c` with their margins."""
    x, y = c[:, 0], c[:, 1]
    ax, arm = np.abs(x), along_arm(c)
    first, second = linear(traits.cloth), linear(traits.cloth2)
    u = np.where(arm > 0, arm * 2.4, -y)
    share = {
        "plain": 0 * x,
        "stripes": (np.sin(u * (7 + traits.seed % 9)) > 0.1) * 1.0,
        "checks": 0.5 * (np.sin(u * 8) > 0.1) + 0.5 * (np.sin(x * 8) > 0.1),
        "blocks": (y < -3.6 - 0.5 * (traits.seed % 3)) * 1.0,
        "yoke": ((y > -2.75) | (arm > 0.05)) * 1.0,
    }[traits.pattern]
    out = mixed(np.tile(first, (len(c), 1)), second, np.asarray(share * 0.9, np.float32))
    chest = (c[:, 2] > 0) & (ax < 1.5) & (y > WAIST_Y)
    if traits.garment == "jacket":  # open over a shirt
        out[chest & (ax < 0.32 + 0.12 * (-1.6 - y).clip(0, 2))] = second
    if traits.garment == "shirt":
        out[chest & (ax < 0.035)] *= 0.6
    if traits.garment == "hoodie":
        cord = chest & (np.abs(ax - 0.3) < 0.04) & (y > -3.1)
        out[cord] = second * 0.8 + 0.1
    hem = (margin > 0) & (margin < 0.1) & (ax < 1.6)
    out[hem] *= 0.72 if traits.garment != "tee" else 0.85
    legs = y < WAIST_Y
    out[legs] = linear(traits.trousers)
    out[y < SHOES_Y] = linear(traits.trousers)[::-1] * 0.35 + 0.015
    folds = 0.55 * noise(x * 2.2 + traits.seed % 17, y * 1.3 + c[:, 2]) + 0.45 * noise(
        x * 5, y * 3.4 + traits.seed % 19
    )
    return np.asarray(out * (0.72 + 0.5 * folds)[:, None], np.float32)
