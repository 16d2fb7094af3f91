"""Detections into the objects of a hit, in stable bytes, and a zone's numbers."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import repeat

import numpy as np

from detectors.hits import MAX_OBJECTS, Detections, SeenObject, Zone


def number_param(zone: Zone, name: str, default: float, low_high: tuple[float, float]) -> float:
    """A number of `zone.params` within low..high. Raises ValueError naming the zone."""
    value = zone.params.get(name, default)
    low, high = low_high
    if isinstance(value, bool | str) or not low <= value <= high:
        raise ValueError(f"zone {zone.id}: {name} is {value!r}; give a number {low:g}..{high:g}")
    return float(value)


def of_labels(detections: Detections, labels: Sequence[str], wanted: Collection[str]) -> Detections:
    """Those of the wanted labels."""
    ids = [index for index, label in enumerate(labels) if label in wanted]
    return detections.where(np.isin(detections.class_id, ids))


def seen_objects(
    detections: Detections,
    labels: Sequence[str],
    size_wh: tuple[int, int],
    arrived_at: Sequence[datetime | None] = (),
) -> tuple[SeenObject, ...]:
    """At most MAX_OBJECTS, best first: the same for the same detections in any order.

    Fractions are rounded to 4 decimals (0.1 px on a 1080p frame), confidences to 3. `arrived_at`:
    of each of the detections, where that is known.
    """
    width_px, height_px = size_wh
    sides = np.array([width_px, height_px, width_px, height_px], np.float64)
    fractions = np.clip(detections.xyxy / sides, 0, 1).round(4)
    objects = [
        SeenObject(labels[class_id], round(float(confidence), 3), (x0, y0, x1, y1), arrived)
        for class_id, confidence, (x0, y0, x1, y1), arrived in zip(
            detections.class_id,
            detections.confidence,
            fractions.tolist(),
            arrived_at or repeat(None, len(detections)),
            strict=True,
        )
    ]
    objects.sort(key=lambda seen: (-seen.confidence, seen.xyxy, seen.label))
    return tuple(objects[:MAX_OBJECTS])
