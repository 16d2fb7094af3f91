"""Heads and number plates made unreadable, as far as a detector finds people and vehicles."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Detections, Frame, SeenObject, Xyxy

Image = NDArray[np.uint8]
Polygon = Sequence[tuple[float, float]]
Redaction = Literal["person_top_quarter", "vehicle_lower_band"]

# Far below what counts as a detection: a box too many costs some pixels, one too few a face.
REDACT_FROM = 0.15
_PEOPLE = frozenset({"person"})
_VEHICLES = frozenset({"vehicle", "car", "bus", "truck", "motorcycle"})
_GREY = (128, 128, 128)


def masked(frame: Frame, masks: Sequence[Polygon]) -> Frame:
    """The frame with a camera's privacy masks (fractions 0..1) painted grey.

    Called once for each frame before any model or person sees it; no copy when there is no mask.
    """
    return replace(frame, image_bgr=masked_image(frame.image_bgr, masks)) if masks else frame


def masked_image(image_bgr: Image, masks: Sequence[Polygon]) -> Image:
    """The same of a picture alone, as a copy."""
    image = image_bgr.copy()
    for polygon in masks:
        cv2.fillPoly(image, [pixels(polygon, image)], _GREY)
    return image


def redact(
    image: Image,
    detections: Detections,
    labels: Sequence[str],
    objects: Sequence[SeenObject],
) -> tuple[Image, tuple[Redaction, ...]]:
    """A redacted copy of the whole picture, and the names of what was done to it.

    `image`: uint8 (height, width, 3). Pixelates the upper part of every person and the lower band
    of every vehicle among `detections` at `REDACT_FROM` or above (`labels[class_id]` names them)
    and among `objects`, which a tracker may remember where the model now sees nothing. A name
    stands for what was looked for everywhere: best effort, since a model misses some. Raises
    nothing on boxes of any kind.
    """
    redacted = image.copy()
    for label, (x1, y1, x2, y2) in _boxes(image, detections, labels, objects):
        width, height = x2 - x1, y2 - y1
        if label in _PEOPLE:
            # Where only the upper body shows, the head is as tall as half its width, not a quarter
            # of its height. The margin is for boxes that cut the hair or an ear.
            depth = min(max(height / 4, width / 2), height)
            margin = depth / 6
            _pixelate(redacted, (x1 - margin, y1 - margin, x2 + margin, y1 + depth))
        elif label in _VEHICLES:
            _pixelate(redacted, (x1, y1 + 0.45 * height, x2, y1 + 0.95 * height))
    return redacted, _names({*labels, *(item.label for item in objects)})


def pixels(polygon: Polygon, image: Image) -> NDArray[np.int32]:
    """A polygon in fractions as int32 (N, 2) pixels of this picture."""
    height, width = image.shape[:2]
    corners: NDArray[np.int32] = np.rint(np.array(polygon) * (width, height)).astype(np.int32)
    return corners


def _boxes(
    image: Image,
    detections: Detections,
    labels: Sequence[str],
    objects: Sequence[SeenObject],
) -> list[tuple[str, Xyxy]]:
    height, width = image.shape[:2]
    found = detections.where(detections.confidence >= REDACT_FROM)
    named = [
        (labels[class_id], np.asarray(box, np.float64))
        for class_id, box in zip(found.class_id, found.xyxy, strict=True)
    ]
    named += [
        (item.label, np.array(item.xyxy) * (width, height, width, height)) for item in objects
    ]
    return [
        (label, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
        for label, box in named
        if np.isfinite(box).all()
    ]


def _names(labels: set[str]) -> tuple[Redaction, ...]:
    """What a model with these labels can have looked for: it claims no more than was done."""
    people: tuple[Redaction, ...] = ("person_top_quarter",) if labels & _PEOPLE else ()
    vehicles: tuple[Redaction, ...] = ("vehicle_lower_band",) if labels & _VEHICLES else ()
    return people + vehicles


def _pixelate(image: Image, box: Xyxy) -> None:
    """Paint blocks of their mean colour over a box, in place.

    Three blocks across its shorter side, of 8 pixels at least: no face and no plate can be read
    back from that, yet people stay countable and a vehicle keeps its colour and shape.
    """
    height, width = image.shape[:2]
    x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
    x2, y2 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    if x1 >= x2 or y1 >= y2:
        return
    block = max(8.0, min(x2 - x1, y2 - y1) / 3)
    grid = max(1, int((x2 - x1) / block)), max(1, int((y2 - y1) / block))
    means = cv2.resize(image[y1:y2, x1:x2], grid, interpolation=cv2.INTER_AREA)
    image[y1:y2, x1:x2] = cv2.resize(means, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
