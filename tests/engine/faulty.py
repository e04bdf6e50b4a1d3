"""Workers for tests: well-behaved, and every way of dying."""

import ctypes
import os
import time
from collections.abc import Iterator
from typing import Any

from gerdata.clip import Clip
from gerdata.engine.work import Expect, Item, Made
from gerdata.errors import RejectedInput
from gerdata.manifest import Row


class FaultyWorker:
    """Does what the item's payload says."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.pause_s = float(settings.get("pause_s", 0))
        if settings.get("broken"):
            raise RuntimeError("cannot start")

    def work(self, item: Item, expect: Expect) -> Iterator[Made]:
        what = item.payload.get("do", "work")
        expect(float(item.payload.get("expect_s", 0)))
        time.sleep(self.pause_s)
        if what == "segfault":
            ctypes.string_at(0)
        elif what == "exit":
            os._exit(3)
        elif what == "sleep":
            time.sleep(600)
        elif what == "burn":
            while True:
                pass
        elif what == "eat":
            hoard = []
            while True:
                hoard.append(bytearray(os.urandom(1 << 20) * 16))
        elif what == "raise":
            raise KeyError("a defect")
        elif what == "reject":
            raise RejectedInput("truncated", "1 of 2 frames")
        elif what == "print":
            print("noise on stdout")
            os.write(1, b"noise from below\n")
        for number in range(int(item.payload.get("clips", 1))):
            name = f"{item.key}-{number}"
            clip = Clip(id=name, group=item.key, label="neutral", split="train", duration_s=1.0)
            data = {"a.bin": name.encode() * 300, "json": b"{}\n"}
            yield Made(Row(clip), members=data if item.payload.get("media", True) else None, private={"secret": name})
            if what == "segfault-late":
                continue
        if what == "segfault-late":
            ctypes.string_at(0)
