"""The nouns everything else is about: `Clip`, `Sample`, `Structure`, `BodyMaps`."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
Audio = npt.NDArray[np.float32]
Points = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
CLASSES = ("positive", "neutral", "negative")  # VGAF's order (Sharma et al. 2019)
SPLITS = ("train", "validation", "test")
BODY_MAP_SHAPE = (18, 56, 56)  # limbs, height, width (arXiv 2604.02397)


@dataclass(frozen=True)
class Structure:
    """Where people are, in pixels of the stored frame: origin top left, x before y.

    `heads: float32 [T, P, 4]` boxes x0 y0 x1 y1; `bodies: float32 [T, P, 17, 3]` COCO-17 x, y, visibility
    (0 missing, 1 hidden, 2 seen); `faces: float32 [T, P, 68, 2]`. Missing is NaN. P is one person over all T;
    a clip without people has P = 0. `seen: float32 [T, P]` is the share of a face that is in view, where that is known: of
    synthetic people as they were drawn.
    """

    heads: Points
    bodies: Points
    faces: Points
    seen: Points | None = None

    def __post_init__(self) -> None:
        t, p = self.heads.shape[:2]
        wanted: dict[str, tuple[int, ...]] = {"heads": (t, p, 4), "bodies": (t, p, 17, 3), "faces": (t, p, 68, 2)}
        if self.seen is not None:
            wanted["seen"] = (t, p)
        for name, shape in wanted.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError(f"Structure.{name}: expected float32 {shape}, came {array.dtype} {array.shape}")

    @classmethod
    def empty(cls, t: int, p: int = 0) -> "Structure":
        """All missing, for T frames and P people."""
        return cls(*(np.full((t, p, *tail), np.nan, np.float32) for tail in ((4,), (17, 3), (68, 2))))


@dataclass(frozen=True)
class BodyMaps:
    """What may be released of the structure of real people: maps of their limbs, summed over all of them.

    `maps: uint8 [T, 18, 56, 56]`, 255 on a limb, channels as in `gerdata.people.limbs.BODY_LIMBS`; `has_people: bool [T]`,
    whether any joint was found in a frame. Where none was, its maps are zeros.
    """

    maps: Frames
    has_people: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        t = len(self.has_people) if self.has_people.ndim == 1 else -1
        wanted = {"maps": ((t, *BODY_MAP_SHAPE), np.uint8), "has_people": ((t,), np.bool_)}
        for name, (shape, kind) in wanted.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != kind:
                raise ValueError(f"BodyMaps.{name}: expected {kind.__name__} {shape}, came {array.dtype} {array.shape}")
        if self.maps[~self.has_people].any():
            raise ValueError("BodyMaps.maps: expected zeros in frames without people")


@dataclass(frozen=True, slots=True)
class Quality:
    """Binned measures of one clip; None where not measured. Coarse on purpose: exact values would find the source.

    Shares are in steps of 0.1, `brightness` is the mean of grey in [0, 1] in steps of 0.1, `sharpness` the base-2
    logarithm of the variance of the Laplacian, whole, `loudness_lufs` in steps of 3 (ITU-R BS.1770-4, integrated),
    `smallest_head_px` a power of two.
    """

    brightness: float | None = None
    sharpness: int | None = None
    black_share: float | None = None
    frozen_share: float | None = None
    n_cuts: int | None = None
    loudness_lufs: int | None = None
    clipped_share: float | None = None
    silent_share: float | None = None
    speech_share: float | None = None
    smallest_head_px: int | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled stretch of one source: the row of a manifest. Only columns that may be published.

    `id` and `group` are pseudonyms. `label` is None where the source had none; `label_original` is the corpus's own word
    for it. `duration_s` is rounded to 0.1 s, so that it does not identify the source; it is 0 for a still picture.
    `n_frames` frames of `height_px` x `width_px` are kept (0 before `protect`). `n_people` is the most heads seen at once.
    `is_individual` marks corpora of single persons; they are no group data. `sound_levels` is what the voice op `numbers`
    leaves of the sound: steps below the loudest stretch. Of synthetic clips: `label_visible` is what the label's rule makes of
    those who can be seen alone (None where nobody can), `mark` says that they are synthetic, as their media do, and
    `plan` is what was rendered.
    """

    id: str
    group: str
    label: str | None
    split: str | None
    duration_s: float
    n_frames: int = 0
    height_px: int = 0
    width_px: int = 0
    has_audio: bool = False
    has_video: bool = True
    is_synthetic: bool = False
    protection: str = "none"
    n_people: int | None = None
    label_soft: tuple[float, ...] | None = None
    label_margin: float | None = None
    label_rule: str | None = None
    label_original: str | None = None
    is_individual: bool = False
    fold: int | None = None
    quality: Quality | None = None
    sound_levels: tuple[int, ...] | None = None
    flags: tuple[str, ...] = ()
    label_visible: str | None = None
    mark: str | None = None
    plan: str | None = None


@dataclass(frozen=True)
class Sample:
    """A clip's kept frames and sound.

    `frames: uint8 [T, H, W, 3]` RGB, frame i taken at (i + 1/2)/T of the duration; `audio: float32 [N]` at 16 kHz mono
    in [-1, 1], zeros when there was none (`clip.has_audio` is then False); `structure` is None where nothing is known
    about people, or where it may not be passed on; `limbs` is what of it may be, where that was asked for.
    """

    clip: Clip
    frames: Frames
    audio: Audio
    structure: Structure | None = field(default=None)
    limbs: BodyMaps | None = field(default=None)

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[3] != 3 or self.frames.dtype != np.uint8:
            came = f"{self.frames.dtype} {self.frames.shape}"
            raise ValueError(f"Sample.frames: expected uint8 [T, H, W, 3], came {came}")
        if self.audio.ndim != 1 or self.audio.dtype != np.float32:
            raise ValueError(f"Sample.audio: expected float32 [N], came {self.audio.dtype} {self.audio.shape}")
        if self.structure is not None and self.structure.heads.shape[0] != self.frames.shape[0]:
            raise ValueError(f"Sample.structure: {self.structure.heads.shape[0]} frames for {self.frames.shape[0]}")
        if self.limbs is not None and len(self.limbs.maps) != self.frames.shape[0]:
            raise ValueError(f"Sample.limbs: {len(self.limbs.maps)} frames for {self.frames.shape[0]}")


def kept_times_s(n: int, duration_s: float) -> npt.NDArray[np.float64]:
    """When the kept frames are taken: (i + 1/2)/n of the duration, seconds from the start of the clip."""
    return (np.arange(n) + 0.5) / n * duration_s
