"""Cables hung from a window or balcony to charge a two-wheeler: how surely one is there."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.cables import RULES, Boxes, Candidate, Places, Rules, candidates, standing
from detectors.hits import (
    MAX_POINTS,
    Detections,
    Frame,
    Look,
    Polygon,
    SeenObject,
    Zone,
)
from detectors.references import Image, Rectangle, References, cut, shift_px
from detectors.seen import of_labels
from detectors.tracing import Mask, simplified
from detectors.wire_map import STRIDE, WireModel, open_wire_model

# research/flying-wire.md B.6 (1) and (2): so often, and the mean of so many.
LOOK_EVERY_S = 30.0
MEAN_OF = 6
# What was seen before is of another scene: cables come and go, shadows move.
KEPT_S = 1800.0
# Beyond the zone, so that what lies at its edge is seen whole.
MARGIN_PX = 8
MOST_CANDIDATES = 8

_CANNOT_TELL = Look(measure=0.0, score=0.0, quality=0.0)


class Seen(NamedTuple):
    """What a look saw: the network's map of the crop, in 255ths as that takes a quarter of the
    memory, and two-wheelers in px of the map.
    """

    at: datetime
    map: NDArray[np.uint8]
    two_wheelers: Boxes


class FlyingWire:
    """How surely a cable hangs in the zone that does not hang in the pictures to compare with, from
    one of its windows (anywhere where none is drawn) to a standing two-wheeler or a charging place.

    Looks every LOOK_EVERY_S and says the same in between; what it says is of the mean of its last
    MEAN_OF looks, and until then, and without a picture to compare with, that it cannot tell.
    Raises ManifestError when its network is not there whole.
    """

    unit = "1"
    labels = frozenset({"bicycle", "motorcycle"})

    def __init__(self, zone: Zone, model: WireModel | None = None, rules: Rules = RULES) -> None:
        self._zone, self._rules = zone, rules
        self._model = model or open_wire_model()
        self.model = self._model.model_id
        self._pictures: Sequence[Image] = ()
        self.reference_bgr: Image | None = None
        self._size_wh = (0, 0)
        self._looked_at: datetime | None = None
        self._last = _CANNOT_TELL
        self._seen: deque[Seen] = deque(maxlen=MEAN_OF)
        self.candidates: list[Candidate] = []
        self.mean_map = np.zeros((1, 1, 1), np.float32)  # what the candidates are of

    def compare_with(self, pictures_bgr: Sequence[NDArray[np.uint8]]) -> None:
        """Those in the light of a look are what it is compared with."""
        self._pictures, self._size_wh = pictures_bgr, (0, 0)

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """Measure and score: the probability 0..1 of the likeliest cable; each as an object, from
        top to bottom along its path, likeliest first.
        """
        knows_ends = self._zone.charging or not self.labels.isdisjoint(labels)
        if not self._pictures or not knows_ends:
            return _CANNOT_TELL  # not "nothing": where a cable might end is not known
        since = self._looked_at
        if since is not None and (frame.at - since).total_seconds() < LOOK_EVERY_S:
            return self._last
        self._looked_at = frame.at
        if frame.size_wh != self._size_wh:
            self._begin(frame)
        self._see(frame, of_labels(detections, labels, self.labels).xyxy)
        self._last = self._look() if len(self._seen) == MEAN_OF else _CANNOT_TELL
        return self._last

    def _begin(self, frame: Frame) -> None:
        """Everything anew for frames of another size."""
        self._size_wh = frame.size_wh
        self._seen.clear()
        zone, size = self._zone, frame.size_wh
        self._crop = _around(zone.polygon, size)
        self._views = [
            one if one.shape[1::-1] == size else cv2.resize(one, size) for one in self._pictures
        ]
        self._references = References([cut(view, self._crop) for view in self._views])
        outside = 1 - self._mask((zone.polygon,))
        self._places = Places(
            windows=self._mask(zone.windows) if zone.windows else None,
            charging=self._mask(zone.charging),
            excluded=outside | self._mask(zone.exclude),
        )

    def _see(self, frame: Frame, boxes_xyxy: NDArray[np.float32]) -> None:
        """One more map, laid on those before."""
        crop = cut(frame.image_bgr, self._crop)
        reference, nearest = self._references.like(crop)
        self.reference_bgr = self._views[nearest]
        shift = shift_px(reference, crop)
        if shift != (0, 0):
            crop = cut(frame.image_bgr, self._crop, shift)
        left, top = self._crop[0] + shift[0], self._crop[1] + shift[1]
        boxes = (boxes_xyxy.astype(np.float64) - (left, top, left, top)) / STRIDE
        found = np.rint(self._model.drop_map(crop, reference) * 255).astype(np.uint8)
        self._seen.append(Seen(frame.at, found, boxes))
        while (frame.at - self._seen[0].at).total_seconds() > KEPT_S:
            self._seen.popleft()

    def _look(self) -> Look:
        mean = np.stack([seen.map for seen in self._seen]).mean(axis=0, dtype=np.float32) / 255
        self.mean_map = mean
        boxes = standing([seen.two_wheelers for seen in self._seen])
        self.candidates = candidates(mean, self._places, boxes, self._rules)
        cables = [one for one in self.candidates if not one.rejected][:MOST_CANDIDATES]
        objects = tuple(self._object(one) for one in cables)
        best = objects[0].confidence if objects else 0.0
        return Look(measure=best, score=best, objects=objects)

    def _object(self, cable: Candidate) -> SeenObject:
        points = simplified(cable.path, MAX_POINTS)
        corner = np.array(self._crop[:2])
        path = np.clip((points * STRIDE + STRIDE / 2 + corner) / self._size_wh, 0, 1).round(4)
        (x0, y0), (x1, y1) = path.min(axis=0).tolist(), path.max(axis=0).tolist()
        line = tuple((x, y) for x, y in path.tolist())
        return SeenObject("cable", cable.probability, (x0, y0, x1, y1), path=line)

    def _mask(self, polygons: Sequence[Polygon]) -> Mask:
        """1 where one of them is, in px of the map."""
        x0, y0, x1, y1 = self._crop
        mask = np.zeros((-(-(y1 - y0) // STRIDE), -(-(x1 - x0) // STRIDE)), np.uint8)
        for polygon in polygons:
            points = (np.array(polygon) * self._size_wh - (x0, y0)) / STRIDE
            cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
        return mask


def _around(polygon: Polygon, size_wh: tuple[int, int]) -> Rectangle:
    """The box around a polygon, a margin wider, within the picture."""
    points = np.array(polygon) * size_wh
    x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - MARGIN_PX, 0).tolist()
    x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + MARGIN_PX, size_wh).tolist()
    return x0, y0, x1, y1
