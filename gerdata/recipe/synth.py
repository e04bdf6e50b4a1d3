"""How synthetic groups are drawn."""

from typing import Literal

from pydantic import Field, model_validator

from gerdata.clip import CLASSES
from gerdata.recipe.form import PositiveInt, Recipe, Share

FLAT_RULE = "mean-valence"
UNKNOWN_TO_FLAT = (
    "min_margin", "posture_share", "max_contagion", "layouts", "min_head", "max_head", "max_pan", "max_zoom", "max_shake",
    "compressed_share", "min_compression_quality", "bank_seed", "bank_people", "cast_size",
)  # fmt: skip
OF_MEANS = ("mean-valence", "salience-weighted")
MAX_MARGIN = 0.3  # of those: as far as a neutral mean can be from both thresholds


class SynthRecipe(Recipe):
    """How synthetic groups are drawn. Numbers are ranges a plan is drawn from."""

    classes: tuple[str, ...] = Field(CLASSES, strict=False, min_length=3, max_length=3)
    n_frames: int = Field(5, ge=1, le=256)
    frame_px: int = Field(224, ge=64, le=512)
    duration_s: float = Field(5.0, ge=1, le=30)
    style: Literal["auto", "avatar", "flat", "collage"] = "auto"  # avatars, or flat people
    min_people: int = Field(2, ge=2, le=40)
    max_people: int = Field(15, ge=2, le=40)
    rule: Literal["mean-valence", "majority", "salience-weighted", "simulated-raters", "all-same"] = "mean-valence"
    min_margin: Share = 0.1  # of the rule's verdict; nearer to undecided no group is drawn
    mixed_share: Share = 0.5  # groups whose members do not all feel the same
    weak_share: Share = 0.08  # scenes whose faces, and independently whose voices, hold back
    show: Share = 1.0  # of what is felt that faces show; 0: they rest
    voiced: Share = 1.0  # of what is felt that voices let out; 0: they only talk
    posture_share: Share = 0.8  # members whose posture goes with what they feel
    max_contagion: Share = 0.3  # how far a feeling moves towards those of the three nearest
    layouts: tuple[Literal["rows", "crowd", "circle", "queue", "table", "pair", "street"], ...] = Field(
        ("rows", "crowd", "circle", "queue", "table", "pair", "street"), strict=False, min_length=1
    )
    min_head: float = Field(0.16, gt=0, le=0.5)  # the nearest head, chin to crown, as a share of the frame
    max_head: float = Field(0.40, gt=0, le=0.5)
    max_pan: float = Field(0.03, ge=0, le=0.05)  # of the frame, from the first to the last moment
    max_zoom: float = Field(1.05, ge=1, le=1.06)
    max_shake: float = Field(0.006, ge=0, le=0.01)
    compressed_share: Share = 0.3  # scenes that went through a JPEG of lower quality before
    min_compression_quality: int = Field(35, ge=5, le=90)
    coherent: bool = False  # collage: heads keep size and angle and move smoothly; else all is drawn anew in each frame
    min_scale: float = Field(0.10, gt=0, le=0.5)  # collage: of 350 px of a frame of 326 px
    max_scale: float = Field(0.15, gt=0, le=0.5)
    rotated_share: Share = 0.5
    max_rotation_deg: float = Field(45.0, ge=0, le=180)
    max_overlap: Share = 0.001  # of a head's own area with those before it
    tries: int = Field(80, ge=1, le=1000)  # places tried for a head; then it is left out of that frame
    margin_px: float = Field(30.0, ge=0, le=150)  # of a frame of 326 px
    margin_growth_px: float = Field(1.0, ge=0, le=1.5)  # a frame, of 75
    casts: PositiveInt = 400  # flat: sets of drawn people, place and voices; the unit that never crosses a split
    bank_seed: int = Field(0, ge=0)  # avatars: another seed is other people
    bank_people: int = Field(80, ge=2, le=4096)
    cast_size: int = Field(16, ge=2, le=4096)  # avatars that meet each other; the unit that never crosses a split
    jpeg_quality: int = Field(92, ge=50, le=100)
    recorded_share: Share = 1.0  # of events and ambiences of kinds that a bank has: those it plays
    voices: int = Field(4, ge=1, le=40)  # of a cast; people of like pitch share one
    min_events: int = Field(5, ge=0, le=20)  # utterances and the like in 5 s
    max_events: int = Field(9, ge=0, le=20)
    max_polyphony: int = Field(4, ge=1, le=20)  # events at once
    min_snr_db: float = Field(0.0, ge=-20, le=40)  # of an event over the bed, mean powers
    max_snr_db: float = Field(15.0, ge=-20, le=40)
    min_babble_db: float = Field(-3.0, ge=-40, le=40)  # talk of others over the ambience
    max_babble_db: float = Field(9.0, ge=-40, le=40)
    min_loudness_lufs: float = Field(-35.0, ge=-60, le=-14)  # ITU-R BS.1770-4, of the whole
    max_loudness_lufs: float = Field(-23.0, ge=-60, le=-14)  # EBU R 128 asks for -23
    min_rt60_s: float = Field(0.25, ge=0.1, le=3)  # indoors
    max_rt60_s: float = Field(0.9, ge=0.1, le=3)
    band_limited_share: Share = 0.2  # scenes heard through a recorder with a narrower band
    min_cutoff_hz: float = Field(3400.0, ge=1000, le=7800)  # lowest upper edge of that band: a telephone's
    codec_share: Share = 0.0  # scenes that went through a lossy codec; each costs about 50 ms
    codecs: tuple[Literal["mp3", "opus"], ...] = Field(("mp3", "opus"), strict=False)

    @model_validator(mode="after")
    def _people(self) -> "SynthRecipe":
        if self.min_people > self.max_people:
            raise ValueError("min_people is over max_people")
        if self.min_head > self.max_head:
            raise ValueError("min_head is over max_head")
        if self.style == "flat" and self.rule != FLAT_RULE:
            raise ValueError(f"flat people know the rule {FLAT_RULE} alone")
        if self.style == "collage" and self.rule != "all-same":
            raise ValueError("collages know the rule all-same alone")
        if self.rule in OF_MEANS and self.min_margin > MAX_MARGIN:
            raise ValueError(f"no neutral group has a margin over {MAX_MARGIN} by {self.rule}; lower min_margin")
        known = self.bank_people % self.cast_size or self.cast_size  # of the smallest cast
        if self.style in ("auto", "avatar") and self.max_people > known:
            raise ValueError(
                f"max_people is over {known}, so somebody would be there twice; raise cast_size and bank_people, or lower it"
            )
        return self

    @model_validator(mode="after")
    def _ranges(self) -> "SynthRecipe":
        for low, high in (
            ("min_events", "max_events"),
            ("min_scale", "max_scale"),
            ("min_snr_db", "max_snr_db"),
            ("min_babble_db", "max_babble_db"),
            ("min_loudness_lufs", "max_loudness_lufs"),
            ("min_rt60_s", "max_rt60_s"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is over {high}")
        return self
