"""Avatars' heads in the place of heads that were filled: what a face showed, in a few steps, on somebody who never lived.

Two steps, so that what leaks can be counted. `plan_heads` makes plain data of what was read off clear faces (`HeadReader`) and
of what protection left; `put` draws it on frames in which heads are filled and never sees another. Of clear pixels the plan
knows `BITS` a head and frame at most: which of 7 faces (3 valences x 3 intensities, a neutral face having one) and which of 7
yaws. All else in it comes from the tracks that also shape the fill, from pixels outside of every fill, and from a secret.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points
from gerdata.errors import DatasetError, MissingError
from gerdata.people.expressions import ExpressionReader
from gerdata.people.facing import yaws_of
from gerdata.people.landmarks import LandmarkFinder
from gerdata.synth.bank import Bank, Progress, build_bank, folder_of, open_bank
from gerdata.synth.mesh import load_mesh
from gerdata.synth.repertoire import BankPlan, Shot

YAW_STEP_DEGREES, YAW_STEPS = 15, 3  # to each side
INTENSITIES = (0.5, 0.8, 1.1)  # of the avatars' action units; small faces need strong ones to be read at all
# Other people than those of synthetic scenes, all under one light.
HEADS = BankPlan(
    seed=7,
    n_people=24,
    cast_size=24,
    yaws=tuple(math.radians(YAW_STEP_DEGREES * step) for step in range(-YAW_STEPS, YAW_STEPS + 1)),
    intensities=(0.0, *INTENSITIES),
    of="heads",
)
N_FACES = 2 * len(INTENSITIES) + 1
BITS = math.log2(N_FACES * (2 * YAW_STEPS + 1))  # 5.6, of clear pixels, in one head of one frame
GRID_CELLS = 56  # a side of the stored frame: centres and heights are in whole cells
RING_SHARE = 0.25  # of the sides of a fill: how far around it its brightness is looked for
GAINS = (0.45, 0.7, 0.88, 1.0)  # of an avatar's pixels, where it is dark around the head, and where it is bright
UNKNOWN_LEVEL = 2  # where there is nothing around that is not filled
FACE_WIDTH = 0.8  # of the height of an avatar's face, about
_FEELINGS = {1: "positive", 0: "neutral", -1: "negative"}
Shares = npt.NDArray[np.float32]
Window = tuple[int, int, int, int]


@dataclass(frozen=True)
class AvatarHead:
    """One head of one stored frame. `valence`, `intensity` and `yaw` were read off the clear face; nothing else was."""

    window: Window  # x0 y0 x1 y1: pixels wholly inside this head's fill; outside of it nothing is drawn
    centre: tuple[int, int]  # of the face, x before y, in cells of the grid
    height: int  # of the face, in cells
    person: int  # of the bank, by lot from the secret, the same in all frames of a track
    brightness: int  # 0 dark to 3, of what is around the fills of the track
    valence: int  # -1 negative, 0 neutral, 1 positive
    intensity: int  # 1 to 3; of a neutral face 1
    yaw: int  # in steps, positive to the right as seen


@dataclass(frozen=True)
class AvatarPlan:
    """What is drawn: the heads of every stored frame. `squeeze` is how much narrower than high the stored frame shows what is
    square."""

    cell_px: float
    squeeze: float
    frames: tuple[tuple[AvatarHead, ...], ...]

    def windows(self, number: int) -> Points:
        """`float32 [P, 4]`: where avatars may be in a frame."""
        return np.array([head.window for head in self.frames[number]], np.float32).reshape(-1, 4)

    def faces(self, number: int) -> Points:
        """`float32 [P, 4]`: where a detector may find faces of avatars in a frame."""
        out = np.zeros((len(self.frames[number]), 4), np.float32)
        for i, head in enumerate(self.frames[number]):
            high = head.height * self.cell_px
            x, y, half = *(c * self.cell_px for c in head.centre), FACE_WIDTH * high * self.squeeze / 2
            x0, y0, x1, y1 = head.window
            out[i] = max(x0, x - half), max(y0, y - high / 2), min(x1, x + half), min(y1, y + high / 2)
        return out


@dataclass(frozen=True)
class Protected:
    """A clip as `remove` leaves it, in stored pixels: T frames with heads filled; `heads: float32 [T, P, 4]` the tracks and
    `fills: float32 [T, P, 4]` what was filled for each, NaN where absent; `masks`, T times `[Q, 4]`, all that was filled."""

    frames: Sequence[Frames]
    heads: Points
    fills: Points
    masks: Sequence[Points]
    squeeze: float


class HeadReader:
    """Reads clear faces, in memory: what they show, and where they look. `MissingError` where a model is not installed."""

    def __init__(self, reads_expressions: bool = True) -> None:
        self._landmarks = LandmarkFinder()
        self._expressions = ExpressionReader() if reads_expressions else None

    def read(self, frame: Frames, heads: Points) -> Shares:
        """`float32 [P, 4]`: shares of positive, neutral and negative, and the yaw in radians; NaN where not known, and for all
        shares where expressions are not read."""
        out = np.full((len(heads), 4), np.nan, np.float32)
        if self._expressions is not None:
            out[:, :3] = self._expressions.read(frame, heads)
        out[:, 3] = yaws_of(self._landmarks.find(frame, heads))
        return out


@cache
def head_reader(reads_expressions: bool) -> HeadReader:
    """The process's one reader of heads."""
    return HeadReader(reads_expressions)


@cache
def head_bank() -> Bank:
    """The process's one open bank of heads; `MissingError` where it was not drawn on this machine (`draw_heads`)."""
    try:
        return open_bank(folder_of(HEADS))
    except DatasetError as error:
        raise MissingError(f"{error}; run on this machine: gerdata protect --recipe replace") from None


def need_mesh() -> None:
    """Raises `MissingError`, with the line to run, where avatars cannot be drawn."""
    load_mesh()


def draw_heads(workers: int, progress: Progress | None = None) -> None:
    """Draw the bank of heads, where it is not there yet."""
    build_bank(HEADS, workers=workers, progress=progress)


def plan_heads(
    clip: Protected, readings: Shares, rng: np.random.Generator, expressions: Literal["estimated", "shuffled", "none"]
) -> AvatarPlan:
    """The plan for `readings: float32 [T, P, 4]` (as of `HeadReader`), with a generator from the clip's secret."""
    faces, levels = quantised(readings), levels_of(clip)
    n_tracks = clip.heads.shape[1]
    people = rng.permutation(HEADS.n_people)[np.arange(n_tracks) % HEADS.n_people]
    frames = []
    for t, frame in enumerate(clip.frames):
        there = [p for p in range(n_tracks) if np.isfinite(clip.heads[t, p]).all()]
        shown = rng.permutation(there) if expressions == "shuffled" else there
        cell_px = frame.shape[0] / GRID_CELLS
        heads = []
        for p, other in zip(there, shown, strict=True):
            window = _inside(clip.fills[t, p], frame)
            if window is None:
                continue
            box = clip.heads[t, p].astype(np.float64) / cell_px
            valence, intensity = (0, 1) if expressions == "none" else faces[t, other, :2]
            head = AvatarHead(
                window=window,
                centre=(round((box[0] + box[2]) / 2), round((box[1] + box[3]) / 2)),
                height=max(1, round(box[3] - box[1])),
                person=int(people[p]),
                brightness=levels[p],
                valence=int(valence),
                intensity=int(intensity),
                yaw=int(faces[t, p, 2]),
            )
            heads.append(head)
        frames.append(tuple(heads))
    return AvatarPlan(clip.frames[0].shape[0] / GRID_CELLS, clip.squeeze, tuple(frames))


def quantised(readings: Shares) -> npt.NDArray[np.int64]:
    """`int64 [T, P, 3]`: valence, intensity and yaw in steps, of readings smoothed over the frames of each track. What is not a
    number is not known: a neutral face that looks to the camera."""
    known = np.isfinite(readings)
    bounded = np.where(known, np.clip(np.nan_to_num(readings.astype(np.float64)), -np.pi / 2, np.pi / 2), 0)
    weight = np.zeros(readings.shape)
    total = np.zeros(readings.shape)
    n = len(readings)
    for step, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        to, at = slice(max(0, -step), n - max(0, step)), slice(max(0, step), n - max(0, -step))
        weight[to] += share * known[at]
        total[to] += share * bounded[at]
    smooth = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    smooth[..., 1] += weight[..., :3].min(axis=2) == 0
    best = smooth[..., :3].argmax(axis=2)
    third = np.floor((smooth[..., :3].max(axis=2) - 1 / 3) / (2 / 9)).clip(
        0, 2
    )  # a winner of three has a third at least
    valence = 1 - best
    yaw = np.rint(np.degrees(smooth[..., 3]) / YAW_STEP_DEGREES).clip(-YAW_STEPS, YAW_STEPS)
    return np.stack([valence, np.where(valence == 0, 1, 1 + third), yaw], axis=2).astype(np.int64)


def levels_of(clip: Protected) -> list[int]:
    """The brightness of each track: the median of its frames, so that it does not flicker on the edge of two levels."""
    out = []
    for p in range(clip.heads.shape[1]):
        there = [t for t in range(len(clip.frames)) if np.isfinite(clip.fills[t, p]).all()]
        levels = [brightness_of(clip.frames[t], clip.fills[t, p], clip.masks[t]) for t in there]
        out.append(int(np.median(levels)) if levels else UNKNOWN_LEVEL)
    return out


def brightness_of(frame: Frames, fill: Points, masks: Points) -> int:
    """0 to 3: the median brightness of a ring around one fill `[4]`, none of it in a fill, `masks: [Q, 4]`."""
    height, width = frame.shape[:2]
    reach = np.maximum(2, RING_SHARE * (fill[2:] - fill[:2]))
    low, high = np.floor(fill[:2] - reach).astype(int), np.ceil(fill[2:] + reach).astype(int)
    x0, y0, x1, y1 = max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
    if x1 <= x0 or y1 <= y0:
        return UNKNOWN_LEVEL
    outside = np.ones((y1 - y0, x1 - x0), np.bool_)
    for box in masks:  # a pixel more: at its edge a fill is mixed with what is around it
        left, top = (max(0, int(np.floor(v)) - 1 - o) for v, o in zip(box[:2], (x0, y0), strict=True))
        right, bottom = (max(0, int(np.ceil(v)) + 1 - o) for v, o in zip(box[2:], (x0, y0), strict=True))
        outside[top:bottom, left:right] = False
    around = frame[y0:y1, x0:x1][outside]
    return int(np.median(around.mean(axis=1)) // 64) if len(around) else UNKNOWN_LEVEL


def put(frame: Frames, plan: AvatarPlan, number: int, bank: Bank) -> Frames:
    """Frame `number` with its avatars, larger ones in front of smaller ones: filled `uint8 [H, W, 3]` in, a new array out."""
    out = frame.copy()
    for head in sorted(plan.frames[number], key=lambda one: one.height):
        rest = Shot("bust", "stand", HEADS.yaws[head.yaw + YAW_STEPS], "neutral", 0.0)
        intensity = INTENSITIES[head.intensity - 1] if head.valence else 0.0
        shot = replace(rest, feeling=_FEELINGS[head.valence], intensity=intensity)
        face = bank.sprite(
            head.person, rest
        )  # places and sizes are those of a resting face, so that a jaw moves no head
        px_per_dm = head.height * plan.cell_px / float(face.face_box[3] - face.face_box[1]) * face.scale
        face, sprite = (bank.sprite_at(head.person, one, px_per_dm) for one in (rest, shot))
        by = np.array([plan.squeeze, 1.0]) * px_per_dm / sprite.scale
        middle = (face.face_box[:2] + face.face_box[2:]) / 2
        x0, y0, x1, y1 = head.window
        shift = np.array(head.centre) * plan.cell_px - middle * by - (x0, y0)
        shift += 0.5 * by - 0.5  # cv2 counts from the middles of pixels
        matrix = np.array([[by[0], 0, shift[0]], [0, by[1], shift[1]]])
        seen = cv2.warpAffine(sprite.rgba, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR).astype(np.float32)
        under = out[y0:y1, x0:x1] * (1 - seen[..., 3:] / np.float32(255))
        out[y0:y1, x0:x1] = np.rint(under + seen[..., :3] * np.float32(GAINS[head.brightness])).clip(0, 255)
    return out


def _inside(fill: Points, frame: Frames) -> Window | None:
    """Pixels wholly inside a fill `[4]` and the frame; None where there is none."""
    height, width = frame.shape[:2]
    x0, y0 = (max(0, int(np.ceil(v - 1e-4))) for v in fill[:2])
    x1, y1 = min(width, int(np.floor(fill[2] + 1e-4))), min(height, int(np.floor(fill[3] + 1e-4)))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
