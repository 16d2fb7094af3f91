"""Try a network on a picture beside the shipped one: a wrong choice must not pass as a model."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from statistics import median
from time import perf_counter
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.decoders import decode
from detectors.geometry import iou_of
from detectors.hits import Detections
from detectors.manifest import Manifest
from detectors.preprocess import Letterbox
from detectors.recognise import NotRecognised
from detectors.runtime import ObjectModel, Session
from pipeline.proof.coco import KINDS

_COMPARED_FROM = 0.25
_RUNS = 3
_RED = (0, 0, 255)

Choice = tuple[str, str]


class Agreement(NamedTuple):
    """How far a network sees what a known one sees: the sum of the confidences of its boxes on one
    of the same kind (IoU .5), how many of `known` were found, and found as another kind only.
    """

    belief: float
    found: int
    other_kind: int
    known: int


def agreement(found: Detections, known: Detections) -> Agreement:
    """`class_id` of both counts in the same kinds."""
    overlaps = iou_of(known.xyxy, found.xyxy) >= 0.5
    right = overlaps & (known.class_id[:, None] == found.class_id[None])
    hit = right.any(axis=1)
    mixed_up = int((overlaps.any(axis=1) & ~hit).sum())
    belief = float(found.confidence[right.any(axis=0)].sum())
    return Agreement(belief, int(hit.sum()), mixed_up, len(known))


def beside(
    shipped: ObjectModel, manifest: Manifest, session: Session, image_bgr: NDArray[np.uint8]
) -> dict[Choice, Agreement]:
    """How far a network agrees with the shipped one on a picture, by colour and scale.

    Of people and vehicles, those that it has. Raises NotRecognised where the picture shows none.
    """
    reported = {label for group in manifest.groups for label in group.labels}
    kinds = [kind for kind, words in KINDS.items() if words & reported]
    known = _of_kinds(shipped.sure(shipped.detect(image_bgr)), shipped.manifest, kinds)
    if not len(known):
        raise NotRecognised(
            f"GridAlert's own model sees no {' and no '.join(kinds)} on this picture, so there is "
            "nothing to compare with. Give a --picture with some."
        )
    seen: dict[Choice, Agreement] = {}
    for choice in product(("rgb", "bgr"), ("0..1", "0..255")):
        shown = msgspec.structs.replace(manifest.input, colour=choice[0], scale=choice[1])
        tensor, placement = Letterbox(shown)(image_bgr)
        output = session.run(manifest.output.name, {shown.name: tensor})
        of_it = manifest.output.layout, output, manifest.labels, manifest.groups
        found = decode(*of_it, _COMPARED_FROM, placement)
        seen[choice] = agreement(_of_kinds(found, manifest, kinds), known)
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


def _of_kinds(found: Detections, manifest: Manifest, kinds: Sequence[str]) -> Detections:
    """Those of these kinds; `class_id` counts in `kinds`."""
    kind_of = np.full(len(manifest.labels), -1)
    for number, kind in enumerate(kinds):
        kind_of[[label in KINDS[kind] for label in manifest.labels]] = number
    ours = Detections(found.xyxy, found.confidence, kind_of[found.class_id])
    return ours.where(ours.class_id >= 0)


def try_out(model: ObjectModel, image_bgr: NDArray[np.uint8], tell: Callable[[str], None]) -> bytes:
    """The picture with the boxes that count, as JPEG; tells what these are and how long it took."""
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
        cv2.rectangle(drawn, (x0, y0), (x1, y1), _RED, 2)
        text, spot = f"{name} {score:.2f}", (x0, max(12, y0 - 4))
        cv2.putText(drawn, text, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _RED, 1, cv2.LINE_AA)
    counted = ", ".join(f"{n} {name}" for name, n in Counter(names).items()) or "nothing"
    shown, (width_px, height_px) = model.manifest.input, model.manifest.input.size_wh
    tell(
        f"{model.manifest.output.layout}, {width_px}x{height_px}, {shown.colour} {shown.scale}, "
        f"{shown.place}: {median(spent_ms):.0f} ms a picture on one thread "
        f"({model.session.provider}); it counts {counted}"
    )
    return bytes(cv2.imencode(".jpg", drawn)[1].tobytes())
