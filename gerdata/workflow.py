"""The stages in a row: a demo that makes its own clips, and takes them to a trained model and a report."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gerdata.clip import CLASSES
from gerdata.engine.run import Options, run
from gerdata.errors import GerdataError
from gerdata.ingest.stage import Offer, ingest, look_up
from gerdata.ingest.stage import job_of as ingest_job
from gerdata.learn.train import train
from gerdata.manifest import Header
from gerdata.media.encode import write_clip
from gerdata.privacy.stage import job_of as protect_job
from gerdata.recipe import IngestRecipe, ProtectRecipe, ShardRecipe, SynthRecipe, TrainRecipe, load
from gerdata.report.page import write as write_report
from gerdata.shards.release import Target, publish
from gerdata.shards.release import job_of as shard_job
from gerdata.store.cache import Cache
from gerdata.store.commit import make_folder, write_atomic
from gerdata.store.dataset import Dataset
from gerdata.store.private import open_private
from gerdata.synth.bank import folder_of
from gerdata.synth.picturebank import PictureBank
from gerdata.synth.recordingbank import RecordingBank
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.stage import job_of as synth_job
from gerdata.synth.stage import needs_avatars, ready, resolved
from gerdata.synth.stage import publish as publish_synth
from gerdata.synth.studio import bank_plan_of, open_studio

FPS = 25
CLIP_SEED_OFFSET = 1_000_003  # the demo's clips and its synthetic samples must not be the same scenes
FEW_AVATARS = (
    "bank_people=30",
    "cast_size=6",
    "max_people=6",
)  # five casts: three to train on, one to choose by, one to test on
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Demo:
    """How much a demo makes."""

    clips: int = 12
    samples: int = 300
    clip_s: float = 2.0
    epochs: int = 8


@dataclass(frozen=True)
class DemoResult:
    """Where a demo's things are, and what it measured."""

    workspace: Path
    report: Path
    headers: dict[str, Header]
    runs: dict[str, dict[str, object]]


def demo(workspace: Path, how: Demo, seed: int, options: Options, tell: Tell) -> DemoResult:
    """Make video files of people who never lived, and run every stage on them; then train on the synthetic samples."""
    tell(f"1/6 video files: {how.clips} clips with sound, of people who never lived")
    clips = workspace / "clips"
    clip_recipe = demo_recipe(f"duration_s={float(how.clip_s)}")
    ready(clip_recipe, options.workers or 1)
    labels = write_clips(clips, how.clips, clip_recipe, seed + CLIP_SEED_OFFSET)
    private = open_private(workspace / "private")
    headers: dict[str, Header] = {}

    tell("2/6 ingest")
    ingest_recipe = load(IngestRecipe, "ingest", "clips")
    offer = Offer((str(clips),), labels)
    listing = look_up(offer, ingest_recipe, ())
    job = ingest_job(listing, offer, ingest_recipe, seed, workspace / "ingested", private)
    headers["ingested"] = _made(ingest(job, ingest_recipe, private, options))

    tell("3/6 protect: the whole frame at 32x32 pixels, sound muted")
    protect_recipe = load(ProtectRecipe, "protect", "whole-frame")
    job = protect_job(Dataset(workspace / "ingested"), "whole-frame", protect_recipe, workspace / "protected", private)
    headers["protected"] = _made(run(job, options))

    tell(f"4/6 synth: {how.samples} groups")
    synth_recipe = demo_recipe()
    job = synth_job(how.samples, synth_recipe, seed, workspace / "synth")
    headers["synth"] = _made(run(job, options, publish=publish_synth))

    tell("5/6 shard: one release of protected and synthetic clips, one of synthetic clips alone")
    shard_recipe = load(ShardRecipe, "shard", "webdataset")
    for name, parts in (("mixed", ("protected", "synth")), ("synthetic", ("synth",))):
        parents = [Dataset(workspace / part) for part in parts]
        to = Target(name, workspace / "shards" / name, workspace / "audits")
        job = shard_job(parents, to, shard_recipe, seed, private)
        headers[name] = _made(run(job, options, publish=publish))

    tell("6/6 train: cross-attention on the synthetic release")
    recipe = load(TrainRecipe, "train", "cross-attention-tiny", (f"epochs={how.epochs}",))
    out = workspace / "runs" / "cross-attention-tiny"
    trained = train(recipe, workspace / "shards" / "synthetic", out, seed, tell)
    report = workspace / "report" / "index.html"
    write_report(workspace, report)
    return DemoResult(workspace, report, headers, {out.name: trained.model_dump(mode="json")})


def demo_recipe(*overrides: str) -> SynthRecipe:
    """The demo's groups: of few avatars, so that they are drawn in a minute."""
    return resolved(load(SynthRecipe, "synth", "crowd", (*FEW_AVATARS, *overrides)))


def write_clips(
    folder: Path,
    n: int,
    recipe: SynthRecipe,
    seed: int,
    pictures: PictureBank | None = None,
    recordings: RecordingBank | None = None,
) -> Path:
    """True video files with sound of scenes 0 to n - 1 of a resolved recipe, 25 frames a second, and `labels.csv`, its path.

    A file that is there already stays. The bank of avatars that the recipe asks for must have been built.
    """
    make_folder(folder)
    avatars = folder_of(bank_plan_of(recipe)) if needs_avatars(recipe, pictures) else None
    studio = open_studio(SoundBank(Cache(), recordings), avatars, pictures.folder if pictures else None)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["file", "label"])
    for index in range(n):
        plan = studio.plan(recipe, seed, index)
        path = folder / f"scene-{index:05d}.mp4"
        if not path.exists():
            times_s = (np.arange(round(recipe.duration_s * FPS)) + 0.5) / FPS
            temporary = path.with_suffix(".part")
            shown, sound = studio.clip(plan, times_s)
            write_clip(temporary, shown.frames, FPS, sound)
            temporary.replace(path)
        rows.writerow([path.name, plan.label])
    labels = folder / "labels.csv"
    write_atomic(labels, table.getvalue().encode())
    return labels


def _made(header: Header | None) -> Header:
    if header is None:
        raise GerdataError(f"a demo makes whole stages; expected a header of {', '.join(CLASSES)} clips, came none")
    return header
