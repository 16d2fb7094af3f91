"""Frames of a video file or a folder of pictures, sampled by event time. Nothing is dropped."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Frame
from pipeline.messages import Reason, whole_ms
from pipeline.site.model import Camera

Picture = NDArray[np.uint8]
Lazy = Callable[[], Picture]
PICTURES = (".jpg", ".jpeg", ".png")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_PICTURE_BYTES = 16 * 1024 * 1024
MAX_PICTURE_PX = 64_000_000  # 192 MB as pixels


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that could not be read: why, which, its bytes if there are any, and how to mend it.

    `origin`: topic, partition and offset, if it was a record.
    """

    reason: Reason
    what: str
    value: bytes = b""
    mend: str = "check the camera's stream or the file; the frames after it are looked at"
    origin: tuple[str, int, int] | None = None


def frames(camera: Camera, on_frame: Callable[[], None]) -> Iterator[Frame | Unreadable]:
    """The camera's sampled frames in order of event time; `on_frame` is called for every one read.

    A frame that can't be decoded is yielded as Unreadable and the next is read. Raises OSError when
    the file is no video at all or can't be opened.
    """
    source = _video(camera) if camera.video else _folder(camera)
    last_slot = -1
    for elapsed_s, picture in source:
        if isinstance(picture, Unreadable):
            yield picture
            continue
        on_frame()
        slot = int(elapsed_s * camera.sample_fps + 1e-6)
        if slot <= last_slot:
            continue
        last_slot = slot
        yield Frame(camera.id, _at(camera, elapsed_s), picture())


def _at(camera: Camera, elapsed_s: float) -> datetime:
    return whole_ms((camera.start or _EPOCH) + timedelta(seconds=elapsed_s))


def _video(camera: Camera) -> Iterator[tuple[float, Lazy | Unreadable]]:
    """Seconds since the start, and each frame, turned into pixels only when wanted."""
    try:
        container = av.open(str(camera.video))
    except av.error.FFmpegError as error:
        raise OSError(f"{camera.video}: no video that can be read ({error.strerror})") from error
    with container:
        if not container.streams.video:
            raise OSError(f"{camera.video}: holds no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        first_s: float | None = None
        for index, frame in enumerate(_decoded(container, stream)):
            if isinstance(frame, Unreadable):
                yield 0.0, frame
                continue
            if camera.fps:
                yield index / camera.fps, partial(pixels, frame)
                continue
            if frame.time is None:
                yield (
                    0.0,
                    Unreadable(Reason.UNREADABLE_PICTURE, f"{camera.id}: frame without a time"),
                )
                continue
            first_s = frame.time if first_s is None else first_s
            yield frame.time - first_s, partial(pixels, frame)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame | Unreadable]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            yield Unreadable(Reason.UNREADABLE_PICTURE, f"the file breaks off: {error.strerror}")
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError as error:
            yield Unreadable(Reason.UNREADABLE_PICTURE, str(error.strerror), bytes(packet))


def _folder(camera: Camera) -> Iterator[tuple[float, Lazy | Unreadable]]:
    """Pictures of a folder in order of name, `fps` (one a second when absent) apart."""
    folder = camera.frames or Path()
    fps = camera.fps or 1.0
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)
    for index, path in enumerate(paths):
        picture = _read_picture(path)
        yield index / fps, picture if isinstance(picture, Unreadable) else partial(_same, picture)


def pixels(frame: av.VideoFrame) -> Picture:
    """A decoded frame as blue, green, red."""
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _same(picture: Picture) -> Picture:
    return picture


def _read_picture(path: Path) -> Picture | Unreadable:
    try:
        if path.stat().st_size > MAX_PICTURE_BYTES:
            return Unreadable(Reason.TOO_LARGE, f"{path.name}: over {MAX_PICTURE_BYTES} bytes")
        value = path.read_bytes()
    except OSError as error:
        return Unreadable(Reason.UNREADABLE_PICTURE, f"{path.name}: {error.strerror}")
    return decoded(value, path.name)


def decoded(value: bytes, name: str) -> Picture | Unreadable:
    """The pixels of a picture's bytes."""
    try:
        with av.open(io.BytesIO(value)) as picture:
            head = picture.streams.video[0]
            if head.width * head.height > MAX_PICTURE_PX:
                size = f"{head.width}x{head.height} pixels"
                return Unreadable(Reason.TOO_LARGE, f"{name}: {size}", value)
        image: Picture | None = cv2.imdecode(np.frombuffer(value, np.uint8), cv2.IMREAD_COLOR)
    except (av.error.FFmpegError, IndexError, cv2.error):
        image = None
    if image is None:
        return Unreadable(Reason.UNREADABLE_PICTURE, f"{name}: no picture", value)
    return image
