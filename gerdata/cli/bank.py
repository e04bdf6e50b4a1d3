"""`gerdata bank`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gerdata.cli.answer import note, say
from gerdata.cli.options import Shared, command_without
from gerdata.errors import RejectsError, UsageError

if TYPE_CHECKING:
    from gerdata.synth.pictures import PicturesBuilt
    from gerdata.synth.recordings import SoundsBuilt


@dataclass(frozen=True)
class BankShared(Shared):
    """What `bank build` understands beside the options of every command."""

    faces: Annotated[Path | None, typer.Option(help="Faces: CLASS/[PERSON/]file, or a CSV.")] = None
    people: Annotated[Path | None, typer.Option(help="Whole people, likewise.")] = None
    backgrounds: Annotated[Path | None, typer.Option(help="Places without people: a folder, or a CSV.")] = None
    sounds: Annotated[Path | None, typer.Option(help="Sounds: EVENT/[SOURCE/]file, ambience, rir; or a CSV.")] = None
    casts: Annotated[int, typer.Option(min=1, max=4096, help="Heaps that people are dealt to.")] = 8
    max_per_person: Annotated[int, typer.Option(min=1, help="Pictures of one person, at most.")] = 10
    cut: Annotated[str, typer.Option(help="auto, alpha, model or ellipse.")] = "auto"
    colour: Annotated[bool, typer.Option("--colour", help="Keep colour; grey pictures are rejected then.")] = False


@command_without("set", "limit")
def bank(
    action: Annotated[str, typer.Argument(metavar="build|show", help="What to do.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="The bank.", show_default=False)],
    *,
    shared: BankShared,
) -> None:
    """Your own faces, people, backgrounds and sounds as a bank that `synth --bank` draws from; a contact sheet of one.

    Everything is opened under limits, evened out so that size and colour do not tell the class, and accounted for. People
    are dealt to casts, which never cross a split. `show` writes --out SHEET.png or SHEET.html.

    Example: gerdata bank build mybank --faces faces/ --backgrounds places/
    """
    if action == "show":
        _show(folder, shared)
    elif action == "build":
        _build(folder, shared)
    else:
        raise UsageError(f"bank {action}: expected build or show")


def _build(folder: Path, shared: BankShared) -> None:
    from gerdata.synth.banktable import remove_bank
    from gerdata.synth.cutting import CUTS
    from gerdata.synth.listing import listed
    from gerdata.synth.pictures import Making, build_pictures, tools_for
    from gerdata.synth.recordings import build_sounds, listed_sounds

    given = {"face": shared.faces, "person": shared.people, "background": shared.backgrounds}
    pictures = {kind: path for kind, path in given.items() if path is not None}
    if not pictures and shared.sounds is None:
        raise UsageError("bank build: expected one or more of --faces, --people, --backgrounds, --sounds")
    if shared.cut not in CUTS:
        raise UsageError(f"--cut {shared.cut}: expected one of {', '.join(CUTS)}")
    how = Making(shared.seed, shared.casts, shared.max_per_person, shared.cut, shared.colour)
    counts = {kind: len(listed(path, kind)) for kind, path in pictures.items()}  # all tables are read before any work
    with_ = tools_for(how) if pictures else None
    if shared.sounds is not None:
        counts["sound"] = len(listed_sounds(shared.sounds))
    if shared.dry_run:
        told = ", ".join(f"{n} {kind}" for kind, n in counts.items())
        say(shared, "bank", folder, f"would read {told} files → {folder}", status="planned", read=sum(counts.values()))
        return
    if shared.overwrite:
        remove_bank(folder)

    def tell(kind: str, done: int, n: int) -> None:
        if not shared.quiet and (done % 50 == 0 or done == n):
            typer.echo(f"\r{kind}: {done}/{n}", nl=done == n, err=True)

    built = build_pictures(pictures, folder, how, with_, tell)
    heard = None if shared.sounds is None else build_sounds(shared.sounds, folder / "sounds", shared.seed)
    _say(folder, built, heard, shared)


def _say(folder: Path, built: "PicturesBuilt", heard: "SoundsBuilt | None", shared: BankShared) -> None:
    from collections import Counter

    reasons = Counter(one.reason for one in built.rejects) + Counter(
        one.reason for one in (heard.refused if heard else ())
    )
    kept = dict(sorted(Counter(one.kind for one in built.entries).items()))
    if heard is not None:
        kept["sound"] = len(heard.sounds)
    read = sum(built.listed.values()) + (heard.files if heard else 0)
    told = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()))
    line = (
        f"{read} files read · {', '.join(f'{n} {kind}' for kind, n in kept.items()) or 'nothing kept'} · "
        f"{reasons.total()} rejected{f' ({told})' if told else ''} → {folder}"
    )
    for name, means in built.measures.items():
        note(shared, f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in means.items()))
    is_empty = not any(kept.values())
    say(
        shared, "bank", folder, line, status="too-many-rejects" if is_empty else "ok", action="build", read=read,
        written=kept, rejected=reasons.total(), reasons=dict(sorted(reasons.items())), measures=built.measures,
    )  # fmt: skip
    if is_empty:
        raise typer.Exit(RejectsError.exit_code)


def _show(folder: Path, shared: BankShared) -> None:
    from gerdata.media.images import encode_png
    from gerdata.report.bank import page_of
    from gerdata.store.commit import make_folder, write_atomic
    from gerdata.synth.picturebank import open_pictures
    from gerdata.synth.sheet import contact_sheet

    out = shared.out or shared.workspace / "bank.html"
    if out.suffix not in (".png", ".html"):
        raise UsageError(f"--out {out}: expected a name that ends in .png or .html")
    opened = open_pictures(folder)
    data = page_of(opened).encode() if out.suffix == ".html" else encode_png(contact_sheet(opened))
    make_folder(out.absolute().parent)
    write_atomic(out, data)
    say(shared, "bank", out, f"{len(opened.entries)} pictures of {opened.n_casts} casts → {out}", action="show")
