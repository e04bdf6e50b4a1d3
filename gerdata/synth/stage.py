"""`synth`: N planned and rendered samples, and what they cover."""

from pathlib import Path

from gerdata.engine.run import Job, even_cuts, publish_tables
from gerdata.engine.work import Item
from gerdata.manifest import FORMAT_VERSION, Header, Row
from gerdata.recipe import SynthRecipe
from gerdata.store.coverage import write_coverage
from gerdata.store.dataset import Dataset
from gerdata.store.members import suffixes
from gerdata.synth.coverage import covered
from gerdata.synth.work import name_of

PART_SIZE = 50


def job_of(n: int, recipe: SynthRecipe, seed: int, out: Path) -> Job:
    """The items 0 to n - 1. The fingerprint leaves n out, so that a larger n keeps every earlier byte."""
    fingerprint = recipe.fingerprint()
    return Job(
        dataset=Dataset(out),
        stage="synth",
        worker="gerdata.synth.work:SynthWorker",
        settings={"recipe": recipe.model_dump(mode="json"), "seed": seed},
        items=[Item(name_of(seed, fingerprint, index), {"index": index}) for index in range(n)],
        cuts=even_cuts(n, PART_SIZE, has_media=True),
        fingerprint={"format": str(FORMAT_VERSION), "stage": "synth", "seed": str(seed), "recipe": fingerprint},
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        classes=recipe.classes,
        members=suffixes(recipe.n_frames, has_structure=True),
        n_frames=recipe.n_frames,
        protection="synthetic",
        notice="synthetic: drawn people, drawn places, computed sound; nobody in it ever lived",
    )


def publish(dataset: Dataset, header: Header, rows: list[Row]) -> None:
    """The tables of every stage, and what the plans of the written samples cover."""
    publish_tables(dataset, header, rows)
    recipe = SynthRecipe.model_validate(header.recipe)
    write_coverage(covered((row.clip.plan for row in rows if row.status == "written"), recipe), dataset)
