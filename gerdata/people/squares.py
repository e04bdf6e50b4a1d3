"""Squares of a frame, upright or turned, that a model sees at one size; and points carried there and back."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames

Plane = npt.NDArray[np.float64]
REACH = 0.71  # of a side: from the middle of a turned square to its corners


@dataclass(frozen=True)
class Square:
    """Its middle and side in pixels of the frame (0, 0 is the corner of the top left pixel, x before y), and by how much it
    is turned: radians, clockwise as seen."""

    x: float
    y: float
    side: float
    turn: float = 0.0

    @classmethod
    def at(cls, middle: Plane, side: float, turn: float = 0.0) -> "Square":
        """Around a point `[2]`."""
        return cls(float(middle[0]), float(middle[1]), side, turn)

    def into(self, points: Plane, px: int) -> Plane:
        """Points `[..., 2]` of the frame, in pixels of the square seen as `px` x `px`."""
        return np.asarray((points - (self.x, self.y)) @ self._turned(px).T + px / 2)

    def back(self, points: Plane, px: int) -> Plane:
        """Inverse of `into`."""
        return np.asarray((points - px / 2) @ self._turned(px) * (self.side / px) ** 2 + (self.x, self.y))

    def cut(self, frame: Frames, px: int) -> Frames:
        """`uint8 [px, px, 3]`: what `frame: uint8 [H, W, 3]` shows there, black beyond its edges. Where the square is more than
        twice `px` wide, areas are averaged first."""
        reach = REACH * self.side + 2
        x0, y0 = (max(0, int(np.floor(middle - reach))) for middle in (self.x, self.y))
        x1, y1 = (max(0, int(np.ceil(middle + reach))) for middle in (self.x, self.y))
        part = frame[y0:y1, x0:x1]
        height, width = part.shape[:2]
        if not part.size:
            return np.zeros((px, px, 3), np.uint8)
        times = max(1, int(self.side / px))
        if times > 1:
            size = (-(-width // times), -(-height // times))
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        scale = np.array([width / part.shape[1], height / part.shape[0]])
        # cv2 counts from the middles of pixels, we from their corners
        turned = self._turned(px)
        shift = turned @ (0.5 * scale + (x0 - self.x, y0 - self.y)) + px / 2 - 0.5
        matrix = np.concatenate([turned * scale, shift[:, None]], axis=1)
        return np.asarray(cv2.warpAffine(part, matrix, (px, px), flags=cv2.INTER_LINEAR), np.uint8)

    def _turned(self, px: int) -> Plane:
        """`[2, 2]`: the turn back, and the scale from frame to square."""
        cos, sin = np.cos(self.turn) * px / self.side, np.sin(self.turn) * px / self.side
        return np.array([[cos, sin], [-sin, cos]])

    def is_sensible(self, frame: Frames) -> bool:
        """Whether it is of a size that shows something, and overlaps the frame: what a model that errs may not tell."""
        height, width = frame.shape[:2]
        if not np.isfinite([self.x, self.y, self.side, self.turn]).all():
            return False
        away = REACH * self.side
        is_near = -away < self.x < width + away and -away < self.y < height + away
        return 2 <= self.side <= 32 * max(height, width) and bool(is_near)
