"""Event time of a stream's pictures: its own time stamps, anchored to when they arrived.

    arrival - time stamp = the clocks' difference + a delay that is never below zero

so the least-delayed packets of the last half minute say what the difference is. That follows a
camera whose clock drifts, and does not follow a network that stutters.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from pipeline.messages import whole_ms

HALF_WINDOW_S = 15.0
BACK_S = 1.0  # time stamps that go back by more have begun anew; reordered pictures are less apart
FORWARD_S = 5.0  # ... or forward, faster than they arrive: no delay that ends looks like this
WALL_S = 1.0  # the machine's clock against one that only goes forward, from packet to packet
_MS = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class StreamClock:
    """Times of one stream through all its connections. Seconds of `monotonic_s` never go back."""

    def __init__(
        self,
        now: Callable[[], datetime] = utc_now,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        self._now, self._monotonic_s = now, monotonic_s
        self._began = now() - timedelta(seconds=monotonic_s())
        self._last: tuple[float, float] | None = None  # time stamp and arrival
        self._newest_at: datetime | None = None
        self._least_s = self._before_s = float("inf")
        self._since_s = 0.0

    def restart(self) -> None:
        """A new connection: its time stamps have nothing to do with those before."""
        self._last = None

    def arrived(self, stamp_s: float) -> bool:
        """A packet with this time stamp has just come; whether a clock has jumped."""
        arrived_s = self._monotonic_s()
        began = self._now() - timedelta(seconds=arrived_s)
        wall_jumped = abs((began - self._began).total_seconds()) > WALL_S
        stamps_jumped = self._last is not None and self._is_jump(stamp_s, arrived_s, *self._last)
        if wall_jumped:
            self._newest_at = None
        if self._last is None or stamps_jumped:
            self._least_s = self._before_s = float("inf")
            self._since_s = arrived_s
        self._began, self._last = began, (stamp_s, arrived_s)
        if arrived_s - self._since_s >= HALF_WINDOW_S:
            self._before_s, self._least_s = self._least_s, float("inf")
            self._since_s = arrived_s
        self._least_s = min(self._least_s, arrived_s - stamp_s)
        return wall_jumped or stamps_jumped

    def at(self, stamp_s: float) -> datetime:
        """When the picture with this time stamp was captured: always later than the one before,
        unless the machine's clock was set back in between.
        """
        arrived_s = stamp_s + min(self._least_s, self._before_s)
        at = whole_ms(self._began + timedelta(seconds=arrived_s))
        if self._newest_at is not None:
            at = max(at, self._newest_at + _MS)
        self._newest_at = at
        return at

    @staticmethod
    def _is_jump(stamp_s: float, arrived_s: float, last_stamp_s: float, last_s: float) -> bool:
        moved_s = stamp_s - last_stamp_s
        return moved_s < -BACK_S or moved_s - (arrived_s - last_s) > FORWARD_S
