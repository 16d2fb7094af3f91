"""Whether a piece of a picture still looks like one of before: seconds-old, from a fixed camera."""

import numpy as np
from numpy.typing import NDArray

Patch = NDArray[np.float32]

# research/detectors.md A.3: a place that looks so much like its parked car still has it.
ALIKE = 0.6
_SIDE = 24
# Below it a patch is one grey and the camera's noise, and says nothing.
_FLAT_BELOW = 2.0


def patch_of(image_bgr: NDArray[np.uint8], xyxy: NDArray[np.float32]) -> Patch:
    """What is in a box (px), small, of mean 0 and length 1; zeros where nothing can be told.

    Of any size and light, so that shapes are compared and not how large or bright they are. Of four
    points a cell, in green, the channel nearest to grey: a box costs some 20 us at any resolution.
    """
    height_px, width_px = image_bgr.shape[:2]
    x0, y0, x1, y1 = np.clip(xyxy, 0, (width_px, height_px, width_px, height_px)).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.zeros(_SIDE**2, np.float32)
    steps = np.arange(2 * _SIDE) / (2 * _SIDE)
    x, y = (x0 + steps * (x1 - x0)).astype(int), (y0 + steps * (y1 - y0)).astype(int)
    points = image_bgr[y[:, None], x, 1].astype(np.float32)
    cells = points.reshape(_SIDE, 2, _SIDE, 2).sum(axis=(1, 3)).ravel() / 4
    cells -= cells.mean()
    length = np.float32(np.linalg.norm(cells))
    return np.zeros_like(cells) if length < _FLAT_BELOW * _SIDE else cells / length


def likeness(ours: Patch, theirs: Patch) -> float:
    """Normalised cross-correlation, -1..1; NaN, neither above nor below anything, if untold."""
    if not ours.any() or not theirs.any():
        return float("nan")
    return float(ours @ theirs)
