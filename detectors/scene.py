"""A scene as its standing structures: where they are in another picture, and how sharp.

Structures are corners of the picture of edges, found again by their correlation; edges, because
they outlast changes of light. What passes in front of some leaves the others where they are.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Polygon

_WIDTH, _COARSE = 320, 2  # px of the grey picture; structures are matched at half of that
_READ_FROM = 384  # px: of larger pictures only every n-th pixel is read, which saves most time
_STRUCTURES, _APART, _LEAST_EDGE = 30, 8, 60.0
_HALF, _REACH = 8, 8  # px: half a structure's side, and how far it is looked for: 5 % of the width
_LIKE = 0.5  # correlation from which a structure is found
_ENOUGH = 12  # structures; with eight the fit was wrong by 1 % of the width
# A plain scene has fewer: they tell of a shift alone, looked for further away, when half of them
# agree; and only where they are spread over half of a side: else they may be of one vehicle.
_FEW, _FEW_REACH, _FEW_AGREE, _FEW_SPREAD = 4, 20, 0.5, 0.5
_FIT_WITHIN = 1.0  # px
_SMOOTH_BELOW = 0.1  # of the energy of edges, a square: a third of the contrast
_LAYOUT_WH, _SAME_LAYOUT, _NOT_SHARP = (16, 12), 0.8, 0.25

Floats = NDArray[np.float32]
Moved = NDArray[np.float64]
NOT_MOVED: Moved = np.eye(3)


class Edges(NamedTuple):
    """Of one picture: its edges at half size, around each pixel the energy of the first and second
    derivatives, and what is left of it without any detail.
    """

    coarse: Floats
    first: Floats
    second: Floats
    layout: Floats


class Found(NamedTuple):
    """What of a scene is in a picture.

    `share`: of the structures, 0..1, that moved alike. `moved`: (3, 3), where each point of the
    scene is now, in px of the coarse picture, which is `height` px high. `smooth_share`: of the
    structures that have lost their edges. `sharpness`: second derivatives against first ones, as a
    share of the scene's; whether it is light or dark changes nothing. `is_blurred`: as if it were
    the same picture out of focus.
    """

    share: float
    moved: Moved
    height: int
    smooth_share: float
    edges: float
    sharpness: float
    is_blurred: bool

    def by(self, off: Moved = NOT_MOVED) -> float:
        """How far the corner that moved most has, as a share of the width; or the middle, up or
        down as a share of a height that is less. `off`: how far the scene itself was.
        """
        w, h = _WIDTH / _COARSE, float(self.height)
        corners_middle = np.array([[0, w, 0, w, w / 2], [0, 0, h, h, h / 2], [1, 1, 1, 1, 1]])
        dx, dy, _ = off @ self.moved @ corners_middle - corners_middle
        dy[4] *= max(w / h, 1.0)
        return float(np.hypot(dx, dy).max()) / w


def edges_of(image_bgr: NDArray[np.uint8]) -> Edges:
    """The edges of a picture (height_px, width_px, 3) of any size."""
    size = (_WIDTH, _height(image_bgr))
    green = np.ascontiguousarray(_every_nth(image_bgr)[:, :, 1])
    grey = cv2.resize(green, size, interpolation=cv2.INTER_AREA)
    dx, dy = cv2.spatialGradient(cv2.GaussianBlur(grey, (3, 3), 0))
    first = cv2.magnitude(dx.astype(np.float32), dy.astype(np.float32))
    second = cv2.Laplacian(grey, cv2.CV_32F)
    around = (2 * _HALF * _COARSE,) * 2
    return Edges(
        cv2.resize(first, (size[0] // _COARSE, size[1] // _COARSE), interpolation=cv2.INTER_AREA),
        cv2.blur(first * first, around),
        cv2.blur(second * second, around),
        cv2.resize(grey, _LAYOUT_WH, interpolation=cv2.INTER_AREA).astype(np.float32),
    )


def reduced(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of what is read of a picture."""
    return _every_nth(image_bgr).copy()


def _every_nth(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = max(1, image_bgr.shape[1] // _READ_FROM)
    return image_bgr[::step, ::step]


def _height(image_bgr: NDArray[np.uint8]) -> int:
    height = round(int(image_bgr.shape[0]) * _WIDTH / int(image_bgr.shape[1]))
    return min(max(height, 2 * _HALF * _COARSE), 4 * _WIDTH)


class Scene:
    """The standing structures of a picture, outside of the `hidden` polygons (fractions 0..1)."""

    def __init__(self, image_bgr: NDArray[np.uint8], hidden: tuple[Polygon, ...] = ()) -> None:
        self._edges = edges_of(image_bgr)
        coarse = self._edges.coarse
        found = cv2.goodFeaturesToTrack(
            coarse, _STRUCTURES, 0.01, _APART, mask=_shown(coarse.shape, hidden)
        )
        at = np.rint(np.empty((0, 2)) if found is None else found.reshape(-1, 2)).astype(int)
        x, y = at.T * _COARSE
        self._at = at[self._edges.first[y, x] >= _LEAST_EDGE]
        around = cv2.copyMakeBorder(coarse, *(4 * (_HALF,)), cv2.BORDER_REFLECT)
        self._structures = [around[y : y + 2 * _HALF, x : x + 2 * _HALF] for x, y in self._at]
        sides = np.array(coarse.shape[::-1])
        spread = float((np.ptp(self._at, axis=0) / sides).max()) if len(self._at) else 0.0
        self._is_rich = len(self._at) >= _ENOUGH
        self._tells = self._is_rich or (len(self._at) >= _FEW and spread >= _FEW_SPREAD)

    def is_shaped_like(self, image_bgr: NDArray[np.uint8]) -> bool:
        """Whether a picture of any resolution has the scene's proportions."""
        return abs(_height(image_bgr) - int(self._edges.first.shape[0])) <= 2

    def find_in(self, now: Edges) -> Found | None:
        """What of the scene is in a picture shaped like it; None when it has too little to tell."""
        if not self._tells:
            return None
        reach, fit = (_REACH, _fit) if self._is_rich else (_FEW_REACH, _shift)
        around = cv2.copyMakeBorder(now.coarse, *(4 * (_HALF + reach,)), cv2.BORDER_REFLECT)
        places = zip(self._structures, self._at, strict=True)
        offsets_like = np.array([_search(around, one, x, y, reach) for one, (x, y) in places])
        moved, alike = fit(self._at, self._at + offsets_like[:, :2], offsets_like[:, 2] >= _LIKE)
        if not self._is_rich and alike.mean() < _FEW_AGREE:
            return None
        y, x = np.minimum(self._at[:, ::-1] * _COARSE, np.array(now.first.shape) - 1).T
        first = now.first[y, x] / self._edges.first[y, x]
        second = now.second[y, x] / np.maximum(self._edges.second[y, x], 1e-3)
        sharp = second / np.maximum(first, 1e-3)
        known = alike if alike.any() else np.ones_like(alike)
        light = min(float(np.median(first[alike])), 1.0) if alike.any() else 1.0
        layout = cv2.matchTemplate(now.layout, self._edges.layout, cv2.TM_CCOEFF_NORMED)[0, 0]
        return Found(
            share=float(alike.mean()),
            moved=moved,
            height=now.coarse.shape[0],
            smooth_share=float((first < _SMOOTH_BELOW * light).mean()),
            edges=float(now.first.mean() / self._edges.first.mean()),
            sharpness=float(np.median(sharp[known])),
            is_blurred=bool(layout > _SAME_LAYOUT and np.median(sharp) < _NOT_SHARP),
        )


def _shown(shape: tuple[int, ...], hidden: tuple[Polygon, ...]) -> NDArray[np.uint8]:
    """255 where a structure may be: nothing of it within a hidden polygon or on its edge."""
    shown = np.full(shape, 255, np.uint8)
    for polygon in hidden:
        points = np.rint(np.array(polygon) * shape[::-1]).astype(np.int32)
        cv2.fillPoly(shown, [points], 0)
        cv2.polylines(shown, [points], True, 0, 2 * _HALF)
    return shown


def _search(
    picture: Floats, structure: Floats, x: int, y: int, reach: int
) -> tuple[float, float, float]:
    """How far from where it was a structure is, to a fraction of a pixel; and how like it."""
    side = 2 * (_HALF + reach)
    around = picture[y : y + side, x : x + side]
    match = cv2.matchTemplate(around, structure, cv2.TM_CCOEFF_NORMED)
    _, like, _, (px, py) = cv2.minMaxLoc(match)
    return px - reach + _top(match[py], px), py - reach + _top(match[:, px], py), like


def _top(values: Floats, at: int) -> float:
    """Where the parabola through the largest value and its neighbours is highest: -0.5..0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, middle, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * middle + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _fit(
    then: NDArray[np.int64], now: Moved, is_found: NDArray[np.bool_]
) -> tuple[Moved, NDArray[np.bool_]]:
    """The shift, turn and zoom that most structures share, and which of them do."""
    alike = np.zeros(len(then), bool)
    if is_found.sum() < 4:
        return NOT_MOVED, alike
    fitted, inliers = cv2.estimateAffinePartial2D(
        then[is_found].astype(np.float64), now[is_found], ransacReprojThreshold=_FIT_WITHIN
    )
    if fitted is None:
        return NOT_MOVED, alike
    alike[np.flatnonzero(is_found)[inliers.ravel() == 1]] = True
    return np.vstack([fitted, [0.0, 0.0, 1.0]]), alike


def _shift(
    then: NDArray[np.int64], now: Moved, is_found: NDArray[np.bool_]
) -> tuple[Moved, NDArray[np.bool_]]:
    """The same of a few structures: the shift of the middle one, and which share it."""
    alike = np.zeros(len(then), bool)
    if not is_found.any():
        return NOT_MOVED, alike
    offsets = now - then
    shift = np.median(offsets[is_found], axis=0)
    alike = is_found & (np.abs(offsets - shift).max(axis=1) <= _FIT_WITHIN)
    moved = NOT_MOVED.copy()
    moved[:2, 2] = shift
    return moved, alike
