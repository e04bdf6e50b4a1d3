"""The camera: where it stands, how it looks, and where points of the ground and of people come to lie in the picture.

A pinhole at height `height_m` over the ground, tilted down by `tilt`, focal length `focal` in sides of the frame. Places in
the picture are shares of the frame's side, x to the right and y down.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gerdata.synth.layout import Ground, Metres

HEAD_M = 0.24  # chin to crown
STATURE_M, SEATED_M = 1.7, 1.28  # to the crown, of who stands and who sits, on the average
MARGIN = 0.03  # of the frame, that stays free beside the outermost heads
NEAREST_M = 0.9

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """`x_m, z_m` of the ground's origin as seen from the camera; `shift_x, shift_y` of the whole picture. While it films it
    pans (shares of the frame from the first to the last moment), zooms (a factor), and shakes (amplitude and frequencies)."""

    height_m: float
    tilt: float
    focal: float
    x_m: float
    z_m: float
    shift_x: float
    shift_y: float
    pan_x: float
    pan_y: float
    zoom: float
    shake: float
    shake_hz: float
    phase: float

    def project(self, x_m: Metres, y_m: Metres | float, z_m: Metres) -> tuple[Shares, Shares, Shares]:
        """Points of the ground's frame, `y_m` above it: x, y in shares of the frame, and pixels a metre in frame sides."""
        along, up = z_m + self.z_m, self.height_m - y_m
        away = np.maximum(along * np.cos(self.tilt) + up * np.sin(self.tilt), NEAREST_M * 0.5)
        down = up * np.cos(self.tilt) - along * np.sin(self.tilt)
        scale = self.focal / away
        return 0.5 + self.shift_x + (x_m + self.x_m) * scale, 0.5 + self.shift_y + down * scale, scale

    def view(self, share: float, t_s: float) -> tuple[float, float, float]:
        """How the picture of the first moment is moved and enlarged at a `share` of the duration: x, y, factor.

        A point at (u, v) comes to 0.5 + factor * (u - 0.5) + x, and so for y.
        """
        turn = 2 * np.pi * self.shake_hz * t_s + self.phase
        x = self.pan_x * (share - 0.5) + self.shake * np.sin(turn)
        y = self.pan_y * (share - 0.5) + 0.7 * self.shake * np.sin(1.61 * turn + 1)
        return float(x), float(y), float(1 + (self.zoom - 1) * (share - 0.5))


@dataclass(frozen=True)
class CameraRange:
    """What a camera is drawn from: largest head in the frame (chin to crown, shares of the side), and how much it moves."""

    min_head: float = 0.13
    max_head: float = 0.26
    max_pan: float = 0.05
    max_zoom: float = 1.08
    max_shake: float = 0.006


def draw_camera(rng: np.random.Generator, ground: Ground, how: CameraRange) -> Camera:
    """A camera before which the whole group fits: every head inside the frame at the first moment, none nearer than 0.9 m.

    As near as that allows, and no nearer than makes the largest head `max_head`.
    """
    deep = float(np.ptp(ground.z_m))  # the deeper a group, the higher one stands to see those behind
    height, focal = rng.uniform(1.4, 1.9) + min(1.2, 0.5 * deep) * rng.uniform(0.5, 1.1), rng.uniform(0.9, 1.5)
    tilt = float(np.clip(rng.normal(0.12 + 0.22 * (height - 1.35), 0.06), 0.0, 0.6))
    largest = rng.uniform(how.min_head, how.max_head)
    crowns = np.where(ground.sits, SEATED_M, STATURE_M)
    middle = -(ground.x_m.min() + ground.x_m.max()) / 2
    distance = max(NEAREST_M, focal * HEAD_M / largest) - float(ground.z_m.min())
    camera = Camera(height, tilt, focal, middle, distance, 0, 0, 0, 0, 1, 0, 1, 0)
    for _ in range(60):
        x, y, scale = camera.project(ground.x_m, crowns - HEAD_M / 2, ground.z_m)
        half = 0.62 * HEAD_M * scale
        wide = (x + half).max() - (x - half).min()
        high = (y + 1.6 * half).max() - (y - 1.2 * half).min()
        if max(wide, high) <= 1 - 2 * MARGIN:
            break
        camera = _moved(camera, distance=camera.z_m * 1.06 + 0.05)
    low_x, high_x = (x - half).min(), (x + half).max()
    low_y, high_y = (y - 1.2 * half).min(), (y + 1.6 * half).max()
    free_x, free_y = (max(0.0, 1 - 2 * MARGIN - (high - low)) for low, high in ((low_x, high_x), (low_y, high_y)))
    return Camera(
        height_m=float(height),
        tilt=tilt,
        focal=float(focal),
        x_m=float(middle),
        z_m=float(camera.z_m),
        shift_x=float(MARGIN - low_x + free_x * rng.uniform(0.35, 0.65)),
        shift_y=float(MARGIN - low_y + free_y * rng.uniform(0.1, 0.45)),
        pan_x=float(rng.uniform(-how.max_pan, how.max_pan)),
        pan_y=float(rng.uniform(-0.4, 0.4) * how.max_pan),
        zoom=float(rng.uniform(1 / how.max_zoom, how.max_zoom)),
        shake=float(how.max_shake * rng.beta(1, 3)),
        shake_hz=float(rng.uniform(0.4, 1.6)),
        phase=float(rng.uniform(0, 2 * np.pi)),
    )


def _moved(camera: Camera, distance: float) -> Camera:
    return Camera(camera.height_m, camera.tilt, camera.focal, camera.x_m, distance, 0, 0, 0, 0, 1, 0, 1, 0)
