"""Points, boxes and polygons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.geometry import (
    bottom_centres,
    intersections,
    iou_of,
    lower_third_share,
    points_in_polygon,
)

SQUARE = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))
U_SHAPE = ((0, 0), (1, 0), (1, 1), (0.7, 1), (0.7, 0.3), (0.3, 0.3), (0.3, 1), (0, 1))


@pytest.mark.parametrize(
    ("point", "polygon", "expected"),
    [
        pytest.param((0.2, 0.2), SQUARE, True, id="a point amid a square is in"),
        pytest.param((0.6, 0.2), SQUARE, False, id="a point beside a square is out"),
        pytest.param((0.5, 0.8), U_SHAPE, False, id="a point in the gap of a U is out"),
        pytest.param((0.1, 0.8), U_SHAPE, True, id="a point in the arm of a U is in"),
        pytest.param((0.2, 0.2), SQUARE[::-1], True, id="the polygon's direction does not matter"),
        pytest.param((0.2, 0.2), SQUARE[:2], False, id="a line holds no point"),
    ],
)
def test_point_in_polygon(point, polygon, expected):
    assert points_in_polygon(np.array([point]), polygon).tolist() == [expected]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((0.1, 0.1, 0.2, 0.4), 1.0, id="a box inside is all inside"),
        pytest.param((0.4, 0.1, 0.6, 0.4), 0.5, id="a box across the edge is half inside"),
        pytest.param((0.1, 0.1, 0.2, 0.8), 0.0, id="a box whose wheels are below is not inside"),
        pytest.param((0.1, -0.9, 0.2, 0.4), 1.0, id="a tall box counts by its lower third"),
    ],
)
def test_lower_third_share(box, expected):
    assert lower_third_share(np.array([box]), SQUARE) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("ours", "theirs", "shared", "iou"),
    [
        pytest.param((0, 0, 2, 2), (0, 0, 2, 2), 4, 1, id="a box shares all with itself"),
        pytest.param((0, 0, 2, 2), (1, 0, 3, 2), 2, 1 / 3, id="half over half is a third"),
        pytest.param((0, 0, 2, 2), (2, 0, 4, 2), 0, 0, id="boxes that touch share nothing"),
        pytest.param((0, 0, 0, 0), (0, 0, 0, 0), 0, 0, id="boxes without area have 0, not NaN"),
        pytest.param((2, 2, 0, 0), (0, 0, 2, 2), 0, 0, id="a box inside out has no area"),
    ],
)
def test_overlap(ours, theirs, shared, iou):
    ours, theirs = np.array([ours], np.float32), np.array([theirs], np.float32)
    assert intersections(ours, theirs) == pytest.approx(shared)
    assert iou_of(ours, theirs) == pytest.approx(iou)


def test_no_boxes_give_empty_answers():
    none = np.empty((0, 4), np.float32)
    assert bottom_centres(none).shape == (0, 2)
    assert lower_third_share(none, SQUARE).shape == (0,)
    assert iou_of(none, np.ones((3, 4))).shape == (0, 3)
    assert points_in_polygon(np.empty((0, 2)), SQUARE).shape == (0,)


@given(st.lists(st.tuples(*[st.floats(0, 100, width=32)] * 4), min_size=1, max_size=8))
def test_iou_is_symmetric_and_a_share(rows):
    boxes = np.array(rows, np.float32)
    iou = iou_of(boxes, boxes)
    assert ((iou >= 0) & (iou <= 1 + 1e-9)).all()
    assert np.allclose(iou, iou.T)
