"""Pictures of one known person in a stored frame, clear and released, by region: inside the fill, around it, and whole."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames, Points
from gerdata.privacy.heads import FILL, grown

INSIDE_PX, PERSON_PX, FACE_PX = 16, 24, 150  # sides to which regions are scaled
BLOCK = 16  # of JPEG with halved chroma: pixels of a block depend on each other
SMEAR = 2  # pixels of a block that decoders smooth chroma into from the next one; clothes told there, not faces
# A person around a face box, in its widths and heights: shoulders, hair, clothes.
SIDES, UP, DOWN = 1.5, 0.7, 3.0

Features = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sighting:
    """`[D]` features of one head in one frame, clear and released; `inside` is None where no whole block lies in what was
    filled, and so is `faces`, the same region as pictures `uint8 [150, 150, 3]`."""

    inside: tuple[Features, Features] | None
    context: tuple[Features, Features]
    whole: tuple[Features, Features]
    faces: tuple[Frames, Frames] | None = None


def sighting(clear: Frames, released: Frames, head: Points, mask: Points) -> Sighting:
    """Frames `uint8 [H, W, 3]`; the face box `[4]` and the filled box `[4]`, pixels.

    Inside are only blocks of JPEG that lie in the fill as a whole, without their rim: others hold ringing, and the rim
    chroma, of what lies outside. Sizes do not tell: regions are scaled to one size.
    """
    height, width = clear.shape[:2]
    person = _around(head, height, width)
    x0, y0 = (int(-(-one // BLOCK) * BLOCK) + SMEAR for one in np.floor(mask[:2]))
    x1, y1 = (int(one // BLOCK * BLOCK) - SMEAR for one in np.ceil(mask[2:]))
    inside = faces = None
    if x1 > x0 and y1 > y0:
        inside = tuple(_scaled(frame[y0:y1, x0:x1], INSIDE_PX) for frame in (clear, released))
        faces = tuple(_face(frame[y0:y1, x0:x1]) for frame in (clear, released))
    context = tuple(_scaled(_without(frame, mask)[person], PERSON_PX) for frame in (clear, released))
    whole = tuple(_scaled(frame[person], PERSON_PX) for frame in (clear, released))
    return Sighting(inside, context, whole, faces)  # type: ignore[arg-type]


def mask_of(head: Points, height_px: int, width_px: int) -> Points:
    """The box that filling would cover, for a release that fills nothing."""
    return np.asarray(grown(head[None, :4], height_px, width_px)[0], np.float32)


def _around(head: Points, height: int, width: int) -> tuple[slice, slice]:
    wide, high = head[2] - head[0], head[3] - head[1]
    x0, x1 = (int(np.clip(one, 0, width)) for one in (head[0] - SIDES * wide, head[2] + SIDES * wide))
    y0, y1 = (int(np.clip(one, 0, height)) for one in (head[1] - UP * high, head[3] + DOWN * high))
    return slice(min(y0, height - 1), max(y1, y0 + 1)), slice(min(x0, width - 1), max(x1, x0 + 1))


def _without(frame: Frames, mask: Points) -> Frames:
    out = frame.copy()
    x0, y0, x1, y1 = (max(0, int(one)) for one in (*np.floor(mask[:2]), *np.ceil(mask[2:])))
    out[y0:y1, x0:x1] = FILL
    return out


def _scaled(region: Frames, side: int) -> Features:
    return np.asarray(cv2.resize(region, (side, side), interpolation=cv2.INTER_AREA), np.float64).ravel()


def _face(region: Frames) -> Frames:
    way = cv2.INTER_AREA if min(region.shape[:2]) > FACE_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(region, (FACE_PX, FACE_PX), interpolation=way), np.uint8)


def marked(faces: Frames, mark: Features) -> Features:
    """Faces `[N, 150, 150, 3]` with a mark `[768]` (16x16 pixels of three colours) laid over each."""
    small = mark.reshape(INSIDE_PX, INSIDE_PX, 3)
    return np.asarray(faces + cv2.resize(small, (FACE_PX, FACE_PX), interpolation=cv2.INTER_NEAREST), np.float64)
