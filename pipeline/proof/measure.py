"""Measures scenarios by the very code of ingest and worker, in one process."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from detectors.hits import Frame, Hit
from detectors.runtime import ObjectModel
from pipeline.explain.story import Entry, entries
from pipeline.ingest import ingest, parts_of
from pipeline.messages import decode_log_record
from pipeline.proof.figures import Count, Figures, figures
from pipeline.proof.matching import Matched, Truth, episodes_of, match, missed
from pipeline.proof.scenario import Scenario
from pipeline.replay import Fold, FoldSink, LogLine
from pipeline.site.model import VIEW, Camera
from pipeline.sources.video import Unreadable, frames
from sinks.contract import Headers

Tell = Callable[[float], None]  # how many seconds of the clip have been looked at


@dataclass(frozen=True, slots=True)
class ZoneResult:
    """What came of one zone. `hits`: with seconds since the clip's start, as the log has them."""

    zone: str
    detector: str
    matches: tuple[Matched, ...]
    truths: tuple[Truth, ...]
    missed: tuple[Truth, ...]
    hits: tuple[tuple[float, Entry], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scenario. `length_s`: first to last frame; `unreadable`: frames that were no
    pictures; `looking_s`: how long it took.
    """

    scenario: Scenario
    zones: tuple[ZoneResult, ...]
    length_s: float
    frames: int
    unreadable: int
    looking_s: float


class _Sink(FoldSink):
    """Tells how far the clip has been looked at."""

    def __init__(self, fold: Fold, camera: Camera, tell: Tell) -> None:
        super().__init__(fold)
        self._camera, self._tell = camera, tell

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """As in `AlertSink`."""
        before = len(self.log)
        super().send(topic, key, value, headers)
        record = decode_log_record(value) if len(self.log) > before else None
        if isinstance(record, Hit):
            self._tell(seconds(record, self._camera))


def seconds(seen: Hit | Frame, camera: Camera) -> float:
    """Since the clip's start."""
    at = seen.at if isinstance(seen, Frame) else seen.occurred_at
    return (at - camera.start).total_seconds() if camera.start else 0.0


def measure(scenario: Scenario, model: ObjectModel, tell: Tell) -> Result:
    """Look at the whole clip. Raises SourceFailed where it cannot be read after all."""
    (camera,) = scenario.site.cameras
    sink = _Sink(Fold(scenario.site.policy), camera, tell)
    parts = parts_of(scenario.site, sink, model, CollectorRegistry())
    began = perf_counter()
    looked = ingest(scenario.site, parts, threading.Event())
    looking_s = perf_counter() - began
    length_s, unreadable = _length(camera)
    lines = (msgspec.json.decode(line, type=LogLine).record() for line in sink.log)
    told = tuple(_timed(entries(lines, Fold(scenario.site.policy), None), camera))
    zones = tuple(_zones(scenario, told, length_s))
    return Result(scenario, zones, length_s, looked, unreadable, looking_s)


def _length(camera: Camera) -> tuple[float, int]:
    """Seconds from the first to the last frame, and how many were no pictures."""
    last_s, unreadable = 0.0, 0
    for frame in frames(camera, lambda: None):
        if isinstance(frame, Unreadable):
            unreadable += 1
        else:
            last_s = seconds(frame, camera)
    return last_s, unreadable


def _timed(told: Iterable[Entry], camera: Camera) -> Iterator[tuple[float, Entry]]:
    for entry in told:
        if isinstance(entry.record, Hit):
            yield seconds(entry.record, camera), entry


def _zones(
    scenario: Scenario, told: tuple[tuple[float, Entry], ...], length_s: float
) -> Iterator[ZoneResult]:
    (camera,) = scenario.site.cameras
    zones = [zone for zone in camera.zones if zone.detector != VIEW]  # it is no truth of a clip
    kinds = {zone.event_type for zone in zones}
    published = [
        (at_s, alert.data)
        for at_s, entry in told
        for alert, _ in entry.step.alerts
        if alert.data.event.type in kinds
    ]
    episodes = episodes_of(published, {zone.place_id: zone.id for zone in zones})
    for zone in zones:
        truths = tuple(truth for truth in scenario.truths if truth.zone == zone.id)
        own = [episode for episode in episodes if episode.zone == zone.id]
        matches = tuple(match(own, truths, length_s))
        hits = tuple((at_s, entry) for at_s, entry in told if _zone_of(entry) == zone.id)
        lost = tuple(missed(matches, truths))
        yield ZoneResult(zone.id, zone.detector, matches, truths, lost, hits)


def _zone_of(entry: Entry) -> str:
    return entry.record.zone_id if isinstance(entry.record, Hit) else ""


def count_of(result: Result, zones: Sequence[ZoneResult]) -> Count:
    """What was counted in some zones of a scenario."""
    every = [(zone, one) for zone in zones for one in zone.matches]
    return Count(
        true_incidents=sum(len(zone.truths) for zone in zones),
        false_alerts=sum(one.outcome == "false" for _, one in every),
        duplicates=sum(one.outcome == "duplicate" for _, one in every),
        delays_s=tuple(
            one.episode.from_s - one.truth.from_s
            for _, one in every
            if one.truth is not None and one.outcome == "found"
        ),
        hours=result.length_s / 3600,
        frames=result.frames,
        looking_s=result.looking_s,
    )


def figures_of(results: Iterable[Result]) -> tuple[Figures, dict[str, Figures]]:
    """Of all together, and of each detector by name, over the scenarios in which it looked."""
    by_detector: dict[str, list[Count]] = {}
    total: list[Count] = []
    for result in results:
        total.append(count_of(result, result.zones))
        for detector in sorted({zone.detector for zone in result.zones}):
            zones = [zone for zone in result.zones if zone.detector == detector]
            by_detector.setdefault(detector, []).append(count_of(result, zones))
    return figures(total), {name: figures(counts) for name, counts in sorted(by_detector.items())}


def as_json(results: list[Result]) -> dict[str, Any]:
    """What `gridalert evaluate --json` writes."""
    total, detectors = figures_of(results)
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "total": total,
            "detectors": detectors,
            "scenarios": [_scenario_json(result) for result in results],
        }
    )
    return answer


def _scenario_json(result: Result) -> dict[str, Any]:
    of_all = figures([count_of(result, result.zones)])
    return {
        "name": result.scenario.name,
        "file": str(result.scenario.file),
        "length_s": round(result.length_s, 3),
        "unreadable_frames": result.unreadable,
        **msgspec.structs.asdict(of_all),
        "zones": [
            {
                "id": zone.zone,
                "detector": zone.detector,
                **msgspec.structs.asdict(figures([count_of(result, [zone])])),
                "episodes": [_episode_json(one, result.length_s) for one in zone.matches],
                "missed_truths": [_span(truth) for truth in zone.missed],
            }
            for zone in result.zones
        ],
    }


def _episode_json(one: Matched, length_s: float) -> dict[str, Any]:
    episode = one.episode
    return {
        "alert_id": episode.alert_id,
        "from_s": episode.from_s,
        "to_s": round(episode.until(length_s), 3),
        "open_at_end": episode.to_s is None,
        "outcome": one.outcome,
        "truth": _span(one.truth) if one.truth else None,
    }


def _span(truth: Truth) -> dict[str, float]:
    return {"from_s": truth.from_s, "to_s": truth.to_s}
