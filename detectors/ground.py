"""Where on the ground people stand: by four measured points, or by how tall they look.

A person of 1.7 m looks a * (y - horizon) px tall, y being the row of their feet: by two similar
triangles with a level camera a = 1.7 m / height of the camera. So the people in the picture tell
where its horizon is, and with a lens of usual width every row its distance.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Ground

PERSON_M = 1.7
# Height a camera is believed to hang at before people have shown it, and how high or low it may.
CAMERA_M, CAMERA_LOW_HIGH_M = 5.0, (2.5, 25.0)
_PRIOR_SLOPE, _PRIOR_SIGMA = PERSON_M / CAMERA_M, 0.2
_HEIGHT_SIGMA = 0.15  # of a box's height: people differ by 0.07, boxes by as much, some are bent
USUAL_FOCAL = 0.9  # of the picture's width: 58 degrees, between 2.8 mm and tele lenses
# Where people stand a metre of depth never looks flatter than this share of a metre across: what
# a lower camera sees of depth is less than a box jitters.
LEAST_DEPTH = 0.25
_ROWS, _KEPT = 24, 40  # bands of the picture's rows, and heights kept of each: the last minutes
_REFIT = 200  # heights, at most, until the line is drawn anew


@dataclass(frozen=True, slots=True)
class Plane:
    """`matrix` (3, 3): pixels (x, y, 1) to metres on the ground, times the third coordinate, which
    is positive below the horizon.
    """

    matrix: NDArray[np.float64]

    def metres(self, feet_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres (N, 2) of points (N, 2); NaN for what is not on the ground."""
        x, y, w = self._homogeneous(feet_px)
        with np.errstate(divide="ignore", invalid="ignore"):
            metres = np.stack([x / w, y / w], axis=1)
        metres[w <= 0] = np.nan
        return metres

    def px_a_metre(self, feet_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many px a metre across, and a metre in depth, is at points (N, 2): (N, 2)."""
        x, y, w = self._homogeneous(feet_px)
        m = self.matrix[:, :2, None]  # derivatives of x, y, w by the picture's two directions
        with np.errstate(divide="ignore", invalid="ignore"):
            by_px = (m[:2] * w - np.stack([x, y])[:, None] * m[2]) / w**2
            scale: NDArray[np.float64] = 1 / np.hypot(by_px[0], by_px[1]).T
        return scale

    def _homogeneous(self, feet_px: NDArray[np.float64]) -> NDArray[np.float64]:
        homogeneous: NDArray[np.float64] = self.matrix[:, :2] @ feet_px.T + self.matrix[:, 2:]
        return homogeneous


def measured_plane(ground: Ground, size_wh: tuple[int, int]) -> Plane:
    """The plane on which the four points lie. Raises ValueError where they fix none."""
    points = np.array(ground.points, np.float32) * np.array(size_wh, np.float32)
    matrix = cv2.getPerspectiveTransform(points, np.array(ground.metres, np.float32))
    side = np.array([*points.mean(axis=0), 1.0]) @ matrix[2]
    if not np.isfinite(matrix).all() or side == 0:
        raise ValueError("its ground is not fixed by four points of which three lie in a line")
    return Plane(np.asarray(matrix * np.sign(side), np.float64))


class LearnedPlane:
    """What people's boxes have told of the ground so far: soft state of minutes, a camera's own."""

    def __init__(self) -> None:
        self._heights: list[deque[tuple[float, float]]] = [
            deque(maxlen=_KEPT) for _ in range(_ROWS)
        ]
        self._seen, self._fitted = 0, 0
        self._line, self._middle = (0.0, 0.0), 0.0

    def see(self, feet_y: NDArray[np.float64], tall: NDArray[np.float64], height_px: int) -> None:
        """Rows (N,) of feet, and how tall their boxes are, in px of a picture `height_px` high."""
        bands = np.clip(feet_y * _ROWS // height_px, 0, _ROWS - 1).astype(int)
        for band, y, h in zip(bands.tolist(), feet_y.tolist(), tall.tolist(), strict=True):
            self._heights[band].append((y, h))
        self._seen += len(tall)

    def plane(self, size_wh: tuple[int, int]) -> Plane:
        """The plane by everyone seen so far, at least one."""
        width_px, height_px = size_wh
        if self._seen - self._fitted >= min(self._fitted / 4, _REFIT):
            rows = np.array([np.median(seen, axis=0) for seen in self._heights if seen])
            self._line = _line(rows[:, 0], rows[:, 1])
            self._middle, self._fitted = float(np.median(rows[:, 0])), self._seen
        slope, horizon = self._line
        steepest = (self._middle - horizon) / LEAST_DEPTH
        focal = max(min(USUAL_FOCAL * width_px, steepest), height_px - horizon)
        camera_m = PERSON_M / slope
        return Plane(
            np.array(
                [
                    [camera_m, 0.0, -camera_m * width_px / 2],
                    [0.0, 0.0, camera_m * focal],
                    [0.0, 1.0, -horizon],
                ]
            )
        )


def _line(y: NDArray[np.float64], tall: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and horizon of tall = slope * (y - horizon), least squares that heed outliers little.

    The camera's likely height weighs as much as the people leave open: all of it where they stand
    in one row, little where they are spread over the picture.
    """
    weight = np.ones_like(y)
    for _ in range(5):
        w = weight / (_HEIGHT_SIGMA * tall) ** 2
        mean_y, mean_tall = np.average(y, weights=w), np.average(tall, weights=w)
        spread, prior = w @ (y - mean_y) ** 2, 1 / _PRIOR_SIGMA**2
        slope = (w @ ((y - mean_y) * (tall - mean_tall)) + prior * _PRIOR_SLOPE) / (spread + prior)
        low_m, high_m = CAMERA_LOW_HIGH_M
        slope = np.clip(slope, PERSON_M / high_m, PERSON_M / low_m)
        off = (tall - mean_tall - slope * (y - mean_y)) / (_HEIGHT_SIGMA * tall)
        weight = 1 / (1 + off**2)
    return float(slope), float(mean_y - mean_tall / slope)
