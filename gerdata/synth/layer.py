"""A picture being put together of sprites and things, and who owns each of its pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames

OWNED = 127  # alpha from which on a pixel is owned
SHIFT = 4  # cv2's fractional bits

Owners = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
View = tuple[
    float, float, float
]  # how the camera moved since the first moment: x, y in shares of the frame, and enlargement


def scaled(frames: Frames, gain: npt.NDArray[np.float64]) -> Frames:
    """`uint8 [..., C]` times a gain for each of its C colours."""
    return np.asarray(cv2.LUT(frames, np.clip(np.arange(256)[:, None, None] * gain, 0, 255).astype(np.uint8)), np.uint8)


@dataclass(frozen=True)
class Thing:
    """A piece of furniture: its top and front, `[N, 2]` in shares of the frame at the first moment, and its colour."""

    top: npt.NDArray[np.float64]
    front: npt.NDArray[np.float64]
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """`canvas: uint8 [H, W, 4]` RGB and an alpha of 255, and `owners: uint8 [H, W]`: what is nearest, 0 the place, larger
    numbers are nearer: 2k is person k of 1, 2, ..., 2k - 1 the things right behind that person. Both are drawn into. `light`
    are gains of red, green and blue, `[3]`, of all that is drawn."""

    canvas: Frames
    owners: Owners
    light: npt.NDArray[np.float64] | None = None

    def paste(self, rgba: Frames, matrix: Matrix, person: int) -> None:
        """Blend a premultiplied sprite `uint8 [h, w, 4]`, and write whose it is where it owns pixels.

        `matrix: [2, 3]` carries places in the sprite to places in the canvas, both counted from corners of pixels. What falls
        outside is not drawn.
        """
        if self.light is not None:
            lit = scaled(rgba, np.append(self.light, 1.0))
            rgba = np.dstack([np.minimum(lit[..., :3], lit[..., 3:]), lit[..., 3]])  # premultiplied: no more than alpha
        height, width = rgba.shape[:2]
        corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
        reach = matrix @ corners
        x0, y0 = (int(v) for v in np.maximum(np.floor(reach.min(1)), 0))
        x1, y1 = (int(v) for v in np.minimum(np.ceil(reach.max(1)), self.canvas.shape[1::-1]))
        if x1 <= x0 or y1 <= y0:
            return
        moved = matrix.copy()
        moved[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - 0.5 - (x0, y0)  # cv2 counts from the middles of pixels
        drawn = cv2.warpAffine(rgba, moved, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        alpha = cv2.extractChannel(drawn, 3)
        left = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2BGRA)
        under = self.canvas[y0:y1, x0:x1]
        self.canvas[y0:y1, x0:x1] = cv2.add(cv2.multiply(under, left, scale=1 / 255), drawn)
        mine = cv2.threshold(alpha, OWNED, 2 * person, cv2.THRESH_BINARY)[1]
        owned = self.owners[y0:y1, x0:x1]
        self.owners[y0:y1, x0:x1] = cv2.max(owned, mine)

    def lay(self, thing: Thing, view: View, person: int) -> None:
        """Draw a thing, its front darker than its top, right behind a `person`."""
        px = len(self.canvas)
        for shape, gain in ((thing.front, 0.7), (thing.top, 1.0)):
            points = (0.5 + view[2] * (shape - 0.5) + view[:2]) * px
            fixed = np.rint(points * (1 << SHIFT) - (1 << SHIFT - 1)).astype(np.int32)
            light = np.ones(3) if self.light is None else self.light
            colour = np.clip(gain * light * thing.colour, 0, 255)
            cv2.fillPoly(self.canvas, [fixed], (*colour.tolist(), 255), cv2.LINE_AA, SHIFT)
            cv2.fillPoly(self.owners, [np.rint(points - 0.5).astype(np.int32)], 2 * person - 1)
