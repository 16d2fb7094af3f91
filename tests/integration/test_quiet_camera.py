"""A quiet camera, of which little is decoded and looked at: what stands there is found as soon, and
kept as long, as if all were. Real H.264 through the real reader and the real fold, at once instead
of in real time; what is in a picture is told by what differs from the empty street.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detectors.hits import Detections, Frame, Hit
from detectors.runtime import ObjectModel, open_object_model
from pipeline.alerts import CloudEvent, decode_alert
from pipeline.ingest import parts_of
from pipeline.looked import look_at
from pipeline.looks import LONGEST_SILENCE_S, watch_camera
from pipeline.messages import decode_log_record
from pipeline.replay import Fold, FoldSink
from pipeline.site.load import load_site
from pipeline.sources import motion
from pipeline.sources.inbox import Inbox
from pipeline.sources.motion import Gate
from pipeline.sources.readers import Reader, Tally
from sinks.contract import Headers
from sinks.evidence import FolderEvidence
from tests.integration.films import FPS, Picture, muxed
from tests.integration.played import START, Ungated, play

ROOT = Path(__file__).parents[2]
SIZE_WH = (384, 288)
VAN = slice(19, 52), slice(322, 366)  # rows and columns
KEYFRAME_S, COMES_S, GOES_S, END_S = 2.0, 21.0, 141.0, 221.0


def street() -> tuple[Picture, Picture]:
    """The demo's street as it mostly is, without and with the van."""
    with av.open(str(ROOT / "deploy/demo/campus.mp4")) as film:
        some = [frame for n, frame in enumerate(film.decode(video=0)) if n % 40 == 0]
    pictures = [cv2.resize(frame.to_ndarray(format="bgr24"), SIZE_WH) for frame in some]
    with_van = np.median(pictures, axis=0).astype(np.uint8)
    hole = np.zeros(with_van.shape[:2], np.uint8)
    hole[VAN] = 255
    return cv2.inpaint(with_van, hole, 3, cv2.INPAINT_TELEA), with_van


def through_the_day(empty: Picture, with_van: Picture) -> Iterator[Picture]:
    random = np.random.default_rng(7)
    noises = [random.normal(0, 2, empty.shape).astype(np.int16) for _ in range(13)]
    for n in range(int(END_S * FPS)):
        scene = with_van if COMES_S <= n / FPS < GOES_S else empty
        yield (scene + noises[n % 13]).clip(0, 255).astype(np.uint8)


class Spotter:
    """Instead of a network: a van is where the picture differs from the empty street."""

    def __init__(self, model: ObjectModel, empty: Picture) -> None:
        self.manifest, self._empty = model.manifest, empty

    def detect(self, image_bgr: Picture) -> Detections:
        differs = (cv2.absdiff(image_bgr, self._empty).max(axis=2) > 40).astype(np.uint8)
        y, x = np.nonzero(cv2.medianBlur(differs, 5))
        found = len(x) > 200
        box = [x.min(), y.min(), x.max(), y.max()] if found else []
        return Detections(
            np.array(box, np.float32).reshape(-1, 4),
            np.full(int(found), 0.9, np.float32),
            np.full(int(found), self.manifest.labels.index("car"), np.int64),
        )

    def sure(self, faint: Detections) -> Detections:
        return faint


class Desk(Inbox):
    """Looks at each picture before the next is read, and notes when it was captured."""

    def __init__(self, look: Callable[[Frame], bool]) -> None:
        super().__init__()
        self._look = look
        self.looks_s: list[float] = []

    def replace(self, source: object, thing: Any) -> bool:
        assert isinstance(source, Reader)
        self.looks_s.append((thing.at - START).total_seconds())
        source.sees_something = self._look(thing)
        return False


class Folding(FoldSink):
    """The log, folded at once; its hits of standing vehicles can be read back."""

    def __init__(self, fold: Fold) -> None:
        super().__init__(fold)
        self.hits: list[Hit] = []

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        record = decode_log_record(value)
        if isinstance(record, Hit) and record.zone_id == "double-yellow":
            self.hits.append(record)
        super().send(topic, key, value, headers)


@dataclass(frozen=True)
class Watched:
    """`looks_s`, `stands_s`: when it was looked, and when a hit said that a van stands there."""

    looks_s: list[float]
    stands_s: list[float]
    alerts: list[CloudEvent]
    skipped: float


@pytest.fixture(scope="module")
def scenes() -> tuple[Picture, Picture]:
    return street()


@pytest.fixture(scope="module")
def film(scenes: tuple[Picture, Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quiet") / "street.ts"
    return muxed(path, through_the_day(*scenes), every_s=KEYFRAME_S)


def watched(film: Path, empty: Picture, folder: Path, gate: type[Gate]) -> Watched:
    site, registry = load_site(ROOT / "deploy/demo"), CollectorRegistry()
    camera = replace(site.cameras[0], video=None, stream="rtsp://camera.example/1")
    sink = Folding(Fold(site.policy))
    model: Any = Spotter(open_object_model(ROOT / "models/objects", threads=1), empty)
    evidence = FolderEvidence(folder / "evidence", "")
    parts = replace(parts_of(site, sink, model, registry), evidence=evidence)
    watch = watch_camera(camera, site.policy, model.manifest.model_id, model.manifest.labels)
    desk = Desk(lambda frame: look_at(watch, frame, site, parts))
    play(film, FPS, camera, desk, Tally(parts.metrics, parts.ages), gate)
    return Watched(
        desk.looks_s,
        [(hit.occurred_at - START).total_seconds() for hit in sink.hits if hit.measure > 0],
        [decode_alert(value) for value in sink.alerts],
        registry.get_sample_value("gridalert_packets_skipped_total") or 0.0,
    )


def test_a_van_that_comes_stands_and_leaves(
    film: Path, scenes: tuple[Picture, Picture], tmp_path: Path
) -> None:
    gated, ungated = (watched(film, scenes[0], tmp_path, gate) for gate in (Gate, Ungated))
    assert (ungated.skipped, gated.skipped > 0.8 * END_S * FPS) == (0, True)
    assert len(gated.looks_s) < len(ungated.looks_s) / 3
    assert ungated.stands_s[0] <= gated.stands_s[0] <= ungated.stands_s[0] + KEYFRAME_S
    assert max(np.diff(gated.looks_s)) <= motion.LOOK_S
    stood = [at_s for at_s in gated.looks_s if COMES_S <= at_s < GOES_S]
    assert max(np.diff(stood)) <= motion.LOOK_AT_SOMETHING_S + 0.1
    reported = [at_s for at_s in gated.stands_s if at_s < GOES_S] + [GOES_S]
    assert max(np.diff(reported)) <= LONGEST_SILENCE_S + motion.LOOK_AT_SOMETHING_S
    for told in (gated, ungated):
        kinds = [type(alert.data).__name__ for alert in told.alerts]
        assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("Opened", "Resolved", {"Updated"})
    times = [[alert.time for alert in (one.alerts[0], one.alerts[-1])] for one in (gated, ungated)]
    assert all(abs(a - b) < timedelta(seconds=10) for a, b in zip(*times, strict=True))
