"""Earlier pictures of a view to compare with: the one in the light of now, and where it lies."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rectangle = tuple[int, int, int, int]  # x0, y0, x1, y1 in px, the last ones outside

# Cameras sway by a pixel or two; what is further off has been turned, which the view notices.
MAX_SHIFT_PX = 8
# On made scenes, one light or day against another, the peak held 0.32 of the power at least; of
# unlike scenes some 0.03.
MIN_RESPONSE = 0.1
# A larger crop is registered by its middle: a shift is the same everywhere.
_REGISTERED_PX = 512
# A median of so many takes out who passes by; more cost time and add nothing.
MOST = 5
# Pictures whose light, in shares of full grey and full saturation, is so near are of one light:
# frames of one made camera were 0.05 to 0.12 apart, night from day 0.05 to 0.5.
SAME_LIGHT = 0.1


class References:
    """The crops of a view that has nothing in it yet, all of one size, one at least."""

    def __init__(self, crops_bgr: Sequence[Image]) -> None:
        first = crops_bgr[0]
        self._crops = [first, *(_laid_on(first, crop) for crop in crops_bgr[1:])]
        self._lights = np.array([light(crop) for crop in self._crops])
        self._medians: dict[tuple[int, ...], Image] = {}

    def like(self, crop_bgr: Image) -> tuple[Image, int]:
        """What the view looks like without it in the light of `crop_bgr`, lying as the first; and
        which of the crops is nearest to that.
        """
        off = np.abs(self._lights - light(crop_bgr)).sum(axis=1)
        beside = np.abs(self._lights - self._lights[off.argmin()]).sum(axis=1) <= SAME_LIGHT
        nearest = [k for k in off.argsort(kind="stable").tolist() if beside[k]]
        chosen = tuple(sorted(nearest[:MOST]))
        if chosen not in self._medians:
            crops = np.stack([self._crops[k] for k in chosen])
            self._medians[chosen] = np.median(crops, axis=0).astype(np.uint8)
        return self._medians[chosen], nearest[0]


def light(image_bgr: Image) -> NDArray[np.float64]:
    """Mean grey and saturation, 0..1 each: night is dark, an infrared picture has no colour."""
    few = image_bgr[::4, ::4]
    blue, green, red = (few[..., channel] for channel in range(3))
    high = np.maximum(np.maximum(blue, green), red)
    low = np.minimum(np.minimum(blue, green), red)
    return np.array([few.mean(), (high - low).mean()]) / 255


def shift_px(before_bgr: Image, now_bgr: Image) -> tuple[int, int]:
    """How far right and down the same scene is in a later picture of the same size, whole pixels.

    By phase correlation of edges, which outlast a change of light; 0, 0 where it cannot be told or
    is more than MAX_SHIFT_PX.
    """
    height, width = (min(side, _REGISTERED_PX) for side in before_bgr.shape[:2])
    if min(height, width) < 4 * MAX_SHIFT_PX:
        return 0, 0
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (dx, dy), response = cv2.phaseCorrelate(
        _edges(before_bgr, height, width), _edges(now_bgr, height, width), window
    )
    if not response >= MIN_RESPONSE:
        return 0, 0
    shift = round(dx), round(dy)
    return shift if max(map(abs, shift)) <= MAX_SHIFT_PX else (0, 0)


def cut(image_bgr: Image, rectangle: Rectangle, shift: tuple[int, int] = (0, 0)) -> Image:
    """A part of a picture, moved by so many pixels; mirrored where it reaches beyond the edges."""
    low, high = np.array(rectangle).reshape(2, 2) + shift
    (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, image_bgr.shape[1::-1])
    (left, top), (right, bottom) = (x0, y0) - low, high - (x1, y1)
    borders = (int(top), int(bottom), int(left), int(right))
    part = image_bgr[y0:y1, x0:x1]
    return np.asarray(cv2.copyMakeBorder(part, *borders, cv2.BORDER_REFLECT_101), np.uint8)


def _laid_on(first: Image, crop: Image) -> Image:
    height, width = crop.shape[:2]
    return cut(crop, (0, 0, width, height), shift_px(first, crop))


def _edges(image_bgr: Image, height: int, width: int) -> NDArray[np.float32]:
    top, left = (image_bgr.shape[0] - height) // 2, (image_bgr.shape[1] - width) // 2
    green = np.ascontiguousarray(image_bgr[top : top + height, left : left + width, 1])
    dx, dy = cv2.spatialGradient(green)
    strength: NDArray[np.float32] = cv2.magnitude(dx.astype(np.float32), dy.astype(np.float32))
    return strength
