"""Pictures and reasons of every stretch that went wrong: missed, told wrongly, told again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np

from detectors.hits import Detections, Frame, Look
from detectors.runtime import ObjectModel
from pipeline.explain.why import because
from pipeline.picture import Caption, Labelled, draw, local_time
from pipeline.proof.measure import Looked, Result, ZoneResult, seconds
from pipeline.redaction import masked
from pipeline.sources.video import frames

SHOTS = 6  # pictures of one stretch
_PALE = (235, 206, 135)  # sky blue, as BGR
_GREY = (190, 190, 190)


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch that went wrong. `looks`: all in it, or the last one before; `shots`: of these,
    those worth showing.
    """

    outcome: str
    from_s: float
    to_s: float
    looks: tuple[Looked, ...]
    shots: tuple[Looked, ...]

    def reasons(self) -> Iterator[tuple[str, str, str]]:
        """What the fold decided on looks in a row: when, and why the last was so, en and zh."""
        for _, group in groupby(self.looks, key=lambda look: look.entry.decision.reason):
            looks = list(group)
            when = f"{looks[0].at_s:.1f} to {looks[-1].at_s:.1f} s, hits: {len(looks)}"
            yield when, *because(looks[-1].entry)


def strips(zone: ZoneResult, length_s: float) -> Iterator[Strip]:
    """In order of time. What was told wrongly is shown from when it began to last."""
    spans = [("missed", truth.from_s, truth.to_s) for truth in zone.missed]
    for one in zone.matches:
        if one.outcome != "found":
            from_s = max(0.0, one.episode.from_s - zone.rule.hold_s)
            spans.append((one.outcome, from_s, one.episode.until(length_s)))
    for outcome, from_s, to_s in sorted(spans, key=lambda span: span[1]):
        before = tuple(look for look in zone.looks if look.at_s < from_s)[-1:]
        looks = tuple(look for look in zone.looks if from_s <= look.at_s <= to_s) or before
        # The looks nearest to instants that lie evenly in the stretch.
        instants = np.linspace(from_s, to_s, SHOTS) if looks else ()
        shots = {look.at_s: look for look in (_nearest(looks, at_s) for at_s in instants)}
        yield Strip(outcome, from_s, to_s, looks, tuple(shots.values()))


def _nearest(looks: Sequence[Looked], at_s: float) -> Looked:
    return min(looks, key=lambda look: abs(look.at_s - at_s))


def draw_shots(result: Result, wanted: Sequence[tuple[Looked, Path]], model: ObjectModel) -> None:
    """Write the picture of each of these looks, drawn and redacted as evidence is."""
    camera = result.scenario.camera
    zones = {zone.id: zone for zone in camera.zones}
    for frame in frames(camera, lambda: None) if wanted else ():
        at_s = seconds(frame, camera) if isinstance(frame, Frame) else -1.0
        shots = [(look.hit, path) for look, path in wanted if look.at_s == at_s]
        if isinstance(frame, Frame) and shots:
            shown = masked(frame, camera.privacy_masks)
            faint = model.detect(shown.image_bgr)
            shown = _with_boxes(shown, faint, len(model.sure(faint)))
            for hit, path in shots:
                look = Look(hit.measure, hit.score, hit.quality, hit.objects)
                caption, zone = _caption(result, hit.zone_id, look, frame), zones[hit.zone_id]
                now = Labelled(shown.image_bgr, faint, model.manifest.labels)
                drawn = draw(now, zone, look, caption)
                path.write_bytes(drawn.jpeg)


def _with_boxes(frame: Frame, seen: Detections, sure: int) -> Frame:
    """The frame with a thin line around all that the model sees, whatever was counted: the first
    `sure` of them, and in grey, with their scores, those too faint to count.
    """
    image = frame.image_bgr.copy()
    boxes = np.rint(seen.xyxy).astype(int).tolist()
    for index, ((x1, y1, x2, y2), score) in enumerate(zip(boxes, seen.confidence, strict=True)):
        cv2.rectangle(image, (x1, y1), (x2, y2), _PALE if index < sure else _GREY, 1)
        if index >= sure:
            where = (x1 + 2, y2 - 3)
            cv2.putText(image, f"{score:.2f}", where, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _GREY, 1)
    return replace(frame, image_bgr=image)


def _caption(result: Result, zone_id: str, look: Look, frame: Frame) -> Caption:
    policy, camera = result.scenario.site.policy, result.scenario.camera
    watch = policy.watches[camera.id, zone_id]
    kind, rule = policy.events[watch.event_type], watch.rule
    at_s, unit = seconds(frame, camera), kind.measure_zh
    return Caption(
        headline=f"{at_s:.1f} s · {kind.label_zh} {look.measure:g}{unit}",
        place=zone_id,
        address=f"{rule.raise_at:g}{unit} / {rule.hold_s:g} s",
        at_local=local_time(frame.at, ZoneInfo(policy.deadlines.timezone)),
        camera=camera.name,
        score=look.score,
    )
