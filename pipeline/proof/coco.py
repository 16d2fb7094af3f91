"""AP50 of a model on pictures with COCO's annotations, by the rules of pycocotools."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.geometry import intersections
from detectors.hits import Detections
from detectors.runtime import ObjectModel

# What COCO and our models call them.
KINDS: dict[str, frozenset[str]] = {
    "person": frozenset({"person"}),
    "vehicle": frozenset({"car", "bus", "truck"}),
}
SCORE_FROM, NMS_IOU = 0.01, 0.6
MATCH_IOU = 0.5
MOST_BOXES = 100  # a picture and kind, the surest, as pycocotools' maxDets

_Boxes = NDArray[np.float64]
_Side = Annotated[float, msgspec.Meta(ge=0)]


class CocoUnusable(ValueError):  # noqa: N818 -- what happened, as users read it
    """Annotations or pictures that can't be evaluated on: which, why, and how to mend it."""


class _Picture(msgspec.Struct):
    id: int
    file_name: str


class _Category(msgspec.Struct):
    id: int
    name: str


class _Annotation(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, _Side, _Side]
    iscrowd: Literal[0, 1] = 0


class Annotations(msgspec.Struct):
    """instances_*.json as COCO writes it; keys that are not needed are passed over."""

    images: Annotated[tuple[_Picture, ...], msgspec.Meta(min_length=1)]
    annotations: Annotated[tuple[_Annotation, ...], msgspec.Meta(min_length=1)]
    categories: tuple[_Category, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One kind on one picture: the truth's boxes xyxy (T, 4), which of them are crowds (T,), and
    the model's boxes (N, 4) and their scores (N,).
    """

    truth_xyxy: _Boxes
    is_crowd: NDArray[np.bool_]
    found_xyxy: _Boxes
    scores: NDArray[np.float64]


class CocoResult(msgspec.Struct, frozen=True):
    """`ap50`: 0..1 of each kind, None where the pictures show none."""

    ap50: dict[str, float | None]
    pictures: int
    model: str


def evaluate_coco(
    model: ObjectModel, annotations: Path, folder: Path, progress: Callable[[int, int], None]
) -> CocoResult:
    """AP50 of person and vehicle on every picture, through the model's own way of looking at one.

    `progress`: told after each picture how many of how many are done. Raises CocoUnusable.
    """
    known = read_annotations(annotations)
    labels = np.array(model.manifest.labels)
    changed = msgspec.structs.replace
    groups = (
        changed(group, score_threshold=SCORE_FROM, nms_iou=NMS_IOU)
        for group in model.manifest.groups
    )
    lowered = changed(model.manifest, faint_threshold=SCORE_FROM, groups=tuple(groups))
    everything = ObjectModel(lowered, model.session)
    names = {category.id: category.name for category in known.categories}
    seen: dict[str, list[Seen]] = {kind: [] for kind in KINDS}
    for done, picture in enumerate(known.images, 1):
        image_bgr = cv2.imread(str(folder / picture.file_name))
        if image_bgr is None:
            raise CocoUnusable(
                f"{folder / picture.file_name} is missing, or no picture. --images must be the "
                f"folder of the pictures that {annotations} names."
            )
        found = everything.detect(image_bgr)
        truth = [a for a in known.annotations if a.image_id == picture.id]
        for kind, words in KINDS.items():
            ours = found.where(np.isin(labels[found.class_id], list(words)))
            seen[kind].append(_seen([a for a in truth if names.get(a.category_id) in words], ours))
        progress(done, len(known.images))
    found_ap50 = {kind: ap50(pictures) for kind, pictures in seen.items()}
    return CocoResult(found_ap50, len(known.images), model.manifest.model_id)


def read_annotations(path: Path) -> Annotations:
    """The annotations of a file. Raises CocoUnusable."""
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Annotations)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CocoUnusable(
            f"{path} is not annotations of objects as COCO writes them: {error}. "
            "Name an instances_*.json with images, annotations (bbox) and categories."
        ) from error
    missing = {a.image_id for a in known.annotations} - {picture.id for picture in known.images}
    if missing:
        raise CocoUnusable(f"{path}: annotations of image {min(missing)}, which is none of images.")
    if not {category.name for category in known.categories} & frozenset().union(*KINDS.values()):
        raise CocoUnusable(f"{path}: no category is person, car, bus or truck. Rename them so.")
    return known


def _seen(truth: Sequence[_Annotation], found: Detections) -> Seen:
    boxes_xywh = np.array([a.bbox for a in truth], np.float64).reshape(-1, 4)
    return Seen(
        np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1),
        np.array([a.iscrowd for a in truth], np.bool_),
        found.xyxy.astype(np.float64),
        found.confidence.astype(np.float64),
    )


def ap50(pictures: Iterable[Seen]) -> float | None:
    """The mean precision at recall 0, .01 ... 1, precision at a recall being the best at it or any
    higher one; None where there is nothing to find.

    As pycocotools: a box matches the truth that it overlaps most, by IoU .5 or more, and that no
    surer box has; one on a crowd counts neither for nor against.
    """
    there, scores, hits = 0, [], []
    for seen in pictures:
        there += int((~seen.is_crowd).sum())
        best_first = np.argsort(-seen.scores, kind="stable")[:MOST_BOXES]
        hit, counts = _matches(seen, best_first)
        scores.append(seen.scores[best_first][counts])
        hits.append(hit[counts])
    if there == 0:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    found = np.concatenate(hits)[order].cumsum()
    precision = found / np.arange(1, len(found) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    # The 101 recalls, and the first rank that has come so far; a recall not reached has 0.
    ranks = np.searchsorted(found / there, np.linspace(0, 1, 101), side="left")
    return round(float(np.append(precision, 0.0)[ranks].mean()), 4)


def _matches(seen: Seen, order: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of the boxes in this order: which hit a truth, and which count at all."""
    shared = intersections(seen.found_xyxy, seen.truth_xyxy)
    ours, theirs = _areas(seen.found_xyxy)[:, None], _areas(seen.truth_xyxy)[None]
    # Of a crowd it is enough to lie in it.
    union = np.where(seen.is_crowd[None], ours, ours + theirs - shared)
    overlap = shared / np.maximum(union, np.finfo(np.float64).tiny)
    free = ~seen.is_crowd
    hit, counts = np.zeros(len(order), np.bool_), np.ones(len(order), np.bool_)
    for rank, box in enumerate(order):
        mine = np.where(free & (overlap[box] >= MATCH_IOU), overlap[box], 0)
        hit[rank] = mine.any()
        if hit[rank]:  # of equals pycocotools takes the last
            free[len(mine) - 1 - mine[::-1].argmax()] = False
        else:
            counts[rank] = not (overlap[box][seen.is_crowd] >= MATCH_IOU).any()
    return hit, counts


def _areas(boxes_xyxy: _Boxes) -> _Boxes:
    return np.asarray((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1))
