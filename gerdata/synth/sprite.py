"""A sprite: one avatar in one stance with one expression, as premultiplied pixels and the exact places of its points."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.synth.figure import EYEWEAR, HANGING, SHELL, Figure, Posed, express, stand
from gerdata.synth.hair import azimuth
from gerdata.synth.landmark import EARS, NOSE, face_points
from gerdata.synth.light import Light, shade
from gerdata.synth.mesh import BODY, Floats, Ints, Mesh
from gerdata.synth.posture import Stance
from gerdata.synth.raster import Picture, rasterise

SAMPLES = 2  # a side: each pixel is the mean of four
CAMERA_DM = 28.0  # from the middle of the eyes
PAD_PX = 3
BUST_DM = 4.3  # below the eyes, where a bust is cut
PX_PER_DM = {"whole": 18.0, "bust": 34.0}  # a head of an adult is 2.3 dm from chin to crown
CHIN_Y = -1.16  # canonical; hair below it is no part of the head's box
FACE_Y = (-1.12, 0.64)  # canonical, chin to the upper forehead: what face detectors box
FACE_AZIMUTH = 74.0  # degrees to each side
SKIN_DM = 0.1  # how far behind the surface a point of the face is still seen
LIMB_DM = {"shoulder": 1.0, "elbow": 0.8, "hand": 0.6, "upper-leg": 1.4, "knee": 0.9, "ankle": 0.7}
COCO_JOINTS = tuple(f"{side}-{name}" for name in LIMB_DM for side in "lr")
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Sprite:
    """Pixels and truth; all places in pixels of the sprite, x before y, origin top left.

    `rgba: uint8 [H, W, 4]` premultiplied (alpha is the person's mask). `face: float32 [68, 3]` the 68 points and `body: float32
    [17, 3]` COCO-17, each x, y and 2 seen or 1 hidden (by the person's own hair, hands or head). `face_box` is what face
    detectors box: chin to the upper forehead, without ears. `head_box` holds the head with its hair down to the chin.
    `scale` is pixels a decimetre, `anchor` the middle of the eyes.
    """

    rgba: npt.NDArray[np.uint8]
    face: Floats
    body: Floats
    face_box: Floats
    head_box: Floats
    anchor: Floats
    scale: float


@dataclass(frozen=True)
class Canvas:
    """Where a sprite's pixels lie: `k` pixels a decimetre, the origin in pixels from the camera's axis, width and height, and
    the camera's place. It depends on person and stance, never on an expression."""

    k: float
    left: int
    top: int
    width: int
    height: int
    camera: tuple[float, float, float]

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Places `[N, 2]` in pixels of the sprite, and depth `[N]` in decimetres, larger is nearer."""
        offset = points - np.array(self.camera, np.float32)
        depth = offset[:, 2]
        near = self.k / (1 - depth / CAMERA_DM)
        return np.stack([offset[:, 0] * near - self.left, -offset[:, 1] * near - self.top], 1).astype(np.float32), depth


def canvas_of(rest: Posed, view: str) -> Canvas:
    """The canvas that holds a figure posed without an expression; a bust is cut below the chest."""
    camera = tuple(float(x) for x in eye_middle(rest.figure.mesh, rest.points))
    k = PX_PER_DM[view]
    free = Canvas(k, 0, 0, 0, 0, (camera[0], camera[1], camera[2]))
    drawn = np.zeros(len(rest.points), np.bool_)
    drawn[rest.figure.triangles] = True
    xy, _ = free.project(rest.points[drawn])
    low = xy[:, 1].max() if view == "whole" else BUST_DM * k
    xy = xy[xy[:, 1] <= low]
    left, top = (int(np.floor(v)) - PAD_PX for v in xy.min(0))
    right = int(np.ceil(xy[:, 0].max())) + PAD_PX
    bottom = int(np.ceil(low)) + (PAD_PX if view == "whole" else 0)
    return Canvas(k, left, top, right - left, bottom - top, free.camera)


def render(figure: Figure, stance: Stance, amounts: dict[int, float], view: str, light: Light) -> Sprite:
    """One whole sprite: `view` is `whole` (18 px a decimetre, to the feet) or `bust` (34, to the chest)."""
    rest = stand(figure, stance)
    return draw(express(rest, amounts), canvas_of(rest, view), light)


def draw(posed: Posed, canvas: Canvas, light: Light) -> Sprite:
    """The sprite of a posed figure on a canvas."""
    full: Box = (0, 0, canvas.width, canvas.height)
    rgba, picture = paint(posed, canvas, full, light)
    return describe(posed, canvas, rgba, picture, full)


def paint(posed: Posed, canvas: Canvas, window: Box, light: Light) -> tuple[npt.NDArray[np.uint8], Picture]:
    """Pixels of a window (x0 y0 x1 y1) of the canvas, and the picture of triangles at `SAMPLES` times its size."""
    x0, y0, x1, y1 = window
    size = ((y1 - y0) * SAMPLES, (x1 - x0) * SAMPLES)
    xy, depth = canvas.project(posed.points)
    figure = posed.figure
    fine, origin = xy * SAMPLES, (x0 * SAMPLES, y0 * SAMPLES)
    is_part = window != (0, 0, canvas.width, canvas.height)
    chosen = _inside(fine - np.array(origin, np.float32), figure.triangles, size) if is_part else None
    triangles = figure.triangles if chosen is None else figure.triangles[chosen]
    two_sided = figure.two_sided if chosen is None else figure.two_sided[chosen]
    picture = rasterise(fine, depth, triangles, size, two_sided, figure.margin, origin)
    hit = picture.triangle >= 0
    weights = picture.weights[hit]
    corner = np.stack([1 - weights.sum(1), weights[:, 0], weights[:, 1]], 1)
    image = np.zeros((*size, 4), np.float32)
    drawn = picture.triangle[hit] if chosen is None else chosen[picture.triangle[hit]]
    image[hit, :3] = shade(posed, drawn, corner, light)
    image[hit, 3] = 1
    small = (
        cv2.resize(image, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        if hit.any()
        else np.zeros((y1 - y0, x1 - x0, 4))
    )
    rgba = np.clip(small * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.minimum(rgba, rgba[..., 3:]), picture


def _inside(points: Floats, triangles: Ints, size: tuple[int, int]) -> Ints:
    """Which triangles may touch a picture of this height and width: those with a corner not beyond one of its sides."""
    beyond = [points[:, 0] < 0, points[:, 0] > size[1], points[:, 1] < 0, points[:, 1] > size[0]]
    out = np.zeros(len(triangles), np.bool_)
    a, b, c = triangles.T
    for side in beyond:
        out |= side[a] & side[b] & side[c]
    return np.nonzero(~out)[0].astype(np.int32)


def describe(posed: Posed, canvas: Canvas, rgba: npt.NDArray[np.uint8], picture: Picture, window: Box) -> Sprite:
    """Attach the truth. What is seen is read from `picture`, a picture of the window; what lies outside it is asked of nobody
    and counts as hidden."""
    mesh = posed.figure.mesh
    xy, _ = canvas.project(posed.points)
    face = _seen(*canvas.project(face_points(posed.points)), picture, window, SKIN_DM)
    eyes = np.stack([posed.points[one][posed.points[one][:, 2].argmax()] for one in mesh.eyes])
    spots = np.concatenate([posed.points[[NOSE]], eyes, posed.points[list(EARS)]])
    head = _seen(*canvas.project(spots), picture, window, SKIN_DM * 1.5)
    joints = np.stack([posed.rig.joints[name] for name in COCO_JOINTS])
    reach = np.array([LIMB_DM[name[2:]] for name in COCO_JOINTS], np.float32)
    limbs = _seen(*canvas.project(joints), picture, window, reach)
    middle, _ = canvas.project(eye_middle(mesh, posed.points)[None])
    return Sprite(
        rgba=rgba,
        face=face,
        body=np.concatenate([head, limbs]),
        face_box=_box(xy[_face_vertices(mesh)]),
        head_box=_head_box(posed, xy),
        anchor=middle[0],
        scale=canvas.k,
    )


def eye_middle(mesh: Mesh, points: Floats) -> Floats:
    """The middle between the eyes, `float32 [3]`."""
    return np.asarray((points[mesh.eyes[0]].mean(0) + points[mesh.eyes[1]].mean(0)) / 2, np.float32)


def window_of(posed: Posed, canvas: Canvas) -> Box:
    """The pixels of the canvas that this expression, or none, may change: the face and its neighbourhood."""
    xy, _ = canvas.project(posed.points[posed.figure.face[2]])
    low, high = np.floor(xy.min(0)).astype(int) - 1, np.ceil(xy.max(0)).astype(int) + 1
    return (max(int(low[0]), 0), max(int(low[1]), 0), min(int(high[0]), canvas.width), min(int(high[1]), canvas.height))


def joined(a: Box, b: Box) -> Box:
    """The box around both."""
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def pasted(picture: Picture, patch: Picture, window: Box) -> Picture:
    """The depth of a whole picture with that of a window of it replaced; triangles are left as they were."""
    x0, y0, x1, y1 = (side * SAMPLES for side in window)
    depth = picture.depth.copy()
    depth[y0:y1, x0:x1] = patch.depth
    return Picture(picture.triangle, picture.weights, depth)


@functools.lru_cache(maxsize=1)
def _face_vertices(mesh: Mesh) -> npt.NDArray[np.int64]:
    c = mesh.canonical
    inside = (c[:, 1] > FACE_Y[0]) & (c[:, 1] < FACE_Y[1]) & (azimuth(c) < FACE_AZIMUTH)
    body = np.zeros(len(c), np.bool_)
    body[mesh.triangles[mesh.parts == BODY]] = True
    return np.nonzero(inside & body & (mesh.bones["head"] > 0.5) & (c[:, 2] > 0.5))[0]


def _head_box(posed: Posed, xy: Floats) -> Floats:
    """The box of the head's skin and of hair above the chin, with half a pixel for soft edges."""
    figure = posed.figure
    v = len(figure.mesh.base)
    drawn = np.zeros(len(xy), np.bool_)
    drawn[figure.triangles] = True
    high = figure.surface[:, 1] > CHIN_Y
    skin = np.zeros(len(xy), np.bool_)
    skin[:v] = figure.mesh.bones["head"] > 0.5
    hair = np.zeros(len(xy), np.bool_)
    for layer in (SHELL, HANGING, EYEWEAR):
        hair[figure.triangles[figure.layer == layer]] = True
    kept = drawn & high & (skin | (hair & (figure.margin > 0)))
    box = _box(xy[kept])
    return box + np.array((-0.5, -0.5, 0.5, 0.5), np.float32)


def _box(points: Floats) -> Floats:
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def _seen(xy: Floats, depth: Floats, picture: Picture, window: Box, reach: float | Floats) -> Floats:
    """Points with 2 where nothing lies more than `reach` before them in the picture, 1 elsewhere, `float32 [N, 3]`."""
    x0, y0, x1, y1 = window
    high, wide = (y1 - y0) * SAMPLES, (x1 - x0) * SAMPLES
    seen = np.zeros(len(xy), np.bool_)
    for step in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):  # a point of an outline may fall just beside it
        at = np.floor((xy - (x0, y0)) * SAMPLES).astype(int) + step
        inside = ((at >= 0) & (at < (wide, high))).all(1)
        nearest = picture.depth[np.where(inside, at[:, 1], 0), np.where(inside, at[:, 0], 0)]
        seen |= inside & (nearest > -np.inf) & (depth >= nearest - reach)
    return np.concatenate([xy, np.where(seen, 2, 1)[:, None]], 1).astype(np.float32)
