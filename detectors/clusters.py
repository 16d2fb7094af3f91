"""Who stands close together, in which shape, and who of them is slow: on the ground, in metres."""

from collections import deque
from datetime import datetime
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

# research/detectors.md A.2
CLOSE_M = 1.8
FEWEST = 3
PERSONAL_M = 0.5
QUEUE_RATIO, QUEUE_WIDTH_M = 4.0, 1.2
SLOW_M_S, FAST_M_S, FASTEST_M_S = 0.5, 0.6, 1.8

# Looks that tell who moves: a step is seen after STEP_S, and after MEMORY_S paths are not straight;
# the last look counts up to LAST_S, for the slowest cameras.
STEP_S, MEMORY_S, LAST_S = 0.4, 2.2, 10.5
_MAP_PX = 640  # longest side of the map of where people stood
_CAP_M = 0.8  # nobody there
_OUT_OF_VIEW_M = 0.2  # better than a chance neighbour, worse than the person themselves
_UNKNOWN_M = 0.6
_TOGETHER_M = 5.0  # people so near to each other mostly go the same way

_AXIS = np.arange(-FASTEST_M_S, FASTEST_M_S + 0.1, 0.2)
_VELOCITIES = np.array(
    [(x, y) for x in _AXIS for y in _AXIS if np.hypot(x, y) <= FASTEST_M_S], np.float32
)
_SPEEDS = np.hypot(*_VELOCITIES.T)


class Shape(NamedTuple):
    """A cluster on the ground: people, m2 with PERSONAL_M around them, and its two extents in m."""

    people: int
    area_m2: float
    length_m: float
    width_m: float

    @property
    def density(self) -> float:
        """People per m2."""
        return self.people / self.area_m2

    @property
    def is_queue(self) -> bool:
        """Whether they stand in a line."""
        return self.width_m < QUEUE_WIDTH_M and self.length_m > QUEUE_RATIO * self.width_m


def clusters(metres: _Floats) -> list[NDArray[np.int64]]:
    """Indices of FEWEST or more people (N, 2) who are linked by steps of CLOSE_M, largest first.

    DBSCAN's clusters with their edge. People who are not on the ground (NaN) are in none.
    """
    with np.errstate(invalid="ignore"):
        linked = np.hypot(*(metres[:, None] - metres[None]).T) <= CLOSE_M
    reach = linked
    while True:  # doubles the steps each time
        further = reach.astype(np.float32) @ reach.astype(np.float32) > 0
        if (further == reach).all():
            break
        reach = further
    firsts = {int(row.argmax()) for row in reach if row.any()}
    found = [np.flatnonzero(reach[first]) for first in firsts]
    return sorted((c for c in found if len(c) >= FEWEST), key=lambda c: (-len(c), c.tolist()))


def shape(metres: _Floats) -> Shape:
    """Of people (N, 2) on the ground, one or more."""
    hull = cv2.convexHull(metres.astype(np.float32))
    around = cv2.arcLength(hull, closed=True) * PERSONAL_M + np.pi * PERSONAL_M**2
    centred = metres - metres.mean(axis=0)
    variance = np.clip(np.linalg.eigvalsh(centred.T @ centred / len(metres)), 0, None)
    width_m, length_m = np.sqrt(12 * variance)  # of people evenly spread along each axis
    return Shape(len(metres), cv2.contourArea(hull) + around, float(length_m), float(width_m))


class _Past(NamedTuple):
    at: datetime
    map_px: NDArray[np.uint8]  # px of the map to whoever is nearest


class Flow:
    """Who is slow, by where people stood in the last seconds, whoever they are: no ids.

    Of the velocities that could have brought them and those around them here from places where
    someone stood, is the best one slow? So a stream in which each stands where another stood before
    is seen to flow.
    """

    def __init__(self) -> None:
        self._past: deque[_Past] = deque()
        self._size_wh = (0, 0)

    def slow(
        self,
        at: datetime,
        feet_px: _Floats,
        metres: _Floats,
        px_a_metre: _Floats,
        size_wh: tuple[int, int],
    ) -> NDArray[np.bool_] | None:
        """Which of the people (N, 2) are known to be slower than SLOW_M_S; None: too early to say.

        `px_a_metre`: (N, 2) across and in depth, where they stand; `at` never goes back.
        """
        if size_wh != self._size_wh:
            self._size_wh, self._past = size_wh, deque()
        while self._past and (at - self._past[0].at).total_seconds() > LAST_S:
            self._past.popleft()
        while len(self._past) > 1 and (at - self._past[0].at).total_seconds() > MEMORY_S:
            self._past.popleft()
        steps = [past for past in self._past if (at - past.at).total_seconds() >= STEP_S]
        chosen = sorted({0, len(steps) // 2, len(steps) - 1}) if steps else []
        costs = [self._cost(at, steps[i], feet_px, px_a_metre) for i in chosen]
        if not self._past or (at - self._past[-1].at).total_seconds() >= STEP_S:
            self._past.append(_Past(at, self._map(feet_px)))
        if not costs:
            return None
        return _is_slow(np.mean(costs, axis=0), metres)

    @property
    def _shrink(self) -> float:
        return min(1.0, _MAP_PX / max(self._size_wh))

    def _map(self, feet_px: _Floats) -> NDArray[np.uint8]:
        width, height = (max(1, int(side * self._shrink)) for side in self._size_wh)
        free = np.full((height, width), 255, np.uint8)
        x, y = (feet_px * self._shrink).astype(np.int32).T
        free[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] = 0
        if len(feet_px) == 0:
            return free
        far = np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, 3))
        nearest: NDArray[np.uint8] = np.minimum(far, 255).astype(np.uint8)
        return nearest

    def _cost(
        self, at: datetime, past: _Past, feet_px: _Floats, px_a_metre: _Floats
    ) -> NDArray[np.float32]:
        """How far from anyone, in m across, each person would have been then, at each velocity."""
        elapsed_s = (at - past.at).total_seconds()
        height, width = past.map_px.shape
        scale = (px_a_metre * self._shrink).astype(np.float32)
        start = (feet_px * self._shrink).astype(np.float32)
        step = scale * np.float32(elapsed_s)
        x = (start[:, :1] - step[:, :1] * _VELOCITIES[:, 0]).astype(np.int32)
        y = (start[:, 1:] - step[:, 1:] * _VELOCITIES[:, 1]).astype(np.int32)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        far_px = past.map_px.ravel()[np.where(inside, y * width + x, 0)]
        far_m = np.minimum(far_px * (1 / scale[:, :1]), np.float32(_CAP_M))
        return np.where(inside, far_m, np.float32(_OUT_OF_VIEW_M))


def _is_slow(cost: NDArray[np.float32], metres: _Floats) -> NDArray[np.bool_]:
    """By the costs (N, velocities) of everyone near, and then by what most of those near are."""
    with np.errstate(invalid="ignore"):
        near = np.hypot(*(metres[:, None] - metres[None]).T) <= _TOGETHER_M
    near |= np.eye(len(near), dtype=np.bool_)
    share = (near / near.sum(axis=1, keepdims=True)).astype(np.float32)
    cost = share @ cost
    slow_m = cost[:, _SPEEDS <= SLOW_M_S].min(axis=1, initial=_CAP_M)
    fast_m = cost[:, _SPEEDS >= FAST_M_S].min(axis=1, initial=_CAP_M)
    slow = (slow_m <= fast_m) & (slow_m <= _UNKNOWN_M)
    most: NDArray[np.bool_] = share @ slow.astype(np.float32) > 0.5
    return most
