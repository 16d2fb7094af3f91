"""Small real files to read frames from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from pipeline.site.model import Camera

START = datetime(2026, 6, 1, tzinfo=UTC)


def clip(path: Path, times_s: Sequence[float], noise: int = 0) -> Path:
    """A video of one grey frame at each time; the n-th is 8 n bright, give or take `noise`."""
    random = np.random.default_rng(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, time_s in enumerate(times_s):
            grey = 8 * index + random.integers(-noise, noise + 1, (48, 64, 3))
            frame = av.VideoFrame.from_ndarray(grey.clip(0, 255).astype(np.uint8), format="bgr24")
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def picture(path: Path, image_bgr: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image_bgr)
    return path


def camera(**fields: Any) -> Camera:
    """A camera without zones that looks five times a second."""
    row: dict[str, Any] = {
        "id": "cam-1", "name": "Cam", "gb_device_id": None, "video": None, "frames": None,
        "start": START, "fps": None, "sample_fps": 5.0, "zones": (),
    }  # fmt: skip
    return Camera(**{**row, **fields})
