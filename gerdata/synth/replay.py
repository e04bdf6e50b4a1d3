"""One sample of a synthetic dataset, rendered again from the plan that is stored with it: as it is, or as a film."""

from dataclasses import dataclass
from pathlib import Path

from gerdata.errors import DatasetError, UsageError
from gerdata.manifest import Row
from gerdata.media.preview import write_side_by_side
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.store.dataset import Dataset
from gerdata.store.members import encode
from gerdata.synth.bank import folder_of
from gerdata.synth.clips import FPS, film_times_s
from gerdata.synth.collage import Collage
from gerdata.synth.gathering import Gathering
from gerdata.synth.picturebank import SOUNDS
from gerdata.synth.recordingbank import open_recordings
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.studio import Plan, Studio, open_studio, plan_from_text
from gerdata.synth.truth import drawn_truth
from gerdata.synth.work import sample_of


@dataclass(frozen=True)
class Recalled:
    """A sample as it is stored, and what makes it anew."""

    dataset: Dataset
    row: Row
    plan: Plan
    studio: Studio


def recall(dataset: Dataset, name: str, given: Path | None = None) -> Recalled:
    """The sample `name` of a synthetic dataset; `given` is the bank it was made with.

    `UsageError` where the dataset is not synthetic or has no such sample, `DatasetError` where its plan is none or its bank of
    avatars is not here.
    """
    header = dataset.header()
    if header.stage != "synth":
        raise UsageError(f"{dataset.root}: expected a synthetic dataset, this is one of '{header.stage}'")
    rows = [row for row in dataset.rows() if row.clip.id == name]
    if not rows:
        raise UsageError(f"{dataset.root}: has no sample {name}; the column id of manifest.parquet lists them")
    if rows[0].clip.plan is None:
        raise DatasetError(f"{dataset.root}: sample {name} has no plan")
    plan = plan_from_text(rows[0].clip.plan)
    bank = plan.bank if isinstance(plan, Gathering) else plan.avatars if isinstance(plan, Collage) else None
    needs_pictures = bool(plan.pictures if isinstance(plan, Collage) else isinstance(plan, Gathering) and plan.photo)
    if needs_pictures and given is None:
        raise UsageError(f"sample {name} is of a bank of pictures; give its folder with --bank")
    if plan.recorded is not None and given is None:
        raise UsageError(f"sample {name} is of a bank of sounds; give its folder with --bank")
    heard = open_recordings(given / SOUNDS) if given and plan.recorded is not None else None
    studio = open_studio(
        SoundBank(Cache(), heard), folder_of(bank) if bank else None, given if needs_pictures else None
    )
    return Recalled(dataset, rows[0], plan, studio)


def replayed(sample: Recalled) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The members of a sample, made anew and as they are stored, by suffix."""
    header = sample.dataset.header()
    recipe = SynthRecipe.model_validate(header.recipe)
    made = sample_of(sample.plan, sample.studio, sample.row.clip.id, recipe, header.seed)
    stored = dict(zip(header.members, sample.dataset.members(sample.row), strict=True))
    return encode(made, recipe.jpeg_quality), stored


def write_preview(sample: Recalled, path: Path) -> None:
    """The scene as an MP4 with sound, its truth drawn beside it. `UsageError` for frames of odd size, which MP4 cannot hold."""
    if sample.plan.frame_px % 2:
        raise UsageError(f"frame_px = {sample.plan.frame_px}: videos need an even number of pixels")
    shown, sound = sample.studio.clip(sample.plan, film_times_s(sample.plan.duration_s))
    write_side_by_side(path, (shown.frames, drawn_truth(shown)), sound, FPS, sample.row.clip.mark or "")
