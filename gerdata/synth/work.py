"""The work of `synth`: an index in, one sample with its plan and its whole truth out."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gerdata.chance import digest_of
from gerdata.clip import Clip, Sample, kept_times_s
from gerdata.engine.work import Expect, Item, Made
from gerdata.manifest import Row
from gerdata.media.mark import mark_of
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.store.members import encode
from gerdata.synth.collage import Collage
from gerdata.synth.gathering import Gathering
from gerdata.synth.hearing import has_voices
from gerdata.synth.recordingbank import open_recordings
from gerdata.synth.scene import ScenePlan
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.studio import Plan, Studio, label_in_view, open_studio

SYNTHETIC = "synthetic"
RECORDED = "synthetic with recordings of people (not obfuscated)"
COLLAGE = "collage of given pictures (not obfuscated)"
COLLAGE_RECORDED = "collage of given pictures with recordings of people (not obfuscated)"
UNCHECKED = "synthetic before photographs in which nobody was looked for (not obfuscated)"
UNCHECKED_RECORDED = (
    "synthetic with recordings of people before photographs in which nobody was looked for (not obfuscated)"
)
WITH_RECORDINGS = {SYNTHETIC: RECORDED, COLLAGE: COLLAGE_RECORDED, UNCHECKED: UNCHECKED_RECORDED}


class SynthWorker:
    """Plans and renders one scene. Sample i depends on the seed, the recipe and i alone."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.recipe = SynthRecipe.model_validate(settings["recipe"])
        self.seed = int(settings["seed"])
        sounds, avatars, pictures, recordings = (
            Path(folder) if (folder := settings.get(name)) else None
            for name in ("sounds", "avatars", "pictures", "recordings")
        )
        heard = open_recordings(recordings) if recordings else None
        self.studio = open_studio(SoundBank(Cache(sounds), heard), avatars, pictures)

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        plan = self.studio.plan(self.recipe, self.seed, int(item.payload["index"]))
        sample = sample_of(plan, self.studio, item.key, self.recipe, self.seed)
        yield Made(Row(sample.clip), members=encode(sample, self.recipe.jpeg_quality))


def sample_of(plan: Plan, studio: Studio, name: str, recipe: SynthRecipe, seed: int) -> Sample:
    """A plan rendered: kept frames, sound, truth and row. Its group is its cast, which never crosses a split."""
    shown = studio.film(plan, kept_times_s(recipe.n_frames, plan.duration_s))
    text = json.dumps(plan.to_json(), separators=(",", ":"))
    clip = Clip(
        id=name,
        group=group_of(plan, seed),
        label=plan.label,
        split=None,
        duration_s=round(recipe.duration_s, 1),
        n_frames=recipe.n_frames,
        height_px=recipe.frame_px,
        width_px=recipe.frame_px,
        has_audio=True,
        is_synthetic=True,
        protection=protection_of(plan),
        n_people=max(plan.placed) if isinstance(plan, Collage) else plan.n_people,
        label_soft=plan.label_soft,
        label_margin=plan.label_margin,
        label_rule=plan.label_rule,
        label_visible=label_in_view(plan, recipe.classes, shown.seen),
        mark=mark_of(text),
        plan=text,
    )
    return Sample(clip, shown.frames, studio.record(plan), shown.structure)


def protection_of(plan: Plan) -> str:
    """What a scene is said to be: people in a user's pictures and recordings may have lived; nothing of them is obfuscated."""
    seen = _seen(plan)
    return WITH_RECORDINGS[seen] if has_voices(plan) else seen


def _seen(plan: Plan) -> str:
    if isinstance(plan, Collage) and plan.avatars is None:
        return COLLAGE
    photo = None if isinstance(plan, ScenePlan) else plan.photo
    return SYNTHETIC if photo is None or photo.is_checked else UNCHECKED


def group_of(plan: Plan, seed: int) -> str:
    """Avatars are the same people whatever the seed of a scene, and so are pictures and recordings; flat people are of their
    seed."""
    bank = plan.bank if isinstance(plan, Gathering) else plan.avatars if isinstance(plan, Collage) else None
    if bank is not None:
        return name_of(bank.seed, "avatars", bank.fingerprint(), plan.cast)
    if isinstance(plan, Collage):
        return name_of(0, "pictures", plan.pictures, plan.cast)
    if plan.recorded is not None:
        return name_of(0, "sounds", plan.recorded.bank, plan.cast)
    return name_of(seed, "cast", plan.cast)


def name_of(seed: int, *names: str | int) -> str:
    """A name of 26 characters `[a-z2-7]`. It hides nothing: there is nobody behind it."""
    return base64.b32encode(digest_of(seed, "name", *names)[:16]).decode("ascii").rstrip("=").lower()
