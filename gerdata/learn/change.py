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
from gerdata.learn.target import shown, shown_maps
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
    """The clip after a change, in the same form. A plan with more than gain for the sound needs `item.sound`.

    Frames that a frozen encoder has already made tokens of are not changed: the tokens would not follow.
    """
    plan, frames = change.plan, list(change.frames)
    seen = item._replace(
        video=item.video[frames],  # [shown, 3, h, w]
        structure=shown(item.structure, frames),
        limbs=shown_maps(item.limbs, frames),
        tokens=item.tokens[frames] if item.tokens is not None else None,
    )
    if plan.picture and item.tokens is None:
        seen = change_picture(seen, plan.picture)
    audio = change_sound(item, plan.sound, form)
    if plan.masks:
        audio = torch.from_numpy(mask_features(audio[:, 0].numpy(), plan.masks)).unsqueeze(1)
    return seen._replace(
        audio=audio,
        has_video=item.has_video and plan.drop != "video",
        has_audio=item.has_audio and plan.drop != "audio",
        sound=None,
    )


def needs_waveform(augment: AugmentRecipe) -> bool:
    """Whether a recipe may do more to the sound than make it louder or softer."""
    return any(getattr(augment, f"{kind.op}_share") > 0 for kind in SOUND_OPS if kind is not Gain)


def change_picture(item: Item, ops: tuple[PictureOp, ...]) -> Item:
    """Frames uint8 [T, 3, h, w] after `ops`, as the model sees them: they are already small and square. What is known of
    people moves with them."""
    frames = np.ascontiguousarray(item.video.permute(0, 2, 3, 1).numpy())  # [T, h, w, 3]
    changed = render_picture(Picture(frames, item.structure, item.limbs), ops)
    video = torch.from_numpy(changed.frames).permute(0, 3, 1, 2)
    return item._replace(video=video, structure=changed.structure, limbs=changed.limbs)


def change_sound(item: Item, ops: tuple[SoundOp, ...], form: Form) -> Tensor:
    """The log-mel segments of the clip's sound after `ops`. Gain alone is decibels added, and needs no new spectrogram."""
    if not ops:
        return item.audio
    if all(isinstance(op, Gain) for op in ops):
        return (item.audio + sum(op.gain_db for op in ops if isinstance(op, Gain))).clamp(min=SILENCE_DB)
    if item.sound is None:
        raise ValueError("expected the waveform of the clip: read the split with keep_sound")
    return audio_tensor(render_sound(item.sound, ops), form)
