"""A network's output tensor into boxes, one function per layout.

    layout ──> the best MAX_CANDIDATES of a group ──> no doubles ──> into pixels of the frame

A layout's function takes one picture's output, the rows of a group's classes, the floor and the
input's size, and gives boxes xyxy (M, 4) in pixels of the model's input and scores (classes, M).
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from detectors.geometry import intersections
from detectors.hits import Detections
from detectors.manifest import ClassGroup, Layout
from detectors.preprocess import Placement

# A sane picture has a few hundred cells above the floor; more are shed, worst first, so that a
# broken camera's noise cannot make one frame take seconds (the overlap matrix is N x N).
MAX_CANDIDATES = 1000
# What is smaller than this share of the box around it is somebody behind, no upper half: without
# it person AP50 falls by a tenth at score 0.01, with it by nothing (models/objects/README.md).
HALF = 0.4
YOLOX_STRIDES_PX = (8, 16, 32)

_Floats = NDArray[np.float32]
_Ids = NDArray[np.int64]
_Found = tuple[_Floats, _Floats, _Ids]
_Candidates = tuple[_Floats, _Floats]
_Decode = Callable[[_Floats, _Ids, float, tuple[int, int]], _Candidates]


def decode(
    layout: Layout,
    output: _Floats,
    labels: Sequence[str],
    groups: Sequence[ClassGroup],
    floor: float,
    placement: Placement,
) -> Detections:
    """Boxes scored `floor` or more of the classes in `groups`, in pixels of the frame, best first.

    `output`: of one picture, as `layout` says; it may hold no cell. `placement`: where the frame,
    to whose edges boxes are cut, lies in the model's input.
    """
    found = [_decode_group(layout, output[0], labels, group, floor, placement) for group in groups]
    boxes_xyxy = placement.in_frame(np.concatenate([boxes for boxes, _, _ in found]))
    confidence = np.concatenate([scores for _, scores, _ in found])
    class_id = np.concatenate([ids for _, _, ids in found])
    best_first = np.argsort(-confidence, kind="stable")
    # A network in half precision can overflow.
    best_first = best_first[np.isfinite(boxes_xyxy[best_first]).all(axis=1)]
    return Detections(boxes_xyxy[best_first], confidence[best_first], class_id[best_first])


def _decode_group(
    layout: Layout,
    output: _Floats,
    labels: Sequence[str],
    group: ClassGroup,
    floor: float,
    placement: Placement,
) -> _Found:
    """Boxes xyxy in model pixels, scores and class ids of one group, best first, no doubles."""
    ids = np.array([i for i, label in enumerate(labels) if label in group.labels], np.int64)
    boxes_xyxy, scores = _LAYOUTS[layout](output, ids, floor, placement.input_wh)
    keep = suppress_doubles(boxes_xyxy, group.nms_iou, group.nms_inside)
    scores = scores[:, keep]
    return boxes_xyxy[keep], scores.max(axis=0), ids[scores.argmax(axis=0)]


def _yolov8(output: _Floats, ids: _Ids, floor: float, _: tuple[int, int]) -> _Candidates:
    """(4 + labels, N): centre x, centre y, width, height in px, then a score a class."""
    scores = output[4 + ids]  # first: 3 of 80 rows, and then the few cells above the floor
    cells = _best(scores, floor)
    return corners(output[0:4, cells].T), scores[:, cells]


def _yolov5(output: _Floats, ids: _Ids, floor: float, _: tuple[int, int]) -> _Candidates:
    """(N, 5 + labels): centre x, centre y, width, height in px, objectness, then a score a class.

    A class's score is the product of both.
    """
    cells, scores = _by_objectness(output, ids, floor)
    return corners(output[cells, 0:4]), scores


def _yolox(output: _Floats, ids: _Ids, floor: float, input_wh: tuple[int, int]) -> _Candidates:
    """As yolov5, but raw: centre in strides from the cell's corner, log of the size in strides."""
    cells, scores = _by_objectness(output, ids, floor)
    corner_px, stride_px = yolox_cells(input_wh)
    stride = stride_px[cells, None]
    centre_px = output[cells, 0:2] * stride + corner_px[cells]
    size_px = np.exp(np.minimum(output[cells, 2:4], 20)) * stride  # noise must not overflow
    return corners(np.concatenate([centre_px, size_px], axis=1)), scores


def _end_to_end(output: _Floats, ids: _Ids, floor: float, _: tuple[int, int]) -> _Candidates:
    """(N, 6): corners xyxy in px, score, class; the network has chosen among doubles itself."""
    scores = np.where(output[:, 5] == ids[:, None], output[:, 4], np.float32(0))
    cells = _best(scores, floor)
    return output[cells, 0:4], scores[:, cells]


_LAYOUTS: dict[Layout, _Decode] = {
    "yolov8": _yolov8,
    "yolov5": _yolov5,
    "yolox": _yolox,
    "end_to_end": _end_to_end,
}


@cache
def yolox_cells(input_wh: tuple[int, int]) -> tuple[_Floats, _Floats]:
    """Corners xy (N, 2) and strides (N,), in px, of YOLOX' cells: stride by stride, row by row."""
    corners, strides = [], []
    for stride_px in YOLOX_STRIDES_PX:
        y, x = np.mgrid[: input_wh[1] // stride_px, : input_wh[0] // stride_px]
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1) * stride_px)
        strides.append(np.full(x.size, stride_px))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _by_objectness(output: _Floats, ids: _Ids, floor: float) -> tuple[_Ids, _Floats]:
    """The best cells (M,) and their scores (classes, M). None scores more than its objectness."""
    likely = np.flatnonzero(output[:, 4] >= floor)
    scores = output[likely[None], 5 + ids[:, None]] * output[likely, 4]
    best = _best(scores, floor)
    return likely[best], scores[:, best]


def _best(scores: _Floats, floor: float) -> _Ids:
    """At most MAX_CANDIDATES cells (of classes x cells) that reach the floor, best first."""
    best = scores.max(axis=0, initial=0)
    cells = np.flatnonzero(best >= floor)
    return cells[np.argsort(-best[cells], kind="stable")][:MAX_CANDIDATES]


def corners(boxes_xywh: _Floats) -> _Floats:
    """Boxes xyxy (M, 4) of centres and sizes."""
    centre, half = boxes_xywh[:, 0:2], boxes_xywh[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def suppress_doubles(
    boxes_xyxy: NDArray[np.float32], max_iou: float, max_inside: float
) -> NDArray[np.int64]:
    """Indices (M,) of the boxes that stay when each is the only one of its object.

    `boxes_xyxy`: (N, 4), best first. A box falls to a better one that it overlaps by more than
    `max_iou`, or with which it shares more than `max_inside` of the smaller's area, where that is
    HALF of the larger's or more: the network likes to give a person a second box of the upper half.
    """
    shared = intersections(boxes_xyxy, boxes_xyxy)
    ours, theirs = shared.diagonal()[:, None], shared.diagonal()[None, :]
    union = ours + theirs - shared
    smaller, larger = np.minimum(ours, theirs), np.maximum(ours, theirs)
    half = (shared > max_inside * smaller) & (smaller > HALF * larger)
    double = (shared > max_iou * union) | half
    alive = np.ones(len(boxes_xyxy), np.bool_)
    for index in range(len(boxes_xyxy)):
        if alive[index]:
            alive[index + 1 :] &= ~double[index, index + 1 :]
    return np.flatnonzero(alive)
