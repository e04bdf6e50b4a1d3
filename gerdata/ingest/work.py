"""The work of `ingest`: one source in, its verified clips out."""

from collections.abc import Iterator
from typing import Any

from gerdata.clip import Clip
from gerdata.engine.work import Expect, Item, Made
from gerdata.errors import RejectedInput
from gerdata.ingest.segments import cut
from gerdata.manifest import Row
from gerdata.media.container import sha256_of
from gerdata.media.examine import examine
from gerdata.media.limits import MediaLimits
from gerdata.recipe import IngestRecipe
from gerdata.store.private import path_of


class IngestWorker:
    """Hashes, decodes the whole source, and cuts it into clips. Names are provisional: the seal gives the final ones."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.recipe = IngestRecipe.model_validate(settings["recipe"])
        self.allow_unlabelled = bool(settings["allow_unlabelled"])
        self.limits = MediaLimits(max_pixels=self.recipe.max_pixels, max_duration_s=self.recipe.max_duration_s)

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        told = item.payload
        path = path_of(told["uri"])
        sha256 = sha256_of(path)
        examined = examine(path, self.limits, expect)
        if told["label"] is None and not self.allow_unlabelled:
            raise RejectedInput("no-label")  # after the media verdict, so that a broken file is called broken
        segments = cut(examined.duration_s, self.recipe.segment_s, self.recipe.min_segment_s)
        for number, segment in enumerate(segments):
            clip = Clip(
                id=f"{item.key}-{number}",
                group=item.key,
                label=told["label"],
                split=told["split"],
                duration_s=round(segment.duration_s, 1),
                has_audio=examined.has_audio,
                flags=examined.flags,
            )
            private = {
                **told,
                "sha256": sha256,
                "size": path.stat().st_size,
                "segment": number,
                "start_s": segment.start_s,
                "duration_s": segment.duration_s,
                "origin_s": examined.origin_s,
            }
            yield Made(Row(clip), private=private)
