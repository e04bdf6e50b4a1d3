"""What a run calls the clips of a split that nobody labelled, in the form in which a challenge takes it.

VGAF's form: a text file, separated by spaces, headed `Vid_name Label`, with 1 positive, 2 neutral, 3 negative, as in the label
files of its training split (arXiv 2312.05265's code reads them so).
"""

from pathlib import Path

from gerdata.clip import CLASSES
from gerdata.errors import DatasetError, UsageError
from gerdata.learn.alter import SampleReader
from gerdata.learn.batch import batches, collate
from gerdata.learn.data import read_header
from gerdata.learn.evaluate import Trained, item_of, model_logits, refuse_without_vectors
from gerdata.learn.outcome import BATCH
from gerdata.manifest import read_rows

HEADING = "Vid_name Label"


def calls_of(trained: Trained, release: Path, split: str) -> dict[str, str]:
    """The class of every clip of a split, labelled or not, by id. `DatasetError` for an empty split."""
    refuse_without_vectors(trained)
    read_header(release)
    read = SampleReader(release)
    rows = read_rows(release / "manifest" / f"{split}.parquet")
    if not rows:
        raise DatasetError(f"{release}: split {split!r} has no clips; nothing can be predicted")
    classes = trained.run.identity.classes
    out: dict[str, str] = {}
    for some in batches(list(range(len(rows))), BATCH):
        items = []
        for row in (rows[i] for i in some):
            sample = read(row)
            audio = sample.audio if row.clip.has_audio else None
            item = item_of(row.clip.id, sample.frames, audio, trained.form)
            items.append(item._replace(has_video=item.has_video and row.clip.has_video))
        called = model_logits(trained.model, collate(items)).argmax(dim=1).tolist()
        out |= {item.id: classes[number] for item, number in zip(items, called, strict=True)}
    return out


def submission_of(calls: dict[str, str], names: dict[str, str] | None = None) -> str:
    """The text of the file: by id, or by `names` of all of them. Sorted by what is written, so that the order of a release is
    not told. `UsageError` for other classes than the challenge's, names that are missing or not one word, or two of a kind."""
    odd = sorted(set(calls.values()) - set(CLASSES))
    if odd:
        raise UsageError(f"the challenge knows {', '.join(CLASSES)}; this run calls clips {', '.join(odd)}")
    written = {one: one if names is None else names.get(one, "") for one in calls}
    bad = [name for name in written.values() if len(name.split()) != 1]
    if bad:
        raise UsageError(
            f"{len(bad)} clips have no name of one word: --names needs the private folder of their ingest (--private DIR), and "
            "synthetic clips have no source; leave it out for ids"
        )
    if len(set(written.values())) != len(written):
        raise UsageError("several clips have the same name (segments of one source); submit clips that were not cut")
    lines = sorted(f"{written[one]} {CLASSES.index(label) + 1}" for one, label in calls.items())
    return "\n".join([HEADING, *lines]) + "\n"
