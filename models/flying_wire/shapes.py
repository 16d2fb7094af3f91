"""Paths of hanging cords, and how strokes and patches are laid on a picture.

Coordinates are (x, y) in px, y down, a pixel's middle at whole numbers. Everything that is painted
is a `Paint`: a small patch with its coverage, so that a thing is drawn once and laid on the picture
before and the picture now, over or under the cable.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Path = NDArray[np.float64]  # (N, 2), from one end to the other
Rng = np.random.Generator
Size = tuple[int, int]
Bgr = tuple[float, float, float]
Kind = Literal["thing", "line", "cable", "shade"]
Pen = Literal["fine", "hard", "soft", "plain"]
PENS: tuple[Pen, ...] = ("fine", "fine", "soft", "hard", "plain")
_FINE = 4  # sub-pixels a side under a stroke
_SHIFT = 4  # bits of cv2's fixed-point coordinates


@dataclass(frozen=True, slots=True)
class Paint:
    """A patch whose upper left pixel is `at`; `cover` (h, w) 0..1; `bgr` (3,) or (h, w, 3)."""

    at: tuple[int, int]
    cover: Image
    bgr: Image
    kind: Kind = "thing"

    def shown(self, size_wh: Size) -> float:
        """How much of it lies in a picture of this size, px."""
        (x, y), (h, w), (width, height) = self.at, self.cover.shape, size_wh
        inside = (slice(max(0, -y), min(h, height - y)), slice(max(0, -x), min(w, width - x)))
        return float(self.cover[inside].sum()) if y < height and x < width else 0.0


@dataclass(slots=True)
class Canvas:
    """A picture (H, W, 3) 0..255 and what of it is cable and what another line, (H, W) 0..1."""

    bgr: Image
    drop: Image
    other: Image

    def copy(self) -> "Canvas":
        """Another canvas with the same on it."""
        return Canvas(self.bgr.copy(), self.drop.copy(), self.other.copy())

    def lay(self, paints: Iterable[Paint], light: Image | None = None) -> None:
        """Lay paints over what is there; `light` (H, W) 0.. is how bright the place is."""
        for paint in paints:
            self._lay(paint, light)

    def _lay(self, paint: Paint, light: Image | None) -> None:
        height, width = self.drop.shape
        x, y = paint.at
        h, w = paint.cover.shape
        top, left, bottom, right = max(0, y), max(0, x), min(height, y + h), min(width, x + w)
        if top >= bottom or left >= right:
            return
        inner = (slice(top - y, bottom - y), slice(left - x, right - x))
        at = (slice(top, bottom), slice(left, right))
        cover = paint.cover[inner]
        bgr = paint.bgr[inner] if paint.bgr.ndim == 3 else paint.bgr
        if light is not None and paint.kind != "shade":
            bgr = bgr * light[at][..., None]
        self.bgr[at] += (bgr - self.bgr[at]) * cover[..., None]
        if paint.kind == "shade":
            return
        self.drop[at] *= 1 - cover
        self.other[at] *= 1 - cover
        if paint.kind == "cable":
            self.drop[at] += cover
        elif paint.kind == "line":
            self.other[at] += cover


def colour(bgr: Iterable[float]) -> Image:
    """A colour as paint: three float32."""
    return np.array(tuple(bgr), np.float32)


def straight(start: Iterable[float], end: Iterable[float], points: int = 24) -> Path:
    """The straight path between two points."""
    return np.linspace(tuple(start), tuple(end), points)


def catenary(start: Iterable[float], end: Iterable[float], slack: float, points: int = 48) -> Path:
    """A cord of `slack` (> 1) times the distance hanging between two points.

    z = a cosh((u - b) / a) with the parameter m = h / 2a from sinh(m) / m = sqrt(L^2 - v^2) / h,
    sampled evenly along its length (s = a sinh((u - b) / a)).
    """
    (x0, y0), (x1, y1) = start, end
    across, down = max(abs(x1 - x0), 1.0), y1 - y0
    length = math.hypot(across, down) * max(slack, 1.0002)
    stretch = math.sqrt(max(length * length - down * down, 1e-9)) / across
    low, high = 1e-6, 60.0
    for _ in range(48):
        m = (low + high) / 2
        low, high = (m, high) if math.sinh(m) / m < stretch else (low, m)
    a = across / (2 * low)
    b = across / 2 + a * math.asinh(down / (2 * a * math.sinh(low)))
    s = np.linspace(a * math.sinh(-b / a), a * math.sinh((across - b) / a), points)
    u = b + a * np.arcsinh(s / a)
    z = np.hypot(a, s)
    x = x0 + (1 if x1 >= x0 else -1) * u
    return np.stack([x, y0 - (z - z[0])], 1)


def bezier(controls: Iterable[Iterable[float]], points: int = 48) -> Path:
    """The Bezier curve of any number of control points."""
    layer = [np.array(tuple(c), float)[None] for c in controls]
    t = np.linspace(0, 1, points)[:, None]
    while len(layer) > 1:
        layer = [(1 - t) * p + t * q for p, q in itertools.pairwise(layer)]
    return layer[0]


def wavy(path: Path, rng: Rng, amplitude_px: float, reach: float = 4.0) -> Path:
    """The path, gently bent sideways; its ends stay."""
    n = len(path)
    bends = np.stack(
        [
            np.convolve(row, np.hanning(round(4 * reach)), "same")
            for row in rng.standard_normal((2, n))
        ],
        1,
    )
    bends *= (amplitude_px / max(float(bends.std()), 1e-6)) * np.array([1.0, 0.3])
    rise = np.minimum(1.0, np.minimum(np.arange(n), np.arange(n)[::-1]) / 5)[:, None]
    return np.asarray(path + bends * rise)


def moved(path: Path, across_px: float, down_px: float) -> Path:
    """The path, moved."""
    return np.asarray(path + np.array([across_px, down_px]))


def _box(path: Path, pad: float, size_wh: Size) -> tuple[int, int, int, int]:
    low = np.floor(path.min(0) - pad).astype(int)
    high = np.ceil(path.max(0) + pad).astype(int) + 1
    width, height = size_wh
    return (
        max(low[0], -8),
        max(low[1], -8),
        min(high[0], width + 8),
        min(high[1], height + 8),
    )


def _drawn(path: Path, halves: NDArray[np.int64], fine: int, shape: Size, how: int) -> Image:
    """Coverage at `fine` times the resolution, of a path already in that patch's px."""
    patch = np.zeros(shape, np.uint8)
    points = np.round(((path + 0.5) * fine - 0.5) * (1 << _SHIFT)).astype(np.int32)
    for half in np.unique(halves):
        at = np.flatnonzero(halves[:-1] == half)
        runs = [points] if len(at) == len(points) - 1 else [points[i : i + 2] for i in at]
        cv2.polylines(patch, runs, False, 255, max(1, 2 * int(half)), how, _SHIFT)
    return np.asarray(patch, np.float32) * np.float32(1 / 255)


def stroke(
    path: Path,
    width_px: float,
    size_wh: Size,
    *,
    pen: Pen = "fine",
    taper: float = 1.0,
) -> tuple[tuple[int, int], Image]:
    """Where a stroke's patch lies, and its coverage 0..1.

    `width_px` at the path's start, times `taper` at its end. Pens: fine = sub-pixel coverage,
    soft = that with a blurred profile, hard = whole pixels blurred, plain = cv2's anti-aliasing.
    """
    x0, y0, x1, y1 = _box(path, width_px + 3, size_wh)
    if x0 >= x1 or y0 >= y1:
        return (0, 0), np.zeros((0, 0), np.float32)
    if pen == "plain" and width_px > 1.6:
        pen = "fine"  # cv2 draws 2 px as almost 4
    fine = 1 if pen in ("hard", "plain") else _FINE
    widths = width_px * np.linspace(1.0, taper, len(path)) * fine
    # cv2 draws a thickness of 2 k as 2 k + 1 pixels: the nearest that is wide enough, then fainter
    spare = 0.25 if fine > 1 else 0.0
    halves = np.maximum(0, np.ceil((widths - 1) / 2 - spare)).astype(np.int64)
    how = cv2.LINE_AA if pen == "plain" else cv2.LINE_8
    cover = _drawn(path - (x0, y0), halves, fine, ((y1 - y0) * fine, (x1 - x0) * fine), how)
    if fine > 1:
        cover = cv2.resize(cover, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    if pen in ("hard", "soft"):
        cover = cv2.GaussianBlur(cover, (0, 0), 0.45 if pen == "hard" else 0.3 + 0.15 * width_px)
    fainter = float(widths.sum() / (2 * halves + 1).sum())
    return (x0, y0), cover * np.float32(min(1.0, fainter))


def line(
    path: Path,
    width_px: float,
    bgr: Iterable[float],
    size_wh: Size,
    *,
    kind: Kind = "line",
    pen: Pen = "fine",
) -> Paint:
    """A stroke of one colour."""
    at, cover = stroke(path, width_px, size_wh, pen=pen)
    return Paint(at, cover, colour(bgr), kind)


def noise(rng: Rng, size_wh: Size, cell_px: float, cell_y_px: float | None = None) -> Image:
    """Smooth noise (H, W), mean 0, spread about 1, with bumps of `cell_px`."""
    width, height = size_wh
    rows = max(2, math.ceil(height / (cell_y_px or cell_px)) + 1)
    columns = max(2, math.ceil(width / cell_px) + 1)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    interpolation = cv2.INTER_LINEAR if cell_px < 3 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grid, size_wh, interpolation=interpolation), np.float32)


def polygon_cover(points: Path, size_wh: Size) -> tuple[tuple[int, int], Image]:
    """Where a polygon's patch lies, and its anti-aliased coverage."""
    x0, y0, x1, y1 = _box(points, 2, size_wh)
    if x0 >= x1 or y0 >= y1:
        return (0, 0), np.zeros((0, 0), np.float32)
    patch = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fixed = np.round((points - (x0, y0)) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(patch, [fixed], 255, cv2.LINE_AA, _SHIFT)
    return (x0, y0), np.asarray(patch, np.float32) * np.float32(1 / 255)
