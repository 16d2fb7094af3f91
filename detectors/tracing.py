"""Lines in a map: pieces of one line joined over its gaps, and traced from top to bottom.

|           |
|  a gap    |  bridged, for both
between  |  ends point at
|  pieces   |  each other
|__       . |__ .  .  a path through its pixels, end to end
"""

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Mask = NDArray[np.uint8]  # 1 where it is, else 0
Points = NDArray[np.float64]  # (N, 2), x and y in px of the map

# Pieces beyond these are not joined: a map with more is noise.
MOST_PIECES, LEAST_PIXELS = 60, 6
# An end points where its last pixels do; of a piece that is hardly longer than wide, anywhere.
_END_PX, _SHORT_PX = 12.0, 7.0
# So near each other, ends need not point at each other: the map is that coarse.
_TOUCHING_PX = 5.0
# Moving average of a path of pixels, which has corners where the line has none.
_SMOOTH = 7
# research/flying-wire.md B.6 (3).
_CLOSING_WH = (5, 9)


class Part(NamedTuple):
    """One connected line: its pixels in a box of the map, and where that box begins."""

    mask: Mask
    left: int
    top: int


def closed(drop: Map, low: float) -> Mask:
    """Where the map is `low` at least, small holes and breaks filled."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, _CLOSING_WH)
    filled: Mask = cv2.morphologyEx((drop >= low).astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    return filled


def parts(mask: Mask) -> list[Part]:
    """The connected lines of a mask, largest first, without specks."""
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    order = sorted(range(1, count), key=lambda k: (-int(stats[k, cv2.CC_STAT_AREA]), k))
    found = []
    for k in order[:MOST_PIECES]:
        x, y, width, height, area = (int(value) for value in stats[k])
        if area < LEAST_PIXELS:
            break
        inside = label[y : y + height, x : x + width] == k
        found.append(Part(inside.astype(np.uint8), x, y))
    return found


def joined(mask: Mask, longest_gap_px: float, turn_cos: float) -> Mask:
    """The mask with lines drawn over the gaps between pieces of one line.

    A gap is bridged where both ends point at each other: the angle between where an end points and
    the bridge has a cosine of `turn_cos` or more. Each end has one bridge, the shortest first.
    """
    ends = [end for index, part in enumerate(parts(mask)) for end in _ends(index, part)]
    if not ends:
        return mask
    piece = np.array([index for index, _, _ in ends])
    at, out = np.array([xy for _, xy, _ in ends]), np.array([way for _, _, way in ends])
    gap = at[None] - at[:, None]
    length = np.hypot(gap[..., 0], gap[..., 1])
    ahead = (gap * out[:, None]).sum(axis=2)
    anywhere = ~np.any(out, axis=1, keepdims=True)
    points = (ahead >= turn_cos * length) | (length <= _TOUCHING_PX) | anywhere
    fits = points & points.T & (length <= longest_gap_px) & (piece[:, None] < piece[None])
    rows, columns = np.nonzero(fits)
    bridged, taken = mask.copy(), set[int]()
    for k in np.argsort(length[rows, columns], kind="stable"):
        one, other = int(rows[k]), int(columns[k])
        if taken.isdisjoint((one, other)):
            taken |= {one, other}
            (x0, y0), (x1, y1) = np.rint(at[[one, other]]).astype(int).tolist()
            cv2.line(bridged, (x0, y0), (x1, y1), 1, 1)
    return bridged


def traced(part: Part) -> Points:
    """The longest of the shortest ways through its pixels, smoothed, the higher end first."""
    width = part.mask.shape[1] + 2
    free = bytearray(np.pad(part.mask, 1).tobytes())
    start = free.index(1)
    one, _ = _farthest(free, width, start)
    other, came_from = _farthest(free, width, one)
    way = [other]
    while way[-1] != one:
        way.append(came_from[way[-1]])
    at = np.array(way)
    path = np.stack([at % width - 1 + part.left, at // width - 1 + part.top], axis=1).astype(float)
    if path[0, 1] > path[-1, 1]:
        path = path[::-1]
    return _smoothed(path)


def direction(path: Points) -> Points:
    """Where a path's first end points, of length 1: (2,); zeros for a point."""
    off = np.hypot(*(path - path[0]).T)
    within = path[: max(int((off <= _END_PX).sum()), 2)]
    way: Points = path[0] - within[-1]
    return way / max(float(np.hypot(*way)), 1e-9)


def simplified(path: Points, most: int) -> Points:
    """The same line of at most so many points, both ends kept."""
    tolerance, line = 0.75, path
    while len(line) > most:
        line = cv2.approxPolyDP(path.astype(np.float32)[:, None], tolerance, False)[:, 0]
        tolerance *= 1.5
    return line.astype(np.float64)


def off_px(path: Points, along: NDArray[np.float64], degree: int) -> float:
    """Root mean square distance of a path from the polynomial in its length that fits best, px."""
    basis = np.vander(along, degree + 1)
    fitted = basis @ np.linalg.lstsq(basis, path, rcond=None)[0]
    off = np.asarray(path - fitted)
    return float(np.sqrt((off**2).sum(axis=1).mean()))


def bends(path: Points) -> float:
    """How far a path is from straight: root mean square, in lengths of it."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    return off_px(path, along / along[-1], 1) / float(along[-1])


def dots(path: Points) -> Points:
    """Points a px apart along a path."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.arange(0.0, along[-1] + 1e-9)
    return np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], axis=1)


def values_at(values: Map, points: Points) -> NDArray[np.float32]:
    """Values of a map at points, those beyond its edges at the nearest."""
    x, y = np.rint(points).astype(int).T
    height, width = values.shape
    taken: Map = values[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return taken


def _ends(index: int, part: Part) -> list[tuple[int, Points, Points]]:
    """Both ends of a piece: its index, where, and where it points; zeros: anywhere."""
    y, x = np.nonzero(part.mask)
    points = np.stack([x + part.left, y + part.top], axis=1).astype(np.float64)
    along = (points - points.mean(axis=0)) @ _axis(points)
    found = []
    for sign in (1.0, -1.0):
        off = (sign * along).max() - sign * along
        end = points[off <= 1.5].mean(axis=0)
        last = points[off <= _END_PX]
        way = _axis(last)
        way = way if way @ (end - last.mean(axis=0)) > 0 else -way
        found.append((index, end, way if np.ptp(along) >= _SHORT_PX else np.zeros(2)))
    return found


def _axis(points: Points) -> Points:
    """The direction in which points (N, 2) are spread most, of length 1."""
    dx, dy = (points - points.mean(axis=0)).T
    angle = 0.5 * np.arctan2(2 * (dx * dy).sum(), (dx * dx).sum() - (dy * dy).sum())
    return np.array([np.cos(angle), np.sin(angle)])


def _farthest(free: bytearray, width: int, start: int) -> tuple[int, dict[int, int]]:
    """The pixel with the longest shortest way from `start`, and from where each was reached."""
    steps = (-width, width, -1, 1, -width - 1, -width + 1, width - 1, width + 1)
    came_from, waiting, at = {start: start}, deque([start]), start
    while waiting:
        at = waiting.popleft()
        for step in steps:
            beside = at + step
            if free[beside] and beside not in came_from:
                came_from[beside] = at
                waiting.append(beside)
    return at, came_from


def _smoothed(path: Points) -> Points:
    """Each point the mean of those around it, fewer towards the ends, which stay."""
    half = min(_SMOOTH // 2, (len(path) - 1) // 2)
    if half < 1:
        return path
    sums = np.concatenate([np.zeros((1, 2)), path.cumsum(axis=0)])
    at = np.arange(len(path))
    reach = np.minimum(np.minimum(at, at[::-1]), half)
    smooth: Points = (sums[at + reach + 1] - sums[at - reach]) / (2 * reach + 1)[:, None]
    return smooth
