"""Ingest: frames in, hits and evidence out.

    a thread a camera: read, sample ──> one bounded queue ──> this loop: mask, infer once, look at
                                                              each zone, picture, send to the log

Files are never dropped from: a full queue makes their readers wait. A site that changes comes
through the same queue.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic, perf_counter
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client import CollectorRegistry

from detectors.hits import Detections, Evidence, Frame, Hit
from detectors.runtime import ObjectModel
from pipeline.looks import CameraWatch, Sighting, watch_camera
from pipeline.messages import DeadLetter, Reason, encode, whole_ms
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.picture import Caption, draw, local_time
from pipeline.redaction import masked
from pipeline.reload import Reload
from pipeline.site.model import Camera, Site
from pipeline.sources.video import Unreadable, frames
from pipeline.topics import DEAD_LETTERS, HITS
from pipeline.wire import dead_letter_headers, hit_headers
from sinks.contract import AlertSink
from sinks.evidence import FolderEvidence

log = logging.getLogger(__name__)

SWEEP_S = 3600.0  # how often pictures that no alert kept are looked for
QUEUE_FRAMES = 8  # decoded frames waiting: 8 x 6 MB for 1080p
FAR = timedelta(minutes=10)  # between event time and clock: more than delay


@dataclass(frozen=True, slots=True)
class Parts:
    """What ingest works with. `now`: the wall clock, for headers, expiry and a warning only."""

    sink: AlertSink
    evidence: FolderEvidence
    model: ObjectModel
    metrics: IngestMetrics
    ages: LastFrameAge
    now: Callable[[], datetime]


def parts_of(site: Site, sink: AlertSink, model: ObjectModel, registry: CollectorRegistry) -> Parts:
    """What ingest of this site works with, counted on `registry`. Raises EvidenceUnavailable."""
    rules, ages = site.settings.evidence, LastFrameAge(monotonic)
    registry.register(ages)
    return Parts(
        sink=sink,
        evidence=FolderEvidence(site.folder / rules.folder, rules.base_uri),
        model=model,
        metrics=IngestMetrics(registry),
        ages=ages,
        now=lambda: datetime.now(UTC),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one camera in a thread until its source ends or `stop` is set."""

    camera: Camera
    stop: threading.Event


@dataclass(frozen=True, slots=True)
class _Ended:
    """A source is at its end; `error`: it broke."""

    error: Exception | None = None


_Item = tuple[_Reader, Frame | Unreadable | _Ended] | Site


class SourceFailed(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Cameras whose source could not be read; all others have been looked at to their ends."""


def ingest(site: Site, parts: Parts, stop: threading.Event, reload: Reload | None = None) -> int:
    """Look at every frame of every camera until their sources end or `stop` is set; then it is set.

    The number of frames looked at. A source that breaks is told at once and stops no other: at the
    end SourceFailed names them all. `reload`: the site may change meanwhile. Raises what the sink
    and the store raise when they stay unavailable: start again, the same hits are made again.
    """
    run = _Run(site, parts, stop)
    if reload is not None:
        threading.Thread(target=_watch, args=(reload, run.waiting, stop), daemon=True).start()
    try:
        return run.to_the_end()
    finally:
        stop.set()  # whatever ended it, the readers end too
        for reader in run.readers.values():
            reader.stop.set()


class _Run:
    """The cameras that are looked at, and who reads them."""

    def __init__(self, site: Site, parts: Parts, stop: threading.Event) -> None:
        self._parts, self._stop = parts, stop
        self.waiting: queue.Queue[_Item] = queue.Queue(QUEUE_FRAMES)
        self.readers: dict[str, _Reader] = {}  # by camera; one stays when its source has ended
        self._running: set[str] = set()
        self._begun: set[str] = set()  # cameras of which a frame has been looked at
        self._watches: dict[str, CameraWatch] = {}
        self._broken: list[str] = []
        self._take(site)

    def to_the_end(self) -> int:
        """Look until nothing is read any more."""
        looked, began, swept = 0, perf_counter(), -SWEEP_S
        while self._running and not self._stop.is_set():
            if perf_counter() - swept >= SWEEP_S:
                self._parts.evidence.sweep(self._parts.now())
                swept = perf_counter()
            try:
                item = self.waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(item, Site):
                self._take(item)
            elif self.readers.get(item[0].camera.id) is item[0] and self._see(*item):
                looked += 1
                self._parts.metrics.looking_seconds.set(perf_counter() - began)
        if self._broken:
            raise SourceFailed("\n".join(self._broken))
        return looked

    def _take(self, site: Site) -> None:
        """Look by this site from now on. Only readers whose source changed begin anew."""
        self._site, model = site, self._parts.model.manifest
        cameras = {camera.id: camera for camera in site.cameras}
        for name, reader in list(self.readers.items()):
            if name not in cameras or _source(reader.camera) != _source(cameras[name]):
                self._forget(name)
        self._watches = {
            name: watch_camera(
                camera, site.policy, model.model_id, model.labels, self._watches.get(name)
            )
            for name, camera in cameras.items()
        }
        for name, camera in cameras.items():
            if name not in self.readers:
                self._read(camera)

    def _read(self, camera: Camera) -> None:
        reader = _Reader(camera, threading.Event())
        self.readers[camera.id] = reader
        self._running.add(camera.id)
        self._parts.ages.seen(camera.id)
        threading.Thread(
            target=_read, args=(reader, self.waiting, self._parts), daemon=True
        ).start()

    def _forget(self, name: str) -> None:
        self.readers.pop(name).stop.set()
        self._watches.pop(name)
        self._running.discard(name)
        self._begun.discard(name)
        self._parts.ages.forget(name)

    def _see(self, reader: _Reader, frame: Frame | Unreadable | _Ended) -> bool:
        """What came of a camera; whether it was looked at."""
        camera = reader.camera
        if isinstance(frame, _Ended):
            self._running.discard(camera.id)
            if frame.error:
                self._broken.append(f"camera {camera.id}: {frame.error}")
                frame = Unreadable(Reason.UNREADABLE_SOURCE, str(frame.error))
        if isinstance(frame, Unreadable):
            _refuse(camera, frame, self._parts)
        if isinstance(frame, Frame):
            if camera.id not in self._begun:
                self._begun.add(camera.id)
                _warn_if_far(frame, self._site, self._parts.now())
            _look(self._watches[camera.id], frame, self._site, self._parts)
            return True
        return False


def _warn_if_far(frame: Frame, site: Site, now: datetime) -> None:
    """A recording played to a worker that ticks loses its alerts without a word."""
    tick_s = site.settings.worker.tick_s
    if tick_s and abs(frame.at - now) > FAR:
        # As one text: quiet.py drops lines of the same template.
        log.warning(
            f"camera {frame.camera_id}: its first frame is of {frame.at:%Y-%m-%d %H:%M} UTC, far "
            "from the clock by which the worker ticks: alerts will be lost. For a file played now "
            "set the camera's start to now; for recorded material set tick_s = 0 under [worker]"
        )


def _source(camera: Camera) -> tuple[object, ...]:
    """Where its frames come from, and when."""
    return camera.video, camera.frames, camera.start, camera.fps, camera.sample_fps


def _hand_over(waiting: "queue.Queue[_Item]", item: _Item, stop: threading.Event) -> None:
    """A full queue makes its reader wait."""
    while not stop.is_set():
        try:
            waiting.put(item, timeout=0.2)
        except queue.Full:
            continue
        return


def _read(reader: _Reader, waiting: "queue.Queue[_Item]", parts: Parts) -> None:
    """Read one camera to its end."""
    camera, stop = reader.camera, reader.stop

    def came_in() -> None:
        parts.metrics.frames_in.inc()
        if not stop.is_set():
            parts.ages.seen(camera.id)

    ended = _Ended()
    try:
        for frame in frames(camera, came_in):
            if stop.is_set():
                return
            _hand_over(waiting, (reader, frame), stop)
    except Exception as error:  # noqa: BLE001 -- a reader that ends unheard is waited for for ever
        ended = _Ended(error)
    _hand_over(waiting, (reader, ended), stop)


def _watch(reload: Reload, waiting: "queue.Queue[_Item]", stop: threading.Event) -> None:
    """Hand over each new site."""
    while not stop.wait(1.0):
        site = reload.look() if reload.is_due(monotonic()) else None
        if site is not None:
            _hand_over(waiting, site, stop)


def _look(watch: CameraWatch, frame: Frame, site: Site, parts: Parts) -> None:
    seen_at = parts.now()
    frame = masked(frame, watch.camera.privacy_masks)
    begin = perf_counter()
    faint = parts.model.detect(frame.image_bgr)
    parts.metrics.inference_seconds.labels(parts.model.manifest.name).observe(
        perf_counter() - begin
    )
    with parts.metrics.stage_seconds.labels("look").time():
        sure = parts.model.sure(faint)
        sightings = watch.look(frame, sure)
    for sighting in sightings:
        hit = sighting.hit
        if sighting.wants_picture:
            with parts.metrics.stage_seconds.labels("picture").time():
                picture = _picture(sighting, watch, frame, faint, site, parts)
                hit = msgspec.structs.replace(hit, evidence=(picture,))
        with parts.metrics.stage_seconds.labels("send").time():
            _send(hit, seen_at, parts)
    parts.metrics.frames_looked_at.inc()


def _send(hit: Hit, seen_at: datetime, parts: Parts) -> None:
    parts.sink.send(HITS, hit.leaf_code.encode(), encode(hit), hit_headers(seen_at))
    parts.metrics.hits.labels(hit.event_type).inc()


def _picture(
    sighting: Sighting,
    watch: CameraWatch,
    frame: Frame,
    faint: Detections,
    site: Site,
    parts: Parts,
) -> Evidence:
    """Draw and store what an officer would want to see; it expires unless an alert keeps it."""
    zone, look, camera = sighting.watch.zone, sighting.look, watch.camera
    place, kind = site.policy.places[zone.place_id], site.policy.events[zone.event_type]
    address = site.policy.leaves[place.leaf_code].address
    leaf = address.micro_grid or address.grid
    caption = Caption(
        headline=f"{kind.label_zh} {look.measure:g}{kind.measure_zh}",
        place=place.name,
        address=f"{address.community.name}{leaf.name}",
        at_local=local_time(frame.at, ZoneInfo(site.policy.deadlines.timezone)),
        camera=camera.name,
        score=look.score,
    )
    drawn = draw(frame, zone, look, faint, watch.labels, caption)
    rules = site.settings.evidence
    stored = parts.evidence.put(drawn.jpeg, parts.now() + timedelta(hours=rules.unreferenced_hours))
    return Evidence(
        kind="snapshot",
        uri=stored.uri,
        media_type="image/jpeg",
        sha256=stored.sha256,
        captured_at=frame.at,
        redaction=drawn.redaction,
        expires_at=whole_ms(frame.at + timedelta(days=rules.keep_days)),
    )


def _refuse(camera: Camera, frame: Unreadable, parts: Parts) -> None:
    """A frame that is no picture: counted, told, and its hash kept, never its pixels."""
    letter = DeadLetter(
        reason=frame.reason,
        stage="ingest",
        message=f"camera {camera.id}: {frame.what}",
        mend="check the camera's stream or the file; the frames after it are looked at",
    )
    headers = dead_letter_headers(letter, parts.now(), not_kept=frame.value)
    parts.sink.send(DEAD_LETTERS, camera.id.encode(), b"", headers)
    parts.metrics.frames_dropped.labels(frame.reason).inc()
    parts.metrics.dead_letters.labels(frame.reason, letter.stage).inc()
