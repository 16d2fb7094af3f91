"""View quality from brightness."""

import numpy as np
import pytest

from detectors.view import view_quality
from tests.unit.detectors.scene import grey_picture


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        pytest.param(5, 0.0, id="black is unseen"),
        pytest.param(26, 0.5, id="dusk is half seen"),
        pytest.param(40, 1.0, id="40 is fully seen"),
        pytest.param(210, 1.0, id="210 is fully seen"),
        pytest.param(228, 0.5, id="glare is half seen"),
        pytest.param(249, 0.0, id="white is unseen"),
    ],
)
def test_brightness(mean, expected):
    assert view_quality(grey_picture(mean, spread=6)) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("image_bgr", "expected"),
    [
        pytest.param(grey_picture(120, spread=2), 0.0, id="one grey and its noise is a cover"),
        pytest.param(np.empty((0, 0, 3), np.uint8), 0.0, id="an empty picture is unseen"),
        pytest.param(np.full((1, 1, 3), 128, np.uint8), 0.0, id="one pixel is one grey"),
        pytest.param(grey_picture(120, width_px=4000), 1.0, id="a wide picture is seen"),
    ],
)
def test_odd_pictures(image_bgr, expected):
    assert view_quality(image_bgr) == expected
