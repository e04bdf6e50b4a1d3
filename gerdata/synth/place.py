"""Backgrounds: seven families of places, each drawn from a few colours and a seed."""

from collections.abc import Callable

import cv2
import numpy as np

from gerdata.chance import rng_for
from gerdata.clip import Frames
from gerdata.synth.canvas import SCALE, Canvas, Colour, blend, dim, ellipse, rgb
from gerdata.synth.cast import Place

EDGE_PX = 16  # drawn beyond the frame on every side, so that the camera can drift
BLUR_PX = 0.9  # the place is a little out of focus
SKY = (168.0, 208.0, 238.0)


def draw_place(place: Place, frame_px: int) -> Frames:
    """The background with `EDGE_PX` around it, `uint8 [S, S, 3]` RGB, S = frame_px + 2 * EDGE_PX."""
    side = frame_px + 2 * EDGE_PX
    image = np.zeros((SCALE * side, SCALE * side, 3), np.uint8)
    DRAWERS[place.kind](Canvas(image), float(side), place, rng_for(place.seed, "place"))
    grain = rng_for(place.seed, "grain").normal(0, 5, (side // 6, side // 6, 1)).astype(np.float32)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    cloud = cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC)
    out: Frames = np.clip(cv2.GaussianBlur(small, (0, 0), BLUR_PX) + cloud[..., None], 0, 255).astype(np.uint8)
    return out


def _ramp(canvas: Canvas, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
    """Rows y0..y1 filled with a vertical blend."""
    a, b = round(y0 * SCALE), round(y1 * SCALE)
    share = np.linspace(0, 1, b - a)[:, None, None]
    canvas.image[a:b] = (np.array(top) * (1 - share) + np.array(bottom) * share).astype(np.uint8)


def _floor(canvas: Canvas, s: float, y: float, colour: Colour, boards: int) -> None:
    """A floor with boards that run to a vanishing point."""
    _ramp(canvas, y, s, dim(colour, 0.8), dim(colour, 1.1))
    for x in np.linspace(-1.5, 2.5, boards):
        canvas.stroke(np.array([(s * (0.5 + (x - 0.5) * 0.5), y), (s * x, s)]), dim(colour, 0.7), 0.9)


def _window(canvas: Canvas, x: float, y: float, w: float, h: float, sky: Colour) -> None:
    canvas.box(x - 4, y - 4, x + w + 4, y + h + 4, (240.0, 236.0, 228.0))
    canvas.box(x, y, x + w, y + h, sky)
    canvas.fill(ellipse(x + w / 2, y + h * 1.05, w * 0.5, h * 0.35), blend(sky, (90.0, 140.0, 80.0), 0.7))
    canvas.box(x, y + h, x + w, y + h * 1.45, (240.0, 236.0, 228.0))
    canvas.box(x + w / 2 - 1.5, y, x + w / 2 + 1.5, y + h, (240.0, 236.0, 228.0))
    canvas.box(x, y + h / 2 - 1.5, x + w, y + h / 2 + 1.5, (240.0, 236.0, 228.0))


def _room(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    wall, wood = rgb(place.colour), rgb(place.colour2)
    floor_y = s * rng.uniform(0.55, 0.66)
    _ramp(canvas, 0, floor_y, dim(wall, 1.08), dim(wall, 0.94))
    w, h, x = s * rng.uniform(0.2, 0.3), s * rng.uniform(0.22, 0.3), s * rng.uniform(0.08, 0.62)
    _window(canvas, x, s * 0.1, w, h, blend(SKY, (250.0, 214.0, 170.0), float(rng.random())))
    canvas.box(x - 4, s * 0.1 + h, x + w + 4, floor_y, dim(wall, 0.97))
    for sign in (-1, 1):  # curtains
        edge = x + w / 2 + sign * (w / 2 + 6)
        canvas.box(min(edge, edge + sign * 16), s * 0.08, max(edge, edge + sign * 16), floor_y * 0.96, dim(wood, 1.25))
    for _ in range(rng.integers(1, 4)):  # pictures
        px, py, ps = s * rng.uniform(0.02, 0.9), s * rng.uniform(0.08, 0.24), s * rng.uniform(0.07, 0.13)
        if x - ps - 24 < px < x + w + 24:
            continue  # not over the window
        canvas.box(px, py, px + ps, py + ps * 1.2, dim(wood, 0.7))
        canvas.box(px + 3, py + 3, px + ps - 3, py + ps * 1.2 - 3, _any(rng))
    canvas.box(0, floor_y - 6, s, floor_y, (236.0, 232.0, 224.0))
    _floor(canvas, s, floor_y, wood, int(rng.integers(9, 15)))
    rug = ellipse(s * 0.5, s * 0.86, s * 0.38, s * 0.1)
    canvas.fill(rug, _any(rng))


def _hall(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    dark = dim(rgb(place.colour2), 0.55)
    _ramp(canvas, 0, s, dim(dark, 0.6), dark)
    curtain = _any(rng)
    for x in np.arange(0, s, s / 14):
        canvas.box(x, 0, x + s / 14, s * 0.5, dim(curtain, 0.42 + 0.16 * float((x / s * 14) % 2)))
    canvas.box(0, s * 0.5, s, s * 0.58, dim(rgb(place.colour2), 0.9))
    glow = _any(rng)
    for x in rng.uniform(0.05, 0.95, int(rng.integers(3, 6))) * s:  # lamps and their cones
        layer = canvas.image.copy()
        foot = x + s * rng.uniform(-0.2, 0.2)
        Canvas(layer).fill(
            np.array([(x - 3, 6), (x + 3, 6), (foot + s * 0.12, s * 0.6), (foot - s * 0.12, s * 0.6)]), glow
        )
        cv2.addWeighted(layer, 0.22, canvas.image, 0.78, 0, dst=canvas.image)
        canvas.disc((x, 7.0), 5.0, (255.0, 248.0, 220.0))
    _ramp(canvas, s * 0.58, s, dim(dark, 0.9), dim(dark, 1.5))


def _park(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    sky = blend(SKY, (248.0, 196.0, 160.0), 0.5 * float(rng.random()))
    ground = blend((112.0, 160.0, 84.0), rgb(place.colour2), 0.25)
    y = s * rng.uniform(0.4, 0.5)
    _ramp(canvas, 0, y, dim(sky, 0.92), blend(sky, (255.0, 255.0, 250.0), 0.5))
    for _ in range(rng.integers(2, 5)):
        x, cy = s * rng.random(), s * rng.uniform(0.06, 0.2)
        for k in range(3):
            canvas.fill(ellipse(x + 14 * k, cy + 3 * (k % 2), 16, 8), (250.0, 250.0, 252.0))
    for far in (0.5, 0.75):
        across = np.linspace(-0.05, 1.05, 30)
        hill = y - s * 0.12 * (1.2 - far) * (1 + np.sin(across * rng.uniform(4, 9) + rng.uniform(0, 6)))
        shape = np.concatenate([np.stack([across * s, hill], 1), np.array([(1.05 * s, y + 9), (-0.05 * s, y + 9)])])
        canvas.fill(shape, blend(dim(ground, 0.85), sky, 0.75 - far * 0.6))
    _ramp(canvas, y, s, dim(ground, 0.88), dim(ground, 1.1))
    path = np.array([(0.46, y / s), (0.54, y / s), (0.85, 1.0), (0.35, 1.0)]) * s + (s * rng.uniform(-0.25, 0.25), 0)
    canvas.fill(path, blend(ground, (222.0, 204.0, 170.0), 0.8))
    for x in rng.uniform(0, 1, int(rng.integers(3, 7))) * s:
        _tree(canvas, x, y + s * rng.uniform(0.0, 0.08), s * rng.uniform(0.07, 0.14), ground, rng)


def _tree(canvas: Canvas, x: float, y: float, r: float, green: Colour, rng: np.random.Generator) -> None:
    canvas.box(x - r * 0.1, y - r * 1.3, x + r * 0.1, y, (94.0, 68.0, 50.0))
    for gain in (0.62, 0.74, 0.86):
        dx, dy = rng.uniform(-0.3, 0.3, 2) * r
        canvas.fill(ellipse(x + dx, y - r * 1.7 + dy, r * 0.7, r * 0.75), dim(green, gain))


def _street(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    sky = blend(SKY, rgb(place.colour), 0.4)
    _ramp(canvas, 0, s * 0.55, sky, blend(sky, (255.0, 250.0, 240.0), 0.5))
    x, y = 0.0, s * rng.uniform(0.52, 0.6)
    while x < s:
        w, top = s * rng.uniform(0.14, 0.28), s * rng.uniform(0.03, 0.26)
        front = blend(rgb(place.colour), _any(rng), 0.45)
        canvas.box(x, top, x + w, y, front)
        canvas.box(x, top, x + w, top + 4, dim(front, 0.75))
        pane = blend((60.0, 76.0, 96.0), (250.0, 224.0, 150.0), float(rng.random() < 0.3) * 0.8)
        for wy in np.arange(top + 12, y - 34, 20):
            for wx in np.arange(x + 7, x + w - 10, 15):
                canvas.box(wx, wy, wx + 8, wy + 12, pane)
        awning = _any(rng)
        canvas.box(x + 4, y - 26, x + w - 4, y, dim(pane, 0.8))
        canvas.fill(np.array([(x + 3, y - 30), (x + w - 3, y - 30), (x + w, y - 20), (x, y - 20)]), awning)
        x += w
    _ramp(canvas, y, s, (150.0, 148.0, 146.0), (176.0, 172.0, 168.0))
    canvas.box(0, y + s * 0.1, s, y + s * 0.115, (206.0, 204.0, 198.0))
    for x in np.linspace(-1, 2, 12):
        canvas.stroke(np.array([(s * (0.5 + (x - 0.5) * 0.5), y + s * 0.115), (s * x, s)]), (140.0, 138.0, 136.0), 0.8)


def _cafe(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    wall, wood = dim(rgb(place.colour), 0.9), dim(rgb(place.colour2), 0.8)
    y = s * rng.uniform(0.56, 0.64)
    _ramp(canvas, 0, y, wall, dim(wall, 0.88))
    for shelf in (0.16, 0.29):
        canvas.box(s * 0.05, s * shelf, s * 0.95, s * shelf + 4, wood)
        x = s * 0.07
        while x < s * 0.92:
            w, h = rng.uniform(5, 12), rng.uniform(10, 22)
            canvas.box(x, s * shelf - h, x + w, s * shelf, _any(rng))
            x += w + rng.uniform(2, 14)
    canvas.box(0, y - s * 0.14, s, y, wood)
    canvas.box(0, y - s * 0.155, s, y - s * 0.13, dim(wood, 1.5))
    for x in np.linspace(0.15, 0.85, int(rng.integers(3, 6))) * s:
        canvas.stroke(np.array([(x, 0), (x, s * 0.07)]), (50.0, 46.0, 44.0), 1.2)
        canvas.fill(
            np.array([(x - 4, s * 0.06), (x + 4, s * 0.06), (x + 13, s * 0.11), (x - 13, s * 0.11)]), dim(wood, 0.7)
        )
        canvas.disc((x, s * 0.113), 5.0, (255.0, 236.0, 180.0))
    tile = rgb(place.colour2)
    _floor(canvas, s, y, blend(tile, (210.0, 200.0, 190.0), 0.5), int(rng.integers(12, 20)))


def _beach(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    sky = blend(SKY, (250.0, 180.0, 140.0), 0.6 * float(rng.random()))
    horizon, shore = s * rng.uniform(0.3, 0.4), s * rng.uniform(0.5, 0.6)
    _ramp(canvas, 0, horizon, dim(sky, 0.9), blend(sky, (255.0, 250.0, 240.0), 0.6))
    canvas.disc((s * rng.uniform(0.1, 0.9), s * 0.1), s * 0.05, (255.0, 246.0, 214.0))
    _ramp(canvas, horizon, shore + 4, (70.0, 132.0, 166.0), (120.0, 184.0, 196.0))
    sand = blend((232.0, 212.0, 170.0), rgb(place.colour), 0.25)
    _ramp(canvas, shore, s, dim(sand, 0.95), sand)
    x = np.linspace(0, 1, 40) * s
    for k in range(3):
        wave = shore - 10 * k + 2.5 * np.sin(x / s * 14 + 2 * k)
        canvas.stroke(np.stack([x, wave], 1), (244.0, 250.0, 250.0), 2.4 - 0.6 * k)
    for px in rng.uniform(0.05, 0.95, int(rng.integers(1, 4))) * s:
        top = shore - s * rng.uniform(0.05, 0.14)
        canvas.stroke(np.array([(px, top), (px + 3, shore + s * 0.08)]), (240.0, 236.0, 228.0), 2.0)
        canvas.fill(ellipse(px, top, s * 0.1, s * 0.05)[12:], _any(rng))


def _classroom(canvas: Canvas, s: float, place: Place, rng: np.random.Generator) -> None:
    wall, wood = blend(rgb(place.colour), (236.0, 232.0, 220.0), 0.4), rgb(place.colour2)
    y = s * rng.uniform(0.56, 0.64)
    _ramp(canvas, 0, y, wall, dim(wall, 0.93))
    x0, x1 = s * rng.uniform(0.1, 0.2), s * rng.uniform(0.68, 0.88)
    board = (52.0, 88.0, 72.0) if rng.random() < 0.6 else (244.0, 246.0, 246.0)
    ink = (226.0, 232.0, 226.0) if board[0] < 100 else (60.0, 84.0, 130.0)
    canvas.box(x0 - 4, s * 0.09, x1 + 4, s * 0.41, dim(wood, 0.9))
    canvas.box(x0, s * 0.105, x1, s * 0.395, board)
    for row in np.arange(0.14, 0.36, 0.045):
        end = x0 + (x1 - x0) * rng.uniform(0.3, 0.9)
        x = np.linspace(x0 + 8, end, 60)
        canvas.stroke(np.stack([x, s * row + 2 * np.sin(x * 0.9) * np.sin(x * 0.23)], 1), ink, 1.2)
    canvas.disc((s * 0.94, s * 0.12), s * 0.035, (246.0, 246.0, 240.0))
    canvas.stroke(np.array([(0.94, 0.1), (0.94, 0.12), (0.955, 0.13)]) * s, (40.0, 40.0, 40.0), 1.4)
    _floor(canvas, s, y, blend(wood, (190.0, 180.0, 165.0), 0.5), int(rng.integers(8, 14)))


def _any(rng: np.random.Generator) -> Colour:
    """Some muted colour: strong ones are left to faces."""
    hsv = np.array([[[rng.integers(180), rng.integers(30, 90), rng.integers(110, 205)]]], np.uint8)
    r, g, b = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    return float(r), float(g), float(b)


Drawer = Callable[[Canvas, float, Place, np.random.Generator], None]
DRAWERS: dict[str, Drawer] = {
    "room": _room,
    "hall": _hall,
    "park": _park,
    "street": _street,
    "cafe": _cafe,
    "beach": _beach,
    "classroom": _classroom,
}
