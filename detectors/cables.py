"""Which lines of a map may be a cable hung from a window to a two-wheeler, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.geometry import iou_of
from detectors.signs import Marks, Signs, probability
from detectors.tracing import (
    Map,
    Mask,
    Part,
    Points,
    closed,
    direction,
    dots,
    joined,
    off_px,
    parts,
    traced,
    values_at,
)

Boxes = NDArray[np.float64]  # (N, 4), x0, y0, x1, y1

# Looks in which a two-wheeler must stand at its place, as boxes that overlap so much: a rider
# passes in one of them.
STANDS_LOOKS, STANDS_IOU = 3, 0.5


class Rejected(StrEnum):
    """Why a line is no candidate; the first that holds, in this order."""

    FAINT = "faint"
    TOO_SHORT = "too_short"
    TOO_THICK = "too_thick"
    TOO_FLAT = "too_flat"
    CROOKED = "crooked"
    MOSTLY_UNSEEN = "mostly_unseen"
    PIPE = "pipe"
    OTHER_LINE = "other_line"
    EXCLUDED = "excluded"
    NO_WINDOW_ABOVE = "no_window_above"
    NO_TWO_WHEELER_BELOW = "no_two_wheeler_below"


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds; px are of the map, two of the picture. Of research/flying-wire.md B.6 (3) and (4)
    where nothing else is said.

    `high`, `low`: hysteresis. `gap`: the longest that is bridged, and how far an end may be from
    where it must be, in shares of the crop's height, if it points there to within a cosine of
    `turn_cos`. `height`: at least, of the crop's. `upright`: height by width. `thickness_px`: area
    by length. `crooked`, `crooked_px`: how far it may be from a cubic, of its length, and never
    less than that. `strength`: mean of the map along what is seen. `seen`: share of the path where
    the map is `low` at least. A pipe is wider than `pipe_px` (B.6 says 3, which taut cords of 4 px
    of the picture reach once mapped), straight to `pipe_off_px` and of one width to `pipe_spread`.
    `window_px`: how far the edge of a window or charging place is widened. `beside`: how far from a
    two-wheeler's box its cable may end, in heights of the box. `edge_px`: what begins so near the
    upper edge is cut off there. `gap` and `turn_cos` are wider than B.6 has them (.12 and .85).
    """

    high: float = 0.6
    low: float = 0.35
    gap: float = 0.16
    turn_cos: float = 0.8
    height: float = 0.16
    upright: float = 0.6
    thickness_px: float = 5.5
    crooked: float = 0.05
    crooked_px: float = 1.5
    strength: float = 0.5
    seen: float = 0.5
    pipe_px: float = 4.0
    pipe_off_px: float = 0.3
    pipe_spread: float = 0.15
    window_px: int = 5
    beside: float = 0.35
    edge_px: float = 2.0


RULES = Rules()


@dataclass(frozen=True, slots=True)
class Places:
    """Where what may be, as masks of the map's size, before any edge is widened.

    `windows`: None where no window is drawn: a cable may begin anywhere. `excluded`: also what lies
    outside of the zone.
    """

    windows: Mask | None
    charging: Mask
    excluded: Mask


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line: `path` in px of the map, from top to bottom, and `strength`, the map's mean where it
    is seen, 0..1. `signs` and `probability` of one that is not `rejected`.
    """

    path: Points
    strength: float = 0.0
    rejected: Rejected | None = None
    signs: Signs | None = None
    probability: float = 0.0


def candidates(
    mean_map: Map, places: Places, two_wheelers: Boxes, rules: Rules = RULES
) -> list[Candidate]:
    """The lines of a map (C, h, w) as `WireModel.drop_map` gives them, likeliest first, those that
    are rejected last; `two_wheelers`: standing ones, in px of the map.
    """
    drop = np.ascontiguousarray(mean_map[0])
    mask = joined(closed(drop, rules.low), rules.gap * len(drop), rules.turn_cos)
    anchors = _Anchors(places, two_wheelers, rules)
    scene = _Scene(drop, Marks(mean_map), anchors, places.excluded, rules)
    found = [scene.judged(part) for part in parts(mask)]
    return sorted(found, key=lambda one: (-one.probability, -one.strength))


def standing(boxes_by_look: Sequence[Boxes]) -> Boxes:
    """The boxes (M, 4) that overlap one of STANDS_LOOKS looks, their own among them."""
    boxes = np.concatenate([np.empty((0, 4)), *boxes_by_look])
    look = np.repeat(np.arange(len(boxes_by_look)), [len(one) for one in boxes_by_look])
    alike = iou_of(boxes, boxes) >= STANDS_IOU
    looks = np.array([len(np.unique(look[row])) for row in alike], int)
    return boxes[looks >= STANDS_LOOKS]


class _Anchors:
    """Where a cable may begin and end."""

    def __init__(self, places: Places, two_wheelers: Boxes, rules: Rules) -> None:
        wider = np.ones((2 * rules.window_px + 1,) * 2, np.uint8)
        self.tops = None if places.windows is None else cv2.dilate(places.windows, wider)
        self.at_two_wheelers = np.zeros_like(places.charging)
        for x0, y0, x1, y1 in two_wheelers:
            beside = rules.beside * (y1 - y0)
            low, high = (x0 - beside, y0 - beside), (x1 + beside, y1 + beside)
            corners = np.clip(np.array([low, high]), -1e4, 1e4).astype(int).tolist()
            cv2.rectangle(self.at_two_wheelers, corners[0], corners[1], 1, cv2.FILLED)
        self.bottoms = self.at_two_wheelers | cv2.dilate(places.charging, wider)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the lines of one map are judged by."""

    drop: Map
    marks: Marks
    anchors: _Anchors
    excluded: Mask
    rules: Rules

    def judged(self, part: Part) -> Candidate:
        """The line of a part of the map, or why it is none."""
        height, width = part.mask.shape
        whole = _box_path(part)
        inside = self.drop[part.top : part.top + height, part.left : part.left + width]
        area = int(part.mask.sum())
        if inside[part.mask > 0].max() < self.rules.high:
            return Candidate(whole, rejected=Rejected.FAINT)
        if height < self._least_height:
            return Candidate(whole, rejected=Rejected.TOO_SHORT)
        if area > self.rules.thickness_px * (height + width):  # no path is longer: not traced
            return Candidate(whole, rejected=Rejected.TOO_THICK)
        path = traced(part)
        rejected = self._shape_of(path, area, part)
        if rejected:
            return Candidate(path, rejected=rejected)
        return self._seen(path)

    @property
    def _least_height(self) -> float:
        return self.rules.height * len(self.drop)

    def _shape_of(self, path: Points, area: int, part: Part) -> Rejected | None:
        """Why a cable does not hang like that."""
        across, down = np.ptp(path, axis=0)
        steps = np.hypot(*np.diff(path, axis=0).T)
        length = float(steps.sum())
        if down < self._least_height:
            return Rejected.TOO_SHORT
        if area > self.rules.thickness_px * length:
            return Rejected.TOO_THICK
        if down < self.rules.upright * across:
            return Rejected.TOO_FLAT
        along = np.concatenate([[0.0], steps.cumsum()]) / length
        allowed = max(self.rules.crooked_px, self.rules.crooked * length)
        if off_px(path, along, 3) > allowed:
            return Rejected.CROOKED
        if off_px(path, along, 1) < self.rules.pipe_off_px and self._is_pipe(path, part):
            return Rejected.PIPE
        return None

    def _is_pipe(self, path: Points, part: Part) -> bool:
        """Whether a straight line is wide, and nowhere wider than elsewhere."""
        across, down = np.ptp(path, axis=0)
        rows, ends = part.mask.sum(axis=1), len(part.mask) // 10
        wide = rows[ends : len(rows) - ends] * (down / np.hypot(across, down))
        mean = float(wide.mean())
        return mean > self.rules.pipe_px and float(wide.std()) < self.rules.pipe_spread * mean

    def _reaching(self, path: Points) -> Points:
        """The path with its ends drawn on to where it points, if it may begin or end there."""
        reach, turn_cos = self.rules.gap * len(self.drop), self.rules.turn_cos
        if self.anchors.tops is not None:
            path = _drawn_on(path, self.anchors.tops, reach, turn_cos)
        return _drawn_on(path[::-1], self.anchors.bottoms, reach, turn_cos)[::-1]

    def _seen(self, path: Points) -> Candidate:
        """A line of a cable's shape: how well it is seen, and whether its ends are where they must
        be.
        """
        path = self._reaching(path)
        spots = dots(path)
        along = values_at(self.marks.drop, spots)
        shown = along >= self.rules.low
        strength, as_other = (
            float(values[shown].mean()) if shown.any() else 0.0
            for values in (along, values_at(self.marks.other, spots))
        )
        rejected = self._where(path, spots, float(shown.mean()), strength, as_other)
        if rejected:
            return Candidate(path, strength, rejected)
        signs = self.marks.signs(
            path,
            as_other,
            at_two_wheeler=_holds(self.anchors.at_two_wheelers, path[-1]),
            cut_off=path[0, 1] < self.rules.edge_px,
        )
        return Candidate(path, strength, None, signs, probability(signs))

    def _where(
        self, path: Points, spots: Points, seen: float, strength: float, as_other: float
    ) -> Rejected | None:
        """Why a line that is seen so well is no cable where it is."""
        if seen < self.rules.seen:
            return Rejected.MOSTLY_UNSEEN
        if strength <= self.rules.strength:
            return Rejected.FAINT
        if as_other > strength:
            return Rejected.OTHER_LINE
        if float(values_at(self.excluded.astype(np.float32), spots).mean()) > 0.5:
            return Rejected.EXCLUDED
        if self.anchors.tops is not None and not _holds(self.anchors.tops, path[0]):
            return Rejected.NO_WINDOW_ABOVE
        if not _holds(self.anchors.bottoms, path[-1]):
            return Rejected.NO_TWO_WHEELER_BELOW
        return None


def _box_path(part: Part) -> Points:
    """A line through the middle of what is not traced."""
    height, width = part.mask.shape
    x = part.left + (width - 1) / 2
    return np.array([[x, part.top], [x, part.top + height - 1]], float)


def _drawn_on(path: Points, anchors: Mask, reach_px: float, turn_cos: float) -> Points:
    """The path with one point more before its first, the nearest of `anchors` that it points at."""
    if _holds(anchors, path[0]):
        return path
    x, y = path[0]
    left, top = max(int(x - reach_px), 0), max(int(y - reach_px), 0)
    within = anchors[top : int(y + reach_px) + 2, left : int(x + reach_px) + 2]
    to = np.argwhere(within)[:, ::-1] + (left, top) - path[0]
    off = np.hypot(to[:, 0], to[:, 1])
    ahead = (off <= reach_px) & (to @ direction(path) >= turn_cos * off)
    if not ahead.any():
        return path
    nearest = np.where(ahead, off, np.inf).argmin()
    return np.concatenate([path[:1] + to[nearest], path])


def _holds(mask: Mask, point: Points) -> bool:
    x, y = np.rint(point).astype(int)
    return bool(0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x])
