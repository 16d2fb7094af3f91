"""Measures scenarios by the very code of ingest and worker, in one process."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry

from detectors.hits import Frame, Hit
from detectors.runtime import ObjectModel
from pipeline.explain.story import Entry, entries
from pipeline.incidents.policy import Rule
from pipeline.ingest import ingest, parts_of
from pipeline.proof.figures import Figures, figures
from pipeline.proof.matching import Matched, Truth, episodes_of, match
from pipeline.proof.scenario import Scenario
from pipeline.replay import PARTITION, Fold, Record
from pipeline.site.model import VIEW, Camera
from pipeline.sources.video import Unreadable, frames
from pipeline.topics import HITS
from sinks.contract import Headers


class Looked(NamedTuple):
    """One look, seconds since the clip's start, and what the fold made of it."""

    at_s: float
    hit: Hit
    entry: Entry


@dataclass(frozen=True, slots=True)
class ZoneResult:
    """What came of one zone. `looks`: as the log has them."""

    zone: str
    detector: str
    rule: Rule
    matches: tuple[Matched, ...]
    truths: tuple[Truth, ...]
    missed: tuple[Truth, ...]
    looks: tuple[Looked, ...]


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


class _Log:
    """An AlertSink that keeps what goes to the log, and tells how much that is."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.records: list[Record] = []
        self._tell = tell

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """As in `AlertSink`; nothing can fail."""
        if topic == HITS:
            self.records.append((PARTITION, len(self.records), key, value))
            self._tell(len(self.records))

    def close(self) -> None:
        """Nothing is under way."""


def seconds(seen: Hit | Frame, camera: Camera) -> float:
    """Since the clip's start."""
    at = seen.at if isinstance(seen, Frame) else seen.occurred_at
    return (at - camera.start).total_seconds() if camera.start else 0.0


def measure(scenario: Scenario, model: ObjectModel, tell: Callable[[int], None]) -> Result:
    """Look at the whole clip. Raises SourceFailed where it cannot be read after all.

    `tell`: called with the number of looks so far.
    """
    camera, log = scenario.camera, _Log(tell)
    parts = parts_of(scenario.site, log, model, CollectorRegistry())
    began = perf_counter()
    looked = ingest(scenario.site, parts, threading.Event())
    looking_s = perf_counter() - began
    length_s, unreadable = 0.0, 0
    for frame in frames(camera, lambda: None):
        if isinstance(frame, Unreadable):
            unreadable += 1
        else:
            length_s = seconds(frame, camera)
    told = [
        Looked(seconds(entry.record, camera), entry.record, entry)
        for entry in entries(log.records, Fold(scenario.site.policy), None)
        if isinstance(entry.record, Hit)
    ]
    return Result(
        scenario, _zones(scenario, told, length_s), length_s, looked, unreadable, looking_s
    )


def _zones(scenario: Scenario, told: list[Looked], length_s: float) -> tuple[ZoneResult, ...]:
    zones = [zone for zone in scenario.camera.zones if zone.detector != VIEW]
    kinds = {zone.event_type for zone in zones}  # a covered camera is no truth of a clip
    published = [
        (look.at_s, alert.data)
        for look in told
        for alert, _ in look.entry.step.alerts
        if alert.data.event.type in kinds
    ]
    episodes = episodes_of(published, {zone.place_id: zone.id for zone in zones})
    results = []
    for zone in zones:
        truths = tuple(truth for truth in scenario.truths if truth.zone == zone.id)
        own = [episode for episode in episodes if episode.zone == zone.id]
        matches = tuple(match(own, truths, length_s))
        looks = tuple(look for look in told if look.hit.zone_id == zone.id)
        rule = scenario.site.policy.watches[scenario.camera.id, zone.id].rule
        found = {one.truth for one in matches}
        lost = tuple(truth for truth in truths if truth not in found)
        results.append(ZoneResult(zone.id, zone.detector, rule, matches, truths, lost, looks))
    return tuple(results)


def figures_of(results: Sequence[Result]) -> Figures:
    """Of all zones of these together."""
    zones = [zone for result in results for zone in result.zones]
    return figures(
        [one for zone in zones for one in zone.matches],
        sum(len(zone.truths) for zone in zones),
        hours=sum(result.length_s for result in results) / 3600,
        frames=sum(result.frames for result in results),
        looking_s=sum(result.looking_s for result in results),
    )


def by_zone(results: Sequence[Result]) -> list[tuple[Result, ZoneResult, Figures]]:
    """The figures of each zone alone."""
    return [(r, z, figures_of([replace(r, zones=(z,))])) for r in results for z in r.zones]


def by_detector(results: Sequence[Result]) -> dict[str, Figures]:
    """Of each detector, over the scenarios in which it looked."""
    parts: dict[str, list[Result]] = {}
    for result in results:
        for name in {zone.detector for zone in result.zones}:
            zones = tuple(zone for zone in result.zones if zone.detector == name)
            parts.setdefault(name, []).append(replace(result, zones=zones))
    return {name: figures_of(parts[name]) for name in sorted(parts)}


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """What `gridalert evaluate --json` writes."""
    scenarios = [
        {
            "name": result.scenario.camera.name,
            "file": str(result.scenario.file),
            "length_s": round(result.length_s, 3),
            "unreadable_frames": result.unreadable,
            **msgspec.structs.asdict(figures_of([result])),
            "zones": [
                {
                    "id": zone.zone,
                    "detector": zone.detector,
                    **msgspec.structs.asdict(of),
                    "episodes": [_episode(one, result.length_s) for one in zone.matches],
                    "missed_truths": [_span(truth) for truth in zone.missed],
                }
                for _, zone, of in by_zone([result])
            ],
        }
        for result in results
    ]
    total, detectors = figures_of(results), by_detector(results)
    answer: dict[str, Any] = msgspec.to_builtins(
        {"total": total, "detectors": detectors, "scenarios": scenarios}
    )
    return answer


def _episode(one: Matched, length_s: float) -> dict[str, Any]:
    return {
        "alert_id": one.episode.alert_id,
        "from_s": one.episode.from_s,
        "to_s": round(one.episode.until(length_s), 3),
        "open_at_end": one.episode.to_s is None,
        "outcome": one.outcome,
        "truth": _span(one.truth) if one.truth else None,
    }


def _span(truth: Truth) -> dict[str, float]:
    return {"from_s": truth.from_s, "to_s": truth.to_s}
