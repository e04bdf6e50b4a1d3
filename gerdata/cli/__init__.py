"""The command line: one file a command; parse, call, print. Nothing heavy is imported before a command runs."""

import signal
import sys
from types import FrameType

import typer

from gerdata.cli import (
    ablate,
    audit,
    bank,
    compare,
    demo,
    doctor,
    evaluate,
    ingest,
    models,
    predict,
    protect,
    report,
    shard,
    synth,
    train,
    verify,
)

app = typer.Typer(
    name="gerdata",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback's locals can hold personal paths
    help="Data for group emotion recognition, without monitoring individuals.",
)
COMMANDS = (
    ingest.ingest,
    protect.protect,
    synth.synth,
    shard.shard,
    train.train,
    evaluate.evaluate,
    compare.compare,
    ablate.ablate,
    predict.predict,
    audit.audit,
    verify.verify,
    report.report,
    bank.bank,
    models.models,
    doctor.doctor,
    demo.demo,
)
for _command in COMMANDS:
    app.command()(_command)


def main() -> None:
    """The entry point. SIGTERM counts as Ctrl-C: children end, finished parts stay, exit 130."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except KeyboardInterrupt:
        print("gerdata: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
