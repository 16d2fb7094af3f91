"""Pictures and reasons of every stretch that went wrong: missed, told wrongly, told again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np

from detectors.hits import Detections, Frame, Hit, Look, Zone
from detectors.runtime import ObjectModel
from pipeline.explain.story import Entry
from pipeline.explain.why import because
from pipeline.picture import Caption, draw, local_time
from pipeline.proof.measure import Result, ZoneResult, seconds
from pipeline.redaction import masked
from pipeline.site.problems import Both
from pipeline.sources.video import frames

SHOTS = 6  # pictures of one stretch
_PALE = (235, 206, 135)  # sky blue, as BGR


@dataclass(frozen=True, slots=True)
class Reason:
    """What the fold decided on some looks in a row, the words being those of the last."""

    from_s: float
    to_s: float
    looks: int
    words: Both


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch that went wrong. `shots`: looks worth showing, by seconds of the clip."""

    outcome: str
    from_s: float
    to_s: float
    shots: tuple[tuple[float, Hit], ...]
    reasons: tuple[Reason, ...]


def strips(result: Result, zone: ZoneResult) -> Iterator[Strip]:
    """In order of time. What was told wrongly is shown from when it began to last."""
    camera = result.scenario.site.cameras[0].id
    hold_s = result.scenario.site.policy.watches[camera, zone.zone].rule.hold_s
    spans = [("missed", truth.from_s, truth.to_s) for truth in zone.missed]
    for one in zone.matches:
        if one.outcome != "found":
            end_s = one.episode.until(result.length_s)
            spans.append((one.outcome, max(0.0, one.episode.from_s - hold_s), end_s))
    for outcome, from_s, to_s in sorted(spans, key=lambda span: span[1]):
        before = [look for look in zone.hits if look[0] < from_s][-1:]
        looks = [look for look in zone.hits if from_s <= look[0] <= to_s]
        shots = tuple(_spread(looks or before, from_s, to_s))
        yield Strip(outcome, from_s, to_s, shots, tuple(_reasons(looks or before)))


def _spread(
    looks: Sequence[tuple[float, Entry]], from_s: float, to_s: float
) -> Iterator[tuple[float, Hit]]:
    """The looks nearest to instants that lie evenly in a stretch."""
    instants = [from_s + (to_s - from_s) * n / (SHOTS - 1) for n in range(SHOTS)]
    nearest = [min(looks, key=lambda look: abs(look[0] - at_s)) for at_s in instants if looks]
    for at_s, entry in dict(nearest).items():
        if isinstance(entry.record, Hit):
            yield at_s, entry.record


def _reasons(looks: Sequence[tuple[float, Entry]]) -> Iterator[Reason]:
    for _, group in groupby(looks, key=lambda look: look[1].decision.reason):
        alike = list(group)
        yield Reason(alike[0][0], alike[-1][0], len(alike), because(alike[-1][1]))


def draw_shots(result: Result, wanted: Sequence[tuple[Hit, Path]], model: ObjectModel) -> None:
    """Write the picture of each of these looks, drawn and redacted as evidence is."""
    (camera,) = result.scenario.site.cameras
    zones = {zone.id: zone for zone in camera.zones}
    by_time: dict[float, list[tuple[Hit, Path]]] = {}
    for hit, path in wanted:
        by_time.setdefault(seconds(hit, camera), []).append((hit, path))
    for frame in frames(camera, lambda: None) if wanted else ():
        shots = by_time.get(seconds(frame, camera), []) if isinstance(frame, Frame) else []
        if isinstance(frame, Frame) and shots:
            shown = masked(frame, camera.privacy_masks)
            faint = model.detect(shown.image_bgr)
            shown = _with_boxes(shown, model.sure(faint))
            for hit, path in shots:
                caption = _caption(result, hit, zones[hit.zone_id])
                look = Look(hit.measure, hit.score, hit.quality, hit.objects)
                labels = model.manifest.labels
                picture = draw(shown, zones[hit.zone_id], look, faint, labels, caption)
                path.write_bytes(picture.jpeg)


def _with_boxes(frame: Frame, seen: Detections) -> Frame:
    """The frame with a thin line around all that the model is sure of, whatever was counted."""
    image = frame.image_bgr.copy()
    for x1, y1, x2, y2 in np.rint(seen.xyxy).astype(int).tolist():
        cv2.rectangle(image, (x1, y1), (x2, y2), _PALE, 1)
    return replace(frame, image_bgr=image)


def _caption(result: Result, hit: Hit, zone: Zone) -> Caption:
    site, (camera,) = result.scenario.site, result.scenario.site.cameras
    kind, rule = site.policy.events[zone.event_type], site.policy.watches[camera.id, zone.id].rule
    return Caption(
        headline=f"{seconds(hit, camera):.1f} s · {kind.label_zh} {hit.measure:g}{kind.measure_zh}",
        place=zone.id,
        address=f"{rule.raise_at:g}{kind.measure_zh} / {rule.hold_s:g} s",
        at_local=local_time(hit.occurred_at, ZoneInfo(site.policy.deadlines.timezone)),
        camera=camera.name,
        score=hit.score,
    )
