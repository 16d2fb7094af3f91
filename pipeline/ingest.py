"""Ingest: frames in, hits and evidence out.

    sources/readers.py, a thread a camera ──> inbox ──> this loop: mask, infer once, look at each
    sources/frames_topic.py ────────────────┘           zone, picture, send to the log

Recordings are never dropped from: they wait for this loop. Live cameras wait for nobody: of each
the newest picture is looked at. A site that changes comes through the same inbox.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic, perf_counter

from prometheus_client import CollectorRegistry

from detectors.hits import Frame
from detectors.runtime import ObjectModel
from detectors.view import Sight
from pipeline.connection import Connection
from pipeline.looked import Parts, look_at, refuse, send
from pipeline.looks import CameraWatch, watch_camera
from pipeline.messages import Reason, whole_ms
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.reload import Reload
from pipeline.site.model import Camera, Site
from pipeline.sources.frames_topic import FramesTopic
from pipeline.sources.inbox import Inbox
from pipeline.sources.readers import Ended, Reader, StreamReader, Tally, read_recording
from pipeline.sources.video import Unreadable
from sinks.contract import AlertSink
from sinks.evidence import FolderEvidence

log = logging.getLogger(__name__)

SWEEP_S = 3600.0  # how often pictures that no alert kept are looked for
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
LOOK_AROUND_S = 0.5  # how often live cameras that show nothing are looked for
SET_BACK = timedelta(minutes=1)  # a picture so much older than the last: the clock was set back
FAR = timedelta(minutes=10)  # between event time and clock: more than delay


def parts_of(
    site: Site,
    sink: AlertSink,
    model: ObjectModel,
    registry: CollectorRegistry,
    connection: Connection | None = None,
) -> Parts:
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
        connection=connection,
    )


class SourceFailed(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Cameras whose source could not be read; all others have been looked at to their ends."""


def ingest(site: Site, parts: Parts, stop: threading.Event, reload: Reload | None = None) -> int:
    """Look at the cameras until every source has ended or `stop` is set; then it is set. Live ones
    never end.

    The number of frames looked at. A source that breaks is told at once and stops no other: at the
    end SourceFailed names them all. `reload`: the site may change meanwhile. Raises what the sink
    and the store raise when they stay unavailable: start again, the same hits are made again.
    """
    run = _Run(site, parts, stop)
    if reload is not None:
        threading.Thread(target=_watch, args=(reload, run.inbox, stop), daemon=True).start()
    try:
        return run.to_the_end()
    finally:
        stop.set()  # whatever ended it, the readers end too
        run.end()


class _Run:
    """The cameras that are looked at, and who reads them."""

    def __init__(self, site: Site, parts: Parts, stop: threading.Event) -> None:
        self._parts, self._stop, self.inbox = parts, stop, Inbox()
        self._tally = Tally(parts.metrics, parts.ages)
        self._readers: dict[str, Reader] = {}  # by camera; one stays when its source has ended
        self._topic: FramesTopic | None = None
        self._running: set[str] = set()
        self._looked_at: dict[str, datetime] = {}  # event time of each camera's last look
        self._watches: dict[str, CameraWatch] = {}
        self._broken: list[str] = []
        self._take(site)

    def to_the_end(self) -> int:
        """Look until nothing is read any more."""
        looked, began, swept, around = 0, perf_counter(), -SWEEP_S, perf_counter()
        while self._running and not self._stop.is_set():
            if perf_counter() - swept >= SWEEP_S:
                self._parts.evidence.sweep(self._parts.now())
                swept = perf_counter()
            if perf_counter() - around >= LOOK_AROUND_S:
                self._say_what_cannot_be_seen()
                around = perf_counter()
            item = self.inbox.take(0.2)
            if item is None:
                continue
            reader, thing = item
            if reader is None:
                self._take(thing)
            elif not reader.stop.is_set() and self._see(reader, thing):
                looked += 1
                self._parts.metrics.looking_seconds.set(perf_counter() - began)
        if self._broken:
            raise SourceFailed("\n".join(self._broken))
        return looked

    def end(self) -> None:
        """Let every reader go."""
        for reader in self._readers.values():
            reader.stop.set()
        if self._topic is not None:
            self._topic.stop.set()

    def _take(self, site: Site) -> None:
        """Look by this site from now on. Only readers whose source changed begin anew."""
        self._site = site
        cameras = {camera.id: camera for camera in site.cameras}
        for name, reader in list(self._readers.items()):
            if name not in cameras or _source(reader.camera) != _source(cameras[name]):
                self._forget(name)
        self._watches = {
            name: self._watched(camera, self._watches.get(name)) for name, camera in cameras.items()
        }
        for name, camera in cameras.items():
            if name not in self._readers:
                self._read(camera)
        self._read_topic(any(camera.from_topic for camera in site.cameras))

    def _watched(self, camera: Camera, before: CameraWatch | None = None) -> CameraWatch:
        model = self._parts.model.manifest
        return watch_camera(camera, self._site.policy, model.model_id, model.labels, before)

    def _read(self, camera: Camera) -> None:
        reader = self._readers[camera.id] = Reader(camera, expected=not camera.from_topic)
        self._running.add(camera.id)
        self._parts.ages.seen(camera.id)
        if camera.stream is not None:
            _start(StreamReader(reader, self.inbox, self._tally).run)
        elif not camera.from_topic:
            _start(read_recording, reader, self.inbox, self._tally)

    def _read_topic(self, wanted: bool) -> None:
        if self._topic is not None and not wanted:
            self._topic.stop.set()
            self._topic = None
        elif self._topic is None and wanted:
            if self._parts.connection is None:
                raise LookupError("from_topic: pictures of grid.frames.v1 come with Kafka only")
            self._topic = FramesTopic(
                self._parts.connection,
                self._readers,
                self.inbox,
                self._tally,
                partial(refuse, parts=self._parts),
                self._parts.now,
            )
            _start(self._topic.run)

    def _forget(self, name: str) -> None:
        reader = self._readers.pop(name)
        reader.stop.set()
        self.inbox.forget(reader)
        self._watches.pop(name)
        self._running.discard(name)
        self._looked_at.pop(name, None)
        self._parts.ages.forget(name)
        self._parts.metrics.views_lost.seen(name, Sight.CLEAR)

    def _see(self, reader: Reader, thing: Frame | Unreadable | Ended) -> bool:
        """What came of a camera; whether it was looked at."""
        camera = reader.camera
        if isinstance(thing, Ended):
            self._running.discard(camera.id)
            if thing.error:
                self._broken.append(f"camera {camera.id}: {thing.error}")
                thing = Unreadable(Reason.UNREADABLE_SOURCE, str(thing.error))
        if isinstance(thing, Unreadable):
            refuse(camera.id, thing, self._parts)
        if not isinstance(thing, Frame) or not self._is_newer(camera, thing):
            return False
        watch = self._watches[camera.id]
        reader.sees_something = look_at(watch, thing, self._site, self._parts)
        return True

    def _is_newer(self, camera: Camera, frame: Frame) -> bool:
        """Whether this picture comes after the last look, as a camera's watch needs it to."""
        before, self._looked_at[camera.id] = self._looked_at.get(camera.id), frame.at
        if before is None:
            _warn_if_far(frame, self._site, self._parts.now())
            _warn_if_resized(frame, self._watches[camera.id])
        elif camera.is_live and frame.at <= before:
            if before - frame.at > SET_BACK:
                self._watches[camera.id] = self._watched(camera)
                return True
            self._looked_at[camera.id] = before
            self._parts.metrics.frames_dropped.labels(Reason.LATE).inc()
            return False
        return True

    def _say_what_cannot_be_seen(self) -> None:
        """The places of live cameras that show nothing, or nothing new, are unknown."""
        for name, reader in self._readers.items():
            sight = reader.sight_at(monotonic()) if reader.camera.is_live else Sight.CLEAR
            at = whole_ms(self._parts.now())
            if sight is Sight.CLEAR or at <= self._looked_at.get(name, _LONG_AGO):
                continue
            self._looked_at[name] = at
            self._parts.metrics.views_lost.seen(name, sight)
            for sighting in self._watches[name].blind(at, sight):
                send(sighting.hit, at, self._parts)


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


def _warn_if_resized(frame: Frame, watch: CameraWatch) -> None:
    """What `gridalert check` said of a cord's width holds for frames as large as the pictures."""
    odd = watch.odd_reference(frame.size_wh)
    if odd is not None:
        width, height = frame.size_wh
        log.warning(
            f"camera {frame.camera_id}: its frames are {width} x {height} px, but {odd}: "
            "cables may be missed. Read its main stream, or take its references from the stream "
            "that is read"
        )


def _source(camera: Camera) -> tuple[object, ...]:
    """Where its frames come from, and when."""
    recorded = camera.video, camera.frames, camera.start, camera.fps
    return *recorded, camera.stream, camera.from_topic, camera.sample_fps


def _start(run: Callable[..., None], *args: object) -> None:
    threading.Thread(target=run, args=args, daemon=True).start()


def _watch(reload: Reload, inbox: Inbox, stop: threading.Event) -> None:
    """Hand over each new site."""
    while not stop.wait(1.0):
        site = reload.look() if reload.is_due(monotonic()) else None
        if site is not None:
            inbox.wait_and_put(None, site, stop)
