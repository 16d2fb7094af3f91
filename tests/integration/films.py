"""Small films for streams: made here, of real H.264."""

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Picture = np.ndarray
FPS = 10


def street(size_wh: tuple[int, int], seconds: float, *, moving: bool) -> Iterator[Picture]:
    """Textured ground with sensor noise, and a block that crosses it or is not there."""
    width, height = size_wh
    random = np.random.default_rng(7)
    ground = np.kron(random.integers(60, 190, (height // 8, width // 8, 3)), np.ones((8, 8, 1)))
    for n in range(int(seconds * FPS)):
        picture = ground + random.normal(0, 2, ground.shape)
        if moving:
            left = 4 * n % (width - 40)
            picture[height // 3 : height // 2, left : left + 40] = (20, 220, 220)
        yield picture.clip(0, 255).astype(np.uint8)


def encoded(pictures: Iterable[Picture], every_s: float = 1.0) -> Iterator[av.Packet]:
    """H.264 with a keyframe every so often, a slice a picture."""
    codec = None
    for n, picture in enumerate(pictures):
        if codec is None:
            codec = _codec((picture.shape[1], picture.shape[0]), round(every_s * FPS))
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = n, Fraction(1, FPS)
        yield from codec.encode(frame)
    if codec is not None:
        yield from codec.encode()


def access_units(path: Path, *films: Iterable[Picture], every_s: float = 1.0) -> Path:
    """What rtsp_server.py serves: the films one after the other, each of its own size."""
    packets = itertools.chain.from_iterable(encoded(film, every_s) for film in films)
    with path.open("wb") as out:
        for packet in packets:
            unit = bytes(packet)
            out.write(len(unit).to_bytes(4, "big") + unit)
    return path


def muxed(path: Path, film: Iterable[Picture], options: dict[str, str] | None = None) -> Path:
    """A file of the kind that its name says: MP4, MPEG-TS, or a list and its segments (HLS)."""
    pictures = list(film)
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream("libx264", rate=FPS, options=_options(FPS))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode())
    return path


def _codec(size_wh: tuple[int, int], keyint: int) -> av.VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height = size_wh
    codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", Fraction(1, FPS), Fraction(FPS)
    codec.options = _options(keyint)
    return codec


def _options(keyint: int) -> dict[str, str]:
    params = f"keyint={keyint}:min-keyint={keyint}:scenecut=0:bframes=0:repeat-headers=1"
    return {"x264-params": params + ":sliced-threads=0:slices=1", "preset": "ultrafast"}
