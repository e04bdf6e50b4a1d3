"""How a model is trained."""

from typing import Literal

from pydantic import Field, field_validator

from gerdata.recipe.form import PositiveInt, Recipe, Share
from gerdata.recipe.load import load, shipped_name
from gerdata.recipe.variation import Variation


class AugmentRecipe(Variation, Recipe):
    """How training samples are varied; see `Variation`."""


class TrainRecipe(Recipe):
    """One flat config of a training run, and how its samples are varied."""

    epochs: PositiveInt = 12
    batch: PositiveInt = 16
    lr: float = Field(1e-3, gt=0, le=1)
    weight_decay: float = Field(0.05, ge=0, le=1)
    warmup_share: Share = 0.1  # of all steps; then cosine to zero
    dropout: Share = 0.1
    label_smoothing: Share = 0.0
    modality: Literal["both", "video", "audio"] = "both"
    modality_dropout: Share = 0.15  # share of training clips that lose one modality
    train_frames: PositiveInt = 2  # kept frames a training clip shows in an epoch, drawn anew; measuring takes all
    augment: AugmentRecipe = AugmentRecipe.model_validate(
        {}
    )  # a table, or the name of an augment recipe, whose content is then kept
    width: int = Field(96, ge=16, le=2048, multiple_of=2)  # numbers of a token
    image_px: int = Field(96, ge=32, le=384)
    mels: int = Field(64, ge=16, le=128)
    segments: int = Field(5, ge=1, le=75)  # audio segments, one token each (papers: 5 of 1 s)
    segment_s: float = Field(1.0, gt=0.1, le=10)
    control: Literal["none", "heads-and-sound", "shuffled-labels"] = "none"  # what is hidden; must end at chance

    @field_validator("augment", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return load(AugmentRecipe, "augment", shipped_name("augment", value)) if isinstance(value, str) else value
