"""Figures of a model on a split, and what a finished run says about one clip."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Subset

from gerdata.clip import Audio, Frames
from gerdata.errors import DatasetError
from gerdata.learn.architecture import Model, ask, build_model, form_of
from gerdata.learn.batch import Batch, Form, Item, Modality, audio_tensor, collate, video_tensor
from gerdata.learn.data import Hide, ReleaseSplit, give_vectors, hidden_by
from gerdata.learn.metrics import Metrics, measure
from gerdata.learn.outcome import Outcome, answers, outcome_of
from gerdata.learn.ranks import Ranks
from gerdata.learn.run import Run, load_weights


class Trained(NamedTuple):
    """A finished run, ready to be asked."""

    run: Run
    model: Model
    form: Form


def load(run: Path, device: str = "cpu") -> Trained:
    """The kept weights of a finished run, in evaluation mode, where they are to be asked."""
    told = Run.read(run)
    recipe = told.identity.recipe
    model = build_model(recipe, len(told.identity.classes))
    load_weights(run, model)
    model.eval()
    return Trained(told, model.to(device), form_of(recipe))


def evaluate(
    run: Path, release: Path, split: str = "test", modality: Modality = "both", hide: Hide | None = None
) -> Metrics:
    """Figures of a finished run on one split of a release.

    `modality="video"` or `"audio"` puts the null token in place of the other, as far as the run has learned both;
    `hide="heads-and-sound"` takes both away, and None what its training hid. `DatasetError` where the classes are not those of
    the run.
    """
    trained = load(run)
    return measure_split(trained.model, open_split(trained, run, release, split, modality, hide))


def open_split(
    trained: Trained,
    run: Path,
    release: Path,
    split: str,
    modality: Modality = "both",
    hide: Hide | None = None,
    embeddings: Mapping[str, torch.Tensor] | None = None,
) -> ReleaseSplit:
    """The labelled clips of a split in the form of a run, with what its training hid hidden, unless `hide` says otherwise.

    `DatasetError` where the classes are not those of the run, or where it learnt from vectors of its clips and `embeddings` (by
    id) are of none of these.
    """
    if trained.run.identity.embeddings and embeddings is None:
        raise DatasetError(
            f"{run}: learnt from vectors of its clips, too; expected those of this split: "
            "evaluate and compare take --embeddings FILE"
        )
    form = trained.form if modality == "both" else _only(trained.form, modality)
    data = ReleaseSplit(release, split, form, hide or hidden_by(trained.run.identity.recipe))
    if data.header.classes != trained.run.identity.classes:
        raise DatasetError(
            f"{release}: classes {', '.join(data.header.classes)}; the run at {run} knows "
            f"{', '.join(trained.run.identity.classes)}"
        )
    if not len(data):
        raise DatasetError(f"{release}: split {split!r} has no labelled clips; nothing can be measured")
    give_vectors(data, embeddings or {})
    return data


def ask_split(trained: Trained, data: ReleaseSplit) -> Outcome:
    """What a run says of every labelled clip of a split."""
    return outcome_of(trained.model, data, [row.clip for row in data.rows], data.labels, data.header.classes)


def measure_split(model: Model, data: ReleaseSplit, ranks: Ranks = Ranks()) -> Metrics:  # noqa: B008
    """Figures of a model on the labelled clips of a split, of which every rank asks its share; the model's mode is put back
    afterwards."""
    if not len(data):
        raise DatasetError(f"{data.release}: split {data.split!r} has no labelled clips; nothing can be measured")
    mine = ranks.share(list(range(len(data))))
    called = torch.zeros(len(data), dtype=torch.int64)
    said = [answer.logits.argmax(dim=1).cpu() for _, answer in answers(model, Subset(data, mine))]
    called[mine] = torch.cat([torch.zeros(0, dtype=torch.int64), *said])  # a rank may have none
    truth = np.array(data.labels, np.int64)
    return measure(truth, ranks.sum(called).numpy(), len(data.header.classes), data.split, data.data_kind)


@torch.no_grad()
def model_logits(model: Model, batch: Batch) -> torch.Tensor:
    """float32 [B, classes]."""
    return ask(model, batch.to(next(model.parameters()).device)).logits.float().cpu()


def predict(trained: Trained, frames: Frames | None, audio: Audio | None) -> dict[str, float]:
    """Probability of each class for one clip: `frames: uint8 [T, H, W, 3]`, `audio: float32 [N]` at 16 kHz; None if missing."""
    refuse_without_vectors(trained)
    batch = collate([item_of("", frames, audio, trained.form)])
    shares = model_logits(trained.model, batch).softmax(dim=1)[0]
    return dict(zip(trained.run.identity.classes, shares.tolist(), strict=True))


def refuse_without_vectors(trained: Trained) -> None:
    """`DatasetError` for a run that needs more than a clip."""
    if trained.run.identity.embeddings:
        raise DatasetError("this run learnt from vectors of its clips, too: of a clip alone it cannot say anything")


def item_of(name: str, frames: Frames | None, audio: Audio | None, form: Form) -> Item:
    """A clip without a label in a model's form; what is None is missing, and a null token stands for it. A clip has frames or
    sound; `frames: uint8 [T, H, W, 3]`, `audio: float32 [N]` at 16 kHz."""
    black = np.zeros((form.segments, form.image_px, form.image_px, 3), np.uint8)  # so many divide by segments, too
    return Item(
        id=name,
        video=video_tensor(list(black if frames is None else frames), form),
        audio=audio_tensor(np.zeros(0, np.float32) if audio is None else audio, form),
        label=0,  # not read
        has_video=form.modality != "audio" and frames is not None,
        has_audio=form.modality != "video" and audio is not None,
    )


def _only(form: Form, modality: Modality) -> Form:
    if form.modality not in ("both", modality):
        raise DatasetError(f"this run has learned {form.modality} alone; it cannot be asked about {modality}")
    return dataclasses.replace(form, modality=modality)
