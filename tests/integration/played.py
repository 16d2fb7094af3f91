"""A film as a camera's stream, through the real reader: at once instead of in real time."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import av
from av.container import InputContainer

from pipeline.messages import Reason
from pipeline.site.model import Camera
from pipeline.sources import readers
from pipeline.sources.inbox import Inbox
from pipeline.sources.motion import Decode, Gate, Grey, Seen
from pipeline.sources.readers import Reader, StreamReader, Tally
from pipeline.sources.stream import Trouble
from pipeline.sources.stream_clock import StreamClock

START = datetime(2026, 6, 1, tzinfo=UTC)


class Ungated(Gate):
    """Decodes all, and looks at all that is due."""

    def packet(self, at_s: float, *, is_key: bool) -> Decode:
        super().packet(at_s, is_key=is_key)
        return Decode.ALL

    def picture(self, at_s: float, grey: Grey) -> Seen:
        super().picture(at_s, grey)
        return Seen.LOOK


class Pipe:
    """A file that can't be sought in, as a stream can't: its length is not known."""

    def __init__(self, path: Path) -> None:
        self._file = io.BytesIO(path.read_bytes())

    def read(self, size: int) -> bytes:
        return self._file.read(size)


@dataclass
class Clocks:
    """Of a camera whose packets come a frame apart."""

    fps: float
    packets: int = 0

    def monotonic_s(self) -> float:
        self.packets += 1
        return self.packets / self.fps

    def now(self) -> datetime:
        return START + timedelta(seconds=self.packets / self.fps)


def play(
    film: Path, fps: float, camera: Camera, inbox: Inbox, tally: Tally, gate: type[Gate] = Gate
) -> None:
    """Read an MPEG-TS file to its end; its first picture is captured at START."""
    reader, rolls, clocks = Reader(camera), [Pipe(film)], Clocks(fps)

    def opened(_: str) -> InputContainer:
        if not rolls:
            reader.stop.set()
            raise Trouble(Reason.STREAM_ENDED)
        roll = av.open(rolls.pop(), format="mpegts")
        assert isinstance(roll, InputContainer)
        return roll

    clock = StreamClock(clocks.now, clocks.monotonic_s)
    with patch.object(readers, "open_stream", opened), patch.object(readers, "Gate", gate):
        StreamReader(reader, inbox, tally, clock).run()
