"""Ingest on small real files, with the real model."""

import hashlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detectors.hits import Hit
from detectors.runtime import ObjectModel, open_object_model
from pipeline.ingest import SourceFailed, ingest
from pipeline.looked import Parts
from pipeline.messages import decode_log_record
from pipeline.metrics import IngestMetrics, LastFrameAge, SiteMetrics
from pipeline.reload import Reload, stamp_of
from pipeline.site.load import load_site
from pipeline.site.model import VIEW, Camera, Site
from pipeline.topics import DEAD_LETTERS, HITS
from pipeline.wire import SEEN_AT
from sinks.contract import SinkUnavailable
from sinks.evidence import FolderEvidence
from tests.conftest import wait_until
from tests.memory_sink import MemorySink
from tests.unit.pipeline.clips import clip, picture

ROOT = Path(__file__).parents[3]
CAMPUS = ROOT / "tests/data/campus.jpg"
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def model() -> ObjectModel:
    return open_object_model(ROOT / "models/objects", threads=1)


class Bench:
    """Ingest with everything real but Kafka."""

    def __init__(self, folder: Path, model: ObjectModel) -> None:
        self.site: Site = load_site(ROOT / "deploy/demo")
        self.sink = MemorySink()
        self.registry = CollectorRegistry()
        self.evidence = FolderEvidence(folder / "evidence", "file:evidence")
        self.stop = threading.Event()
        self.parts = Parts(
            sink=self.sink,
            evidence=self.evidence,
            model=model,
            metrics=IngestMetrics(self.registry),
            ages=LastFrameAge(lambda: 0.0),
            now=lambda: NOW,
        )

    def looks_at(self, *cameras: Camera) -> "Bench":
        """These cameras, each with the zones of the demo's."""
        watches = self.site.policy.watches
        for camera in cameras:
            for zone in camera.zones:
                watches[camera.id, zone.id] = watches[self.site.cameras[0].id, zone.id]
        self.site = replace(self.site, cameras=cameras)
        return self

    def camera(self, **source: object) -> Camera:
        """The demo's camera over another source."""
        fields = {"video": None, "frames": None, "fps": None, **source}
        return replace(self.site.cameras[0], **fields)  # type: ignore[arg-type]

    def run(self) -> int:
        return ingest(self.site, self.parts, self.stop)

    def hits(self) -> list[Hit]:
        records = [decode_log_record(message.value) for message in self.sink.on(HITS)]
        return [record for record in records if isinstance(record, Hit)]

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"gridalert_{name}", labels) or 0.0


@pytest.fixture
def bench(tmp_path: Path, model: ObjectModel) -> Bench:
    return Bench(tmp_path, model)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three seconds of the campus, and in between a file that is no picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in (0, 2, 3):
        shutil.copy(CAMPUS, folder / f"{n}.jpg")
    (folder / "1.jpg").write_bytes(b"no picture at all")
    return folder


def reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "(read_recording)" in thread.name]


def test_what_the_cameras_see_is_on_the_log(bench: Bench, pictures: Path) -> None:
    assert bench.looks_at(bench.camera(frames=pictures)).run() == 3
    hits = bench.hits()
    assert {hit.zone_id for hit in hits} == {"junction", "double-yellow", "walkers-path", VIEW}
    junction = [hit for hit in hits if hit.zone_id == "junction"]
    assert all(hit.measure > 0 and hit.score > 0.3 and hit.quality > 0 for hit in junction)
    for message, hit in zip(bench.sink.on(HITS), hits, strict=True):
        assert message.key == hit.leaf_code.encode()
        assert dict(message.headers)[SEEN_AT] == str(int(NOW.timestamp() * 1000)).encode()


def test_the_same_pictures_make_the_same_bytes(
    bench: Bench, pictures: Path, tmp_path: Path, model: ObjectModel
) -> None:
    again = Bench(tmp_path / "again", model)
    for one in (bench, again):
        one.looks_at(one.camera(frames=pictures)).run()
    assert bench.sink.on(HITS) == again.sink.on(HITS)
    assert bench.sink.on(HITS)


def test_a_hit_that_may_become_an_alert_has_a_picture_in_the_store(
    bench: Bench, pictures: Path
) -> None:
    watch = bench.site.policy.watches["cam-510117-000007", "junction"]
    few = msgspec.structs.replace(watch, rule=msgspec.structs.replace(watch.rule, raise_at=1))
    bench.site.policy.watches["cam-510117-000007", "junction"] = few
    bench.looks_at(bench.camera(frames=pictures)).run()
    shown = [evidence for hit in bench.hits() for evidence in hit.evidence]
    assert shown
    for evidence in shown:
        jpeg = bench.evidence.get(evidence.sha256)
        assert jpeg is not None
        assert hashlib.sha256(jpeg).hexdigest() == evidence.sha256
        assert evidence.uri == f"file:evidence/sha256/{evidence.sha256}.jpg"
        drawn = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert drawn is not None
        assert drawn.shape[1] >= 768
        assert "person_top_quarter" in evidence.redaction


def test_a_corrupt_picture_is_a_dead_letter_by_hash_and_the_rest_is_looked_at(
    bench: Bench, pictures: Path
) -> None:
    assert bench.looks_at(bench.camera(frames=pictures)).run() == 3
    (letter,) = bench.sink.on(DEAD_LETTERS)
    headers = {name: content.decode() for name, content in letter.headers}
    assert (letter.key, letter.value) == (b"cam-510117-000007", b"")
    assert (headers["dlq_reason"], headers["dlq_stage"]) == ("unreadable_picture", "ingest")
    assert headers["dlq_payload_policy"] == "hash_only"
    assert headers["dlq_payload_sha256"] == hashlib.sha256(b"no picture at all").hexdigest()
    assert headers["dlq_payload_bytes"] == "17"
    assert "1.jpg" in headers["dlq_error_message"]
    assert headers["dlq_mend"]
    assert bench.count("frames_dropped_total", reason="unreadable_picture") == 1
    assert bench.count("dead_letters_total", reason="unreadable_picture", stage="ingest") == 1


def test_what_was_done_is_counted(bench: Bench, pictures: Path) -> None:
    bench.looks_at(bench.camera(frames=pictures)).run()
    assert bench.count("frames_in_total") == bench.count("frames_looked_at_total") == 3
    assert bench.count("inference_seconds_count", model="objects") == 3
    by_event = [
        bench.count("hits_total", event_type=e) for e in {h.event_type for h in bench.hits()}
    ]
    assert sum(by_event) == len(bench.hits())


def test_a_clip_is_looked_at_as_often_as_the_camera_says(bench: Bench, tmp_path: Path) -> None:
    video = clip(tmp_path / "clip.mp4", [n / 10 for n in range(20)], noise=60)
    assert bench.looks_at(bench.camera(video=video)).run() == 4
    assert bench.count("frames_in_total") == 20


@pytest.mark.parametrize(
    ("tick_s", "minutes", "cameras"),
    [
        pytest.param(10.0, -11, ["cam-a", "cam-b"], id="long ago"),
        pytest.param(10.0, 11, ["cam-a", "cam-b"], id="in the future"),
        pytest.param(10.0, -9, [], id="a little late"),
        pytest.param(0.0, -11, [], id="nothing ticks"),
    ],
)
def test_a_time_far_from_a_clock_that_ticks_is_told_once_a_camera(
    tick_s: float, minutes: int, cameras: list[str], bench: Bench, pictures: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    start = NOW + timedelta(minutes=minutes)
    bench.looks_at(*(bench.camera(id=i, frames=pictures, start=start) for i in ("cam-a", "cam-b")))
    settings = bench.site.settings
    worker = msgspec.structs.replace(settings.worker, tick_s=tick_s)
    bench.site = replace(bench.site, settings=msgspec.structs.replace(settings, worker=worker))
    bench.run()
    told = sorted(message.split(": ")[0] for message in caplog.messages)
    assert told == [f"camera {camera}" for camera in cameras]


def test_frames_of_another_size_than_the_references_are_told_once(
    bench: Bench, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((360, 640, 3), np.uint8))
    camera = bench.camera(frames=pictures, fps=1.0, references=(small,))
    wires = msgspec.structs.replace(camera.zones[0], detector="flying_wire", params={})
    bench.looks_at(replace(camera, zones=(wires,)))
    bench.run()
    (told,) = [message for message in caplog.messages if "cables may be missed" in message]
    assert "small.png is 640 x 360 px" in told


def test_two_cameras_are_both_looked_at(bench: Bench, pictures: Path, tmp_path: Path) -> None:
    video = clip(tmp_path / "clip.mp4", [n / 10 for n in range(20)], noise=60)
    one, other = bench.camera(frames=pictures), bench.camera(video=video, id="other")
    assert bench.looks_at(one, other).run() == 3 + 4


def test_a_stop_ends_it_before_the_sources_do(bench: Bench, tmp_path: Path) -> None:
    class StopsIt(MemorySink):
        def send(self, *args: object, **more: object) -> None:
            super().send(*args, **more)  # type: ignore[arg-type]
            bench.stop.set()

    video = clip(tmp_path / "clip.mp4", [n / 2 for n in range(40)])
    bench.parts = replace(bench.parts, sink=StopsIt())
    assert bench.looks_at(bench.camera(video=video)).run() == 1


def broken_off(bench: Bench, folder: Path) -> Camera:
    path = folder / "broken.mp4"
    path.write_bytes(b"no video")
    return bench.camera(video=path)


def out_of_time(bench: Bench, folder: Path) -> Camera:
    """A reader that fails in a way nobody thought of: its second picture is in the year 10000."""
    for n in range(2):
        picture(folder / f"{n}.png", np.zeros((48, 64, 3), np.uint8))
    first = datetime.max.replace(tzinfo=UTC) - timedelta(days=40)
    return bench.camera(frames=folder, start=first, fps=1 / timedelta(days=41).total_seconds())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(broken_off, r"broken\.mp4: no video", id="a file that is no video"),
        pytest.param(out_of_time, "out of range", id="a reader that fails unforeseen"),
    ],
)
def test_a_camera_that_cannot_be_read_stops_no_other_and_is_named_at_the_end(
    bench: Bench, tmp_path: Path, pictures: Path, make: Callable[[Bench, Path], Camera], why: str
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    bench.looks_at(make(bench, folder), bench.camera(frames=pictures, id="other"))
    with pytest.raises(SourceFailed, match=f"camera cam-510117-000007: .*{why}"):
        bench.run()
    assert bench.count("frames_looked_at_total") >= 3
    assert bench.count("frames_dropped_total", reason="unreadable_source") == 1
    reasons = [dict(letter.headers)["dlq_reason"] for letter in bench.sink.on(DEAD_LETTERS)]
    assert b"unreadable_source" in reasons


def test_a_sink_that_is_gone_ends_ingest_and_its_readers(bench: Bench, tmp_path: Path) -> None:
    video = clip(tmp_path / "clip.mp4", [n / 2 for n in range(60)])
    bench.sink.close()
    bench.looks_at(bench.camera(video=video), bench.camera(video=video, id="other"))
    with pytest.raises(SinkUnavailable):
        bench.run()
    for thread in reader_threads():
        thread.join(timeout=120)
    assert reader_threads() == []


class Changes(MemorySink):
    """A sink that has the site changed on disk, and waits until ingest has it, at given hits."""

    def __init__(self, reload: Reload, at_hits: dict[int, Callable[[], None]]) -> None:
        super().__init__()
        self._reload, self._at_hits = reload, at_hits

    def send(self, topic: str, *args: object, **more: object) -> None:
        super().send(topic, *args, **more)  # type: ignore[arg-type]
        change = self._at_hits.pop(len(self.on(HITS)), None)
        if change is not None:
            before = self._reload.site
            change()
            self._reload.ask()
            wait_until(
                lambda: self._reload.site is not before or bool(self._reload.refused),
                "the change to be seen",
            )


ONE_ZONE = """
[[camera]]
id = "{id}"
name = "{id}"
frames = "{frames}"
fps = 1
start = 2026-06-01T08:00:00+08:00
sample_fps = 1
[[camera.zones]]
id = "{zone}"
event = "crowding"
place = "pl-0931"
polygon = [[0.1, 0.2], [0.6, 0.2], [0.6, 0.9], [0.1, 0.9]]
params = {{ min_people = 5, hold_s = 3 }}
"""
FRAMES = 28  # more than wait in the queue, behind which a new site waits too


@pytest.fixture
def lasting(bench: Bench, tmp_path: Path) -> Callable[..., int]:
    """Ingest over FRAMES seconds of each camera, whose site changes at given hits."""
    folder = shutil.copytree(ROOT / "deploy/demo", tmp_path / "site")
    for path in (folder / "cameras").iterdir():
        path.unlink()
    (folder / "pictures").mkdir()
    for n in range(FRAMES):
        shutil.copy(CAMPUS, folder / f"pictures/{n:02d}.jpg")

    def run(cameras: tuple[str, ...], changes: dict[int, Callable[[Path], None]]) -> int:
        for name in cameras:
            camera = ONE_ZONE.format(id=name, frames="pictures", zone="first")
            (folder / f"cameras/{name}.toml").write_text(camera, "utf-8")
        stamp = stamp_of(folder)
        bench.site = load_site(folder)
        reload = Reload(folder, bench.site, stamp, 0.0, SiteMetrics(bench.registry))
        bench.sink = Changes(reload, {n: partial(act, folder) for n, act in changes.items()})
        bench.parts = replace(bench.parts, sink=bench.sink)
        return ingest(bench.site, bench.parts, bench.stop, reload)

    return run


def seconds(bench: Bench, camera: str, zone: str) -> list[int]:
    """When a camera's zone was told of, in seconds since the first frame."""
    seen = [hit for hit in bench.hits() if (hit.source.id, hit.zone_id) == (camera, zone)]
    return [int(hit.occurred_at.timestamp()) % 3600 for hit in seen]


def zone_is(name: str) -> Callable[[Path], None]:
    """Change the zone of camera one."""

    def change(site: Path) -> None:
        path = site / "cameras/one.toml"
        path.write_text(path.read_text("utf-8").replace('"first"', f'"{name}"'), "utf-8")

    return change


def test_new_zones_are_looked_at_by_the_same_reader(bench: Bench, lasting) -> None:
    assert lasting(("one",), {4: zone_is("second")}) == FRAMES
    assert bench.count("frames_in_total") == FRAMES  # nothing was read twice
    first, second = seconds(bench, "one", "first"), seconds(bench, "one", "second")
    assert first
    assert second
    assert max(first) < min(second)


def test_a_wrong_site_is_refused_and_the_old_one_runs_on(bench: Bench, lasting) -> None:
    assert lasting(("one",), {4: zone_is("bad zone\n")}) == FRAMES
    assert bench.count("site_reload_successful") == 0
    assert max(seconds(bench, "one", "first")) >= FRAMES - 2


def test_a_camera_that_is_gone_is_read_no_more_and_a_new_one_is(bench: Bench, lasting) -> None:
    def swap(site: Path) -> None:
        (site / "cameras/two.toml").unlink()
        camera = ONE_ZONE.format(id="three", frames="pictures", zone="first")
        (site / "cameras/three.toml").write_text(camera, "utf-8")

    lasting(("one", "two"), {4: swap})
    assert max(seconds(bench, "two", "first")) < FRAMES - 2
    for name in ("one", "three"):
        assert max(seconds(bench, name, "first")) >= FRAMES - 2
    ages = {
        sample.labels["camera"]: sample.value
        for family in bench.parts.ages.collect()
        for sample in family.samples
    }
    assert set(ages) == {"one", "three"}


def test_another_source_is_read_from_its_beginning(bench: Bench, lasting) -> None:
    def later(site: Path) -> None:
        path = site / "cameras/one.toml"
        path.write_text(path.read_text("utf-8").replace("T08:00", "T07:30"), "utf-8")

    lasting(("one",), {4: later})
    told = seconds(bench, "one", "first")
    again = [second for second in told if second >= 1800]
    assert told[: -len(again)] == sorted(set(told) - set(again))
    assert (min(again), max(again) >= 1800 + FRAMES - 2) == (1800, True)


def test_a_camera_that_is_offline_is_unknown_and_others_are_looked_at(
    bench: Bench, pictures: Path
) -> None:
    """The recording's end ends nothing while a live camera is watched."""
    began = datetime.now(UTC)
    bench.parts = replace(bench.parts, now=lambda: NOW + (datetime.now(UTC) - began))
    live = bench.camera(stream="rtsp://127.0.0.1:1/ch1", start=None, id="live")
    bench.looks_at(live, bench.camera(frames=pictures))
    looked: list[int] = []
    thread = threading.Thread(target=lambda: looked.append(bench.run()))
    thread.start()
    wait_until(lambda: "live" in {hit.source.id for hit in bench.hits()}, "hits of the live one")
    wait_until(lambda: bench.count("frames_looked_at_total") == 3, "the recording's end")
    assert thread.is_alive()
    bench.stop.set()
    thread.join(60)
    unseen = [hit for hit in bench.hits() if hit.source.id == "live"]
    assert looked == [3]
    assert {hit.zone_id for hit in unseen} == {zone.id for zone in live.zones}
    told = {(hit.detector == VIEW, hit.quality, hit.measure) for hit in unseen}
    assert told == {(False, 0.0, 0.0), (True, 1.0, 1.0)}  # unknown, and that is sure
    assert all(hit.occurred_at >= NOW for hit in unseen)
    assert bench.count("camera_troubles_total", reason="cannot_connect") >= 1
