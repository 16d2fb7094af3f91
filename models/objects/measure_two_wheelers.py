"""Measures how well the model finds two-wheelers in pictures with boxes in Pascal VOC's XML.

    python models/objects/measure_two_wheelers.py JPEGImages Annotations ebike

Run it from the repository's root. A box found is right where it and a labelled one that no better
one has taken overlap by half; figures at several thresholds, the manifest's own aside.
"""

import argparse
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.geometry import iou_of
from detectors.runtime import open_object_model

TWO_WHEELERS = ("bicycle", "motorcycle")
THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)


def labelled(annotation: Path, name: str) -> NDArray[np.float64]:
    """The boxes of one class, (N, 4)."""
    things = ET.parse(annotation).getroot().iter("object")
    sides = ("xmin", "ymin", "xmax", "ymax")
    boxes = [
        [float(thing.findtext(f"bndbox/{side}", "nan")) for side in sides]
        for thing in things
        if thing.findtext("name") == name
    ]
    return np.array(boxes).reshape(-1, 4)


def matched(found_xyxy: NDArray[np.float32], true_xyxy: NDArray[np.float64]) -> list[bool]:
    """Of each box found, best first: whether it is right."""
    overlaps, right = iou_of(found_xyxy, true_xyxy), []
    for row in overlaps:
        best = int(row.argmax()) if row.size else -1
        right.append(best >= 0 and bool(row[best] >= 0.5))
        if right[-1]:
            overlaps[:, best] = 0
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures two-wheelers on labelled pictures.")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("annotations", type=Path, help="Pascal VOC XML of the same names")
    parser.add_argument("name", help="the class in them that stands for a two-wheeler")
    arguments = parser.parse_args()
    model = open_object_model(Path(__file__).parent, threads=1)
    ids = [model.manifest.labels.index(label) for label in TWO_WHEELERS]
    scores: list[float] = []
    right: list[bool] = []
    true = 0
    for picture in sorted(arguments.pictures.iterdir()):
        image_bgr = np.asarray(cv2.imread(str(picture)), np.uint8)
        found = model.detect(image_bgr)
        found = found.where(np.isin(found.class_id, ids))
        boxes = labelled(arguments.annotations / f"{picture.stem}.xml", arguments.name)
        right += matched(found.xyxy, boxes)
        scores += found.confidence.tolist()
        true += len(boxes)
    print(f"{true} labelled")
    for threshold in THRESHOLDS:
        kept = [ok for ok, score in zip(right, scores, strict=True) if score >= threshold]
        recall, precision = sum(kept) / true, sum(kept) / max(len(kept), 1)
        print(f"{threshold:.2f}: {len(kept)} found, recall {recall:.2f}, precision {precision:.2f}")


if __name__ == "__main__":
    main()
