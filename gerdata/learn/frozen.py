"""The second of the authors' two stages: a picture branch that is done learning, and its tokens, made once."""

import torch
from torch import Tensor

from gerdata.learn.architecture import Model
from gerdata.learn.batch import Item
from gerdata.learn.data import ReleaseSplit
from gerdata.learn.picture_encoder import PictureEncoder, VisionEncoder

FUSED = (
    "head.sound.",
    "head.pool_sound.",
    "head.null_",
    "head.classes.",
)  # of a VE-MD: what no picture goes through alone


class FrozenSplit(ReleaseSplit):
    """A split whose clips bring the tokens that a frozen picture encoder makes of their frames, as the frames are stored.

    Tokens are kept in memory (75 frames of 1024 numbers: 0.3 MB a clip). Without `frames`, for models that read nothing but
    tokens, a frame is one pixel.
    """

    def __init__(self, split: ReleaseSplit, encoder: PictureEncoder | VisionEncoder, frames: bool) -> None:
        self.__dict__.update(split.__dict__)  # the same split, seen through an encoder
        self.encoder, self.frames = encoder, frames
        self._tokens: dict[int, Tensor] = {}

    def __getitem__(self, index: int) -> Item:
        item = super().__getitem__(index)
        if index not in self._tokens:
            with torch.no_grad():
                device = next(self.encoder.parameters()).device
                self._tokens[index] = self.encoder(item.video[None].to(device))[0].float().cpu()  # [T, d]
        video = item.video if self.frames else item.video[:, :, :1, :1]
        return item._replace(video=video, tokens=self._tokens[index])


def take_picture(model: Model, learned: Model) -> None:
    """Give a model the weights of another's picture branch: the picture encoder, or all of a VE-MD without one but what is
    fused with other senses."""
    if model.picture is not None and learned.picture is not None:
        model.picture.load_state_dict(learned.picture.state_dict())
        return
    kept = {name: one for name, one in learned.state_dict().items() if not name.startswith(FUSED)}
    model.load_state_dict(model.state_dict() | kept)


def freeze_picture(model: Model, learned: Model) -> PictureEncoder | VisionEncoder:
    """The picture encoder of another model, which neither trains any more."""
    assert model.picture is not None  # the recipe sees to it
    assert learned.picture is not None
    take_picture(model, learned)
    encoder = learned.picture.requires_grad_(False).eval()
    if isinstance(encoder, VisionEncoder):
        encoder.released = 0
    model.picture.requires_grad_(False)
    return encoder
