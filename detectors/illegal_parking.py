"""Vehicles that stand in a zone: how many are there now. How long is too long is not said here."""

from collections.abc import Sequence

import numpy as np

from detectors.geometry import lower_third_share
from detectors.hits import Detections, Frame, Look, Zone
from detectors.seen import number_param, of_labels, seen_objects
from detectors.standing import Standing
from detectors.view import view_quality

# research/detectors.md A.3: in the zone = half of the box's lower third, where the wheels are.
IN_ZONE_SHARE = 0.5


class IllegalParking:
    """Counts cars, buses and trucks that stand with at least half of their wheels in the polygon.

    `zone.params`: `min_confidence` 0..1, which each look at a vehicle must have over and above
    the model's own threshold; the rest is the catalogue's. Raises ValueError on others.
    """

    unit = "1"
    labels = frozenset({"car", "bus", "truck"})

    def __init__(self, zone: Zone) -> None:
        self._polygon = zone.polygon
        self._min_confidence = number_param(zone, "min_confidence", 0.0, (0.0, 1.0))
        self._size_wh = (0, 0)
        self._standing = Standing()

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure: vehicles that stand in the zone; score: the best one's; all of them as objects.

        An object's box is the place where the vehicle stopped, the same from look to look.
        """
        quality = view_quality(frame.image_bgr)
        if quality == 0:
            return Look(measure=0.0, score=0.0, quality=0.0)
        if frame.size_wh != self._size_wh:
            self._size_wh, self._standing = frame.size_wh, Standing()
        vehicles = of_labels(detections, labels, self.labels)
        vehicles = vehicles.where(vehicles.confidence >= self._min_confidence)
        standing = self._standing.look(frame.at, vehicles)
        sides = np.array([*frame.size_wh, *frame.size_wh])
        in_zone = lower_third_share(standing.xyxy / sides, self._polygon) >= IN_ZONE_SHARE
        here = standing.where(in_zone)
        objects = seen_objects(here, labels, frame.size_wh)
        score = objects[0].confidence if objects else 0.0
        return Look(measure=float(len(here)), score=score, quality=quality, objects=objects)
