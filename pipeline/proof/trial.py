"""Try a network on a picture beside the shipped one: a wrong choice must not pass as a model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from time import perf_counter

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Detections
from detectors.manifest import Manifest
from detectors.recognise import Agreement, NotRecognised, agreement
from detectors.runtime import ObjectModel, Session
from pipeline.proof.coco import KINDS

_COMPARED_FROM = 0.25
_RUNS = 5

Choice = tuple[str, str]


def beside(
    shipped: ObjectModel, manifest: Manifest, session: Session, image_bgr: NDArray[np.uint8]
) -> dict[Choice, Agreement]:
    """How far a network agrees with the shipped one on a picture, by colour and scale.

    Of people and vehicles, those that it has. Raises NotRecognised where the picture shows none.
    """
    kinds = [kind for kind, words in KINDS.items() if words & _reported(manifest)]
    known = _of_kinds(shipped.sure(shipped.detect(image_bgr)), shipped.manifest, kinds)
    if not len(known):
        raise NotRecognised(
            f"GridAlert's own model sees no {' and no '.join(kinds)} on this picture, so there is "
            "nothing to compare with. Give a --picture with some."
        )
    seen = {}
    groups = tuple(
        msgspec.structs.replace(group, score_threshold=_COMPARED_FROM) for group in manifest.groups
    )
    for colour, scale in product(("rgb", "bgr"), ("0..1", "0..255")):
        shown = msgspec.structs.replace(manifest.input, colour=colour, scale=scale)
        model = ObjectModel(msgspec.structs.replace(manifest, input=shown, groups=groups), session)
        found = model.sure(model.detect(image_bgr))
        seen[colour, scale] = agreement(_of_kinds(found, manifest, kinds), known)
    return seen


def judge(seen: Mapping[Choice, Agreement], chosen: Choice) -> None:
    """Raises NotRecognised where another choice is surer, or this one sees other things."""
    now, best = seen[chosen], max(seen, key=lambda choice: seen[choice].belief)
    if seen[best].belief > 1.1 * now.belief + 0.2:
        raise NotRecognised(
            f"with --colour {best[0]} --scale {best[1]} it is clearly surer. Choose these, or, if "
            "you know better, give another --picture."
        )
    if now.other_kind > now.found:
        raise NotRecognised(
            f"it calls {now.other_kind} of the {now.known} a vehicle for a person, or a person for "
            "a vehicle: its classes are in another order. Correct --labels, --person or --vehicle."
        )
    if now.found * 3 < now.known:
        raise NotRecognised(
            f"it finds {now.found} of the {now.known}, so its boxes can't be trusted. Correct "
            "--labels, --colour or --scale, or give a --picture of what it was trained for."
        )


def _reported(manifest: Manifest) -> frozenset[str]:
    return frozenset(label for group in manifest.groups for label in group.labels)


def _of_kinds(found: Detections, manifest: Manifest, kinds: Sequence[str]) -> Detections:
    """Those of these kinds; `class_id` counts in `kinds`."""
    kind_of = np.full(len(manifest.labels), -1)
    for number, kind in enumerate(kinds):
        kind_of[[label in KINDS[kind] for label in manifest.labels]] = number
    ours = Detections(found.xyxy, found.confidence, kind_of[found.class_id])
    return ours.where(ours.class_id >= 0)


@dataclass(frozen=True, slots=True)
class Trial:
    """The picture with the boxes that count, how many of which class, and the median time."""

    jpeg: bytes
    counted: Counter[str]
    spent_ms: float


def try_out(model: ObjectModel, image_bgr: NDArray[np.uint8]) -> Trial:
    """What a model counts on a picture, at its own thresholds."""
    spent_ms = []
    for _ in range(_RUNS):
        began = perf_counter()
        found = model.sure(model.detect(image_bgr))
        spent_ms.append((perf_counter() - began) * 1e3)
    names = [model.manifest.labels[class_id] for class_id in found.class_id]
    drawn = image_bgr.copy()
    for (x0, y0, x1, y1), name, score in zip(
        found.xyxy.astype(int).tolist(), names, found.confidence, strict=True
    ):
        cv2.rectangle(drawn, (x0, y0), (x1, y1), (0, 0, 255), 2)
        cv2.putText(
            drawn,
            f"{name} {score:.2f}",
            (x0, max(12, y0 - 4)),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.45,
            (0, 0, 255),
            1,
            cv2.LINE_AA,
        )
    _, jpeg = cv2.imencode(".jpg", drawn)
    return Trial(jpeg.tobytes(), Counter(names), median(spent_ms))
