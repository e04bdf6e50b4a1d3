"""Cues that must not tell the label: small measures of one sample, each set too poor to show what anybody feels.

A learner that finds the label in any of them has found how the set was made (a place a class, a louder class, a larger
file), and so may a large model that was meant to look at people (Geirhos et al. 2020, shortcut learning).
"""

import dataclasses
import itertools
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import SAMPLE_RATE_HZ, Audio, Clip, Frames, Quality, Sample, Structure
from gerdata.manifest import FLAGS, Row
from gerdata.media.quality import sound_measures

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]  # 255 shown, 0 not

BACKGROUND, FIRST, COLOUR, TEXTURE = "background", "first frame", "colour", "brightness, sharpness and noise"
LOUDNESS, LEVELS, SOUND = "loudness", "levels of sound", "presence and length of sound"
BYTES, HEADS, ROW = "file size", "heads", "row"
PICTURE_CUES, SOUND_CUES = (BACKGROUND, FIRST, COLOUR, TEXTURE), (LOUDNESS, LEVELS, SOUND)

GRID = 6  # cells on a side of what is left of the background
LEAST_SEEN = 0.25  # of a cell, on average over frames; less is taken for nothing seen
BORDER = 12  # without structure the background is the outermost twelfth of the frame on every side
THUMBNAIL_PX = 16
GROWN = 0.25  # of a body's box to each side, and of a head's: joints lie inside of limbs and clothes
HIDDEN_GREY = 128
SECONDS = 10  # of a sound, whose levels are told one by one
SILENT_DB = -100.0
BLOCK_PX = 8  # of JPEG
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def cues_of(row: Row, sample: Sample, members: Sequence[str]) -> dict[str, Floats]:
    """By name of a cue, `float64 [D]`; NaN where a measure could not be made. `heads` only where structure is known; heads
    are then left out of all others of the picture."""
    frames, structure = sample.frames, sample.structure
    beside = [_beside_heads(structure, i, *frame.shape[:2]) for i, frame in enumerate(frames)]
    out = {
        BACKGROUND: background_of(frames, structure),
        FIRST: _first(frames[0], beside[0]),
        COLOUR: _colour(frames, beside),
        TEXTURE: _texture(frames, beside),
        LOUDNESS: loudness_of(sample.audio),
        LEVELS: _levels(sample.audio),
        SOUND: _presence(row.clip, sample.audio),
        BYTES: _bytes(row, members),
        ROW: _row(row.clip),
    }
    return out if structure is None else {**out, HEADS: _heads(structure, *frames.shape[1:3])}


def background_of(frames: Frames, structure: Structure | None) -> Floats:
    """`[120]`: what is left when heads and bodies are filled, in 6x6 cells, and the pixels of the four corners, both as means
    over the frames. Where no structure is known, of the frame's border alone."""
    t, height, width, _ = frames.shape
    total, seen = np.zeros((GRID, GRID, 3)), np.zeros((GRID, GRID))
    corners, corners_seen = np.zeros((4, 3)), np.zeros(4)
    at = np.ix_((0, height - 1), (0, width - 1))
    for i, frame in enumerate(frames):
        shown = _border(height, width) if structure is None else _beside_people(structure, i, height, width)
        left = cv2.bitwise_and(frame, frame, mask=shown)
        total += cv2.resize(left, (GRID, GRID), interpolation=cv2.INTER_AREA)
        seen += cv2.resize(shown, (GRID, GRID), interpolation=cv2.INTER_AREA) / 255
        corners += left[at].reshape(4, 3)
        corners_seen += shown[at].ravel() / 255
    cells = np.where(seen[..., None] >= LEAST_SEEN * t, total / np.maximum(seen, 1e-6)[..., None], np.nan)
    points = np.where(corners_seen[:, None] > 0, corners / np.maximum(corners_seen, 1)[:, None], np.nan)
    return np.concatenate([cells.ravel(), points.ravel()])


def loudness_of(audio: Audio) -> Floats:
    """`[3]`: loudness (LUFS), shares clipped and silent. Apart from levels: LUFS weigh pitches, levels do not, so that both
    together tell the pitch of a sound, and by it laughter from speech."""
    told = sound_measures(audio)
    lufs = told.loudness_lufs if told.loudness_lufs is not None else SILENT_DB
    return np.array([lufs, told.clipped_share or 0.0, told.silent_share or 0.0])


def _levels(audio: Audio) -> Floats:
    """`[13]`: level (root of the mean square), peak, spread of the levels of seconds, and those one by one, all in dBFS."""
    starts = range(0, min(len(audio), SECONDS * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
    levels = np.array([_level_db(audio[start : start + SAMPLE_RATE_HZ]) for start in starts])
    whole = [_level_db(audio), _db(float(np.abs(audio).max(initial=0))), float(levels.std()) if len(levels) else 0.0]
    return np.array([*whole, *levels, *[np.nan] * (SECONDS - len(levels))])


def _beside_people(structure: Structure, i: int, height: int, width: int) -> Mask:
    """`[H, W]`: what no grown box around a head or a body of frame i covers."""
    mask = _beside_heads(structure, i, height, width)
    for joints, head in zip(structure.bodies[i], structure.heads[i].reshape(-1, 2, 2), strict=True):
        known = joints[(joints[:, 2] > 0) & np.isfinite(joints).all(axis=1), :2]
        corners = np.concatenate([known, head[np.isfinite(head).all(axis=1)]])
        if len(corners):
            _hide(mask, np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
    return mask


def _beside_heads(structure: Structure | None, i: int, height: int, width: int) -> Mask:
    """`[H, W]`: what no grown box around a head of frame i covers; all of it where no structure is known."""
    mask = np.full((height, width), 255, np.uint8)
    for head in structure.heads[i] if structure is not None else ():
        if np.isfinite(head).all():
            _hide(mask, head)
    return mask


def _hide(mask: Mask, box: npt.NDArray[np.floating]) -> None:
    height, width = mask.shape
    x, y = GROWN * max(float(box[2] - box[0]), 1.0), GROWN * max(float(min(box[2:] - box[:2])), 1.0)
    left, right = np.clip([np.floor(box[0] - x), np.ceil(box[2] + x)], 0, width).astype(int)
    top, bottom = np.clip([np.floor(box[1] - y), np.ceil(box[3] + y)], 0, height).astype(int)
    mask[top:bottom, left:right] = 0


def _border(height: int, width: int) -> Mask:
    mask = np.full((height, width), 255, np.uint8)
    y, x = -(-height // BORDER), -(-width // BORDER)
    mask[y : height - y, x : width - x] = 0
    return mask


def _first(frame: Frames, shown: Mask) -> Floats:
    """`[768]`: 16x16 pixels of one frame, what is not shown filled."""
    filled = frame.copy()
    filled[shown == 0] = HIDDEN_GREY
    small = cv2.resize(filled, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64).ravel()


def _colour(frames: Frames, shown: Sequence[Mask]) -> Floats:
    """`[6]`: mean and spread of red, green and blue within a frame, over what is shown; means over frames."""
    told = [np.concatenate(cv2.meanStdDev(frame, mask=mask)) for frame, mask in zip(frames, shown, strict=True)]
    return np.asarray(np.mean(told, axis=0), np.float64).ravel()


def _texture(frames: Frames, shown: Sequence[Mask]) -> Floats:
    """`[10]`, of what is shown: mean and spread over frames of brightness, contrast, sharpness (log2 of the variance of the
    Laplacian, Pech-Pacheco et al. 2000), noise (Immerkaer 1996), and steps at edges of JPEG blocks over those elsewhere."""
    told = []
    for frame, mask in zip(frames, shown, strict=True):
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        brightness, contrast = (float(one[0, 0]) for one in cv2.meanStdDev(luma, mask=mask))
        noise = np.sqrt(np.pi / 2) / 6 * cv2.mean(np.abs(cv2.filter2D(luma, -1, _NOISE)), mask=mask)[0]
        curve = float(cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_32F), mask=mask)[1][0, 0])
        told.append([brightness, contrast, np.log2(max(curve**2, 2**-4)), noise, _blockiness(luma, mask)])
    measures = np.array(told)
    return np.concatenate([measures.mean(axis=0), measures.std(axis=0)])


def _blockiness(luma: npt.NDArray[np.float32], mask: Mask) -> float:
    """1 where steps from column to column are as high at the edges of blocks as everywhere."""
    pairs = cv2.min(mask[:, 1:], mask[:, :-1])
    steps = np.abs(np.diff(luma, axis=1))
    edges = slice(BLOCK_PX - 1, None, BLOCK_PX)
    at_edges, everywhere = cv2.mean(steps[:, edges], mask=pairs[:, edges].copy())[0], cv2.mean(steps, mask=pairs)[0]
    return float(at_edges / everywhere) if everywhere > 1e-3 else 1.0


def _presence(clip: Clip, audio: Audio) -> Floats:
    """`[5]`: whether there is sound, its length, where it begins and ends, and how much of it is exactly nothing."""
    loud = np.flatnonzero(audio)
    ends = (loud[0], loud[-1] + 1) if len(loud) else (0, 0)
    share = 1 - len(loud) / max(len(audio), 1)
    return np.array([float(clip.has_audio), *(n / SAMPLE_RATE_HZ for n in (len(audio), *ends)), share])


def _bytes(row: Row, members: Sequence[str]) -> Floats:
    """`[members]`: logarithms of the sizes of all members and of their sum, but for the row's own, which names the label."""
    sizes = [n for name, n in zip(members, row.member_length, strict=True) if name != "json"]
    return np.log2(np.maximum([*sizes, sum(sizes)], 1))


def _heads(structure: Structure, height: int, width: int) -> Floats:
    """`[13]`: how many, how many are seen at once, and of sizes and places (shares of the frame) mean, spread and extremes."""
    heads = structure.heads.reshape(-1, 4).astype(np.float64)
    seen = heads[np.isfinite(heads).all(axis=1)]
    n, at_once = structure.heads.shape[1], len(seen) / max(len(structure.heads), 1)
    if not len(seen):
        return np.array([n, at_once, *[0.0] * 11])
    sizes = (seen[:, 3] - seen[:, 1]) / height
    x, y = (seen[:, 0] + seen[:, 2]) / 2 / width, (seen[:, 1] + seen[:, 3]) / 2 / height
    told = [f(one) for one, f in itertools.product((sizes, x, y), (np.mean, np.std, np.max))]
    return np.array([n, at_once, *told, float(sizes.min()), float((sizes**2).sum() / max(len(structure.heads), 1))])


def _row(clip: Clip) -> Floats:
    """`[D]`: columns of the row but names, splits and what the label comes from; what may be missing with a mark that it is."""
    fixed = (
        clip.duration_s,
        clip.n_frames,
        clip.height_px,
        clip.width_px,
        clip.has_audio,
        clip.has_video,
        clip.is_synthetic,
    )
    quality = dataclasses.asdict(clip.quality or Quality())
    marked = [(float(one or 0), float(one is None)) for one in (clip.n_people, *quality.values())]
    flags = [float(flag in clip.flags) for flag in sorted(FLAGS)]
    return np.array([*map(float, fixed), *itertools.chain(*marked), *flags])


def _level_db(audio: Audio) -> float:
    return _db(float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if len(audio) else 0.0)


def _db(amplitude: float) -> float:
    return max(SILENT_DB, 20 * float(np.log10(max(amplitude, 1e-9))))
