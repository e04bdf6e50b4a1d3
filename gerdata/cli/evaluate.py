"""`gerdata evaluate`."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gerdata.cli.answer import note, say, to_json
from gerdata.cli.options import Device, WithPrivate, command_without
from gerdata.errors import UsageError

if TYPE_CHECKING:
    from gerdata.clip import Structure
    from gerdata.learn.alter import Alteration
    from gerdata.learn.breakdown import Breakdown
    from gerdata.learn.evaluate import Trained
    from gerdata.learn.learnt_structure import Opened
    from gerdata.learn.outcome import Outcome
    from gerdata.learn.protocol import Protocols


@dataclass(frozen=True)
class Ways(WithPrivate):
    """What `evaluate` understands beside the options of every command."""

    protocol: Annotated[
        str | None, typer.Option(help="published (the split that chose the epoch; optimistic) or clean (test).")
    ] = None
    corrupt: Annotated[
        list[str],
        typer.Option(
            metavar="NAME[:LEVEL]", help="light, blur, codec, snr, no-picture, no-sound or frames; may be repeated."
        ),
    ] = field(default_factory=list)
    occlude: Annotated[
        list[str], typer.Option(help="heads, bodies, background or sound: what is covered; may be repeated.")
    ] = field(default_factory=list)
    structure: Annotated[
        bool, typer.Option("--structure", help="Also what a ve-md run learnt of people, beside mean poses or maps.")
    ] = False
    private_structure: Annotated[
        bool, typer.Option("--private-structure", help="Hold it to real people's structure, from the private folder.")
    ] = False
    device: Device = "cpu"
    embeddings: Annotated[
        Path | None, typer.Option(help="Of a run that was trained with vectors of its clips: those of this split.")
    ] = None


@command_without("out", "set", "limit", "overwrite", "dry_run")
def evaluate(
    run: Annotated[Path, typer.Argument(help="A finished run.", show_default=False)],
    release: Annotated[Path | None, typer.Argument(help="A release (default: the one of the workspace).")] = None,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test (default: as the protocol says, else test).")
    ] = None,
    modality: Annotated[str, typer.Option(help="both, video or audio; the other becomes a null token.")] = "both",
    hide: Annotated[
        str | None,
        typer.Option(help="none, or heads-and-sound: what the model must not need (default: as it was trained)."),
    ] = None,
    *,
    shared: Ways,
) -> None:
    """Figures of a finished run on one split of a release, with 95 % intervals by source, and for parts of the split.

    With --protocol both ways of reporting are measured, and the gap between them is told. With --corrupt and --occlude the same
    clips are measured again, damaged or partly covered. With --structure a run's decoder is held to what is known of people.

    Example: gerdata evaluate workspace/runs/cross-attention-tiny --protocol clean --occlude heads --corrupt blur:3
    """
    from gerdata.learn.alter import effect_of
    from gerdata.learn.beside import there
    from gerdata.learn.breakdown import break_down
    from gerdata.learn.corrupt import parse_corruption
    from gerdata.learn.evaluate import ask_split, load, open_split
    from gerdata.learn.learnt_structure import learnt_structure, with_structure
    from gerdata.learn.occlude import parse_occlusion
    from gerdata.learn.outcome import metrics_of
    from gerdata.learn.private_structure import refuse_strangers
    from gerdata.learn.protocol import OPTIMISTIC
    from gerdata.store.dataset import the_release

    protocol = shared.protocol
    _check(split, modality, hide, protocol, shared)
    alterations: list[Alteration] = [parse_corruption(one, shared.seed) for one in shared.corrupt]
    alterations += [parse_occlusion(one) for one in shared.occlude]
    where, trained = release or the_release(shared.workspace), load(run, there(shared.device))
    seeing = with_structure(trained) if shared.structure else None
    given: dict[str, Any] = {"modality": modality, "hide": hide, "embeddings": _vectors(shared, trained)}
    opened: Opened = partial(open_split, trained, run, where, **given)
    chosen = trained.run.selection if protocol == "published" else split or "test"
    data, known = opened(chosen), _known_of_real(where, shared)
    if alterations and data.hide != "none":
        raise UsageError(
            "--hide, --corrupt and --occlude all change the clips; take --hide none, or neither of the others"
        )
    if shared.private_structure:
        refuse_strangers(where, (row.clip.id for row in data.rows), known)
    outcome = ask_split(trained, data)
    told = break_down(outcome, chosen, shared.seed)
    lines = [_headline(told), *(f"  {part.line()}" for part in told.parts)]
    fields: dict[str, Any] = dataclasses.asdict(metrics_of(outcome, chosen)) | {"breakdown": told}
    if protocol:
        both = _protocols(shared, trained, outcome, opened)
        lines.append(both.line())
        fields |= {"protocol": protocol, "gap": both.gap, "optimistic": protocol == "published"}
        if protocol == "published":
            note(shared, OPTIMISTIC)
    effects = [effect_of(trained.model, data, outcome, one, shared.seed) for one in alterations]
    lines += [line for one in effects for line in one.lines()]
    if seeing:
        opened = partial(open_split, seeing, run, where, **given)
        fields["structure"] = learnt = learnt_structure(seeing, opened, chosen, shared.seed, known)
        lines += learnt.lines()
    if told.whole.is_underpowered:
        note(shared, f"underpowered: {told.whole.groups} groups; the intervals are too narrow")
    say(shared, "evaluate", run, "\n".join(lines), **to_json(fields | {"effects": effects}))


def _vectors(shared: Ways, trained: "Trained") -> Mapping[str, Any] | None:
    from gerdata.learn.beside import vectors_of

    return vectors_of(shared.embeddings, trained.run.identity.recipe.embedding) if shared.embeddings else None


def _known_of_real(release: Path, shared: Ways) -> "Mapping[str, Structure]":
    """What the private folder knows of a release's people, where that was asked for."""
    from gerdata.learn.private_structure import private_structures
    from gerdata.store.private import look_private

    if not shared.private_structure:
        return {}
    return private_structures(release, look_private(shared.private_root))


def _protocols(shared: Ways, trained: "Trained", outcome: "Outcome", opened: Any) -> "Protocols":
    """Both protocols, of which one has been asked already."""
    from gerdata.learn.evaluate import ask_split
    from gerdata.learn.protocol import both_protocols

    protocol, splits = shared.protocol, (trained.run.selection, "test")
    other = ask_split(trained, opened(splits[1] if protocol == "published" else splits[0]))
    published, clean = (outcome, other) if protocol == "published" else (other, outcome)
    return both_protocols(protocol, published, clean, splits, shared.seed)  # type: ignore[arg-type]


def _headline(told: "Breakdown") -> str:
    whole = told.whole
    recalls = ", ".join(f"{name} {one}" for name, one in zip(told.classes, whole.recall, strict=True))
    return (
        f"{told.data_kind} · {told.split} · {whole.clips} clips in {whole.groups} groups · accuracy {whole.accuracy} · "
        f"macro-F1 {whole.macro_f1} · UAR {whole.uar} · ECE {whole.ece} ({told.bins} bins)\n"
        f"  recall: {recalls}"
    )


def _check(split: str | None, modality: str, hide: str | None, protocol: str | None, shared: Ways) -> None:
    for name, value, known in (
        ("split", split, (None, "train", "validation", "test")),
        ("modality", modality, ("both", "video", "audio")),
        ("hide", hide, (None, "none", "heads-and-sound")),
        ("protocol", protocol, (None, "published", "clean")),
    ):
        if value not in known:
            raise UsageError(f"--{name} {value}: expected one of {', '.join(str(one) for one in known if one)}")
    if shared.private_structure and not shared.structure:
        raise UsageError("--private-structure says what --structure is held to; add --structure")
    if shared.structure and modality == "audio":
        raise UsageError("--structure: people are seen in the picture; leave out --modality audio")
    if split and protocol:
        raise UsageError("--protocol names the split itself; leave out --split")
