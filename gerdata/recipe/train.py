"""How a model is trained: its architecture, its loss, its optimiser, as one flat config."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gerdata.recipe.form import PositiveInt, Recipe, Share
from gerdata.recipe.load import load, shipped_name
from gerdata.recipe.variation import Variation

Weight = Annotated[float, Field(ge=0, le=1000)]  # of a part of the loss
PAPER_WIDTH = 1024  # numbers of a token of the papers' sound CNN


class AugmentRecipe(Variation, Recipe):
    """How training samples are varied; see `Variation`."""


class TrainRecipe(Recipe):
    """One flat config of a training run, and how its samples are varied."""

    architecture: Literal["cross-attention", "ve-md", "video"] = "cross-attention"  # video: the picture branch alone

    # the optimiser
    epochs: PositiveInt = 12
    batch: PositiveInt = 16  # clips of one step, over all ranks
    accumulate: PositiveInt = 1  # pieces in which a step is computed, for want of memory
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(1e-3, gt=0, le=1)
    momentum: float = Field(0.9, ge=0, lt=1)  # of sgd
    weight_decay: float = Field(0.05, ge=0, le=1)
    schedule: Literal["cosine", "none"] = "cosine"
    warmup_share: Share = 0.1  # of all steps
    max_gradient_norm: float = Field(1.0, ge=0, le=1e6)  # 0: not clipped
    precision: Literal["float32", "bf16"] = "float32"
    ema: float = Field(0.0, ge=0, lt=1)  # decay of the averaged weights that are measured and kept; 0: none
    patience: int = Field(0, ge=0)  # epochs without a better one on validation before it stops; 0: never
    video_epochs: int = Field(0, ge=0)  # first stage: the picture branch alone; 0: one stage
    video_frozen: bool = (
        True  # after it; else it goes on learning, so that what neither sense tells alone can be learnt
    )
    video_lr: float = Field(1e-3, gt=0, le=1)
    video_train_frames: int = Field(0, ge=0)  # of the first stage, as `train_frames`; 0: the same number

    # the loss of the group's class
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: float = Field(2.0, ge=0, le=10)
    class_weights: Literal["none", "inverse"] = "none"  # inverse: every class weighs the same over the training clips
    soft_labels: bool = False  # shares of raters in place of the label, where a clip has them
    label_smoothing: Share = 0.0

    # what a clip is
    modality: Literal["both", "video", "audio"] = "both"
    modality_dropout: Share = 0.15  # share of training clips that lose one modality
    train_frames: PositiveInt = 2  # kept frames a training clip shows in an epoch, drawn anew; measuring takes all
    augment: AugmentRecipe = AugmentRecipe.model_validate(
        {}
    )  # a table, or the name of an augment recipe, whose content is then kept
    image_px: int = Field(96, ge=32, le=384)
    mels: int = Field(64, ge=16, le=128)
    hop: int = Field(320, ge=64, le=1024)  # samples at 16 kHz from one column of the spectrogram to the next
    segments: int = Field(5, ge=1, le=75)  # audio segments, one token each (papers: 5 of 1 s)
    segment_s: float = Field(1.0, gt=0.1, le=10)
    embedding: int = Field(
        0, ge=0, le=8192
    )  # numbers of a vector each clip may have (of its text, say); ve-md; 0: none
    control: Literal["none", "heads-and-sound", "shuffled-labels"] = "none"  # what is hidden; must end at chance

    # the encoders
    width: int = Field(96, ge=16, le=2048, multiple_of=2)  # numbers of a token
    dropout: Share = 0.1
    block_dropout: Share | None = None  # of the sound block's attention; without it, as dropout
    forward_dropout: Share | None = None  # of the sound block's perceptron
    head_dropout: Share | None = None  # before the last layer
    sound: Literal["tiny", "paper", "none"] = "tiny"
    picture: Literal["cnn", "vit", "clip"] = (
        "cnn"  # ve-md: a transformer stands beside the trained encoder, cnn is none
    )
    picture_weights: str = ""  # a folder, or a hub name[@revision], as safetensors; none: random
    picture_width: int = Field(1024, ge=8, le=4096)
    picture_layers: int = Field(24, ge=1, le=64)
    picture_heads: int = Field(16, ge=1, le=64)
    picture_patch_px: int = Field(14, ge=4, le=64)
    picture_activation: Literal["gelu", "quick_gelu"] = "gelu"
    picture_released: int = Field(0, ge=0, le=64)  # last blocks that are trained; all of them: the embeddings too
    picture_scale: Literal["half", "imagenet", "clip"] = "half"  # mean and deviation of pixels

    # cross-attention
    query: Literal["audio", "video", "both"] = "audio"
    alignment: Literal["nearest", "segments"] = "nearest"
    pooling: Literal["fap", "mean", "flatten"] = "fap"

    # ve-md
    encoder: Literal["cnn", "resnet50"] = "cnn"
    encoder_scale: Literal["half", "imagenet", "clip"] = "half"
    latent: int = Field(16, ge=1, le=2048)  # maps of 7x7
    bottleneck: Literal["none", "kl", "mmd-imq", "mmd-median", "mmd-rows"] = "kl"
    bottleneck_weight: Weight = 1e-3
    free_bits: float = Field(0.0, ge=0, le=1000)  # of each map of the latent
    decoder: Literal["none", "query", "heatmap"] = "none"
    structure: Literal["body", "face", "both", "none"] = "body"  # what a decoder tells; none: as no decoder
    structure_weight: Weight = 1.0
    route: Literal["latent", "kept", "projected"] = (
        "latent"  # but for latent, structure is estimated at inference and used
    )
    projection: int = Field(64, ge=1, le=4096)  # numbers of projected structure
    queries: int = Field(12, ge=1, le=512)
    query_layers: int = Field(1, ge=1, le=12)
    query_heads: int = Field(4, ge=1, le=32)
    query_limb_beta: float = Field(1.0, ge=1e-4, le=1)  # shares of the frame from which smooth L1 of limbs is a line
    query_limb_weight: float = Field(1.0, gt=0, le=1000)  # of limbs beside presence and adjacency
    no_person: bool = True  # queries also say whether they are anybody
    adjacency: bool = False  # queries also say which limbs meet
    heatmap_width: int = Field(24, ge=1, le=1024)
    stage_width: int = Field(0, ge=0, le=1024)  # 0: as heatmap_width
    stages: int = Field(2, ge=1, le=12)
    stage_depth: int = Field(1, ge=1, le=8)
    limb_weight: float = Field(1.0, ge=1, le=100)  # of a cell on a limb against an empty one

    @property
    def first_epochs(self) -> int:
        """Epochs of a first stage: none where no picture is seen, or nothing else."""
        return 0 if self.modality == "audio" or self.architecture == "video" else self.video_epochs

    @field_validator("augment", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return load(AugmentRecipe, "augment", shipped_name("augment", value)) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> "TrainRecipe":
        if self.soft_labels and self.control == "shuffled-labels":
            raise ValueError("soft labels would tell what shuffled ones hide")
        if self.pooling == "flatten" and self.query == "video":
            raise ValueError("flatten needs a fixed number of tokens: the segments of query audio or both")
        if self.architecture == "cross-attention" and self.sound == "none":
            raise ValueError('cross-attention needs sound = "tiny" or "paper"')
        if self.architecture == "cross-attention" and self.sound == "paper" and self.width != PAPER_WIDTH:
            raise ValueError(f'the tokens of sound = "paper" have {PAPER_WIDTH} numbers: width must be {PAPER_WIDTH}')
        if self.architecture == "ve-md" and self.picture == "cnn" and self.first_epochs and self.video_frozen:
            raise ValueError(
                "video_frozen: a VE-MD from scratch has no picture branch to freeze; set it to false, or picture to vit or clip"
            )
        if self.architecture == "ve-md" and self.route != "latent" and "none" in (self.decoder, self.structure):
            raise ValueError(f'route = "{self.route}" needs a decoder')
        if self.decoder == "query" and self.width % self.query_heads:
            raise ValueError(f"width {self.width} is no multiple of query_heads {self.query_heads}")
        if self.picture != "cnn" and (self.picture_width % self.picture_heads or self.image_px % self.picture_patch_px):
            raise ValueError("picture_width must be a multiple of picture_heads, image_px of picture_patch_px")
        if self.encoder == "resnet50" and self.architecture == "ve-md" and self.image_px != 224:
            raise ValueError('encoder = "resnet50" needs image_px = 224')
        return self
