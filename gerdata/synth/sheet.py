"""A contact sheet: what is in a bank of pictures, class by class, on one page."""

from collections.abc import Sequence

import cv2
import numpy as np

from gerdata.clip import CLASSES, Frames
from gerdata.synth.listing import BACKGROUND, FACE, PERSON
from gerdata.synth.picturebank import Entry, PictureBank

CELL_PX = {FACE: (72, 72), PERSON: (168, 112), BACKGROUND: (108, 144)}  # height and width
WIDTH_PX, LINE_PX = 1008, 22
PAPER, INK = 236, (40, 40, 40)


def contact_sheet(bank: PictureBank, most: int = 84) -> Frames:
    """Up to `most` pictures of every kind and class under a line that counts them, `uint8 [H, 1008, 3]` RGB."""
    rows = [_line(f"{bank.n_casts} casts, " + ", ".join(f"{n} {kind}" for kind, n in bank.header["kept"].items()))]
    for kind in (FACE, PERSON, BACKGROUND):
        for label in CLASSES if kind != BACKGROUND else (None,):
            held = bank.of(kind, None, label)
            if held:
                people = len({one.person for one in held})
                rows.append(_line(f"{kind} {label or ''}: {len(held)} of {people}, {min(most, len(held))} shown"))
                rows += _grid(bank, held[:: max(1, -(-len(held) // most))], CELL_PX[kind])
    return np.concatenate(rows)


def _line(text: str) -> Frames:
    out = np.full((LINE_PX, WIDTH_PX, 3), PAPER, np.uint8)
    cv2.putText(out, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return out


def _grid(bank: PictureBank, held: Sequence[Entry], cell: tuple[int, int]) -> list[Frames]:
    high, wide = cell
    across = WIDTH_PX // wide
    rows = []
    for start in range(0, len(held), across):
        row = np.full((high, WIDTH_PX, 3), PAPER, np.uint8)
        for k, one in enumerate(held[start : start + across]):
            sprite = bank.sprite(one.kind, one.number)
            scale = min((high - 4) / sprite.shape[0], (wide - 4) / sprite.shape[1], 1.0)
            size = (max(1, round(sprite.shape[1] * scale)), max(1, round(sprite.shape[0] * scale)))
            small = np.asarray(cv2.resize(sprite, size, interpolation=cv2.INTER_AREA), np.uint8)
            y, x = (high - size[1]) // 2, k * wide + (wide - size[0]) // 2
            under = row[y : y + size[1], x : x + size[0]]
            left = 255 - small[..., 3:].astype(np.uint16)
            under[...] = np.minimum((under * left + 127) // 255 + small[..., :3], 255).astype(np.uint8)
        rows.append(row)
    return rows
