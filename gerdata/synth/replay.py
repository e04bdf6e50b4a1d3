"""One sample of a synthetic dataset, rendered again from the plan that is stored with it."""

from pathlib import Path

from gerdata.errors import DatasetError, UsageError
from gerdata.recipe import SynthRecipe
from gerdata.store.cache import Cache
from gerdata.store.dataset import Dataset
from gerdata.store.members import encode
from gerdata.synth.bank import folder_of
from gerdata.synth.collage import Collage
from gerdata.synth.gathering import Gathering
from gerdata.synth.picturebank import SOUNDS
from gerdata.synth.recordingbank import open_recordings
from gerdata.synth.soundbank import SoundBank
from gerdata.synth.studio import open_studio, plan_from_text
from gerdata.synth.work import sample_of


def replayed(dataset: Dataset, name: str, given: Path | None = None) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The members of the sample `name`, made anew and as they are stored, by suffix; `given` is the bank it was made with.

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
    recipe = SynthRecipe.model_validate(header.recipe)
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
    sample = sample_of(plan, studio, name, recipe, header.seed)
    stored = dict(zip(header.members, dataset.members(rows[0]), strict=True))
    return encode(sample, recipe.jpeg_quality), stored
