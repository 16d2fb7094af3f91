"""A thread a camera: recordings to their end, live streams for ever."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom
from time import monotonic

import av
import av.error
import numpy as np
from av.codec.context import Flags

from detectors.hits import Frame
from detectors.view import Sight
from pipeline.messages import Reason
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.site.model import Camera
from pipeline.sources.inbox import Inbox
from pipeline.sources.motion import GREY_WH, Decode, Gate, Grey, Seen
from pipeline.sources.stream import Packet, Trouble, joined, open_stream, packets, shown
from pipeline.sources.stream_clock import StreamClock
from pipeline.sources.video import MAX_PICTURE_PX, frames, pixels

log = logging.getLogger(__name__)

_UNIFORM = SystemRandom().uniform
BACKOFF_S = (1.0, 60.0)
WELL_S = 60.0  # of pictures: what went wrong before is over
OFFLINE_S = 10.0  # without a picture
SNAPSHOTS_S = 60.0  # platforms hand out pictures so far apart
_JUMPED = "has jumped in time, or this machine's clock has: let both follow one time server"
NO_PICTURE_S = 30.0  # of packets that give none; longer than keyframes are apart


@dataclass(slots=True, eq=False)
class Reader:
    """One camera that is read: what its thread and the looking loop tell each other.

    `sight`: CLEAR, or why no picture can be looked at. `heard_s`: when the last good one came.
    `expected`: whether this process is to get its pictures. `sees_something`: the last look did.
    """

    camera: Camera
    stop: threading.Event = field(default_factory=threading.Event)
    sight: Sight = Sight.CLEAR
    heard_s: float = field(default_factory=monotonic)
    expected: bool = True
    sees_something: bool = False

    def sight_at(self, now_s: float) -> Sight:
        """Whether a live camera can be seen at all."""
        if not self.expected or self.sight is not Sight.CLEAR:
            return self.sight
        silent_s = SNAPSHOTS_S if self.camera.from_topic else OFFLINE_S
        return Sight.OFFLINE if now_s - self.heard_s > silent_s else Sight.CLEAR


@dataclass(frozen=True, slots=True)
class Ended:
    """A recording is at its end; `error`: it broke."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Where readers count."""

    metrics: IngestMetrics
    ages: LastFrameAge

    def came_in(self, reader: Reader) -> None:
        """A picture of this camera that can be read."""
        reader.heard_s = monotonic()
        self.metrics.frames_in.inc()
        if not reader.stop.is_set():
            self.ages.seen(reader.camera.id)


def read_recording(reader: Reader, inbox: Inbox, tally: Tally) -> None:
    """Read one camera's file or folder to its end, as fast as its frames are looked at."""
    ended = Ended()
    try:
        for frame in frames(reader.camera, lambda: tally.came_in(reader)):
            if reader.stop.is_set():
                return
            inbox.wait_and_put(reader, frame, reader.stop)
    except Exception as error:  # noqa: BLE001 -- a reader that ends unheard is waited for for ever
        ended = Ended(error)
    inbox.wait_and_put(reader, ended, reader.stop)


class Backoff:
    """How long to wait before the next try: 1 s, then twice as long each time, up to 60 s."""

    def __init__(self, uniform: Callable[[float, float], float] = _UNIFORM) -> None:
        self._uniform, self._next_s = uniform, BACKOFF_S[0]

    def wait_s(self, well_s: float) -> float:
        """`well_s`: how long it has gone well since the last try. A random half to all of it, so
        that cameras do not all knock at once when their platform comes back.
        """
        if well_s >= WELL_S:
            self._next_s = BACKOFF_S[0]
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, BACKOFF_S[1])
        return wait_s * self._uniform(0.5, 1.0)


class StreamReader:
    """Watches one camera's stream until its reader is stopped, whatever happens to it."""

    def __init__(
        self,
        reader: Reader,
        inbox: Inbox,
        tally: Tally,
        clock: StreamClock | None = None,
    ) -> None:
        self.reader, self.inbox, self.metrics, self._tally = reader, inbox, tally.metrics, tally
        self.clock, self._backoff = clock or StreamClock(), Backoff()
        self._url = reader.camera.stream or ""
        self._told: set[Reason] = set()
        self._first_s: float | None = None  # when this connection's first picture came
        self._size_wh = (0, 0)

    def run(self) -> None:
        """Connect, read, and again."""
        while not self.reader.stop.is_set():
            self._first_s = None
            try:
                with open_stream(self._url) as container:
                    _Connection(container, self).read()
                continue
            except Trouble as found:
                trouble = found
            except Exception as error:  # noqa: BLE001 -- no camera is lost to the unforeseen
                trouble = Trouble(Reason.GARBAGE, type(error).__name__)
            self.reader.sight = Sight.OFFLINE
            self.note(trouble.reason, str(trouble))
            well_s = monotonic() - self._first_s if self._first_s is not None else 0.0
            self.reader.stop.wait(self._backoff.wait_s(well_s))

    def note(self, reason: Reason, what: str) -> None:
        """Count it, and tell it unless it was told since all was well."""
        if self.reader.stop.is_set():
            return
        self.metrics.camera_troubles.labels(reason).inc()
        if reason not in self._told:
            self._told.add(reason)
            # As one text: quiet.py drops lines of the same template.
            log.warning(f"camera {self.reader.camera.id}: {shown(self._url)} {what}")

    def came_in(self, size_wh: tuple[int, int]) -> None:
        """A picture that could be decoded."""
        now_s = monotonic()
        self._first_s = now_s if self._first_s is None else self._first_s
        if self._told and self.reader.sight is Sight.CLEAR and now_s - self._first_s > WELL_S:
            self._told.clear()
            log.warning(f"camera {self.reader.camera.id}: has been seen again for {WELL_S:.0f} s")
        if self._size_wh not in {(0, 0), size_wh}:
            what = f"is now {size_wh[0]}x{size_wh[1]}: check that its zones still fit the picture"
            self.note(Reason.RESOLUTION_CHANGED, what)
        self._size_wh = size_wh
        self._tally.came_in(self.reader)


class _Connection:
    """One connection: its packets become the pictures that are looked at."""

    def __init__(self, container: av.container.InputContainer, owner: StreamReader) -> None:
        self._container, self._owner = container, owner
        self._reader, self._clock = owner.reader, owner.clock
        self._inbox, self._metrics = owner.inbox, owner.metrics
        self._stream = container.streams.video[0]
        self._codec = self._stream.codec_context
        self._codec.thread_count = 1  # more of them keep pictures back, and there are many cameras
        self._gate = Gate(self._reader.camera.sample_fps)
        self._good_s = monotonic()
        self._clock.restart()
        # Lists of segments come in bursts, and a finite one all at once.
        listed = container.format.name == "hls"
        self._speed = 1.0 if container.duration else 1.05 if listed else None
        self._play: tuple[float, float] | None = None
        self._unit: list[Packet] = []  # the packets of one picture
        self._unit_s: float | None = None
        self._own_stamps = False

    def read(self) -> None:
        """Until the reader is stopped. Raises Trouble when the stream ends or fails."""
        for packet in packets(self._container):
            if self._reader.stop.is_set():
                return
            stamp_s = self._stamp_s(packet)
            if stamp_s != self._unit_s:
                self._end_unit()
                self._begin_unit(stamp_s)
            self._unit.append(packet)
            if not self._own_stamps:  # then no other packet has this one's
                self._end_unit()

    def _end_unit(self) -> None:
        if not self._unit or self._unit_s is None:
            return
        self._packet(joined(self._unit), self._unit_s, is_key=self._unit[0].is_keyframe)
        self._unit = []
        if monotonic() - self._good_s > NO_PICTURE_S:
            raise Trouble(Reason.GARBAGE, f"no picture in {NO_PICTURE_S:.0f} s")

    def _begin_unit(self, stamp_s: float) -> None:
        self._unit_s = stamp_s
        self._pace(stamp_s)
        if self._clock.arrived(stamp_s):
            self._owner.note(Reason.CLOCK_JUMP, _JUMPED)
            self._gate = Gate(self._reader.camera.sample_fps)

    def _stamp_s(self, packet: Packet) -> float:
        """The packet's time stamp, or when it came where the stream has none of its own."""
        base = packet.time_base
        if packet.pts is None and self._own_stamps and self._unit:
            packet.pts = (self._unit[-1].pts or 0) + 1  # what FFmpeg lost the stamp of
        elif packet.pts is None or self._container.format.name == "mpjpeg":
            packet.pts = round(monotonic() / float(base))
        else:
            self._own_stamps = True
        return float(packet.pts * base)

    def _pace(self, stamp_s: float) -> None:
        """Play what comes in bursts at its own speed; a little faster, not to fall behind."""
        if self._speed is None:
            return
        now_s = monotonic()
        begun_stamp_s, begun_s = self._play or (stamp_s, now_s)
        ahead_s = (stamp_s - begun_stamp_s) / self._speed - (now_s - begun_s)
        if self._play is None or abs(ahead_s) > NO_PICTURE_S:
            self._play = stamp_s, now_s
        elif ahead_s > 0:
            self._reader.stop.wait(ahead_s)

    def _packet(self, packet: Packet, stamp_s: float, *, is_key: bool) -> None:
        self._gate.sees_something = self._reader.sees_something
        how = self._gate.packet(stamp_s, is_key=is_key)
        if how is Decode.NOTHING or (how is Decode.ALONE and not self._gate.is_due(stamp_s)):
            self._metrics.packets_skipped.inc()
            return
        if not self._gate.has_keys:  # then FFmpeg never thinks a picture whole
            self._codec.flags |= Flags.output_corrupt
        shown = self._decode(packet, alone=how is Decode.ALONE)
        if how is Decode.ALONE and self._gate.wakes(stamp_s, shown=shown):
            self._decode(packet, alone=False)  # again, for those that follow need it

    def _decode(self, packet: Packet, *, alone: bool) -> bool:
        """Whether it has given a picture."""
        shown = False
        try:
            found = list(self._codec.decode(packet))
            if alone:  # what the decoder keeps back would come with the next keyframe only
                found += self._codec.decode(None)
                self._codec.flush_buffers()
        except av.error.FFmpegError:
            self._metrics.frames_dropped.labels(Reason.GARBAGE).inc()
            return shown
        for frame in found:
            if frame.pts is None or (frame.is_corrupt and self._gate.has_keys):
                self._metrics.frames_dropped.labels(Reason.GARBAGE).inc()
            elif frame.width * frame.height > MAX_PICTURE_PX:
                self._metrics.frames_dropped.labels(Reason.TOO_LARGE).inc()
            else:
                # What a drained decoder gives has no time base of its own.
                self._picture(frame, float(frame.pts * packet.time_base))
                shown = True
        return shown

    def _picture(self, frame: av.VideoFrame, stamp_s: float) -> None:
        self._good_s = monotonic()
        self._owner.came_in((frame.width, frame.height))
        if not self._gate.is_due(stamp_s):
            return
        seen = self._gate.picture(stamp_s, _grey(frame))
        if seen is Seen.FROZEN:
            if self._reader.sight is not Sight.FROZEN:
                self._owner.note(Reason.FROZEN, "shows the same picture to the last bit: restart "
                                 "the camera, or whatever sends for it")  # fmt: skip
            self._reader.sight = Sight.FROZEN
            return
        self._reader.sight = Sight.CLEAR
        if seen is Seen.LOOK:
            picture = Frame(self._reader.camera.id, self._clock.at(stamp_s), pixels(frame))
            if self._inbox.replace(self._reader, picture):
                self._metrics.frames_dropped.labels(Reason.SHED).inc()


def _grey(frame: av.VideoFrame) -> Grey:
    width, height = GREY_WH
    small = frame.reformat(width, height, "gray", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)
