"""High dynamic range to standard range: one frame's PQ or HLG code values to what an ordinary screen would show.

Transfer functions of ITU-R BT.2100-2, diffuse white at 203 cd/m2 (ITU-R BT.2408), BT.2020 to BT.709 primaries (BT.2087),
extended Reinhard curve on luminance (Reinhard et al. 2002, eq. 4) with its white at 1000 cd/m2, display gamma 2.4 (BT.1886).
"""

import functools

import numpy as np
import numpy.typing as npt

from gerdata.clip import Frames

PQ, HLG = 16, 18  # transfer characteristics as numbered by ITU-T H.273
WHITE_NITS, PEAK_NITS = 203.0, 1000.0
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def to_standard(deep: npt.NDArray[np.uint16], transfer: int) -> Frames:
    """`uint16 [H, W, 3]` RGB of BT.2020 primaries, full range, to `uint8 [H, W, 3]` of BT.709 at display gamma."""
    light = _to_light(transfer)[deep] @ _TO_709.T
    luma = np.maximum(light @ _LUMA, 1e-6)[..., None]
    top = PEAK_NITS / WHITE_NITS
    mapped = light * ((1 + luma / top**2) / (1 + luma))
    shown = np.clip(mapped, 0, 1) ** (1 / 2.4)
    return np.asarray(np.rint(shown * 255), np.uint8)


@functools.cache
def _to_light(transfer: int) -> npt.NDArray[np.float32]:
    """Light of every 16-bit code value, 1 at diffuse white: float32 [65536]."""
    signal = np.arange(65536) / 65535
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = signal ** (1 / m2)
        nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        nits = PEAK_NITS * scene**1.2  # the system gamma at 1000 cd/m2, applied to each channel: near enough for grey
    return (nits / WHITE_NITS).astype(np.float32)
