"""The work of `ingest`: one source in, its verified clips out, in one pass over its bytes."""

import base64
import dataclasses
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gerdata.clip import Clip, Quality
from gerdata.engine.work import Expect, Item, Made
from gerdata.errors import RejectedInput
from gerdata.ingest.prints import print_of
from gerdata.ingest.quality import Measure, fault_of
from gerdata.ingest.reel import Look, Piece, Reel
from gerdata.ingest.segments import Cutter, Knife, Segment
from gerdata.manifest import REPAIRED, Row
from gerdata.media.address import Address, sha256_of, stamp_of
from gerdata.media.examine import SILENCE_PEAK, Examined, examine, is_misnamed
from gerdata.media.limits import MediaLimits
from gerdata.media.quality import SHARP_HEIGHT_PX, CutFinder
from gerdata.recipe import IngestRecipe

STILLS_A_SEGMENT = 2  # for sharpness; heads are counted in five
_LABELS = ("label", "split", "fold", "label_margin", "label_rule", "label_original")


@dataclass(frozen=True)
class _Seen:
    """What is kept of one piece once its pictures are gone."""

    segment: Segment
    is_silent: bool
    quality: Quality
    n_people: int | None
    raw: dict[str, Any]
    print: str | None


class IngestWorker:
    """Hashes, decodes the whole source once, and cuts it into clips. Names are provisional: the seal gives final ones."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.recipe = IngestRecipe.model_validate(settings["recipe"])
        self.allow_unlabelled = bool(settings["allow_unlabelled"])
        self.limits = MediaLimits(max_pixels=self.recipe.max_pixels, max_duration_s=self.recipe.max_duration_s)
        self.measure = Measure(self.recipe.measure)

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        told = item.payload
        if told["verdict"] is not None:
            raise RejectedInput(*told["verdict"])
        address = Address(told["uri"], told["offset"], told["size"])
        before = stamp_of(address)
        sha256 = sha256_of(address)
        seen: list[_Seen] = []
        reel = Reel(Cutter(knife_of(self.recipe)), self._look(), lambda piece: seen.append(self._see(piece)))
        examined = examine(address, self.limits, expect, reel, is_fast=self.recipe.check == "fast")
        reel.close(examined.duration_s, examined.has_video)
        if stamp_of(address) != before:
            raise RejectedInput("source-changed", "while it was read")
        self._check(told, examined)
        flags = examined.flags
        if is_misnamed(told["name"], examined.format):
            flags = (*flags, "wrong-extension")
        for number, one in enumerate(seen):
            fault = fault_of(one.quality, one.n_people, self.recipe)
            row = self._row(item, number, one, flags, examined.has_video)
            if fault is not None:
                row = dataclasses.replace(row, status="rejected", reason=fault.reason, detail=fault.detail)
            private = {
                **told,
                "sha256": sha256,
                "segment": number,
                "start_s": one.segment.start_s,
                "duration_s": one.segment.duration_s,
                "origin_s": examined.origin_s,
                "verdict": "repaired" if set(row.clip.flags) & REPAIRED else "ok",
                "flags": ",".join(row.clip.flags),
                **one.raw,
                "print": one.print if fault is None else None,
            }
            yield Made(row, private=private)

    def _look(self) -> Look:
        asked = self.recipe.measure
        stills = 5 if "people" in asked else STILLS_A_SEGMENT if "picture" in asked else 0
        return Look(
            max_pixels=self.recipe.max_pixels,
            still_every_s=self.recipe.segment_s / stills if stills else None,
            still_height_px=None if "people" in asked else SHARP_HEIGHT_PX,
            finder=CutFinder() if "cuts" in asked or self.recipe.segment_by == "scene" else None,
            is_by_scene=self.recipe.segment_by == "scene",
        )

    def _see(self, piece: Piece) -> _Seen:
        peak = float(np.abs(piece.audio).max(initial=0.0)) if piece.audio is not None else 0.0
        measured = self.measure.of(piece)
        made = None
        if self.recipe.find_duplicates:
            made = base64.b64encode(print_of(piece.grey, piece.audio).to_bytes()).decode("ascii")
        return _Seen(
            segment=piece.segment,
            is_silent=peak <= SILENCE_PEAK,
            quality=measured.quality,
            n_people=measured.n_people,
            raw=measured.raw,
            print=made,
        )

    def _check(self, told: dict[str, Any], examined: Examined) -> None:
        """What the recipe does not take; after the media verdict, so that a broken file is called broken."""
        if "still-image" in examined.flags and not self.recipe.allow_images:
            raise RejectedInput("no-image")
        if not examined.has_video and not self.recipe.allow_sound_only:
            raise RejectedInput("no-video", "sound alone")
        if not examined.has_audio and self.recipe.require_audio:
            raise RejectedInput("no-audio")
        if told["is_dropped"]:
            raise RejectedInput("dropped-class")
        if told["label"] is None and not (
            self.allow_unlabelled or told["is_unlabelled_by_design"] or told["label_soft"] is not None
        ):
            raise RejectedInput("no-label")

    def _row(self, item: Item, number: int, one: _Seen, flags: tuple[str, ...], has_video: bool) -> Row:
        told = item.payload
        if one.is_silent and "no-audio" not in flags and "silent-audio" not in flags:
            flags = (*flags, "silent-audio")
        soft = told["label_soft"]
        return Row(
            Clip(
                id=f"{item.key}-{number}",
                group=item.key,
                duration_s=round(one.segment.duration_s, 1),
                has_audio=not one.is_silent,
                has_video=has_video,
                n_people=one.n_people,
                label_soft=tuple(soft) if soft is not None else None,
                is_individual=self.recipe.is_individual,
                quality=one.quality if any(v is not None for v in asdict(one.quality).values()) else None,
                flags=flags,
                **{name: told[name] for name in _LABELS},
            )
        )


def knife_of(recipe: IngestRecipe) -> Knife:
    """How a recipe cuts."""
    return Knife(recipe.segment_s, recipe.segment_s - recipe.overlap_s, recipe.min_segment_s)
