"""The yolov8 layout into boxes."""

import numpy as np
import pytest

from detectors.decoders import MAX_CANDIDATES, decode_yolov8, suppress_doubles
from detectors.manifest import ClassGroup

LABELS = ("person", "kite", "car", "truck")
GROUPS = (ClassGroup(("person",), 0.4, 0.6, 0.7), ClassGroup(("car", "truck"), 0.45, 0.6, 1.0))


def output(*cells: tuple) -> np.ndarray:
    """Cells of centre x, centre y, width, height, then a score a label."""
    return np.array(cells, np.float32).reshape(-1, 8).T[None]


def decoded(tensor: np.ndarray, scale: float = 1.0, size_wh: tuple = (640, 640)) -> list:
    found = decode_yolov8(tensor, LABELS, GROUPS, 0.4, scale, size_wh)
    return [
        (LABELS[kind], round(float(confidence), 2), *np.round(box).astype(int).tolist())
        for box, confidence, kind in zip(found.xyxy, found.confidence, found.class_id, strict=True)
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param([], [], id="no cells give no boxes"),
        pytest.param(
            [(100, 100, 40, 80, 0.9, 0, 0, 0)],
            [("person", 0.9, 80, 60, 120, 140)],
            id="centre and size become corners",
        ),
        pytest.param([(100, 100, 40, 80, 0.39, 0, 0, 0)], [], id="below the floor"),
        pytest.param([(100, 100, 40, 80, 0.1, 0.9, 0.2, 0)], [], id="a kite is in no group"),
        pytest.param(
            [(100, 100, 80, 40, 0, 0, 0.5, 0.7)],
            [("truck", 0.7, 60, 80, 140, 120)],
            id="of one group's classes the best names the box",
        ),
        pytest.param(
            [(100, 100, 80, 40, 0, 0, 0.5, 0), (104, 100, 80, 40, 0, 0, 0, 0.6)],
            [("truck", 0.6, 64, 80, 144, 120)],
            id="one vehicle seen as car and truck is one box",
        ),
        pytest.param(
            [(100, 100, 40, 40, 0.5, 0, 0, 0), (100, 100, 40, 40, 0, 0, 0.6, 0)],
            [("car", 0.6, 80, 80, 120, 120), ("person", 0.5, 80, 80, 120, 120)],
            id="a person and a car at one place are two, best first",
        ),
        pytest.param(
            [(100, 100, 40, 80, 0.8, 0, 0, 0), (100, 80, 38, 40, 0.6, 0, 0, 0)],
            [("person", 0.8, 80, 60, 120, 140)],
            id="the upper half of a person is no second person",
        ),
        pytest.param(
            [(100, 100, 90, 80, 0, 0, 0.8, 0), (100, 110, 50, 40, 0, 0, 0.6, 0)],
            [("car", 0.8, 55, 60, 145, 140), ("car", 0.6, 75, 90, 125, 130)],
            id="a car before a large vehicle stays",
        ),
    ],
)
def test_decode(cells, expected):
    assert decoded(output(*cells)) == expected


def test_boxes_are_in_pixels_of_the_frame_and_cut_at_its_edges():
    cells = output((10, 10, 40, 40, 0.9, 0, 0, 0))
    assert decoded(cells, scale=0.5, size_wh=(50, 1280)) == [("person", 0.9, 0, 0, 50, 60)]


def test_a_broken_cameras_noise_is_bounded():
    rng = np.random.default_rng(0)
    noise = rng.uniform(0, 600, (1, 8, 8400)).astype(np.float32)
    noise[0, 4:] = 0.9
    assert len(decode_yolov8(noise, LABELS, GROUPS, 0.15, 1.0, (640, 640))) <= 2 * MAX_CANDIDATES


def test_nan_is_no_box():
    assert decoded(np.full((1, 8, 10), np.nan, np.float32)) == []


def test_the_better_of_two_doubles_stays_and_frees_what_only_the_worse_one_hid():
    boxes_xyxy = np.array([(0, 0, 10, 10), (2, 0, 12, 10), (4, 0, 14, 10)], np.float32)
    assert suppress_doubles(boxes_xyxy, max_iou=0.6, max_inside=1.0).tolist() == [0, 2]
