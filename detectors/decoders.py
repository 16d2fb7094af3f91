"""A network's output tensor into boxes, one function per layout."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.geometry import intersections
from detectors.hits import Detections
from detectors.manifest import ClassGroup

# A sane picture has a few hundred cells above the floor; more are shed, worst first, so that a
# broken camera's noise cannot make one frame take seconds (the overlap matrix is N x N).
MAX_CANDIDATES = 1000


def decode_yolov8(
    output: NDArray[np.float32],
    labels: Sequence[str],
    groups: Sequence[ClassGroup],
    floor: float,
    scale: float,
    size_wh: tuple[int, int],
) -> Detections:
    """Boxes scored `floor` or more of the classes in `groups`, in pixels of the frame, best first.

    `output`: (1, 4 + len(labels), N): centre x, centre y, width, height in pixels of the model's
    input, then a score 0..1 a class. `scale`: model pixels per frame pixel. `size_wh`: the frame,
    to whose edges boxes are cut. N may be 0.
    """
    found = [_decode_group(output[0], labels, group, floor) for group in groups]
    boxes_xyxy = np.concatenate([boxes for boxes, _, _ in found])
    boxes_xyxy /= np.float32(scale)
    boxes_xyxy[:, 0::2] = boxes_xyxy[:, 0::2].clip(0, size_wh[0])
    boxes_xyxy[:, 1::2] = boxes_xyxy[:, 1::2].clip(0, size_wh[1])
    confidence = np.concatenate([scores for _, scores, _ in found])
    class_id = np.concatenate([ids for _, _, ids in found])
    best_first = np.argsort(-confidence, kind="stable")
    return Detections(boxes_xyxy[best_first], confidence[best_first], class_id[best_first])


_Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def _decode_group(
    output: NDArray[np.float32], labels: Sequence[str], group: ClassGroup, floor: float
) -> _Found:
    """Boxes xyxy in model pixels, scores and class ids of one group, best first, no doubles."""
    ids = np.array([labels.index(label) for label in group.labels], np.int64)
    scores = output[4 + ids]  # first: 3 of 80 rows, and then the few cells above the floor
    best = scores.max(axis=0)
    cells = np.flatnonzero(best >= floor)
    cells = cells[np.argsort(-best[cells], kind="stable")][:MAX_CANDIDATES]
    centre_xy, size_wh = output[0:2, cells].T, output[2:4, cells].T
    boxes_xyxy = np.concatenate([centre_xy - size_wh / 2, centre_xy + size_wh / 2], axis=1)
    keep = suppress_doubles(boxes_xyxy, group.nms_iou, group.nms_inside)
    cells = cells[keep]
    return boxes_xyxy[keep], best[cells], ids[scores[:, cells].argmax(axis=0)]


def suppress_doubles(
    boxes_xyxy: NDArray[np.float32], max_iou: float, max_inside: float
) -> NDArray[np.int64]:
    """Indices (M,) of the boxes that stay when each is the only one of its object.

    `boxes_xyxy`: (N, 4), best first. A box falls to a better one that it overlaps by more than
    `max_iou`, or with which it shares more than `max_inside` of the smaller's area: the network
    likes to give a person a second box of the upper half, whose IoU is about 0.5.
    """
    shared = intersections(boxes_xyxy, boxes_xyxy)
    ours, theirs = shared.diagonal()[:, None], shared.diagonal()[None, :]
    union = ours + theirs - shared
    double = (shared > max_iou * union) | (shared > max_inside * np.minimum(ours, theirs))
    alive = np.ones(len(boxes_xyxy), np.bool_)
    for index in range(len(boxes_xyxy)):
        if alive[index]:
            alive[index + 1 :] &= ~double[index, index + 1 :]
    return np.flatnonzero(alive)
