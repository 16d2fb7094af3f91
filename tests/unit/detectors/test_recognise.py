"""What a network is, told from its shapes and its numbers; and why it is refused."""

import numpy as np
import pytest

from detectors.hits import Detections
from detectors.recognise import (
    NotRecognised,
    check_outputs,
    check_values,
    decoded,
    input_of,
    layout_of,
)
from pipeline.proof.trial import agreement

WH = (640, 640)


@pytest.mark.parametrize(
    ("shape", "size_wh"),
    [
        pytest.param((1, 3, 384, 640), (640, 384), id="all fixed"),
        pytest.param(("batch", 3, "height", "width"), None, id="all open"),
        pytest.param(("batch", 3, 416, 416), (416, 416), id="an open batch"),
    ],
)
def test_a_picture_goes_in(shape, size_wh):
    assert input_of({"images": shape}) == ("images", size_wh)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": (1, 3, 640, 640), "sizes": (1, 2)}, r"takes 2 inputs \(a, sizes\)"),
        ({"a": (1, 640, 640, 3)}, r"is \(1, 640, 640, 3\).*channels first"),
        ({"a": (1, 80)}, r"a picture is \(1, 3, height, width\). Is it a detector\?"),
        ({"a": (8, 3, 640, 640)}, "8 pictures at once"),
    ],
)
def test_what_takes_no_picture_is_refused(inputs, message):
    with pytest.raises(NotRecognised, match=message):
        input_of(inputs)


@pytest.mark.parametrize(
    ("shape", "size_wh", "labels", "layout"),
    [
        pytest.param((1, 84, 8400), WH, 80, "yolov8", id="YOLOv8, 11"),
        pytest.param((1, 5, 2100), (320, 320), 1, "yolov8", id="one class"),
        pytest.param((1, 84, 34000), WH, 80, "yolov8", id="with a finer head"),
        pytest.param((1, 25200, 85), WH, 80, "yolov5", id="YOLOv5"),
        pytest.param((1, 102000, 85), (1280, 1280), 80, "yolov5", id="YOLOv5 P6"),
        pytest.param((1, 25200, 6), WH, 1, "yolov5", id="YOLOv5 of one class is not end to end"),
        pytest.param((1, 8400, 85), WH, 80, "yolox", id="YOLOX"),
        pytest.param((1, 3549, 6), (416, 416), 1, "yolox", id="YOLOX of one class"),
        pytest.param((1, 300, 6), WH, 80, "end_to_end", id="end to end"),
    ],
)
def test_the_shape_tells_the_layout(shape, size_wh, labels, layout):
    outputs = {"features": (1, 255, 80, 80), "boxes": shape}
    assert layout_of(outputs, size_wh, labels) == ("boxes", layout)


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        pytest.param((1, 8400, 84), 80, "YOLOv8's transposed", id="transposed"),
        pytest.param((1, 84, 8400), 79, "has 80 classes, and 79 labels", id="too few labels"),
        pytest.param((1, 25200, 85), 81, "has 80 classes, and 81 labels", id="too many labels"),
        pytest.param((1, 116, 8400), 80, "has 112 classes, and 80 labels", id="with masks"),
        pytest.param((1, 5000, 85), 80, "N: 8400 or 8500 or 34000", id="anchors do not fit"),
        pytest.param((1, 300, 84), 80, "or .1, N, 6. end to end", id="no known shape"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(shape, labels, message):
    with pytest.raises(NotRecognised, match=message):
        layout_of({"out": shape}, WH, labels)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"probabilities": (1, 1000)}, r"gives probabilities \(1, 1000\): is it a detector"),
        ({"a": (1, 3, 80, 80, 85), "b": (1, 3, 40, 40, 85)}, "with its heads decoded"),
        ({"boxes": (5, 7)}, "is it a detector"),
    ],
)
def test_what_gives_no_boxes_is_refused(outputs, message):
    with pytest.raises(NotRecognised, match=message):
        check_outputs(outputs)


def rows(*cells: tuple) -> np.ndarray:
    return np.array([cells], np.float32)


GOOD = {
    "yolov8": rows((100, 100, 40, 80, 0.9, 0.1), (320, 300, 9, 9, 0, 0)).transpose(0, 2, 1),
    "yolov5": rows((100, 100, 40, 80, 0.9, 0.9, 0.1), (320, 300, 9, 9, 0, 0.5, 0.5)),
    "yolox": rows((0.5, 0.4, 1.5, 2, 0.9, 0.9, 0.1), (0.1, 0.2, 0, 0, 0, 0.5, 0.5)),
    "end_to_end": rows((80, 60, 120, 140, 0.9, 1), (0, 0, 0, 0, 0, 0)),
}


@pytest.mark.parametrize("layout", GOOD)
def test_good_numbers_pass(layout):
    check_values(layout, GOOD[layout], WH, 2)


@pytest.mark.parametrize(
    ("layout", "change", "message"),
    [
        pytest.param("yolov8", lambda a: a * np.nan, "NaN", id="NaN"),
        pytest.param("yolov8", lambda a: a * 1000, "run from 0 to 900", id="scores above 1"),
        pytest.param(
            "yolov5", lambda a: np.subtract(a, [0, 0, 0, 0, 2, 0, 0]), "from -2 to", id="logits"
        ),
        pytest.param(
            "yolov8", lambda a: np.where(a > 1, a / 640, a), "fractions 0..1", id="fractions"
        ),
        pytest.param(
            "yolov5",
            lambda a: np.add(a, [900, 900, 900, 900, 0, 0, 0]),
            "outside",
            id="boxes outside",
        ),
        pytest.param(
            "end_to_end", lambda a: a[..., [0, 1, 2, 3, 5, 4]], "no class of", id="score last"
        ),
        pytest.param(
            "end_to_end",
            lambda a: np.add(a, [0, 0, 0, 0, 0, 1]),
            "up to 2, no class of the 2 labels",
            id="class",
        ),
        pytest.param(
            "end_to_end",
            lambda a: np.subtract(a, [0, 0, 60, 60, 0, 0]),
            "inside out",
            id="centre and size",
        ),
        pytest.param(
            "yolov8", lambda a: a[..., :1].repeat(8400, axis=2), "in 100% of", id="sure of all"
        ),
    ],
)
def test_numbers_that_can_not_be_are_refused(layout, change, message):
    with pytest.raises(NotRecognised, match=message):
        check_values(layout, np.asarray(change(GOOD[layout]), np.float32), WH, 2)


def test_a_raw_and_a_decoded_yolox_are_told_apart():
    assert decoded("yolox", GOOD["yolox"], WH) == "yolox"
    assert decoded("yolox", GOOD["yolov5"], WH) == "yolov5"


def found(*boxes: tuple) -> Detections:
    """Boxes of left edge, kind and confidence, 10 px wide and high."""
    return Detections(
        np.array([(x, 0, x + 10, 10) for x, _, _ in boxes], np.float32).reshape(-1, 4),
        np.array([score for _, _, score in boxes], np.float32),
        np.array([kind for _, kind, _ in boxes], np.int64),
    )


def test_agreement_counts_what_lies_on_the_known_boxes_by_kind():
    known = found((0, 0, 0.9), (50, 0, 0.9), (100, 1, 0.9), (200, 1, 0.9))
    seen = agreement(found((1, 0, 0.8), (51, 1, 0.7), (100, 1, 0.5), (300, 0, 0.9)), known)
    assert seen.belief == pytest.approx(1.3)
    assert seen[1:] == (2, 1, 4)
    assert agreement(found(), known) == (0.0, 0, 0, 4)
