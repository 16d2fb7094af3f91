"""What comes of one look: hits to the log, and the pictures that show them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import msgspec

from detectors.hits import Comparing, Detections, Evidence, Frame, FrameDetector, Hit
from detectors.runtime import ObjectModel
from detectors.seen import of_labels
from pipeline.connection import Connection
from pipeline.incidents.policy import EventType, Over
from pipeline.incidents.wording import SUREST
from pipeline.looks import CameraWatch, Sighting
from pipeline.messages import DeadLetter, encode, whole_ms
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.picture import Caption, Labelled, draw, local_time
from pipeline.redaction import masked, masked_image
from pipeline.site.model import Site
from pipeline.sources.video import Unreadable
from pipeline.topics import DEAD_LETTERS, HITS
from pipeline.wire import dead_letter_headers, hit_headers
from sinks.contract import AlertSink
from sinks.evidence import FolderEvidence


@dataclass(frozen=True, slots=True)
class Parts:
    """What ingest works with. `now`: the wall clock, for headers, expiry and a warning, and as the
    event time of what a live camera does not show. `connection`: to read pictures from.
    """

    sink: AlertSink
    evidence: FolderEvidence
    model: ObjectModel
    metrics: IngestMetrics
    ages: LastFrameAge
    now: Callable[[], datetime]
    connection: Connection | None = None


def look_at(watch: CameraWatch, frame: Frame, site: Site, parts: Parts) -> bool:
    """Send what is due; whether there is anything that a zone of the camera may count."""
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
    parts.metrics.views_lost.seen(watch.camera.id, watch.sight)
    for sighting in sightings:
        hit = sighting.hit
        if sighting.wants_picture:
            with parts.metrics.stage_seconds.labels("picture").time():
                picture = _picture(sighting, watch, frame, faint, site, parts)
                hit = msgspec.structs.replace(hit, evidence=(picture,))
        with parts.metrics.stage_seconds.labels("send").time():
            send(hit, seen_at, parts)
    parts.metrics.frames_looked_at.inc()
    wanted = frozenset().union(*(zone.detector.labels for zone in watch.zones))
    return len(of_labels(sure, watch.labels, wanted)) > 0


def send(hit: Hit, seen_at: datetime, parts: Parts) -> None:
    """One hit to the log. `seen_at`: when its frame came in."""
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
        headline=f"{'【合成画面】' if camera.synthetic else ''}{kind.label_zh} "
        f"{_measured(look.measure, kind)}",
        place=place.name,
        address=f"{address.community.name}{leaf.name}",
        at_local=local_time(frame.at, ZoneInfo(site.policy.deadlines.timezone)),
        camera=camera.name,
        score=min(look.score, SUREST),
    )
    now = Labelled(frame.image_bgr, faint, watch.labels)
    drawn = draw(now, zone, look, caption, _before(sighting.watch.detector, watch, parts.model))
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


def _before(detector: FrameDetector, watch: CameraWatch, model: ObjectModel) -> Labelled | None:
    """What the look was compared with, ready to be redacted as the frame is.

    People and vehicles of that time stand elsewhere than now, so it needs an inference of its own:
    one a picture, 10 s apart at the nearest, is cheaper than to know when an older one still holds.
    The same with its masks: the site may have got new ones since the detector took it in.
    """
    if not isinstance(detector, Comparing) or detector.reference_bgr is None:
        return None
    reference = masked_image(detector.reference_bgr, watch.camera.privacy_masks)
    return Labelled(reference, model.detect(reference), watch.labels)


def _measured(measure: float, kind: EventType) -> str:
    """How much is there, as people say it: 5人, 概率 0.83."""
    if kind.rule.over is Over.PROBABILITY:
        return f"概率 {min(measure, SUREST):.2f}"
    return f"{measure:g}{kind.measure_zh}"


def refuse(camera_id: str, frame: Unreadable, parts: Parts) -> None:
    """A frame that is no picture: counted, told, and its hash kept, never its pixels."""
    letter = DeadLetter(
        reason=frame.reason,
        stage="ingest",
        message=f"camera {camera_id}: {frame.what}",
        mend=frame.mend,
    )
    headers = dead_letter_headers(letter, parts.now(), origin=frame.origin, not_kept=frame.value)
    parts.sink.send(DEAD_LETTERS, camera_id.encode(), b"", headers)
    parts.metrics.frames_dropped.labels(frame.reason).inc()
    parts.metrics.dead_letters.labels(frame.reason, letter.stage).inc()
