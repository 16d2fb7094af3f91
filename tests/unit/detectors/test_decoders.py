"""Output tensors into boxes: one picture said in every layout."""

import numpy as np
import pytest

from detectors.decoders import MAX_CANDIDATES, decode, suppress_doubles, yolox_cells
from detectors.manifest import ClassGroup
from detectors.preprocess import Placement

LABELS = ("person", "kite", "car", "truck")
GROUPS = (ClassGroup(("person",), 0.4, 0.6, 0.7), ClassGroup(("car", "truck"), 0.45, 0.6, 1.0))


def output(*cells: tuple) -> np.ndarray:
    """Cells of centre x, centre y, width, height, then a score a label."""
    return np.array(cells, np.float32).reshape(-1, 8).T[None]


def yolov5(cells: np.ndarray) -> np.ndarray:
    """The same boxes and scores: objectness is the best score, times a share."""
    rows = cells.transpose(0, 2, 1)
    best = rows[..., 4:].max(axis=2, keepdims=True, initial=0)
    return np.concatenate([rows[..., :4], best, rows[..., 4:] / np.maximum(best, 1e-9)], axis=2)


def yolox(cells: np.ndarray) -> np.ndarray:
    """As yolov5, said from the corner of a cell: here of the first ones of the grid."""
    rows = yolov5(cells)
    corner_px, stride_px = (part[: rows.shape[1]] for part in yolox_cells((640, 640)))
    rows[0, :, 0:2] = (rows[0, :, 0:2] - corner_px) / stride_px[:, None]
    rows[0, :, 2:4] = np.log(rows[0, :, 2:4] / stride_px[:, None])
    return rows


def end_to_end(cells: np.ndarray) -> np.ndarray:
    """Each cell's boxes, one for each of its classes."""
    rows = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, kind)
        for x, y, w, h, *scores in cells[0].T
        for kind, score in enumerate(scores)
    ]
    return np.array(rows, np.float32).reshape(1, -1, 6)


SAID = {
    "yolov8": lambda cells: cells,
    "yolov5": yolov5,
    "yolox": yolox,
    "end_to_end": end_to_end,
}


def placed(scale: float = 1.0, size_wh: tuple = (640, 640), corner: tuple = (0, 0)) -> Placement:
    return Placement(scale, corner, size_wh, (640, 640))


def decoded(tensor: np.ndarray, placement: Placement | None = None, layout: str = "yolov8") -> list:
    found = decode(layout, tensor, LABELS, GROUPS, 0.4, placement or placed())
    return [
        (LABELS[kind], round(float(confidence), 2), *np.round(box).astype(int).tolist())
        for box, confidence, kind in zip(found.xyxy, found.confidence, found.class_id, strict=True)
    ]


@pytest.mark.parametrize("layout", SAID)
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
def test_decode(cells, expected, layout):
    assert decoded(SAID[layout](output(*cells)), layout=layout) == expected


def test_boxes_are_in_pixels_of_the_frame_and_cut_at_its_edges():
    cells = output((10, 10, 40, 40, 0.9, 0, 0, 0))
    assert decoded(cells, placed(0.5, (50, 1280))) == [("person", 0.9, 0, 0, 50, 60)]


def test_boxes_are_counted_from_where_the_picture_lies():
    cells = output((100, 200, 40, 80, 0.9, 0, 0, 0))
    assert decoded(cells, placed(0.5, corner=(0, 140))) == [("person", 0.9, 160, 40, 240, 200)]


def test_two_classes_of_one_name_are_one():
    found = decode(
        "yolov8",
        output((100, 100, 40, 80, 0.5, 0, 0.7, 0), (300, 100, 40, 80, 0.6, 0, 0, 0)),
        ("person", "kite", "person", "truck"),
        GROUPS[:1],
        0.4,
        placed(),
    )
    assert found.class_id.tolist() == [2, 0]
    assert found.confidence == pytest.approx([0.7, 0.6])


def test_a_broken_cameras_noise_is_bounded():
    rng = np.random.default_rng(0)
    noise = rng.uniform(0, 600, (1, 9, 8400)).astype(np.float32)
    noise[0, 4:] = 0.9
    for layout, tensor in (("yolov8", noise[:, :8]), ("yolox", noise.transpose(0, 2, 1))):
        found = decode(layout, tensor, LABELS, GROUPS, 0.15, placed())
        assert 0 < len(found) <= 2 * MAX_CANDIDATES


@pytest.mark.parametrize(
    ("layout", "shape"),
    [("yolov8", (8, 10)), ("yolov5", (10, 9)), ("yolox", (10, 9)), ("end_to_end", (10, 6))],
)
def test_nan_is_no_box(layout, shape):
    assert decoded(np.full((1, *shape), np.nan, np.float32), layout=layout) == []


def test_the_better_of_two_doubles_stays_and_frees_what_only_the_worse_one_hid():
    boxes_xyxy = np.array([(0, 0, 10, 10), (2, 0, 12, 10), (4, 0, 14, 10)], np.float32)
    assert suppress_doubles(boxes_xyxy, max_iou=0.6, max_inside=1.0).tolist() == [0, 2]
