"""Recipes: how a stage is to be done, as TOML with a closed vocabulary and no code.

A recipe is `recipes/<command>/NAME.toml`, or any path that ends in `.toml`. `--set key=value` overrides an existing
key with a TOML value of its type. What a stage gets is a frozen, validated value; its fingerprint names it.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gerdata.clip import CLASSES
from gerdata.dialect import Dialect
from gerdata.errors import RecipeError
from gerdata.variation import Variation

RECIPE_LIMIT_BYTES = 64 << 10
PositiveInt = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Recipe(BaseModel):
    """What all recipes share: frozen, strict types, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def fingerprint(self) -> str:
        """64 hex digits that name this recipe's resolved content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


COSMETIC_OPS = {"blur_heads", "pixelate_heads", "vocode_voice", "mcadams_voice"}  # undone by an attacker who retrains


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


class ProtectRecipe(Recipe):
    """What is done to picture and sound before anything leaves the raw data's place."""

    frame_op: Literal[
        "remove_heads", "replace_heads", "remove_people", "blur_heads", "pixelate_heads", "shrink_frame", "raw_frame"
    ]
    voice_op: Literal["mute", "steps", "bed", "bed_dynamic", "numbers", "vocode_voice", "mcadams_voice", "raw_voice"]
    min_score: float = Field(0.25, gt=0, lt=1)  # of a head in any frame; lower finds more, and more that is none
    tile_score: float = Field(0.25, gt=0, lt=1)  # of a head in the enlarged tiles of kept frames
    hold_frames: int = Field(12, ge=0, le=250)  # about half a second before the first and after the last sighting
    check_score: float = Field(0.5, gt=0, lt=1)  # of the second detector, on what would be stored
    sure_score: float = Field(
        0.8, gt=0, le=1
    )  # and more: the clip is refused; less: the place is filled and searched again
    check_px: int = Field(16, ge=4, le=256)  # faces at least this large in the stored frame count
    shrink_px: int = Field(32, ge=4, le=64)
    blur_sigma_share: float = Field(0.13, gt=0, le=1)  # of a head's width
    pixelate_blocks: int = Field(8, ge=1, le=64)
    # what the faces of avatars show (replace_heads): what the persons' own were estimated to, in 3 x 3 steps; the same, but of
    # others in the clip, by lot (a control); nothing, and no person's expression is estimated
    expressions: Literal["estimated", "shuffled", "none"] = "estimated"
    structure: Literal["none", "private", "heatmaps"] = "none"  # of people: kept in private/, or its body maps released
    n_frames: int = Field(5, ge=1, le=256)  # 5 frames suffice on VGAF (arXiv 2312.05265)
    frame_px: int = Field(224, ge=16, le=1024)
    jpeg_quality: int = Field(92, ge=50, le=100)
    max_pixels: PositiveInt = 40_000_000

    @property
    def strength(self) -> Literal["removing", "cosmetic", "raw"]:
        """What the weaker of the two ops does: information is gone for good, or only less plain, or all there."""
        ops = {self.frame_op, self.voice_op}
        if ops & {"raw_frame", "raw_voice"}:
            return "raw"
        return "cosmetic" if ops & COSMETIC_OPS else "removing"

    @property
    def follows_heads(self) -> bool:
        """Whether the frame op itself needs to know where heads are."""
        return self.frame_op not in ("shrink_frame", "raw_frame")

    @property
    def looks_for_heads(self) -> bool:
        """Whether the frame op needs a detector, so that a second one has something to check."""
        return self.frame_op in ("remove_heads", "replace_heads", "remove_people")

    @property
    def reads_expressions(self) -> bool:
        """Whether what single faces show is estimated."""
        return self.frame_op == "replace_heads" and self.expressions != "none"


class SynthRecipe(Recipe):
    """How synthetic groups are drawn. Numbers are ranges a plan is drawn from."""

    classes: tuple[str, ...] = Field(CLASSES, strict=False, min_length=3, max_length=3)
    n_frames: int = Field(5, ge=1, le=256)
    frame_px: int = Field(224, ge=64, le=512)
    duration_s: float = Field(5.0, ge=1, le=30)
    style: Literal["auto", "avatar", "flat", "collage"] = "auto"  # avatars, or flat people
    min_people: int = Field(3, ge=2, le=40)
    max_people: int = Field(15, ge=2, le=40)
    rule: Literal["mean-valence", "majority", "salience-weighted", "simulated-raters", "all-same"] = "mean-valence"
    min_margin: Share = 0.1  # of the rule's verdict; nearer to undecided no group is drawn
    mixed_share: Share = 0.5  # groups whose members do not all feel the same
    weak_share: Share = 0.08  # scenes whose faces, and independently whose voices, hold back
    show: Share = 1.0  # of what is felt that faces show; 0: they rest
    voiced: Share = 1.0  # of what is felt that voices let out; 0: they only talk
    posture_share: Share = 0.5  # members whose posture goes with what they feel
    max_contagion: Share = 0.3  # how far a feeling moves towards those of the three nearest
    layouts: tuple[Literal["rows", "crowd", "circle", "queue", "table", "pair", "street"], ...] = Field(
        ("rows", "crowd", "circle", "queue", "table", "pair", "street"), strict=False, min_length=1
    )
    min_head: float = Field(0.13, gt=0, le=0.5)  # the nearest head, chin to crown, as a share of the frame
    max_head: float = Field(0.26, gt=0, le=0.5)
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
        if self.style == "flat" and self.rule != "mean-valence":
            raise ValueError("flat people know the rule mean-valence alone")
        if self.style == "collage" and self.rule != "all-same":
            raise ValueError("collages know the rule all-same alone")
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


class ShardRecipe(Recipe):
    """How finished samples become a release."""

    samples_per_shard: int = Field(256, ge=1, le=100_000)
    synthetic_rate: float = Field(0.3, ge=0, lt=1)  # of the training split, once any real clip is in
    train_share: Share = 0.7  # of the casts of a purely synthetic release
    validation_share: Share = 0.15


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


RECIPES: dict[str, type[Recipe]] = {
    "ingest": IngestRecipe,
    "protect": ProtectRecipe,
    "synth": SynthRecipe,
    "shard": ShardRecipe,
    "train": TrainRecipe,
    "augment": AugmentRecipe,  # of no command: `train` names it
}
R = TypeVar("R", bound=Recipe)


def recipes_dir() -> Path:
    """Where the shipped recipes lie: inside the wheel, or at the top of a checkout."""
    inside = Path(__file__).parent / "recipes"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "recipes"


def recipe_names(command: str) -> list[str]:
    """The shipped recipes of one command, sorted."""
    return sorted(path.stem for path in (recipes_dir() / command).glob("*.toml"))


def shipped_name(command: str, name: str) -> str:
    """The name of a shipped recipe, as it came; `RecipeError` where there is none, or where it is a path."""
    if name not in recipe_names(command):
        raise RecipeError(
            f"no {command} recipe {name!r}; there are {', '.join(recipe_names(command))}, or write a table"
        )
    return name


def load(kind: type[R], command: str, name: str, overrides: tuple[str, ...] = ()) -> R:
    """A recipe by name or path, with `key=value` overrides, validated. `RecipeError` in one sentence otherwise."""
    values = _read(command, name)
    for override in overrides:
        key, value = _override(kind, override)
        values[key] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        came = f", came {first['input']!r}" if first["loc"] else ""
        raise RecipeError(
            f"recipe {name}: {where}: {first['msg']}{came}"[:400]
            + f"; known keys: {', '.join(_keys(kind, first['loc']))}"
        ) from None


def _keys(kind: type[Recipe], where: tuple[int | str, ...]) -> list[str]:
    """The keys that are known where an error was found: of the recipe, or of the table in it."""
    table = kind.model_fields[str(where[0])].annotation if len(where) > 1 else None
    return list((table if isinstance(table, type) and issubclass(table, Recipe) else kind).model_fields)


def _read(command: str, name: str) -> dict[str, Any]:
    path = Path(name) if name.endswith(".toml") else recipes_dir() / command / f"{name}.toml"
    if not name.endswith(".toml") and name not in recipe_names(command):
        known = ", ".join(recipe_names(command))
        raise RecipeError(f"no {command} recipe {name!r}; there are {known}, or give a path that ends in .toml")
    try:
        with path.open("rb") as file:
            text = file.read(RECIPE_LIMIT_BYTES + 1)
        if len(text) > RECIPE_LIMIT_BYTES:
            raise RecipeError(f"recipe {path}: over {RECIPE_LIMIT_BYTES} bytes; a recipe is a few lines")
        return tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise RecipeError(f"recipe {path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"recipe {path}: not TOML ({error})") from None


def _override(kind: type[Recipe], override: str) -> tuple[str, Any]:
    key, equals, value = override.partition("=")
    key = key.strip()
    if not equals or key not in kind.model_fields:
        raise RecipeError(f"--set {override}: expected key=value with a key of {', '.join(kind.model_fields)}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    if kind.model_fields[key].annotation in (int, float, bool):
        raise RecipeError(f"--set {override}: {value!r} is not a TOML value; write strings in quotes")
    return key, value  # a bare word for a string key: the shell has eaten the quotes
