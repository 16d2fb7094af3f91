"""Which boxes stand still, matched by place and never by a tracker's id."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median, mode

import numpy as np
from numpy.typing import NDArray

from detectors.geometry import iou_of
from detectors.hits import Detections, Frame
from detectors.likeness import ALIKE
from detectors.places import (
    SETTLE_LOOKS,
    SETTLE_S,
    Anchor,
    Seen,
    age_s,
    apart_px,
    covered_share,
    match,
    middle,
    without_twins,
)
from detectors.queueing import waiting

# a car passes   []  []  []  []    an anchor at each new place, seen once or twice, forgotten
# a van parks    [ ][ ]   [ ][ ]   one anchor: after 3 s within 0.10 of its height it stands
#                       ^ not found, but it looks the same: it stands
#   a bus stops    [####]          newer and over its place: it stands, for a minute
#   it drives off    . . . . .     its place is free to be seen: after 10 s it is gone, unless
#                                  within the minute what looks the same is there again

# At many looks a second the cars that pass fill less than half of those at one place.
SETTLE_SEEN_SHARE = 0.5
# What is remembered of looks: so many seconds, or so many looks where a quiet street has few.
WINDOW_S = 7.0
WINDOW_LOOKS = 5
# A.3: how long a place keeps what is hidden or not found, and when it is empty; a look vouches for
# a third of that at most.
KEPT_S = 60.0
EMPTY_S = 10.0
LOOK_WORTH_S = EMPTY_S / 3
# Its place was free for so long: what is there again may be another, and has to look like it.
FREED_S = 4.0
# Share of a place that something newer must cover to hide what stands there.
HIDDEN_FROM = 0.4
# Half a length further on is the same vehicle, unless it looks otherwise; A.6 (1) of the research.
EDGED_IOU = 0.3
# Other wheels where its wheels were, nearer than the next lane: it has been replaced.
REPLACED_WITHIN_HEIGHTS = 0.3
# What is there so soon was there before anybody looked: nobody saw it arrive.
ARRIVES_AFTER_S = 10.0
# Traffic starts an anchor a look and box; above this those that do not stand go, oldest first.
MAX_ANCHORS = 300


class Standing:
    """What stands in one camera's picture: soft state of seconds, in pixels of one frame size."""

    def __init__(self) -> None:
        self._looks: deque[datetime] = deque()
        self._began_at: datetime | None = None
        self._anchors: list[Anchor] = []

    def look(
        self, frame: Frame, vehicles: Detections, others_xyxy: NDArray[np.float32]
    ) -> tuple[Detections, tuple[datetime | None, ...]]:
        """The vehicles that stand and wait for nothing at `frame.at`, which never goes back, and
        when each arrived: None where it was there before anybody looked.

        Boxes are the places where they stopped, the same from look to look; confidence is the
        median and the class the most frequent one of the last looks. The order of `vehicles`
        changes nothing. `others_xyxy` (M, 4): what else may hide them.
        """
        since_s = self._pass_time(frame.at)
        self._see(frame.at, vehicles)
        here = [anchor for anchor in self._anchors if anchor.last_at == frame.at]
        for anchor in [anchor for anchor in self._anchors if anchor.stands]:
            if anchor.last_at == frame.at:
                self._found(anchor, frame, since_s)
            else:
                _missed(anchor, here, others_xyxy, frame, since_s)
        for anchor in [anchor for anchor in here if not anchor.stands and len(anchor.seen) > 1]:
            anchor.picture(frame)
            if self._has_settled(anchor, frame.at):
                self._settle(anchor, frame)
        self._forget(frame.at)
        standing = [one for one in self._anchors if one.stands and one.empty_s < EMPTY_S]
        return _of_anchors(_without_waiting(without_twins(standing, frame.at), frame.at))

    def _pass_time(self, at: datetime) -> float:
        """How long ago the last look was, at most what a look vouches for."""
        since_s = age_s(self._looks[-1], at) if self._looks else 0.0
        if self._began_at is None or since_s > KEPT_S:
            self._looks.clear()
            self._anchors, self._began_at = [], at
        self._looks.append(at)
        while len(self._looks) > WINDOW_LOOKS and age_s(self._looks[0], at) > WINDOW_S:
            self._looks.popleft()
        return min(since_s, LOOK_WORTH_S)

    def _see(self, at: datetime, detections: Detections) -> None:
        order = np.lexsort((detections.class_id, detections.confidence, *detections.xyxy.T[::-1]))
        boxes_xyxy = detections.xyxy[order]
        matched = match(self._anchors, boxes_xyxy)
        began_at = self._began_at or at
        for index, original in enumerate(order):
            xyxy, confidence = boxes_xyxy[index], float(detections.confidence[original])
            anchor = matched.get(index)
            if anchor is None:
                anchor = Anchor(xyxy, at, age_s(began_at, at) > ARRIVES_AFTER_S)
                self._anchors.append(anchor)
            anchor.see(Seen(at, xyxy, confidence, int(detections.class_id[original])))

    def _found(self, anchor: Anchor, frame: Frame, since_s: float) -> None:
        """Something is at its place again, or still: it, unless it looks otherwise for a while."""
        if not (anchor.away and anchor.likeness(frame, anchor.place_xyxy) < ALIKE):
            anchor.empty_s, anchor.away, anchor.back_at = 0.0, False, None
            anchor.picture(frame)
            return
        if anchor.empty_s < EMPTY_S:
            # Passing traffic meets a place in a few of its looks; what stands there in most.
            anchor.empty_s = max(0.0, anchor.empty_s - 2 * since_s)
        anchor.back_at = back_at = anchor.back_at or frame.at
        looks = deque(seen for seen in anchor.seen if seen.at >= back_at)
        if age_s(back_at, frame.at) >= SETTLE_S and len(looks) >= SETTLE_LOOKS:
            another = Anchor(middle(looks), back_at, arrived=True, stands=True, seen=looks)
            another.picture(frame)
            self._anchors[self._anchors.index(anchor)] = another

    def _has_settled(self, anchor: Anchor, at: datetime) -> bool:
        looks = sum(look >= anchor.first_at for look in self._looks)
        return (
            age_s(anchor.first_at, at) >= SETTLE_S
            and len(anchor.seen) >= SETTLE_LOOKS
            and len(anchor.seen) >= SETTLE_SEEN_SHARE * looks
            and not anchor.drifts()
        )

    def _settle(self, anchor: Anchor, frame: Frame) -> None:
        """It stands from now on; it may be one that stood nearby, or where another one stood."""
        anchor.stands = True
        anchor.settle()
        settling = timedelta(seconds=SETTLE_S)
        for old in [old for old in self._anchors if old.stands and old.last_at < frame.at]:
            overlap = iou_of(old.place_xyxy[None], anchor.place_xyxy[None])[0, 0]
            if overlap < EDGED_IOU or old.last_at > anchor.first_at + settling:
                continue
            # From one look to the next a tailgate may open, but none goes and another comes.
            at_once = not any(old.last_at < look < anchor.first_at for look in self._looks)
            if at_once or not old.likeness(frame, anchor.place_xyxy) < ALIKE:
                anchor.first_at, anchor.arrived = old.first_at, old.arrived
                anchor.waits = old.waits
                self._anchors.remove(old)
            elif (
                apart_px(old.place_xyxy, anchor.place_xyxy)
                < REPLACED_WITHIN_HEIGHTS * old.height_px
            ):
                self._anchors.remove(old)

    def _forget(self, at: datetime) -> None:
        for anchor in self._anchors:
            while len(anchor.seen) > 1 and anchor.seen[0].at < self._looks[0]:
                anchor.seen.popleft()
        kept = [
            one
            for one in self._anchors
            if one.last_at >= self._looks[0] or (one.stands and age_s(one.last_at, at) <= KEPT_S)
        ]
        kept.sort(key=lambda anchor: (not anchor.stands, age_s(anchor.last_at, at)))
        self._anchors = kept[:MAX_ANCHORS]


def _missed(
    anchor: Anchor,
    here: Sequence[Anchor],
    others_xyxy: NDArray[np.float32],
    frame: Frame,
    since_s: float,
) -> None:
    """What stands is not found: it is hidden, or only not found, or its place is free."""
    anchor.back_at = None
    # What was beside it while it was seen does not hide it.
    since = anchor.last_at - timedelta(seconds=SETTLE_S)
    newer = [other.seen[-1].xyxy for other in here if other.first_at >= since]
    vehicles = covered_share(anchor.place_xyxy, np.array(newer, np.float32).reshape(-1, 4))
    if vehicles + covered_share(anchor.place_xyxy, others_xyxy) >= HIDDEN_FROM:
        # Only a vehicle takes its place; who loads it stands before it and changes how it looks.
        anchor.away |= vehicles >= HIDDEN_FROM
    elif anchor.likeness(frame, anchor.place_xyxy) >= ALIKE:
        anchor.away = False
    else:
        anchor.empty_s += since_s
        anchor.away |= anchor.empty_s >= FREED_S


def _without_waiting(standing: list[Anchor], at: datetime) -> list[Anchor]:
    boxes_xyxy = np.array([anchor.place_xyxy for anchor in standing], np.float32).reshape(-1, 4)
    stood_s = np.array([age_s(one.first_at, at) if one.arrived else np.nan for one in standing])
    waited = np.array([anchor.waits for anchor in standing], bool)
    for anchor, waits in zip(standing, waiting(boxes_xyxy, stood_s, waited), strict=True):
        anchor.waits = bool(waits)
    return [anchor for anchor in standing if not anchor.waits]


def _of_anchors(standing: list[Anchor]) -> tuple[Detections, tuple[datetime | None, ...]]:
    confidence = [median([seen.confidence for seen in anchor.seen]) for anchor in standing]
    kinds = [mode([seen.class_id for seen in anchor.seen]) for anchor in standing]
    found = Detections(
        np.array([anchor.place_xyxy for anchor in standing], np.float32).reshape(-1, 4),
        np.array(confidence, np.float32),
        np.array(kinds, np.int64),
    )
    return found, tuple(anchor.first_at if anchor.arrived else None for anchor in standing)
