"""One connection to a camera's stream: opened, its packets in order, and why it ended."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import TypeAlias, cast
from urllib.parse import quote, urlsplit

import av
import av.error
from av.container import InputContainer

from pipeline.messages import Reason

Packet: TypeAlias = "av.Packet[av.VideoStream]"
CONNECT_S = 10.0
READ_S = 10.0  # nothing for so long is no stream any more
SEGMENT_S = 60.0  # ... but a live list over HTTP may have nothing new for as long as a segment is
_OPTIONS = {
    "rtsp_transport": "tcp",  # over UDP a busy network tears every picture
    "allowed_media_types": "video",  # with sound, RTSP counts anew at the sender's first report
    "protocol_whitelist": "rtsp,rtsps,rtmp,rtmps,http,https,httpproxy,hls,tcp,tls,crypto",
}
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_TOLD = {
    Reason.CANNOT_CONNECT: "cannot be reached ({why}): check the address, the network, and whether "
    "the camera or the platform serves this path",
    Reason.WRONG_CREDENTIALS: "refuses the user or password ({why}): mend them in the environment "
    "and start ingest again",
    Reason.NO_VIDEO: "has no video: name the path of a video channel",
    Reason.STREAM_ENDED: "has ended: a live stream does not, check that somebody sends to it",
    Reason.STALLED: "sends nothing for {why}: check the camera and the network",
    Reason.GARBAGE: "sends what is no video ({why}): check the camera's encoding (H.264, H.265 or "
    "MJPEG), and the network for losses",
}


class Trouble(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Why a stream can't be watched now; its text says what to do, without any credentials."""

    def __init__(self, reason: Reason, why: str = "", told: str = "") -> None:
        super().__init__(told or _TOLD[reason].format(why=why))
        self.reason = reason


def shown(url: str) -> str:
    """The URL as a person may see it: without user, password and query, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def with_secrets(url: str, environment: Mapping[str, str]) -> str:
    """The URL with each ${NAME} replaced by that variable, whatever characters it holds.

    Raises Trouble for one that is not set.
    """
    for name in _VARIABLE.findall(url):
        if name not in environment:
            told = f"needs the environment variable {name}: set it and start ingest again"
            raise Trouble(Reason.WRONG_CREDENTIALS, told=told)
    return _VARIABLE.sub(lambda found: quote(environment[found[1]], safe=""), url)


def open_stream(url: str) -> InputContainer:
    """Connect. Raises Trouble; each step ends within CONNECT_S, then READ_S or SEGMENT_S."""
    began_s, full = monotonic(), with_secrets(url, os.environ)
    options, read_s = _OPTIONS, READ_S
    if full.startswith("http"):
        options, read_s = {**_OPTIONS, "rw_timeout": f"{READ_S * 1e6:.0f}"}, SEGMENT_S
    try:
        container = av.open(full, options=options, timeout=(CONNECT_S, read_s))
    except av.error.FFmpegError as error:
        if monotonic() - began_s >= CONNECT_S:  # FFmpeg says anything of what a time-out cut off
            raise Trouble(Reason.STALLED, f"{CONNECT_S:.0f} s") from None
        raise _trouble(error) from None  # the error names the URL with its password
    except OSError as error:
        raise Trouble(Reason.CANNOT_CONNECT, str(error.strerror)) from None
    if not container.streams.video:
        container.close()
        raise Trouble(Reason.NO_VIDEO)
    return container


def packets(container: InputContainer) -> Iterator[Packet]:
    """The video's packets as they come. Ends with a Trouble, always."""
    try:
        found = (packet for packet in container.demux(container.streams.video[0]) if packet.size)
        first = list(islice(found, 2))
        if len(first) > 1 and first[0].pts is None and first[1].pts is not None:
            # FFmpeg leaves RTP's first packet without a time; two keyframes are parts of one.
            first[0].pts = first[1].pts - (0 if first[1].is_keyframe else 1)
        yield from first
        yield from found
    except av.error.FFmpegError as error:
        raise _trouble(error, reading=True) from None
    raise Trouble(Reason.STREAM_ENDED)


def joined(parts: Sequence[Packet]) -> Packet:
    """The packets of one time stamp as one: servers that put parameters before each slice of a
    keyframe make FFmpeg cut it there, and a part alone is a picture full of holes.
    """
    if len(parts) == 1:
        return parts[0]
    whole = av.Packet(b"".join(bytes(part) for part in parts))
    whole.pts, whole.time_base = parts[0].pts, parts[0].time_base
    return cast(Packet, whole)


def _trouble(error: av.error.FFmpegError, *, reading: bool = False) -> Trouble:
    why = str(error.strerror)
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return Trouble(Reason.WRONG_CREDENTIALS, why)
    if isinstance(error, av.error.InvalidDataError):
        return Trouble(Reason.GARBAGE, why)
    # ExitError is PyAV's way to say that a time-out has struck; the other one is a socket's.
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return Trouble(Reason.STALLED, f"{READ_S:.0f} s or more")
    return Trouble(Reason.STREAM_ENDED if reading else Reason.CANNOT_CONNECT, why)
