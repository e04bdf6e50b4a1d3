"""What chance does to a training clip: a `Change`, drawn from (seed, epoch, id) alone, so neither the order of clips nor a
resumed run alters it."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gerdata.augment.draw import draw_drop, draw_plan
from gerdata.augment.mask import mask_features
from gerdata.augment.picture import Picture, PictureOp, render_picture
from gerdata.augment.plan import AugmentPlan
from gerdata.augment.sound import SOUND_OPS, Gain, SoundOp, render_sound
from gerdata.chance import rng_for
from gerdata.learn.batch import Form, Item, audio_tensor
from gerdata.learn.features import SILENCE_DB
from gerdata.recipe import AugmentRecipe


class Change(NamedTuple):
    """What chance decided for one training clip in one epoch."""

    frames: tuple[int, ...]  # which of the kept frames are shown, in their order
    plan: AugmentPlan


class Ranges(NamedTuple):
    """What a `Change` is drawn from."""

    frames: int  # how many of the kept frames are shown; all of them where there are fewer
    augment: AugmentRecipe
    drop_share: float  # of the clips with both senses that lose one


def draw_change(seed: int, epoch: int, item: Item, ranges: Ranges) -> Change:
    """Decide what happens to one clip in one epoch. A clip never loses the only modality it has."""
    rng = rng_for(seed, "change", epoch, item.id)
    shown = np.sort(rng.permutation(len(item.video))[: ranges.frames])
    drop = draw_drop(ranges.drop_share, rng, item.has_video, item.has_audio)
    has = {"has_video": item.has_video, "has_audio": item.has_audio}
    return Change(tuple(shown.tolist()), draw_plan(ranges.augment, seed, epoch, item.id, drop=drop, **has))


def apply_change(item: Item, change: Change, form: Form) -> Item:
    """The clip after a change, in the same form. A plan with more than gain for the sound needs `item.sound`."""
    plan, shown = change.plan, item.video[list(change.frames)]  # [shown, 3, h, w]
    audio = change_sound(item, plan.sound, form)
    if plan.masks:
        audio = torch.from_numpy(mask_features(audio[:, 0].numpy(), plan.masks)).unsqueeze(1)
    return item._replace(
        video=change_picture(shown, plan.picture) if plan.picture else shown,
        audio=audio,
        has_video=item.has_video and plan.drop != "video",
        has_audio=item.has_audio and plan.drop != "audio",
        sound=None,
    )


def needs_waveform(augment: AugmentRecipe) -> bool:
    """Whether a recipe may do more to the sound than make it louder or softer."""
    return any(getattr(augment, f"{kind.op}_share") > 0 for kind in SOUND_OPS if kind is not Gain)


def change_picture(video: Tensor, ops: tuple[PictureOp, ...]) -> Tensor:
    """uint8 [T, 3, h, w] after `ops`, as the model sees it: the frames are already small and square."""
    frames = np.ascontiguousarray(video.permute(0, 2, 3, 1).numpy())  # [T, h, w, 3]
    return torch.from_numpy(render_picture(Picture(frames), ops).frames).permute(0, 3, 1, 2)


def change_sound(item: Item, ops: tuple[SoundOp, ...], form: Form) -> Tensor:
    """The log-mel segments of the clip's sound after `ops`. Gain alone is decibels added, and needs no new spectrogram."""
    if not ops:
        return item.audio
    if all(isinstance(op, Gain) for op in ops):
        return (item.audio + sum(op.gain_db for op in ops if isinstance(op, Gain))).clamp(min=SILENCE_DB)
    if item.sound is None:
        raise ValueError("expected the waveform of the clip: read the split with keep_sound")
    return audio_tensor(render_sound(item.sound, ops), form)
