"""The part of an evidence picture that lets a person judge a cable: traced, before, now, larger."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import SeenObject, Xy
from pipeline.canvas import INK, PALE, RED, WHITE, blank, centred, resized
from pipeline.lettering import write
from pipeline.redaction import Image

Line = NDArray[np.float64]  # (N, 2) x, y of a cable from top to bottom, N >= 2
Window = tuple[int, int, int, int]  # left, top, width, height in pixels

_LIKELY = 0.5  # of the best candidate's probability: it may be a second cable
_REACH_PX = 3  # how far beside its path a cable may really lie
_AROUND_PX = 8  # what tells how a line differs from its surroundings
_ZOOM = 2.5
_TALL = 1.1  # height of a view, of its width
_SMALLEST, _LARGEST = 0.5, 1.5  # a cord of 2 px is lost below; above, what is enlarged is not
_DARK, _BRIGHT, _MOST_GAIN = 100, 200, 4.0


def cables_of(objects: Sequence[SeenObject]) -> list[Line]:
    """The lines of what has a `path`, as fractions inside the picture, the best first, without
    those that are far less likely.
    """
    lines = [item for item in objects if len(item.path) > 1]
    return [
        np.clip(np.nan_to_num(np.array(item.path, np.float64)), 0, 1)
        for item in lines
        if item.confidence >= _LIKELY * lines[0].confidence
    ]


def trace(view: Image, cables: Sequence[Line], clear_px: int, stroke_px: int) -> None:
    """Draw a red line on both sides of each cable (fractions of `view`) and rings at its ends, in
    place. Between the lines the picture stays as it is for `clear_px`: the cable must be seen.
    """
    size = view.shape[1] - 1, view.shape[0] - 1
    # Sixteenths of pixels, as OpenCV reads with shift=4.
    lines = [np.rint(line * size * 16).astype(np.int32) for line in cables]
    untouched, clear = view.copy(), np.zeros(view.shape[:2], np.uint8)
    for canvas, colour, beside_px in (
        (view, INK, stroke_px + 2),
        (view, RED, stroke_px),
        (clear, WHITE, 0),
    ):
        for line in lines:
            wide = clear_px + 2 * beside_px
            cv2.polylines(canvas, [line], False, colour, wide, cv2.LINE_AA, shift=4)
            for end in (line[0], line[-1]):
                cv2.circle(canvas, end, wide * 16 * 3 // 4, colour, cv2.FILLED, cv2.LINE_AA, 4)
    cv2.copyTo(untouched, clear, view)


def compared(
    before: Image | None, now: Image, cable: Line, width: int
) -> tuple[list[Image], Image]:
    """What `width` pixels of an evidence picture show of a cable besides the whole view.

    `before`, `now`: of the same size; `cable`: fractions of them. First, where there is a `before`,
    the surroundings as they were and as they are: the cable traced, a frame around what is
    enlarged. Then, on half of `width`, the part of the cable that shows best, with nothing drawn
    on it. Dark views are brightened, and say so.
    """
    size, half = (now.shape[1], now.shape[0]), width // 2
    points = cable * size
    best = _clearest(before, now, points, round(half / 1.5 / _ZOOM))
    zoomed = _window(best, half / _ZOOM, half / 1.5 / _ZOOM, size)
    close, note = _readable(_cut(now, zoomed, half / zoomed[2]))
    if before is None:
        return [], _titled("放大", close, note, width)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    room = 0.2 * (y2 - y1) + 16
    wanted = max(y2 - y1 + 2 * room, (x2 - x1 + 2 * room) * _TALL)
    high = min(max(wanted, half * _TALL / _LARGEST), half * _TALL / _SMALLEST)
    middle = best if high < wanted else ((x1 + x2) / 2, (y1 + y2) / 2)
    window = _window(middle, high / _TALL, high, size)
    pair = _side_by_side((before, now), points, window, zoomed, width)
    return [pair], _titled("白框放大", close, note, width)


def _side_by_side(
    images: tuple[Image, Image], points: Line, window: Window, zoomed: Window, width: int
) -> Image:
    """A window of both pictures; in the second the cable is traced and `zoomed` framed."""
    edge = width // 40
    half = (width - edge) // 2
    left, top, wide, high = window
    scale = min(half / wide, half * _TALL / high)
    (was, was_note), (view, note) = (_readable(_cut(image, window, scale)) for image in images)
    inner = [round((zoomed[i] - window[i]) * scale) for i in (0, 1)]
    inner += [round(zoomed[i] * scale) for i in (2, 3)]
    cv2.rectangle(view, inner, INK, 6)
    cv2.rectangle(view, inner, WHITE, 3)
    trace(view, [(points - (left, top)) / (wide, high)], width // 64, max(2, width // 400))
    parts = []
    for title, shown, what in (("之前", was, was_note), ("现在", view, note)):
        cv2.rectangle(shown, (0, 0), (shown.shape[1] - 1, shown.shape[0] - 1), PALE, 2)
        parts.append(_titled(title, centred(shown, half), what, width))
    return np.hstack([parts[0], blank(parts[0].shape[0], width - 2 * half), parts[1]])


def _clearest(before: Image | None, now: Image, points: Line, window_px: int) -> Xy:
    """The middle of those `window_px` of the line along which the picture shows best a thin line
    that it did not show `before`.
    """
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.arange(int(along[-1]) + 1.0)
    x, y = (np.interp(at, along, points[:, i]) for i in (0, 1))
    left, top = (max(0, int(v) - _AROUND_PX) for v in points.min(axis=0))
    right, bottom = (int(v) + _AROUND_PX for v in points.max(axis=0))
    shows = _thin_lines(now[top:bottom, left:right])
    if before is not None:
        shows = cv2.subtract(shows, _thin_lines(before[top:bottom, left:right]))
    column = np.minimum(np.rint(x).astype(int), now.shape[1] - 1) - left
    row = np.minimum(np.rint(y).astype(int), now.shape[0] - 1) - top
    near = np.ones(min(max(1, window_px), len(at)))
    best = int(np.argmax(np.convolve(shows[row, column], near, mode="same")))
    return float(x[best]), float(y[best])


def _thin_lines(image: Image) -> Image:
    """How much darker or lighter than its surroundings is what is thinner than 7 pixels there or
    nearby; nothing for redacted blocks, which are wider.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    around = np.ones((7, 7), np.uint8)
    darker = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, around)
    lighter = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, around)
    nearby = np.ones((2 * _REACH_PX + 1, 2 * _REACH_PX + 1), np.uint8)
    thin: Image = cv2.dilate(cv2.max(darker, lighter), nearby)
    return thin


def _window(middle: Xy, width: float, height: float, size_wh: tuple[int, int]) -> Window:
    """A part of the picture around a point, as far as it fits."""
    wide = max(1, min(round(width), size_wh[0]))
    high = max(1, min(round(height), size_wh[1]))
    left = min(max(0, round(middle[0] - wide / 2)), size_wh[0] - wide)
    top = min(max(0, round(middle[1] - high / 2)), size_wh[1] - high)
    return left, top, wide, high


def _cut(image: Image, window: Window, scale: float) -> Image:
    left, top, width, height = window
    return resized(image[top : top + height, left : left + width], scale)


def _readable(view: Image) -> tuple[Image, str]:
    """The view, brightened where it is too dark for a phone by day, and what was done to it."""
    light = float(np.percentile(cv2.cvtColor(view, cv2.COLOR_BGR2GRAY), 98))
    if light >= _DARK:
        return view, ""
    brighter: Image = cv2.convertScaleAbs(view, alpha=min(_MOST_GAIN, _BRIGHT / max(light, 1.0)))
    return brighter, "（已提亮）"


def _titled(title: str, view: Image, note: str, width: int) -> Image:
    """The view below its title, which is as large as in a picture `width` wide."""
    size = width // 30
    bar = blank(size * 3 // 2, view.shape[1])
    write(bar, title + note, (size // 4, size * 9 // 8), size, WHITE)
    return np.vstack([bar, view])
