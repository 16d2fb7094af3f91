"""People in a zone: how many are there, how many stand together, how closely they stand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.clusters import Flow, Shape, clusters, shape
from detectors.geometry import bottom_centres, points_in_polygon
from detectors.ground import LearnedPlane, Plane, measured_plane
from detectors.hits import Detections, Frame, Look, Zone
from detectors.seen import number_param, of_labels, seen_objects

# research/detectors.md A.2 (5): boxes do not count smaller people, nor packed crowds: half as sure.
SMALLEST_PX, MOST_PEOPLE = 25, 30
UNSURE = 0.5
# Fewer are company, however close.
FEWEST_DENSE = 6
INNERMOST = 1 - 1e-6
LEAST_ASPECT = 2.0  # height by width of a person; the box of one whose legs are hidden has less

_NOBODY = Look(measure=0.0, score=0.0)
_CANNOT_TELL = Look(measure=0.0, score=0.0, quality=0.0)


class Crowding:
    """Counts the people whose feet, the bottom centre of the box, are in the zone.

    `zone.params`: `mode`, "count" or "gathering": the people of the largest group that stands or
    drifts close together, because one officer is sent to one group, and two of five are no crowd of
    ten; the first look of a gathering, and one after a silence of 10 s, can't tell who is slow and
    proves nothing. `min_confidence` 0..1, which people must have over and above the model's own
    threshold; `min_height` 0..1 of the picture's height; `classes`, words with commas between, whom
    to count instead of "person"; `queues` = false: a group in a line is no gathering. The rest is
    the catalogue's. Raises ValueError on others.
    """

    unit = "1"
    labels = frozenset({"person"})

    def __init__(self, zone: Zone) -> None:
        mode = zone.params.get("mode", "count")
        if mode not in ("count", "gathering"):
            raise ValueError(f'zone {zone.id}: mode is {mode!r}; give "count" or "gathering"')
        self._gathering = mode == "gathering"
        self._people = _People(zone)
        self._ground = _OnGround(zone)
        self._queues = zone.params.get("queues", True)
        if not isinstance(self._queues, bool):
            told = f"zone {zone.id}: queues is {self._queues!r}; give true or false"
            raise ValueError(told)  # noqa: TRY004  as every wrong param
        self.labels = self._people.classes

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure: people in the zone, or in its largest gathering; score: their mean confidence;
        all of them as objects.
        """
        if not self.labels.issubset(labels):
            return _CANNOT_TELL  # not "nobody": the model does not know them
        people = self._people.of(detections, labels, frame.size_wh)
        here = self._people.in_zone(people, frame.size_wh)
        if self._gathering:
            feet, metres = self._ground.stand(people, frame.size_wh)
            slow = self._ground.slow(frame, feet, metres)
            if slow is None:
                return _CANNOT_TELL
            here = self._largest(here & slow, metres)
        return _look(people.where(here), labels, frame.size_wh)

    def _largest(self, here: NDArray[np.bool_], metres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Who of those `here` (N,) are in their largest group."""
        standing = np.flatnonzero(here)
        largest = np.zeros_like(here)
        for members in clusters(metres[standing]):
            if self._queues or not shape(metres[standing[members]]).is_queue:
                largest[standing[members]] = True
                break
        return largest


class CrowdDensity:
    """How closely people stand, or walk, in the densest group of a zone whose ground is measured.

    `zone.params`: `min_confidence`, `min_height` and `classes` as of `Crowding`. Raises ValueError
    on others, and without `zone.ground`.
    """

    unit = "1/m2"
    labels = frozenset({"person"})

    def __init__(self, zone: Zone) -> None:
        if zone.ground is None:
            raise ValueError(f"zone {zone.id}: people per m2 need the camera's ground; measure it")
        self._people = _People(zone)
        self._ground = _OnGround(zone)
        self.labels = self._people.classes

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure: people per m2 of the densest group of FEWEST_DENSE or more; its members."""
        if not self.labels.issubset(labels):
            return _CANNOT_TELL  # not "nobody": the model does not know them
        people = self._people.of(detections, labels, frame.size_wh)
        here = np.flatnonzero(self._people.in_zone(people, frame.size_wh))
        _, metres = self._ground.stand(people, frame.size_wh)
        groups = [here[c] for c in clusters(metres[here]) if len(c) >= FEWEST_DENSE]
        if not groups:
            return _NOBODY
        shapes: list[Shape] = [shape(metres[group]) for group in groups]
        densest = max(range(len(groups)), key=lambda index: shapes[index].density)
        members = np.isin(np.arange(len(people)), groups[densest])
        look = _look(people.where(members), labels, frame.size_wh)
        tall_px = people.xyxy[members, 3] - people.xyxy[members, 1]
        unsure = len(people) > MOST_PEOPLE or np.median(tall_px) < SMALLEST_PX
        return Look(
            measure=round(shapes[densest].density, 2),
            score=look.score,
            quality=UNSURE if unsure else 1.0,
            objects=look.objects,
        )


class _People:
    """Who counts in a zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._min_confidence = number_param(zone, "min_confidence", 0.0, (0.0, 1.0))
        self._min_height = number_param(zone, "min_height", 0.0, (0.0, 1.0))
        classes = zone.params.get("classes", "person")
        words = classes.split(",") if isinstance(classes, str) else []
        self.classes = frozenset(word.strip() for word in words)
        if not self.classes or "" in self.classes:
            raise ValueError(f'zone {zone.id}: classes is {classes!r}; give words like "person"')

    def of(
        self, detections: Detections, labels: Sequence[str], size_wh: tuple[int, int]
    ) -> Detections:
        """Those of the whole picture, in an order that does not depend on that of `detections`."""
        people = of_labels(detections, labels, self.classes)
        tall = (people.xyxy[:, 3] - people.xyxy[:, 1]) / size_wh[1]
        sure = people.confidence >= self._min_confidence
        people = people.where(sure & (tall >= self._min_height))
        order = np.lexsort((people.confidence, *people.xyxy.T[::-1]))
        return Detections(people.xyxy[order], people.confidence[order], people.class_id[order])

    def in_zone(self, people: Detections, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
        """Whose feet are in the polygon and in no `exclude`: (N,)."""
        # Who is cut off by the picture's edge stands on it, and an edge is in no polygon.
        feet = np.clip(bottom_centres(people.xyxy) / np.array(size_wh), 0, INNERMOST)
        here = points_in_polygon(feet, self._zone.polygon)
        for polygon in self._zone.exclude:
            here &= ~points_in_polygon(feet, polygon)
        return here


class _OnGround:
    """Where people stand, in metres, and who of them is slow: soft state of one picture size."""

    def __init__(self, zone: Zone) -> None:
        self._measured = zone.ground
        self._learned, self._flow = LearnedPlane(), Flow()
        self._size_wh = (0, 0)
        self._plane: Plane | None = None

    def stand(
        self, people: Detections, size_wh: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Their feet in px and in metres, (N, 2) each; NaN for metres of who is on no ground."""
        if size_wh != self._size_wh:
            self._size_wh, self._learned, self._flow = size_wh, LearnedPlane(), Flow()
            self._plane = measured_plane(self._measured, size_wh) if self._measured else None
        feet = bottom_centres(people.xyxy)
        if self._measured is None and len(people):
            wide, tall = (people.xyxy[:, 2:] - people.xyxy[:, :2]).T.astype(np.float64)
            self._learned.see(feet[:, 1], np.maximum(tall, LEAST_ASPECT * wide), size_wh[1])
            self._plane = self._learned.plane(size_wh)
        return feet, self._plane.metres(feet) if self._plane else feet

    def slow(
        self, frame: Frame, feet: NDArray[np.float64], metres: NDArray[np.float64]
    ) -> NDArray[np.bool_] | None:
        """As `Flow.slow`, of what `stand` said."""
        scale = self._plane.px_a_metre(feet) if self._plane else feet
        return self._flow.slow(frame.at, feet, metres, scale, frame.size_wh)


def _look(people: Detections, labels: Sequence[str], size_wh: tuple[int, int]) -> Look:
    if len(people) == 0:
        return _NOBODY
    score = round(float(np.sort(people.confidence).mean(dtype=np.float64)), 3)
    return Look(float(len(people)), score, objects=seen_objects(people, labels, size_wh))
