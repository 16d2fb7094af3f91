"""Vehicles that stand in a zone: how many are there now. How long is too long is not said here."""

from collections.abc import Collection, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from detectors.geometry import lower_third_share
from detectors.hits import Detections, Frame, Look, Zone
from detectors.seen import number_param, seen_objects
from detectors.standing import Standing

# research/detectors.md A.3: in the zone = half of the box's lower third, where the wheels are.
IN_ZONE_SHARE = 0.5
# A.3: what nobody saw arrive may be a picture of a car, a reflection, a skip. It is told, but less
# surely: no count of such was found, so the factor takes a usual 0.5 to 0.4 and leaves the alert.
NOT_SEEN_ARRIVING = 0.8


class IllegalParking:
    """Counts cars, buses and trucks that stand with at least half of their wheels in the polygon,
    less than half in any that is excluded, and do not wait in a queue.

    `zone.params`: `min_confidence` 0..1, which each look at a vehicle must have over and above
    the model's own threshold; `min_height` 0..1 of the picture's; `classes`, those that count
    ("car,bus"); the rest is the catalogue's. Raises ValueError on others.
    """

    unit = "1"
    labels = frozenset({"car", "bus", "truck"})

    def __init__(self, zone: Zone) -> None:
        self._polygon, self._exclude = zone.polygon, zone.exclude
        self._min_confidence = number_param(zone, "min_confidence", 0.0, (0.0, 1.0))
        self._min_height = number_param(zone, "min_height", 0.0, (0.0, 1.0))
        self._classes = _classes(zone, self.labels)
        self._size_wh = (0, 0)
        self._standing = Standing()

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure: vehicles that stand in the zone; score: the surest one's, less where nobody saw
        it arrive; all of them as objects.

        An object's box is the place where the vehicle stopped, the same from look to look.
        """
        if frame.size_wh != self._size_wh:
            self._size_wh, self._standing = frame.size_wh, Standing()
        is_vehicle = _are(detections, labels, self.labels)
        is_vehicle &= detections.confidence >= self._min_confidence
        vehicles, others = detections.where(is_vehicle), detections.xyxy[~is_vehicle]
        standing, arrived_at = self._standing.look(frame, vehicles, others)
        counts = self._counts(standing, labels)
        here, since = standing.where(counts), tuple(compress(arrived_at, counts))
        objects = seen_objects(here, labels, frame.size_wh, since)
        sure = [o.confidence * (1.0 if o.arrived_at else NOT_SEEN_ARRIVING) for o in objects]
        score = round(max(sure, default=0.0), 3)
        return Look(measure=float(len(here)), score=score, objects=objects)

    def _counts(self, standing: Detections, labels: Sequence[str]) -> NDArray[np.bool_]:
        """Which of them count here: where, how large, of which class."""
        sides = np.array([*self._size_wh, *self._size_wh])
        boxes = standing.xyxy / sides
        counts = lower_third_share(boxes, self._polygon) >= IN_ZONE_SHARE
        for polygon in self._exclude:
            counts &= lower_third_share(boxes, polygon) < IN_ZONE_SHARE
        counts &= boxes[:, 3] - boxes[:, 1] >= self._min_height
        return counts & _are(standing, labels, self._classes)


def _are(
    detections: Detections, labels: Sequence[str], wanted: Collection[str]
) -> NDArray[np.bool_]:
    """Which of them are of these classes: (N,)."""
    ids = [index for index, label in enumerate(labels) if label in wanted]
    return np.isin(detections.class_id, ids)


def _classes(zone: Zone, known: Collection[str]) -> frozenset[str]:
    """The classes that count: those of `zone.params`, else all. ValueError names the zone."""
    named = zone.params.get("classes", ",".join(known))
    classes = frozenset(str(named).replace(" ", "").split(","))
    if not classes <= set(known):
        raise ValueError(
            f"zone {zone.id}: classes is {named!r}; give some of {','.join(sorted(known))}"
        )
    return classes
