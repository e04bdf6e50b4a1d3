"""The work of `synth`: an index in, one sample with its plan and its whole truth out."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gerdata.chance import digest_of
from gerdata.clip import Clip
from gerdata.engine.work import Expect, Item, Made
from gerdata.manifest import Row
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.store.members import encode
from gerdata.synth.render import render_sample
from gerdata.synth.scene import ScenePlan, plan_scene
from gerdata.synth.soundbank import SoundBank


class SynthWorker:
    """Plans and renders one scene. Sample i depends on the seed, the recipe and i alone."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.recipe = SynthRecipe.model_validate(settings["recipe"])
        self.seed = int(settings["seed"])
        folder = settings.get("sounds")
        self.bank = SoundBank(Cache(Path(folder) if folder else None))

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        plan = plan_scene(self.recipe, self.seed, int(item.payload["index"]))
        sample = render_sample(plan, self.recipe.n_frames, clip_of(plan, item.key, self.recipe, self.seed), self.bank)
        yield Made(Row(sample.clip), members=encode(sample, self.recipe.jpeg_quality))


def clip_of(plan: ScenePlan, name: str, recipe: SynthRecipe, seed: int) -> Clip:
    """The row of a synthetic sample: its group is its cast, which never crosses a split."""
    return Clip(
        id=name,
        group=name_of(seed, "cast", plan.cast),
        label=plan.label,
        split=None,
        duration_s=round(recipe.duration_s, 1),
        n_frames=recipe.n_frames,
        height_px=recipe.frame_px,
        width_px=recipe.frame_px,
        has_audio=True,
        is_synthetic=True,
        protection="synthetic",
        n_people=plan.n_people,
        label_soft=plan.label_soft,
        label_margin=plan.label_margin,
        label_rule=plan.label_rule,
        plan=json.dumps(plan.to_json(), separators=(",", ":")),
    )


def name_of(seed: int, *names: str | int) -> str:
    """A name of 26 characters `[a-z2-7]`. It hides nothing: there is nobody behind it."""
    return base64.b32encode(digest_of(seed, "name", *names)[:16]).decode("ascii").rstrip("=").lower()
