"""Chinese text on a picture, in the font that OpenCV brings along."""

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

Bgr = tuple[int, int, int]

# OpenCV's font engine keeps glyphs in a cache that two threads spoil for each other (seen: a few
# of 6 000 texts wrong with 8 threads), and loading the font takes 0.1 s.
_lock = threading.Lock()
_WEIGHT = 400


def width_of(text: str, size_px: int) -> int:
    """How many pixels wide `text` is."""
    with _lock:
        # The size of the picture matters only for wrapped text.
        box = cv2.getTextSize((1, 1), text, (0, 0), cv2.FontFace("uni"), size_px, _WEIGHT)
    return int(box[2])


def fitted(text: str, width_px: int, size_px: int, smallest_px: int) -> tuple[str, int]:
    """`text` and the size at which it is no wider than `width_px`.

    Shrinks down to `smallest_px`, then cuts the end off and says so with an ellipsis. Line breaks
    and other characters that cannot be printed become blanks; a character that the font lacks is
    drawn as a question mark.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    wide = width_of(text, size_px)
    if wide <= width_px:
        return text, size_px
    size_px = max(smallest_px, size_px * width_px // wide)
    if width_of(text, size_px) <= width_px:
        return text, size_px
    # No letter is narrower than a tenth of its size: no need to measure a text of any length.
    text = text[: width_px * 10 // size_px]
    while text and width_of(text + "…", size_px) > width_px:
        text = text[:-1]
    return text + "…", size_px


def write(
    image: NDArray[np.uint8], text: str, left_baseline: tuple[int, int], size_px: int, colour: Bgr
) -> None:
    """Draw one line of text, in place; what lies outside the picture is cut off."""
    with _lock:
        cv2.putText(image, text, left_baseline, colour, cv2.FontFace("uni"), size_px, _WEIGHT)
