"""Measures how well the model counts people on a clip with MOT ground truth.

    python models/objects/measure_counts.py vtest.avi gt.txt
    python models/objects/measure_counts.py vtest.avi gt.txt --every 7 --threads 2

Run it from the repository's root. Counts the whole view, at the manifest's thresholds.
"""

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime import open_object_model


def frames(clip: Path, every: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Every n-th frame and its number, from 1 as MOT counts."""
    video = cv2.VideoCapture(str(clip))
    number = 0
    while video.grab():
        number += 1
        if (number - 1) % every == 0:
            yield number, video.retrieve()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures people counts on a MOT clip.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("truth", type=Path, help="gt.txt: frame, id, x, y, w, h, ...")
    parser.add_argument("--every", type=int, default=1, help="take every n-th frame")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with arguments.truth.open(encoding="utf-8") as rows:
        people = Counter(int(row[0]) for row in csv.reader(rows))
    model = open_object_model(Path(__file__).parent, arguments.threads)
    person = model.manifest.labels.index("person")
    pairs, spent_s = [], []
    for number, image_bgr in frames(arguments.clip, arguments.every):
        start_s = time.perf_counter()
        found = model.sure(model.detect(image_bgr))
        spent_s.append(time.perf_counter() - start_s)
        pairs.append((int((found.class_id == person).sum()), people[number]))
    counted, true = np.array(pairs).T
    print(f"{model.session.provider}, {len(pairs)} frames, {np.median(spent_s) * 1e3:.0f} ms each")
    print(f"mean count {counted.mean():.2f}, true {true.mean():.2f}")
    print(f"mean absolute error {np.abs(counted - true).mean():.3f}")


if __name__ == "__main__":
    main()
