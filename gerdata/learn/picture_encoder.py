"""Whole frames to tokens, one a frame: a CNN from scratch, or a vision transformer (needs the extra `vision`).

A vision transformer is built from the numbers of a recipe, so that a finished run needs nothing but its own folder; its
weights may come from a local folder or a hub name, as safetensors and nothing else. Nothing that is loaded is executed.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from gerdata.errors import MissingError, RecipeError
from gerdata.learn.blocks import convolution

Kind = Literal["cnn", "vit", "clip"]
Scale = Literal["half", "imagenet", "clip"]
LENGTH = 4.0  # of a token of the CNN
SCALES: dict[
    str, tuple[tuple[float, float, float], tuple[float, float, float]]
] = {  # mean, standard deviation, of white
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


@dataclass(frozen=True)
class Vision:
    """The shape of a vision transformer, as its config names it, and how many of its last blocks are trained."""

    kind: Literal["vit", "clip"]
    width: int
    layers: int
    heads: int
    patch_px: int
    image_px: int
    activation: str
    released: int
    scale: Scale


class PictureEncoder(nn.Module):
    """A compact CNN from scratch: one token a frame.

    Maximum pooling matters: with strides in its place the mouths of small faces are lost and 600 clips are not enough
    (0.37 in place of 0.79 accuracy on synthetic groups after 10 epochs). A token is the mean and the strongest response of
    each map, side by side: the one counts faces, the other finds one. It is scaled to one length, since a step of Adam moves an
    answer by the rate times the sum of the token's sizes: unscaled, that is 0.8 a step at a rate of 2e-3, and groups of avatars
    stayed at chance for 1,000 steps; scaled, they are told after 400 of 32 clips (docs/log.md). No linear layer stands between.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.maps = tiny_maps(width // 2)

    def forward(self, video: Tensor) -> Tensor:
        """uint8 [B, T, 3, h, w] -> [B, T, d]."""
        images = video.flatten(0, 1).to(memory_format=torch.channels_last)  # [B*T, 3, h, w]
        maps = self.maps(images.float() / 127.5 - 1)  # [B*T, d/2, h/8, w/8]
        tokens = LENGTH * normalize(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1), dim=1)  # [B*T, d]
        return tokens.view(*video.shape[:2], -1)  # [B, T, d]


class VisionEncoder(nn.Module):
    """A vision transformer of `transformers`: the token of its class position, after the last norm, is the frame's.

    `released` of its last blocks are trained (all of them: the embeddings too); 0 freezes it, and it then stays in
    evaluation mode. A linear layer follows only where the model's `width` is another than its own.
    """

    def __init__(self, width: int, vision: Vision) -> None:
        super().__init__()
        self.vision, self.released = _transformer(vision), vision.released
        self.token = nn.Identity() if width == vision.width else nn.Linear(vision.width, width)
        self.register_buffer("scale", torch.tensor(SCALES[vision.scale]) * 255, persistent=False)  # [2, 3]
        for name, parameter in self.vision.named_parameters():
            parameter.requires_grad_(_is_released(name, vision))

    def forward(self, video: Tensor) -> Tensor:
        """uint8 [B, T, 3, h, w] -> [B, T, d]."""
        mean, deviation = self.scale[:, :, None, None]  # type: ignore[index]  # a buffer
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.released > 0):
            out = self.vision(pixel_values=(video.flatten(0, 1).float() - mean) / deviation)
            pooled = getattr(out, "pooler_output", None)
            told = out.last_hidden_state[:, 0] if pooled is None else pooled  # [B*T, width]
        tokens: Tensor = self.token(told)  # [B*T, d]
        return tokens.view(*video.shape[:2], -1)  # [B, T, d]

    def train(self, mode: bool = True) -> "VisionEncoder":
        super().train(mode)
        if not self.released:
            self.vision.eval()
        return self


def tiny_maps(maps: int) -> nn.Sequential:
    """[N, 3, h, w] -> [N, maps, h/8, w/8]. A cell sees 57 pixels, so at 160 a head and the shoulders below it."""
    return nn.Sequential(
        convolution(3, 16, stride=2),
        nn.MaxPool2d(2),
        convolution(16, 48),
        convolution(48, 48),
        nn.MaxPool2d(2),
        convolution(48, maps),
        convolution(maps, maps),
    )


def make_picture_encoder(width: int, vision: Vision | None) -> PictureEncoder | VisionEncoder:
    """The CNN where no transformer is described."""
    return PictureEncoder(width) if vision is None else VisionEncoder(width, vision)


def load_vision(encoder: VisionEncoder, vision: Vision, where: str) -> str:
    """Fill a vision transformer from a local folder or hub name (`name@revision` pins one); 64 hex digits of its weights.

    `RecipeError` where the model there has another shape or is none.
    """
    library = load_transformers()
    name, _, revision = where.partition("@")
    model = {"vit": library.ViTModel, "clip": library.CLIPVisionModel}[vision.kind]
    extra: dict[str, Any] = {"add_pooling_layer": False} if vision.kind == "vit" else {}
    try:
        loaded = model.from_pretrained(
            name, revision=revision or None, use_safetensors=True, trust_remote_code=False, **extra
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise RecipeError(
            f"picture_weights {where!r}: expected a folder or hub name with config.json and model.safetensors "
            f"({str(error).splitlines()[0][:200]})"
        ) from None
    wanted = _config(vision, library)
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "patch_size", "image_size", "hidden_act"):
        there, here = getattr(loaded.config, key), getattr(wanted, key)
        if there != here:
            raise RecipeError(
                f"picture_weights {where!r}: {key} is {there} there, {here} in the recipe; make them equal"
            )
    state = loaded.state_dict()
    encoder.vision.load_state_dict(state)
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode() + state[key].detach().to(torch.float32).cpu().numpy().tobytes())
    return digest.hexdigest()


def load_transformers() -> Any:
    """The library, late: it is slow to import; `MissingError` with the line to run where it is not installed."""
    try:
        import transformers
    except ModuleNotFoundError:
        raise MissingError("vision transformers need an extra: python -m pip install 'gerdata[vision]'") from None
    return transformers


def _config(vision: Vision, library: Any) -> Any:
    return {"vit": library.ViTConfig, "clip": library.CLIPVisionConfig}[vision.kind](
        hidden_size=vision.width,
        intermediate_size=4 * vision.width,
        num_hidden_layers=vision.layers,
        num_attention_heads=vision.heads,
        patch_size=vision.patch_px,
        image_size=vision.image_px,
        hidden_act=vision.activation,
    )


def _transformer(vision: Vision) -> nn.Module:
    library = load_transformers()
    config = _config(vision, library)
    made = (
        library.CLIPVisionModel(config) if vision.kind == "clip" else library.ViTModel(config, add_pooling_layer=False)
    )
    assert isinstance(made, nn.Module)
    return made


def _is_released(name: str, vision: Vision) -> bool:
    """Whether a parameter is trained: the last `released` blocks and the norm after them; all, where all blocks are."""
    if vision.released >= vision.layers:
        return True
    if "layers." in name:
        return int(name.partition("layers.")[2].partition(".")[0]) >= vision.layers - vision.released
    return vision.released > 0 and ("post_layernorm" in name or name.startswith("layernorm"))
