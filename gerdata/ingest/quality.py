"""Measures of one clip, raw for the private index and binned for its row, and what a recipe makes of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gerdata.clip import Quality
from gerdata.errors import RejectedInput
from gerdata.ingest.reel import Piece
from gerdata.media.quality import BOUNDS, binned, picture_measures, sound_measures
from gerdata.people.heads import HeadFinder
from gerdata.people.speech import speech_share
from gerdata.recipe import IngestRecipe

MIN_SCORE = 0.3  # median error 0 against counts by eye on 42 real clips; at 0.5 it was 1 too few


@dataclass(frozen=True)
class Measured:
    """The measures of one clip: binned, and as they are. `n_people` is the most heads seen at once; None: not asked."""

    quality: Quality
    n_people: int | None
    raw: dict[str, Any]


class Measure:
    """The measures a recipe asks for. Models are opened once; `MissingError` where one is not installed."""

    def __init__(self, asked: Sequence[str]) -> None:
        self.asked = frozenset(asked)
        self._heads = HeadFinder() if "people" in asked else None

    def of(self, piece: Piece) -> Measured:
        """Measure one piece; what is not asked for, or cannot be measured, is None."""
        raw: dict[str, Any] = {}
        if "picture" in self.asked:
            raw |= asdict(picture_measures(piece.grey, piece.stills))
        if "sound" in self.asked:
            raw |= asdict(sound_measures(piece.audio))
        if "cuts" in self.asked:
            raw["n_cuts"] = len(piece.cuts_s)
        if "speech" in self.asked:
            raw["speech_share"] = speech_share(piece.audio) if piece.audio is not None and len(piece.audio) else None
        if self._heads is not None:
            raw |= self._count(piece)
        n_people = raw.get("n_people")
        return Measured(binned(**{name: value for name, value in raw.items() if name != "n_people"}), n_people, raw)

    def _count(self, piece: Piece) -> dict[str, Any]:
        heads = [self._heads.find(frame, MIN_SCORE) for frame in piece.stills] if self._heads is not None else []
        most = max((len(found) for found in heads), default=None)
        sides = [float(min(box[2] - box[0], box[3] - box[1])) for found in heads for box in found]
        return {"n_people": most, "smallest_head_px": min(sides, default=None)}


def fault_of(quality: Quality, n_people: int | None, recipe: IngestRecipe) -> RejectedInput | None:
    """The verdict on a clip whose binned measures are outside what a recipe asks for. What was not measured passes."""
    if recipe.min_people is not None and n_people is not None and n_people < recipe.min_people:
        return RejectedInput("not-a-group", f"{n_people} seen at once")
    for bound, name in BOUNDS:
        limit, value = getattr(recipe, bound), getattr(quality, name)
        if limit is None or value is None:
            continue
        if value < limit if bound.startswith("min_") else value > limit:
            return RejectedInput("quality", f"{name} {value}, {bound} {limit}")
    return None
