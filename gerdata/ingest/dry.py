"""What an ingest would do, told in seconds: counts from names and tables, time and size from a few sources opened."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gerdata.chance import digest_of
from gerdata.clip import Clip
from gerdata.engine.part import run_part
from gerdata.engine.run import Job
from gerdata.engine.work import Expect, Item, Limits, Made, PartSpec
from gerdata.errors import RejectedInput
from gerdata.ingest.labels import Labelled
from gerdata.ingest.sources import Source
from gerdata.manifest import Row
from gerdata.media.address import Address, filesystem_of
from gerdata.media.container import opened, probe_of
from gerdata.media.limits import MediaLimits
from gerdata.media.stills import stills_of
from gerdata.recipe import IngestRecipe

N_TRIED = 24
TRY_LIMITS = Limits(wall_s=5.0, cpu_s=5.0, wall_per_s=0.0, cpu_per_s=0.0, memory_bytes=1 << 30)
DECODE_S_PER_MPX_FRAME = 0.0017  # one core, H.264 at 720p with checks and prints (benchmarks/ingest.py)
PRINT_BYTES = 8_000  # of a clip in the private folder


@dataclass(frozen=True)
class Forecast:
    """What would become of the offer. `hours` and `minutes_of_work` are None where no source could be opened."""

    read: int
    by_label: dict[str, dict[str, int]]  # split to label to sources
    would_reject: dict[str, int]
    gigabytes: float
    hours: float | None
    clips: int | None
    minutes_of_work: float | None
    private_megabytes: float | None


class ProbeWorker:
    """Opens one source and asks it for its length; decodes nothing."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.limits = MediaLimits(max_pixels=settings["max_pixels"], max_duration_s=settings["max_duration_s"])

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        address = Address(item.payload["uri"], item.payload["offset"], item.payload["size"])
        stills = stills_of(address, self.limits)
        if stills is not None:
            told = {"duration_s": stills.duration_s, "megapixel_frames": stills.width_px * stills.height_px / 1e6}
        else:
            with opened(address, self.limits) as source:
                probe = probe_of(source, self.limits)
                n = probe.declared_frames or 25 * (probe.declared_duration_s or 0.0)
                told = {
                    "duration_s": probe.declared_duration_s or 0.0,
                    "megapixel_frames": n * probe.width_px * probe.height_px / 1e6,
                }
        yield Made(Row(Clip(id=item.key, group=item.key, label=None, split=None, duration_s=0.0)), private=told)


def forecast(pairs: Sequence[tuple[Source, Labelled]], job: Job, recipe: IngestRecipe, workers: int) -> Forecast:
    """Counts of everything; length and time from up to 24 sources opened in a child process, by their share of bytes."""
    by_label: dict[str, Counter[str]] = {}
    rejects: Counter[str] = Counter()
    allow_unlabelled = bool(job.settings["allow_unlabelled"])
    for source, labelled in pairs:
        by_label.setdefault(labelled.split or "to be drawn", Counter())[labelled.label or "unlabelled"] += 1
        reason = _known_reason(source, labelled, allow_unlabelled)
        if reason is not None:
            rejects[reason] += 1
    sizes = {item.key: _size(item.payload) for item in job.items}
    whole = sum(sizes.values())
    openable = [item for item in job.items if item.payload["verdict"] is None and sizes[item.key] > 0]
    tried = sorted(openable, key=lambda item: digest_of(job.seed, "try", item.key))[:N_TRIED]
    told = _tried(tried, recipe)
    bytes_tried = sum(sizes[key] for key in told)
    hours = clips = minutes = None
    if bytes_tried:
        scale = whole / bytes_tried
        seconds = scale * sum(one["duration_s"] for one in told.values())
        hours = seconds / 3600
        per_source = [max(1.0, one["duration_s"] / (recipe.segment_s - recipe.overlap_s)) for one in told.values()]
        clips = round(len(openable) * sum(per_source) / len(per_source))
        work_s = scale * sum(one["megapixel_frames"] for one in told.values()) * DECODE_S_PER_MPX_FRAME
        minutes = work_s / 60 / workers
    return Forecast(
        read=len(job.items),
        by_label={split: dict(sorted(counts.items())) for split, counts in sorted(by_label.items())},
        would_reject=dict(sorted(rejects.items())),
        gigabytes=round(whole / 1e9, 3),
        hours=None if hours is None else round(hours, 3),
        clips=clips,
        minutes_of_work=None if minutes is None else round(minutes, 1),
        private_megabytes=None if clips is None else round(clips * PRINT_BYTES / 1e6, 1),
    )


def _known_reason(source: Source, labelled: Labelled, allow_unlabelled: bool) -> str | None:
    """The reason that is known before a source is opened."""
    if source.verdict is not None:
        return source.verdict[0]
    if labelled.is_dropped:
        return "dropped-class"
    has_label = labelled.label is not None or labelled.label_soft is not None
    return None if has_label or allow_unlabelled or labelled.is_unlabelled_by_design else "no-label"


def _tried(items: Sequence[Item], recipe: IngestRecipe) -> dict[str, dict[str, float]]:
    """What a few sources say of themselves, from a child process under limits; those that say nothing are left out."""
    if not items:
        return {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        spec = PartSpec(
            root=root,
            number=0,
            rows="rows.parquet",
            tar=None,
            worker="gerdata.ingest.dry:ProbeWorker",
            settings={"max_pixels": recipe.max_pixels, "max_duration_s": recipe.max_duration_s},
            items=tuple(items),
            logs=root / "logs",
            private=root / "private",
            limits=TRY_LIMITS,
        )
        run_part(spec)
        lines = (root / "private" / "00000.jsonl").read_text().splitlines()
    told = (json.loads(line) for line in lines)
    return {one["id"]: one for one in told if "duration_s" in one}


def _size(payload: dict[str, Any]) -> int:
    address = Address(payload["uri"], payload["offset"], payload["size"])
    if address.size is not None:
        return address.size
    try:
        if not address.is_local:
            system, path = filesystem_of(address.uri)
            return int(system.info(path).get("size") or 0)
        if address.is_folder:
            return sum(one.stat().st_size for one in address.path.iterdir())
        return address.path.lstat().st_size
    except (OSError, ValueError, RejectedInput):
        return 0
