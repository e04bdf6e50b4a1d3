"""The stages in a row: a demo that makes its own clips, and takes them to a trained model and a report; and a prediction, which
takes one clip through ingest and protect to a model, and leaves nothing behind."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from gerdata.audit.evidence import Evidence
from gerdata.clip import CLASSES
from gerdata.engine.run import Options, run
from gerdata.errors import GerdataError, UsageError
from gerdata.ingest.stage import Offer, ingest, look_up
from gerdata.ingest.stage import job_of as ingest_job
from gerdata.learn.evaluate import Trained
from gerdata.learn.evaluate import predict as predict_sample
from gerdata.learn.train import train
from gerdata.manifest import Header
from gerdata.privacy.stage import job_of as protect_job
from gerdata.privacy.stage import ready as ready_to_protect
from gerdata.recipe import IngestRecipe, ProtectRecipe, ShardRecipe, SynthRecipe, TrainRecipe, load, recipe_names
from gerdata.report.page import write as write_report
from gerdata.shards.release import Target, publish
from gerdata.shards.release import job_of as shard_job
from gerdata.store.dataset import REJECTS, Dataset
from gerdata.store.members import decode
from gerdata.store.private import Private, open_private
from gerdata.synth.clips import write_clips
from gerdata.synth.stage import job_of as synth_job
from gerdata.synth.stage import publish as publish_synth
from gerdata.synth.stage import ready, resolved

CLIP_SEED_OFFSET = 1_000_003  # the demo's clips and its synthetic samples must not be the same scenes
FEW_AVATARS = (
    "bank_people=30",
    "cast_size=6",
    "max_people=6",
)  # five casts: three to train on, one to choose by, one to test on
FEW_CLIPS = ("batch=16", "video_epochs=0")  # a few hundred groups of avatars tell of sound; to see them takes thousands
NOTHING_TO_READ = "protection left nothing of what this run reads"
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
    recipe = load(TrainRecipe, "train", "cross-attention-tiny", (f"epochs={how.epochs}", *FEW_CLIPS))
    out = workspace / "runs" / "cross-attention-tiny"
    trained = train(recipe, workspace / "shards" / "synthetic", out, seed, tell)
    report = workspace / "report" / "index.html"
    write_report(workspace, report)
    return DemoResult(workspace, report, headers, {out.name: trained.model_dump(mode="json")})


def demo_recipe(*overrides: str) -> SynthRecipe:
    """The demo's groups: of few avatars, so that they are drawn in a minute."""
    return resolved(load(SynthRecipe, "synth", "crowd", (*FEW_AVATARS, *overrides)))


@dataclass(frozen=True)
class Protect:
    """By which recipe a clip is protected before a model sees it; `accepts`: "cosmetic" or "raw", as for `protect`."""

    name: str
    recipe: ProtectRecipe
    accepts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Prediction:
    """What a model says of the group in one stretch of a clip: `probabilities` by class, or None and the reason. Nothing about
    persons."""

    start_s: float
    duration_s: float
    probabilities: dict[str, float] | None
    reason: str = ""


def protection_for(run_protection: str) -> str:
    """The protect recipe that a run's data went through; `remove` where they were synthetic. `UsageError` for several, or for
    one that is not shipped."""
    told = {one.removesuffix(" (not obfuscated)") for one in run_protection.split(", ") if one}
    real = sorted(one for one in told if one.split()[0] not in ("synthetic", "collage"))
    unknown = [one for one in real if one not in recipe_names("protect")]
    if unknown:
        raise UsageError(
            f"the run was trained on clips protected by {unknown[0]!r}, which is not shipped; name its file with --recipe"
        )
    if len(real) > 1:
        raise UsageError(f"the run was trained on clips protected by {', '.join(real)}; name one with --recipe")
    return real[0] if real else "remove"


def predict(clip: Path, trained: Trained, how: Protect) -> list[Prediction]:
    """One clip through ingest and protect to a model; a long one in stretches, in order of time.

    Both stages run as they always do, in a folder of this user alone that is removed at the end: nothing of the clip is kept,
    and the key of its names is forgotten. A stretch that cannot be shown protected is quarantined and not predicted.
    """
    with tempfile.TemporaryDirectory(prefix="gerdata-") as folder:
        root = Path(folder)
        private = open_private(root / "private")
        options = Options(logs=root / "logs", quiet=True)
        recipe = load(IngestRecipe, "ingest", "clips", ("find_duplicates=false", "measure=[]", "allow_sound_only=true"))
        offer = Offer((str(clip),), None, allow_unlabelled=True)
        job = ingest_job(look_up(offer, recipe, ()), offer, recipe, 0, root / "ingested", private)
        if not _made(ingest(job, recipe, private, options)).counts.written:
            return [Prediction(0.0, 0.0, None, _reason_of(root / "ingested"))]
        ready_to_protect(how.recipe, 1)
        job = protect_job(Dataset(root / "ingested"), how.name, how.recipe, root / "protected", private, how.accepts)
        header = _made(run(job, options))
        return sorted(_predictions(Dataset(root / "protected"), header, private, trained), key=lambda one: one.start_s)


def _predictions(protected: Dataset, header: Header, private: Private, trained: Trained) -> list[Prediction]:
    index = pq.read_table(private.root / "ingested" / "index.parquet", columns=["id", "start_s", "duration_s"])
    when = {one["id"]: (float(one["start_s"]), float(one["duration_s"])) for one in index.to_pylist() if one["id"]}
    out = []
    for row in protected.rows():
        sample = decode(dict(zip(header.members, protected.members(row), strict=True)))
        seen, heard = sample.clip.has_video, sample.clip.has_audio
        if not (seen and trained.form.modality != "audio") and not (heard and trained.form.modality != "video"):
            out.append(Prediction(*when[row.clip.id], None, NOTHING_TO_READ))
            continue
        told = predict_sample(trained, sample.frames if seen else None, sample.audio if heard else None)
        out.append(Prediction(*when[row.clip.id], told))
    for one in pq.read_table(protected.root / REJECTS).to_pylist():
        out.append(Prediction(*when[one["id"]], None, one["reason"]))
    return out


def _reason_of(dataset: Path) -> str:
    reasons = pq.read_table(dataset / REJECTS, columns=["reason"])["reason"].to_pylist()
    return str(reasons[0]) if reasons else "format-not-allowed"


def source_names(release: Path, private: Private) -> dict[str, str]:
    """Names of the sources of a release's clips by id, without folders and endings, where key and private index lead back."""
    evidence = Evidence.of(Dataset(release), private)
    return {name: Path(evidence.index[one]["name"]).stem for name, one in evidence.origins.items()}


def _made(header: Header | None) -> Header:
    if header is None:
        raise GerdataError(f"a demo makes whole stages; expected a header of {', '.join(CLASSES)} clips, came none")
    return header
