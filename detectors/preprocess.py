"""A frame of any size into the tensor that a model wants."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.manifest import ModelInput


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a frame lies in the model's input: `scale` model pixels per frame pixel, `left_top_px`
    its corner there; `frame_wh` and `input_wh` in pixels.
    """

    scale: float
    left_top_px: tuple[int, int]
    frame_wh: tuple[int, int]
    input_wh: tuple[int, int]

    def in_frame(self, boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) in model pixels as boxes in frame pixels, cut at the frame's edges."""
        boxes_xyxy = boxes_xyxy - np.array(self.left_top_px * 2, np.float32)
        boxes_xyxy /= np.float32(self.scale)
        np.clip(boxes_xyxy, 0, np.array(self.frame_wh * 2, np.float32), out=boxes_xyxy)
        return boxes_xyxy


class Letterbox:
    """Scales a picture to fit a model's input and pads the rest; keeps its buffers.

    Plain numpy over kept buffers took 1.2 ms a frame where cv2.dnn.blobFromImage took 3.8, so the
    array that it returns is the same one each time: use it before the next call, from one thread.
    """

    def __init__(self, model_input: ModelInput) -> None:
        self._width_px, self._height_px = model_input.size_wh
        self._unit = np.float32(1 / 255 if model_input.scale == "0..1" else 1)
        self._pad = np.float32(model_input.pad) * self._unit
        self._centred = model_input.place == "centre"
        self._channels = (2, 1, 0) if model_input.colour == "rgb" else (0, 1, 2)
        self._tensor = np.full((1, 3, self._height_px, self._width_px), self._pad, np.float32)
        self._scaled_bgr = np.empty((0, 0, 3), np.uint8)

    def __call__(self, image_bgr: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Placement]:
        """The tensor (1, 3, H, W) and where the picture lies in it.

        `image_bgr`: (height_px, width_px, 3), at least 1 x 1.
        """
        height_px, width_px = image_bgr.shape[:2]
        scale = min(self._width_px / width_px, self._height_px / height_px)
        fit_h, fit_w = max(1, round(height_px * scale)), max(1, round(width_px * scale))
        left, top = 0, 0
        if self._centred:  # an odd pixel of padding goes right and below
            left, top = (self._width_px - fit_w) // 2, (self._height_px - fit_h) // 2
        if self._scaled_bgr.shape[:2] != (fit_h, fit_w):
            self._scaled_bgr = np.empty((fit_h, fit_w, 3), np.uint8)
            self._tensor[:] = self._pad
        cv2.resize(image_bgr, (fit_w, fit_h), dst=self._scaled_bgr, interpolation=cv2.INTER_LINEAR)
        for plane, channel in enumerate(self._channels):
            np.multiply(
                self._scaled_bgr[:, :, channel],
                self._unit,
                out=self._tensor[0, plane, top : top + fit_h, left : left + fit_w],
            )
        size_wh, input_wh = (width_px, height_px), (self._width_px, self._height_px)
        return self._tensor, Placement(scale, (left, top), size_wh, input_wh)
