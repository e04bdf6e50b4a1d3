"""How finished samples become a release."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gerdata.recipe.form import PositiveInt, Recipe, Share

FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class Terms(Recipe):
    """What those who own a source allow. `of` is the folder name of the dataset that was made of it."""

    of: FolderName
    source: Words  # how the card names it
    licence: Words  # an SPDX identifier where it has one
    passes_media: bool = True  # False: a release holds no media of it, so it must be made with --media-free
    passes_labels: bool = True  # False: a media-free release leaves its labels out
    excludes: tuple[Words, ...] = Field((), strict=False)  # uses, in the words of the recipe's `use`


class ShardRecipe(Recipe):
    """How finished samples become a release: its form, what is chosen, how much of each."""

    format: Literal["webdataset", "parquet"] = "webdataset"
    mode: Literal["frames", "video"] = "frames"  # video: one silent MP4 of the kept frames
    audio: Literal["flac", "wav"] = "flac"  # wav decodes twice as fast and is twice as large
    samples_per_shard: int = Field(256, ge=1, le=100_000)  # at most
    max_shard_mb: float | None = Field(None, gt=0)  # at most, of 1,000,000 bytes, reckoned from what is put in
    min_shards: PositiveInt = 1  # of a split: ranks x workers, so that none of them goes without
    synthetic_rate: float = Field(0.3, ge=0, lt=1)  # of the training split, once any real clip is in
    train_share: Share = 0.7  # of the casts of a purely synthetic release
    validation_share: Share = 0.15
    kind: Literal["all", "real", "synthetic"] = "all"
    balance: Literal["none", "downsample"] = "none"  # of classes in train; no other split is ever changed
    max_per_group: int | None = Field(None, ge=1)  # samples of one source, or of one cast
    drop_groups: bool = False  # every sample is its own group, so that nothing links clips of one event
    require_label: bool = False
    exclude_individual: bool = False  # leaves out corpora of single persons
    exclude_flags: tuple[str, ...] = Field((), strict=False)
    min_people: int | None = Field(None, ge=1)  # seen at once; what nobody counted is left out
    min_brightness: Share | None = None  # measures of quality are binned, so bounds are, too
    max_brightness: Share | None = None
    min_sharpness: float | None = None
    max_black_share: Share | None = None
    max_frozen_share: Share | None = None
    max_silent_share: Share | None = None
    max_clipped_share: Share | None = None
    min_speech_share: Share | None = None
    max_speech_share: Share | None = None
    min_loudness_lufs: float | None = None
    min_smallest_head_px: float | None = None
    licence: Words | None = None  # of the release itself, for its card
    licences: tuple[Words, ...] | None = Field(None, strict=False)  # only these; what is not known is left out
    use: Words | None = None  # what the release is for; what `terms` exclude it is left out
    terms: tuple[Terms, ...] = Field((), strict=False)

    @model_validator(mode="after")
    def _fits(self) -> "ShardRecipe":
        if self.train_share + self.validation_share > 1:
            raise ValueError("train_share + validation_share is over 1")
        if len({one.of for one in self.terms}) != len(self.terms):
            raise ValueError("terms: two tables of one dataset")
        return self
