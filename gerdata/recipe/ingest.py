"""How sources become clips."""

from typing import Literal

from pydantic import Field, model_validator

from gerdata.recipe.dialect import Dialect
from gerdata.recipe.form import PositiveInt, Recipe, Share


class IngestRecipe(Dialect, Recipe):
    """How sources become clips: the layout of their corpus (`Dialect`), and what is cut and kept."""

    segment_s: float = Field(5.0, gt=0.5, le=600)  # VGAF clips are 5 s
    min_segment_s: float = Field(2.5, gt=0)  # a shorter rest joins the segment before it
    overlap_s: float = Field(0.0, ge=0)  # of one segment with the next
    segment_by: Literal["stride", "scene"] = "stride"  # scene: no segment runs over a scene cut
    allow_images: bool = True
    allow_sound_only: bool = False
    require_audio: bool = False
    has_sequences: bool = False  # a folder of numbered pictures is one clip
    check: Literal["full", "fast"] = "full"  # fast: frames nobody refers to are not decoded, so not checked
    measure: tuple[Literal["picture", "sound", "cuts", "speech", "people"], ...] = Field(
        ("picture", "sound"), strict=False
    )
    min_people: int | None = Field(None, ge=1)  # at once; fewer is not-a-group
    min_brightness: Share | None = None
    max_brightness: Share | None = None
    min_sharpness: float | None = None  # base-2 logarithm of the variance of the Laplacian
    max_black_share: Share | None = None
    max_frozen_share: Share | None = None
    max_silent_share: Share | None = None
    max_clipped_share: Share | None = None
    min_speech_share: Share | None = None
    max_speech_share: Share | None = None
    min_loudness_lufs: float | None = None
    find_duplicates: bool = True  # near-duplicates share a group, so that no split has one of them each
    folds: int = Field(0, ge=0, le=100)  # 0: none; else a fold of 1..folds for every clip, whole groups
    max_duration_s: float = Field(12 * 3600.0, gt=0)
    max_pixels: PositiveInt = 40_000_000
    train_share: Share = 0.7
    validation_share: Share = 0.15

    @model_validator(mode="after")
    def _shares(self) -> "IngestRecipe":
        if self.train_share + self.validation_share > 1:
            raise ValueError("train_share + validation_share is over 1")
        if self.min_segment_s > self.segment_s:
            raise ValueError("min_segment_s is over segment_s")
        if self.overlap_s > self.segment_s - 0.1:
            raise ValueError("overlap_s leaves no stride: it must be at least 0.1 s under segment_s")
        if self.min_people is not None and "people" not in self.measure:
            raise ValueError('min_people needs "people" in measure')
        return self
