"""What of a live stream is decoded, and what of that is looked at: by whether anything moves.

    quiet   keyframes are decoded, every other packet is thrown away undecoded; a look every 5 s,
            every 2 s while the last look saw something
    moving  from the keyframe that shows it on everything is decoded, `sample_fps` looks a second,
            until nothing has moved for 5 s

Where keyframes are further apart than looks may be, everything is decoded.
"""

from collections import deque
from enum import Enum, auto

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
GREY_WH = (160, 90)
LOOK_S = 5.0
LOOK_AT_SOMETHING_S = 2.0  # a look vouches for a standing vehicle for 3.3 s (standing.py)
QUIET_AFTER_S = 5.0
_SLACK_S = 0.5  # keyframes that are to come every 2 s come every 2.04
FROZEN_S = 30.0
NO_KEYFRAME_S = 15.0
# Where a keyframe alone shows nothing (one that is only where a refresh begins) all is decoded, and
# so long after it is tried again: it may have been a damaged one.
ALONE_AGAIN_S = 300.0
# A person of 20 x 50 pixels in 720p covers 15 of the small picture's; sensor noise averages out.
_MOVED_LEVELS, _MOVED_PX = 12, 8


class Decode(Enum):
    """What to do with a packet."""

    NOTHING = auto()
    ALONE = auto()  # a keyframe, and none of the packets that need it
    ALL = auto()


class Seen(Enum):
    """What to do with a picture."""

    PASS = auto()
    LOOK = auto()
    FROZEN = auto()


def moved(one: Grey, other: Grey) -> bool:
    """Whether something moved between two small pictures; more light on all of it is no motion."""
    difference = cv2.subtract(one, other, dtype=cv2.CV_16S)
    difference -= np.int16(np.median(difference[::4, ::4]))
    return int(np.count_nonzero(np.abs(difference) > _MOVED_LEVELS)) >= _MOVED_PX


class Gate:
    """Says so for one connection to one stream. All times are its time stamps in seconds."""

    def __init__(self, sample_fps: float) -> None:
        self._every_s = 1 / sample_fps
        self._intervals_s: deque[float] = deque(maxlen=8)  # between keyframes
        self._key_s: float | None = None
        self._all = False
        self._first_s: float | None = None
        self._moved_s = self._looked_s = self._alone_from_s = -float("inf")
        self._checked_s: float | None = None
        self._compared: Grey | None = None  # with this one whatever moves has moved
        self._last: Grey | None = None
        self._same_since_s, self._keys_since = 0.0, 0
        self.sees_something = False
        """Whether the last look did; set by who looks."""

    def packet(self, at_s: float, *, is_key: bool) -> Decode:
        """What to do with the next packet of the stream."""
        if is_key:
            self._keys_since += 1
            if self._key_s is not None:
                self._intervals_s.append(at_s - self._key_s)
            self._key_s = at_s
            too_far = self._keys_s() > self._look_s() + _SLACK_S
            self._all = too_far or self._moves(at_s) or at_s < self._alone_from_s
        elif self._key_s is None:  # nothing can be decoded yet, unless keyframes are never marked
            self._first_s = at_s if self._first_s is None else self._first_s
            self._all = at_s - self._first_s > NO_KEYFRAME_S
        if self._all:
            return Decode.ALL
        return Decode.ALONE if is_key else Decode.NOTHING

    @property
    def has_keys(self) -> bool:
        """Whether a keyframe ever came."""
        return self._key_s is not None

    def is_due(self, at_s: float) -> bool:
        """Whether this picture is worth making it small, and asking about it."""
        before_s = self._checked_s
        return before_s is None or at_s // self._every_s > before_s // self._every_s

    def picture(self, at_s: float, grey: Grey) -> Seen:
        """What to do with a picture that is due."""
        self._checked_s = at_s
        if self._is_frozen(at_s, grey):
            return Seen.FROZEN
        if self._compared is None or grey.shape != self._compared.shape:
            self._compared, self._moved_s = grey, at_s
        if moved(grey, self._compared):
            self._moved_s = at_s
        if not self._moves(at_s) and not self._is_long_ago(at_s):
            return Seen.PASS
        self._compared, self._looked_s = grey, at_s
        return Seen.LOOK

    def wakes(self, at_s: float, *, shown: bool) -> bool:
        """Whether from this keyframe on, which alone has shown a picture or not, everything is to
        be decoded.
        """
        if not shown:
            self._alone_from_s = at_s + ALONE_AGAIN_S
        self._all = not shown or self._moves(at_s)
        return self._all

    def _moves(self, at_s: float) -> bool:
        return at_s - self._moved_s < QUIET_AFTER_S

    def _look_s(self) -> float:
        return LOOK_AT_SOMETHING_S if self.sees_something else LOOK_S

    def _keys_s(self) -> float:
        """The longest time between keyframes lately; unknown is long."""
        return max(self._intervals_s) if len(self._intervals_s) > 1 else float("inf")

    def _is_long_ago(self, at_s: float) -> bool:
        """Whether the next picture would come too late for a look."""
        next_s = self._every_s if self._all else self._keys_s()
        return at_s + next_s - self._looked_s > self._look_s()

    def _is_frozen(self, at_s: float, grey: Grey) -> bool:
        """The same to the last bit, keyframes too; a real camera shows at least its noise."""
        if self._last is None or not np.array_equal(grey, self._last):
            self._last, self._same_since_s, self._keys_since = grey, at_s, 0
        return at_s - self._same_since_s >= FROZEN_S and self._keys_since > 1
