"""Which network a recipe asks for, how it is asked, and what of its answer may be looked into."""

from pathlib import Path

from torch import Tensor

from gerdata.errors import DatasetError, RecipeError
from gerdata.learn.batch import Batch, Form
from gerdata.learn.cross_attention import CrossAttention, Wiring
from gerdata.learn.cross_attention import Output as FusedOutput
from gerdata.learn.features import check_segment
from gerdata.learn.heatmap import Stages
from gerdata.learn.person_query import QueryOptions
from gerdata.learn.picture_encoder import Vision, VisionEncoder, load_vision
from gerdata.learn.sound_encoder import MIN_PAPER, MIN_TINY
from gerdata.learn.target import Decoder
from gerdata.learn.ve_md import Design, VeMd
from gerdata.learn.ve_md import Output as VeMdOutput
from gerdata.learn.video_classifier import Output as VideoOutput
from gerdata.learn.video_classifier import VideoClassifier
from gerdata.recipe import TrainRecipe
from gerdata.store.members import LIMBS, STRUCTURE

Model = CrossAttention | VeMd | VideoClassifier
Output = FusedOutput | VeMdOutput | VideoOutput

NO_STRUCTURE = "none"
TARGET_ONLY = "training target only"
AT_INFERENCE = "estimated at inference and used"


def build_model(recipe: TrainRecipe, classes: int) -> Model:
    """A new network of random weights (torch's own generator) for so many classes. `MissingError` without an extra it needs."""
    if recipe.architecture == "video":
        return VideoClassifier(classes, recipe.width, recipe.dropout, vision_of(recipe))
    return VeMd(classes, design_of(recipe)) if recipe.architecture == "ve-md" else _cross_attention(recipe, classes)


def ask(model: Model, batch: Batch) -> Output:
    """The whole answer of a network about a batch."""
    if isinstance(model, VideoClassifier):
        out: Output = model(batch.video, batch.has_video)
    elif isinstance(model, VeMd):
        more = (batch.tokens, batch.embedding, batch.has_embedding)
        out = model(batch.video, batch.audio, batch.has_video, batch.has_audio, *more)
    else:
        out = model(batch.video, batch.audio, batch.has_video, batch.has_audio, batch.tokens)
    return out


def tensors_of(output: Output) -> dict[str, Tensor]:
    """All of an answer that could tell of people, by name: [B or N, ...]."""
    told = {name: value for name, value in output._asdict().items() if isinstance(value, Tensor)}
    if isinstance(output, VeMdOutput):
        if output.latent is not None:
            told["latent"] = output.latent.mean
        if output.people is not None:
            told["queries"] = output.people.limbs
    return told


def load_pretrained(model: Model, recipe: TrainRecipe) -> str:
    """Fill a transformer from where the recipe says; 64 hex digits of its weights, "" where it says nothing."""
    vision = vision_of(recipe)
    if not recipe.picture_weights or vision is None or not isinstance(model.picture, VisionEncoder):
        return ""
    return load_vision(model.picture, vision, recipe.picture_weights)


OF_ONE = {  # keys that one architecture alone reads, and that would seem to matter in an ablation of the other
    "cross-attention": ("query", "alignment", "pooling"),
    "ve-md": ("decoder", "route", "embedding"),
}


def check_recipe(recipe: TrainRecipe) -> None:
    """`RecipeError` where the sound is cut too short for the network that listens, or a key is set that the other architecture
    reads."""
    for owner, keys in OF_ONE.items():
        odd = [key for key in keys if getattr(recipe, key) != TrainRecipe.model_fields[key].default]
        if odd and recipe.architecture not in (owner, "video"):  # a first stage keeps the keys of its recipe
            value = getattr(recipe, odd[0])
            raise RecipeError(
                f"{odd[0]} = {value!r}: {recipe.architecture} does not read it, {owner} does; leave it out"
            )
    if listens(recipe):
        least = MIN_PAPER if recipe.sound == "paper" else MIN_TINY
        check_segment(recipe.mels, recipe.segment_s, least, recipe.hop)
    elif recipe.modality == "audio":
        raise RecipeError('modality = "audio": this model has no branch that listens; take "both" or "video"')


def check_frames(recipe: TrainRecipe, n_frames: int) -> None:
    """`RecipeError` where the frames of a release, or those that training shows, do not divide into segments."""
    if recipe.architecture != "cross-attention" or recipe.alignment != "segments":
        return
    for what, frames in (("clips have", n_frames), ("train_frames shows", min(recipe.train_frames, n_frames))):
        if frames % recipe.segments:
            raise RecipeError(
                f'alignment = "segments" needs a multiple of {recipe.segments} frames, {what} {frames}; change '
                'train_frames or segments, or take alignment = "nearest"'
            )


def check_structure(recipe: TrainRecipe, members: tuple[str, ...], release: Path) -> None:
    """`DatasetError` where samples of such members hold nothing that a recipe's decoder could learn."""
    enough = STRUCTURE in members or (LIMBS in members and recipe.decoder == "heatmap" and recipe.structure != "face")
    if decoder_of(recipe) != "none" and not enough:
        raise DatasetError(
            f"{release}: samples hold {', '.join(members)}; a {recipe.decoder} decoder of {recipe.structure} needs "
            f'{STRUCTURE} (synthetic samples; for maps of bodies {LIMBS} is enough), --private-structure, or decoder = "none"'
        )


def form_of(recipe: TrainRecipe) -> Form:
    """In what form a recipe's model takes a clip: without sound where it has no branch that listens."""
    modality = recipe.modality if listens(recipe) else "video"
    return Form(recipe.image_px, recipe.mels, recipe.segments, recipe.segment_s, modality, recipe.hop)


def listens(recipe: TrainRecipe) -> bool:
    """Whether a recipe's model has a branch of sound."""
    return recipe.architecture != "video" and recipe.sound != "none"


def decoder_of(recipe: TrainRecipe) -> Decoder:
    """The decoder that a recipe's model has."""
    return "none" if recipe.architecture != "ve-md" or recipe.structure == "none" else recipe.decoder


def structure_use(recipe: TrainRecipe) -> str:
    """What people's structure is to a model: said in its run and wherever it is exported."""
    if decoder_of(recipe) == "none":
        return NO_STRUCTURE
    return TARGET_ONLY if recipe.route == "latent" else AT_INFERENCE


def vision_of(recipe: TrainRecipe) -> Vision | None:
    """The vision transformer that a recipe describes; None where it has none."""
    if recipe.picture == "cnn":
        return None
    return Vision(
        kind=recipe.picture,
        width=recipe.picture_width,
        layers=recipe.picture_layers,
        heads=recipe.picture_heads,
        patch_px=recipe.picture_patch_px,
        image_px=recipe.image_px,
        activation=recipe.picture_activation,
        released=recipe.picture_released,
        scale=recipe.picture_scale,
    )


def design_of(recipe: TrainRecipe) -> Design:
    """What a recipe's VE-MD is made of."""
    return Design(
        width=recipe.width,
        latent=recipe.latent,
        encoder=recipe.encoder,
        scale=recipe.encoder_scale,
        vision=vision_of(recipe),
        bottleneck=recipe.bottleneck,
        decoder=decoder_of(recipe),
        parts=recipe.structure,
        route=recipe.route,
        projection=recipe.projection,
        queries=recipe.queries,
        query_layers=recipe.query_layers,
        query=QueryOptions(recipe.width, recipe.query_heads, recipe.dropout, recipe.no_person, recipe.adjacency),
        heatmap_width=recipe.heatmap_width,
        stages=Stages(recipe.stages, recipe.stage_depth, recipe.stage_width or recipe.heatmap_width),
        sound=recipe.sound,
        mels=recipe.mels,
        embedding=recipe.embedding,
        dropout=recipe.dropout,
        head_dropout=recipe.dropout if recipe.head_dropout is None else recipe.head_dropout,
    )


def _cross_attention(recipe: TrainRecipe, classes: int) -> CrossAttention:
    wiring = Wiring(
        sound="paper" if recipe.sound == "paper" else "tiny",
        vision=vision_of(recipe),
        query=recipe.query,
        alignment=recipe.alignment,
        pooling=recipe.pooling,
        segments=recipe.segments,
        block_dropout=recipe.block_dropout,
        forward_dropout=recipe.forward_dropout,
        head_dropout=recipe.head_dropout,
    )
    return CrossAttention(classes, recipe.width, recipe.mels, recipe.dropout, wiring)
