"""How well a picture can be seen at all."""

import cv2
import numpy as np
from numpy.typing import NDArray

_SMALL_WH = (320, 180)
# Grey levels of research/detectors.md A.1: fully seen between, unseen at the ends.
_LEVELS = (12.0, 40.0, 210.0, 245.0)
# A covered lens or a dead sensor leaves one grey and its noise; a foggy street has more.
_UNIFORM_BELOW = 3.0


def view_quality(image_bgr: NDArray[np.uint8]) -> float:
    """View quality 0..1 of a picture (height_px, width_px, 3) from its brightness, 2 decimals.

    1 where the mean grey is 40..210, falling in a straight line to 0 at 12 and at 245; 0 also for
    a picture of one grey (standard deviation below 3 levels) and for an empty one.
    """
    if image_bgr.size == 0:
        return 0.0
    # Nearest is enough for a mean, and costs the same on a frame of any size.
    small = cv2.resize(image_bgr, _SMALL_WH, interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    if float(grey.std()) < _UNIFORM_BELOW:
        return 0.0
    return round(float(np.interp(grey.mean(), _LEVELS, (0.0, 1.0, 1.0, 0.0))), 2)
