"""Where a face looks: its yaw, from a few of its landmarks.

The nose stands before the line between the outer corners of the eyes; turn the head, and its tip moves along that line by
its depth times the sine, while the line shortens by the cosine. So the tangent is their ratio, up to the depth of the nose.
The depth was fitted on points that the face mesh finds on avatars of known yaw, which turn further than the true points do
(those fit .37; no nose is half as deep as eyes are apart). How far off that is: `benchmarks/replace.py`.
"""

import numpy as np
import numpy.typing as npt

from gerdata.clip import Points

LEFT_CORNER, RIGHT_CORNER, NOSE_TIP = 36, 45, 30  # as seen, of the 68 points of iBUG 300-W
NOSE_DEPTH = 0.52  # from the line of the outer corners to the tip, in distances of these corners


def yaws_of(landmarks: Points) -> npt.NDArray[np.float32]:
    """Yaws in radians, `float32 [P]`, positive to the right as seen, for `landmarks: float32 [P, 68, 2]`; NaN where a point
    that is needed is NaN. A roll of the head changes nothing."""
    left, right, nose = (np.asarray(landmarks[:, i], np.float64) for i in (LEFT_CORNER, RIGHT_CORNER, NOSE_TIP))
    line = right - left
    length2 = np.maximum((line**2).sum(axis=1), 1e-6)
    along = ((nose - (left + right) / 2) * line).sum(axis=1) / length2  # in lengths of the line, as it is seen
    return np.asarray(np.arctan(along / NOSE_DEPTH), np.float32)
