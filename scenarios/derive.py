"""The truths of campus.toml, from the boxes of PETS09-S2L1, which are not committed.

python scenarios/derive.py ../shared/data/mot/PETS09-S2L1/gt/gt.txt

A truth is what the rule must tell of, by the boxes instead of a detector: at least so many people,
with their feet (bottom centre of the box) in the zone, for 10 s or more; dips shorter than 10 s are
part of it, as for the rule (`clear_s` of crowding). What is shorter need not be told. The two
people near the van that gt.txt flags 0 are people and count.
"""

import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np

SHOT_FPS, FRAMES, SIZE = 7.0, 795, (768, 576)
LEAST_S, CLEAR_S = 10.0, 10.0


def counts(boxes: np.ndarray, polygon: list[list[float]]) -> np.ndarray:
    """People in the zone in each frame; rows of `boxes`: frame, id, x, y, width, height, ..."""
    corners = (np.array(polygon) * SIZE).astype(np.float32)
    here = np.zeros(FRAMES, int)
    for frame, _, x, y, width, height in boxes[:, :6]:
        feet = (float(x + width / 2), float(min(y + height, SIZE[1])))
        here[int(frame) - 1] += cv2.pointPolygonTest(corners, feet, measureDist=False) >= 0
    return here


def truths(enough: np.ndarray) -> list[tuple[float, float]]:
    """From and to, in seconds."""
    spans: list[list[float]] = []
    for at_s in np.flatnonzero(enough) / SHOT_FPS:
        if spans and at_s - spans[-1][1] < CLEAR_S:
            spans[-1][1] = at_s
        else:
            spans.append([at_s, at_s])
    return [(start, end) for start, end in spans if end - start >= LEAST_S]


def main(gt: str) -> None:
    """Print them as TOML."""
    boxes = np.loadtxt(gt, delimiter=",")
    scenario = tomllib.loads(Path(__file__).with_name("campus.toml").read_text("utf-8"))
    for zone in scenario["zones"]:
        if zone["detector"] == "crowding":
            enough = counts(boxes, zone["polygon"]) >= zone["params"]["min_people"]
            for start, end in truths(enough):
                sys.stdout.write(f'[[truth]]\nzone = "{zone["id"]}"\n')
                sys.stdout.write(f"from_s = {start:.1f}\nto_s = {end:.1f}\n\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
