"""Which boxes stand still, matched by place and never by a tracker's id."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.geometry import bottom_centres, iou_of
from detectors.hits import Detections

# a car passes   []  []  []  []    an anchor at each new place, seen once or twice, forgotten
# a van parks    [ ][ ]   [ ][ ]   one anchor: after 3 s within 0.10 of its height it stands
#                       ^ drop-out: the anchor waits

# research/detectors.md A.3: stopped = bottom centre moved < 0.10 box heights over 3 s.
STILL_WITHIN_HEIGHTS = 0.10
SETTLE_S = 3.0
# At few looks a second two cars that pass could stop at one place by chance; three hardly, and at
# many looks a second those that pass fill less than half of them.
SETTLE_LOOKS = 3
SETTLE_SEEN_SHARE = 0.5
# All that is remembered: at the slowest rate, 0.5 looks a second, two drop-outs make a gap of 6 s,
# and sampling wanders. What stands is gone when seen in less than a quarter of these looks.
WINDOW_S = 7.0
STAND_SEEN_SHARE = 0.25
# The gate of a match, and what makes two anchors one vehicle (its box cut by a passer-by).
SAME_PLACE_IOU = 0.5
# Traffic starts an anchor a look and box; above this those that do not stand go, oldest first.
MAX_ANCHORS = 300


class _Seen(NamedTuple):
    at: datetime
    xyxy: NDArray[np.float32]
    confidence: float
    class_id: int


@dataclass(slots=True)
class _Anchor:
    """A place where something was seen, and its looks of the window."""

    place_xyxy: NDArray[np.float32]
    first_at: datetime
    stands: bool = False
    seen: deque[_Seen] = field(default_factory=deque)

    def see(self, seen: _Seen) -> None:
        self.seen.append(seen)
        if not self.stands and len(self.seen) <= SETTLE_LOOKS:
            self.settle()

    def settle(self) -> None:
        """The place is the middle of the looks so far; a box's jitter no longer moves it."""
        self.place_xyxy = _middle(self.seen)

    def drifts(self) -> bool:
        """Whether between the first and last third of its looks it moved faster than what is still.

        Medians over the looks, because one box jitters by more than a slow roll in a look.
        """
        looks = list(self.seen)
        third = max(1, len(looks) // 3)
        early, late = looks[:third], looks[-third:]
        then, now = _middle(early)[None], _middle(late)[None]
        moved_px = float(np.hypot(*(bottom_centres(now) - bottom_centres(then))[0]))
        height_px = float(self.place_xyxy[3] - self.place_xyxy[1])
        allowed_px = STILL_WITHIN_HEIGHTS * height_px * _age_s(early[0].at, late[0].at) / SETTLE_S
        return moved_px >= allowed_px

    def forget_before(self, at: datetime) -> None:
        while self.seen and _age_s(self.seen[0].at, at) > WINDOW_S:
            self.seen.popleft()

    def seen_share(self, looks: deque[datetime]) -> float:
        """Share of the window's looks since it was first seen that saw it, at least one of them."""
        return len(self.seen) / sum(at >= self.first_at for at in looks)


class Standing:
    """What stands in one camera's picture: soft state of seconds, in pixels of one frame size."""

    def __init__(self) -> None:
        self._looks: deque[datetime] = deque()
        self._anchors: list[_Anchor] = []

    def look(self, at: datetime, detections: Detections) -> Detections:
        """The things that stand at `at`, which never goes back, longest standing first.

        Boxes are the places where they stopped, the same from look to look; confidence is the
        median and the class the most frequent one of the window's looks. The order of
        `detections` changes nothing.
        """
        self._forget_before(at)
        self._looks.append(at)
        self._see(at, detections)
        self._decide(at)
        return _as_detections(_without_twins([a for a in self._anchors if a.stands]))

    def _forget_before(self, at: datetime) -> None:
        while self._looks and _age_s(self._looks[0], at) > WINDOW_S:
            self._looks.popleft()
        for anchor in self._anchors:
            anchor.forget_before(at)
        self._anchors = [anchor for anchor in self._anchors if anchor.seen]

    def _see(self, at: datetime, detections: Detections) -> None:
        order = np.lexsort((detections.class_id, detections.confidence, *detections.xyxy.T[::-1]))
        boxes_xyxy = detections.xyxy[order]
        matched = _match(self._anchors, boxes_xyxy)
        for index, original in enumerate(order):
            xyxy, confidence = boxes_xyxy[index], float(detections.confidence[original])
            anchor = matched.get(index)
            if anchor is None:
                anchor = _Anchor(place_xyxy=xyxy, first_at=at)
                self._anchors.append(anchor)
            anchor.see(_Seen(at, xyxy, confidence, int(detections.class_id[original])))

    def _decide(self, at: datetime) -> None:
        for anchor in self._anchors:
            if anchor.stands or not self._has_settled(anchor, at):
                continue
            anchor.stands = True
            anchor.settle()
        kept = [
            anchor
            for anchor in self._anchors
            if not anchor.stands or anchor.seen_share(self._looks) >= STAND_SEEN_SHARE
        ]
        kept.sort(key=lambda anchor: (not anchor.stands, _age_s(anchor.seen[-1].at, at)))
        self._anchors = kept[:MAX_ANCHORS]

    def _has_settled(self, anchor: _Anchor, at: datetime) -> bool:
        return (
            _age_s(anchor.first_at, at) >= SETTLE_S
            and anchor.seen[-1].at == at
            and len(anchor.seen) >= SETTLE_LOOKS
            and anchor.seen_share(self._looks) >= SETTLE_SEEN_SHARE
            and not anchor.drifts()
        )


def _age_s(then: datetime, at: datetime) -> float:
    return (at - then).total_seconds()


def _middle(looks: Iterable[_Seen]) -> NDArray[np.float32]:
    return np.median([seen.xyxy for seen in looks], axis=0).astype(np.float32)


def _match(anchors: list[_Anchor], boxes_xyxy: NDArray[np.float32]) -> dict[int, _Anchor]:
    """Which anchor each box belongs to, by index of the box: what stands first, then best IoU."""
    if not anchors or len(boxes_xyxy) == 0:
        return {}
    places_xyxy = np.stack([anchor.place_xyxy for anchor in anchors])
    iou = iou_of(places_xyxy, boxes_xyxy)
    moved = bottom_centres(places_xyxy)[:, None] - bottom_centres(boxes_xyxy)[None]
    heights = places_xyxy[:, 3] - places_xyxy[:, 1]
    still = np.hypot(moved[..., 0], moved[..., 1]) < STILL_WITHIN_HEIGHTS * heights[:, None]
    pairs = np.argwhere(still & (iou >= SAME_PLACE_IOU)).tolist()
    pairs.sort(key=lambda pair: (not anchors[pair[0]].stands, -iou[pair[0], pair[1]], pair))
    matched: dict[int, _Anchor] = {}
    taken: set[int] = set()
    for anchor_index, box_index in pairs:
        if anchor_index not in taken and box_index not in matched:
            taken.add(anchor_index)
            matched[box_index] = anchors[anchor_index]
    return matched


def _without_twins(standing: list[_Anchor]) -> list[_Anchor]:
    """One anchor a vehicle, the one that was there first."""
    kept: list[_Anchor] = []
    for anchor in sorted(standing, key=lambda a: (a.first_at, a.place_xyxy.tolist())):
        others = np.array([other.place_xyxy for other in kept]).reshape(-1, 4)
        if iou_of(anchor.place_xyxy[None], others).max(initial=0.0) < SAME_PLACE_IOU:
            kept.append(anchor)
    return kept


def _as_detections(standing: list[_Anchor]) -> Detections:
    confidence = [np.median([seen.confidence for seen in anchor.seen]) for anchor in standing]
    kinds = [np.bincount([seen.class_id for seen in anchor.seen]).argmax() for anchor in standing]
    return Detections(
        np.array([anchor.place_xyxy for anchor in standing], np.float32).reshape(-1, 4),
        np.array(confidence, np.float32),
        np.array(kinds, np.int64),
    )
