"""What a training shows of its epochs: a line at the bottom of a terminal, whole lines elsewhere, nothing when quiet."""

import io
import sys
import time

import pytest

from gerdata.engine import progress
from gerdata.engine.progress import Epochs

FIGURES = {"train_loss": 0.5}


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, quiet: bool = False) -> str:
    """Two epochs of three of a tenth of a second, redrawn ten times in each."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "REDRAWN_EVERY_S", 0.01)
    with Epochs("train", 3, quiet) as epochs:
        epochs.tell("7 training clips")
        for epoch in (1, 2):
            time.sleep(0.1)
            epochs.watch(epoch, FIGURES)
            epochs.tell(f"epoch {epoch}/3: loss 0.5")
        time.sleep(0.1)
    return stream.getvalue()


def test_on_a_terminal_the_line_is_redrawn_and_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Terminal(), monkeypatch)
    assert "\r\x1b[Ktrain: 0/3 epochs · 0 s\r" in text  # of the first nothing is known beforehand
    assert "\r\x1b[Ktrain: 2/3 epochs · 0 s of about 0 s · 0 s left" in text
    for line in ("7 training clips", "epoch 1/3: loss 0.5", "epoch 2/3: loss 0.5"):
        assert f"\r\x1b[K{line}\n" in text
    assert text.endswith("\r\x1b[K")


def test_elsewhere_there_are_whole_lines_alone_and_none_when_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(io.StringIO(), monkeypatch) == "7 training clips\nepoch 1/3: loss 0.5\nepoch 2/3: loss 0.5\n"
    assert shown(Terminal(), monkeypatch, quiet=True) == ""


def test_what_is_left_is_what_the_last_epoch_took_times_those_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    epochs = Epochs("train", 5, quiet=True)
    now_s[0] += 300  # reading the release is no part of an epoch
    epochs.tell("7 training clips")
    now_s[0] += 40
    epochs.watch(1, {})  # goes on from the first
    assert epochs._line(10.0) == "train: 1/5 epochs · 10 s"
    now_s[0] += 40
    epochs.watch(2, FIGURES)
    assert epochs._line(10.0) == "train: 2/5 epochs · 10 s of about 40 s · 110 s left"
    assert epochs._line(200.0) == "train: 2/5 epochs · 200 s of about 40 s · 0 s left"


def test_a_first_stage_is_reckoned_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    epochs = Epochs("train", 5, quiet=True, first=3)
    lines = []
    for watch, n, lasting_s in ((epochs.watch_first, 3, 30), (epochs.watch, 5, 50)):
        watch(0, {})
        for epoch in range(1, n):
            now_s[0] += lasting_s
            watch(epoch, FIGURES)
        lines.append(epochs._line(10.0))
        now_s[0] += 7  # its last epoch is not told
    first, then = lines
    assert first == "first stage: 2/3 epochs · 10 s of about 30 s · 20 s left"
    assert then == "train: 4/5 epochs · 10 s of about 50 s · 40 s left"
