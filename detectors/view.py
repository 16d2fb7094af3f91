"""How well a camera's picture can be seen at all, and why not: for the whole camera, once a look.

each look    mean and spread of the grey       -> dark, bright, one grey
each check   the scene against its reference   -> moved, covered, blurred: three in a row
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Detections, Frame, Look, Polygon, Zone
from detectors.scene import NOT_MOVED, Found, Moved, Scene, edges_of, reduced

_LIGHT_WIDTH = 192  # px: of wider pictures every n-th pixel tells of the light
# Grey levels of research/detectors.md A.1: fully seen between, unseen at the ends.
_LEVELS = (12.0, 40.0, 210.0, 245.0)
# A covered lens or a dead sensor leaves one grey and its noise; a foggy street has more.
_UNIFORM_BELOW = 3.0
# A.1: with so much of the picture saturated, quality is at most this.
_SATURATED_FROM, _SATURATED_SHARE, _SATURATED_QUALITY = 250, 0.25, 0.3

# Measured on vtest.avi, campus.mp4 and Intel's three clips, looks 2 s apart: of the structures of
# a scene of which nothing has moved 0.52 or more are found (a car in front, a person close by), of
# another scene 0.10 or less; with 60 % of the picture under a cloth 0.26 to 0.48, and 0.34 to 0.48
# have gone smooth, 0.04 or less when all is well. Shifted by 3 %, turned by 3 degrees or zoomed by
# 5 %: a corner has moved by 0.027 to 0.034 of the width, unmoved 0.001.
CHECK_EVERY_S, CALM_CHECK_EVERY_S = 2.0, 4.0  # seldom while all is well: checks cost the most
CHECKS = 3  # in a row, before the view is lost, and before it is there again
_LEARN_EVERY_S, _LEARN_FROM = 1.0, 5  # the one in the middle of so many is the scene
_MOVED_BY = 0.026  # between the 1.5 % that shake may reach and the 3 % that must be found
_KNOWN_SHARE = 0.35
_SURE_SHARE = 0.50
_SMOOTH_SHARE = 0.45
_FEWER_EDGES = 0.6
_RENEW_EVERY_S = 60.0
_BLUR = (0.2, 0.8)  # A.1: q_blur is 0 .. 1 between these shares of the reference's sharpness


class Sight(StrEnum):
    """What a view is like: clear, or what keeps it from being seen."""

    CLEAR = "clear"
    DARK = "dark"
    BRIGHT = "bright"
    COVERED = "covered"
    BLURRED = "blurred"
    MOVED = "moved"
    FROZEN = "frozen"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Visibility:
    """`quality`: 0..1 with 2 decimals; 0 = nothing in the picture proves anything."""

    quality: float
    sight: Sight


class Coverage:
    """Whether a camera sees at all, as an event of its own. Where it does not, nothing is looked
    at, and who judges the view says so instead.
    """

    unit = "1"
    labels: frozenset[str] = frozenset()

    def __init__(self, zone: Zone) -> None:
        del zone

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure 0: it sees."""
        return Look(measure=0.0, score=0.0)


class View:
    """The view of one camera, against `reference_bgr`, the picture that its zones were drawn on.

    Without one the scene is learned from the first pictures, whatever they show. `hidden`: what
    privacy masks paint over: it stands still however the camera turns.
    """

    def __init__(
        self, reference_bgr: NDArray[np.uint8] | None = None, hidden: tuple[Polygon, ...] = ()
    ) -> None:
        self._hidden = hidden
        self._is_given = reference_bgr is not None
        self._first = None if reference_bgr is None else Scene(reference_bgr, hidden)
        # The same scene in the light of now, and how far that was from the first: however often
        # it is renewed, a slow turn adds up.
        self._newest, self._newest_off = self._first, NOT_MOVED
        self._renewed_at: datetime | None = None
        self._learning: list[NDArray[np.uint8]] = []
        self._checked_at: datetime | None = None
        self._recent: deque[Sight] = deque(maxlen=CHECKS)
        self._lost: Sight | None = None
        self._sharp = 1.0

    def look(self, at: datetime, image_bgr: NDArray[np.uint8]) -> Visibility:
        """How well the picture (height_px, width_px, 3) of event time `at` can be seen."""
        light = _light(image_bgr)
        if light.quality == 0:
            return light
        if (
            self._checked_at is None
            or (at - self._checked_at).total_seconds() >= self._check_every_s()
        ):
            self._checked_at = at
            self._check(at, image_bgr, light.sight is Sight.DARK)
        if self._lost is not None:
            return Visibility(0.0, self._lost)
        if self._sharp < light.quality:
            return Visibility(round(self._sharp, 2), Sight.BLURRED)
        return light

    def _check_every_s(self) -> float:
        if self._first is None:
            return _LEARN_EVERY_S
        is_calm = len(self._recent) == CHECKS and all(one is Sight.CLEAR for one in self._recent)
        return CALM_CHECK_EVERY_S if is_calm else CHECK_EVERY_S

    def _check(self, at: datetime, image_bgr: NDArray[np.uint8], is_dark: bool) -> None:
        if self._first and not self._is_given and not self._first.is_shaped_like(image_bgr):
            # The camera's settings were changed: where the old scene lies in pictures of another
            # shape nobody can say. Against a given picture it counts as moved, until they fit.
            self._first = self._lost = None
            self._recent.clear()
        if self._first is None:
            self._learn(image_bgr)
            return
        found = self._judge(at, image_bgr, is_dark, self._first)
        if found is None:
            return
        self._recent.append(found)
        if len(self._recent) == CHECKS and all(one is Sight.CLEAR for one in self._recent):
            self._lost = None
        elif len(self._recent) == CHECKS and Sight.CLEAR not in self._recent:
            self._lost = found

    def _learn(self, image_bgr: NDArray[np.uint8]) -> None:
        small = reduced(image_bgr)
        if self._learning and self._learning[0].shape != small.shape:
            self._learning.clear()
        self._learning.append(small)
        if len(self._learning) == _LEARN_FROM:
            middle = np.median(self._learning, axis=0)
            # The picture itself: the median of a camera that shakes is a smear.
            nearest = min(self._learning, key=lambda one: float(np.abs(one - middle).mean()))
            self._learning.clear()
            self._first = self._newest = Scene(nearest, self._hidden)
            self._newest_off = NOT_MOVED

    def _judge(
        self, at: datetime, image_bgr: NDArray[np.uint8], is_dark: bool, first: Scene
    ) -> Sight | None:
        """What one check says; None when it cannot tell."""
        if not first.is_shaped_like(image_bgr):
            return Sight.MOVED
        now = edges_of(image_bgr)
        found, off = first.find_in(now), NOT_MOVED
        if found is None:
            return None
        if found.share < _SURE_SHARE and self._newest is not None and self._newest is not first:
            newer = self._newest.find_in(now)
            if newer is not None and newer.share > found.share:
                found, off = newer, self._newest_off
        sight = _sight_of(found, off, is_dark)
        if sight is Sight.CLEAR:
            self._sharp = float(np.interp(found.sharpness, _BLUR, (0.0, 1.0)))
            if found.share >= _SURE_SHARE:
                self._renew(at, image_bgr, off @ found.moved)
        return sight

    def _renew(self, at: datetime, image_bgr: NDArray[np.uint8], off: Moved) -> None:
        """Take the scene in the light of now, `off` from where the first one was."""
        if self._renewed_at is None:
            self._renewed_at = at
        elif (at - self._renewed_at).total_seconds() >= _RENEW_EVERY_S:
            self._renewed_at = at
            self._newest, self._newest_off = Scene(image_bgr, self._hidden), off


def _sight_of(found: Found, off: Moved, is_dark: bool) -> Sight | None:
    """What the structures say; None when it cannot be told: in the dark most may have gone."""
    lost = found.share < _KNOWN_SHARE
    gone_smooth = found.smooth_share >= _SMOOTH_SHARE
    if is_dark and (lost or gone_smooth):
        return None
    if gone_smooth or lost:
        if found.is_blurred:
            return Sight.BLURRED
        # Where the known structures were it is smooth; are there others instead?
        return Sight.COVERED if gone_smooth and found.edges < _FEWER_EDGES else Sight.MOVED
    if found.by(off) > _MOVED_BY:
        return Sight.MOVED
    return Sight.BLURRED if found.sharpness <= _BLUR[0] else Sight.CLEAR


def _light(image_bgr: NDArray[np.uint8]) -> Visibility:
    """How well it can be seen by its light alone."""
    if image_bgr.size == 0:
        return Visibility(0.0, Sight.COVERED)
    step = max(1, image_bgr.shape[1] // _LIGHT_WIDTH)
    grey = cv2.cvtColor(image_bgr[::step, ::step].copy(), cv2.COLOR_BGR2GRAY)
    mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    if spread < _UNIFORM_BELOW:
        return Visibility(0.0, Sight.COVERED)
    quality = round(float(np.interp(mean, _LEVELS, (0.0, 1.0, 1.0, 0.0))), 2)
    if np.count_nonzero(grey >= _SATURATED_FROM) > _SATURATED_SHARE * grey.size:
        return Visibility(min(quality, _SATURATED_QUALITY), Sight.BRIGHT)
    if quality == 1.0:
        return Visibility(quality, Sight.CLEAR)
    return Visibility(quality, Sight.DARK if mean < _LEVELS[1] else Sight.BRIGHT)
