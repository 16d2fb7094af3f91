"""Letterboxing."""

import numpy as np
import pytest

from detectors.manifest import ModelInput
from detectors.preprocess import Letterbox

GREY = 114 / 255


def letterbox(colour: str = "rgb", *more: str) -> Letterbox:
    return Letterbox(ModelInput("images", (64, 64), colour, 114, *more))


def plain(width_px: int, height_px: int) -> np.ndarray:
    """All blue 0, green 51, red 255."""
    return np.full((height_px, width_px, 3), (0, 51, 255), np.uint8)


@pytest.mark.parametrize(
    ("size_wh", "scale", "filled_wh"),
    [
        pytest.param((128, 96), 0.5, (64, 48), id="a wide picture is padded below"),
        pytest.param((48, 96), 2 / 3, (32, 64), id="a high picture is padded right"),
        pytest.param((32, 32), 2.0, (64, 64), id="a small one is enlarged"),
        pytest.param((6400, 1), 0.01, (64, 1), id="a line keeps one row"),
    ],
)
def test_the_picture_lies_top_left_and_the_rest_is_grey(size_wh, scale, filled_wh):
    tensor, found = letterbox()(plain(*size_wh))
    width_px, height_px = filled_wh
    assert found.scale == pytest.approx(scale)
    assert tensor.shape == (1, 3, 64, 64)
    assert tensor.dtype == np.float32
    assert tensor[0, :, height_px - 1, width_px - 1] == pytest.approx((1.0, 0.2, 0.0))
    assert (tensor[0, :, height_px:, :] == pytest.approx(GREY)) or height_px == 64
    assert (tensor[0, :, :, width_px:] == pytest.approx(GREY)) or width_px == 64


def test_bgr_models_get_bgr():
    tensor, _ = letterbox("bgr")(plain(64, 64))
    assert tensor[0, :, 0, 0] == pytest.approx((0.0, 0.2, 1.0))


def test_models_of_0_to_255_get_that():
    tensor, _ = letterbox("bgr", "0..255")(plain(64, 32))
    assert tensor[0, :, 0, 0].tolist() == [0, 51, 255]
    assert tensor[0, :, 63, 63].tolist() == [114, 114, 114]


def test_a_centred_picture_has_grey_on_both_sides_and_its_boxes_come_back():
    tensor, found = letterbox("rgb", "0..1", "centre")(plain(128, 64))
    assert found.left_top_px == (0, 16)
    assert tensor[0, 0, :16] == pytest.approx(GREY)
    assert tensor[0, 0, 16:48] == pytest.approx(1.0)
    assert tensor[0, 0, 48:] == pytest.approx(GREY)
    boxes = np.array([(10, 16, 64, 30), (0, 0, 99, 99)], np.float32)
    assert found.in_frame(boxes).tolist() == [[20, 0, 128, 28], [0, 0, 128, 64]]


def test_a_frame_of_another_shape_leaves_nothing_behind():
    ours = letterbox()
    ours(plain(64, 64))
    after, _ = ours(plain(64, 32))
    assert after.tobytes() == letterbox()(plain(64, 32))[0].tobytes()
