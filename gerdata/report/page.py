"""The page itself: what was gathered, through one template, with everything escaped and nothing fetched."""

from pathlib import Path

import jinja2

from gerdata.errors import UsageError
from gerdata.report import gather, pictures
from gerdata.store.commit import make_folder, write_atomic

EACH = 9  # samples shown of each dataset
CHART = (360, 120)
WAVE = (360, 48)


def render(workspace: Path) -> str:
    """The page about a workspace as one HTML text. `UsageError` where there is nothing to tell of."""
    stages = gather.stages(workspace)
    if not stages:
        raise UsageError(
            f"{workspace}: expected a workspace with at least one finished stage; run gerdata ingest first"
        )
    samples, left_out = gather.shown(workspace, EACH)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gerdata.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        stages=stages,
        samples=[_sample(one) for one in samples],
        left_out=left_out,
        trainings=[_training(one) for one in gather.trainings(workspace)],
        chart=CHART,
        wave=WAVE,
    )


def write(workspace: Path, path: Path) -> None:
    """Render and commit the page."""
    text = render(workspace)
    make_folder(path.parent)
    write_atomic(path, text.encode("utf-8"))


def _sample(one: gather.Shown) -> dict[str, object]:
    clip, audio = one.sample.clip, one.sample.audio
    return {
        "set": one.name,
        "label": clip.label or "unlabelled",
        "people": clip.n_people,
        "margin": clip.label_margin,
        "strip": pictures.strip(one.sample.frames),
        "wave": pictures.outline(audio, *WAVE) if clip.has_audio else "",
        "sound": pictures.sound(audio) if clip.has_audio and clip.is_synthetic else "",
    }


def _training(one: gather.Training) -> dict[str, object]:
    width, height = CHART
    losses = [float(line["train_loss"]) for line in one.curve]
    return {
        "name": one.name,
        "run": one.run,
        "epochs": len(one.curve),
        "accuracy": pictures.curve([float(line["accuracy"]) for line in one.curve], width, height, 1.0),
        "loss": pictures.curve(losses, width, height, max([*losses, 1e-9])),
        "top_loss": max([*losses, 0.0]),
        "classes": one.classes,
        "confusion": one.confusion,
        "where": one.where,
        "audit": one.audit,
    }
