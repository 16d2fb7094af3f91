"""People in a zone: how many are there now."""

from collections.abc import Sequence

import numpy as np

from detectors.geometry import bottom_centres, points_in_polygon
from detectors.hits import Detections, Frame, Look, Zone
from detectors.seen import number_param, of_labels, seen_objects
from detectors.view import view_quality


class Crowding:
    """Counts the people whose feet, the bottom centre of the box, are in the polygon.

    `zone.params`: `mode`, only "count"; `min_confidence` 0..1, which people must have over and
    above the model's own threshold; the rest is the catalogue's. Raises ValueError on others.
    """

    unit = "1"
    labels = frozenset({"person"})

    def __init__(self, zone: Zone) -> None:
        mode = zone.params.get("mode", "count")
        if mode != "count":
            raise ValueError(f'zone {zone.id}: mode is {mode!r}; crowding knows only "count"')
        self._polygon = zone.polygon
        self._min_confidence = number_param(zone, "min_confidence", 0.0, (0.0, 1.0))

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure: people in the zone; score: their mean confidence; all of them as objects."""
        quality = view_quality(frame.image_bgr)
        if quality == 0:
            return Look(measure=0.0, score=0.0, quality=0.0)
        people = of_labels(detections, labels, self.labels)
        people = people.where(people.confidence >= self._min_confidence)
        feet = bottom_centres(people.xyxy) / np.array(frame.size_wh)
        here = people.where(points_in_polygon(feet, self._polygon))
        if len(here) == 0:
            return Look(measure=0.0, score=0.0, quality=quality)
        score = round(float(np.sort(here.confidence).mean(dtype=np.float64)), 3)
        objects = seen_objects(here, labels, frame.size_wh)
        return Look(measure=float(len(here)), score=score, quality=quality, objects=objects)
