"""Plans of all styles, rendered: what is seen, what is heard, and what a viewer could know."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from gerdata.clip import Audio, Frames
from gerdata.errors import DatasetError, UsageError
from gerdata.recipe import SynthRecipe
from gerdata.synth.bank import Bank, open_bank
from gerdata.synth.collage import Collage, plan_collage
from gerdata.synth.compose import Shown, render_gathering
from gerdata.synth.deck import AvatarDeck, Deck, PictureDeck
from gerdata.synth.gathering import Gathering, plan_gathering, salience_of_plan
from gerdata.synth.mixture import render_audio, render_stems
from gerdata.synth.pasting import render_collage
from gerdata.synth.picturebank import Photo, PictureBank, open_pictures
from gerdata.synth.render import render_frames
from gerdata.synth.repertoire import BankPlan
from gerdata.synth.rule import judge
from gerdata.synth.scene import ScenePlan, plan_scene
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.stereo import places_of, spread
from gerdata.synth.vocal import Signal

Plan = ScenePlan | Gathering | Collage
IN_VIEW = 0.5  # of a face, over all frames on the average, from which on its feeling counts as known to a viewer
HEAD_POINTS = slice(0, 5)  # nose, eyes, ears of COCO-17


@dataclass(frozen=True)
class Studio:
    """What rendering needs: sounds, for avatars their bank (None for flat people), and a user's own pictures, if any."""

    sounds: SoundBank
    avatars: Bank | None
    pictures: PictureBank | None = None

    def plan(self, recipe: SynthRecipe, seed: int, index: int) -> Plan:
        """Scene `index`, planned."""
        if recipe.style == "flat":
            return plan_scene(recipe, seed, index, self.sounds.recordings)
        if recipe.style == "collage":
            return plan_collage(recipe, self._deck(), seed, index, self.sounds.recordings)
        return plan_gathering(recipe, self._bank().plan, seed, index, self.pictures, self.sounds.recordings)

    def film(self, plan: Plan, times_s: npt.NDArray[np.float64]) -> Shown:
        """The picture at `times_s: float64 [T]` and its truth."""
        if isinstance(plan, Gathering):
            bank = self._bank()
            if bank.plan != plan.bank:
                raise UsageError(
                    "the plan is of another bank of avatars than the one at hand; open the bank that it names"
                )
            return render_gathering(plan, bank, times_s, self._photo(plan.photo))
        if isinstance(plan, Collage):
            deck = self._deck()
            if (deck.avatars, deck.pictures) != (plan.avatars, plan.pictures):
                raise UsageError(
                    "the plan is of another bank than the one at hand; give the one it was made with (--bank)"
                )
            return render_collage(plan, deck, times_s)
        frames, structure, masks = render_frames(plan, times_s)
        seen = (structure.bodies[:, :, HEAD_POINTS, 2] == 2).mean(2, dtype=np.float32)
        return Shown(frames, dataclasses.replace(structure, seen=seen), masks)

    def record(self, plan: Plan) -> Audio:
        """The sound, `float32 [N]` at 16 kHz mono."""
        return render_audio(plan, self.sounds)

    def clip(self, plan: Plan, times_s: npt.NDArray[np.float64]) -> tuple[Shown, Signal]:
        """What a viewer gets: the picture at `times_s`, and the sound in two channels `float32 [2, N]`, each event from where
        who makes it is seen."""
        shown = self.film(plan, times_s)
        places = places_of(shown.structure.heads, shown.frames.shape[2])
        return shown, spread(plan, render_stems(plan, self.sounds), places)

    def _deck(self) -> Deck:
        """What collages are made of: the pictures, where there are any of people."""
        if self.pictures is not None and self.pictures.has_people:
            return PictureDeck(self.pictures)
        return AvatarDeck(self._bank(), self.pictures)

    def _photo(self, photo: Photo | None) -> Frames | None:
        if photo is None:
            return None
        if self.pictures is None:
            raise UsageError("the plan has a background, and no bank of pictures is at hand; give its bank (--bank)")
        return self.pictures.background(photo)

    def _bank(self) -> Bank:
        if self.avatars is None:
            raise UsageError("avatars are asked for, and no bank of them is open")
        return self.avatars


def bank_plan_of(recipe: SynthRecipe) -> BankPlan:
    """The bank of avatars that a recipe asks for."""
    return BankPlan(
        seed=recipe.bank_seed, n_people=recipe.bank_people, cast_size=min(recipe.cast_size, recipe.bank_people)
    )


def open_studio(sounds: SoundBank, avatars: Path | None, pictures: Path | None = None) -> Studio:
    """A studio with the bank of avatars in a folder, and that of a user's pictures in another, or without them."""
    return Studio(sounds, open_bank(avatars) if avatars else None, open_pictures(pictures) if pictures else None)


def label_in_view(plan: Plan, classes: tuple[str, ...], seen: npt.NDArray[np.float32]) -> str | None:
    """What the plan's rule says of those who are in view, as a name of a class; None where nobody is. `seen: [T, P]`."""
    if isinstance(plan, Collage):
        return plan.label if seen.mean(0).max(initial=0.0) >= IN_VIEW else None
    people = plan.actors if isinstance(plan, Gathering) else plan.people
    known = seen.mean(0) >= IN_VIEW
    if not known.any():
        return None
    valences = np.array([one.feeling.valence for one in people])[known]
    if isinstance(plan, Gathering):
        salience = salience_of_plan(plan)[known]
        verdict = judge(plan.label_rule, valences, salience, plan.raters)  # type: ignore[arg-type]
    else:
        verdict = judge("mean-valence", valences, np.ones(len(valences)))
    return classes[verdict.label]


def plan_from_text(text: str) -> Plan:
    """A stored plan of any style; `DatasetError` for what is none."""
    try:
        flat: Mapping[str, Any] = json.loads(text)
        if "heads" in flat:
            return Collage.from_json(flat)
        return Gathering.from_json(flat) if "actors" in flat else ScenePlan.from_json(flat)
    except (ValueError, ValidationError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"expected the plan of a synthetic scene, came {len(text)} characters ({type(error).__name__})"
        ) from None
