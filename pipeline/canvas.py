"""Colours and plain steps that the parts of an evidence picture share."""

import cv2
import numpy as np

from pipeline.lettering import Bgr
from pipeline.redaction import Image

INK: Bgr = (33, 33, 33)
WHITE: Bgr = (255, 255, 255)
PALE: Bgr = (205, 200, 196)
RED: Bgr = (60, 60, 255)
AMBER: Bgr = (0, 190, 255)


def resized(image: Image, scale: float) -> Image:
    """The picture `scale` times as large, of one pixel at least."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    result: Image = cv2.resize(image, size, interpolation=how)
    return result


def blank(height: int, width: int) -> Image:
    """A picture of INK."""
    # One number for the three channels: numpy fills with a colour a hundred times slower.
    return np.full((height, width, 3), INK[0], np.uint8)


def centred(view: Image, width: int) -> Image:
    """The picture in the middle of one that is `width` wide and as high."""
    if view.shape[1] == width:
        return view
    canvas = blank(view.shape[0], width)
    left = (width - view.shape[1]) // 2
    canvas[:, left : left + view.shape[1]] = view
    return canvas
