"""One event at one place as looking and reports have it: what supports it, and how surely."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

import msgspec

from detectors.hits import Evidence, Hit, Source
from pipeline.alerts import Condition, Contribution, Location
from pipeline.incidents.cases import Case, rule_of_case
from pipeline.incidents.in_force import rule_at
from pipeline.incidents.masks import Paths, supporting
from pipeline.incidents.persistence import Lasting, Track, is_unknown
from pipeline.incidents.policy import Over, Policy, Rule
from pipeline.messages import Reported

ALERT_NAMESPACE = uuid.UUID("0b0f3c5a-53f4-5d0c-8b0e-7d9a0a4f6c21")
MAX_SOURCES = 16
MAX_PICTURES = 8
EXPIRE_S = 24 * 3600.0  # an open incident that nobody has seen for a day is not watched any more
APART = timedelta(seconds=1)  # an alert's id is made of its first second: no two may share it
LONGEST_CLEAR_S = 3600.0

T = TypeVar("T")
Where = tuple[int, int]  # partition and offset of a record


class Picture(msgspec.Struct, frozen=True):
    """What shows it best from one source; `rank`: how much it shows, and how surely."""

    evidence: Evidence
    rank: tuple[float, float]


class Spot(msgspec.Struct, frozen=True):
    """A place that is not on the map, and how its grid was found."""

    location: Location
    resolved_by: Literal["map", "nearest"]


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event type at one place. `tracks`: by source and zone. `case`: what the world was told of
    it, None = candidate. `reports`: channel by report id. `spot`: where, when only reports know.

    `hits`, `sources`, `places`, `models`, `synthetic`: of what supports it, since it first
    appeared. `pictures`: the best by track; `newest`: the last that came, whatever it shows.
    `paths`: of the cables that support it, by track. `sensed`: what reviews and sensors add.
    """

    event_type: str
    place_id: str
    tracks: dict[str, Track] = {}
    case: Case | None = None
    reports: dict[str, str] = {}
    spot: Spot | None = None
    hits: int = 0
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    first_hit_id: str = ""
    last_hit_id: str = ""
    first_record: Where = (0, 0)
    sources: tuple[Source, ...] = ()
    places: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    synthetic: bool = False
    pictures: dict[str, Picture] = {}
    newest: Evidence | None = None
    paths: Paths = {}
    sensed: tuple[Contribution, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Nothing is open and nothing may become so."""
        return self.case is None and not self.reports and not _all(self)

    @property
    def looked_at(self) -> datetime | None:
        """The newest look at it, by whichever clock is ahead."""
        return max((track.at for track in self.tracks.values()), default=None)

    @property
    def at(self) -> datetime | None:
        """The newest look at it, or report of it; a camera may lag behind another."""
        times = [self.last_seen_at, *(track.at for track in self.tracks.values())]
        return max(filter(None, times), default=None)


def track_key(source_id: str, zone_id: str) -> str:
    """Which track of an incident a source's zone is."""
    return f"{source_id}/{zone_id}"


def present(incident: Incident) -> list[Lasting]:
    """Of all sources, everything that has lasted."""
    return [x for track in incident.tracks.values() for x in track.present]


def _all(incident: Incident) -> list[Lasting]:
    return [x for track in incident.tracks.values() for x in track.lasting]


def measure_of(incident: Incident, over: Over) -> float:
    """How much is there: standing objects, or the largest number any source measures; 0 where only
    reports say that something is.
    """
    there = [track for track in incident.tracks.values() if track.present]
    if over is Over.OBJECTS:
        return float(max((len(track.present) for track in there), default=0))
    return max((track.measure for track in there), default=0.0)


def rule_of(incident: Incident, key: str, policy: Policy, at: datetime) -> Rule:
    """The rule of a track at this time: its zone's own, or the event type's when the zone is no
    longer there. Each reopening doubles the time after which it counts as gone: what flickers is
    told ever more seldom.
    """
    source_id, zone_id = key.split("/", 1)
    watch = policy.watches.get((source_id, zone_id))
    rule = watch.rule if watch else policy.events[incident.event_type].rule
    rule = rule_at(incident.event_type, rule, policy, at)
    reopened = incident.case.alert.reopened if incident.case else 0
    if not reopened:
        return rule
    slower_s = min(rule.clear_s * 2.0**reopened, max(rule.clear_s, LONGEST_CLEAR_S))
    return msgspec.structs.replace(rule, clear_s=slower_s)


def rule_in_general(incident: Incident, policy: Policy, at: datetime) -> Rule:
    """What holds for the incident as a whole."""
    if incident.case is not None:
        return rule_of_case(incident.case, policy, at)
    return rule_at(incident.event_type, policy.events[incident.event_type].rule, policy, at)


def condition_of(incident: Incident, policy: Policy, at: datetime) -> Condition:
    """present; cleared once that was told and until it is reopened; or unknown when no source that
    saw it can say, or none ever saw it.
    """
    if incident.case is not None and incident.case.cleared_at is not None:
        return "cleared"
    there = {key: track for key, track in incident.tracks.items() if track.present}
    blind = [is_unknown(t, rule_of(incident, key, policy, at), at) for key, t in there.items()]
    return "unknown" if all(blind) else "present"


def is_seen_now(incident: Incident, policy: Policy, at: datetime) -> bool:
    """Whether a source that can see said so by its last look."""
    return any(
        any(x.yes for x in track.present)
        and not is_unknown(track, rule_of(incident, key, policy, at), at)
        for key, track in incident.tracks.items()
    )


def is_lost(incident: Incident, at: datetime) -> bool:
    """Whether nobody who saw what is present has been able to see for a day."""
    seen = [t.seen_at or t.at for t in incident.tracks.values() if t.present]
    return bool(seen) and (at - max(seen)).total_seconds() > EXPIRE_S


def first_lasting(incident: Incident) -> Lasting | None:
    """What appeared first of what has lasted: the incident began with it."""
    return min(present(incident), key=lambda x: (x.since, x.first_hit_id), default=None)


def begun_at(incident: Incident, at: datetime) -> datetime:
    """When it began: with what appeared first of what has lasted, else with its first sign."""
    first = first_lasting(incident)
    return first.since if first else incident.first_seen_at or at


def alert_id_of(policy: Policy, incident: Incident, first_seen_at: datetime) -> str:
    """The same incident always has the same id: UUIDv5 of tenant, event, place and first hit."""
    ms = int(first_seen_at.timestamp() * 1000)
    return str(
        uuid.uuid5(
            ALERT_NAMESPACE, f"{policy.tenant}|{incident.event_type}@{incident.place_id}|{ms}"
        )
    )


def support(incident: Incident, hit: Hit, track: Track, where: Where) -> Incident:
    """The incident after one more hit; a candidate of which nothing is older begins anew."""
    key = track_key(hit.source.id, hit.zone_id)
    incident = msgspec.structs.replace(incident, tracks={**incident.tracks, key: track})
    fresh = incident.case is None and not incident.reports
    if fresh and all(x.first_hit_id == hit.hit_id for x in _all(incident)):
        incident = Incident(incident.event_type, incident.place_id, tracks=incident.tracks)
    if not any(x.yes for x in track.lasting):
        return incident
    if hit.evidence:
        incident = _pictured(incident, key, hit.evidence[0], (hit.measure, hit.score))
    return _supported(
        incident, hit.source, hit.place_id, where, (hit.hit_id, hit.occurred_at), hit.synthetic
    )(models=_with(incident.models, hit.model))


def supported_along(incident: Incident, key: str, hit: Hit, rule: Rule) -> Incident:
    """The incident with the lines of the cables that one more hit of a track rests on."""
    paths = supporting(incident.paths, key, hit, rule)
    return incident if paths is incident.paths else msgspec.structs.replace(incident, paths=paths)


def support_by_report(incident: Incident, told: Reported, where: Where) -> Incident:
    """The incident after somebody reported it."""
    report = told.report
    if report.photo is not None:
        photo = Evidence(
            kind="photo",
            uri=report.photo.uri,
            media_type=report.photo.media_type,
            sha256=report.photo.sha256,
            captured_at=report.at,
            redaction=(),
            expires_at=report.photo.expires_at,
        )
        incident = _pictured(incident, f"report/{report.report_id}", photo, (0.0, 0.0))
    source = Source("report", report.report_id, channel=report.channel)
    place_id = told.place_id or incident.place_id
    return _supported(incident, source, place_id, where, (report.report_id, report.at), False)(
        reports={**incident.reports, report.report_id: report.channel},
        spot=incident.spot or (None if told.place_id else Spot(told.location, told.resolved_by)),
    )


def _pictured(incident: Incident, key: str, shown: Evidence, rank: tuple[float, float]) -> Incident:
    pictures = incident.pictures
    known = pictures.get(key)
    if known is None or rank > known.rank:
        best = sorted(
            {**pictures, key: Picture(shown, rank)}.items(), key=lambda kv: (kv[1].rank, kv[0])
        )
        pictures = dict(best[-MAX_PICTURES:])
    return msgspec.structs.replace(incident, pictures=pictures, newest=shown)


def _supported(
    incident: Incident,
    source: Source,
    place_id: str,
    where: Where,
    seen: tuple[str, datetime],
    synthetic: bool,
) -> Callable[..., Incident]:
    first = incident.hits == 0
    hit_id, at = seen
    return partial(
        msgspec.structs.replace,
        incident,
        hits=incident.hits + 1,
        first_seen_at=at if first else incident.first_seen_at,
        last_seen_at=max(incident.last_seen_at or at, at),
        first_hit_id=hit_id if first else incident.first_hit_id,
        last_hit_id=hit_id,
        first_record=where if first else incident.first_record,
        sources=_with_newest(incident.sources, source),
        places=_with(incident.places, place_id),
        synthetic=incident.synthetic or synthetic,
    )


def begin_anew(incident: Incident) -> Incident:
    """A fresh candidate that remembers when its sources last looked, and what came later than the
    incident that has ended and has not lasted yet: the next vehicle's time goes on.
    """
    case = incident.case

    def goes_on(x: Lasting) -> bool:
        return case is not None and not x.present and x.since - case.alert.first_seen_at >= APART

    tracks = {
        key: msgspec.structs.replace(track, lasting=tuple(filter(goes_on, track.lasting)))
        for key, track in incident.tracks.items()
    }
    return Incident(incident.event_type, incident.place_id, tracks=tracks)


def _with_newest(seen: tuple[Source, ...], source: Source) -> tuple[Source, ...]:
    """Each source once, as it last was: what keeps a camera from seeing may change."""
    known = tuple(source if (s.kind, s.id) == (source.kind, source.id) else s for s in seen)
    return _with(known, source)


def _with(seen: tuple[T, ...], one: T) -> tuple[T, ...]:
    return seen if one in seen or len(seen) >= MAX_SOURCES else (*seen, one)
