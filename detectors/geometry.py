"""Points, boxes and polygons, vectorised; any unit, origin top left."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32] | NDArray[np.float64]

# 10 x 5 points in the lower third tell shares apart to 2 %, finer than a box is placed.
_ACROSS = (np.arange(10) + 0.5) / 10
_UP_FROM_BOTTOM = (np.arange(5) + 0.5) / 15


def points_in_polygon(
    points_xy: _Floats, polygon: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Which of the points (N, 2) lie in the polygon, not closed, by the even-odd rule: (N,).

    A point on an edge is in or out by rounding; a polygon of fewer than 3 points holds none.
    """
    start = np.asarray(polygon, np.float64)
    end = np.roll(start, -1, axis=0)
    x, y = points_xy[:, 0, None], points_xy[:, 1, None]
    crosses = (start[:, 1] > y) != (end[:, 1] > y)
    rise = np.where(crosses, end[:, 1] - start[:, 1], 1.0)
    x_at_y = start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / rise
    inside: NDArray[np.bool_] = (crosses & (x < x_at_y)).sum(axis=1) % 2 == 1
    return inside


def bottom_centres(boxes_xyxy: _Floats) -> NDArray[np.float64]:
    """Where things stand, (N, 2): the bottom centre, as NVIDIA's nvdsanalytics tests every zone."""
    return np.stack([(boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / 2.0, boxes_xyxy[:, 3]], axis=1)


def lower_third_share(
    boxes_xyxy: _Floats, polygon: Sequence[tuple[float, float]]
) -> NDArray[np.float64]:
    """Share 0..1 of each box's lower third that lies in the polygon, in steps of 0.02: (N,)."""
    width = boxes_xyxy[:, 2] - boxes_xyxy[:, 0]
    height = boxes_xyxy[:, 3] - boxes_xyxy[:, 1]
    x = boxes_xyxy[:, 0, None, None] + width[:, None, None] * _ACROSS[None, None, :]
    y = boxes_xyxy[:, 3, None, None] - height[:, None, None] * _UP_FROM_BOTTOM[None, :, None]
    grid_xy = np.stack(np.broadcast_arrays(x, y), axis=-1).reshape(-1, 2)
    inside = points_in_polygon(grid_xy, polygon)
    points_a_box = _ACROSS.size * _UP_FROM_BOTTOM.size
    share: NDArray[np.float64] = inside.reshape(-1, points_a_box).mean(axis=1)
    return share


def intersections(ours_xyxy: _Floats, theirs_xyxy: _Floats) -> NDArray[np.float64]:
    """Shared area of each of (N, 4) with each of (M, 4): (N, M)."""
    low = np.maximum(ours_xyxy[:, None, :2], theirs_xyxy[None, :, :2])
    high = np.minimum(ours_xyxy[:, None, 2:], theirs_xyxy[None, :, 2:])
    shared: NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2, dtype=np.float64)
    return shared


def iou_of(ours_xyxy: _Floats, theirs_xyxy: _Floats) -> NDArray[np.float64]:
    """Intersection over union, 0..1, of each of (N, 4) with each of (M, 4): (N, M).

    Two boxes without area have 0, not NaN.
    """
    shared = intersections(ours_xyxy, theirs_xyxy)
    ours = _areas(ours_xyxy)[:, None]
    theirs = _areas(theirs_xyxy)[None, :]
    return shared / np.maximum(ours + theirs - shared, np.finfo(np.float64).tiny)


def _areas(boxes_xyxy: _Floats) -> NDArray[np.float64]:
    sides = np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0, None)
    areas: NDArray[np.float64] = sides.prod(axis=1, dtype=np.float64)
    return areas
