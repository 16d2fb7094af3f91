"""Ingest: frames in, hits and evidence out.

    a thread a camera: read, sample ──> one bounded queue ──> this loop: mask, infer once, look at
                                                              each zone, picture, send to the log

Files are never dropped from: a full queue makes their readers wait.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import msgspec

from detectors.hits import Detections, Evidence, Frame, Hit
from detectors.runtime import ObjectModel
from pipeline.looks import CameraWatch, Sighting, watch_camera
from pipeline.messages import DeadLetter, Reason, encode, whole_ms
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.picture import Caption, draw, local_time
from pipeline.redaction import masked
from pipeline.site.model import Camera, Site
from pipeline.sources.video import Unreadable, frames
from pipeline.topics import DEAD_LETTERS, HITS
from pipeline.wire import dead_letter_headers, hit_headers
from sinks.contract import AlertSink
from sinks.evidence import EvidenceStore

SWEEP_S = 3600.0  # how often pictures that no alert kept are looked for
QUEUE_FRAMES = 8  # decoded frames waiting: 8 x 6 MB for 1080p


@dataclass(frozen=True, slots=True)
class Parts:
    """What ingest works with. `now`: the wall clock, for headers and expiry only."""

    sink: AlertSink
    evidence: EvidenceStore
    model: ObjectModel
    metrics: IngestMetrics
    ages: LastFrameAge
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A camera's source is at its end; `error`: it broke."""

    camera: Camera
    error: Exception | None = None


_Item = tuple[Camera, Frame | Unreadable] | _Ended


class SourceFailed(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Cameras whose source could not be read; all others have been looked at to their ends."""


def ingest(site: Site, parts: Parts, stop: threading.Event) -> int:
    """Look at every frame of every camera until their sources end or `stop` is set; then it is set.

    The number of frames looked at. A source that breaks is told at once and stops no other: at the
    end SourceFailed names them all. Raises what the sink and the store raise when they stay
    unavailable: start again, the same hits are made again.
    """
    watches = {
        camera.id: watch_camera(
            camera, site.policy, parts.model.manifest.model_id, parts.model.manifest.labels
        )
        for camera in site.cameras
    }
    waiting: queue.Queue[_Item] = queue.Queue(QUEUE_FRAMES)
    for camera in site.cameras:
        parts.ages.seen(camera.id)
        threading.Thread(target=_read, args=(camera, waiting, parts, stop), daemon=True).start()
    try:
        return _look_at_all(watches, waiting, site, parts, stop)
    finally:
        stop.set()  # whatever ended it, the readers end too


def _look_at_all(
    watches: dict[str, CameraWatch],
    waiting: "queue.Queue[_Item]",
    site: Site,
    parts: Parts,
    stop: threading.Event,
) -> int:
    looked, running, began, swept = 0, len(site.cameras), perf_counter(), -SWEEP_S
    broken: list[str] = []
    while running and not stop.is_set():
        if perf_counter() - swept >= SWEEP_S:
            parts.evidence.sweep(parts.now())
            swept = perf_counter()
        try:
            item = waiting.get(timeout=0.2)
        except queue.Empty:
            continue
        if isinstance(item, _Ended):
            running -= 1
            if item.error:
                broken.append(f"camera {item.camera.id}: {item.error}")
                why = Unreadable(Reason.UNREADABLE_SOURCE, str(item.error))
                _refuse(item.camera, why, parts)
            continue
        camera, frame = item
        if isinstance(frame, Unreadable):
            _refuse(camera, frame, parts)
        else:
            _look(watches[camera.id], frame, site, parts)
            looked += 1
            parts.metrics.looking_seconds.set(perf_counter() - began)
    if broken:
        raise SourceFailed("\n".join(broken))
    return looked


def _read(
    camera: Camera, waiting: "queue.Queue[_Item]", parts: Parts, stop: threading.Event
) -> None:
    """Read one camera to its end; a full queue makes it wait."""

    def came_in() -> None:
        parts.metrics.frames_in.inc()
        parts.ages.seen(camera.id)

    def hand_over(item: _Item) -> None:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    try:
        for frame in frames(camera, came_in):
            if stop.is_set():
                return
            hand_over((camera, frame))
    except Exception as error:  # noqa: BLE001 -- a reader that ends unheard is waited for for ever
        hand_over(_Ended(camera, error))
        return
    hand_over(_Ended(camera))


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
    leaf = place.address.micro_grid or place.address.grid
    caption = Caption(
        headline=f"{kind.label_zh} {look.measure:g}{kind.measure_zh}",
        place=place.name,
        address=f"{place.address.community.name}{leaf.name}",
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
