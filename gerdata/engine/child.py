"""The process that does the work of parts, item by item, and may die of it.

Reads JSON lines from its parent, writes JSON lines back, and appends members to the part's temporary tar. Whatever the
work or a library prints goes to the log; the channel to the parent is a descriptor of its own.
"""

import ctypes
import dataclasses
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import IO, Any, BinaryIO

from gerdata.engine.work import Item, Made, Worker
from gerdata.errors import RejectedInput
from gerdata.manifest import Row, sample_sha256
from gerdata.store.tar import TarWriter

_PR_SET_PDEATHSIG = 1


class TarFailedError(Exception):
    """The tar could not be written: a fault of the disk, not of the item."""


def main() -> None:
    """Serve part after part: a line of setup, a line for each item, a line that the part is done."""
    channel = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold clear frames
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    made: tuple[dict[str, Any], Worker] | None = None
    for line in sys.stdin:
        setup = json.loads(line)
        if os.getppid() != setup["parent"]:
            return
        with open(setup["log"], "ab") as log:  # each part has a log of its own
            os.dup2(log.fileno(), 2)
            os.dup2(2, 1)
        how = {name: setup[name] for name in ("worker", "settings")}
        if made is None or made[0] != how:
            module, _, name = setup["worker"].partition(":")
            made = (how, getattr(importlib.import_module(module), name)(setup["settings"]))
        _tell(channel, {"ready": True})
        if setup["tar"] is None:
            is_done = _serve(made[1], channel, None, "")
        else:
            with Path(setup["temporary"]).open("r+b") as file:
                is_done = _serve(made[1], channel, file, setup["tar"])
        if not is_done:
            return


def _serve(worker: Worker, channel: IO[str], file: BinaryIO | None, shard: str) -> bool:
    """Make the items of one part; whether its end was told, so that another may follow."""
    tar = TarWriter(file, file.seek(0, os.SEEK_END)) if file is not None else None
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("part") == "done":
            return True
        item = Item(**message)
        try:
            for made in _made(worker, item, channel):
                row = _store(tar, made, shard)
                _tell(channel, {"row": row.to_json(), "private": made.private})
            if file is not None:
                file.flush()
        except (TarFailedError, OSError) as error:
            _tell(channel, {"fatal": str(error)})
            return False
        _tell(channel, {"done": item.key, "size": tar.size if tar is not None else 0})
    return False


def _made(worker: Worker, item: Item, channel: IO[str]) -> list[Made]:
    """Everything one item makes, or one rejected row. Whole items only, so that a late verdict leaves nothing behind."""
    try:
        return list(worker.work(item, lambda seconds: _tell(channel, {"expect": float(seconds)})))
    except RejectedInput as verdict:
        _tell(channel, {"verdict": verdict.reason, "detail": verdict.detail})
    except MemoryError:
        _tell(channel, {"verdict": "memory", "detail": ""})
    except Exception as error:  # a defect met on this input must not cost the others
        traceback.print_exc()
        _tell(channel, {"verdict": "failed", "detail": type(error).__name__})
    return []


def _store(tar: TarWriter | None, made: Made, shard: str) -> Row:
    if tar is None or made.members is None:
        return made.row
    try:
        members = [tar.add(f"{made.row.clip.id}.{suffix}", data) for suffix, data in made.members.items()]
    except OSError as error:
        raise TarFailedError(f"{error.strerror}") from None
    return dataclasses.replace(
        made.row,
        shard=shard,
        sample_sha256=sample_sha256(made.members.values()),
        member_offset=tuple(member.offset for member in members),
        member_length=tuple(member.length for member in members),
    )


def _tell(channel: IO[str], message: dict[str, Any]) -> None:
    channel.write(json.dumps(message, separators=(",", ":")) + "\n")
    channel.flush()


if __name__ == "__main__":
    main()
