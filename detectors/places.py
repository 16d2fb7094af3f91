"""Places where something was seen: what it looked like, which box belongs to which, and twins."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.geometry import bottom_centres, intersections, iou_of
from detectors.hits import Frame
from detectors.likeness import ALIKE, Patch, likeness, patch_of

# research/detectors.md A.3: stopped = bottom centre moved < 0.10 box heights over 3 s.
STILL_WITHIN_HEIGHTS = 0.10
SETTLE_S = 3.0
# At few looks a second two cars that pass could stop at one place by chance; three hardly.
SETTLE_LOOKS = 3
# The gate of a match, and what makes two anchors one vehicle (its box cut by a passer-by).
SAME_PLACE_IOU = 0.5
# So much of a box in the place of one that is not found: what can be seen of it.
PART_OF_SHARE = 0.7
# How old a picture of what is seen may get, before and after a second one has confirmed it.
CONFIRMED_S = 1.0
FRESH_S = 10.0


class Seen(NamedTuple):
    """One look at one thing."""

    at: datetime
    xyxy: NDArray[np.float32]
    confidence: float
    class_id: int


@dataclass(slots=True, eq=False)
class Anchor:
    """A place where something was seen, and its looks of the window. `arrived`: at `first_at`, as
    somebody saw. `waits`: in a queue.

    `patch`: what it looked like at `patch_at`; `steady`: and a while before. `empty_s`: how long
    its place was seen without it. `away`: it was hidden or gone, and what is there now may be
    another. `back_at`: since when something is there again that does not look the same.
    """

    place_xyxy: NDArray[np.float32]
    first_at: datetime
    arrived: bool
    stands: bool = False
    waits: bool = False
    seen: deque[Seen] = field(default_factory=deque)
    patch: Patch | None = None
    patch_at: datetime | None = None
    steady: bool = False
    empty_s: float = 0.0
    away: bool = False
    back_at: datetime | None = None

    @property
    def last_at(self) -> datetime:
        """When it was seen last."""
        return self.seen[-1].at

    @property
    def height_px(self) -> float:
        """How high it is in the picture."""
        return float(self.place_xyxy[3] - self.place_xyxy[1])

    def see(self, seen: Seen) -> None:
        """It was seen once more."""
        self.seen.append(seen)
        if not self.stands and len(self.seen) <= SETTLE_LOOKS:
            self.settle()

    def settle(self) -> None:
        """The place is the middle of the looks so far; a box's jitter no longer moves it."""
        self.place_xyxy = middle(self.seen)

    def picture(self, frame: Frame) -> None:
        """Remember what it looks like now, if it is time to."""
        good_for_s = FRESH_S if self.steady else CONFIRMED_S
        if self.patch_at is not None and age_s(self.patch_at, frame.at) < good_for_s:
            return
        now = patch_of(frame.image_bgr, self.place_xyxy)
        self.steady = self.patch is not None and likeness(self.patch, now) >= ALIKE
        self.patch, self.patch_at = now, frame.at

    def likeness(self, frame: Frame, xyxy: NDArray[np.float32]) -> float:
        """How much `xyxy` looks like it did; NaN where that cannot be told: in a night's noise what
        is seen all the time does not look like itself.
        """
        if self.patch is None or not self.steady:
            return float("nan")
        return likeness(self.patch, patch_of(frame.image_bgr, xyxy))

    def drifts(self) -> bool:
        """Whether between the first and last third of its looks it moved faster than what is still.

        Medians over the looks, because one box jitters by more than a slow roll in a look.
        """
        looks = list(self.seen)
        third = max(1, len(looks) // 3)
        early, late = looks[:third], looks[-third:]
        moved_px = apart_px(middle(early), middle(late))
        slowest_px = STILL_WITHIN_HEIGHTS * self.height_px / SETTLE_S
        return moved_px >= slowest_px * age_s(early[0].at, late[0].at)


def age_s(then: datetime, at: datetime) -> float:
    """Seconds from then until `at`."""
    return (at - then).total_seconds()


def middle(looks: Iterable[Seen]) -> NDArray[np.float32]:
    """The median box of some looks."""
    return np.median([seen.xyxy for seen in looks], axis=0).astype(np.float32)


def apart_px(ours_xyxy: NDArray[np.float32], theirs_xyxy: NDArray[np.float32]) -> float:
    """How far apart two boxes stand."""
    apart = bottom_centres(ours_xyxy[None]) - bottom_centres(theirs_xyxy[None])
    return float(np.hypot(*apart[0]))


def covered_share(place_xyxy: NDArray[np.float32], over_xyxy: NDArray[np.float32]) -> float:
    """Share of a place that lies under boxes (N, 4), as if no two overlapped."""
    area = float(np.prod(place_xyxy[2:] - place_xyxy[:2]))
    return float(intersections(place_xyxy[None], over_xyxy).sum()) / max(area, 1.0)


def match(anchors: list[Anchor], boxes_xyxy: NDArray[np.float32]) -> dict[int, Anchor]:
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
    matched: dict[int, Anchor] = {}
    taken: set[int] = set()
    for anchor_index, box_index in pairs:
        if anchor_index not in taken and box_index not in matched:
            taken.add(anchor_index)
            matched[box_index] = anchors[anchor_index]
    return matched


def without_twins(standing: list[Anchor], at: datetime) -> list[Anchor]:
    """One anchor a vehicle, the one that was there first: its box may be cut for a while."""
    standing.sort(key=lambda anchor: (anchor.first_at, anchor.place_xyxy.tolist()))
    places_xyxy = np.array([anchor.place_xyxy for anchor in standing], np.float32).reshape(-1, 4)
    shared = intersections(places_xyxy, places_xyxy)
    twin = iou_of(places_xyxy, places_xyxy) >= SAME_PLACE_IOU
    unseen = np.array([anchor.last_at < at for anchor in standing], bool)
    twin |= unseen[:, None] & (shared >= PART_OF_SHARE * np.maximum(shared.diagonal(), 1.0))
    if not np.triu(twin, 1).any():
        return standing
    kept: list[int] = []
    for index in range(len(standing)):
        if not twin[kept, index].any():
            kept.append(index)
    return [standing[index] for index in kept]
