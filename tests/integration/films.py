"""Small films for streams: made here, of real H.264."""

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np

Picture = np.ndarray
Packet: TypeAlias = "av.Packet[Any]"
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


def encoded(
    pictures: Iterable[Picture], every_s: float = 1.0, params: str = "", codec: str = "h264"
) -> Iterator[Packet]:
    """A keyframe every so often and a slice a picture, unless `params` of the encoder differ."""
    encoder = None
    for n, picture in enumerate(pictures):
        if encoder is None:
            size_wh = picture.shape[1], picture.shape[0]
            encoder = _encoder(size_wh, f"{_params(round(every_s * FPS))}:{params}", codec)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = n, Fraction(1, FPS)
        yield from encoder.encode(frame)
    if encoder is not None:
        yield from encoder.encode()


def access_units(path: Path, *films: Iterable[Packet]) -> Path:
    """What rtsp_server.py serves: the films one after the other, each of its own size. Of each
    access unit its length and the number of its picture in four bytes each, and its bytes.
    """
    with path.open("wb") as out:
        before = 0
        for film in films:
            packets = [(packet.pts or 0, bytes(packet)) for packet in film]
            first = min(number for number, _ in packets)
            for shown, unit in packets:
                number = before + shown - first
                out.write(len(unit).to_bytes(4, "big") + number.to_bytes(4, "big") + unit)
            before += len(packets)
    return path


def muxed(
    path: Path,
    film: Iterable[Picture],
    options: dict[str, str] | None = None,
    every_s: float = 1.0,
    fps: int = FPS,
) -> Path:
    """A file of the kind that its name says: MP4, MPEG-TS, or a list and its segments (HLS)."""
    pictures = iter(film)
    first = next(pictures)
    params = {"x264-params": _params(round(every_s * fps)), "preset": "ultrafast"}
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream("libx264", rate=fps, options=params)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in itertools.chain([first], pictures):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode())
    return path


def _encoder(size_wh: tuple[int, int], params: str, codec: str) -> av.VideoCodecContext:
    library = {"h264": "x264", "h265": "x265"}[codec]
    encoder = av.CodecContext.create(f"lib{library}", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size_wh
    encoder.pix_fmt, encoder.time_base, encoder.framerate = (
        "yuv420p",
        Fraction(1, FPS),
        Fraction(FPS),
    )
    encoder.options = {f"{library}-params": params.strip(":"), "preset": "ultrafast"}
    return encoder


def _params(keyint: int) -> str:
    return f"keyint={keyint}:min-keyint={keyint}:scenecut=0:bframes=0:repeat-headers=1:slices=1"
