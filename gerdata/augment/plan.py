"""The plan of an augmentation: how it is written down, and how it is carried out."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter

from gerdata.augment.mask import MASK_OPS, MaskOp
from gerdata.augment.picture import PICTURE_OPS, Picture, PictureOp, render_picture
from gerdata.augment.sound import SOUND_OPS, SoundOp, render_sound
from gerdata.clip import Sample

AUGMENT_OPS = (*PICTURE_OPS, *SOUND_OPS, *MASK_OPS)

Drop = Literal["none", "video", "audio"]


@dataclass(frozen=True)
class AugmentPlan:
    """What is done to one sample, in order. `masks` are for the stage that makes features: `mask.mask_features`."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    picture: tuple[PictureOp, ...] = ()
    sound: tuple[SoundOp, ...] = ()
    masks: tuple[MaskOp, ...] = ()
    drop: Drop = "none"

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        flat: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return flat

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> "AugmentPlan":
        """Inverse of `to_json`. Unknown ops or fields, and numbers out of bounds, raise `pydantic.ValidationError`."""
        return _ADAPTER.validate_python(flat)


_ADAPTER = TypeAdapter(AugmentPlan)


def render(sample: Sample, plan: AugmentPlan) -> Sample:
    """The sample after a plan: a new value, same shapes; nothing is drawn and nothing of the input is written to.

    A dropped picture is black, without structure or limbs; a dropped sound is silent; the clip says so (`has_video`,
    `has_audio`). A sample without sound stays silent, whatever the plan was drawn for. Of the clip nothing else changes:
    `n_people`, say, is still that of the sample before.
    """
    picture = Picture(sample.frames, sample.structure, sample.limbs)
    audio = sample.audio
    picture = render_picture(picture, plan.picture)
    if sample.clip.has_audio:
        audio = render_sound(audio, plan.sound)
    clip = sample.clip
    if plan.drop == "video":
        picture, clip = Picture(np.zeros_like(sample.frames)), dataclasses.replace(clip, has_video=False)
    if plan.drop == "audio":
        audio, clip = np.zeros_like(audio), dataclasses.replace(clip, has_audio=False)
    return Sample(clip, picture.frames, audio, picture.structure, picture.limbs)
