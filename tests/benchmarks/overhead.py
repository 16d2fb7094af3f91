"""What a look costs beside inference, and what decoding costs: `make bench`.

Ratios of one run, by the time on the core, because a machine's speed and its other work say nothing
of ours. A look: the demo's clip and zones, one thread, all that ingest does but to decode, picture
and send. Decoding: its clip scaled to 1080p25, H.264, one look a second, a keyframe a second.
"""

# ruff: noqa: T201
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import process_time

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.hits import Frame
from detectors.runtime import ObjectModel, Session, open_object_model
from pipeline.looks import watch_camera
from pipeline.messages import encode
from pipeline.redaction import masked
from pipeline.site.load import load_site
from pipeline.sources.video import frames

ROOT = Path(__file__).parents[2]
LOOKS = 100
WIDTH_PX, HEIGHT_PX, FPS, SECONDS = 1920, 1080, 25, 20


class Timed:
    """A session that notes how long each inference took."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.spent_s: list[float] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def run(self, output: str, tensors: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """As the session's."""
        began = process_time()
        result = self._session.run(output, tensors)
        self.spent_s.append(process_time() - began)
        return result


def looks() -> tuple[float, dict[str, float]]:
    """Median seconds of one inference, and of each other part of a look."""
    site = load_site(ROOT / "deploy/demo")
    camera = site.cameras[0]
    model = open_object_model(ROOT / "models/objects", threads=1)
    session = Timed(model.session)
    timed = ObjectModel(model.manifest, session)  # type: ignore[arg-type]
    watch = watch_camera(camera, site.policy, model.manifest.model_id, model.manifest.labels)
    parts: dict[str, list[float]] = {"letterbox and boxes": [], "zones, view, standing, hits": []}
    for frame in clip(camera):
        began = process_time()
        found = timed.detect(masked(frame, camera.privacy_masks).image_bgr)
        boxes = process_time()
        for sighting in watch.look(frame, timed.sure(found)):
            encode(sighting.hit)
        parts["letterbox and boxes"].append(boxes - began - session.spent_s[-1])
        parts["zones, view, standing, hits"].append(process_time() - boxes)
    means = {name: float(np.mean(spent)) for name, spent in parts.items()}
    print(f"{len(session.spent_s) - 1} looks, {len(watch.zones)} zones")
    return median(session.spent_s), means


def clip(camera: object) -> Iterator[Frame]:
    """The first LOOKS frames that ingest would look at."""
    for count, frame in enumerate(frames(camera, lambda: None)):  # type: ignore[arg-type]
        if count >= LOOKS:
            return
        if isinstance(frame, Frame):
            yield frame


def write_clip(path: Path) -> None:
    """The demo's clip, scaled, over and over, as a camera sends it."""
    with av.open(str(path), "w") as out, av.open(str(ROOT / "deploy/demo/campus.mp4")) as source:
        stream = out.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.gop_size, stream.max_b_frames = FPS, 0
        for count, frame in enumerate(source.decode(video=0)):
            if count >= FPS * SECONDS:
                break
            scaled = frame.reformat(WIDTH_PX, HEIGHT_PX, "yuv420p")
            scaled.pts, scaled.time_base = count, Fraction(1, FPS)
            out.mux(stream.encode(scaled))
        out.mux(stream.encode())


def decoding(path: Path, keyframes_only: bool) -> float:
    """Seconds of a core for a look: to decode a second, and one of its frames as BGR."""
    pictures, began = 0, process_time()
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        stream.codec_context.thread_count = 1
        if keyframes_only:
            stream.codec_context.skip_frame = "NONKEY"
        for frame in video.decode(stream):
            if keyframes_only or frame.pts * frame.time_base >= pictures:
                frame.to_ndarray(format="bgr24")
                pictures += 1
    return (process_time() - began) / pictures


def main() -> None:
    cv2.setNumThreads(1)
    inference_s, parts = looks()
    print(f"inference at 640, float32, one thread: {inference_s * 1e3:.1f} ms = 100 %")
    for name, spent_s in parts.items():
        print(f"  {name}: {spent_s * 1e3:.2f} ms, {spent_s / inference_s:.1%}")
    ratio = sum(parts.values()) / inference_s
    print(f"everything but inference and decoding: {ratio:.1%} (bar: 15 %)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camera.mp4"
        write_clip(path)
        every_s, gated_s = (decoding(path, only) for only in (False, True))
    print(f"decoding 1080p25 H.264, one look a second: {every_s * 1e3:.0f} ms a look, "
          f"{every_s / inference_s:.0%}; keyframes only: {gated_s * 1e3:.1f} ms, "
          f"{gated_s / inference_s:.0%}")  # fmt: skip
    if ratio > 0.15:
        raise SystemExit("more than 15 %")


if __name__ == "__main__":
    main()
