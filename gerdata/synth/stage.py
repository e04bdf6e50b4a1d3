"""`synth`: N planned and rendered samples, and what they cover."""

from pathlib import Path

from gerdata.engine.run import Job, even_cuts, publish_tables
from gerdata.engine.work import Item
from gerdata.errors import MissingError
from gerdata.manifest import FORMAT_VERSION, Header, Row
from gerdata.recipe import SynthRecipe
from gerdata.recipe.synth import FLAT_RULE, UNKNOWN_TO_FLAT
from gerdata.store.assets import state_of_asset
from gerdata.store.cache import cache_folder
from gerdata.store.coverage import write_coverage
from gerdata.store.dataset import Dataset
from gerdata.store.members import suffixes
from gerdata.synth.asset import AVATAR
from gerdata.synth.bank import Progress, build_bank, folder_of
from gerdata.synth.cast import PLACES
from gerdata.synth.collage import check_deck
from gerdata.synth.coverage import covered
from gerdata.synth.deck import PictureDeck
from gerdata.synth.hearing import EVENTS
from gerdata.synth.listing import BACKGROUND
from gerdata.synth.picturebank import PictureBank
from gerdata.synth.playing import casts_with
from gerdata.synth.recordingbank import AMBIENCE, FEWEST, RESPONSE, RecordingBank
from gerdata.synth.studio import bank_plan_of
from gerdata.synth.work import COLLAGE, SYNTHETIC, UNCHECKED, WITH_RECORDINGS, name_of

PART_SIZE = 50
NOTICES = {
    SYNTHETIC: "synthetic: drawn people, drawn places, computed sound; nobody in it ever lived",
    COLLAGE: "collages of given pictures: people in them may have lived and are NOT obfuscated; computed sound",
    UNCHECKED: "synthetic: drawn people before given photographs, in which nobody was looked for; computed sound",
}
COMPUTED = "computed sound"
MAX_LICENCES = 20  # in a notice; each plan has its own
CHECKED = "synthetic: drawn people before given photographs in which no head was found; computed sound"
SHARED_FROM = 4  # scenes a cast: with fewer, hardly a sound is used twice, and writing it would only cost disk


def job_of(
    n: int,
    recipe: SynthRecipe,
    seed: int,
    out: Path,
    pictures: PictureBank | None = None,
    recordings: RecordingBank | None = None,
) -> Job:
    """The items 0 to n - 1, made with a user's own `pictures` and `recordings`, if any. The fingerprint leaves n out, so that a
    larger n keeps every earlier byte.

    The bank of avatars that the recipe asks for must have been built (`ready`).
    """
    given = {"bank": pictures.name} if pictures else {}
    if recordings is not None:
        given["sounds"] = recordings.name
    fingerprint = recipe.fingerprint()
    avatars = str(folder_of(bank_plan_of(recipe))) if needs_avatars(recipe, pictures) else None
    protection, notice = said_of(recipe, pictures, recordings)
    return Job(
        dataset=Dataset(out),
        stage="synth",
        worker="gerdata.synth.work:SynthWorker",
        settings={
            "recipe": recipe.model_dump(mode="json"),
            "seed": seed,
            "sounds": _shared_sounds(n, recipe),
            "avatars": avatars,
            "pictures": str(pictures.folder.resolve()) if pictures else None,
            "recordings": str(recordings.folder.resolve()) if recordings else None,
        },
        items=[Item(name_of(seed, fingerprint, *given.values(), index), {"index": index}) for index in range(n)],
        cuts=even_cuts(n, PART_SIZE, has_media=True),
        fingerprint={
            "format": str(FORMAT_VERSION),
            "stage": "synth",
            "seed": str(seed),
            "recipe": fingerprint,
            **given,
        },
        recipe=recipe.model_dump(mode="json"),
        seed=seed,
        classes=recipe.classes,
        members=suffixes(recipe.n_frames, has_structure=True),
        n_frames=recipe.n_frames,
        protection=protection,
        notice=notice,
    )


def publish(dataset: Dataset, header: Header, rows: list[Row]) -> None:
    """The tables of every stage, and what the plans of the written samples cover."""
    publish_tables(dataset, header, rows)
    recipe = SynthRecipe.model_validate(header.recipe)
    write_coverage(covered((row.clip.plan for row in rows if row.status == "written"), recipe), dataset)


def resolved(recipe: SynthRecipe) -> SynthRecipe:
    """The recipe with its style decided: `auto` is avatars where their mesh is in the cache, else flat people. `MissingError`
    where those cannot stand in, as they know one rule alone."""
    if recipe.style != "auto":
        return recipe
    if state_of_asset(AVATAR)[0] == "ok":
        return recipe.model_copy(update={"style": "avatar"})
    if recipe.rule != FLAT_RULE:
        raise MissingError(
            f"the rule {recipe.rule} is of avatars, and their mesh is not here: gerdata models pull avatar"
        )
    return recipe.model_copy(update={"style": "flat"})


def ignored_by_flat(recipe: SynthRecipe) -> tuple[str, ...]:
    """The keys that a recipe sets and that flat people know nothing of."""
    fields = SynthRecipe.model_fields
    return tuple(name for name in UNKNOWN_TO_FLAT if getattr(recipe, name) != fields[name].get_default())


def said_of(recipe: SynthRecipe, pictures: PictureBank | None, recordings: RecordingBank | None) -> tuple[str, str]:
    """What the scenes are said to be, and their notice: of all that may be made, the worst."""
    protection, notice = _seen(recipe, pictures)
    if recordings is None:
        return protection, notice
    heard = [one for one in recordings.sounds if one.event in (*recordings.kinds(_casts(recipe, pictures)), AMBIENCE)]
    rooms = recordings.of(RESPONSE)
    words = ["sound computed, and in measured rooms" if rooms else COMPUTED]
    if heard:
        protection, notice = WITH_RECORDINGS[protection], notice.replace("; nobody in it ever lived", "")
        words = ["recordings in its sound: people in them may have lived and are NOT obfuscated"]
    licences = sorted({one.licence for one in (*heard, *rooms) if one.licence})
    more = f" and {len(licences) - MAX_LICENCES} more" if len(licences) > MAX_LICENCES else ""
    words.append(f"licences of its sounds: {', '.join(licences[:MAX_LICENCES]) or 'not told'}{more}")
    return protection, "; ".join((notice.replace(f", {COMPUTED}", "").replace(f"; {COMPUTED}", ""), *words))


def sound_note(recipe: SynthRecipe, recordings: RecordingBank, pictures: PictureBank | None = None) -> str:
    """What of a bank of recordings is played, and what is not and why, in a line. Errors as `RecordingBank.heaps`."""
    n_casts = _casts(recipe, pictures)
    kinds, casts = recordings.kinds(n_casts), casts_with(recordings, n_casts)
    counts = {kind: recordings.sources(kind) for kind in (*kinds, AMBIENCE, RESPONSE)}
    told = ", ".join(f"{kind} {n}" for kind, n in counts.items() if n) or "none"
    few = [kind for kind in EVENTS if kind not in kinds and recordings.sources(kind)]
    line = f"played from the bank in {casts} of {n_casts} casts, by number of sources: {told}"
    if few:
        line += f"; too few sources to be dealt ({FEWEST} are needed), computed instead: {', '.join(few)}"
    if not kinds:
        line += (
            "; events are computed: speech, a positive and a negative kind must all be there, or the making would tell"
        )
    elif len(kinds) < len(EVENTS):
        line += "; as not all kinds of events are recorded, how a sound was made may tell the class"
    return line


def _casts(recipe: SynthRecipe, pictures: PictureBank | None) -> int:
    """How many casts a resolved recipe has."""
    if recipe.style == "flat":
        return recipe.casts
    if pictures is not None and not needs_avatars(recipe, pictures):
        return pictures.n_casts
    return len(bank_plan_of(recipe).casts())


def _seen(recipe: SynthRecipe, pictures: PictureBank | None) -> tuple[str, str]:
    behind = pictures.of(BACKGROUND) if pictures else ()
    if not needs_avatars(recipe, pictures) and recipe.style != "flat":
        return COLLAGE, NOTICES[COLLAGE]
    if not behind:
        return SYNTHETIC, NOTICES[SYNTHETIC]
    if any(one.cut != "checked" for one in behind):
        return UNCHECKED, NOTICES[UNCHECKED]
    return SYNTHETIC, CHECKED


def needs_avatars(recipe: SynthRecipe, pictures: PictureBank | None = None) -> bool:
    """Whether a resolved recipe is of avatars: collages are, unless pictures of people are given."""
    has_people = pictures is not None and pictures.has_people
    return recipe.style == "avatar" or (recipe.style == "collage" and not has_people)


def ready(
    recipe: SynthRecipe, workers: int, progress: Progress | None = None, pictures: PictureBank | None = None
) -> None:
    """Build the bank of avatars that a resolved recipe asks for, if it is not there yet. `MissingError` without the mesh,
    `UsageError` where a user's pictures are too few for a collage."""
    if recipe.style == "collage" and pictures is not None and pictures.has_people:
        check_deck(recipe, PictureDeck(pictures))
    if needs_avatars(recipe, pictures):
        build_bank(bank_plan_of(recipe), workers=workers, progress=progress)


def _shared_sounds(n: int, recipe: SynthRecipe) -> str | None:
    """The folder in which workers share the sounds of casts, about 5 MB each; None where it does not pay."""
    casts = recipe.casts if recipe.style == "flat" else len(bank_plan_of(recipe).casts()) * len(PLACES)
    return str(cache_folder("sounds")) if n >= SHARED_FROM * casts else None
