"""`gerdata synth`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, options_of, say, say_plan, say_stage
from gerdata.cli.options import Work, command
from gerdata.errors import UsageError

if TYPE_CHECKING:
    from gerdata.engine.run import Job
    from gerdata.recipe import SynthRecipe
    from gerdata.synth.picturebank import PictureBank
    from gerdata.synth.recordingbank import RecordingBank


@dataclass(frozen=True, kw_only=True)
class Parts(Work):
    """What `synth` writes beside a dataset, if asked."""

    stems: Annotated[
        Path | None, typer.Option(help="Also write every event as FLAC of its own, to this folder beside the dataset.")
    ] = None
    masks: Annotated[
        Path | None,
        typer.Option(help="Also write whose each pixel is, a PNG a frame, to this folder beside the dataset."),
    ] = None


@command
def synth(
    n: Annotated[int, typer.Option("--n", min=1, help="How many samples.")] = 300,
    recipe: Annotated[str, typer.Option(help="A synth recipe, by name or path.")] = "crowd",
    bank: Annotated[
        Path | None, typer.Option(help="A bank of your own pictures and sounds (gerdata bank build).")
    ] = None,
    video: Annotated[
        bool,
        typer.Option(
            "--video", help="Write MP4 clips with sound and a labels table, no samples; with --replay a film."
        ),
    ] = (False),
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="[FOLDER/]ID",
            help="Render one sample of a made dataset again, from its stored plan.",
        ),
    ] = None,
    *,
    shared: Parts,
) -> None:
    """Synthetic groups, seen and heard, with their whole truth: nobody in them ever lived.

    Sample i depends on the seed, the recipe and i alone, so a larger --n keeps every earlier sample. The bank of avatars is
    drawn on first use and kept; without their mesh (`gerdata models pull avatar`) people are flat drawings.

    With --bank the recipe `paper` makes collages of your own faces, who may have lived; avatars take its backgrounds. Its
    sounds are heard in place of computed ones, in its measured rooms.

    Example: gerdata synth --n 10000
    """
    from gerdata.engine.run import run
    from gerdata.recipe import SynthRecipe, load
    from gerdata.store.coverage import coverage_of
    from gerdata.store.dataset import Dataset
    from gerdata.synth.picturebank import open_pictures
    from gerdata.synth.stage import job_of, publish, resolved

    out = shared.out or shared.workspace / ("clips" if video else "synth")
    if (video or replay is not None) and (shared.stems or shared.masks):
        raise UsageError("--stems and --masks go with a dataset; leave --video and --replay out")
    if replay is not None:
        _replay(replay, bank, video, shared)
        return
    pictures = open_pictures(bank) if bank else None
    asked = load(SynthRecipe, "synth", recipe, tuple(shared.set))
    how = resolved(asked)
    recordings = _recordings(bank, how, pictures, shared) if bank else None
    if pictures is not None and how.style == "flat" and recordings is None:
        raise UsageError(
            "--bank: flat people take sounds alone from a bank; choose the recipe paper, or one of avatars"
        )
    if how.style == "flat":
        _note_flat(asked, shared)
    n = min(n, shared.limit or n)
    if video:
        _film(n, how, out, (pictures, recordings), shared)
        return
    job = job_of(n, how, shared.seed, out, pictures, recordings)
    _check_parts(job, shared)
    if shared.dry_run:
        say_plan(shared, "synth", job)
        return
    options = options_of(shared)
    _ready(how, pictures, shared)
    header = run(job, options, publish=publish)
    coverage = coverage_of(Dataset(out)) if header else None
    if coverage:
        note(shared, f"covered: {coverage.line()}")
    if header:
        _write_stems(out, recordings, shared)
        _write_masks(out, how, pictures, shared)
    elif shared.stems or shared.masks:
        note(shared, "stems and masks are written by the run that finishes the dataset")
    told = coverage.model_dump(mode="json", exclude={"cells"}) if coverage else None
    say_stage(shared, "synth", out, header, coverage=told)


def _note_flat(asked: "SynthRecipe", shared: Work) -> None:
    """Why people are flat, and what of the recipe they do not follow."""
    from gerdata.synth.stage import ignored_by_flat

    if asked.style == "auto":
        note(
            shared,
            "the avatars' mesh is not here, so people are flat drawings; for avatars: gerdata models pull avatar",
        )
    if ignored := ignored_by_flat(asked):
        note(shared, f"flat drawings do not follow {', '.join(ignored)}")


def _film(
    n: int,
    how: "SynthRecipe",
    out: Path,
    given: "tuple[PictureBank | None, RecordingBank | None]",
    shared: Parts,
) -> None:
    """Clips for viewing in place of samples: made by this process alone, one after the other."""
    from gerdata.synth.clips import Given, check_clips, write_clips
    from gerdata.synth.stage import said_of

    if shared.slice or shared.finish:
        raise UsageError("--video makes its clips in one process; leave --slice and --finish out")
    check_clips(out, how)
    if shared.dry_run:
        say(shared, "synth", out, f"would write {n} clips → {out}", status="planned", written=n)
        return
    _ready(how, given[0], shared)
    labels = write_clips(out, n, how, shared.seed, Given(*given), shared.overwrite)
    note(shared, said_of(how, *given)[1])
    say(shared, "synth", out, f"{n} clips with sound → {out}; labels in {labels}", written=n, labels=str(labels))


def _check_parts(job: "Job", shared: Parts) -> None:
    """Before anything is made."""
    from gerdata.synth.annex import check_annex

    if shared.stems and shared.masks and shared.stems.resolve() == shared.masks.resolve():
        raise UsageError(f"{shared.stems}: stems and masks need a folder each")
    for what, folder in (("stems", shared.stems), ("masks", shared.masks)):
        if folder:
            check_annex(job.dataset, job.fingerprint, folder, what)


def _recordings(bank: Path, how: "SynthRecipe", pictures: "PictureBank | None", shared: Work) -> "RecordingBank | None":
    """The sounds of a bank, if it has any and the recipe wants them, with a note of what is played."""
    from gerdata.synth.picturebank import SOUNDS
    from gerdata.synth.recordingbank import open_recordings
    from gerdata.synth.stage import sound_note

    if how.recorded_share == 0 or not (bank / SOUNDS).is_dir():
        return None
    recordings = open_recordings(bank / SOUNDS)
    note(shared, sound_note(how, recordings, pictures))
    return recordings


def _write_stems(out: Path, recordings: "RecordingBank | None", shared: Parts) -> None:
    from gerdata.store.cache import Cache
    from gerdata.store.dataset import Dataset
    from gerdata.synth.soundbank import SoundBank
    from gerdata.synth.stems import write_stems

    if shared.stems:
        n = write_stems(Dataset(out), shared.stems, SoundBank(Cache(), recordings))
        note(shared, f"stems of {n} samples → {shared.stems}")


def _write_masks(out: Path, how: "SynthRecipe", pictures: "PictureBank | None", shared: Parts) -> None:
    from gerdata.store.cache import Cache
    from gerdata.store.dataset import Dataset
    from gerdata.synth.bank import folder_of
    from gerdata.synth.masks import write_masks
    from gerdata.synth.soundbank import SoundBank
    from gerdata.synth.stage import needs_avatars
    from gerdata.synth.studio import bank_plan_of, open_studio

    if shared.masks:
        avatars = folder_of(bank_plan_of(how)) if needs_avatars(how, pictures) else None
        studio = open_studio(SoundBank(Cache()), avatars, pictures.folder if pictures else None)
        note(shared, f"masks of {write_masks(Dataset(out), shared.masks, studio)} samples → {shared.masks}")


def _ready(how: "SynthRecipe", pictures: "PictureBank | None", shared: Work) -> None:
    """The bank of avatars, drawn on first use with a line of progress."""
    import os

    from gerdata.synth.stage import ready

    def tell(done: int, n: int) -> None:
        if not shared.quiet:
            typer.echo(f"\rdrawing avatars, once: {done}/{n}", nl=done == n, err=True)

    ready(how, shared.workers or os.cpu_count() or 1, tell, pictures)


def _replay(asked: str, bank: Path | None, video: bool, shared: Work) -> None:
    """One sample again, beside what is stored: the same bytes, or exit 4; or as a film beside its truth."""
    from gerdata.errors import FindingError
    from gerdata.store.commit import make_folder, write_atomic
    from gerdata.store.dataset import Dataset
    from gerdata.synth.replay import recall, replayed, write_preview

    folder, _, name = asked.rpartition("/")
    dataset = Dataset(Path(folder) if folder else shared.workspace / "synth")
    out: Path = shared.out or shared.workspace / "replay"
    sample = recall(dataset, name, bank)
    if shared.dry_run:
        say(shared, "synth", out, f"would render {name} of {dataset.root} again → {out}", status="planned")
        return
    make_folder(out)
    if video:
        write_preview(sample, out / f"{name}.mp4")
        say(shared, "synth", out, f"{name} as a film beside its truth → {out / name}.mp4", id=name)
        return
    made, stored = replayed(sample)
    for suffix, data in made.items():
        write_atomic(out / f"{name}.{suffix}", data)
    differing = [suffix for suffix, data in made.items() if stored[suffix] != data]
    told = "the same bytes" if not differing else f"differs in {', '.join(differing)}"
    status = "ok" if not differing else "found"
    say(
        shared, "synth", out, f"{name}: {told} → {out}", status=status, id=name, members=list(made), differing=differing
    )
    if differing:
        raise typer.Exit(FindingError.exit_code)
