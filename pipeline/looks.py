"""Look at cameras: one frame and its detections in, the hits worth sending out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import cv2
import msgspec

from detectors.hits import (
    Comparing,
    Detections,
    Frame,
    FrameDetector,
    Hit,
    Look,
    SeenObject,
    Source,
    Zone,
    hit_id_of,
)
from detectors.view import Sight, View
from pipeline.incidents.policy import Over, Policy, Rule
from pipeline.redaction import Image, masked_image
from pipeline.site.detectors import detector_class
from pipeline.site.model import VIEW, Camera

LONGEST_SILENCE_S = 10.0  # DESIGN.md: a hit when it changes and at least every 10 s
UNSEEN = Look(measure=0.0, score=0.0, quality=0.0)
DENSE_S = 0.3  # looks so close must agree that something has changed
PICTURE_EVERY_S = 10.0  # how often an unchanged scene is pictured again


@dataclass(slots=True)
class ZoneWatch:
    """A zone, its detector, and what was last sent of it."""

    zone: Zone
    rule: Rule
    unit: str
    detector: FrameDetector
    sent_at: datetime | None = None
    sent: Look | None = None
    pictured_at: datetime | None = None
    pictured: tuple[float, float] = (0.0, 0.0)
    before: tuple[Look, datetime] | None = None  # the last look, sent or not

    def is_due(self, look: Look, at: datetime) -> bool:
        """Whether this look is worth a hit: changed, or the last one is getting old."""
        if self.sent is None or self.sent_at is None:
            return True
        if int(at.timestamp()) <= int(self.sent_at.timestamp()):
            return False
        if self._differs(look, self.sent):
            return not self._may_be_a_slip(at)
        return (at - self.sent_at).total_seconds() >= self._silence_s(look)

    def _differs(self, look: Look, sent: Look) -> bool:
        return look.measure != sent.measure or (look.quality > 0) != (sent.quality > 0)

    def _may_be_a_slip(self, at: datetime) -> bool:
        """Whether the look just before still saw what was sent: a hit stands for its second, and of
        many looks in one the first that errs must not.
        """
        if self.before is None or self.sent is None:
            return False
        look, looked_at = self.before
        return (at - looked_at).total_seconds() < DENSE_S and not self._differs(look, self.sent)

    def _silence_s(self, look: Look) -> float:
        """While something is there often enough to tell when it has lasted."""
        if look.measure <= 0:
            return LONGEST_SILENCE_S
        return min(max(self.rule.hold_s / 3, 1.0), LONGEST_SILENCE_S)

    def wants_picture(self, look: Look, at: datetime) -> bool:
        """Whether this hit is worth a picture: it shows what may become an alert anew, or best."""
        enough = 1.0 if self.rule.over is Over.OBJECTS else self.rule.raise_at
        if look.measure < enough:
            self.pictured_at = None
            return False
        rank = (look.measure, look.score)
        old = self.pictured_at is None or (at - self.pictured_at).total_seconds() >= PICTURE_EVERY_S
        if old or rank[0] > self.pictured[0]:
            self.pictured_at, self.pictured = at, rank
            return True
        return False

    def has_sent(self, look: Look, at: datetime) -> None:
        """A hit of this look is on its way."""
        self.sent, self.sent_at = look, at


@dataclass(slots=True)
class Sighting:
    """A hit worth sending, and what is needed to picture it."""

    hit: Hit
    watch: ZoneWatch
    look: Look
    wants_picture: bool


@dataclass(slots=True)
class CameraWatch:
    """All zones of one camera. Called from one thread with event times that do not go back."""

    camera: Camera
    model: str
    labels: Sequence[str]
    zones: list[ZoneWatch] = field(default_factory=list)
    view: View = field(default_factory=View)
    sight: Sight = Sight.CLEAR  # what keeps it from being seen now

    def look(self, frame: Frame, detections: Detections) -> list[Sighting]:
        """The hits of one frame."""
        visible = self.view.look(frame.at, frame.image_bgr)
        if visible.quality == 0:
            return self.blind(frame.at, visible.sight)
        self.sight, sightings = Sight.CLEAR, []
        for watch in self.zones:
            look = watch.detector.look(frame, detections, self.labels)
            if watch.zone.detector != VIEW:
                look = replace(look, quality=look.quality * visible.quality)
            sightings += self._due(watch, look, frame.at)
        return sightings

    def blind(self, at: datetime, sight: Sight) -> list[Sighting]:
        """The hits of a time at which there is no picture, or one that proves nothing: each place
        is unknown, and that the camera sees nothing is sure.
        """
        self.sight = sight
        lost = Look(measure=1.0, score=1.0, objects=(SeenObject(sight, 1.0, (0.0, 0.0, 1.0, 1.0)),))
        return [
            sighting
            for watch in self.zones
            for sighting in self._due(watch, lost if watch.zone.detector == VIEW else UNSEEN, at)
        ]

    def odd_reference(self, size_wh: tuple[int, int]) -> str | None:
        """Name and size, in words, of the first picture to compare with that is not of `size_wh`
        (px, its frames'); None where all are, or where nothing compares.
        """
        compares = any(isinstance(watch.detector, Comparing) for watch in self.zones)
        for path in self.camera.references if compares else ():
            picture = cv2.imread(str(path))
            if picture is not None and picture.shape[1::-1] != size_wh:
                return f"{path.name} is {picture.shape[1]} x {picture.shape[0]} px"
        return None

    def _due(self, watch: ZoneWatch, look: Look, at: datetime) -> list[Sighting]:
        is_due = watch.is_due(look, at)
        watch.before = look, at
        if not is_due:
            return []
        watch.has_sent(look, at)
        # Where a lost view looks nobody knows: its masks may hide something else.
        shows_hidden = self.sight is not Sight.CLEAR and bool(self.camera.privacy_masks)
        picture = watch.wants_picture(look, at) and not shows_hidden
        return [Sighting(self._hit(watch, look, at), watch, look, picture)]

    def _hit(self, watch: ZoneWatch, look: Look, at: datetime) -> Hit:
        zone = watch.zone
        return Hit(
            hit_id=hit_id_of(self.camera.id, zone.id, zone.event_type, at, zone.detector),
            event_type=zone.event_type,
            detector=zone.detector,
            source=Source(
                "camera",
                self.camera.id,
                self.camera.gb_device_id,
                sight=look.objects[0].label if zone.detector == VIEW and look.objects else None,
            ),
            zone_id=zone.id,
            place_id=zone.place_id,
            leaf_code=zone.leaf_code,
            map_version=zone.map_version,
            occurred_at=at,
            measure=look.measure,
            unit=watch.unit,
            score=look.score,
            quality=round(look.quality, 3),
            model=watch.detector.model if isinstance(watch.detector, Comparing) else self.model,
            objects=look.objects,
            synthetic=self.camera.synthetic,
        )


def watch_camera(
    camera: Camera,
    policy: Policy,
    model: str,
    labels: Sequence[str],
    before: CameraWatch | None = None,
) -> CameraWatch:
    """A camera ready to be looked at. `before`: how it was looked at until the site changed; zones
    that did not change go on with what they know. Raises LookupError for a detector that is not
    installed.
    """
    zones = []
    same_pictures = before is not None and _pictures_of(before.camera) == _pictures_of(camera)
    for zone in camera.zones:
        rule = policy.watches[camera.id, zone.id].rule
        unit = policy.events[zone.event_type].unit
        anew = ZoneWatch(zone, rule, unit, detector_class(zone.detector)(zone))
        known = [watch for watch in before.zones if _same(watch, anew)] if before else []
        if known and (same_pictures or not isinstance(anew.detector, Comparing)):
            anew = replace(known[0], zone=zone)
        zones.append(anew)
    _compare([watch.detector for watch in zones], camera, before)
    same_view = before is not None and _view_of(before.camera) == _view_of(camera)
    view = before.view if before and same_view else _view(camera)
    return CameraWatch(camera, model, labels, zones, view, before.sight if before else Sight.CLEAR)


def _compare(
    detectors: Sequence[FrameDetector], camera: Camera, before: CameraWatch | None
) -> None:
    """Hand the camera's pictures that can be read to the new detectors that compare with some."""
    known = {id(watch.detector) for watch in before.zones} if before else set()
    anew = [one for one in detectors if isinstance(one, Comparing) and id(one) not in known]
    paths = camera.references if anew else ()
    pictures = [_reference(path, camera) for path in paths]
    readable = [picture for picture in pictures if picture is not None]
    for detector in anew if readable else ():
        detector.compare_with(readable)


def _pictures_of(camera: Camera) -> tuple[object, ...]:
    """What Comparing detectors were told."""
    return camera.references, camera.privacy_masks


def _view_of(camera: Camera) -> tuple[object, ...]:
    """What the view was told by: zones drawn anew are drawn on the view as it is now."""
    drawn = tuple((zone.polygon, zone.exclude) for zone in camera.zones)
    return camera.reference, camera.privacy_masks, drawn


def _view(camera: Camera) -> View:
    """The view anew, against the site's picture of it where that can be read."""
    given = _reference(camera.reference, camera) if camera.reference else None
    return View(given, camera.privacy_masks)


def _reference(path: Path, camera: Camera) -> Image | None:
    """A picture as frames are seen, masks painted; None where it cannot be read."""
    picture = cv2.imread(str(path))
    return None if picture is None else masked_image(picture, camera.privacy_masks)


def _same(one: ZoneWatch, other: ZoneWatch) -> bool:
    """Whether both look for the same, on whatever version of the map."""
    zone = msgspec.structs.replace(one.zone, map_version=other.zone.map_version)
    return (zone, one.rule, one.unit) == (other.zone, other.rule, other.unit)
