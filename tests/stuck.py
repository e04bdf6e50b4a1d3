"""A split with one clip that stops whoever reads it. Imports no torch, as workers import this file."""

import os
import signal
import time

import numpy as np

from gerdata.release import ReleaseDataset


class Stuck:
    """A split whose second clip takes for ever, ends the process, or meets a defect."""

    def __init__(self, data: ReleaseDataset, how: str) -> None:
        self.data, self.how = data, how

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or name == "data":
            raise AttributeError(name)
        return getattr(self.data, name)

    def read_into(self, row: int, frames: np.ndarray, audio: np.ndarray) -> int:
        if row == 1 and self.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if row == 1 and self.how == "exits":
            os._exit(7)
        if row == 1 and self.how == "hangs":
            time.sleep(600)
        if row == 1 and self.how == "has a defect":
            raise ZeroDivisionError("planted")
        return self.data.read_into(row, frames, audio)
